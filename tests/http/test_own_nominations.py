"""Nominations over all of one's agreements: periods, changes, files, and nobody else's."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pytest

from market.http.agreements import own_lists
from tests.http.shop import Shop
from tests.http.test_client import client_of
from tests.http.test_own_lists import items
from tests.http.test_volumes import ANNUAL, pass_time, path_of
from tests.market_drafts import Firm

QUARTER = {"start": "2026-07-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"}


async def said(shop: Shop, path: str, at: datetime, **changes: Any) -> str:
    """The id of a nomination by the buyer."""
    shop.scene.clock.now = at
    answer = await shop.ask("POST", f"{path}/nominations", by=shop.scene.buyers[0], body=ANNUAL | changes)
    assert 201 == answer.status_code, answer.text
    found: str = answer.json()["id"]
    return found


async def spoken(shop: Shop) -> tuple[list[str], list[str], Firm, Firm]:
    """Two agreements and their nominations as they stand: of the first a year and its first quarter, of the
    second a year that was said twice; and a year that the clock nominates for the silent buyer of a third."""
    paths = [await path_of(shop) for _ in range(3)]
    begun = shop.scene.clock.now
    annual = await said(shop, paths[0], begun)
    replaced = await said(shop, paths[1], begun, quantity_kg="600000")
    quarterly = await said(shop, paths[0], begun, level="quarterly", period=QUARTER, quantity_kg="157500")
    newest = await said(shop, paths[1], datetime(2026, 3, 20, tzinfo=UTC), quantity_kg="560000")
    assert replaced != newest
    await pass_time(shop, datetime(2026, 4, 3, tzinfo=UTC))
    return [annual, quarterly, newest], paths, shop.scene.sellers[0], shop.scene.buyers[0]


async def test_a_planner_reads_what_was_nominated_under_all_agreements(shop: Shop) -> None:
    (annual, quarterly, newest), paths, seller, buyer = await spoken(shop)
    shown = [await items(shop, f"/v1/nominations?limit={limit}", seller) for limit in (50, 1)]
    assert shown[0] == shown[1]
    own = await items(shop, "/v1/nominations", buyer)
    assert [each["id"] for each in shown[0]] == [each["id"] for each in own]
    assert {("seller", own[0]["market"])} == {(each["side"], each["market"]) for each in shown[0]}
    assert {"buyer"} == {each["side"] for each in own}
    by_id = {each["id"]: each for each in shown[0]}
    assert {annual, quarterly, newest} < set(by_id)
    assert ["630000.000", "157500.000", "560000.000"] == [
        by_id[each]["quantity_kg"] for each in (annual, quarterly, newest)
    ]
    for path in paths:
        listed = (await shop.ask("GET", f"{path}/nominations", by=seller)).json()["items"]
        of = [each for each in shown[0] if path.endswith(each["agreement"])]
        assert {each["id"] for each in listed} == {each["id"] for each in of}
        for each in listed:
            assert each.items() <= by_id[each["id"]].items()
    starts = [each["period"]["start"] for each in shown[0]]
    assert sorted(starts) == starts
    silent = [each["id"] for each in shown[0] if each["silent"]]
    assert 0 < len(silent) < len(shown[0])
    narrowed: dict[str, Any] = {
        "level=quarterly": lambda each: each["level"] == "quarterly",
        "silent=true": lambda each: each["silent"],
        "silent=false&level=annual": lambda each: each["id"] in {annual, newest},
        f"agreement={by_id[newest]['agreement']}": lambda each: (
            each["agreement"] == by_id[newest]["agreement"]
        ),
        "begins_from=2026-07-02": lambda each: each["period"]["start"] > "2026-07-02",
        "begins_before=2026-07-02": lambda each: each["period"]["start"] < "2026-07-02",
        "contract_year=2": lambda each: each["year"] == 2,
        "side=buyer": lambda _: False,
    }
    for query, fits in narrowed.items():
        expected = [each for each in shown[0] if fits(each)]
        assert expected == await items(shop, f"/v1/nominations?{query}", seller), query
    outsider = shop.scene.sellers[1]
    assert [] == await items(shop, "/v1/nominations", outsider)
    operator = await shop.ask("GET", "/v1/nominations", by=outsider, roles=("operator",))
    assert [] == operator.json()["items"]
    assert 401 == (await shop.ask("GET", "/v1/nominations")).status_code


async def test_what_was_said_since_comes_in_that_order(shop: Shop) -> None:
    (_, _, newest), _, seller, buyer = await spoken(shop)
    since = "/v1/nominations?updated_since=2026-03-20T00:00:00Z"
    changed = await items(shop, f"{since}&limit=1", seller)
    assert (newest, "2026-03-20T00:00:00Z") == (changed[0]["id"], changed[0]["updated_at"])
    assert len(changed) > 1
    assert {True} == {each["silent"] for each in changed[1:]}
    instants = [each["updated_at"] for each in changed]
    assert sorted(instants) == instants
    assert changed == await items(shop, since, seller)
    assert [each["id"] for each in changed[1:]] == [
        each["id"] for each in await items(shop, "/v1/nominations?updated_since=2026-03-20T00:00:01Z", buyer)
    ]


async def test_nominations_are_files_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, seller, _ = await spoken(shop)
    listed = await items(shop, "/v1/nominations", seller)
    answer = await shop.ask("GET", "/v1/nominations?format=csv", by=seller)
    assert 'attachment; filename="nominations.csv"' == answer.headers["content-disposition"]
    rows = list(csv.DictReader(StringIO(answer.text)))
    for row, each in zip(rows, listed, strict=True):
        flat = each | {"period_start": each["period"]["start"], "period_end": each["period"]["end"]}
        flat["silent"] = "true" if each["silent"] else "false"
        assert {name: str(flat[name]) for name in row} == row
    asked = await shop.ask("GET", "/v1/nominations?format=xlsx", by=seller)
    head, *lines = openpyxl.load_workbook(BytesIO(asked.content))["nominations"].iter_rows(values_only=True)
    assert list(rows[0]) == list(head)
    assert [float(each["quantity_kg"]) for each in listed] == [
        line[head.index("quantity_kg")] for line in lines
    ]
    monkeypatch.setattr(own_lists, "FILE_ROWS_MAX", 2)
    begun = await shop.ask("GET", "/v1/nominations?format=csv", by=seller)
    link = begun.headers["link"]
    rest = await shop.ask("GET", link[1 : link.index(">")], by=seller)
    found = [row["id"] for part in (begun, rest) for row in csv.DictReader(StringIO(part.text))]
    assert [each["id"] for each in listed][: len(found)] == found
    assert 2 < len(found)


async def test_what_names_no_time_is_refused(shop: Shop) -> None:
    for status, query, parameter in (
        (422, "begins_from=2027-05-10&begins_before=2027-05-10", "begins_before"),
        (422, "updated_since=0001-01-01T00:00:00Z", "updated_since"),
        (400, "level=weekly", "level"),
        (400, "status=open", "status"),
    ):
        answer = await shop.ask("GET", f"/v1/nominations?{query}", by=shop.scene.buyers[0])
        assert (status, parameter) == (answer.status_code, answer.json()["errors"][0]["parameter"]), query


async def test_the_client_lists_nominations_of_all_agreements(shop: Shop) -> None:
    (_, _, newest), _, _, firm = await spoken(shop)
    buyer = await client_of(shop, firm)
    since = datetime(2026, 3, 20, tzinfo=UTC)
    found = [
        each
        async for each in buyer.agreements.all_nominations(side="buyer", silent=False, updated_since=since)
    ]
    assert [(newest, Decimal(560_000), since)] == [
        (each.id, each.quantity_kg, each.updated_at) for each in found
    ]
    begun = [each async for each in buyer.agreements.all_nominations(begins_before=date(2026, 7, 2))]
    assert newest in {each.id for each in begun}
