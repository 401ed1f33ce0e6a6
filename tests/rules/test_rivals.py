"""Who competes for what fits an order, of random books: pair by pair, and by columns."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from events.market_events import ClearingPlanned
from market.rules.book import SupplyOrder
from market.rules.clearing.eligibility import facts_of, reasons, rests
from market.rules.visibility import standings
from market.rules.visibility.explanations import Order, counter_orders, group_of, paired, still_open
from market.rules.visibility.standings import Alternative, OrderInRound, order_in_round, rival_groups
from tests.blotter import Lane
from tests.rules.test_pairs import any_book

ALL = 1_000


def asked_and_expected(lane: Lane) -> list[tuple[OrderInRound, ClearingPlanned, int]]:
    """Each order with all that may be said against its counter-orders, and its rivals' groups."""
    plan = lane.plan().data
    assert isinstance(plan, ClearingPlanned)
    book, facts = lane.book, facts_of(lane.book, plan.rule_set, plan.cut_time)
    found = []
    orders: tuple[Order, ...] = (*book.supplies.values(), *book.requirements.values())
    for own in orders:
        seen = order_in_round(book, plan, [], [], own.order, [])
        assert seen is not None
        counters = counter_orders(book, own, facts.at)
        against = [(counter, reasons(*paired(own, counter), facts)) for counter in counters]
        fitting = [counter for counter, reasons_against in against if not reasons_against]
        expected: set[UUID] = {
            group_of(facts, rival.organisation)
            for rival in orders
            if isinstance(rival, SupplyOrder) == isinstance(own, SupplyOrder)
            if still_open(rival, facts.at) and not rests(rival, facts)
            if any(not reasons(*paired(rival, counter), facts) for counter in fitting)
        }
        alternatives = tuple(
            Alternative(
                counter_order=counter.order,
                counter_organisation=counter.organisation,
                counter_group=group_of(facts, counter.organisation),
                reasons=reasons_against,
            )
            for counter, reasons_against in against
        )
        others = expected - {group_of(facts, own.organisation)}
        found.append((replace(seen, alternatives=alternatives), plan, len(others)))
    return found


@pytest.mark.parametrize("at_once", [2, standings.RIVALS_AT_ONCE])
def test_rivals_are_those_that_fit_what_the_order_fits(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "RIVALS_AT_ONCE", at_once)
    counts = set()
    for seed in range(2):
        lane = any_book(seed)
        for seen, plan, expected in asked_and_expected(lane):
            assert expected == rival_groups(lane.book, plan, seen, ALL)
            assert min(expected, 2) == rival_groups(lane.book, plan, seen, 2)
            counts.add(expected)
    assert {0, 1} < counts
