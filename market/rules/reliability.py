"""Groups of companies with too many declined or lapsed matches, which may only trade firm orders."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from msgspec import UNSET, UnsetType

from events.market_terms import RuleSet
from events.refusal import Caution
from market.rules.book import RELIABILITY_WINDOW, Book, rule_set_at

FAILINGS_MAX: Final = 2


def firm_only_until(failed: Iterable[datetime], at: datetime) -> datetime | None:
    """Until when a group with failings at these times may only trade firm orders; None: no restriction."""
    recent = sorted(time for time in failed if at - time < RELIABILITY_WINDOW)
    return recent[-FAILINGS_MAX] + RELIABILITY_WINDOW if len(recent) >= FAILINGS_MAX else None


def decline_cautions(others: Sequence[datetime], at: datetime, *, rests: bool) -> list[Caution]:
    """Of a decline by who trades firm orders alone with it; `others`: when its group failed otherwise.

    `rests`: whether the market's rule set lets conditional orders rest.
    """
    until = firm_only_until((*others, at), at)
    if until is None:
        return []
    day = until.astimezone(UTC).date().isoformat()
    text = (
        f"After this your group of companies can post and amend only firm orders in this market, until {day}."
    )
    if rests:
        text += " Its orders that are subject to confirmation meet nobody until then, or until they are firm."
    return [Caution(code="firm_orders_only", text=text, pointer="")]


def failed_times(book: Book, organisation: UUID) -> list[datetime]:
    """When members of the organisation's group, as it stands in the book, declined or let lapse."""
    group = book.members[organisation].group
    return [
        time
        for failed, times in book.failings.items()
        if failed in book.members and book.members[failed].group == group
        for time in times
    ]


def resting_until(book: Book, organisation: UUID, at: datetime, *, failed: bool) -> datetime | UnsetType:
    """Until when the organisation's conditional orders rest, if it `failed` now, unknown to the book."""
    rule_set = rule_set_at(book.rule_sets, at)
    if not failed or rule_set is None or rule_set.conditional_orders_rest is not True:
        return UNSET
    return firm_only_until((*failed_times(book, organisation), at), at) or UNSET


def resting(book: Book, rule_set: RuleSet, at: datetime) -> frozenset[UUID]:
    """Organisations whose orders subject to confirmation are not eligible at that time; none if the rule set
    has no such rule."""
    if rule_set.conditional_orders_rest is not True:
        return frozenset()
    by_group: dict[UUID, list[datetime]] = {}
    for organisation, times in book.failings.items():
        if organisation in book.members:
            by_group.setdefault(book.members[organisation].group, []).extend(times)
    firm_only = {group for group, times in by_group.items() if firm_only_until(times, at) is not None}
    if not firm_only:
        return frozenset()
    return frozenset(each for each, member in book.members.items() if member.group in firm_only)
