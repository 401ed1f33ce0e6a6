"""Warnings when an organisation is registered or changed: similar names, an unknown parent, and organisations
that moved to the new group with it."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from events.connections import Connection
from events.envelope import Fact
from events.party_events import OrganisationChanged, OrganisationRegistered
from events.refusal import Caution
from market.http.wire.ids import to_text
from market.http.wire.reads import Looking, looking_on
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.parties.alike_names import alike
from market.rules.parties.parties import Organisation
from market.store import party_reads
from market.store.reading import PAGE_MAX

ALIKE_MAX: Final = 5


async def of_organisation(
    on: Looking,
    fact: OrganisationRegistered | OrganisationChanged,
    before: Organisation | None = None,
) -> tuple[Warned, ...]:
    """Of name and group where they are not those of `before`."""
    return await unless_unread(_of_organisation(on, fact, before))


async def _of_organisation(
    on: Looking,
    fact: OrganisationRegistered | OrganisationChanged,
    before: Organisation | None,
) -> tuple[Warned, ...]:
    cautions: list[Caution] = []
    if before is None or (before.name, before.group) != (fact.name, fact.group):
        async with looking_on(on) as connection:
            others = await _all(connection)
        cautions += [*_of_name(fact, others)[:ALIKE_MAX], *_of_group(fact, others)]
        if before is not None and before.group not in (before.organisation, fact.group):
            cautions += _of_those_left(fact, before.group, others)
    if fact.sanctions_screened_until <= on.clock():
        cautions.append(
            Caution(
                code="sanctions_screening_expired",
                text="That day is in the past: nothing of this organisation is matched until it is "
                "screened again.",
                pointer="/sanctions_screened_until",
            )
        )
    return warned(cautions)


def _of_name(fact: OrganisationRegistered | OrganisationChanged, others: list[Organisation]) -> list[Caution]:
    return [
        Caution(
            code="name_alike",
            text=f"{to_text('org', each.organisation)} is called {each.name}, which reads the same; "
            "partners that trade with either see only the name.",
            pointer="/name",
        )
        for each in alike(fact.organisation, fact.name, others)
    ]


def _of_group(
    fact: OrganisationRegistered | OrganisationChanged, others: list[Organisation]
) -> list[Caution]:
    """Whatever keeps companies apart counts groups: a parent by a wrong id makes two of one."""
    if fact.group == fact.organisation:
        return []
    group = to_text("org", fact.group)
    parent = next((each for each in others if each.organisation == fact.group), None)
    if parent is None:
        text = (
            f"There is no organisation {group}: its companies count as one group only if all of them name "
            "that id."
        )
        return [Caution(code="group_unknown", text=text, pointer="/group")]
    return []


def _of_those_left(
    fact: OrganisationRegistered | OrganisationChanged, group: UUID, others: list[Organisation]
) -> list[Caution]:
    """Its own companies name the ultimate parent too, so the register does not know which left with it."""
    left = [each for each in others if each.group == group and each.organisation != fact.organisation]
    if not left:
        return []
    text = (
        f"{len(left)} organisations stay in {to_text('org', group)}: change the group of each that "
        "left together with this one; until then the two may trade with each other."
    )
    return [Caution(code="group_left", text=text, pointer="/group")]


def moved_along(facts: Iterable[Fact], organisation: UUID) -> tuple[Warned, ...]:
    """Who named the organisation as its group and was given the new one by the same command."""
    moved = [
        to_text("org", fact.organisation)
        for fact in facts
        if isinstance(fact, OrganisationChanged) and fact.organisation != organisation
    ]
    if not moved:
        return ()
    text = f"These named this organisation as their group and now name its new one: {', '.join(moved)}."
    return warned([Caution(code="group_moved_along", text=text, pointer="/group")])


async def _all(connection: Connection) -> list[Organisation]:
    found: list[Organisation] = []
    more = True
    while more:
        after = found[-1].organisation if found else None
        page = await party_reads.list_organisations(connection, after=after, limit=PAGE_MAX)
        found += page.items
        more = page.more
    return found
