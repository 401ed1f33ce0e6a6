"""Index values as they are published: all of them or none, every fault told."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.rules.indices import IndexState, IndexUnit, PublishIndex, publish
from events.contract_events import IndexPublished
from events.vocabulary import Period
from tests.delivery_support import quoted
from tests.desk_support import LANE, NOW, OPERATOR_CALLER, SELLER_TRADER, blotter, facts, moment

USD_OXIDE = IndexUnit(currency="USD", per="oxide")
JANUARY = quoted(date(2026, 1, 1), 60_000_000)
FEBRUARY = quoted(date(2026, 2, 1), 62_000_000)
EMPTY = IndexState(lane=LANE)
HELD = IndexState(lane=LANE, unit=USD_OXIDE, values=(JANUARY,))
LATER = date(2026, 2, 20)


def asked(*values: Any, **changes: Any) -> PublishIndex:
    argument = PublishIndex(caller=OPERATOR_CALLER, index="ndpr-oxide-cn", unit=USD_OXIDE, values=values)
    return replace(argument, **changes)


DEFECTS: dict[str, tuple[IndexState, PublishIndex, list[tuple[str, str | None]]]] = {
    "by a trader": (EMPTY, asked(JANUARY, caller=SELLER_TRADER), [("role_missing", None)]),
    "nothing": (EMPTY, asked(), [("nothing_published", "/values")]),
    "of nothing": (EMPTY, asked(JANUARY, unit=IndexUnit(currency="USD")), [("index_unit_missing", "/per")]),
    "of two things": (
        EMPTY,
        asked(JANUARY, unit=IndexUnit(currency="EUR", per="oxide", rate_of="USD")),
        [("index_unit_missing", "/per")],
    ),
    "in another unit": (
        HELD,
        asked(FEBRUARY, unit=IndexUnit(currency="EUR", per="oxide")),
        [("index_unit_differs", "/currency")],
    ),
    "for nothing": (
        EMPTY,
        asked(replace(JANUARY, amount_micro=0)),
        [("index_value_empty", "/values/0/amount_micro")],
    ),
    "half a day": (
        EMPTY,
        asked(replace(JANUARY, period=Period(start=JANUARY.period.start, end=NOW.replace(day=1, hour=9)))),
        [("index_period_not_days", "/values/0/first_day")],
    ),
    "from the future": (
        EMPTY,
        asked(replace(JANUARY, published_at=NOW + timedelta(seconds=1))),
        [("index_value_in_future", "/values/0/published_at")],
    ),
    "assessed after it was published": (
        EMPTY,
        asked(replace(JANUARY, as_of=date(2026, 2, 2))),
        [("dates_out_of_order", "/values/0/published_at")],
    ),
    "the same once more": (HELD, asked(JANUARY), [("index_restatement_stale", "/values/0/published_at")]),
    "each fault of a value once": (
        HELD,
        asked(*[JANUARY] * 500),
        [("index_restatement_stale", f"/values/{place}/published_at") for place in range(500)],
    ),
    "across January": (
        HELD,
        asked(quoted(date(2026, 1, 15), 1, days=30)),
        [("index_periods_overlap", "/values/0/first_day")],
    ),
    "across each other": (
        EMPTY,
        asked(JANUARY, quoted(date(2026, 1, 31), 1, days=1)),
        [("index_periods_overlap", "/values/1/first_day")],
    ),
    "malformed": (EMPTY, asked(replace(JANUARY, source="")), [("malformed_member", "/values/0/source")]),
    "all at once": (
        HELD,
        asked(replace(JANUARY, amount_micro=-1), replace(FEBRUARY, amount_micro=0)),
        [
            ("index_value_empty", "/values/0/amount_micro"),
            ("index_restatement_stale", "/values/0/published_at"),
            ("index_value_empty", "/values/1/amount_micro"),
        ],
    ),
}


@pytest.mark.parametrize(("state", "argument", "expected"), DEFECTS.values(), ids=DEFECTS)
def test_what_is_not_published(
    state: IndexState, argument: PublishIndex, expected: list[tuple[str, str | None]]
) -> None:
    assert expected == blotter(lambda: publish(state, argument, moment(datetime(2026, 3, 2, tzinfo=UTC))))


def test_values_of_several_periods_are_one_fact() -> None:
    (fact,) = facts(publish(EMPTY, asked(JANUARY, FEBRUARY), moment()))
    assert isinstance(fact, IndexPublished)
    assert (JANUARY, FEBRUARY) == fact.values
    assert ("USD", "oxide", None) == (fact.currency, fact.per, fact.rate_of)
    assert "USD per kg oxide" == str(USD_OXIDE)


def test_a_restatement_is_of_the_same_period_and_published_later() -> None:
    restated = quoted(date(2026, 1, 1), 59_000_000, published=LATER)
    (fact,) = facts(publish(HELD, asked(restated), moment()))
    assert isinstance(fact, IndexPublished)
    assert ((restated,), (0,)) == (fact.values, fact.restates)


def test_a_publication_says_which_of_its_values_restate_others() -> None:
    """One that stands, and one of the same publication; what is new says nothing."""
    again = quoted(date(2026, 1, 1), 59_000_000, published=LATER)
    twice = replace(FEBRUARY, published_at=FEBRUARY.published_at + timedelta(hours=1))
    (fact,) = facts(publish(HELD, asked(FEBRUARY, again, twice), moment()))
    assert isinstance(fact, IndexPublished)
    assert (1, 2) == fact.restates
    (new,) = facts(publish(HELD, asked(FEBRUARY), moment()))
    assert isinstance(new, IndexPublished)
    assert UNSET is new.restates


def test_an_exchange_rate_is_an_index_of_a_currency() -> None:
    rate = IndexUnit(currency="EUR", rate_of="USD")
    (fact,) = facts(publish(EMPTY, asked(JANUARY, unit=rate), moment()))
    assert isinstance(fact, IndexPublished)
    assert "USD" == fact.rate_of
    assert "EUR per USD" == str(rate)
