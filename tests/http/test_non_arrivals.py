"""A lot that never came, through the door: declared, contested, settled, credited; timer and tables."""

from datetime import date
from typing import Any

import asyncpg

from contracts.timers import Timers
from events.replay import from_journal
from market.http.wire.examples import AGREEMENT_TERMS
from market.http.wire.ids import to_text
from market.rebuild import compare_with_record
from tests.contest_support import contests, migrated_again, told
from tests.http.shop import Shop
from tests.http.test_deliveries import FIGURES, TERMS, effective, lot, month, on, post, publish
from tests.http.test_passports import issued
from tests.http.test_weighings import done, refused
from tests.market_drafts import Firm

REPORT = {"title": "Report of loss", "sha256": "9e" * 32, "dated_on": "2027-03-10"}
LOSS = {"reason": "stolen at Aachen", "evidence": [REPORT]}
SIGNED = {"reason": "your gate signed for it", "evidence": [REPORT]}


def under(incoterm: str) -> dict[str, Any]:
    return {**TERMS, "delivery": {**AGREEMENT_TERMS["delivery"], "incoterm": incoterm}}


async def shipped(shop: Shop, incoterm: str, **changes: Any) -> tuple[str, str, Firm, Firm]:
    """The agreement's path, the delivery's, and both sides."""
    on(shop, date(2027, 1, 1))
    path, seller, buyer = await effective(shop, under(incoterm))
    on(shop, date(2027, 3, 10))
    await publish(shop, month(2, "50.00"))
    left = await post(shop, f"{path}/deliveries", seller, lot(**changes))
    assert 201 == left.status_code, left.text
    return path, left.headers["location"], seller, buyer


async def test_a_lot_that_was_lost_at_the_sellers_risk_is_credited_and_lacks(
    database: Any, shop: Shop
) -> None:
    path, delivery, seller, buyer = await shipped(shop, "DAP")
    declare, settle = f"{delivery}/non-arrival", f"{delivery}/non-arrival/settlement"
    assert (422, "loss_unproven") == await refused(shop, declare, buyer, {"reason": "it is late"})
    assert (403, "side_wrong") == await refused(shop, declare, seller, LOSS)
    assert (409, "non_arrival_undeclared") == await refused(shop, settle, buyer, {"outcome": "falls"})
    await done(shop, declare, buyer, LOSS)
    assert (409, "non_arrival_declared_before") == await refused(shop, declare, buyer, LOSS)
    shown = [(await shop.ask("GET", delivery, by=side)).json() for side in (seller, buyer)]
    assert shown[0]["non_arrival"] == shown[1]["non_arrival"]
    assert ("2027-03-17T09:00:00Z", None, None) == (
        shown[0]["non_arrival"]["contest_by"],
        shown[0]["non_arrival"]["outcome"],
        shown[0]["awaited"],
    )
    operator, unread = shop.scene.sellers[1], f"{delivery}?reason=case-1"
    award: dict[str, Any] = {"outcome": "stands", "evidence": [REPORT]}
    assert (409, "non_arrival_undeclared") == await refused(
        shop, settle, operator, award, roles=("operator",)
    )
    assert 404 == (await shop.ask("GET", unread, by=operator, roles=("operator",))).status_code
    await done(shop, f"{declare}/contest", seller, SIGNED)
    assert (409, "non_arrival_contested_before") == await refused(shop, f"{declare}/contest", seller, SIGNED)
    (waiting,) = await contests(shop, operator, kind="non_arrival")
    assert (delivery, path, "2027-03-10T09:00:00Z", True) == (
        f"/v1/deliveries/{waiting['delivery']}",
        f"/v1/agreements/{waiting['agreement']}",
        waiting["contested_at"],
        waiting["operator_may_settle"],
    )
    read = (await shop.ask("GET", unread, by=operator, roles=("operator",))).json()
    assert SIGNED["reason"] == read["non_arrival"]["contest_reason"]
    await done(shop, settle, operator, award, roles=("operator",))
    assert [] == await told(shop, operator)
    shown = [(await shop.ask("GET", delivery, by=side)).json() for side in (seller, buyer)]
    assert ("lost", "stands", "seller", None, [REPORT]) == (
        shown[0]["status"],
        *(shown[1]["non_arrival"][name] for name in ("outcome", "risk", "settled_by", "settled_evidence")),
    )
    (credit,) = (await shop.ask("GET", f"{path}/invoices", by=buyer)).json()["items"]
    assert ("non_arrival", "-360000.00") == (credit["settles"], credit["total"])
    own = (await shop.ask("GET", "/v1/invoices", by=buyer)).json()["items"]
    assert [credit["invoice"]] == [each["credited_by"] for each in own if each["settles"] == "provisional"]
    assert (409, "already_settled") == await refused(shop, f"{delivery}/settlement", seller)
    (year,) = (await shop.ask("GET", f"{path}/statement", by=seller)).json()["years"]
    assert ("8000.000", "0.000", 0) == (
        year["seller_shortfall_kg"],
        year["taken_kg"],
        year["unsettled_deliveries"],
    )
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state, view"})
    assert ["non_arrival"] == [row["kind"] for row in await migrated_again(owner)]
    report = await compare_with_record(
        owner, lambda lane, upto: from_journal(shop.scene.pool, lane, upto=upto)
    )
    await owner.close()
    assert [] == [table.table for table in report.tables if table.differences]


async def test_the_timer_lets_an_uncontested_loss_stand_and_the_buyer_pays_after_risk_has_passed(
    shop: Shop,
) -> None:
    """Its passport goes nowhere else: nobody has the lot, and it leaves the loop."""
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
    path, delivery, seller, buyer = await shipped(shop, "FCA", passport=passport)
    await done(shop, f"{delivery}/non-arrival", buyer, LOSS)
    retirement, gone = f"/v1/passports/{passport}/retirements", {"reason": "lost", "note": "stolen"}
    assert (409, "lot_sold") == await refused(shop, retirement, seller, gone, version='"v1"')
    on(shop, date(2027, 4, 2))
    await publish(shop, month(3, "50.00"))
    timers = Timers(
        shop.scene.desk,
        shop.scene.operator.organisation,
        lambda kind, outcome: None,
        clock=shop.scene.clock,
    )
    assert 1 == await timers.tick()
    assert (409, "delivery_status_unfit") == await refused(
        shop, f"{delivery}/weighing", buyer, {"weighed_on": "2027-04-02", "net_wet_t": "10"}
    )
    other = {"owner": to_text("org", shop.scene.sellers[1].organisation), "transferred_on": "2027-04-02"}
    assert (409, "lot_sold") == await refused(
        shop, f"/v1/passports/{passport}/transfers", seller, other, version='"v1"'
    )
    await done(shop, retirement, seller, gone, version='"v1"')
    await done(shop, f"{delivery}/settlement", seller)
    shown = (await shop.ask("GET", delivery, by=buyer)).json()
    assert ("lost", "buyer", None) == (
        shown["status"],
        shown["non_arrival"]["risk"],
        shown["non_arrival"]["settled_by"],
    )
    (year,) = (await shop.ask("GET", f"{path}/statement", by=seller)).json()["years"]
    assert ("8000.000", "8000.000", 0) == (
        year["taken_kg"],
        year["invoiced_kg"],
        year["unsettled_deliveries"],
    )
