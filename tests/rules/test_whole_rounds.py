"""Rounds of lots in packages and of orders with minima: what trades, what is listed, what the check finds."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from events.clearing_terms import OrderDual
from events.market_events import ClearingCompleted, ClearingEvidence, MatchStruck
from events.vocabulary import Packaging, Tranche
from market.rules.clearing.posing import INDIVISIBLE, MINIMUM
from tests.blotter import EUR, Lane, T, days, eur, facts_of_type, ident, member, rule_set
from tests.rules.small_rounds import posed
from tests.rules.test_certificate import faults

BAG_G = 224_000


def market(*names: str) -> Lane:
    """Without a marginality tolerance; lots are 25 bags of 224 kg of NdPr."""
    lane = Lane(rules=rule_set(marginality_tolerance_ppb=0))
    lane.admit(*(member(name) for name in names))
    return lane


def evidence(lane: Lane) -> tuple[Any, list[Any]]:
    of, recorded = posed(lane, lane.plan())
    facts = [draft.data for draft in recorded]
    assert [] == faults(of, facts)
    return of, facts


def of_order(facts: list[Any], order: str) -> OrderDual:
    """In the first section."""
    parts = [fact for fact in facts if isinstance(fact, ClearingEvidence)]
    return next(dual for part in parts for dual in part.duals if dual.order == ident(order))


def struck(facts: list[Any]) -> list[tuple[Any, int]]:
    return [(fact.supply, fact.quantity_basis_g) for fact in facts if isinstance(fact, MatchStruck)]


def test_a_trade_is_whole_packages_of_whole_mass() -> None:
    """5 t are 22 bags and 72 kg: the rest does not trade."""
    lane = market("seller", "buyer")
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted", basis_g=5 * T)
    _, facts = evidence(lane)
    (match,) = [fact for fact in facts if isinstance(fact, MatchStruck)]
    assert (22 * BAG_G, 22 * T, 22_000) == (
        match.quantity_basis_g,
        match.product_wet_g,
        match.packages_thousandths,
    )
    completed = facts[-1]
    assert isinstance(completed, ClearingCompleted)
    assert str(72_000 * 10 * EUR) == completed.sections[0].gap


def test_grams_of_a_bag_that_are_no_integer_add_up_over_the_trades() -> None:
    """A bag of 312 347 g of product carries 69 965.728 g: two of them 139 931."""
    lane = market("seller", "a", "b")
    lane.offer("seller", "offer", packaging=Packaging(unit="drum", package_wet_g=312_347))
    for name in ("a", "b"):
        lane.require(name, name, basis_g=70_000)
    _, facts = evidence(lane)
    assert [69_966, 69_965] == sorted((grams for _, grams in struck(facts)), reverse=True)
    wet = [fact.product_wet_g for fact in facts if isinstance(fact, MatchStruck)]
    assert [312_347, 312_347] == wet


def test_a_lot_that_cannot_be_sold_whole_is_listed_with_what_it_forgoes() -> None:
    """The buyer of 6 t takes `first` and could take one bag of `second`, which sells all or nothing."""
    lane = market("first", "second", "buyer")
    lane.offer("first", "first", ask=eur(60 * EUR))
    lane.offer("second", "second", ask=eur(64 * EUR), all_or_nothing=True)
    lane.require("buyer", "wanted", basis_g=6 * T)
    _, facts = evidence(lane)
    assert [(ident("first"), 25 * BAG_G)] == struck(facts)
    second, wanted = of_order(facts, "second"), of_order(facts, "wanted")
    assert (MINIMUM, 0, 0) == (second.effective_reason, second.effective_g, second.filled_g)
    assert 6 * EUR - wanted.surplus_ueur_per_kg == second.forgone_ueur_per_kg
    assert of_order(facts, "first").forgone_ueur_per_kg is None


@pytest.mark.parametrize(("bags", "traded"), [(24, True), (25, True), (26, False)])
def test_a_minimum_counts_all_trades_of_a_requirement(bags: int, traded: bool) -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted", basis_g=7 * T, minimum_quantity_g=bags * BAG_G)
    _, facts = evidence(lane)
    assert ([(ident("offer"), 25 * BAG_G)] if traded else []) == struck(facts)
    assert (None if traded else MINIMUM) == of_order(facts, "wanted").effective_reason


def test_a_pair_whose_least_match_is_too_large_is_no_edge() -> None:
    """21 bags are the least that the seller gives to one buyer: 20 of them fit what is wanted."""
    lane = market("seller", "buyer")
    lane.offer("seller", "offer", minimum_parcel_wet_g=21 * T)
    lane.require("buyer", "wanted", basis_g=21 * BAG_G - 1)
    _, facts = evidence(lane)
    assert (0, []) == (facts[-1].sections[0].edge_count, struck(facts))


def test_a_tranche_without_a_whole_package_is_in_no_section() -> None:
    lane = market("seller", "buyer")
    tranches = (Tranche(window=days(10, 20), net_wet_g=T - 1), Tranche(window=days(10, 40), net_wet_g=3 * T))
    lane.offer("seller", "offer", net_wet_g=4 * T - 1, tranches=tranches)
    lane.require("buyer", "wanted")
    _, facts = evidence(lane)
    assert [1] == [fact.tranche for fact in facts if isinstance(fact, MatchStruck)]
    parts = [fact for fact in facts if isinstance(fact, ClearingEvidence)]
    assert [1] == [dual.tranche for dual in parts[0].duals if dual.side == "seller"]


def test_packages_left_by_a_round_are_sold_by_the_next() -> None:
    lane = market("seller", "a", "b")
    lane.offer("seller", "offer")
    lane.require("a", "a", basis_g=10 * BAG_G)
    lane.round()
    lane.require("b", "b")
    second = facts_of_type(lane.round(), MatchStruck)
    assert [15 * BAG_G] == [fact.quantity_basis_g for fact in second]


def changed(facts: list[Any], grams: Callable[[int], int], *, cut: str | None = None) -> list[Any]:
    """The one trade of the evidence with other grams; both orders then listed as cut."""

    def change(part: ClearingEvidence) -> ClearingEvidence:
        falls = tuple(
            replace(fall, quantity_basis_g=grams(fall.quantity_basis_g)) for fall in part.waterfalls
        )
        filled = sum(fall.quantity_basis_g for fall in falls)
        duals = tuple(
            replace(dual, filled_g=filled, effective_g=filled, effective_reason=cut) for dual in part.duals
        )
        return replace(part, waterfalls=falls, duals=duals)

    return [change(fact) if isinstance(fact, ClearingEvidence) else fact for fact in facts]


@pytest.mark.parametrize(
    "taken_g",
    [1, BAG_G - 1, BAG_G, 3 * BAG_G, 25 * BAG_G - 1],
    ids=["a gram", "all but a gram of a bag", "a bag", "three bags", "all but a gram"],
)
def test_what_is_shaved_off_a_trade_is_named_though_both_orders_are_listed_as_cut(taken_g: int) -> None:
    """Effective capacities fit the flow, and the duals prove it best of what they leave."""
    lane = market("seller", "buyer")
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted")
    of, facts = evidence(lane)
    bad = changed(facts, lambda grams: grams - taken_g, cut=INDIVISIBLE)
    assert ["waterfalls/0/quantity_basis_g"] == list(dict.fromkeys(faults(of, bad)))


def test_less_than_a_minimum_or_a_parcel_is_named() -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "offer", all_or_nothing=True, minimum_parcel_wet_g=20 * T)
    lane.require("buyer", "wanted", minimum_quantity_g=21 * BAG_G)
    of, facts = evidence(lane)
    bad = changed(facts, lambda grams: grams - 6 * BAG_G, cut=INDIVISIBLE)
    assert len(faults(of, bad)) == 4


def test_a_reason_that_an_order_cannot_have_is_named() -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted")
    of, facts = evidence(lane)
    assert "duals/0/effective_reason" in faults(of, changed(facts, lambda grams: grams, cut=MINIMUM))
