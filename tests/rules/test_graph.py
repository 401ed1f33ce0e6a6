"""Sections, nodes and edges of a round: canonical, complete, with tranches and credit kept."""

from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.market_events import MatchStruck
from events.market_terms import AcceptedForm, SustainabilityProfile
from events.vocabulary import INTEGER_MAX, Side, TermHorizon, Tranche
from market.rules.clearing.amounts import price_pair
from market.rules.clearing.eligibility import deliveries
from market.rules.clearing.graph import HorizonBook, Pairs, edges, horizons, section, section_name
from market.rules.quantities import largest_remainder
from market.rules.refusing.ineligibility import Ineligibility
from market.rules.tranches import tranche_shares_g
from tests.blotter import BULK, EUR, START, Lane, T, days, eur, facts_of_type, ident, member, supply_terms


def market(*names: str) -> Lane:
    lane = Lane()
    lane.admit(*(member(name) for name in names))
    return lane


def spot(lane: Lane) -> HorizonBook:
    return horizons(lane.book, lane.facts())[0]


def places(pairs: Pairs) -> list[tuple[int, int]]:
    return list(zip(pairs.seller.tolist(), pairs.buyer.tolist(), strict=True))


def term(index: str = "USGS-NdPr", year: int = 2027) -> TermHorizon:
    return TermHorizon(start_year=year, profile_ppb=(10**9,), index=index, quotation_period="M+1")


def test_orders_meet_only_within_their_horizon() -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "spot")
    lane.offer("seller", "long", term=term())
    lane.offer("seller", "later", term=term(year=2028))
    lane.require("buyer", "wanted", term=term())
    found = horizons(lane.book, lane.facts())
    assert [None, ("USGS-NdPr", 2027), ("USGS-NdPr", 2028)] == [each.horizon for each in found]
    assert [0, 1, 0] == [len(each.pairs) for each in found]


def test_section_names() -> None:
    assert "spot-firm" == section_name(None, "firm")
    assert "term/USGS-NdPr/2027-all" == section_name(("USGS-NdPr", 2027), "all")
    long = "x" * 41
    assert f"term/{sha256(long.encode()).hexdigest()[:40]}/2027-firm" == section_name((long, 2027), "firm")


def test_expired_held_and_suspended_orders_are_out() -> None:
    lane = market("seller", "buyer", "gone")
    lane.offer("seller", "expired", valid_until=START)
    lane.offer("seller", "standing", valid_until=START + timedelta(microseconds=1))
    lane.offer("gone", "suspended")
    lane.book.suspended.add(ident("gone"))
    assert [ident("standing")] == [node.order.order for node in spot(lane).sellers]


def test_each_tranche_is_a_node_and_serves_only_its_own_window() -> None:
    lane = market("seller", "buyer")
    tranches = (
        Tranche(window=days(10, 40), net_wet_g=5 * T),
        Tranche(window=days(100, 130), net_wet_g=20 * T),
    )
    lane.offer("seller", "offer", tranches=tranches)
    lane.require("buyer", "early", window=days(0, 60))
    lane.require("buyer", "late", window=days(90, 140))
    found = spot(lane)
    assert [(0, 1_120_000), (1, 4_480_000)] == [(node.tranche, node.capacity_g) for node in found.sellers]
    assert [(0, 0), (1, 1)] == places(found.pairs)
    assert [0, 1] == [struck.tranche for struck in facts_of_type(lane.round(), MatchStruck)]


def test_nodes_go_by_rank_and_the_book_may_be_in_any_order() -> None:
    lane = market("seller", "other", "buyer")
    for order in ("a", "b", "c"):
        lane.offer("seller", f"offer {order}")
        lane.require("buyer", f"requirement {order}")
    before = spot(lane)
    lane.book.supplies = dict(reversed(lane.book.supplies.items()))
    lane.book.requirements = dict(reversed(lane.book.requirements.items()))
    after = spot(lane)
    assert (before.sellers, before.buyers) == (after.sellers, after.buyers)
    for name in ("seller", "buyer", "term_total", "sustainability", "value"):
        assert getattr(before.pairs, name).tolist() == getattr(after.pairs, name).tolist()
    assert sorted(node.order.rank for node in before.sellers) == [node.order.rank for node in before.sellers]
    assert sorted(places(before.pairs)) == places(before.pairs)


def test_the_firm_section_has_firm_orders_only() -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "firm", packaging=BULK)
    lane.offer("seller", "soft", commitment="subject_to_confirmation", packaging=BULK)
    lane.require("buyer", "wanted")
    of = spot(lane)
    firm = section(of, "firm", [7, 8], [9])
    everyone = section(of, "all", [0, 8], [9])
    assert ([ident("firm")], [7], [9]) == (
        [node.order.order for node in firm.sellers],
        firm.supply.tolist(),
        firm.demand.tolist(),
    )
    assert [ident("soft")] == [node.order.order for node in everyone.sellers]
    assert [(0, 0)] == places(everyone.pairs)


def test_edges_are_worth_trading_and_zero_counts() -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "equal", ask=eur(70 * EUR), packaging=BULK)
    lane.offer("seller", "dear", ask=eur(70 * EUR + 1), packaging=BULK)
    profile = SustainabilityProfile(eu_origin_ueur_per_kg=EUR, cap_ueur_per_kg=EUR)
    lane.require("buyer", "plain")
    lane.require("buyer", "green", profile=profile)
    posed = section(spot(lane), "all", [1, 1], [1, 1])
    with_s = edges(posed)
    assert [(0, 0, 0), (0, 1, EUR), (1, 1, EUR - 1)] == list(
        zip(with_s.seller.tolist(), with_s.buyer.tolist(), with_s.value.tolist(), strict=True)
    )
    without = edges(posed, with_sustainability=False)
    assert [(0, 0), (0, 1)] == list(zip(without.seller.tolist(), without.buyer.tolist(), strict=True))


def test_a_pair_beyond_what_a_round_can_hold_is_refused_not_computed() -> None:
    lane = market("seller", "buyer")
    offer = lane.offer("seller", "offer")
    huge = AcceptedForm(form="swarf", differential_ueur_per_kg=INTEGER_MAX)
    wanted = lane.require("buyer", "huge", forms=(huge,))
    supply, requirement, facts = lane.book.supplies[offer], lane.book.requirements[wanted], lane.facts()
    delivery = deliveries(supply.terms, requirement.terms, facts.at)[0]
    priced = price_pair(supply, requirement, facts, delivery)
    sides: tuple[Side, ...] = ("seller", "buyer")
    assert Ineligibility(code="value_out_of_range", compares_price_of=sides) == priced
    assert [] == places(spot(lane).pairs)
    assert ["market.clearing.completed.v1"] == [event.type for event in lane.round()][-1:]


def test_an_amount_that_no_cent_field_holds_is_refused() -> None:
    lane = market("seller", "buyer")
    mass_g = 10**12
    lane.offer("seller", "offer", basis_g=mass_g, ask=eur(10**11), net_wet_g=mass_g)
    lane.require("buyer", "wanted", basis_g=mass_g, limit=eur(10**11))
    assert [] == places(spot(lane).pairs)


def test_credit_caps_what_a_buyer_asks_for() -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "offer", packaging=BULK)
    lane.require("buyer", "credit", payment="credit", credit_limit_cents_eur=700_050)
    assert [100_007] == [node.capacity_g for node in spot(lane).buyers]
    lane.round()
    assert 0 == spot(lane).buyers[0].capacity_g


def test_what_is_committed_of_a_tranche_stays_committed() -> None:
    lane = market("seller", "buyer")
    tranches = (
        Tranche(window=days(10, 40), net_wet_g=5 * T),
        Tranche(window=days(100, 130), net_wet_g=20 * T),
    )
    offer = lane.offer("seller", "offer", tranches=tranches)
    lane.require("buyer", "late", window=days(90, 140), basis_g=1_000_000)
    lane.round()
    order = lane.book.supplies[offer]
    # four bags of 224 kg
    assert (0, 896_000) == order.tranche_committed_g
    assert (1_120_000, 3_584_000) == order.tranche_left_g


def test_tranche_shares_add_up() -> None:
    tranches = tuple(Tranche(window=days(k, k + 1), net_wet_g=1) for k in range(3))
    assert (4, 3, 3) == tranche_shares_g(supply_terms(basis_g=10, tranches=tranches))


def test_a_tranche_too_small_for_a_gram_has_no_edge() -> None:
    lane = market("seller", "buyer")
    tranches = (
        Tranche(window=days(10, 20), net_wet_g=25 * T - 1),
        Tranche(window=days(30, 40), net_wet_g=1),
    )
    offer = lane.offer("seller", "offer", tranches=tranches, basis_g=1)
    lane.require("buyer", "wanted", window=days(0, 60))
    assert (1, 0) == lane.book.supplies[offer].tranche_left_g
    found = spot(lane)
    assert [(0, 0)] == places(found.pairs)
    assert [0] == [node.tranche for node in found.sellers]


@given(whole=st.integers(0, 10**15), weights=st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_largest_remainder_adds_up_and_is_within_one(whole: int, weights: list[int]) -> None:
    parts = largest_remainder(whole, weights)
    total = sum(weights)
    assert (whole if total else 0) == sum(parts)
    for part, weight in zip(parts, weights, strict=True):
        assert total == 0 or whole * weight // total <= part <= whole * weight // total + 1


@pytest.mark.parametrize("weights", [[1, 1, 1], [0, 5, 5, 5]])
def test_the_earlier_wins_a_tie(weights: list[int]) -> None:
    assert sorted(largest_remainder(100, weights)[-3:], reverse=True) == list(
        largest_remainder(100, weights)[-3:]
    )
