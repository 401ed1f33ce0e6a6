"""Floors by column are the floors of exact fractions, small or far beyond int64."""

from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from market.rules.clearing.exact_floors import ABOUT, FLOOR_MAX, AboutFloors, FloorSums

NUMBERS = st.one_of(st.integers(-9, 9), st.integers(-(2**53), 2**53), st.integers(-(10**40), 10**40))
DIVISORS = st.one_of(st.integers(1, 9), st.just(10**9), st.integers(1, 10**40))


@example([[]], 1, [0])
@example([[(10**18, 10**9), (1, 3)]], 10**9, [3, 3])
@example([[(2 * 10**6, 10**9)]], 10**9, [3 * 10**8])
@given(
    st.lists(st.lists(st.tuples(NUMBERS, DIVISORS), max_size=3), min_size=1, max_size=4),
    st.integers(1, 2**53),
    st.lists(st.integers(-(2**53), 2**53), min_size=3, max_size=3),
)
def test_floors_are_those_of_exact_fractions(
    ratios: list[list[tuple[int, int]]], factor_max: int, factors: list[int]
) -> None:
    bounded = [max(-factor_max, min(factor, factor_max)) for factor in factors]
    sums = FloorSums(ratios, factor_max)
    orders = np.arange(len(ratios))
    columns = [np.full(len(ratios), factor, dtype=np.int64) for factor in bounded]
    expected = [
        sum(
            (factor * Fraction(*ratio) for factor, ratio in zip(bounded, fractions, strict=False)),
            Fraction(0),
        )
        for fractions in ratios
    ]
    assert [max(-FLOOR_MAX, min(each.__floor__(), FLOOR_MAX)) for each in expected] == sums.floors(
        columns, orders
    ).tolist()


@example([(2 * 10**6, 10**9)], 0.0, 3 * 10**8)
@example([(10**18, 10**9), (1, 3)], 0.9, -3)
@given(
    st.lists(
        st.one_of(st.none(), st.tuples(st.integers(1, 10**40), st.integers(1, 10**30))),
        min_size=1,
        max_size=4,
    ),
    st.floats(-0.9, 0.9),
    st.integers(-FLOOR_MAX, FLOOR_MAX),
)
def test_floors_of_fractions_known_in_floats_are_exact(
    ratios: list[tuple[int, int] | None], off: float, factor: int
) -> None:
    """However far off they are within what is allowed."""
    exact = [(0, 1) if each is None else each for each in ratios]
    fractions = np.array([np.nan if each is None else each[0] / each[1] for each in ratios])
    sums = AboutFloors(
        fractions * (1 + off * ABOUT), lambda places: [exact[place] for place in places.tolist()]
    )
    column = np.full(len(ratios), factor, dtype=np.int64)
    expected = [(factor * Fraction(*each)).__floor__() for each in exact]
    assert [max(-FLOOR_MAX, min(each, FLOOR_MAX)) for each in expected] == sums.floors(
        column, np.arange(len(ratios))
    ).tolist()
