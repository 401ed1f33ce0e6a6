"""A lot that goes back after it was accepted, through the door: declared, contested, settled, credited; its
passport follows by the timer, and tables are rebuilt."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from events.replay import from_journal
from market.http.wire.ids import to_text
from market.rebuild import compare_with_record
from market.timers import Timers
from tests.contest_support import told
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, effective, faults, lot, month, on, post, publish
from tests.http.test_passports import issued
from tests.http.test_weighings import done, refused
from tests.market_drafts import Firm

REPORT = {"title": "Laboratory report P-88", "sha256": "7f" * 32, "dated_on": "2027-04-02"}
BACK: dict[str, Any] = {
    "lot_number": "L1",
    "net_wet_t": "10",
    "freight": "seller",
    "reason": "sinters of it crack",
    "evidence": [REPORT],
}


async def sold(shop: Shop) -> tuple[str, str, str, Timers]:
    """The agreement's path, the delivery's, the passport, and the timers that let it follow."""
    cells = [{**each, "state": "value"} for each in FIGURES]
    stated: dict[str, Any] = {
        "lot_number": "L1",
        "form": "separated_oxide",
        "net_wet_t": "10",
        "moisture_percent": "0",
        "composition": {"basis": "dry", "of": "sample", "cells": cells},
    }
    on(shop, date(2027, 1, 1))
    passport = await issued(shop, shop.scene.sellers[0], **stated)
    path, seller, buyer = await effective(shop)
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    left = await post(shop, f"{path}/deliveries", seller, lot(passport=passport))
    assert 201 == left.status_code, left.text
    delivery = left.headers["location"]
    await done(shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-03-10", "net_wet_t": "10"})
    for firm in (seller, buyer):
        assay = {"laboratory": "L", "reference": "1", "results": FIGURES}
        await done(shop, f"{delivery}/assays", firm, assay)
    await done(shop, f"{delivery}/acceptance", buyer, {"title_passed_on": "2027-03-10"})
    timers = Timers(shop.scene.desk, shop.scene.operator.organisation, clock=shop.scene.clock)
    assert 1 == await timers.tick()
    return path, delivery, passport, timers


async def owner_of(shop: Shop, passport: str, by: Firm) -> Any:
    return (await shop.ask("GET", f"/v1/passports/{passport}", by=by)).json()["owner"]


async def keeps(shop: Shop, firm: Firm) -> dict[str, str]:
    """What keeps it from being closed: sentences by code."""
    path = f"/v1/organisations/{to_text('org', firm.organisation)}/close?validate_only=true"
    answer = await post(shop, path, shop.scene.sellers[1], roles=("operator",))
    body = answer.json()
    return {each["code"]: each["detail"] for each in body.get("errors") or [body]}


async def test_a_hidden_defect_is_contested_settled_credited_and_the_passport_goes_back(
    database: Any, shop: Shop
) -> None:
    path, delivery, passport, timers = await sold(shop)
    seller, buyer, operator = shop.scene.sellers[0], shop.scene.buyers[0], shop.scene.sellers[1]
    declare, settle = f"{delivery}/returns", f"{delivery}/returns/settlement"
    early = await post(shop, declare, buyer, BACK)
    assert [("return_unproven", "/passport"), ("not_settled_yet", None), ("date_in_future", None)] == [
        (code, pointer if code == "return_unproven" else None) for code, pointer in faults(early)
    ]
    on(shop, date(2027, 4, 2))
    await publish(shop, month(3, "60.00"))
    await done(shop, f"{delivery}/settlement", seller)
    counted = "/v1/crma/shares?counted=delivered"
    before = (await shop.ask("GET", counted, by=buyer)).json()["elements"]
    assert ["Nd", "Pr"] == [each["element"] for each in before]
    named = BACK | {"passport": passport}
    for wrong, code in (
        (named | {"net_wet_t": "9"}, "lot_returned_in_part"),
        (named | {"net_wet_t": "10.6"}, "lot_above_passport"),
        (named | {"lot_number": "X1"}, "lot_number_not_of_passport"),
        (BACK | {"passport": f"pass_{UUID(int=9).hex}"}, "passport_unknown"),
    ):
        answer = await post(shop, declare, buyer, wrong)
        assert code in [each for each, _ in faults(answer)], answer.text
    assert (409, "return_undeclared") == await refused(shop, settle, seller, {"outcome": "stands"})
    await done(shop, declare, buyer, named)
    assert (409, "return_open") == await refused(shop, declare, buyer, named)
    await done(shop, f"{declare}/contest", seller, {"reason": "your calcining", "evidence": [REPORT]})
    number = delivery.removeprefix("/v1/deliveries/")
    assert all([number in (await keeps(shop, side))["deliveries_open"] for side in (seller, buyer)])
    unread = f"{delivery}?reason=case-1"
    read = (await shop.ask("GET", unread, by=operator, roles=("operator",))).json()
    assert "your calcining" == read["returns"][0]["contest_reason"]
    award = {"outcome": "stands", "evidence": [REPORT]}
    await done(shop, settle, operator, award, roles=("operator",))
    shown = [(await shop.ask("GET", delivery, by=side)).json() for side in (seller, buyer)]
    assert shown[0]["returns"] == shown[1]["returns"]
    (back,) = shown[0]["returns"]
    assert ("buyer", "seller", "stands", None, passport) == tuple(
        back[name] for name in ("declared_by", "freight", "outcome", "settled_by", "passport")
    )
    final, credit = sorted(
        (await shop.ask("GET", f"{path}/invoices", by=buyer)).json()["items"],
        key=lambda each: each["settles"],
    )
    product = final["lines"][0]
    assert ("final", "return", f"-{product['amount']}") == (
        product["kind"],
        credit["settles"],
        credit["total"],
    )
    own = (await shop.ask("GET", "/v1/invoices", by=seller)).json()["items"]
    assert credit["invoice"] in [each["invoice"] for each in own]
    (year,) = (await shop.ask("GET", f"{path}/statement", by=seller)).json()["years"]
    assert ("0.000", back["quantity_kg"], back["quantity_kg"], "0.000") == tuple(
        year[name] for name in ("taken_kg", "off_spec_kg", "returned_kg", "invoiced_kg")
    )
    shown = (await shop.ask("GET", "/v1/deliveries", by=seller)).json()["items"]
    assert 0 == sum(Decimal(each["quantity_kg"]) - Decimal(each["returned_kg"]) for each in shown)
    (returned,) = [each for each in own if each["invoice"] == credit["invoice"]]
    assert (final["invoice"], ["net_wet", "moisture", "dry", "assay", "assay", "returned"]) == (
        returned["corrects"],
        [each["kind"] for each in returned["quantity"]],
    )
    assert back["quantity_kg"] == returned["quantity"][-1]["counts"]
    after = (await shop.ask("GET", counted, by=buyer)).json()["elements"]
    assert {"0.000"} >= {each["consumption_kg"] for each in after}
    assert await owner_of(shop, passport, buyer) == to_text("org", buyer.organisation)
    kept = [await keeps(shop, side) for side in (seller, buyer)]
    assert all("deliveries_open" not in each and passport in each["passports_open"] for each in kept)
    assert [1, 0, 0] == [await timers.tick() for _ in range(3)]
    kept = [await keeps(shop, side) for side in (seller, buyer)]
    assert [True, False] == ["passports_open" in each for each in kept]
    place = f"/v1/passports/{passport}"
    seen = (await shop.ask("GET", place, by=seller)).json()
    mine = to_text("org", seller.organisation)
    assert (mine, mine, [], "10.000") == (
        seen["owner"],
        seen["holder"],
        seen["awaited"],
        seen["remaining_wet_t"],
    )
    assert 404 == (await shop.ask("GET", place, by=buyer)).status_code
    steps = (await shop.ask("GET", f"{place}/history", by=seller)).json()["items"]
    assert delivery.endswith(steps[-1]["returns"])
    again = lot(lot_number="L1-2", passport=passport, shipped_on="2027-04-02")
    again["replaces"] = shown[0]["id"]
    await done(shop, f"{path}/deliveries", seller, again)
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    report = await compare_with_record(
        owner, lambda lane, upto: from_journal(shop.scene.pool, lane, upto=upto)
    )
    await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]


async def test_a_seller_names_no_passport_of_its_buyers_and_others_see_nothing(shop: Shop) -> None:
    _, delivery, passport, _ = await sold(shop)
    seller, outsider = shop.scene.sellers[0], shop.scene.buyers[1]
    on(shop, date(2027, 4, 2))
    await publish(shop, month(3, "60.00"))
    await done(shop, f"{delivery}/settlement", seller)
    declare = f"{delivery}/returns"
    alien = await issued(shop, shop.scene.sellers[1], lot_number="L1")
    assert (404, "passport_unknown") == await refused(shop, declare, seller, BACK | {"passport": alien})
    for address, body in (
        (declare, BACK),
        (f"{declare}/contest", {"reason": "no"}),
        (f"{declare}/settlement", {"outcome": "stands"}),
    ):
        assert 404 == (await post(shop, address, outsider, body)).status_code, address
    buyer, settle = shop.scene.buyers[0], f"{declare}/settlement"
    named = BACK | {"passport": passport}

    async def warned_of(path: str, by: Firm, body: dict[str, Any]) -> list[str]:
        answer = await post(shop, path, by, body)
        assert answer.status_code in (200, 201), answer.text
        return [each["code"] for each in answer.json()["warnings"] if passport in each["detail"]]

    without = ["return_without_passport"]
    assert without == await warned_of(f"{declare}?validate_only=true", seller, BACK)
    assert without == await warned_of(declare, seller, BACK)
    assert without == await warned_of(f"{settle}?validate_only=true", buyer, {"outcome": "stands"})
    assert [] == await warned_of(settle, seller, {"outcome": "falls"})
    assert [] == await warned_of(declare, seller, named)
    assert [] == await warned_of(f"{settle}?validate_only=true", buyer, {"outcome": "stands"})
    await done(shop, settle, seller, {"outcome": "falls"})
    assert (409, "return_undeclared") == await refused(
        shop, f"{declare}/settlement", shop.scene.buyers[0], {"outcome": "stands"}
    )


async def test_a_return_on_which_the_seller_is_silent_comes_before_the_operator(shop: Shop) -> None:
    _, delivery, passport, _ = await sold(shop)
    buyer, operator = shop.scene.buyers[0], shop.scene.sellers[1]
    on(shop, date(2027, 5, 10))
    await publish(shop, month(3, "60.00"))
    await done(shop, f"{delivery}/settlement", buyer)
    await done(shop, f"{delivery}/returns", buyer, {**BACK, "passport": passport})
    silence: dict[str, Any] = {"reason": "no answer for a month, and the plant is shut", "evidence": [REPORT]}
    early = await post(shop, f"{delivery}/returns/contest", buyer, silence)
    assert (409, "return_answer_open") == (early.status_code, early.json()["code"])
    assert "2027-06-10T00:00:00Z" in early.text
    assert [] == await told(shop, operator)
    on(shop, date(2027, 6, 10))
    await done(shop, f"{delivery}/returns/contest", buyer, silence)
    assert [("return", True)] == await told(shop, operator)
    award = {"outcome": "stands", "evidence": [REPORT]}
    await done(shop, f"{delivery}/returns/settlement", operator, award, roles=("operator",))
    (found,) = (await shop.ask("GET", delivery, by=buyer)).json()["returns"]
    assert ("2027-06-10T00:00:00Z", "buyer", silence["reason"], "stands", None) == (
        found["answer_by"],
        found["contested_by"],
        found["contest_reason"],
        found["outcome"],
        found["settled_by"],
    )
