"""The return forecast against closed forms, exact sums and published parameters."""

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.vocabulary import MICRO, PPB
from market import data
from market.rules.twins.returns import (
    BillLine,
    Life,
    Losses,
    Span,
    by_basis,
    end_of_life,
    forecast,
    life_span,
)
from market.rules.twins.weibull import SCALE, weibull_cdf

PERCENT = PPB // 100
WHOLE = Span(PPB, PPB, PPB)
LOSSLESS = Losses(collection_ppb=WHOLE, disassembly_ppb=WHOLE, recovery_ppb=WHOLE)


def same(value: int) -> Span:
    return Span(value, value, value)


@pytest.mark.parametrize("age", [1, 4, 20, 400])
def test_shape_1_is_an_exponential_life(age: int) -> None:
    """F(t) = 1 − e^(−t/λ), λ = 5 years, against e to 80 digits."""
    with localcontext() as context:
        context.prec = 80
        exact = 1 - (-Decimal(age) / 20).exp()
        assert abs(Decimal(weibull_cdf(age, 5 * MICRO, MICRO)) / SCALE - exact) <= Decimal(1) / (2 * SCALE)


def test_an_exponential_life_returns_the_same_part_of_what_is_left_each_quarter() -> None:
    """1,000,000 units in quarter 0: quarter t brings N·e^(−(t−1)/20)·(1 − e^(−1/20))."""
    found = end_of_life({0: 1_000_000}, 1, 12, 5 * MICRO, MICRO)
    with localcontext() as context:
        context.prec = 80
        part = 1 - (Decimal(-1) / 20).exp()
        for quarter, units in enumerate(found, 1):
            exact = 1_000_000 * (-Decimal(quarter - 1) / 20).exp() * part
            assert abs(Decimal(units) / SCALE - exact) <= Decimal(1_000_000) / SCALE


def test_at_its_characteristic_life_the_same_part_is_gone_whatever_the_shape() -> None:
    """F(λ) = 1 − 1/e = 0.632120558828557678…"""
    assert {632_120_558_828_557_678} == {weibull_cdf(64, 16 * MICRO, shape) for shape in (MICRO, 3_500_000)}


def test_a_life_without_length_or_shape_is_refused_and_nothing_is_old_at_first() -> None:
    for scale, shape in ((0, MICRO), (MICRO, 0), (-1, MICRO)):
        with pytest.raises(ValueError, match="more than zero"):
            weibull_cdf(1, scale, shape)
    assert (0, 0) == (weibull_cdf(0, MICRO, MICRO), weibull_cdf(-3, MICRO, MICRO))
    assert [0, 0] == end_of_life({}, 0, 2, MICRO, MICRO)
    assert [0, 0] == end_of_life({9: 5}, 2, 2, MICRO, MICRO)


@settings(max_examples=20)
@given(
    placed=st.dictionaries(st.integers(0, 20), st.integers(0, 10**6), min_size=1, max_size=6),
    scale=st.integers(MICRO, 30 * MICRO),
    shape=st.integers(500_000, 5 * MICRO),
)
def test_what_came_back_is_what_is_no_longer_there(placed: dict[int, int], scale: int, shape: int) -> None:
    """Σ EoL up to t = Σ POM(s)·F(t − s), to the last digit; no quarter is below zero."""
    found = end_of_life(placed, 0, 30, scale, shape)
    assert min(found) >= 0
    assert sum(found) == sum(units * weibull_cdf(29 - s, scale, shape) for s, units in placed.items())


def test_masses_are_the_product_of_all_factors() -> None:
    """1,000 units with 3 kg of magnets of 28.5 % NdPr; F(λ) of them back; × 0.5 × 0.8 × 0.97."""
    bill = (
        BillLine(
            mass_mg=3_000_000,
            fractions_ppb={"Nd": same(22 * PERCENT), "Pr": same(65 * PERCENT // 10), "Dy": same(2 * PERCENT)},
        ),
    )
    losses = Losses(
        collection_ppb=same(50 * PERCENT), disassembly_ppb=same(80 * PERCENT), recovery_ppb=same(97 * PERCENT)
    )
    life = Life(scale_micro_years=same(16 * MICRO), shape_micro=3_500_000)
    last = forecast({0: 1_000}, bill, life, losses, 0, 65)[-1]
    returned = Fraction(632_120_558_828_557_678, SCALE) * 1_000
    for element, share in (("Nd", Fraction(22, 100)), ("Dy", Fraction(2, 100))):
        exact = returned * 3_000_000 * share * Fraction(1, 2) * Fraction(4, 5) * Fraction(97, 100)
        assert same(int(exact)) == last.until_now_mg[element]
    basis = by_basis(last.until_now_mg)
    assert basis["ndpr"].middle == last.until_now_mg["Nd"].middle + last.until_now_mg["Pr"].middle
    assert ("dy" in basis, "tb" in basis) == (True, False)


def test_bounds_enclose_the_middle_and_sums_are_exact_bounds() -> None:
    """A longer life, within the published bounds, never brings more back up to any quarter."""
    life = Life(scale_micro_years=Span(12 * MICRO, 16 * MICRO, 20 * MICRO), shape_micro=2_500_000)
    placed = {0: 1_000, 8: 5_000}
    losses = Losses(
        collection_ppb=Span(30 * PERCENT, 50 * PERCENT, 70 * PERCENT),
        disassembly_ppb=WHOLE,
        recovery_ppb=Span(80 * PERCENT, 90 * PERCENT, 95 * PERCENT),
    )
    bill = (BillLine(mass_mg=5_000_000, fractions_ppb={"Nd": same(30 * PERCENT)}),)
    found = forecast(placed, bill, life, losses, 0, 80)
    for each in found:
        for span in (each.units_micro, each.recovered_mg["Nd"], each.until_now_mg["Nd"]):
            assert span.low <= span.middle <= span.high
    for shorter, longer in pairwise(range(12, 21)):
        early = sum(end_of_life(placed, 0, 60, shorter * MICRO, 2_500_000))
        assert early >= sum(end_of_life(placed, 0, 60, longer * MICRO, 2_500_000))


def test_published_lives_give_their_bounds() -> None:
    (row,) = [row for row in data.rows("lifetimes.csv") if row["application"] == "industrial-motor"]
    low, _, high = row["life_years"].partition("-")
    scale = int(row["weibull_scale_years"]) * MICRO
    assert Span(12_000_000, 16_000_000, 20_000_000) == life_span(scale, (Fraction(low), Fraction(high)))


def test_without_loss_everything_comes_back_in_the_end() -> None:
    life = Life(scale_micro_years=same(MICRO), shape_micro=2 * MICRO)
    bill = (BillLine(mass_mg=1_000, fractions_ppb={"Tb": WHOLE}),)
    assert same(7_000) == forecast({0: 7}, bill, life, LOSSLESS, 0, 60)[-1].until_now_mg["Tb"]
