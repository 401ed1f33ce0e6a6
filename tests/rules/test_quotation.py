"""What an index is worth over a quotation period: means, gaps, fallbacks, rates, restatements."""

from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.rules.days import midnight
from contracts.rules.price_refusals import IndexGap, QuotationPeriodOpen
from contracts.rules.quotation import (
    Days,
    in_force,
    price_window,
    provisional,
    provisional_rate,
    quotation_days,
    quote,
    quote_days,
    quote_rate,
)
from events.contract_terms import IndexValue
from events.price_clauses import IndexReference, QuotationPeriod
from tests.contract_support import MICRO
from tests.delivery_support import INDEX, quoted

MARCH = date(2027, 3, 1)
LATER = midnight(date(2028, 1, 1))


@pytest.mark.parametrize(
    ("period", "shipped_on", "first", "last"),
    [
        ("month_before_shipment", date(2027, 1, 31), date(2026, 12, 1), date(2026, 12, 31)),
        ("month_of_shipment", date(2028, 2, 29), date(2028, 2, 1), date(2028, 2, 29)),
        ("month_after_shipment", date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31)),
        ("month_after_shipment", date(2026, 12, 1), date(2027, 1, 1), date(2027, 1, 31)),
        ("quarter_of_shipment", date(2027, 11, 15), date(2027, 10, 1), date(2027, 12, 31)),
    ],
)
def test_quotation_periods_are_months_and_quarters_of_the_calendar(
    period: QuotationPeriod, shipped_on: date, first: date, last: date
) -> None:
    days = quotation_days(period, shipped_on)
    assert (first, last) == (days.start, days.last)


def mean(values: list[IndexValue], reference: IndexReference = INDEX, at: datetime = LATER) -> Fraction:
    return quote({reference.code: values}, reference, MARCH, at).micro


def test_a_month_is_not_known_before_it_is_over() -> None:
    values = {INDEX.code: [quoted(MARCH, 60 * MICRO)]}
    with pytest.raises(QuotationPeriodOpen):
        quote(values, INDEX, MARCH, midnight(date(2027, 3, 31)))


def test_no_value_at_all_is_a_gap() -> None:
    with pytest.raises(IndexGap) as refused:
        mean([])
    assert "ndpr-oxide has no usable value from 2027-03-01 to 2027-03-31" in refused.value.detail()


def test_a_value_published_later_is_not_known_yet() -> None:
    late = quoted(MARCH, 60 * MICRO, published=date(2027, 4, 10))
    with pytest.raises(IndexGap):
        mean([late], at=midnight(date(2027, 4, 9)))
    assert 60 * MICRO == mean([late], at=midnight(date(2027, 4, 10)))


def test_the_mean_is_exact() -> None:
    thirds = [quoted(MARCH + timedelta(days=each), amount, days=10) for each, amount in ((0, 1), (10, 1))]
    rest = quoted(date(2027, 3, 21), 2, days=11)
    assert Fraction(4, 3) == mean([*thirds, rest])


def test_a_week_belongs_to_the_month_in_which_it_begins() -> None:
    weeks = [quoted(date(2027, 2, 22) + timedelta(days=7 * each), 10 * each, days=7) for each in range(6)]
    # 1, 8, 15, 22 and 29 March begin in it; 22 February does not
    assert Fraction(10 + 20 + 30 + 40 + 50, 5) == mean(weeks)


def test_a_quarter_counts_for_each_of_its_months() -> None:
    assert 7 == mean([quoted(date(2027, 1, 1), 7, days=90)])


def test_a_stretch_without_a_value_is_a_gap_when_it_is_longer_than_agreed() -> None:
    """Working days only: a weekend has two days, Easter four."""
    days = [MARCH + timedelta(days=each) for each in range(31)]
    working = [quoted(day, 60, days=1) for day in days if day.weekday() < 5]
    with pytest.raises(IndexGap):
        mean(working, replace(INDEX, stale_days_max=1))
    assert 60 == mean(working, replace(INDEX, stale_days_max=2))


def test_a_gap_ends_with_its_period_however_late_the_next_value_begins() -> None:
    weeks = [quoted(MARCH + timedelta(days=7 * each), 60, days=7) for each in range(3)]
    later = quoted(date(2027, 4, 19), 90, days=7)
    assert 60 == mean([*weeks, later], replace(INDEX, stale_days_max=10))
    with pytest.raises(IndexGap):
        mean([*weeks, later], replace(INDEX, stale_days_max=9))


def test_a_quarter_with_two_of_three_months_is_a_gap() -> None:
    reference = replace(INDEX, quotation_period="quarter_of_shipment")
    months = [quoted(date(2027, 1, 1), 10), quoted(date(2027, 2, 1), 20)]
    with pytest.raises(IndexGap):
        mean(months, reference)
    assert 20 == mean([*months, quoted(MARCH, 30)], reference)


def test_the_fallback_serves_for_a_gap_and_says_so() -> None:
    reference = replace(INDEX, fallback_code="asm-ndpr")
    found = quote({"asm-ndpr": [quoted(MARCH, 55)]}, reference, MARCH, LATER)
    assert ("asm-ndpr", "fallback", Fraction(55)) == (found.code, found.source, found.micro)
    with pytest.raises(IndexGap):
        quote({}, reference, MARCH, LATER)


def test_without_a_fallback_the_last_value_serves_while_it_is_fresh() -> None:
    values = {INDEX.code: [quoted(date(2027, 1, 1), 50), quoted(date(2026, 12, 1), 40)]}
    found = quote(values, replace(INDEX, stale_days_max=59), MARCH, LATER)
    assert ("last_before", Fraction(50)) == (found.source, found.micro)
    with pytest.raises(IndexGap):
        quote(values, replace(INDEX, stale_days_max=58), MARCH, LATER)


def test_of_restated_values_the_one_published_last_by_then_counts() -> None:
    first = quoted(MARCH, 60)
    second = quoted(MARCH, 62, published=date(2027, 5, 1))
    for order in ([first, second], [second, first]):
        assert 60 == mean(order, at=midnight(date(2027, 4, 30)))
        assert 62 == mean(order)


def test_a_rate_is_read_over_the_same_days() -> None:
    reference = replace(INDEX, currency="USD", fx_code="usd-eur")
    march = quotation_days("month_of_shipment", MARCH)
    rates = {"usd-eur": [quoted(MARCH, 900_000), quoted(date(2027, 4, 1), 800_000)]}
    rate = quote_rate(rates, reference, march, LATER)
    assert rate is not None
    assert (Fraction(900_000), "mean") == (rate.micro, rate.source)
    assert None is quote_rate(rates, INDEX, march, LATER)
    with pytest.raises(IndexGap):
        quote_rate({}, reference, march, LATER)


def test_a_stale_rate_serves_as_long_as_a_stale_value() -> None:
    reference = replace(INDEX, currency="USD", fx_code="usd-eur", stale_days_max=59)
    rates = {"usd-eur": [quoted(date(2027, 1, 1), 900_000)]}
    rate = quote_rate(rates, reference, quotation_days("month_of_shipment", MARCH), LATER)
    assert rate is not None
    assert "last_before" == rate.source


def test_a_provisional_price_takes_the_newest_value_while_the_period_runs() -> None:
    reference = replace(INDEX, currency="USD", fx_code="usd-eur")
    values = {
        INDEX.code: [quoted(date(2027, 1, 1), 50), quoted(date(2027, 2, 1), 52)],
        "usd-eur": [quoted(date(2027, 1, 1), 900_000)],
    }
    at = midnight(date(2027, 3, 10))
    found = provisional(values, reference, MARCH, at)
    rate = provisional_rate(values, reference, found.days, at)
    assert rate is not None
    assert ("provisional", Fraction(52), Fraction(900_000)) == (found.source, found.micro, rate.micro)
    assert None is provisional_rate(values, INDEX, found.days, at)
    with pytest.raises(IndexGap):
        provisional({}, reference, MARCH, at)


def test_a_provisional_price_takes_the_period_once_it_is_known() -> None:
    reference = replace(INDEX, quotation_period="month_before_shipment")
    values = {INDEX.code: [quoted(date(2027, 2, 1), 52), quoted(MARCH, 70)]}
    assert "mean" == provisional(values, reference, MARCH, LATER).source


def test_values_are_looked_for_where_a_price_may_rest() -> None:
    before_april = replace(INDEX, quotation_period="month_before_shipment")
    assert Days(date(2026, 11, 21), date(2027, 4, 1)) == price_window(before_april, date(2027, 4, 9))
    patient = replace(before_april, stale_days_max=365)
    assert Days(date(2026, 3, 1), date(2027, 4, 1)) == price_window(patient, date(2027, 4, 9))


def test_a_provisional_price_takes_nothing_older_than_a_hundred_days() -> None:
    at = midnight(date(2027, 3, 10))
    for start, usable in ((date(2026, 11, 20), False), (date(2026, 11, 21), True)):
        values = {INDEX.code: [quoted(start, 50, days=1)]}
        if usable:
            assert 50 == provisional(values, INDEX, MARCH, at).micro
        else:
            with pytest.raises(IndexGap):
                provisional(values, INDEX, MARCH, at)


def test_a_provisional_price_takes_nothing_that_begins_after_its_period() -> None:
    with pytest.raises(IndexGap):
        provisional({INDEX.code: [quoted(date(2027, 4, 1), 70)]}, INDEX, MARCH, LATER)


def test_a_quotation_names_every_value_it_used() -> None:
    inputs = quote({INDEX.code: [quoted(MARCH, 60)]}, INDEX, MARCH, LATER).inputs("index")
    assert {
        "index": "ndpr-oxide",
        "index_period": "2027-03-01/2027-03-31",
        "index_source": "mean",
        "index_values": "1",
        "index_2027-03-01": "60 micro as of 2027-03-31, published 2027-04-01T00:00:00+00:00",
    } == inputs


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=31))
def test_a_mean_lies_between_its_values_whatever_their_order(
    amounts: list[int],
) -> None:
    values = [quoted(MARCH + timedelta(days=day), amount, days=1) for day, amount in enumerate(amounts)]
    reference = replace(INDEX, stale_days_max=31)
    days = Days(MARCH, date(2027, 4, 1))
    one = quote_days({INDEX.code: values}, reference, days, LATER)
    other = quote_days({INDEX.code: values[::-1]}, reference, days, LATER)
    assert one == other
    assert min(amounts) <= one.micro <= max(amounts)
    assert values == in_force(values, LATER)
