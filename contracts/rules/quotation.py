"""The price of an index over a quotation period: which values count, and what replaces missing ones.

A value belongs to the quotation period in which its own period begins; a value that covers the whole
quotation period counts too. Of restated values, the one published last by the given time counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final, Literal, NamedTuple, assert_never

from contracts.rules.days import midnight, months_later
from contracts.rules.price_refusals import IndexGap, QuotationPeriodOpen
from events.contract_terms import IndexValue
from events.price_clauses import IndexReference, QuotationPeriod
from events.vocabulary import Code

PROVISIONAL_DAYS_MAX: Final = 100
"""How many days before the quotation period a value may end that a provisional price uses."""

Source = Literal["mean", "fallback", "last_before", "provisional"]
IndexValues = Mapping[Code, Sequence[IndexValue]]
"""Index → all published values, including restated ones, in any order."""


class Days(NamedTuple):
    """Half-open: `end` is the first day after."""

    start: date
    end: date

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)


class Quoted(NamedTuple):
    """`micro`: millionths of the index's currency per unit, exact; `values`: those whose mean it is."""

    code: Code
    days: Days
    micro: Fraction
    source: Source
    values: tuple[IndexValue, ...]

    def inputs(self, name: str) -> dict[str, str]:
        """The inputs of a price line: every value, its dates and the period."""
        shown = {
            f"{name}_{value.period.start.date().isoformat()}": (
                f"{value.amount_micro} micro as of {value.as_of.isoformat()}, "
                f"published {value.published_at.isoformat()}"
            )
            for value in self.values
        }
        return {
            name: self.code,
            f"{name}_period": f"{self.days.start.isoformat()}/{self.days.last.isoformat()}",
            f"{name}_source": self.source,
            f"{name}_values": str(len(self.values)),
            **shown,
        }


def quotation_days(period: QuotationPeriod, shipped_on: date) -> Days:
    """The days of a quotation period, months and quarters of the calendar."""
    first = shipped_on.replace(day=1)
    month = Days(first, months_later(first, 1))
    match period:
        case "month_of_shipment":
            return month
        case "month_before_shipment":
            return Days(months_later(first, -1), first)
        case "month_after_shipment":
            return Days(month.end, months_later(first, 2))
        case "quarter_of_shipment":
            return quarter_of(shipped_on)
        case _:
            assert_never(period)


def quarter_of(day: date) -> Days:
    start = day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return Days(start, months_later(start, 3))


def in_force(values: Iterable[IndexValue], at: datetime) -> list[IndexValue]:
    """One value per period, the one published last by `at`, in order of the periods."""
    newest: dict[tuple[datetime, datetime], IndexValue] = {}
    for value in values:
        place = (value.period.start, value.period.end)
        held = newest.get(place)
        if value.published_at <= at and (held is None or value.published_at > held.published_at):
            newest[place] = value
    return [newest[place] for place in sorted(newest)]


def quote(values: IndexValues, reference: IndexReference, shipped_on: date, at: datetime) -> Quoted:
    """The index over its quotation period, as published by `at`. IndexGap, QuotationPeriodOpen."""
    days = quotation_days(reference.quotation_period, shipped_on)
    return quote_days(values, reference, days, at)


def quote_days(values: IndexValues, reference: IndexReference, days: Days, at: datetime) -> Quoted:
    """As `quote`, for the given days."""
    if at < midnight(days.end):
        raise QuotationPeriodOpen(index=reference.code, last=days.last.isoformat())
    found = _mean(values, reference.code, days, reference.stale_days_max, at)
    if found is not None:
        return found
    if reference.fallback_code is not None:
        found = _mean(values, reference.fallback_code, days, reference.stale_days_max, at)
        if found is not None:
            return found._replace(source="fallback")
    else:
        found = _last_before(values, reference.code, days, reference.stale_days_max, at)
        if found is not None:
            return found
    raise IndexGap(index=reference.code, first=days.start.isoformat(), last=days.last.isoformat())


def quote_rate(values: IndexValues, reference: IndexReference, days: Days, at: datetime) -> Quoted | None:
    """The exchange rate over the same days; None when the index needs none. IndexGap."""
    if reference.fx_code is None:
        return None
    found = _mean(values, reference.fx_code, days, reference.stale_days_max, at)
    found = found or _last_before(values, reference.fx_code, days, reference.stale_days_max, at)
    if found is None:
        raise IndexGap(index=reference.fx_code, first=days.start.isoformat(), last=days.last.isoformat())
    return found


def provisional(values: IndexValues, reference: IndexReference, shipped_on: date, at: datetime) -> Quoted:
    """The quotation for a provisional invoice: that of the period if known, else the newest value.
    IndexGap."""
    days = quotation_days(reference.quotation_period, shipped_on)
    try:
        return quote_days(values, reference, days, at)
    except (QuotationPeriodOpen, IndexGap):
        return _newest(values, (reference.code, reference.fallback_code), days, at)


def provisional_rate(
    values: IndexValues, reference: IndexReference, days: Days, at: datetime
) -> Quoted | None:
    """The exchange rate for `provisional`. IndexGap."""
    if reference.fx_code is None:
        return None
    try:
        return quote_rate(values, reference, days, at)
    except IndexGap:
        return _newest(values, (reference.fx_code,), days, at)


def price_window(reference: IndexReference, shipped_on: date) -> Days:
    """The days whose values a price may use, provisional or final."""
    days = quotation_days(reference.quotation_period, shipped_on)
    back = max(reference.stale_days_max, PROVISIONAL_DAYS_MAX)
    return Days(days.start - timedelta(days=back), days.end)


def _newest(values: IndexValues, codes: Sequence[Code | None], days: Days, at: datetime) -> Quoted:
    oldest = midnight(days.start - timedelta(days=PROVISIONAL_DAYS_MAX))
    for code in codes:
        if code is None:
            continue
        known = [
            value
            for value in in_force(values.get(code, ()), at)
            if value.period.end > oldest and value.period.start < midnight(days.end)
        ]
        if known:
            last = known[-1]
            return Quoted(code, days, Fraction(last.amount_micro), "provisional", (last,))
    raise IndexGap(index=codes[0], first=days.start.isoformat(), last=days.last.isoformat())


def _mean(values: IndexValues, code: Code, days: Days, stale_days_max: int, at: datetime) -> Quoted | None:
    """The mean of the values that belong to the days; None when a gap between values is too long."""
    start, end = midnight(days.start), midnight(days.end)
    known = in_force(values.get(code, ()), at)
    counted = tuple(
        value
        for value in known
        if start <= value.period.start < end or (value.period.start <= start and value.period.end >= end)
    )
    if not counted or _longest_gap(known, start, end) > timedelta(days=stale_days_max):
        return None
    total = sum(value.amount_micro for value in counted)
    return Quoted(code, days, Fraction(total, len(counted)), "mean", counted)


def _longest_gap(known: Sequence[IndexValue], start: datetime, end: datetime) -> timedelta:
    longest, reached = timedelta(0), start
    for value in known:
        if value.period.end <= start or value.period.start >= end:
            continue
        longest = max(longest, value.period.start - reached)
        reached = max(reached, value.period.end)
    return max(longest, end - reached)


def _last_before(
    values: IndexValues, code: Code, days: Days, stale_days_max: int, at: datetime
) -> Quoted | None:
    """The last value before the days, if it is not too old."""
    start = midnight(days.start)
    before = [value for value in in_force(values.get(code, ()), at) if value.period.end <= start]
    if not before or midnight(days.end) - before[-1].period.end > timedelta(days=stale_days_max):
        return None
    return Quoted(code, days, Fraction(before[-1].amount_micro), "last_before", (before[-1],))
