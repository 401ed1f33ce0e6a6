"""Dates of the demonstration, all counted from the day it runs."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

TERM_AHEAD_DAYS = 100


class Calendar(Struct, frozen=True, kw_only=True):
    """`first` and `second` delivery quarters as RFC 3339 instants; papers are valid far beyond both.

    Contract years of term orders begin with `start_year`, far enough ahead to negotiate and to nominate.
    """

    today: datetime
    first_start: datetime
    second_start: datetime
    second_end: datetime
    orders_until: datetime
    papers_until: datetime
    start_year: int


def calendar_of(now: datetime) -> Calendar:
    """The next two whole calendar quarters after `now` (aware)."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = _quarter_after(today)
    second = _quarter_after(first)
    return Calendar(
        today=today,
        first_start=first,
        second_start=second,
        second_end=_quarter_after(second),
        orders_until=today + timedelta(days=21),
        papers_until=today + timedelta(days=5 * 365),
        start_year=(today + timedelta(days=TERM_AHEAD_DAYS)).year + 1,
    )


def _quarter_after(instant: datetime) -> datetime:
    month = (instant.month - 1) // 3 * 3 + 4
    return instant.replace(year=instant.year + month // 13, month=(month - 1) % 12 + 1, day=1)


def text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
