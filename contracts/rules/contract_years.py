"""Contract years: their periods, quarters and months, and the annual contract quantity (ACQ) of each.

Periods are half-open. The parts of a level are numbered from 0 within their year.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from msgspec import Struct

from contracts.rules.agreement import Agreement
from contracts.rules.days import midnight, months_later, years_later
from contracts.rules.price_terms import round_half_even
from events.contract_terms import AgreementTerms, NominationLevel, ShareOfOutput, VolumeClause
from events.vocabulary import PPB, Period

PARTS_IN_YEAR: Final[dict[NominationLevel, int]] = {"annual": 1, "quarterly": 4, "monthly": 12}


class Part(Struct, frozen=True, kw_only=True):
    """A year, quarter or month of a contract year."""

    level: NominationLevel
    year: int
    index: int
    period: Period


class Band(Struct, frozen=True, kw_only=True):
    """From `low_g` to `high_g`, both inclusive; `share_g` is the share around which it lies."""

    share_g: int
    low_g: int
    high_g: int

    def holds(self, quantity_g: int) -> bool:
        return self.low_g <= quantity_g <= self.high_g


def years_in(agreement: Agreement) -> int:
    """Number of contract years, including extensions that were used; 0 before the agreement is effective."""
    if agreement.starts_on is None or agreement.ends_on is None:
        return 0
    years = agreement.ends_on.year - agreement.starts_on.year
    assert years_later(agreement.starts_on, years) == agreement.ends_on
    return years


def year_period(starts_on: date, year: int) -> Period:
    """Contract year 1 begins on `starts_on`."""
    return Period(
        start=midnight(years_later(starts_on, year - 1)), end=midnight(years_later(starts_on, year))
    )


def last_day_of(starts_on: date, year: int) -> date:
    return years_later(starts_on, year) - timedelta(days=1)


def year_on(starts_on: date, day: date) -> int:
    """The contract year of a day: 1 in the first year, 0 in the year before it; not limited by the term."""
    year = day.year - starts_on.year
    return year + 1 if day >= years_later(starts_on, year) else year


def parts_of_year(starts_on: date, year: int, level: NominationLevel) -> Sequence[Part]:
    """Quarters and months begin on the same day of the month as the year, or on the month's last day if it is
    shorter."""
    count = PARTS_IN_YEAR[level]
    first, months = (year - 1) * 12, 12 // count
    edges = [midnight(months_later(starts_on, first + months * index)) for index in range(count + 1)]
    return [
        Part(level=level, year=year, index=index, period=Period(start=start, end=end))
        for index, (start, end) in enumerate(pairwise(edges))
    ]


def year_terms(agreement: Agreement, year: int) -> AgreementTerms:
    """The terms for everything computed per contract year: those of its last day."""
    assert agreement.starts_on is not None
    return agreement.read_on(last_day_of(agreement.starts_on, year))


def acq_g(volume: VolumeClause, year: int, output_g: int | None) -> int:
    """ACQ of a contract year; for a share of output, from the declared output, before that from the expected
    one."""
    if isinstance(volume, ShareOfOutput):
        whole_g = volume.expected_output_g[year - 1] if output_g is None else output_g
        return round_half_even(whole_g * volume.share_ppb, PPB)
    return volume.acq_g[year - 1]


def band(whole_g: int, of: int, index: int, tolerance_ppb: int) -> Band:
    """The band around the `index`-th of `of` equal shares; its limits are rounded outwards, so the share is
    always inside."""
    return Band(
        share_g=share(whole_g, of, index),
        low_g=whole_g * (PPB - tolerance_ppb) // (of * PPB),
        high_g=-(-whole_g * (PPB + tolerance_ppb) // (of * PPB)),
    )


def share(whole_g: int, of: int, index: int) -> int:
    """The `index`-th of `of` equal shares, which add up to the whole exactly."""
    return whole_g * (index + 1) // of - whole_g * index // of


def notice_ends(period: Period, notice_days: int) -> datetime:
    """The instant from which a nomination for the period is late."""
    return period.start - timedelta(days=notice_days)


def rested_ppb(periods: Sequence[Period], year: Period) -> int:
    """The share of the year in which deliveries were suspended; days declared twice count once."""
    rested, reached = timedelta(), year.start
    for period in sorted(periods, key=lambda period: period.start):
        start, end = max(period.start, reached), min(period.end, year.end)
        if start < end:
            rested, reached = rested + (end - start), end
    return round_half_even(_microseconds(rested) * PPB, _microseconds(year.end - year.start))


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
