"""Looks up an id of any kind, for users with the database's rights; shows no terms and no prices.

Returns where it last changed, its parties, its status, related ids, and other short facts.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from events.connections import Connection
from events.vocabulary import Stream
from market.store.look_statements import READ, Kind

RECENT_POSITIONS: Final = 50_000
"""In a busy lane, only this many of the newest positions are searched."""
FACTS_MAX: Final = 8
NAMED_MAX: Final = 20


class Held(Struct, frozen=True, kw_only=True):
    """`parties`: by what they are to it. `related`: prefix and id. `subjects`: whose events name it.

    `stream` None: the record does not hold it. `said`: short facts, of which texts and instants come as text.
    """

    kind: Kind
    id: UUID
    stream: Stream | None = None
    lane: int | None = None
    position: int | None = None
    version: int | None = None
    standing: str
    market: UUID | None = None
    parties: dict[str, UUID | None] = {}
    related: list[tuple[Kind | Literal["evt"], UUID | None]] = []
    subjects: list[UUID] = []
    said: dict[str, Any] = {}


class FactOf(Struct, frozen=True, kw_only=True):
    """An event of the record: when and where, and not what it says."""

    position: int
    event: UUID
    type: str
    at: datetime


class Placed(FactOf, frozen=True, kw_only=True):
    """One event by its id or its place."""

    stream: Stream
    lane: int
    subject: str
    chain: bytes


_IN_UTC: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)\+00:00")


async def find(connection: Connection, kind: Kind, identity: UUID) -> Held | None:
    """In a session whose time zone is UTC."""
    found = await connection.fetchval(READ[kind], identity)
    if found is None:
        return None
    told = msgspec.json.decode(_IN_UTC.sub(r"\1Z", found))
    told["said"] = {name: value for name, value in told.get("said", {}).items() if value is not None}
    return msgspec.convert({"kind": kind, "id": str(identity), **told}, Held)


HEAD = "select next_position from record.lane where stream = $1 and lane = $2"
FACTS = """
select position, event_id as event, type, recorded_at as at from record.journal
where stream = $1 and lane = $2 and position > $3 and key = any($4::text[])
    and ($5::bytea is null or position($5 in body) > 0)
order by position desc limit $6
"""


async def facts(connection: Connection, held: Held) -> tuple[FactOf, ...]:
    """The newest events about it, the newest first: of a busy lane among the last `RECENT_POSITIONS`."""
    if held.stream is None:
        return ()
    head = await connection.fetchval(HEAD, held.stream, held.lane)
    subjects = held.subjects or [held.id]
    about = None if not held.subjects else str(held.id).encode()
    rows = await connection.fetch(
        FACTS, held.stream, held.lane, head - RECENT_POSITIONS, list(map(str, subjects)), about, FACTS_MAX
    )
    return tuple(FactOf(**row) for row in rows)


NAMES = """
select organisation, convert_from(body, 'UTF8')::jsonb ->> 'name' as name
from organisation where organisation = any($1::uuid[])
"""


async def names(connection: Connection, organisations: Iterable[UUID]) -> dict[UUID, str]:
    rows = await connection.fetch(NAMES, list(organisations))
    return {row["organisation"]: row["name"] for row in rows}


NAMED = """
select organisation, convert_from(body, 'UTF8')::jsonb ->> 'name' as name from organisation
where position(lower($1) in lower(convert_from(body, 'UTF8')::jsonb ->> 'name')) > 0
order by name, organisation limit $2
"""


async def named(connection: Connection, text: str) -> dict[UUID, str]:
    """Organisations whose name holds the text, in whatever case, by name."""
    rows = await connection.fetch(NAMED, text, NAMED_MAX)
    return {row["organisation"]: row["name"] for row in rows}


PLACED = """
select stream, lane, position, event_id as event, type, key as subject, recorded_at as at, chain
from record.journal where stream = $1 and lane = $2 and position = $3
"""


async def placed(connection: Connection, stream: str, lane: int, position: int) -> Placed | None:
    row = await connection.fetchrow(PLACED, stream, lane, position)
    return None if row is None else Placed(**row)


# The index of events by id leaves those of rounds out, whose ids are of version 8.
BY_ID = """
select stream, lane, position from record.journal
where lane = any($1::bigint[]) and event_id = $2 and uuid_extract_version(event_id) is distinct from 8
"""


async def place_of(connection: Connection, lanes: int, event: UUID) -> tuple[str, int, int] | None:
    """Of an event that a command made."""
    row = await connection.fetchrow(BY_ID, list(range(lanes)), event)
    return None if row is None else (row["stream"], row["lane"], row["position"])


AROUND = """
select stream, lane, position, event_id as event, type, key as subject, recorded_at as at, chain
from record.journal
where lane = any($1::bigint[]) and event_id >= $2 and event_id < $3
    and uuid_extract_version(event_id) is distinct from 8
order by event_id limit $4
"""


async def made_between(connection: Connection, lanes: int, first: UUID, last: UUID) -> tuple[Placed, ...]:
    """What commands made between two ids of version 7, whose first bits are their time."""
    rows = await connection.fetch(AROUND, list(range(lanes)), first, last, NAMED_MAX)
    return tuple(Placed(**row) for row in rows)
