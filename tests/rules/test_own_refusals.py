"""What keeps an order from every trade by its owner's own doing: told before a round, whoever is there."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.market_events import MemberSuspended
from market.rules.visibility.explanations import by_itself, candidates
from market.rules.visibility.own_side import OwnReason, own_candidates
from tests.blotter import EUR, START, Lane, T, days, eur, ident, member


def told(lane: Lane, order: UUID, name: str) -> tuple[OwnReason, ...]:
    own = lane.book.supplies.get(order) or lane.book.requirements[order]
    seen = own_candidates(by_itself(lane.book, lane.facts(), own), ident(name), 0, None)
    assert seen is not None
    assert ("withheld", "untaken", None) == (seen.standing, seen.withheld, seen.eligible)
    return seen.reasons


def market() -> tuple[Lane, UUID, UUID]:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    offer = lane.offer("seller", "offer", ask=eur(60 * EUR), minimum_parcel_wet_g=5 * T)
    return lane, offer, lane.require("buyer", "wanted", basis_g=T)


def test_an_order_with_nothing_of_its_own_against_it_is_told_nothing() -> None:
    lane, offer, wanted = market()
    assert () == told(lane, offer, "seller") == told(lane, wanted, "buyer")


def test_who_is_suspended_is_told_that_and_nothing_else() -> None:
    lane, offer, _ = market()
    lane.add(MemberSuspended(market=lane.book.market, organisation=ident("seller"), reason="test"))
    assert ["not_available"] == [each.code for each in told(lane, offer, "seller")]


@pytest.mark.parametrize(("late", "codes"), [(0, []), (1, ["sanctions_screening_expired"])])
def test_an_expired_screening_is_told_to_its_own_side_with_its_day(late: int, codes: list[str]) -> None:
    lane = Lane()
    until = START + timedelta(days=30)
    lane.admit(member("seller", sanctions_screened_until=until), member("buyer"))
    offer = lane.offer("seller", "offer", valid_until=days(0, 60).end)
    wanted = lane.require("buyer", "wanted", valid_until=days(0, 60).end)
    lane.now = until + timedelta(seconds=late)
    assert codes == [each.code for each in told(lane, offer, "seller")]
    assert [until.date().isoformat()] * late == [each.own_figure for each in told(lane, offer, "seller")]
    assert () == told(lane, wanted, "buyer")


def test_a_pending_licence_and_a_parcel_above_what_is_left_are_told() -> None:
    lane = Lane()
    lane.admit(member("seller"), member("buyer"))
    offer = lane.offer("seller", "offer", minimum_parcel_wet_g=25 * T, export_licence="pending")
    lane.book.supplies[offer] = replace(lane.book.supplies[offer], filled_g=1)
    assert [
        ("export_licence_pending", None, None),
        ("parcel_too_large", "offer", "parcel 5600.000 kg, left 5599.999 kg"),
    ] == [(each.code, each.subject, each.own_figure) for each in told(lane, offer, "seller")]
    wanted = lane.require("buyer", "wanted", basis_g=T, minimum_parcel_g=2 * T)
    assert [("parcel_too_large", "requirement", "parcel 2000.000 kg, left 1000.000 kg")] == [
        (each.code, each.subject, each.own_figure) for each in told(lane, wanted, "buyer")
    ]


def test_what_a_round_found_of_it_is_not_told_twice() -> None:
    lane, _, _ = market()
    licensed = lane.offer("seller", "pending", export_licence="pending")
    own = lane.book.supplies[licensed]
    alone = by_itself(lane.book, lane.facts(), own)
    taken = candidates(lane.book, lane.facts(), licensed)
    seen = own_candidates(alone, ident("seller"), lane.book.position, taken)
    assert seen is not None
    assert ["export_licence_pending"] == [each.code for each in seen.reasons]
