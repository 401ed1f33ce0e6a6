"""The CRMA monitor through the door: own, Union's and public figures, in five shapes; what is refused."""

import csv
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from events.vocabulary import PPB, OriginStep, PhysicalLot
from market.commands import passports
from market.http.materials import crma_sheets
from market.http.materials.crma_sheets import SCOPE
from market.http.wire.ids import to_text
from market.http.wire.sheets import Bar, Sheet, as_csv, as_page, as_svg
from market.rules.passports.passports import IssuePassport
from market.store import crma
from tests.http.shop import Shop
from tests.http.test_passports import issued, labelled
from tests.market_drafts import Firm
from tests.passport_support import assayed, content

SHARES = "/v1/crma/shares"
MAP = "/v1/crma/supplier-map"
MINED_ELSEWHERE = {"stage": "extraction", "country": "AU", "share_percent": "100", "source": "a mine"}
MINED_AND_REFINED = (
    OriginStep(stage="extraction", country="NO"),
    OriginStep(stage="processing", country="FR"),
)


async def traded(shop: Shop, seller: Firm, passport: UUID | None = None, **changes: Any) -> None:
    """2 t of NdPr of an offer, or of a lot with a passport, to the first buyer, confirmed."""
    scene = shop.scene
    if passport is None:
        await scene.offer(seller, origin=MINED_AND_REFINED, **changes)
    else:
        lot = PhysicalLot(site=seller.facility, lot_number="LOT-1", passport=passport)
        await scene.lot(seller, "LOT-1", physical_lot=lot, **changes)
    await scene.require(scene.buyers[0], commitment="firm")
    await scene.conclude(await scene.plan())


async def issue_metal(shop: Shop, seller: Firm) -> UUID:
    """A passport of LOT-1 that an order of `traded` may name."""
    passport = UUID(int=77)
    stated = content(
        seller.facility,
        "LOT-1",
        form="metal",
        net_wet_g=10_000_000,
        composition=assayed(Nd=28, Pr=7, Dy=1, Th=0),
    )
    await passports.issue(
        shop.scene.desk, IssuePassport(caller=seller.trader, passport=passport, content=stated)
    )
    return passport


async def get(shop: Shop, path: str, by: Firm, *roles: Any, **headers: str) -> Any:
    return await shop.ask("GET", path, by=by, roles=roles or ("trader",), headers=headers)


async def test_a_company_reads_its_own_consumption_and_nobody_elses(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    await traded(shop, seller)
    own = (await get(shop, SHARES, buyer)).json()
    assert [("Nd", "1599.9998"), ("Pr", "399.99995"), ("Dy", "57.14285")] == [
        (each["element"], each["consumption_kg"]) for each in own["elements"]
    ]
    for element in own["elements"]:
        extraction, processing, recycling = element["stages"]
        assert ("0", "NO", "100", "not_met", "not_met") == (
            extraction["union_percent"],
            extraction["largest_third_country"]["country"],
            extraction["largest_third_country"]["share_percent"],
            extraction["benchmark"],
            extraction["ceiling"],
        )
        assert ("100", "met", "met") == (
            processing["union_percent"],
            processing["benchmark"],
            processing["ceiling"],
        )
        assert ("0", "100", "not_met") == (
            recycling["union_percent"],
            recycling["undeclared_percent"],
            recycling["benchmark"],
        )
        assert "0" == element["documented_percent"]
    for other in (seller, shop.scene.buyers[1]):
        assert [] == (await get(shop, SHARES, other)).json()["elements"]


async def test_what_leaves_a_verdict_open_is_told_with_its_supplier(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    await shop.scene.offer(seller, origin=MINED_AND_REFINED[:1])
    await shop.scene.require(buyer, commitment="firm")
    await shop.scene.conclude(await shop.scene.plan())
    extraction, processing, _ = (await get(shop, SHARES, buyer)).json()["elements"][0]["stages"]
    assert ("not_met", None, None, []) == (
        extraction["benchmark"],
        extraction["benchmark_reach_percent"],
        extraction["ceiling_reach_percent"],
        extraction["open_of"],
    )
    assert ("undetermined", "100", "100") == (
        processing["benchmark"],
        processing["benchmark_reach_percent"],
        processing["ceiling_reach_percent"],
    )
    assert [
        {
            "supplier": to_text("org", seller.organisation),
            "supplier_name": "seller-0",
            "undeclared_percent": "100",
            "untold_percent": "0",
        }
    ] == processing["open_of"]
    table = csv.DictReader(StringIO((await get(shop, f"{SHARES}?format=csv", buyer)).text))
    assert {("processing", "100", "seller-0 undeclared 100")} == {
        (row["stage"], row["benchmark_reach_percent"], row["open_of"]) for row in table if row["open_of"]
    }
    union = f"{SHARES}?of=union"
    for_operator = (await get(shop, union, buyer, "operator")).json()["elements"][0]["stages"][1]
    assert processing["open_of"] == for_operator["open_of"]
    assert "open_of" not in (await get(shop, union, seller)).text


async def test_who_polls_is_told_that_nothing_has_changed(shop: Shop, seller: Firm, buyer: Firm) -> None:
    """The record goes on and time with it: only what the figures say changes the tag."""
    await traded(shop, seller)
    asked: tuple[tuple[str, Firm, tuple[Any, ...]], ...] = (
        (SHARES, buyer, ()),
        (f"{SHARES}?of=union", shop.scene.sellers[1], ("operator",)),
    )
    first = [await get(shop, path, by, *roles) for path, by, roles in asked]
    shop.scene.clock.pass_seconds(60)
    await shop.scene.require(shop.scene.buyers[1])
    for (path, by, roles), before in zip(asked, first, strict=True):
        tag = before.headers["etag"]
        assert tag.startswith('W/"')
        kept = await get(shop, path, by, *roles, **{"If-None-Match": tag})
        assert (304, tag, b"") == (kept.status_code, kept.headers["etag"], kept.content)
        again = await get(shop, path, by, *roles)
        assert before.json()["as_of"] < again.json()["as_of"]
    await traded(shop, shop.scene.sellers[1])
    for (path, by, roles), before in zip(asked, first, strict=True):
        told = await get(shop, path, by, *roles, **{"If-None-Match": before.headers["etag"]})
        assert 200 == told.status_code


async def test_the_union_is_whole_for_operators_and_banded_for_everybody_else(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    await traded(shop, seller)
    union = f"{SHARES}?of=union"
    for role in ("operator", "auditor"):
        whole = (await get(shop, f"{union}&counted=struck", buyer, role)).json()
        assert whole["organisation"] is None
        assert {"contracts", "market", "materials", "parties"} == set(whole["as_of_positions"])
        assert "bands" not in whole
    banded = await get(shop, union, buyer)
    assert (200, [], "2026-01-01") == (
        banded.status_code,
        banded.json()["bands"],
        banded.json()["until"],
    )
    operator = await get(shop, f"{union}&counted=delivered", buyer, "operator")
    auditor = await get(shop, f"{union}&counted=delivered", buyer, "auditor")
    assert ("bands" in operator.json(), "elements" in auditor.json()) == (True, True)


async def test_what_is_no_period_or_sealed_is_refused(shop: Shop, buyer: Firm) -> None:
    for path, status, code in (
        (f"{SHARES}?since=2026-01-02", 422, "not_first_of_quarter"),
        (f"{SHARES}?since=2026-02-01", 422, "not_first_of_quarter"),
        (f"{SHARES}?since=2026-04-01&until=2026-04-01", 422, "out_of_range"),
        (f"{SHARES}?since=2020-01-01&until=2026-04-01", 422, "out_of_range"),
        (f"{SHARES}?of=union&until=2026-04-01", 422, "not_finished"),
        (f"{SHARES}?counted=struck", 422, "sealed"),
        (f"{SHARES}?of=union&counted=struck", 422, "sealed"),
        (f"{MAP}?until=2026-01-02", 422, "not_first_of_quarter"),
    ):
        answer = await get(shop, path, buyer)
        assert (path, status, code) == (path, answer.status_code, answer.json()["errors"][0]["code"])
    assert 400 == (await get(shop, f"{SHARES}?of=all", buyer)).status_code


async def test_the_supplier_map_names_sources_and_who_did_not_answer(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    await traded(shop, seller)
    told = (await get(shop, MAP, buyer)).json()["stages"]
    assert {("extraction", "NO", False), ("processing", "FR", False)} == {
        (each["stage"], each["country"], each["did_not_answer"]) for each in told
    }
    assert {("seller-0", "offer")} == {(each["supplier_name"], each["source"]) for each in told}
    assert [] == (await get(shop, MAP, seller)).json()["stages"]
    file = await get(shop, f"{MAP}?format=csv", buyer)
    assert ("text/csv; charset=utf-8", 'attachment; filename="crma-supplier-map.csv"') == (
        file.headers["content-type"],
        file.headers["content-disposition"],
    )
    rows = list(csv.DictReader(StringIO(file.text)))
    assert [each["mass_kg"] for each in told] == [row["mass_kg"] for row in rows]
    assert rows
    for path in (MAP, SHARES):
        view = (await get(shop, path, buyer)).json()
        for row in csv.DictReader(StringIO((await get(shop, f"{path}?format=csv", buyer)).text)):
            known = {name: crma_sheets.told(view[name]) or "" for name in SCOPE}
            assert known == {name: row[name] for name in known}
            assert ("2026-03-02T09:00:00Z", "", "false", "0") == tuple(
                row[name] for name in ("as_of", "as_of_positions", "period_over", "corrected_passports")
            )
            assert row["since"] < row["until"]


async def test_a_passport_goes_before_the_order_without_its_sites(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    passport = await issue_metal(shop, seller)
    stock = (await get(shop, SHARES, seller)).json()["cover"]
    assert [("Nd", "2800.000", None), ("Pr", "700.000", None), ("Dy", "100.000", None)] == [
        (each["element"], each["stock_kg"], each["days"]) for each in stock
    ]
    table = list(csv.DictReader(StringIO((await get(shop, f"{SHARES}?format=csv", seller)).text)))
    assert [("Dy", "", "100.000"), ("Nd", "", "2800.000"), ("Pr", "", "700.000")] == [
        (row["element"], row["stage"], row["stock_kg"]) for row in table
    ]
    with pytest.MonkeyPatch.context() as limited:
        limited.setattr(crma, "LOTS_MAX", 0)
        assert None is (await get(shop, SHARES, seller)).json()["cover"]
    await traded(shop, seller, passport, origin=MINED_AND_REFINED[:1])
    assert {"100"} == {
        each["documented_percent"] for each in (await get(shop, SHARES, buyer)).json()["elements"]
    }
    told = (await get(shop, MAP, buyer)).json()["stages"]
    assert {("extraction", "NO", "passport", None), ("processing", None, "passport", None)} == {
        (each["stage"], each["country"], each["source"], each["site"]) for each in told
    }
    await assert_corrections_are_told(shop, seller, buyer, to_text("pass", passport))


async def assert_corrections_are_told(shop: Shop, seller: Firm, buyer: Firm, passport: str) -> None:
    """Since the lot was taken: how many passports, how much of each element, which answers."""
    before = (await get(shop, SHARES, buyer)).json()
    assert (0, {"0.000"}) == (
        before["corrected_passports"],
        {each["corrected_kg"] for each in before["elements"]},
    )
    lot = (await get(shop, f"/v1/passports/{passport}", seller)).json()
    body = {
        "corrects": lot["stated_by"],
        "reason": "the mine was another",
        "content": {**lot["content"], "origin": [MINED_ELSEWHERE]},
    }
    shop.scene.clock.now += timedelta(days=1)
    path = f"/v1/passports/{passport}/corrections"
    corrected = await shop.ask("POST", path, by=seller, body=body, version='"v1"')
    assert 201 == corrected.status_code, corrected.text
    after = (await get(shop, SHARES, buyer)).json()
    assert before["as_of"] < after["as_of"]
    assert 1 == after["corrected_passports"]
    assert [each["consumption_kg"] for each in after["elements"]] == [
        each["corrected_kg"] for each in after["elements"]
    ]
    mapped = list(csv.DictReader(StringIO((await get(shop, f"{MAP}?format=csv", buyer)).text)))
    assert {("true", "1")} == {(row["corrected"], row["corrected_passports"]) for row in mapped}


async def test_goods_count_in_the_stock_of_who_has_said_that_they_are_its_own(
    shop: Shop, seller: Firm, buyer: Firm
) -> None:
    lot = "/v1/passports/" + to_text("pass", await issue_metal(shop, seller))

    async def stocks() -> list[list[str]]:
        told = [(await get(shop, SHARES, firm)).json()["cover"] for firm in (seller, buyer)]
        return [[each["stock_kg"] for each in cover if each["element"] == "Nd"] for cover in told]

    async def step(what: str, by: Firm, version: int, body: dict[str, Any] | None = None) -> Any:
        return await shop.ask("POST", f"{lot}/{what}", by=by, body=body, version=f'"v{version}"')

    assert [["2800.000"], []] == await stocks()
    title = {"owner": to_text("org", buyer.organisation), "transferred_on": "2026-03-01"}
    assert 201 == (await step("transfers", seller, 1, title)).status_code
    assert [[], []] == await stocks()
    not_his = await step("acknowledgements", seller, 2)
    assert (409, "passport_not_awaited") == (not_his.status_code, not_his.json()["code"])
    taken = await step("acknowledgements", buyer, 2)
    assert 201 == taken.status_code, taken.text
    assert [[], ["2800.000"]] == await stocks()
    kinds = [step["kind"] for step in (await get(shop, f"{lot}/history", buyer)).json()["items"]]
    assert ["issued", "transferred", "acknowledged"] == kinds
    events = (await get(shop, f"{lot}/epcis", buyer)).json()["epcisBody"]["eventList"]
    assert title["owner"][4:] in str(events[-1]).replace("-", "")
    again = await step("acknowledgements", buyer, 3)
    assert (409, "passport_not_awaited") == (again.status_code, again.json()["code"])


async def test_the_statement_is_for_who_may_read_the_passport(shop: Shop, seller: Firm, buyer: Firm) -> None:
    passport = await issued(shop, seller, **labelled(seller))
    path = f"/v1/passports/{passport}/crma-statement"
    told = (await get(shop, path, seller)).json()
    assert ("not_yet", "360.000", "200.000", "2026-03-02", ["post_consumer"]) == (
        told["duty"],
        told["magnets_g"],
        told["above_g"],
        told["rules_as_of"],
        told["counted"],
    )
    assert ("Nd", "0", "100", "0") == tuple(
        told["shares"][0][name]
        for name in ("element", "post_consumer_percent", "pre_consumer_percent", "counted_percent")
    )
    ahead = (await get(shop, f"{path}?on=2027-05-24", seller)).json()
    assert ("due", True, "2026-03-02T09:00:00Z") == (ahead["duty"], ahead["rules_ahead"], ahead["as_of"])
    assert "still to come" in (await get(shop, f"{path}?on=2027-05-24&format=html", seller)).text
    rows = list(csv.DictReader(StringIO((await get(shop, f"{path}?format=csv", seller)).text)))
    assert len(told["shares"]) == len(rows)
    for row in rows:
        assert (passport, "1", "segregated", "2026-03-02", "not_yet", "post_consumer") == tuple(
            row[name] for name in ("passport", "version", "custody", "rules_as_of", "duty", "counted")
        )
    assert "segregated" == told["custody"]
    assert 404 == (await get(shop, path, buyer)).status_code
    bare = await issued(shop, seller, lot_number="BARE")
    none = await get(shop, f"/v1/passports/{bare}/crma-statement", seller)
    assert 404 == none.status_code
    assert "states no magnets" in none.json()["detail"]
    strange = await get(shop, f"/v1/passports/{bare}/crma-statement", buyer)
    assert "or it is not yours to see" in strange.json()["detail"]


async def test_every_figure_comes_as_plot_and_page_too(shop: Shop, seller: Firm, buyer: Firm) -> None:
    await traded(shop, seller)
    for path in (SHARES, MAP):
        plot = await get(shop, path, buyer, Accept="image/svg+xml")
        assert ("image/svg+xml", "Accept") == (plot.headers["content-type"], plot.headers["vary"])
        assert "{http://www.w3.org/2000/svg}svg" == ET.fromstring(plot.text).tag
        over = (await get(shop, f"{path}?until=2026-01-01", buyer)).json()["period_over"]
        page = await get(shop, path, buyer, Accept="text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
        assert "text/html; charset=utf-8" == page.headers["content-type"]
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert (True, True, True) == (
            over,
            "The period is not over." in page.text,
            "Read at 2026-03-02 09:00:00 UTC." in page.text,
        )
        assert ("<script" in page.text, "src=" in page.text, "<svg" in page.text) == (False, False, True)
        assert [] == re.findall(r"<(?:th|dt)[^>]*>([^<]*_[^<]*)<", page.text)
        assert f"buyer-0 ({to_text('org', buyer.organisation)})" in page.text
        table = list(csv.reader(StringIO((await get(shop, f"{path}?format=csv", buyer)).text)))
        sent = await get(shop, f"{path}?format=xlsx", buyer)
        assert sent.headers["content-disposition"].endswith('.xlsx"')
        head, *rows = openpyxl.load_workbook(BytesIO(sent.content)).worksheets[0].values
        assert (table[0], len(table[1:])) == (list(head), len(rows))
        for before, row in zip(table[1:], rows, strict=True):
            for name, text, cell in zip(head, before, row, strict=True):
                figure = str(name).endswith(("_kg", "_percent", "_days")) and text != ""
                assert (Decimal(text) if figure else text) == (Decimal(str(cell)) if figure else cell or "")
                assert isinstance(cell, int | float) == figure


def test_a_name_never_becomes_markup() -> None:
    wicked = '<script>alert("1")</script>'
    sheet = Sheet(
        name="s",
        title=wicked,
        note=wicked,
        head=("a",),
        rows=((wicked,), (None,)),
        key=wicked,
        bars=(Bar(label=wicked, parts=(("inside", 5),), mark=PPB),),
        whole=10,
    )
    for written in (as_svg(sheet), as_page(sheet, datetime(2026, 3, 2, 9, tzinfo=UTC))):
        assert b"<script" not in written
        assert b"&lt;script" in written
    assert b'a\r\n"<script>alert(""1"")</script>"\r\n""\r\n' == as_csv(sheet)
