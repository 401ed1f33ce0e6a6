"""Sums of binomials against closed forms and another way to compute them: one cohort, many, millions."""

from fractions import Fraction
from math import comb
from random import Random
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from market.rules.twins.poisson_binomial import EXACT_VARIANCE, PERCENTILES, Cohort, quantiles
from market.rules.twins.weibull import SCALE

PERCENT: Final = SCALE // 100
SHARES: Final = np.array(PERCENTILES) / 100
UNITS_TESTED: Final = 20_000


def variance(cohorts: list[Cohort]) -> float:
    return sum(n * (p / SCALE) * (1 - p / SCALE) for n, p in cohorts)


def by_fourier(cohorts: list[Cohort]) -> list[int]:
    """The characteristic function at the roots of unity, transformed back: another road to the same sum."""
    size = sum(units for units, _ in cohorts) + 1
    roots = np.exp(2j * np.pi * np.arange(size) / size)
    logs = sum(units * np.log(1 - p / SCALE + p / SCALE * roots) for units, p in cohorts)
    cumulated = np.cumsum(np.fft.fft(np.exp(logs)).real / size)
    return [int(np.searchsorted(cumulated, share)) for share in SHARES]


@pytest.mark.parametrize(
    ("units", "percent"), [(1, 50), (10, 30), (100, 5), (1_000, 1), (50, 90), (9_000, 99)]
)
def test_one_cohort_is_a_binomial(units: int, percent: int) -> None:
    expected = binom.ppf(SHARES, units, percent / 100).astype(int)
    found = quantiles([Cohort(units, percent * PERCENT)])
    if variance([Cohort(units, percent * PERCENT)]) < EXACT_VARIANCE:
        assert list(expected) == list(found)
    else:
        assert 1 >= max(abs(expected - np.array(found)))


def test_probabilities_on_the_step_are_decided_exactly() -> None:
    """P(at most 1 of 2 halves) = 3/4; of one unit with a chance of one half the median is the lower."""
    half = SCALE // 2
    assert (0, 0, 0, 1, 1) == quantiles([Cohort(1, half)])
    assert (0, 0, 1, 2, 2) == quantiles([Cohort(2, half)])
    tenth, nine = SCALE // 10, 9 * SCALE // 10
    assert (0, 0, 0, 0, 1) == quantiles([Cohort(1, tenth)])
    assert (0, 0, 1, 1, 1) == quantiles([Cohort(1, nine)])


def test_two_cohorts_by_hand() -> None:
    """3 units at 1/4 and 2 at 1/2: every probability as a fraction, cumulated."""
    parts = [(3, Fraction(1, 4)), (2, Fraction(1, 2))]
    whole = [Fraction(1)]
    for units, chance in parts:
        each = [comb(units, k) * chance**k * (1 - chance) ** (units - k) for k in range(units + 1)]
        sums = [Fraction(0)] * (len(whole) + units)
        for i, one in enumerate(whole):
            for k, other in enumerate(each):
                sums[i + k] += one * other
        whole = sums
    expected = [
        next(k for k in range(6) if sum(whole[: k + 1]) >= Fraction(share, 100)) for share in PERCENTILES
    ]
    assert expected == list(quantiles([Cohort(n, int(p * SCALE)) for n, p in parts]))


def test_nothing_and_certainty() -> None:
    nothing = (0,) * len(PERCENTILES)
    for cohorts in ([], [Cohort(0, SCALE)], [Cohort(7, 0)]):
        assert nothing == quantiles(cohorts)
    assert (7,) * 5 == quantiles([Cohort(7, SCALE)])
    assert [10**9 + each for each in quantiles([Cohort(3, SCALE // 2)])] == list(
        quantiles([Cohort(10**9, SCALE), Cohort(3, SCALE // 2)])
    )


@pytest.mark.parametrize("cohort", [Cohort(-1, 1), Cohort(1, -1), Cohort(1, SCALE + 1)])
def test_what_cannot_be_is_refused(cohort: Cohort) -> None:
    with pytest.raises(ValueError, match="units are not negative"):
        quantiles([Cohort(5, SCALE // 2), cohort])


def drawn(seed: int) -> list[Cohort]:
    """Few or many cohorts, rare, likely and nearly certain."""
    draw = Random(seed)
    target = draw.choice([0.3, 2, 5, 8.9, 9.1, 12, 30, 80])
    chances = [
        draw.choice([draw.random(), draw.random() * 0.02, 1 - draw.random() * 0.02])
        for _ in range(draw.choice([1, 2, 5, 20]))
    ]
    return [
        Cohort(
            min(UNITS_TESTED // len(chances), 1 + round(target / len(chances) / (p * (1 - p)))),
            int(p * SCALE),
        )
        for p in chances
    ]


@pytest.mark.parametrize("seed", range(60))
def test_many_cohorts_are_exact_below_the_bound_and_within_one_unit_above(seed: int) -> None:
    cohorts = drawn(seed)
    off = np.array(by_fourier(cohorts)) - np.array(quantiles(cohorts))
    assert (0 if variance(cohorts) < EXACT_VARIANCE - 1e-6 else 1) >= max(abs(off))


def test_millions_of_units_are_normal() -> None:
    """60 cohorts of a million each: mean and variance by hand, quantiles to a unit and 10^-3 deviations."""
    cohorts = [Cohort(10**6, (number + 1) * SCALE // 10_000) for number in range(60)]
    mean = sum(float(n) * p / SCALE for n, p in cohorts)
    deviation = variance(cohorts) ** 0.5
    expected = mean + deviation * norm.ppf(SHARES)
    assert 1 + deviation * 1e-3 >= max(abs(expected - np.array(quantiles(cohorts))))


cohorts_drawn = st.lists(st.builds(Cohort, st.integers(0, 10**7), st.integers(0, SCALE)), max_size=5)


@settings(max_examples=40, deadline=None)
@given(cohorts_drawn)
def test_quantiles_ascend_and_the_median_is_within_a_unit_of_the_mean(cohorts: list[Cohort]) -> None:
    """Jogdeo and Samuels, 1968: a median of such a sum is the mean rounded down or up."""
    found = quantiles(cohorts)
    assert sorted(found) == list(found)
    assert found[0] >= 0
    assert found[-1] <= sum(units for units, _ in cohorts)
    mean = Fraction(sum(units * chance for units, chance in cohorts), SCALE)
    assert abs(found[2] - mean) <= 1


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 400), st.integers(0, SCALE), st.integers(0, SCALE))
def test_a_thinned_binomial_is_one_of_the_product(units: int, chance: int, kept: int) -> None:
    """As scipy has it: kept of those that came are a binomial of both chances together."""
    both = chance * kept // SCALE
    if variance([Cohort(units, both)]) < EXACT_VARIANCE:
        cumulated = binom.cdf(quantiles([Cohort(units, both)]), units, both / SCALE)
        before = binom.cdf(np.array(quantiles([Cohort(units, both)])) - 1, units, both / SCALE)
        assert all(cumulated >= SHARES - 1e-9)
        assert all(before <= SHARES + 1e-9)
