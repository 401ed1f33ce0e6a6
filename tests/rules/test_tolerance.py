"""The marginality tolerance: a rest too small to count, a fill too small to stand, and what both cost."""

from typing import Any

import numpy as np
import pytest

from events.clearing_terms import OrderDual
from events.market_events import ClearingCompleted, ClearingEvidence, MatchStruck
from events.vocabulary import INTEGER_MAX, PPB
from market.rules.clearing.posing import TOLERANCE, share_up
from tests.blotter import BULK, EUR, Lane, T, eur, facts_of_type, ident, member, rule_set

KG = 1_000


def market(*names: str, tolerance_percent: int = 1, **changes: Any) -> Lane:
    lane = Lane(rules=rule_set(marginality_tolerance_ppb=tolerance_percent * 10_000_000, **changes))
    lane.admit(*(member(name) for name in names))
    return lane


def duals(events: Any) -> dict[Any, OrderDual]:
    """Of the first section."""
    parts = facts_of_type(events, ClearingEvidence)
    return {dual.order: dual for part in parts if part.section == "spot-firm" for dual in part.duals}


@pytest.mark.parametrize(
    ("tolerance_percent", "wanted_g", "price"),
    [
        (0, 5_550_000, 60 * EUR),
        (1, 5_550_000, 65 * EUR),
        (1, 5_544_000, 60 * EUR),
        (1, 5_544_001, 65 * EUR),
    ],
    ids=["no tolerance", "within", "exactly 1 %", "a gram less than 1 %"],
)
def test_a_rest_below_the_tolerance_makes_no_marginal_price(
    tolerance_percent: int, wanted_g: int, price: int
) -> None:
    lane = market("seller", "buyer", tolerance_percent=tolerance_percent)
    offer = lane.offer("seller", "offer", ask=eur(60 * EUR), packaging=BULK)
    lane.require("buyer", "wanted", limit=eur(70 * EUR), basis_g=wanted_g)
    events = lane.round()
    assert [(wanted_g, price)] == [
        (struck.quantity_basis_g, struck.price_ueur_per_kg) for struck in facts_of_type(events, MatchStruck)
    ]
    found = duals(events)[offer]
    assert found.marginal
    held = price != 60 * EUR
    assert (wanted_g if held else 5_600_000, TOLERANCE if held else None) == (
        found.effective_g,
        found.effective_reason,
    )


def test_a_share_by_column_is_the_share_of_each_rounded_up() -> None:
    """Of the largest quantity the product is more than 64 bits hold."""
    amounts = [0, 1, PPB - 1, PPB, PPB + 1, INTEGER_MAX - 1, INTEGER_MAX]
    for ppb in (0, 1, 10_000_000, PPB - 1, PPB):
        expected = [-(-amount * ppb // PPB) for amount in amounts]
        assert expected == share_up(np.array(amounts), ppb).tolist()


def squeezed(tolerance_percent: int) -> Lane:
    """`dear` would sell 50 kg of its 5.6 t: what `cheap` leaves of the requirement."""
    lane = market("cheap", "dear", "buyer", tolerance_percent=tolerance_percent)
    lane.offer("cheap", "cheap", ask=eur(60 * EUR), packaging=BULK)
    lane.offer("dear", "dear", ask=eur(66 * EUR), packaging=BULK)
    lane.require("buyer", "wanted", limit=eur(70 * EUR), basis_g=5_650_000)
    return lane


def test_a_fill_below_the_tolerance_is_removed_and_the_section_solved_again() -> None:
    events = squeezed(1).round()
    assert [(ident("cheap"), 5_600_000)] == [
        (struck.supply, struck.quantity_basis_g) for struck in facts_of_type(events, MatchStruck)
    ]
    dear = duals(events)[ident("dear")]
    assert (0, 0, TOLERANCE, False) == (dear.filled_g, dear.effective_g, dear.effective_reason, dear.marginal)
    # the 50 kg that the requirement lacks are below its own tolerance: both sides share
    assert [65 * EUR] == [struck.price_ueur_per_kg for struck in facts_of_type(events, MatchStruck)]


def test_what_the_tolerance_costs_is_published_as_the_gap_to_the_bound() -> None:
    result = facts_of_type(squeezed(1).round(), ClearingCompleted)[0].sections[0]
    assert (50 * KG * 4 * EUR, 1) == (int(result.gap or "-1"), result.removed_orders)
    assert int(result.welfare) + int(result.gap or "-1") == int(result.relaxed_bound or "-1")
    assert result.dual_bound == result.welfare


def test_without_a_tolerance_everything_trades_and_nothing_is_lost() -> None:
    events = squeezed(0).round()
    result = facts_of_type(events, ClearingCompleted)[0].sections[0]
    assert ("0", 0, 2) == (result.gap, result.removed_orders, result.trades)
    assert {66 * EUR} == {struck.price_ueur_per_kg for struck in facts_of_type(events, MatchStruck)}


def test_a_sliver_left_of_a_firm_order_does_not_trade_in_the_next_part() -> None:
    lane = market("seller", "firm", "other")
    lane.offer("seller", "offer", packaging=BULK)
    lane.require("firm", "firm", basis_g=5_550_000)
    lane.require("other", "other", basis_g=T, commitment="subject_to_confirmation")
    events = lane.round()
    assert ["spot-firm"] == [struck.section for struck in facts_of_type(events, MatchStruck)]
    second = facts_of_type(events, ClearingCompleted)[0].sections[1]
    assert (1, "0") == (second.removed_orders, second.welfare)


def test_removals_that_cause_removals_settle() -> None:
    """A chain of offers and requirements, each just larger than the one before: no end in sight, but one."""
    names = [f"s{k}" for k in range(8)], [f"b{k}" for k in range(8)]
    lane = market(*names[0], *names[1], tolerance_percent=30)
    for k in range(8):
        lane.offer(f"s{k}", f"offer {k}", ask=eur((60 + k) * EUR), packaging=BULK)
        lane.require(f"b{k}", f"wanted {k}", limit=eur((75 - k) * EUR), basis_g=4_000_000 + 300_000 * k)
    found = duals(lane.round())
    for dual in found.values():
        assert dual.filled_g == 0 or dual.filled_g * 100 >= 30 * dual.capacity_g
    assert any(dual.effective_reason == TOLERANCE for dual in found.values())


def test_with_every_gram_required_only_whole_orders_trade() -> None:
    lane = market("seller", "a", "b", tolerance_percent=100)
    lane.offer("seller", "offer", packaging=BULK)
    lane.require("a", "a", basis_g=3_600_000)
    lane.require("b", "b", basis_g=2_000_000)
    found = duals(lane.round())
    assert {5_600_000, 3_600_000, 2_000_000} == {dual.filled_g for dual in found.values()}
