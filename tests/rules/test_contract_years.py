"""Contract years: from their first day, through leap years and short months; ramps and shares of output."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rules.contract_years import (
    acq_g,
    band,
    parts_of_year,
    rested_ppb,
    share,
    year_on,
    year_period,
    years_in,
)
from contracts.rules.days import months_later
from events.contract_terms import FixedVolume
from events.vocabulary import PPB
from tests.desk_support import PERCENT_PPB, TONNE_G
from tests.volume_support import RAMP_G, STARTS_ON, agreement, at, days, share_of_output


def test_a_ramp_is_the_table_of_its_years() -> None:
    ramp = FixedVolume(acq_g=RAMP_G)
    assert [600, 900, 1_200, 1_500] == [acq_g(ramp, year, None) // TONNE_G for year in (1, 2, 3, 4)]
    assert 1_500 * TONNE_G == acq_g(ramp, 10, None)


def test_a_share_of_output_counts_what_was_declared_and_until_then_what_is_expected() -> None:
    half = share_of_output(1_000, 1_200)
    assert 500 * TONNE_G == acq_g(half, 1, None)
    assert 410 * TONNE_G == acq_g(half, 1, 820 * TONNE_G)
    assert [0, 2, 2] == [acq_g(half, 1, output_g) for output_g in (1, 3, 5)]


def test_a_day_falls_in_one_contract_year() -> None:
    assert (10, 0) == (years_in(agreement()), years_in(agreement(starts_on=None, ends_on=None)))
    assert [0, 1, 1, 2, 10, 11] == [
        year_on(STARTS_ON, day)
        for day in (
            date(2028, 6, 30),
            date(2028, 7, 1),
            date(2029, 6, 30),
            date(2029, 7, 1),
            date(2038, 6, 30),
            date(2038, 7, 1),
        )
    ]
    # a year that begins on a 29 February begins on the 28th where there is none
    leap = date(2028, 2, 29)
    assert [1, 2, 4, 5] == [
        year_on(leap, day)
        for day in (date(2029, 2, 27), date(2029, 2, 28), date(2032, 2, 28), date(2032, 2, 29))
    ]


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2027, 8, 31), 1, date(2027, 9, 30)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2027, 8, 31), 18, date(2029, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2027, 11, 15), 2, date(2028, 1, 15)),
    ],
)
def test_months_end_with_the_calendar(start: date, months: int, expected: date) -> None:
    assert expected == months_later(start, months)


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.integers(1, 40))
def test_quarters_and_months_fill_their_year_without_gap_or_overlap(start: date, year: int) -> None:
    whole = year_period(start, year)
    for level in ("annual", "quarterly", "monthly"):
        parts = parts_of_year(start, year, level)
        assert (whole.start, whole.end) == (parts[0].period.start, parts[-1].period.end)
        assert all(one.period.end == two.period.start for one, two in pairwise(parts))
    assert year_period(start, year + 1).start == whole.end


@given(st.integers(0, 10**12), st.sampled_from([1, 3, 4, 12]), st.integers(0, PPB))
def test_shares_add_up_and_lie_in_their_bands(whole_g: int, of: int, tolerance_ppb: int) -> None:
    assert whole_g == sum(share(whole_g, of, index) for index in range(of))
    for index in range(of):
        around = band(whole_g, of, index, tolerance_ppb)
        assert around.holds(around.share_g)
        assert 0 <= around.low_g
        assert around.high_g * of * PPB < whole_g * (PPB + tolerance_ppb) + of * PPB


def test_days_of_force_majeure_count_once_and_only_within_the_year() -> None:
    year = year_period(STARTS_ON, 1)
    before = days(date(2028, 6, 1), date(2028, 7, 11))
    within = days(date(2028, 7, 6), date(2028, 7, 21))
    after = days(date(2029, 6, 21), date(2029, 8, 1))
    assert 0 == rested_ppb([], year)
    assert 0 == rested_ppb([days(date(2029, 7, 1), date(2029, 8, 1))], year)
    assert 82_191_781 == rested_ppb([within, after, before], year)
    assert PPB == rested_ppb([days(date(2028, 1, 1), date(2030, 1, 1))], year)


def test_a_band_of_ten_percent_around_a_quarter() -> None:
    around = band(600 * TONNE_G, 4, 0, 10 * PERCENT_PPB)
    assert (150, 135, 165) == tuple(
        grams // TONNE_G for grams in (around.share_g, around.low_g, around.high_g)
    )
    assert [False, True, True, False] == [
        around.holds(grams) for grams in (135 * TONNE_G - 1, 135 * TONNE_G, 165 * TONNE_G, 165 * TONNE_G + 1)
    ]
    assert at(2028, 7, 1) == year_period(STARTS_ON, 1).start
