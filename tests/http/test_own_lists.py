"""Deliveries and invoices over all of one's agreements: days, states, sums, files, and nobody else's."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from threading import get_ident
from typing import Any

import httpx
import openpyxl
import pytest

from market.http.agreements import own_lists
from market.http.wire import row_tables
from tests.http.shop import Shop
from tests.http.test_client import client_of
from tests.http.test_deliveries import FIGURES, TERMS, effective, lot, month, on, post, publish
from tests.market_drafts import Firm


async def items(shop: Shop, path: str, by: Firm) -> list[dict[str, Any]]:
    """Of all pages, each as large as `path` asks."""
    found: list[dict[str, Any]] = []
    address: str | None = path
    while address is not None:
        answer = await shop.ask("GET", address, by=by)
        assert 200 == answer.status_code, answer.text
        found += answer.json()["items"]
        link = answer.headers.get("link")
        address = None if link is None else link[1 : link.index(">")]
    return found


async def traded(shop: Shop) -> tuple[list[str], Firm, Firm, Firm]:
    """Two agreements of one seller with one buyer; paths of three deliveries: settled, shipped, and of the
    second agreement, which the buyer has to pay on the day."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop)
    prompt = {**TERMS, "payment": {**TERMS["payment"], "due_days": 0}}
    other, *_ = await effective(shop, prompt)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    first = (await post(shop, f"{path}/deliveries", seller, lot())).headers["location"]
    weighing = {"weighed_on": "2027-03-10", "net_wet_t": "10"}
    assert 201 == (await post(shop, f"{first}/weighing", buyer, weighing)).status_code
    for firm in (seller, buyer):
        assay = {"laboratory": "L", "reference": "1", "results": FIGURES}
        assert 201 == (await post(shop, f"{first}/assays", firm, assay)).status_code
    taken = await post(shop, f"{first}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    assert 201 == taken.status_code, taken.text
    on(shop, date(2027, 5, 10))
    await publish(shop, month(3, "60.00"), month(4, "60.00"))
    settled = await post(shop, f"{first}/settlement", seller)
    assert 201 == settled.status_code, settled.text
    sent = [
        await post(shop, f"{of}/deliveries", seller, lot(lot_number=number, shipped_on="2027-05-10"))
        for of, number in ((path, "L2"), (other, "L3"))
    ]
    return [first, *(each.headers["location"] for each in sent)], seller, buyer, shop.scene.sellers[1]


async def test_a_treasurer_reads_what_is_due_of_all_agreements(shop: Shop) -> None:
    deliveries, seller, buyer, outsider = await traded(shop)
    due = [await items(shop, f"/v1/invoices?limit={limit}", buyer) for limit in (50, 1)]
    assert due[0] == due[1]
    assert [
        ("2027-04-09", "provisional", "past_due", "-360000.00"),
        ("2027-05-10", "provisional", "due_today", "-432000.00"),
        ("2027-06-09", "final", "not_yet_due", "-120000.00"),
        ("2027-06-09", "provisional", "not_yet_due", "-432000.00"),
    ] == [(each["due_on"], each["settles"], each["state"], each["own_total"]) for each in due[0]]
    assert [due[0][2]["invoice"], None, None, None] == [each["credited_by"] for each in due[0]]
    assert {("buyer", due[0][0]["counterparty"])} == {(each["side"], each["counterparty"]) for each in due[0]}
    agreements = [each["agreement"] for each in due[0]]
    one = await items(shop, f"/v1/agreements/{agreements[0]}/invoices?provisional=true", buyer)
    for each in one:
        (shown,) = [of for of in due[0] if of["invoice"] == each["invoice"]]
        assert each.items() <= shown.items()
    assert [agreements[0]] * 2 + [agreements[1], agreements[0]] == [
        agreements[place] for place in (0, 2, 1, 3)
    ]
    narrowed = {
        f"agreement={agreements[1]}": due[0][1:2],
        "state=past_due": due[0][:1],
        "state=due_today": due[0][1:2],
        "state=not_yet_due": due[0][2:],
        "due_from=2027-05-10&due_before=2027-06-09": due[0][1:2],
        "contract_year=2": [],
        "side=seller": [],
        "issued_since=2027-05-01T00:00:00Z&due_before=2027-06-01": due[0][1:2],
        "issued_before=2027-05-10": due[0][:1],
        "issued_from=2027-05-10&issued_before=2027-05-11&due_before=2027-06-01": due[0][1:2],
        "issued_from=2027-05-11": [],
    }
    for query, expected in narrowed.items():
        assert expected == await items(shop, f"/v1/invoices?{query}", buyer), query
    issued = [await items(shop, f"/v1/invoices?sort=issued_at&limit={limit}", seller) for limit in (50, 1)]
    assert issued[0] == issued[1]
    assert sorted(each["issued_at"] for each in issued[0]) == [each["issued_at"] for each in issued[0]]
    assert {each["invoice"] for each in due[0]} == {each["invoice"] for each in issued[0]}
    assert "1344000.00" == str(sum(Decimal(each["own_total"]) for each in issued[0]))
    for path in ("/v1/invoices", "/v1/deliveries"):
        assert [] == await items(shop, path, outsider)
        operator = await shop.ask("GET", path, by=outsider, roles=("operator",))
        assert [] == operator.json()["items"]
        assert 401 == (await shop.ask("GET", path)).status_code
    assert 3 == len(deliveries)


async def test_what_is_due_is_added_up(shop: Shop) -> None:
    _, seller, buyer, outsider = await traded(shop)
    states = ["past_due", "due_today", "not_yet_due"]
    sums = ["360000.00", "432000.00", "552000.00"]
    for firm, zero, own in ((buyer, "receive_total", "pay_total"), (seller, "pay_total", "receive_total")):
        shown = (await shop.ask("GET", "/v1/invoices/totals", by=firm)).json()
        rows = rows_of(await shop.ask("GET", "/v1/invoices/totals?format=csv", by=firm))
        assert [{name: str(of[name]) for name in of} for of in shown["items"]] == rows
        assert "2027-05-10" == shown["on"]
        assert [(state, "EUR") for state in states] == [
            (of["state"], of["currency"]) for of in shown["items"]
        ]
        assert [1, 1, 2] == [of["invoices"] for of in shown["items"]]
        assert sums == [of[own] for of in shown["items"]]
        assert {"0.00"} == {of[zero] for of in shown["items"]}
        sign = "-" if firm is buyer else ""
        assert [f"{sign}{each}" for each in sums] == [of["own_total"] for of in shown["items"]]
    query = "/v1/invoices/totals?due_before=2027-06-01&state=past_due&side=seller"
    assert sums[:1] == [
        of["receive_total"] for of in (await shop.ask("GET", query, by=seller)).json()["items"]
    ]
    assert [] == (await shop.ask("GET", "/v1/invoices/totals", by=outsider)).json()["items"]


async def test_deliveries_are_listed_over_agreements_and_by_what_changed(shop: Shop) -> None:
    paths, seller, buyer, _ = await traded(shop)
    shown = [await items(shop, f"/v1/deliveries?limit={limit}", seller) for limit in (50, 1)]
    assert shown[0] == shown[1]
    assert paths[::-1] == [f"/v1/deliveries/{each['id']}" for each in shown[0]]
    for path, each in zip(paths[::-1], shown[0], strict=True):
        assert (await shop.ask("GET", path, by=seller)).json().items() <= each.items()
    narrowed = {
        "status=accepted": [2],
        "status=shipped&shipped_from=2027-05-01": [0, 1],
        "shipped_before=2027-05-01": [2],
        f"agreement={shown[0][0]['agreement']}": [0],
        "contract_year=1&side=seller": [0, 1, 2],
        "side=buyer": [],
    }
    for query, places in narrowed.items():
        expected = [shown[0][place] for place in places]
        assert expected == await items(shop, f"/v1/deliveries?{query}", seller), query
    on(shop, date(2027, 5, 12))
    weighing = {"weighed_on": "2027-05-12", "net_wet_t": "9.5"}
    assert 201 == (await post(shop, f"{paths[1]}/weighing", buyer, weighing)).status_code
    changed = await items(shop, "/v1/deliveries?updated_since=2027-05-10T00:00:00Z&limit=1", buyer)
    assert [paths[2], paths[1]] == [f"/v1/deliveries/{each['id']}" for each in changed]
    assert [("shipped", "2027-05-10T09:00:00Z"), ("weighed", "2027-05-12T09:00:00Z")] == [
        (each["status"], each["updated_at"]) for each in changed
    ]
    assert changed[1:] == await items(shop, "/v1/deliveries?updated_since=2027-05-12T09:00:00Z", buyer)


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert "text/csv" in answer.headers["content-type"]
    return list(csv.DictReader(StringIO(answer.text)))


async def test_lists_are_files_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made outside the thread that answers everybody."""
    _, seller, _, _ = await traded(shop)
    made_in: list[int] = []
    made = row_tables.content

    def content(*given: Any, **named: Any) -> Any:
        made_in.append(get_ident())
        return made(*given, **named)

    monkeypatch.setattr(row_tables, "content", content)
    listed = await items(shop, "/v1/invoices", seller)
    answer = await shop.ask("GET", "/v1/invoices?format=csv", by=seller)
    assert 'attachment; filename="invoices.csv"' == answer.headers["content-disposition"]
    rows = rows_of(answer)
    for row, each in zip(rows, listed, strict=True):
        same = [name for name in row if name in each]
        assert {"counterparty_name", "due_on", "outstanding", "restates", "incoterm"} <= set(same)
        assert {name: "" if each[name] is None else str(each[name]) for name in same} == {
            name: row[name] for name in same
        }
    book = openpyxl.load_workbook(
        BytesIO((await shop.ask("GET", "/v1/invoices?format=xlsx", by=seller)).content)
    )
    head, *lines = book["invoices"].iter_rows(values_only=True)
    assert list(rows[0]) == list(head)
    assert [360_000, 432_000, 120_000, 432_000] == [line[head.index("own_total")] for line in lines]
    due = [line[head.index("due_on")].date().isoformat() for line in lines]
    assert [each["due_on"] for each in listed] == due
    cell = book["invoices"].cell(2, head.index("own_total") + 1)
    assert "0.00" == cell.number_format
    monkeypatch.setattr(own_lists, "FILE_ROWS_MAX", 2)
    begun = await shop.ask("GET", "/v1/deliveries?format=csv", by=seller)
    link = begun.headers["link"]
    rest = await shop.ask("GET", link[1 : link.index(">")], by=seller)
    assert "link" not in rest.headers
    deliveries = await items(shop, "/v1/deliveries", seller)
    assert [each["id"] for each in deliveries] == [row["id"] for row in (*rows_of(begun), *rows_of(rest))]
    assert [each["quantity_kg"] for each in deliveries[:2]] == [row["quantity_kg"] for row in rows_of(begun)]
    assert (4, False) == (len(made_in), get_ident() in made_in)


async def test_what_names_no_day_is_refused(shop: Shop) -> None:
    buyer = shop.scene.buyers[0]
    for status, query, parameter in (
        (422, "invoices?due_from=2027-05-10&due_before=2027-05-10", "due_before"),
        (422, "invoices/totals?due_from=2027-05-10&due_before=2027-05-01", "due_before"),
        (422, "invoices?issued_since=9999-12-31T00:00:00Z", "issued_since"),
        (422, "invoices?issued_from=2027-05-10&issued_before=2027-05-10", "issued_before"),
        (422, "invoices?issued_from=9999-12-31", "issued_from"),
        (422, "invoices?updated_since=2027-05-10T00:00:00Z&sort=due_on", "sort"),
        (422, "invoices?updated_since=0001-01-01T00:00:00Z", "updated_since"),
        (422, "payments?value_from=2027-05-10&value_before=2027-05-10", "value_before"),
        (422, "payments?updated_since=9999-12-31T00:00:00Z", "updated_since"),
        (400, "payments?format=pdf", "format"),
        (400, "invoices?state=paid", "state"),
        (400, "invoices?issued_since=0.5", "issued_since"),
        (422, "deliveries?shipped_from=2027-05-10&shipped_before=2027-05-01", "shipped_before"),
        (422, "deliveries?updated_since=0001-01-01T00:00:00Z", "updated_since"),
        (400, "deliveries?reason=case-1", "reason"),
    ):
        answer = await shop.ask("GET", f"/v1/{query}", by=buyer)
        assert (status, parameter) == (answer.status_code, answer.json()["errors"][0]["parameter"]), query


async def test_the_client_lists_and_adds_up(shop: Shop) -> None:
    paths, _, firm, _ = await traded(shop)
    buyer = await client_of(shop, firm)
    since = datetime(2027, 5, 1, tzinfo=UTC)
    found = [each.id async for each in buyer.deliveries.list(side="buyer", updated_since=since)]
    assert 2 == len(found)
    assert {path.rpartition("/")[2] for path in paths[1:]} == set(found)
    today = date(2027, 5, 10)
    due = [each async for each in buyer.invoices.list(due_before=today + timedelta(days=1))]
    assert ["past_due", "due_today"] == [each.state for each in due]
    totals = await buyer.invoices.totals(due_before=today + timedelta(days=1))
    assert (today, sum(each.own_total for each in due)) == (
        totals.on,
        sum(of.own_total for of in totals.items),
    )
    newest = [each async for each in buyer.invoices.list(issued_since=since, sort="issued_at")]
    assert [True] * 3 == [each.issued_at is not None and each.issued_at >= since for each in newest]
