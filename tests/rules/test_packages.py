"""Packages in exact proportions: what fits, what is needed, and grams that add up."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.rules.optimum.problem import AssignmentError
from market.rules.packages import (
    Divisibility,
    carried_g,
    exact_columns,
    fits,
    least_packages,
    packages_g,
    packages_needed,
    packages_within,
    ratios_of,
    tradable,
)
from market.rules.rounding import spread_missing
from tests.rules.whole_books import book, divided

a_package = st.builds(
    lambda more, parts: 1 + Fraction(more, parts), st.integers(0, 10**9), st.integers(1, 1000)
)


@given(st.integers(0, 10**12), a_package)
def test_the_most_packages_within_and_the_fewest_needed(grams: int, package_g: Fraction) -> None:
    within, needed = packages_within(grams, package_g), packages_needed(grams, package_g)
    assert packages_g(within, package_g) <= grams < packages_g(within + 1, package_g)
    assert packages_g(needed, package_g) >= grams
    assert needed == 0 or packages_g(needed - 1, package_g) < grams


def spread(counts: list[int], package_g: Fraction, room_g: list[int]) -> list[int]:
    """Grams of one seller's trades of so many packages."""
    grams = np.array([packages_g(count, package_g) for count in counts])
    ends = np.zeros(len(counts), dtype=np.int32), np.arange(len(counts), dtype=np.int32)
    packages, is_open = np.array(counts), np.ones(len(counts), dtype=np.bool_)
    over, under = exact_columns(ratios_of([package_g]), np.array([sum(counts)]), 0)
    spread_missing(ends, (over, under), (packages, grams), np.array(room_g), is_open)
    return list(map(int, grams))


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), a_package)
def test_grams_of_a_lots_trades_add_up_where_buyers_have_room(counts: list[int], package_g: Fraction) -> None:
    floors = [packages_g(count, package_g) for count in counts]
    grams = spread(counts, package_g, [1] * len(counts))
    assert packages_g(sum(counts), package_g) == sum(grams)
    assert all(0 <= gram - floor <= 1 for gram, floor in zip(grams, floors, strict=True))
    assert floors == spread(counts, package_g, [0] * len(counts))


def test_the_largest_remainder_gets_the_missing_gram() -> None:
    assert [3, 2] == spread([2, 1], Fraction(5, 3), [5, 5])
    assert [1, 2, 2] == spread([1, 1, 1], Fraction(5, 3), [0, 5, 5])


def test_grams_too_large_for_int64_are_spread_as_well() -> None:
    package_g = Fraction(2**60 + 1, 3)
    assert spread([1, 1], package_g, [1, 1]) == [
        packages_g(1, package_g) + 1,
        packages_g(2, package_g) - packages_g(1, package_g) - 1,
    ]


def test_sellers_take_a_buyers_room_one_after_the_other_and_closed_trades_none() -> None:
    seller, buyer = np.array([1, 0, 0, 1], dtype=np.int32), np.array([0, 0, 1, 1], dtype=np.int32)
    package = np.array([5, 5]), np.array([3, 3])
    packages, room_g = np.array([1, 1, 1, 1]), np.array([1, 5])
    grams = np.array([1, 1, 1, 1])
    spread_missing((seller, buyer), package, (packages, grams), room_g, np.array([True, True, True, False]))
    assert ([2, 1, 2, 1], [0, 4]) == (grams.tolist(), room_g.tolist())


def test_pairs_whose_least_match_is_more_than_a_side_has_are_no_edges() -> None:
    terms = divided(
        [(3, 10), (5, 1)], [9, 30], seller_parcel=(0, 5), buyer_parcel_g=(0, 11), seller_minimum=(0, 0)
    )
    seller, buyer = np.array([0, 0, 1, 1], dtype=np.int32), np.array([0, 1, 0, 1], dtype=np.int32)
    assert [False, True, True, False] == tradable(terms, np.array([9, 30]), seller, buyer).tolist()
    assert [1, 2, 5, 11] == [
        least_packages(terms, int(giver), int(taker)) for giver, taker in zip(seller, buyer, strict=True)
    ]


def test_least_matches_are_exact_where_64_bits_do_not_hold_what_lies_between() -> None:
    terms = Divisibility(
        package_g=(Fraction(10**15 + 1, 10**6),),
        packages=(10**9,),
        seller_parcel=(0,),
        buyer_parcel_g=(10**18 + 1_000, 10**18 + 1_001),
        seller_order=(0,),
        buyer_order=(0, 1),
        seller_minimum=(0,),
        buyer_minimum_g=(0, 0),
    )
    seller, buyer = np.array([0, 0], dtype=np.int32), np.array([0, 1], dtype=np.int32)
    demand = np.array([10**18 + 1_000, 2 * 10**18])
    assert [True, False] == tradable(terms, demand, seller, buyer).tolist()
    assert [10**9, 10**9 + 1] == [least_packages(terms, 0, int(taker)) for taker in buyer]
    assert [10**18 + 1_000] == carried_g(terms.packages, terms.ratios).tolist()


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"seller_parcel": (-1,)}, "seller_parcel must be at least 0"),
        ({"package_g": (Fraction(1, 2),)}, "package_g must be at least 1"),
        ({"buyer_parcel_g": (1, 1)}, "entries differ in number"),
    ],
)
def test_limits_that_make_no_sense(limits: dict[str, Any], told: str) -> None:
    with pytest.raises(AssignmentError, match=told):
        divided([(3, 10)], [30], **limits)


def test_a_seller_without_a_package() -> None:
    with pytest.raises(AssignmentError, match="packages must be at least 1"):
        divided([(0, 10)], [30])


def test_one_minimum_for_all_nodes_of_an_order() -> None:
    with pytest.raises(AssignmentError, match="seller_minimum differs"):
        divided([(3, 10), (3, 10)], [30], seller_order=(0, 0), seller_minimum=(3, 2))


def test_terms_of_another_problem() -> None:
    posed, terms = book([(3, 10)], [30], [(0, 0, 5)])
    fits(posed, terms)
    with pytest.raises(AssignmentError, match=r"supply\[0\] is 30, its packages carry 27"):
        fits(posed, divided([(3, 9)], [30]))
    with pytest.raises(AssignmentError, match="of another problem"):
        fits(posed, divided([(3, 10)], [30, 1]))
    with pytest.raises(AssignmentError, match="edge 0 has no match"):
        fits(posed, divided([(3, 10)], [30], seller_parcel=(4,)))
