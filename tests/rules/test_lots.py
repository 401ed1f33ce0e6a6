"""Recovered-material lots: listing, grading, and the reservation of the same tonnes."""

import pytest
from msgspec.structs import replace

from events.market_events import (
    RecoveredLotAmended,
    RecoveredLotExpired,
    RecoveredLotGraded,
    RecoveredLotListed,
    RecoveredLotWithdrawn,
)
from events.material_events import LotReleased, LotReserved
from events.passport_terms import OriginShare
from events.vocabulary import PPB, PhysicalLot, StatedPrice, lane_of
from market.rules.book import SupplyOrder
from market.rules.orders import lots, offers
from market.rules.orders.lots import GradeLot, ReleaseLot, ReleaseState
from market.rules.orders.orders import Expire, Reservation, Withdraw
from market.rules.orders.reservations import identity
from market.rules.passports.passports import IssuePassport
from tests.desk_support import (
    LANES,
    MARKET,
    MILLION,
    OPERATOR_CALLER,
    ORDER,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    STRANGER,
    STRANGER_TRADER,
    SWARF,
    amend_supply,
    blotter,
    day,
    facts,
    lot,
    moment,
    numbered,
    post_supply,
    posting,
    supply_order,
    supply_state,
    swarf,
)
from tests.passport_support import Ledger, content, site

GRADE = GradeLot(
    caller=SELLER_TRADER, order=ORDER, expected_version=1, condition="B", inspector="inspector-de-1"
)
WITHDRAW = Withdraw(caller=SELLER_TRADER, order=ORDER, expected_version=1)
EXPIRE = Expire(caller=OPERATOR_CALLER, order=ORDER)
RELEASE = ReleaseLot(caller=OPERATOR_CALLER, order=ORDER)


def listed(**changes: object) -> SupplyOrder:
    return replace(supply_order(lot(condition="A"), kind="lot"), **changes)


def reservation(**changes: object) -> Reservation:
    held = Reservation(identity="x", organisation=SELLER, market=MARKET, order=ORDER)
    return replace(held, **changes)


def test_a_lot_names_its_tonnes_and_a_route() -> None:
    assert [("physical_lot_missing", "/physical_lot"), ("rex_route_missing", "/rex_routes")] == blotter(
        lambda: lots.list_lot(posting(), post_supply(swarf()), moment())
    )


def test_the_same_lot_is_not_listed_twice() -> None:
    for held, code in (
        (reservation(), "lot_already_reserved"),
        (reservation(released=True, sold=True), "lot_already_sold"),
    ):
        state = posting(reservation=held)
        assert [(code, "/physical_lot")] == blotter(
            lambda state=state: lots.list_lot(state, post_supply(lot()), moment())  # type: ignore[misc]
        )
    again = posting(reservation=reservation(released=True))
    assert [] == blotter(lambda: lots.list_lot(again, post_supply(lot()), moment()))


def test_a_lot_is_known_by_its_passport_else_by_owner_site_and_number() -> None:
    bare = PhysicalLot(site=SELLER_SITE, lot_number="L1")
    assert f"{SELLER}/{SELLER_SITE}/L1" == identity(SELLER, bare)
    passport = replace(bare, passport=numbered(77))
    assert str(numbered(77)) == identity(SELLER, passport) == identity(STRANGER, passport)


def test_a_listed_lot_is_reserved_in_the_lane_of_its_identity() -> None:
    passport = PhysicalLot(site=SELLER_SITE, lot_number="LOT-1", passport=numbered(77))
    found = Ledger(site())
    stated = content(
        SELLER_SITE,
        net_wet_g=25_000_000,
        composition=SWARF,
        origin=(OriginShare(stage="recycling", country="FR", share_ppb=PPB, source="a dismantler"),),
    )
    found.issue(IssuePassport(caller=SELLER_TRADER, passport=numbered(77), content=stated), moment())
    state = posting(passport=found.passports[numbered(77)])
    decision = lots.list_lot(state, post_supply(lot(physical_lot=passport)), moment())
    fact, reserved = facts(decision)
    assert isinstance(fact, RecoveredLotListed)
    assert isinstance(reserved, LotReserved)
    assert (fact.lot, str(numbered(77))) == (reserved.order, reserved.identity)
    assert lane_of(str(numbered(77)), LANES) == decision.drafts[1].lane


def test_grading_is_the_only_way_to_a_condition() -> None:
    state = supply_state(listed())
    assert [("condition_by_grading", "/condition")] == blotter(
        lambda: lots.amend(state, amend_supply(lot(condition="C", payment_terms="cash")), moment())
    )
    (fact,) = facts(lots.grade(state, GRADE, moment()))
    assert isinstance(fact, RecoveredLotGraded)
    assert ("B", "inspector-de-1") == (fact.condition, fact.inspector)


def test_a_grade_is_refused_to_strangers_for_nothing_new_or_while_the_round_computes() -> None:
    state = supply_state(listed())
    for argument, known, expected in (
        (replace(GRADE, caller=STRANGER_TRADER), state, ("order_unknown", None)),
        (replace(GRADE, condition="A"), state, ("no_change", None)),
        (replace(GRADE, expected_version=2), state, ("version_stale", None)),
        (GRADE, replace(state, plan_cut=40), ("clearing_in_progress", None)),
        (GRADE, supply_state(supply_order()), ("order_unknown", None)),
        (replace(GRADE, inspector="\x07"), state, ("malformed_member", "/inspector")),
    ):
        assert [expected] == blotter(
            lambda known=known, argument=argument: lots.grade(known, argument, moment())  # type: ignore[misc]
        )


def test_an_amended_lot_keeps_condition_and_route() -> None:
    state = supply_state(listed())
    cheaper = lot(ask=StatedPrice(amount_micro=MILLION, currency="EUR", per="dry"))
    (fact,) = facts(lots.amend(state, amend_supply(cheaper), moment()))
    assert isinstance(fact, RecoveredLotAmended)
    assert ("A", False) == (fact.terms.condition, fact.keeps_rank)
    assert [("rex_route_missing", "/rex_routes")] == blotter(
        lambda: lots.amend(state, amend_supply(replace(cheaper, rex_routes=())), moment())
    )
    assert [("rex_route_missing", "/rex_routes"), ("condition_by_grading", "/condition")] == blotter(
        lambda: lots.amend(state, amend_supply(replace(cheaper, rex_routes=(), condition="D")), moment())
    )
    assert [("order_unknown", None)] == blotter(
        lambda: lots.amend(supply_state(supply_order()), amend_supply(cheaper), moment())
    )
    assert [("order_unknown", None)] == blotter(lambda: offers.amend(state, amend_supply(cheaper), moment()))


def test_withdrawal_and_expiry_release_the_lot() -> None:
    state = supply_state(listed())
    withdrawn, released = facts(lots.withdraw(state, WITHDRAW, moment()))
    assert isinstance(withdrawn, RecoveredLotWithdrawn)
    assert isinstance(released, LotReleased)
    assert ("withdrawn", ORDER) == (released.reason, released.order)
    expired, released = facts(lots.expire(state, EXPIRE, moment(day(6, 2))))
    assert isinstance(expired, RecoveredLotExpired)
    assert isinstance(released, LotReleased)
    assert "expired" == released.reason


@pytest.mark.parametrize(("status", "reason"), [("withdrawn", "withdrawn"), ("expired", "expired")])
def test_a_lot_that_was_held_when_it_closed_is_released_later(status: str, reason: str) -> None:
    closed = listed(status=status)
    state = ReleaseState(lanes=LANES, order=closed, reservation=reservation())
    for order, expected in ((closed, reason), (replace(closed, filled_g=1), "sold")):
        (fact,) = facts(lots.release(replace(state, order=order), RELEASE, moment()))
        assert isinstance(fact, LotReleased)
        assert expected == fact.reason


def test_a_sold_lot_is_released_once_and_by_the_operator() -> None:
    sold = listed(status="sold", filled_g=5_600_000)
    state = ReleaseState(lanes=LANES, order=sold, reservation=reservation())
    assert [] == blotter(lambda: lots.release(state, RELEASE, moment()))
    assert [("role_missing", None)] == blotter(
        lambda: lots.release(state, replace(RELEASE, caller=SELLER_TRADER), moment())
    )
    for changes, code in (
        ({"order": None}, "order_unknown"),
        ({"order": listed()}, "order_still_open"),
        ({"order": replace(sold, status="withdrawn", held_g=1)}, "order_still_open"),
        ({"reservation": None}, "reservation_unknown"),
        ({"reservation": reservation(released=True)}, "reservation_unknown"),
        ({"reservation": reservation(order=numbered(66))}, "reservation_unknown"),
    ):
        changed = replace(state, **changes)
        assert [(code, None)] == blotter(
            lambda changed=changed: lots.release(changed, RELEASE, moment())  # type: ignore[misc]
        )
