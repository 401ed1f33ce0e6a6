"""Nominations, output and shortfalls through the door; the statement in three formats; the funnel."""

import csv
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID

from openpyxl import load_workbook

from contracts.timers import Timers
from market.http.wire.ids import to_text
from tests.agreement_support import STEADY, agreed
from tests.http.shop import Shop
from tests.volume_support import share_of_output

YEAR_1 = {"start": "2026-07-01T00:00:00Z", "end": "2027-07-01T00:00:00Z"}
ANNUAL = {"level": "annual", "period": YEAR_1, "quantity_kg": "630000", "form": "separated_oxide"}


async def path_of(shop: Shop, **changes: Any) -> str:
    return f"/v1/agreements/{to_text('agr', await agreed(shop.scene, **(STEADY | changes)))}"


async def pass_time(shop: Shop, now: datetime) -> None:
    shop.scene.clock.now = now
    timers = Timers(
        shop.scene.desk,
        shop.scene.operator.organisation,
        lambda kind, outcome: None,
        clock=shop.scene.clock,
    )
    while await timers.tick():
        pass


async def test_a_nomination_outside_its_band_is_told_the_band(shop: Shop) -> None:
    path, buyer = await path_of(shop), shop.scene.buyers[0]
    await shop.token(buyer)
    before = await shop.rows()
    refused = await shop.ask("POST", f"{path}/nominations", by=buyer, body=ANNUAL | {"quantity_kg": "700000"})
    assert (422, "outside_band") == (refused.status_code, refused.json()["code"])
    assert "/quantity_kg" == refused.json()["errors"][0]["pointer"]
    assert "540000.000 to 660000.000" in refused.json()["detail"]
    assert before == await shop.rows()


async def test_what_is_refused_of_volumes(shop: Shop) -> None:
    path, seller, buyer = await path_of(shop), shop.scene.sellers[0], shop.scene.buyers[0]
    shop.scene.clock.now = datetime(2026, 4, 2, tzinfo=UTC)
    half = {"start": "2026-07-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}
    shortfall = {"year": 2, "quantity_kg": "5", "reason": "flood"}
    for by, name, sent, expected in (
        (buyer, "nominations", ANNUAL, (409, "notice_over")),
        (seller, "nominations", ANNUAL, (403, "side_wrong")),
        (buyer, "nominations", ANNUAL | {"period": half}, (422, "period_not_a_part")),
        (buyer, "nominations", ANNUAL | {"make_up_kg": "1"}, (409, "notice_over")),
        (buyer, "nominations", ANNUAL | {"quantity_kg": "-1"}, (400, "invalid_request")),
        (
            buyer,
            "nominations",
            ANNUAL | {"period": {"start": YEAR_1["end"], "end": YEAR_1["start"]}},
            (422, "inconsistent"),
        ),
        (seller, "shortfalls", shortfall, (409, "year_not_open")),
        (buyer, "shortfalls", shortfall | {"year": 1}, (403, "side_wrong")),
        (seller, "outputs", {"year": 3, "output_kg": "5"}, (422, "year_unknown")),
        (shop.scene.sellers[1], "nominations", ANNUAL, (404, "agreement_unknown")),
    ):
        refused = await shop.ask("POST", f"{path}/{name}", by=by, body=sent)
        assert expected == (refused.status_code, refused.json()["code"]), (name, sent)


async def test_a_nomination_is_listed_and_stated(shop: Shop) -> None:
    path, seller, buyer = await path_of(shop), shop.scene.sellers[0], shop.scene.buyers[0]
    tried = await shop.ask("POST", f"{path}/nominations?validate_only=true", by=buyer, body=ANNUAL)
    assert (200, None) == (tried.status_code, tried.json()["id"])
    made = await shop.ask("POST", f"{path}/nominations", by=buyer, body=ANNUAL, key="once")
    again = await shop.ask("POST", f"{path}/nominations", by=buyer, body=ANNUAL, key="once")
    assert (201, 201, made.json()["id"]) == (made.status_code, again.status_code, again.json()["id"])
    for firm in (seller, buyer):
        listed = await shop.ask("GET", f"{path}/nominations", by=firm)
        assert [("annual", "630000.000", False)] == [
            (item["level"], item["quantity_kg"], item["silent"]) for item in listed.json()["items"]
        ]
    shown = (await shop.ask("GET", f"{path}/statement", by=buyer)).json()
    assert ("EUR", "630000.000", "600000.000", None) == (
        shown["currency"],
        shown["years"][0]["nominated_kg"],
        shown["years"][0]["acq_kg"],
        shown["years"][0]["ledger"],
    )


async def test_a_shortfall_and_a_year_end_stand_in_json_csv_and_xlsx_alike(shop: Shop) -> None:
    """Of 600 t the seller misses 100 t, nobody takes any: 380 t at 75.00 are paid for, 28,500,000.00."""
    path, seller, buyer = await path_of(shop), shop.scene.sellers[0], shop.scene.buyers[0]
    await pass_time(shop, datetime(2027, 1, 15, tzinfo=UTC))
    told = {"year": 1, "quantity_kg": "100000", "reason": "The kiln is down"}
    assert 201 == (await shop.ask("POST", f"{path}/shortfalls", by=seller, body=told)).status_code
    await pass_time(shop, datetime(2027, 7, 1, tzinfo=UTC))
    shown = (await shop.ask("GET", f"{path}/statement", by=seller)).json()
    ledger = shown["years"][0]["ledger"]
    assert ("380000.000", "380000.000", "28500000.00") == (
        ledger["take_or_pay_kg"],
        ledger["deficiency_kg"],
        ledger["deficiency"],
    )
    assert [
        {"from_year": 1, "through_year": 3, "quantity_kg": "380000.000", "paid": "28500000.00"}
    ] == ledger["make_up"]
    written = await shop.ask("GET", f"{path}/statement?format=csv", by=buyer)
    assert written.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(StringIO(written.text)))
    assert [("1", "28500000.00", "380000.000"), ("2", "", "")] == [
        (line["year"], line["deficiency"], line["make_up_balance_kg"]) for line in lines
    ]
    assert [(year["starts_at"], year["ends_at"]) for year in shown["years"]] == [
        (line["starts_at"], line["ends_at"]) for line in lines
    ]
    sheet = await shop.ask("GET", f"{path}/statement?format=xlsx", by=buyer)
    assert 200 == sheet.status_code
    assert ".xlsx" in sheet.headers["content-disposition"]
    rows = list(load_workbook(BytesIO(sheet.content)).worksheets[0].values)
    first = dict(zip(rows[0], rows[1], strict=True))
    assert (1, 28_500_000, 380_000) == (first["year"], first["deficiency"], first["make_up_balance_kg"])
    standing = await shop.ask("GET", path, by=seller)
    terms = standing.json()["standing"]["terms"] | {"take_or_pay": None}
    dropped = await shop.ask(
        "POST",
        f"{path}/proposals?validate_only=true",
        by=seller,
        body={"terms": terms},
        version=standing.headers["etag"],
    )
    (told,) = [each for each in dropped.json()["warnings"] if each["code"] == "balances_without_clause"]
    assert "/terms/take_or_pay" == told["pointer"]
    assert "380000 kg of make-up, paid with 28500000 EUR" in told["detail"]
    assert None is shown["unused"]
    await pass_time(shop, datetime(2028, 7, 1, tzinfo=UTC))
    shop.tokens.clear()
    over = (await shop.ask("GET", f"{path}/statement", by=buyer)).json()
    assert "expired" == over["status"]
    left = over["years"][1]["ledger"]["make_up"]
    assert (["380000.000", "720000.000"], "1100000.000", "82500000.00") == (
        [lot["quantity_kg"] for lot in left],
        over["unused"]["make_up_kg"],
        over["unused"]["make_up"],
    )


async def test_a_share_of_output_follows_what_the_seller_declares(shop: Shop) -> None:
    path = await path_of(shop, volume=share_of_output(1_200, 1_200))
    seller, buyer = shop.scene.sellers[0], shop.scene.buyers[0]
    await pass_time(shop, datetime(2027, 1, 15, tzinfo=UTC))
    for by, expected in ((buyer, 403), (seller, 201)):
        sent = {"year": 1, "output_kg": "1300000"}
        assert expected == (await shop.ask("POST", f"{path}/outputs", by=by, body=sent)).status_code
    shown = (await shop.ask("GET", f"{path}/statement", by=buyer)).json()
    assert ["650000.000", "600000.000"] == [year["acq_kg"] for year in shown["years"]]


async def test_statements_and_nominations_are_the_parties_own(shop: Shop) -> None:
    path = await path_of(shop)
    outsider = shop.scene.sellers[1]
    for name in ("statement", "nominations", "statement?format=csv"):
        for roles in (("trader",), ("operator",)):
            answer = await shop.ask("GET", f"{path}/{name}", by=outsider, roles=roles)
            assert 404 == answer.status_code
    seen = await shop.ask("GET", f"{path}/statement?reason=case-7", by=outsider, roles=("auditor",))
    assert 200 == seen.status_code
    silent = await shop.ask("GET", f"{path}/statement", by=outsider, roles=("auditor",))
    assert 400 == silent.status_code


async def test_the_funnel_shows_the_operator_all_and_a_party_its_own(shop: Shop) -> None:
    scene = shop.scene
    await scene.offer(scene.sellers[0], commitment="firm")
    await scene.require(scene.buyers[0], commitment="firm")
    await scene.conclude(await scene.plan())
    whole = (await shop.ask("GET", "/v1/funnel", by=scene.sellers[1], roles=("operator",))).json()["items"]
    (month,) = whole
    stages = {entry["stage"]: entry["amount"] for entry in month["stages"]}
    assert (shop.market, "2026-03-01", 1) == (month["market"], month["month"], stages["confirmed"]["matches"])
    assert stages["matched"] == stages["confirmed"]
    assert 0 == stages["contracted"]["matches"]
    assert whole == (await shop.ask("GET", "/v1/funnel", by=scene.sellers[0])).json()["items"]
    assert [] == (await shop.ask("GET", "/v1/funnel", by=scene.sellers[1])).json()["items"]
    later = await shop.ask(
        "GET", "/v1/funnel?since=2026-04-01&until=2026-05-01", by=scene.sellers[1], roles=("operator",)
    )
    assert [] == later.json()["items"]


async def test_a_funnel_is_of_whole_months_and_of_few(shop: Shop) -> None:
    for query, status in (
        ("since=2026-04-02", 422),
        ("since=2026-04-01&until=2026-04-01", 422),
        ("since=2020-01-01&until=2026-04-01", 422),
        ("market=mkt_1", 400),
    ):
        answer = await shop.ask("GET", f"/v1/funnel?{query}", by=shop.scene.sellers[0])
        assert status == answer.status_code
    nowhere = to_text("mkt", UUID(int=7))
    empty = await shop.ask("GET", f"/v1/funnel?market={nowhere}", by=shop.scene.sellers[0])
    assert (200, []) == (empty.status_code, empty.json()["items"])
