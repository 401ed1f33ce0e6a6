"""The position of each reader on each lane: moved in the transaction of the reader's effect, by
compare-and-set."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from events.connections import Connection, Pool, acquire
from events.decision import LaneKey


class NotOwner(Exception):
    """Another process that runs the same reader has taken over the lane."""


class Place(NamedTuple):
    """Last applied position and the chain hash there; the offset after the last record read, and that
    record's event id."""

    position: int
    head: bytes
    next_offset: int
    last_event_id: UUID | None
    cluster_id: str | None


class Step(NamedTuple):
    """A move of a reader on a lane: its place before and after an effect is stored."""

    key: LaneKey
    before: Place
    after: Place


READ = """
select position, head, next_offset, last_event_id, cluster_id
from record.consumer where name = $1 and stream = $2 and lane = $3
"""

MOVE = """
update record.consumer
set position = $6, head = $7, next_offset = $8, last_event_id = $9, cluster_id = $10, waits_reason = null
where name = $1 and owner = $2 and stream = $3 and lane = $4 and position = $5
"""

NOTE_STOP = """
update record.consumer set stopped_reason = $5 where name = $1 and owner = $2 and stream = $3 and lane = $4
"""

NOTE_WAIT = """
update record.consumer set waits_reason = $5 where name = $1 and owner = $2 and stream = $3 and lane = $4
"""

RESUME = """
with held as (
    select stopped_reason from record.consumer where name = $1 and stream = $2 and lane = $3 for update
)
update record.consumer c set stopped_reason = null from held
where c.name = $1 and c.stream = $2 and c.lane = $3 returning held.stopped_reason is not null
"""


RESUME_LANES = """
with held as (
    select name, stream, lane from record.consumer
    join unnest($1::text[], $2::bigint[]) as a (stream, lane) using (stream, lane)
    where stopped_reason is not null order by name, stream, lane for update of consumer
)
update record.consumer c set stopped_reason = null from held h
where c.name = h.name and c.stream = h.stream and c.lane = h.lane returning c.name, c.stream, c.lane
"""

REREAD = """
update record.consumer set stopped_reason = null, next_offset = 0, last_event_id = null, cluster_id = null
where name = $1 and stream = $2 and lane = $3
"""


async def read_place(pool: Pool, name: str, key: LaneKey) -> Place:
    async with acquire(pool) as connection:
        row = await connection.fetchrow(READ, name, key.stream, key.lane)
    if row is None:
        raise LookupError(f"reader {name} has no place on {key.stream}/{key.lane}")
    return Place(*row)


async def move(
    connection: Connection, name: str, owner: str, key: LaneKey, before: Place, after: Place
) -> None:
    """Runs in the transaction of the effect. NotOwner when the position is no longer `before`."""
    status = await connection.execute(
        MOVE,
        name,
        owner,
        key.stream,
        key.lane,
        before.position,
        after.position,
        after.head,
        after.next_offset,
        after.last_event_id,
        after.cluster_id,
    )
    if status != "UPDATE 1":
        raise NotOwner(
            f"{name} on {key.stream}/{key.lane}: position {before.position} was moved by another reader"
        )


async def skip_repeats(pool: Pool, name: str, owner: str, key: LaneKey, before: Place, after: Place) -> None:
    """Moves only the offset, past repeated events, which have no effect."""
    async with acquire(pool) as connection:
        await move(connection, name, owner, key, before, after)


async def note_stop(pool: Pool, name: str, owner: str, key: LaneKey, reason: str) -> None:
    async with acquire(pool) as connection:
        await connection.execute(NOTE_STOP, name, owner, key.stream, key.lane, reason)


async def note_wait(pool: Pool, name: str, owner: str, key: LaneKey, reason: str) -> None:
    """Stores why a reader waits on a lane, until its position moves."""
    async with acquire(pool) as connection:
        await connection.execute(NOTE_WAIT, name, owner, key.stream, key.lane, reason)


async def resume(connection: Connection, name: str, key: LaneKey) -> bool | None:
    """Resumes a stopped lane, on an operator's command; its reader takes it up within a third of a lease.
    False when the lane was not stopped, None when no reader of that name has ever had it."""
    stopped: bool | None = await connection.fetchval(RESUME, name, key.stream, key.lane)
    return stopped


async def resume_lanes(connection: Connection, keys: Sequence[LaneKey]) -> list[tuple[str, LaneKey]]:
    """As `resume`, for every reader that has stopped on one of the lanes; returns these readers and lanes."""
    rows = await connection.fetch(RESUME_LANES, [key.stream for key in keys], [key.lane for key in keys])
    return sorted((row["name"], LaneKey(row["stream"], row["lane"])) for row in rows)


async def reread(connection: Connection, name: str, key: LaneKey) -> bool:
    """As `resume`, after the topic was recreated: reads from its first record, skipping what has been
    applied.

    False when no reader of that name has ever had the lane.
    """
    return await connection.execute(REREAD, name, key.stream, key.lane) == "UPDATE 1"


REREAD_LANES = """
update record.consumer c set stopped_reason = null, next_offset = 0, last_event_id = null, cluster_id = null
from unnest($1::text[], $2::bigint[]) as a (stream, lane) where c.stream = a.stream and c.lane = a.lane
"""


async def reread_lanes(connection: Connection, keys: Sequence[LaneKey]) -> int:
    """As `reread`, for every reader of the lanes; returns how many places were moved."""
    status = await connection.execute(REREAD_LANES, [key.stream for key in keys], [key.lane for key in keys])
    return int(status.rpartition(" ")[2])


RESTORE = """
insert into record.consumer (
    name, stream, lane, position, head, next_offset, last_event_id, cluster_id
) values ($1, $2, $3, $4, $5, $6, $7, $8)
"""


async def restore(connection: Connection, name: str, places: Mapping[LaneKey, Place]) -> None:
    """Sets the places of a reader whose effects were recovered together with the journal. Needs the owner's
    role."""
    await connection.executemany(RESTORE, [(name, *key, *place) for key, place in places.items()])


FORGET = "delete from record.consumer where name = $1"


async def forget(connection: Connection, name: str) -> int:
    """Makes a reader start again at each lane's first event; returns how many places it had. Needs the
    owner's role."""
    return int((await connection.execute(FORGET, name)).rpartition(" ")[2])


# A killed service stays listed until its leases expire.
AT_WORK = """
select distinct name from record.consumer
where leased_until between clock_timestamp() and clock_timestamp() + interval '2 minutes'
union select 'relay' from record.relay
where leased_until between clock_timestamp() and clock_timestamp() + interval '2 minutes'
order by name
"""


async def at_work(connection: Connection) -> list[str]:
    """The relay and the readers that hold leases."""
    return [row["name"] for row in await connection.fetch(AT_WORK)]
