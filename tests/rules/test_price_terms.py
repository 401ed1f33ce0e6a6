"""The formulas that a market and an agreement share, at the last micro-EUR."""

from fractions import Fraction

import numpy as np
import pytest

from contracts.rules.price_terms import Clamped, clamped, co_product_ueur, recycled_ueur
from events.market_terms import CoProductBid, SustainabilityProfile
from events.vocabulary import PPB, RecycledContent
from market.rules.assignment import Problem
from market.rules.clearing.prices import Surpluses, components, forgone
from tests.blotter import rule_set


def bid(analyte: str, payable_ppb: int = PPB) -> CoProductBid:
    return CoProductBid(analyte=analyte, payable_ppb=payable_ppb, max_ratio_ppb=PPB)


def posed(sellers: int, buyers: int, *edges: tuple[int, int, int]) -> Problem:
    """Of one gram each; an edge is seller, buyer and value."""
    seller, buyer, value = np.array(edges, dtype=np.int64).reshape(-1, 3).T
    one = np.ones(sellers, dtype=np.int64), np.ones(buyers, dtype=np.int64)
    return Problem(*one, seller.astype(np.int32), buyer.astype(np.int32), value)


@pytest.mark.parametrize("order", ["Dy Tb Gd", "Tb Dy Gd", "Gd Tb Dy"])
def test_co_products_add_up_whichever_has_a_price_that_is_no_whole_number(order: str) -> None:
    """A half of 7/3, a half of 5/2 and a half of 5 are 4.9166."""
    prices: dict[str, Fraction | int] = {"Dy": Fraction(7, 3), "Tb": Fraction(5, 2), "Gd": 5}
    bids = [bid(analyte) for analyte in order.split()]
    ratios = dict.fromkeys(prices, PPB // 2)
    assert 4 == co_product_ueur(bids, ratios, lambda each: prices[each.analyte])
    assert 9 == co_product_ueur([*bids, *bids], ratios, lambda each: prices[each.analyte])


def test_a_recycled_amount_is_rounded_down_once() -> None:
    """Half of 1 and half of 2 micro-EUR are one and a half, and half of 1 twice is one."""
    halves = RecycledContent(post_consumer_ppb=PPB // 2, pre_consumer_ppb=PPB // 2)
    for pre, worth in ((2, 1), (1, 1), (0, 0)):
        profile = SustainabilityProfile(post_consumer_ueur_per_kg=1, pre_consumer_ueur_per_kg=pre)
        assert worth == recycled_ueur(halves, profile)


@pytest.mark.parametrize(
    ("recycled", "rex", "paid"),
    [(1, 1, (1, 0)), (1, 2, (0, 2)), (2, 1, (2, 0)), (-1, 1, (-1, 1)), (1, -1, (1, -1)), (0, 1, (0, 1))],
)
def test_of_two_amounts_above_zero_the_larger_counts(recycled: int, rex: int, paid: tuple[int, int]) -> None:
    profile = SustainabilityProfile(floor_ueur_per_kg=-9, cap_ueur_per_kg=9)
    assert Clamped(*paid, 0) == clamped(profile, rule_set(), others=0, recycled=recycled, rex=rex)


def test_an_order_that_was_left_out_looks_in_the_money_by_what_its_best_counter_order_leaves_it() -> None:
    """The first seller's best is 9 less 4, the third's nothing; the second stayed, and so did both buyers."""
    problem = posed(3, 2, (0, 0, 6), (0, 1, 9), (1, 0, 8), (2, 1, 3))
    chosen = Surpluses(np.array([0, 7, 2]), np.array([5, 4]))
    sellers, buyers = forgone(problem, chosen, ((0, 2), ()))
    assert ([5, 7, 0], [5, 4]) == (sellers.tolist(), buyers.tolist())
    sellers, buyers = forgone(problem, chosen, ((), (1,)))
    assert ([0, 7, 2], [5, 9]) == (sellers.tolist(), buyers.tolist())


def test_orders_without_an_edge_are_of_no_component() -> None:
    """The first and the last of both sides fit nobody."""
    problem = posed(5, 4, (1, 2, 5), (2, 1, 5), (3, 1, 5))
    assert [([1], [2]), ([2, 3], [1])] == components(problem)
    assert [([0], [1]), ([1], [0])] == components(posed(2, 2, (0, 1, 5), (1, 0, 5)))
    assert [] == components(posed(2, 2))
