"""Members of markets: table `member`, each the market's own copy of an organisation; and `failing`, their
declined and lapsed matches."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.array_texts import fetch
from events.connections import Connection
from events.market_terms import Member
from events.writes import Write
from market.rules.book import RELIABILITY_WINDOW
from market.rules.reliability import FAILINGS_MAX
from market.store import bodies
from market.store.reading import Page, page


class MemberRow(Struct, frozen=True, kw_only=True):
    """A member that has left (`left_time`) also counts as suspended, without time and reason of a
    suspension."""

    lane: int
    market: UUID
    version: int
    position: int
    suspended: bool
    suspended_time: datetime | None
    suspended_reason: str | None
    member: Member
    left_time: datetime | None = None


class MemberChange(Struct, kw_only=True):
    """What a batch does to a member's row; `suspended` None leaves it as it is, and since when
    and why, and when it left."""

    lane: int
    market: UUID
    organisation: UUID
    position: int = 0
    events: int = 0
    member: Member | None = None
    suspended: bool | None = None
    suspended_time: datetime | None = None
    suspended_reason: str | None = None
    left_time: datetime | None = None


class Failing(Struct, frozen=True, kw_only=True):
    lane: int
    market: UUID
    organisation: UUID
    position: int
    failed_time: datetime


UPSERT = """
insert into member as m (lane, market, organisation, version, position, suspended, company_group, body)
select lane, market, organisation, events, position, coalesce(suspended, false), company_group, body
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::boolean[], $7::uuid[], $8::bytea[]
) as n (lane, market, organisation, events, position, suspended, company_group, body)
on conflict (lane, market, organisation) do update set
    version = m.version + excluded.version, position = excluded.position,
    company_group = excluded.company_group, body = excluded.body
"""

# Beside the upsert, which cannot tell "stays as it is" from "not suspended" in a row that exists.
SUSPEND = """
update member m set
    suspended = n.suspended, suspended_time = n.suspended_time, suspended_reason = n.suspended_reason,
    left_time = n.left_time,
    position = n.position, version = m.version + n.events
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::boolean[], $7::timestamptz[],
    $8::text[], $9::timestamptz[]
) as n (
    lane, market, organisation, events, position, suspended, suspended_time, suspended_reason, left_time
)
where m.lane = n.lane and m.market = n.market and m.organisation = n.organisation
"""


def writes(changes: Iterable[MemberChange]) -> list[Write]:
    listed = list(changes)
    copied = [
        (
            c.lane,
            c.market,
            c.organisation,
            c.events,
            c.position,
            c.suspended,
            c.member.group,
            bodies.encode(c.member),
        )
        for c in listed
        if c.member is not None
    ]
    suspended = [
        (
            c.lane,
            c.market,
            c.organisation,
            c.events if c.member is None else 0,
            c.position,
            c.suspended,
            c.suspended_time,
            c.suspended_reason,
            c.left_time,
        )
        for c in listed
        if c.suspended is not None
    ]
    return [Write("member", UPSERT, copied), Write("member", SUSPEND, suspended)]


INSERT_FAILINGS = """
insert into failing (lane, market, organisation, position, failed_time)
select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[])
"""


def writes_of_failings(failings: Sequence[Failing]) -> list[Write]:
    rows = [(f.lane, f.market, f.organisation, f.position, f.failed_time) for f in failings]
    return [Write("failing", INSERT_FAILINGS, rows)]


READ_ONE = """
select lane, market, version, position, suspended, suspended_time, suspended_reason, left_time, body
from member where market = $1 and organisation = $2
"""


async def load_member(connection: Connection, market: UUID, organisation: UUID) -> MemberRow | None:
    row = await connection.fetchrow(READ_ONE, market, organisation)
    return None if row is None else _row(row)


READ_PAGE = """
select lane, market, version, position, suspended, suspended_time, suspended_reason, left_time, body
from member
where market = $1 and ($2::uuid is null or organisation > $2) order by organisation limit $3
"""


async def list_members(
    connection: Connection, market: UUID, *, after: UUID | None, limit: int
) -> Page[MemberRow]:
    """Members of a market by id; a tenant's session sees its own membership only."""
    rows = await connection.fetch(READ_PAGE, market, after, limit + 1)
    return page([_row(row) for row in rows], limit)


READ_BOOK = """
select lane, market, version, position, suspended, suspended_time, suspended_reason, left_time, body
from member where lane = $1 and market = $2
"""


async def read_all(connection: Connection, lane: int, market: UUID) -> list[asyncpg.Record]:
    return await connection.fetch(READ_BOOK, lane, market)


def decode_all(rows: Iterable[asyncpg.Record]) -> list[MemberRow]:
    return [_row(row) for row in rows]


READ_SOME = """
select lane, market, version, position, suspended, suspended_time, suspended_reason, left_time, body
from member
where lane = $1 and market = $2 and organisation = any($3::uuid[])
"""


async def load_some(
    connection: Connection, lane: int, market: UUID, organisations: Sequence[UUID]
) -> dict[UUID, MemberRow]:
    rows = await connection.fetch(READ_SOME, lane, market, list(organisations))
    return {row.member.organisation: row for row in map(_row, rows)}


# One statement for a page of matches, whose other sides are of several markets.
READ_NAMED = """
select m.market, m.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, organisation)
join member m on m.lane = a.lane and m.market = a.market and m.organisation = a.organisation
"""


async def load_named(
    connection: Connection, keys: Collection[tuple[int, UUID, UUID]]
) -> dict[tuple[UUID, UUID], Member]:
    """Members by (market, organisation), for keys of (lane, market, organisation); the unknown are absent."""
    if not keys:
        return {}
    rows = await fetch(connection, READ_NAMED, *zip(*keys, strict=True))
    found = [(row["market"], bodies.member(row["body"])) for row in rows]
    return {(market, member.organisation): member for market, member in found}


READ_SUSPENDED = """
select m.market, m.organisation
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, organisation)
join member m on m.lane = a.lane and m.market = a.market and m.organisation = a.organisation and m.suspended
"""


async def suspended_of(
    connection: Connection, keys: Collection[tuple[int, UUID, UUID]]
) -> defaultdict[UUID, set[UUID]]:
    """By market those whose membership is suspended, of keys of (lane, market, organisation)."""
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    if keys:
        for row in await fetch(connection, READ_SUSPENDED, *zip(*keys, strict=True)):
            found[row["market"]].add(row["organisation"])
    return found


READ_GROUP = """
select distinct s.organisation
from member m
join member s on s.lane = m.lane and s.market = m.market and s.company_group = m.company_group
where m.lane = $1 and m.market = $2 and m.organisation = any($3::uuid[])
"""


async def load_groups(
    connection: Connection, lane: int, market: UUID, organisations: Collection[UUID]
) -> frozenset[UUID]:
    """All members of the groups of these members, themselves included."""
    rows = await connection.fetch(READ_GROUP, lane, market, list(organisations))
    return frozenset(row["organisation"] for row in rows)


READ_MARKETS = "select lane, market from member where organisation = $1 order by lane, market"


async def markets_of(connection: Connection, organisation: UUID) -> list[tuple[int, UUID]]:
    """(lane, market) of every market that holds a copy of the organisation, suspended memberships
    included."""
    return [(row["lane"], row["market"]) for row in await connection.fetch(READ_MARKETS, organisation)]


READ_MEMBERSHIPS = """
select lane, market, version, position, suspended, suspended_time, suspended_reason, left_time, body
from member where organisation = $1 order by market
"""


async def memberships_of(connection: Connection, organisation: UUID) -> list[MemberRow]:
    """Of every market that ever admitted the organisation, by id."""
    return [_row(row) for row in await connection.fetch(READ_MEMBERSHIPS, organisation)]


# As the book keeps them: those within 90 days of the organisation's newest one.
READ_FAILINGS = """
select organisation, failed_time from (
    select organisation, position, failed_time, max(failed_time) over (partition by organisation) as newest
    from failing where lane = $1 and market = $2
) f
where failed_time > newest - $3::interval order by position
"""


async def read_failings(
    connection: Connection, lane: int, market: UUID, window: timedelta
) -> list[asyncpg.Record]:
    return await connection.fetch(READ_FAILINGS, lane, market, window)


def decode_failings(rows: Iterable[asyncpg.Record]) -> dict[UUID, list[datetime]]:
    failings: dict[UUID, list[datetime]] = {}
    for row in rows:
        failings.setdefault(row["organisation"], []).append(row["failed_time"])
    return failings


# Of a group no more times than decide until when it trades firm orders alone.
READ_FAILED = """
select m.organisation, m.body, own.failings, of_group.failings as of_group, of_group.newest
from member m
cross join lateral (
    select count(*) as failings from failing f
    where f.lane = m.lane and f.market = m.market and f.organisation = m.organisation and f.failed_time > $3
) own
cross join lateral (
    select count(*) as failings, (array_agg(f.failed_time order by f.failed_time desc))[:$4] as newest
    from member s
    join failing f on f.lane = s.lane and f.market = s.market and f.organisation = s.organisation
    where s.lane = m.lane and s.market = m.market and s.company_group = m.company_group and f.failed_time > $3
) of_group
where m.lane = $1 and m.market = $2 and ($5::uuid is null or m.organisation > $5)
    and (m.organisation = $6 or $6 is null and own.failings > 0)
order by m.organisation limit $7
"""


class FailedRow(Struct, frozen=True, kw_only=True):
    """Declined and lapsed matches of the window, of a member and of its group; `newest`: of the group's."""

    member: Member
    failings: int
    of_group: int
    newest: tuple[datetime, ...]


async def list_failed(
    connection: Connection,
    lane: int,
    market: UUID,
    organisation: UUID | None,
    *,
    at: datetime,
    after: UUID | None,
    limit: int,
) -> Page[FailedRow]:
    """Members with failings of their own, by id; of one organisation its line, whether it has any or not."""
    since = at - RELIABILITY_WINDOW
    rows = await connection.fetch(
        READ_FAILED, lane, market, since, FAILINGS_MAX, after, organisation, limit + 1
    )
    found = [
        FailedRow(
            member=bodies.member(row["body"]),
            failings=row["failings"],
            of_group=row["of_group"],
            newest=tuple(row["newest"] or ()),
        )
        for row in rows
    ]
    return page(found, limit)


def _row(row: asyncpg.Record) -> MemberRow:
    return MemberRow(
        lane=row["lane"],
        market=row["market"],
        version=row["version"],
        position=row["position"],
        suspended=row["suspended"],
        suspended_time=row["suspended_time"],
        suspended_reason=row["suspended_reason"],
        left_time=row["left_time"],
        member=bodies.member(row["body"]),
    )
