"""Reading organisations and what belongs to them; the organisation is always named, row-level security
aside."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from events.connections import Connection
from market.rules.parties.parties import (
    ApiKey,
    Certificate,
    Facility,
    Licence,
    Membership,
    Organisation,
    OrganisationState,
)
from market.rules.streams.streams import PartnerStream
from market.store import members, webhooks
from market.store.parties import api_key, certificate, facility, licence, organisation
from market.store.reading import Page, page

READ_ORGANISATION = """
select organisation, version, body, closing_asked_time, closed_time from organisation where organisation = $1
"""


async def load_organisation(connection: Connection, organisation_id: UUID) -> Organisation | None:
    row = await connection.fetchrow(READ_ORGANISATION, organisation_id)
    return None if row is None else organisation(row)


READ_NAMED = """
select organisation, version, body, closing_asked_time, closed_time from organisation
where organisation = any($1::uuid[])
"""


async def find_organisations(
    connection: Connection, organisations: Iterable[UUID]
) -> dict[UUID, Organisation]:
    """Those of the ids that are organisations; a tenant's session sees its own only."""
    rows = await connection.fetch(READ_NAMED, list(organisations))
    return {row["organisation"]: organisation(row) for row in rows}


READ_ORGANISATIONS = """
select organisation, version, body, closing_asked_time, closed_time from organisation
where ($1::uuid is null or organisation > $1)
and ($3::text is null or convert_from(body, 'UTF8')::jsonb -> 'roles' ? $3)
and ($4::text is null or position(lower($4) in lower(convert_from(body, 'UTF8')::jsonb ->> 'name')) > 0)
order by organisation limit $2
"""


async def list_organisations(
    connection: Connection,
    *,
    after: UUID | None,
    limit: int,
    role: str | None = None,
    name: str | None = None,
) -> Page[Organisation]:
    """By id; a tenant's session sees its own only. `role`: those that state it; `name`: whose name holds
    that, in whatever case."""
    rows = await connection.fetch(READ_ORGANISATIONS, after, limit + 1, role, name)
    return page([organisation(row) for row in rows], limit)


# Of few rows, and only while an organisation gets a group.
READ_FOLLOWERS = """
select lane, organisation from organisation
where convert_from(body, 'UTF8')::jsonb ->> 'group' = $1 and organisation <> $2 and closed_time is null
order by organisation limit $3
"""


async def followers(connection: Connection, organisation_id: UUID, *, limit: int) -> list[tuple[int, UUID]]:
    """Who else names the organisation as its group and is not closed, each with its lane, by id."""
    rows = await connection.fetch(READ_FOLLOWERS, str(organisation_id), organisation_id, limit)
    return [(row["lane"], row["organisation"]) for row in rows]


READ_EXISTING = "select organisation from organisation where organisation = any($1::uuid[])"


async def existing(connection: Connection, organisations: Sequence[UUID]) -> frozenset[UUID]:
    """Those of the ids that are organisations: none ever ceases to be one."""
    rows = await connection.fetch(READ_EXISTING, organisations)
    return frozenset(row["organisation"] for row in rows)


READ_STANDING = """
select organisation from organisation where organisation = any($1::uuid[]) and closed_time is null
"""


async def standing(connection: Connection, organisations: Sequence[UUID]) -> frozenset[UUID]:
    """Those of the ids that are organisations and not closed."""
    rows = await connection.fetch(READ_STANDING, organisations)
    return frozenset(row["organisation"] for row in rows)


READ_FACILITY = """
select organisation, facility as id, version, revoked, body
from facility where organisation = $1 and facility = $2
"""
READ_FACILITIES = """
select organisation, facility as id, version, revoked, body from facility
where organisation = $1 and ($2::uuid is null or facility > $2) order by facility limit $3
"""


async def load_facility(connection: Connection, organisation_id: UUID, facility_id: UUID) -> Facility | None:
    row = await connection.fetchrow(READ_FACILITY, organisation_id, facility_id)
    return None if row is None else facility(row)


READ_SITES = """
select organisation, facility as id, version, revoked, body from facility where facility = any($1::uuid[])
"""


async def find_facilities(connection: Connection, facilities: Iterable[UUID]) -> dict[UUID, Facility]:
    """Those that exist and the session may see, whoever's they are; revoked ones too."""
    rows = await connection.fetch(READ_SITES, list(facilities))
    return {found.facility: found for found in map(facility, rows)}


async def list_facilities(
    connection: Connection, organisation_id: UUID, *, after: UUID | None, limit: int
) -> Page[Facility]:
    rows = await connection.fetch(READ_FACILITIES, organisation_id, after, limit + 1)
    return page([facility(row) for row in rows], limit)


READ_SITE = """
select organisation, facility as id, version, revoked, body from facility where facility = $1
"""


async def find_facility(connection: Connection, facility_id: UUID) -> Facility | None:
    """Of the organisations that row-level security lets the session see."""
    row = await connection.fetchrow(READ_SITE, facility_id)
    return None if row is None else facility(row)


READ_CERTIFICATE = """
select organisation, certificate as id, version, revoked, body
from certificate where organisation = $1 and certificate = $2
"""
READ_CERTIFICATES = """
select organisation, certificate as id, version, revoked, body from certificate
where organisation = $1 and ($2::uuid is null or certificate > $2) order by certificate limit $3
"""


async def load_certificate(
    connection: Connection, organisation_id: UUID, certificate_id: UUID
) -> Certificate | None:
    row = await connection.fetchrow(READ_CERTIFICATE, organisation_id, certificate_id)
    return None if row is None else certificate(row)


async def list_certificates(
    connection: Connection, organisation_id: UUID, *, after: UUID | None, limit: int
) -> Page[Certificate]:
    rows = await connection.fetch(READ_CERTIFICATES, organisation_id, after, limit + 1)
    return page([certificate(row) for row in rows], limit)


READ_LICENCE = """
select organisation, licence as id, version, revoked, body
from licence where organisation = $1 and licence = $2
"""
READ_LICENCES = """
select organisation, licence as id, version, revoked, body from licence
where organisation = $1 and ($2::uuid is null or licence > $2) order by licence limit $3
"""


async def load_licence(connection: Connection, organisation_id: UUID, licence_id: UUID) -> Licence | None:
    row = await connection.fetchrow(READ_LICENCE, organisation_id, licence_id)
    return None if row is None else licence(row)


async def list_licences(
    connection: Connection, organisation_id: UUID, *, after: UUID | None, limit: int
) -> Page[Licence]:
    rows = await connection.fetch(READ_LICENCES, organisation_id, after, limit + 1)
    return page([licence(row) for row in rows], limit)


READ_KEYS = """
select organisation, api_key as id, version, revoked, body from api_key
where organisation = $1 and ($2::uuid is null or api_key > $2) order by api_key limit $3
"""

# Whose key it is, nobody knows yet: the reader's role `door` sees this one row.
FIND_KEY = "select organisation, api_key as id, version, revoked, body from api_key where api_key = $1"


async def list_keys(
    connection: Connection, organisation_id: UUID, *, after: UUID | None, limit: int
) -> Page[ApiKey]:
    rows = await connection.fetch(READ_KEYS, organisation_id, after, limit + 1)
    return page([api_key(row) for row in rows], limit)


async def find_key(connection: Connection, key: UUID) -> ApiKey | None:
    """The key that a request presents, for authentication; revoked and expired ones too."""
    row = await connection.fetchrow(FIND_KEY, key)
    return None if row is None else api_key(row)


# A key stands before those that it issues, so every chain ends.
READ_FIRST_KEYS = """
with recursive chain (signing, api_key, issued_by) as (
    select k.api_key, k.api_key, (convert_from(k.body, 'UTF8')::jsonb ->> 'issued_by')::uuid
    from api_key k where k.api_key = any($1::uuid[])
    union all
    select c.signing, k.api_key, (convert_from(k.body, 'UTF8')::jsonb ->> 'issued_by')::uuid
    from chain c join api_key k on k.api_key = c.issued_by
)
select signing, api_key from chain where issued_by is null
"""


async def first_keys(connection: Connection, keys: Sequence[UUID]) -> dict[UUID, UUID]:
    """Of each key the first of those that it goes back to, itself when no key issued it."""
    if not keys:
        return {}
    return {row["signing"]: row["api_key"] for row in await connection.fetch(READ_FIRST_KEYS, keys)}


READ_STREAM = "select organisation, version, is_open from partner_stream where organisation = $1"


async def load_stream(connection: Connection, organisation_id: UUID) -> PartnerStream | None:
    """None: it was never opened."""
    row = await connection.fetchrow(READ_STREAM, organisation_id)
    return None if row is None else PartnerStream(**row)


READ_OPEN_STREAMS = "select organisation from partner_stream where is_open"


async def open_streams(connection: Connection) -> frozenset[UUID]:
    """The organisations whose topics are written."""
    return frozenset(row["organisation"] for row in await connection.fetch(READ_OPEN_STREAMS))


# Everything of one organisation by primary key; papers are few.
READ_STATE = """
select 'organisation' as kind, organisation, organisation as id, version, false as revoked, position, body,
       closing_asked_time, closed_time
from organisation where lane = $1 and organisation = $2
union all
select 'facility', organisation, facility, version, revoked, position, body, null, null
from facility where lane = $1 and organisation = $2
union all
select 'certificate', organisation, certificate, version, revoked, position, body, null, null
from certificate where lane = $1 and organisation = $2
union all
select 'licence', organisation, licence, version, revoked, position, body, null, null
from licence where lane = $1 and organisation = $2
union all
select 'api_key', organisation, api_key, version, revoked, position, body, null, null
from api_key where lane = $1 and organisation = $2
union all
select 'stream', organisation, organisation, version, not is_open, position, null, null, null
from partner_stream where lane = $1 and organisation = $2
order by id
"""


async def load_state(connection: Connection, lane: int, organisation_id: UUID) -> OrganisationState:
    """All of one organisation, under its lane."""
    rows = await connection.fetch(READ_STATE, lane, organisation_id)
    found = [organisation(row) for row in rows if row["kind"] == "organisation"]
    hooks, newest = await webhooks.of_organisation(connection, lane, organisation_id)
    return OrganisationState(
        lane=lane,
        position=max([newest, *(row["position"] for row in rows)]),
        organisation=found[0] if found else None,
        facilities=tuple(facility(row) for row in rows if row["kind"] == "facility"),
        certificates=tuple(certificate(row) for row in rows if row["kind"] == "certificate"),
        licences=tuple(licence(row) for row in rows if row["kind"] == "licence"),
        keys=tuple(api_key(row) for row in rows if row["kind"] == "api_key"),
        streaming=any(row["kind"] == "stream" and not row["revoked"] for row in rows),
        webhooks=hooks,
        memberships=tuple(
            Membership(market=market, lane=market_lane)
            for market_lane, market in await members.markets_of(connection, organisation_id)
        ),
    )
