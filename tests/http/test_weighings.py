"""The mass received through the door: told to both, objected to, taken, surveyed, left to the operator."""

from datetime import date
from typing import Any

import asyncpg

from events.replay import from_journal
from market.rebuild import compare_with_record
from tests.contest_support import migrated_again, told
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, TERMS, effective, lot, month, on, post, publish, warnings
from tests.market_drafts import Firm

TICKET = {"title": "Ticket 4711", "sha256": "3b" * 32, "dated_on": "2027-03-10"}
CERTIFICATE = {"title": "Certificate W-1", "sha256": "cd" * 32, "dated_on": "2027-03-10"}
SURVEYOR = "Independent Weighers"
NAMED = {**TERMS, "weighing": {"franchise_percent": "0.4", "surveyor": SURVEYOR}}
OBJECTION = {"net_wet_t": "10", "reason": "our ticket reads 10.000 t", "evidence": [TICKET]}


def surveyed(**changes: Any) -> dict[str, Any]:
    return {
        "surveyor": SURVEYOR,
        "reference": "W-1",
        "net_wet_t": "9.7",
        "certificate": CERTIFICATE,
    } | changes


async def received(
    shop: Shop, terms: dict[str, Any], net_wet_t: str = "9"
) -> tuple[str, str, Firm, Firm, list[tuple[str, str]]]:
    """The agreement's path, the delivery's, both sides, and what the buyer was warned of."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop, terms)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    delivery = (await post(shop, f"{path}/deliveries", seller, lot())).headers["location"]
    weighed = {"weighed_on": "2027-03-10", "net_wet_t": net_wet_t, "evidence": [TICKET]}
    told = await post(shop, f"{delivery}/weighing", buyer, weighed)
    assert 201 == told.status_code, told.text
    for firm in (seller, buyer):
        assay = {"laboratory": "L", "reference": "1", "results": FIGURES}
        assert 201 == (await post(shop, f"{delivery}/assays", firm, assay)).status_code
    return path, delivery, seller, buyer, warnings(told)


async def refused(shop: Shop, path: str, by: Firm, body: Any = None, **more: Any) -> tuple[int, str]:
    answer = await post(shop, path, by, body, **more)
    return answer.status_code, answer.json()["code"]


async def done(shop: Shop, path: str, by: Firm, body: Any = None, **more: Any) -> None:
    answer = await post(shop, path, by, body, **more)
    assert 201 == answer.status_code, answer.text


async def test_a_mass_far_from_the_shipped_one_is_told_contested_surveyed_and_invoiced(
    database: Any, shop: Shop
) -> None:
    path, delivery, seller, buyer, warned = await received(shop, NAMED)
    assert [
        ("weighed_far_from_shipped", "/net_wet_t"),
        ("weighing_may_be_objected", "/net_wet_t"),
        ("short_at_buyers_risk", "/net_wet_t"),
    ] == warned
    terms = (await shop.ask("GET", path, by=buyer)).json()["standing"]["terms"]
    assert NAMED["weighing"] == terms["weighing"]
    shown = [(await shop.ask("GET", delivery, by=side)).json() for side in (seller, buyer)]
    assert shown[0]["weighing"] == shown[1]["weighing"]
    assert {
        "net_wet_t": "9.000",
        "moisture_percent": "0",
        "difference_kg": "-1000.000",
        "difference_percent": "-10",
        "evidence": [TICKET],
        "object_by": "2027-03-17T09:00:00Z",
        "contested": False,
        "objections": [],
        "settled": None,
    } == shown[0]["weighing"]
    title = {"title_passed_on": "2027-03-10"}
    assert (409, "mass_open") == await refused(shop, f"{delivery}/acceptance", buyer, title)
    objection = f"{delivery}/weighing/objection"
    assert (403, "side_wrong") == await refused(shop, objection, buyer, OBJECTION)
    await done(shop, objection, seller, OBJECTION)
    assert (409, "mass_contested") == await refused(shop, f"{delivery}/acceptance", buyer, title)
    shown = [(await shop.ask("GET", delivery, by=side)).json() for side in (seller, buyer)]
    assert (True, "10.000", "8000.000", "seller") == (
        shown[1]["weighing"]["contested"],
        shown[1]["net_wet_t"],
        shown[1]["quantity_kg"],
        shown[1]["weighing"]["objections"][0]["by"],
    )
    survey, operator = f"{delivery}/weighing/survey", shop.scene.sellers[1]
    unread = f"{delivery}?reason=case-1"
    assert [("mass", False)] == await told(shop, operator)
    assert (403, "survey_of_parties") == await refused(
        shop, survey, operator, surveyed(), roles=("operator",)
    )
    assert 404 == (await shop.ask("GET", unread, by=operator, roles=("operator",))).status_code
    assert (422, "surveyor_not_agreed") == await refused(shop, survey, seller, surveyed(surveyor="SGS"))
    await done(shop, survey, seller, surveyed())
    assert [] == await told(shop, operator)
    assert (403, "survey_handed_in") == await refused(shop, objection, seller, OBJECTION)
    await done(shop, objection, buyer, {"net_wet_t": "9.1", "reason": "our copy reads 9.100 t"})
    assert (409, "survey_contested") == await refused(shop, survey, seller, surveyed())
    assert [("mass", True)] == await told(shop, operator)
    read = (await shop.ask("GET", unread, by=operator, roles=("operator",))).json()
    assert ["weighing", "survey"] == [each["against"] for each in read["weighing"]["objections"]]
    await done(shop, survey, operator, surveyed(net_wet_t="9.6"), roles=("operator",))
    assert [] == await told(shop, operator)
    assert (409, "mass_final") == await refused(shop, objection, buyer, OBJECTION)
    assert (409, "mass_uncontested") == await refused(shop, f"{delivery}/weighing/agreement", buyer)
    shown = [(await shop.ask("GET", delivery, by=side)).json() for side in (seller, buyer)]
    settled = shown[0]["weighing"]["settled"]
    assert (None, SURVEYOR, CERTIFICATE, "9.600") == (
        settled["by"],
        settled["surveyor"],
        settled["certificate"],
        settled["net_wet_t"],
    )
    await done(shop, f"{delivery}/acceptance", buyer, title)
    assert "7680.000" == (await shop.ask("GET", delivery, by=seller)).json()["quantity_kg"]
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    assert [("mass", None)] == [(row["kind"], row["contested_time"]) for row in await migrated_again(owner)]
    report = await compare_with_record(
        owner, lambda lane, upto: from_journal(shop.scene.pool, lane, upto=upto)
    )
    await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]


async def test_a_figure_is_weighed_again_or_taken_and_the_operator_stands_in_for_an_unnamed_surveyor(
    shop: Shop,
) -> None:
    _, delivery, seller, buyer, _ = await received(shop, TERMS, "2.0")
    await done(
        shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "9.5", "evidence": []}
    )
    await done(shop, f"{delivery}/weighing/objection", seller, OBJECTION)
    assert (422, "surveyor_not_named") == await refused(
        shop, f"{delivery}/weighing/survey", seller, surveyed()
    )
    told = await post(
        shop,
        f"{delivery}/weighing/survey?validate_only=true",
        shop.scene.sellers[1],
        surveyed(),
        roles=("operator",),
    )
    assert 200 == told.status_code, told.text
    await done(shop, f"{delivery}/weighing/agreement", buyer)
    shown = (await shop.ask("GET", delivery, by=seller)).json()
    assert ("9.500", "10.000", "buyer", None) == (
        shown["weighing"]["net_wet_t"],
        shown["net_wet_t"],
        shown["weighing"]["settled"]["by"],
        shown["weighing"]["settled"]["surveyor"],
    )
