"""The journal: identity of the deployment, reading by position and by id, and COPY, which only a lane
calls."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from events.chain import genesis
from events.codec import decode_event
from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Recorded
from events.row_bytes import COLUMNS, HEADER, TRAILER
from events.vocabulary import STREAMS

DEFAULT_LANES = 12
COPIED_AHEAD_BYTES_MAX = 1024 * 1024
COPIED_AT_ONCE_BYTES_MAX = 12 * 1024 * 1024
"""COPY uses a ring of 16 MiB of buffers: beyond that, it waits for their WAL to be flushed and writes them
out."""


class Deployment(Struct, frozen=True, kw_only=True):
    """The settings chosen when the record was initialised; they never change."""

    deployment_id: UUID
    lanes: int


class NotInitialised(RuntimeError):
    """The database holds no record yet, or one with another lane count."""


class JournalRow(NamedTuple):
    stream: str
    lane: int
    position: int
    event_id: UUID
    type: str
    key: str
    body: bytes
    chain: bytes


class JournalHead(NamedTuple):
    """Last position of a lane (0: empty) and the chain head there."""

    position: int
    head: bytes


READ_DEPLOYMENT = "select deployment_id, lanes from record.deployment"

INSERT_DEPLOYMENT = """
insert into record.deployment (deployment_id, lanes, initialised_at)
values ($1, $2, clock_timestamp()) on conflict do nothing
"""

INSERT_LANES = """
insert into record.lane (stream, lane, next_position, head)
select s, l, 1, h from unnest($1::text[], $2::bigint[], $3::bytea[]) as t(s, l, h) on conflict do nothing
"""

INSERT_WATERMARKS = """
insert into record.relay (stream, lane, position)
select s, l, 0 from unnest($1::text[], $2::bigint[]) as t(s, l) on conflict do nothing
"""


async def initialise(connection: Connection, deployment_id: UUID, lanes: int = DEFAULT_LANES) -> Deployment:
    """Create the lanes once; later calls only check. NotInitialised for another number."""
    async with connection.transaction():
        await connection.execute(INSERT_DEPLOYMENT, deployment_id, lanes)
        found = await read_deployment(connection)
        if found.lanes != lanes:
            raise NotInitialised(f"this record has {found.lanes} lanes for life; {lanes} were asked for")
        keys = [(stream, lane) for stream in STREAMS for lane in range(lanes)]
        streams, numbers = [stream for stream, _ in keys], [lane for _, lane in keys]
        heads = [genesis(found.deployment_id, stream, lane) for stream, lane in keys]
        await connection.execute(INSERT_LANES, streams, numbers, heads)
        await connection.execute(INSERT_WATERMARKS, streams, numbers)
    return found


async def read_deployment(connection: Connection) -> Deployment:
    """NotInitialised when `initialise` never ran."""
    row = await connection.fetchrow(READ_DEPLOYMENT)
    if row is None:
        raise NotInitialised("the record is not initialised: run `lodestone migrate` first")
    return Deployment(deployment_id=row["deployment_id"], lanes=row["lanes"])


STOP_LANES = "update record.lane set stopped_reason = $1"

STOPPED_LANES = "select count(*) from record.lane where stopped_reason = $1"


async def stop_lanes(connection: Connection, reason: str | None) -> None:
    """Stops all lanes for a reason, so that nothing is written to them; None resumes all. Needs the owner's
    role."""
    await connection.execute(STOP_LANES, reason)


async def stopped_lanes(connection: Connection, reason: str) -> int:
    return int(await connection.fetchval(STOPPED_LANES, reason))


READ_HEAD = "select next_position - 1 as position, head from record.lane where stream = $1 and lane = $2"


async def read_head(connection: Connection, key: LaneKey) -> JournalHead:
    row = await connection.fetchrow(READ_HEAD, key.stream, key.lane)
    if row is None:
        raise ValueError(f"{key.stream}/{key.lane} is no lane of this record")
    return JournalHead(row["position"], row["head"])


READ_RANGE = """
select stream, lane, position, event_id, type, key, body, chain from record.journal
where stream = $1 and lane = $2 and position > $3 and position <= $4 order by position limit $5
"""


async def read_rows(
    connection: Connection, key: LaneKey, after: int, upto: int, limit: int
) -> list[JournalRow]:
    """Rows after position `after` up to and including `upto`, at most `limit`, in order."""
    rows = await connection.fetch(READ_RANGE, key.stream, key.lane, after, upto, limit)
    return [JournalRow(*row) for row in rows]


async def read_events(
    connection: Connection, key: LaneKey, after: int, upto: int, limit: int
) -> list[Recorded]:
    """As `read_rows`, decoded."""
    rows = await connection.fetch(READ_RANGE, key.stream, key.lane, after, upto, limit)
    return [decode_event(row["body"], row["chain"]) for row in rows]


# Joins through the few lane rows, so that each look-up uses the index journal_by_id, which excludes events of
# rounds.
READ_BY_IDS = """
select j.body, j.chain from record.lane l
join record.journal j on j.lane = l.lane and j.stream = l.stream and j.event_id = any($1::uuid[])
    and uuid_extract_version(j.event_id) is distinct from 8
"""


async def read_by_ids(connection: Connection, event_ids: Sequence[UUID]) -> tuple[Recorded, ...]:
    """Events in the order of their ids. LookupError when one is not in the journal, or is an event of a
    round: those have ids of version 8, and only `read_one` finds them."""
    rows = await connection.fetch(READ_BY_IDS, list(dict.fromkeys(event_ids)))
    found = {event.id: event for event in (decode_event(row["body"], row["chain"]) for row in rows)}
    missing = [event_id for event_id in event_ids if event_id not in found]
    if missing:
        raise LookupError(f"not in the journal: {', '.join(map(str, missing))}")
    return tuple(found[event_id] for event_id in event_ids)


READ_ONE = """
select body, chain from record.journal
where stream = $1 and lane = $2 and position > $3 and position <= $4 and event_id = $5
"""


async def read_one(connection: Connection, key: LaneKey, after: int, upto: int, event_id: UUID) -> Recorded:
    """The event of that id after position `after` up to and including `upto`, found by scanning that range.
    LookupError when it is not there."""
    row = await connection.fetchrow(READ_ONE, key.stream, key.lane, after, upto, event_id)
    if row is None:
        raise LookupError(f"not between {after} and {upto} of {key.stream}/{key.lane}: {event_id}")
    return decode_event(row["body"], row["chain"])


READ_HASHES = """
select position, sha256(body) as body_hash from record.journal
where stream = $1 and lane = $2 and position = any($3::bigint[])
"""


async def read_body_hashes(
    connection: Connection, key: LaneKey, positions: Sequence[int]
) -> dict[int, bytes]:
    """SHA-256 of the bodies at these positions; positions without a row are left out."""
    rows = await connection.fetch(READ_HASHES, key.stream, key.lane, list(positions))
    return {row["position"]: row["body_hash"] for row in rows}


async def copy_rows(connection: Connection, rows: Sequence[JournalRow], recorded_at: datetime) -> None:
    """Inserts hundreds of rows by COPY. The caller has locked the lane and moves its head in the same
    transaction."""
    records = [(*row, recorded_at) for row in rows]
    await connection.copy_records_to_table("journal", schema_name="record", columns=COLUMNS, records=records)


async def copy_bytes(connection: Connection, parts: AsyncIterable[bytes]) -> None:
    """As `copy_rows`, for rows from `RowBytes`, which are made while the server receives the earlier ones."""
    # A Unix socket's buffer holds less than the server can process while this process waits for a core.
    connection._transport.set_write_buffer_limits(high=COPIED_AHEAD_BYTES_MAX)  # type: ignore[union-attr]  # in no stub, None once closed
    following = aiter(parts)
    async for first in following:
        await connection.copy_to_table(
            "journal",
            schema_name="record",
            columns=COLUMNS,
            source=_framed(first, following),
            format="binary",
        )


async def _framed(part: bytes | None, following: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A part of the COPY data, and the following parts as long as there is room for them."""
    room = COPIED_AT_ONCE_BYTES_MAX
    yield HEADER
    while part is not None:
        yield part
        room -= len(part)
        part = await anext(following, None) if room > 0 else None
    yield TRAILER
