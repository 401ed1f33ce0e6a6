"""Who declined matches or let them lapse too often, by group of companies: it trades firm orders alone."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from events.market_terms import RuleSet
from market.rules.book import RELIABILITY_WINDOW, Book

FAILINGS_MAX: Final = 2


def firm_only_until(failed: Iterable[datetime], at: datetime) -> datetime | None:
    """Until when a group whose members failed at these times trades firm orders alone; None: it is free."""
    recent = sorted(time for time in failed if at - time < RELIABILITY_WINDOW)
    return recent[-FAILINGS_MAX] + RELIABILITY_WINDOW if len(recent) >= FAILINGS_MAX else None


def failed_times(book: Book, organisation: UUID) -> list[datetime]:
    """When members of the organisation's group, as it stands in the book, declined or let lapse."""
    group = book.members[organisation].group
    return [
        time
        for failed, times in book.failings.items()
        if book.members[failed].group == group
        for time in times
    ]


def resting(book: Book, rule_set: RuleSet, at: datetime) -> frozenset[UUID]:
    """Whose conditional orders meet nobody at that time: nobody's where the rule set does not say so."""
    if rule_set.conditional_orders_rest is not True:
        return frozenset()
    by_group: dict[UUID, list[datetime]] = {}
    for organisation, times in book.failings.items():
        by_group.setdefault(book.members[organisation].group, []).extend(times)
    firm_only = {group for group, times in by_group.items() if firm_only_until(times, at) is not None}
    return frozenset(each for each, member in book.members.items() if firm_only and member.group in firm_only)
