"""Who is in which initiative, and who is invited: tables `initiative_partner`, `invitation`."""

from collections.abc import Sequence
from typing import TypeAlias, assert_never, cast
from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.facts import InvitationFact
from events.party_events import (
    InvitationEnded,
    OrganisationChanged,
    OrganisationRegistered,
    PartnerInvited,
)
from events.row_counts import expect_rows
from market.rules.parties.parties import Facility, Organisation
from market.store.parties import facility, organisation
from market.store.reading import Page, page

NamingFact: TypeAlias = OrganisationRegistered | OrganisationChanged

DROP_OTHERS = """
delete from initiative_partner where lane = $1 and organisation = $2 and initiative <> all($3::text[])
"""

ADD_NAMED = """
insert into initiative_partner (lane, organisation, initiative)
select $1, $2, code from unnest($3::text[]) as named (code)
on conflict (lane, organisation, initiative) do nothing
"""

# Whom an operator puts into an initiative waits for nothing any more.
DROP_FULFILLED = (
    "delete from invitation where lane = $1 and organisation = $2 and initiative = any($3::text[])"
)

INVITE = """
insert into invitation (lane, organisation, initiative, invited_by, position) values ($1, $2, $3, $4, $5)
"""

END_INVITATION = "delete from invitation where lane = $1 and organisation = $2 and initiative = $3"


class Partner(Struct, frozen=True, kw_only=True):
    """A partner with its live facilities, by id."""

    organisation: Organisation
    facilities: tuple[Facility, ...]


class Invitation(Struct, frozen=True, kw_only=True):
    organisation: UUID
    initiative: str
    invited_by: UUID


def holds(event: Recorded) -> bool:
    """Whether an event of the parties stream says who is in an initiative, or asked into one."""
    return isinstance(event.data, NamingFact | InvitationFact)


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """A few statements an event: parties change rarely."""
    for event in events:
        fact = cast(NamingFact | InvitationFact, event.data)
        of = (event.lane, fact.organisation)
        match fact:
            case OrganisationRegistered() | OrganisationChanged():
                named = list(fact.initiatives)
                for statement in (DROP_OTHERS, ADD_NAMED, DROP_FULFILLED):
                    await connection.execute(statement, *of, named)
            case PartnerInvited():
                await connection.execute(INVITE, *of, fact.initiative, fact.invited_by, event.position)
            case InvitationEnded():
                status = await connection.execute(END_INVITATION, *of, fact.initiative)
                expect_rows(status, 1, type(fact).__name__)
            case _:
                assert_never(fact)


READ_PARTNERS = """
select o.organisation, o.version, o.body, o.closing_asked_time, o.closed_time
from initiative_partner p
join organisation o on o.lane = p.lane and o.organisation = p.organisation
where p.initiative = $1 and o.closed_time is null and ($2::uuid is null or p.organisation > $2)
order by p.organisation limit $3
"""
READ_SITES = """
select organisation, facility as id, version, revoked, body from facility
where organisation = any($1::uuid[]) and not revoked order by facility
"""


async def list_partners(
    connection: Connection, initiative: str, *, after: UUID | None, limit: int
) -> Page[Partner]:
    """By id, without those that are closed; for who may see all of them."""
    rows = await connection.fetch(READ_PARTNERS, initiative, after, limit + 1)
    found = page([organisation(row) for row in rows], limit)
    sites: dict[UUID, list[Facility]] = {}
    for row in await connection.fetch(READ_SITES, [each.organisation for each in found.items]):
        sites.setdefault(row["organisation"], []).append(facility(row))
    partners = [
        Partner(organisation=each, facilities=tuple(sites.get(each.organisation, ()))) for each in found.items
    ]
    return Page(items=tuple(partners), more=found.more)


READ_INVITED = """
select i.organisation, i.initiative, i.invited_by from invitation i
join organisation o on o.lane = i.lane and o.organisation = i.organisation
where i.initiative = $1 and o.closed_time is null and ($2::uuid is null or i.organisation > $2)
order by i.organisation limit $3
"""


async def list_invited(
    connection: Connection, initiative: str, *, after: UUID | None, limit: int
) -> Page[Invitation]:
    """Into one initiative, by id of who is invited."""
    rows = await connection.fetch(READ_INVITED, initiative, after, limit + 1)
    return page([Invitation(**row) for row in rows], limit)


READ_INVITATIONS = """
select organisation, initiative, invited_by from invitation
where organisation = $1 and ($2::text is null or initiative > $2) order by initiative limit $3
"""


async def list_invitations(
    connection: Connection, organisation_id: UUID, *, after: str | None, limit: int
) -> Page[Invitation]:
    """Of one organisation, by code."""
    rows = await connection.fetch(READ_INVITATIONS, organisation_id, after, limit + 1)
    return page([Invitation(**row) for row in rows], limit)


READ_INVITER = "select invited_by from invitation where lane = $1 and organisation = $2 and initiative = $3"


async def inviter(connection: Connection, lane: int, organisation_id: UUID, initiative: str) -> UUID | None:
    """Who asked the organisation in; None: nobody, or it has answered. Its lane is locked."""
    found: UUID | None = await connection.fetchval(READ_INVITER, lane, organisation_id, initiative)
    return found
