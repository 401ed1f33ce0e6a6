"""Which trades and orders the public tape tells, where only one side or one party would let them be told."""

from typing import Any

import pytest

from events.market_events import MatchConfirmed, MatchStruck
from events.vocabulary import Tranche
from market.rules.viewers import public_id
from market.rules.visibility.tape import TapeTrade, public_book
from tests.blotter import MARKET, Lane, T, days, facts_of_type, ident, member
from tests.rules.test_visibility import KEY, PUBLIC, REMHUB, Watched

SOFT = "subject_to_confirmation"


def market() -> Watched:
    lane = Watched()
    names = [f"{side}{k}" for side in ("seller", "buyer") for k in range(6)]
    lane.admit(*(member(name, initiatives=("remhub",)) for name in names))
    return lane


def confirm(lane: Lane, struck: MatchStruck) -> str:
    """The public id of what is now a trade."""
    match = lane.book.matches[struck.match]
    lane.add(
        MatchConfirmed(
            market=MARKET,
            match=struck.match,
            supply=struck.supply,
            requirement=struck.requirement,
            quantity_basis_g=struck.quantity_basis_g,
            seller=match.seller,
            buyer=match.buyer,
        )
    )
    return public_id(KEY, "public.trades.v1", struck.match)


def trades(lane: Watched, viewer: Any) -> list[str]:
    return [line.id for line in lane.seen(viewer) if isinstance(line, TapeTrade)]


@pytest.mark.parametrize(("sellers", "buyers"), [(5, 5), (5, 4), (4, 5)])
def test_a_trade_is_told_where_both_sides_are_a_crowd_with_what_open_matches_hold(
    sellers: int, buyers: int
) -> None:
    lane = market()
    for k in range(sellers):
        lane.offer(f"seller{k}", f"offer {k}", commitment=SOFT)
    for k in range(buyers):
        lane.require(f"buyer{k}", f"wanted {k}", commitment=SOFT)
    lane.round()
    struck = facts_of_type(lane.events, MatchStruck)
    assert min(sellers, buyers) == len(struck)
    trade = confirm(lane, struck[0])
    assert ([trade] if sellers == buyers else []) == trades(lane, PUBLIC)


@pytest.mark.parametrize("hidden", ["offer 0", "wanted 0"])
def test_a_trade_of_an_order_for_an_initiative_is_on_its_tape_only(hidden: str) -> None:
    lane = market()
    for k in range(6):
        for post, name, order in (
            (lane.offer, f"seller{k}", f"offer {k}"),
            (lane.require, f"buyer{k}", f"wanted {k}"),
        ):
            named: Any = {"visible_to_initiatives": ("remhub",)} if order == hidden else {}
            post(name, order, commitment=SOFT, **named)
    lane.round()
    struck = facts_of_type(lane.events, MatchStruck)
    (of_hidden,) = (each for each in struck if ident(hidden) in (each.supply, each.requirement))
    other = next(each for each in struck if each is not of_hidden)
    ids = [confirm(lane, of_hidden), confirm(lane, other)]
    assert (ids, ids[1:]) == (trades(lane, REMHUB), trades(lane, PUBLIC))


def test_an_order_that_a_match_holds_whole_is_not_in_the_public_book() -> None:
    lane = market()
    for k in range(6):
        lane.offer(f"seller{k}", f"offer {k}", commitment=SOFT)
    lane.require("buyer0", "wanted", commitment=SOFT)
    lane.round()
    (struck,) = facts_of_type(lane.events, MatchStruck)
    open_ids = {ident(f"offer {k}") for k in range(6)} - {struck.supply}
    assert {public_id(KEY, "public.supply-offers.v1", order) for order in open_ids} == {
        line.id for line in public_book(lane.book, PUBLIC)
    }


def test_an_offer_in_tranches_is_shown_from_the_first_start_to_the_last_end() -> None:
    lane = market()
    spans = ((70, 100), (10, 40), (40, 70))
    parts = tuple(Tranche(window=days(*span), net_wet_g=5 * T) for span in spans)
    for k in range(5):
        lane.offer(f"seller{k}", f"offer {k}", net_wet_g=15 * T, tranches=parts)
    assert {("2026-03", "2026-06")} == {
        (line.start_month, line.end_month) for line in public_book(lane.book, PUBLIC)
    }
