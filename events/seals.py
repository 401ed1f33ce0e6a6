"""Signed heads, their cosignatures and the key changes, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from msgspec import Struct

from events.checkpoints import COSIGNATURES_MAX, PUBLIC_EVENTS
from events.connections import Connection
from events.decision import LaneKey

SIGNERS_LOCK = 0x10DE57C9


class Seal(Struct, frozen=True, kw_only=True):
    """A checkpoint as it was signed; `number` counts checkpoints over all lanes."""

    number: int
    lane: LaneKey
    size: int
    root: bytes
    old_size: int
    note: str
    signed_at: datetime
    published: bool


class Rotation(Struct, frozen=True, kw_only=True):
    """The change from key `number` to the next; `after_number`: the last seal of the old key."""

    number: int
    after_number: int
    note: str
    published: bool


class LaneStanding(NamedTuple):
    """What a signer compares: the auditor's position on the topic and the chain hash there, the journal's
    chain hash at that position (None: the journal ends before) and its end, the lane's newest seal (size 0:
    none), and why the auditor has stopped."""

    lane: LaneKey
    position: int
    head: bytes
    journal_chain: bytes | None
    journal_end: int
    sealed: int
    stopped: str | None


LOCK_SIGNERS = "select pg_advisory_xact_lock($1)"

# The auditor has verified each position on Kafka; the journal has to contain the same there.
READ_STANDINGS = """
select c.stream, c.lane, c.position, c.head, j.chain, l.next_position - 1 as journal_end,
       coalesce(k.size, 0) as sealed, c.stopped_reason as stopped
from record.consumer c
join record.lane l on l.stream = c.stream and l.lane = c.lane
left join record.journal j on j.stream = c.stream and j.lane = c.lane and j.position = c.position
left join lateral (
    select s.size from record.checkpoint s
    where s.stream = c.stream and s.lane = c.lane order by s.size desc limit 1
) k on true
where c.name = $1 and ($2::text is null or (c.stream = $2 and c.lane = $3)) order by c.stream, c.lane
"""

OLDEST_WAITING = """
select min(j.recorded_at) from record.consumer c
left join lateral (
    select s.size from record.checkpoint s
    where s.stream = c.stream and s.lane = c.lane order by s.size desc limit 1
) k on true
join record.journal j on j.stream = c.stream and j.lane = c.lane and j.position = coalesce(k.size, 0) + 1
where c.name = $1 and j.position <= c.position
"""

READ_NEWEST = """
select number, stream, lane, size, root, old_size, note, signed_at, published from record.checkpoint
where stream = $1 and lane = $2 order by size desc limit 1
"""

READ_SIGNED_AT = """
select signed_at from record.checkpoint where stream = $1 and lane = $2 and size = $3 and root = $4
"""

READ_SIZE_BEFORE = """
select coalesce(max(size), 0) from record.checkpoint where stream = $1 and lane = $2 and size < $3
"""

READ_ROOTS = "select size, root from record.checkpoint where stream = $1 and lane = $2"

READ_UNPUBLISHED = """
select number, stream, lane, size, root, old_size, note, signed_at, published from record.checkpoint
where not published order by number limit $1
"""

INSERT_SEAL = """
insert into record.checkpoint (stream, lane, size, root, old_size, note, signed_at, published)
values ($1, $2, $3, $4, $5, $6, $7, false)
"""

# What was recovered from the topic is already published.
INSERT_PUBLISHED = """
insert into record.checkpoint (stream, lane, size, root, old_size, note, signed_at, published)
values ($1, $2, $3, $4, $5, $6, $7, true)
"""

MARK_PUBLISHED = "update record.checkpoint set published = true where number = any($1::bigint[])"

# What a recreated topic has lost is sent again, in the original order.
MARK_LOST = """
update record.checkpoint set published = false where stream = $1 and lane = $2 and size > $3 and published
"""

INSERT_COSIGNATURES = """
insert into record.cosignature (stream, lane, size, witness, line)
select c.stream, c.lane, c.size, c.witness, c.line
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
    as c (stream, lane, size, witness, line)
join record.checkpoint k on k.stream = c.stream and k.lane = c.lane and k.size = c.size
where (
    select count(*) from record.cosignature o
    where o.stream = c.stream and o.lane = c.lane and o.size = c.size
) < $6
on conflict do nothing
"""

READ_ROTATIONS = "select number, after_number, note, published from record.key_rotation order by number"

INSERT_ROTATION = """
insert into record.key_rotation (number, after_number, note, published)
select $1, coalesce(max(number), 0), $2, false from record.checkpoint on conflict do nothing
"""

MARK_ROTATION = "update record.key_rotation set published = $2 where number = $1"


async def lock_signers(connection: Connection) -> None:
    """Until the transaction ends, no other signer reads, signs or grows a tree."""
    await connection.execute(LOCK_SIGNERS, SIGNERS_LOCK)


async def read_standings(
    connection: Connection, auditor: str, lane: LaneKey | None = None
) -> list[LaneStanding]:
    """The standings of one lane, or of every lane, that the reader named `auditor` follows."""
    rows = await connection.fetch(READ_STANDINGS, auditor, *(lane or (None, None)))
    return [LaneStanding(LaneKey(row["stream"], row["lane"]), *list(row)[2:]) for row in rows]


async def oldest_waiting_at(connection: Connection, auditor: str) -> datetime | None:
    """Recording time of the oldest event that the reader named `auditor` has verified and that is not signed
    yet."""
    found: datetime | None = await connection.fetchval(OLDEST_WAITING, auditor)
    return found


async def read_newest(connection: Connection, key: LaneKey) -> Seal | None:
    row = await connection.fetchrow(READ_NEWEST, *key)
    return None if row is None else _seal(row)


async def read_size_before(connection: Connection, key: LaneKey, size: int) -> int:
    """Size of the largest stored head of a lane below `size`; 0: there is none."""
    return int(await connection.fetchval(READ_SIZE_BEFORE, *key, size))


async def read_roots(connection: Connection, key: LaneKey) -> dict[int, bytes]:
    """Every signed root of a lane, by number of events."""
    return {row["size"]: row["root"] for row in await connection.fetch(READ_ROOTS, *key)}


async def read_unpublished(connection: Connection, limit: int) -> list[Seal]:
    """Seals that are not published yet, in the order in which they were signed."""
    return [_seal(row) for row in await connection.fetch(READ_UNPUBLISHED, limit)]


def _seal(row: Any) -> Seal:
    return Seal(
        number=row["number"],
        lane=LaneKey(row["stream"], row["lane"]),
        size=row["size"],
        root=row["root"],
        old_size=row["old_size"],
        note=row["note"],
        signed_at=row["signed_at"],
        published=row["published"],
    )


async def read_signed_at(connection: Connection, key: LaneKey, size: int, root: bytes) -> datetime | None:
    """When a head was signed; None: it is not stored."""
    found: datetime | None = await connection.fetchval(READ_SIGNED_AT, *key, size, root)
    return found


async def insert_seal(
    connection: Connection,
    key: LaneKey,
    *,
    size: int,
    root: bytes,
    old_size: int,
    note: str,
    signed_at: datetime,
) -> None:
    await connection.execute(INSERT_SEAL, *key, size, root, old_size, note, signed_at)


class Published(NamedTuple):
    """A head as it was signed and published."""

    stream: str
    lane: int
    size: int
    root: bytes
    old_size: int
    note: str
    signed_at: datetime


async def insert_published(connection: Connection, heads: Sequence[Published]) -> None:
    """Stores published heads, in the order in which they were signed."""
    await connection.executemany(INSERT_PUBLISHED, heads)


async def mark_published(connection: Connection, numbers: Sequence[int]) -> None:
    await connection.execute(MARK_PUBLISHED, list(numbers))


async def mark_lost(connection: Connection, key: LaneKey, after_size: int) -> int:
    """Marks the seals of a lane beyond a size to be published again; returns how many."""
    return int((await connection.execute(MARK_LOST, *key, after_size)).rpartition(" ")[2])


async def insert_cosignatures(connection: Connection, found: Sequence[tuple[LaneKey, int, str, str]]) -> int:
    """Stores (lane, size, witness's key, signature line) for stored seals; the first 16 of each are kept.
    Returns how many are new."""
    status = await connection.execute(
        INSERT_COSIGNATURES,
        [key.stream for key, *_ in found],
        [key.lane for key, *_ in found],
        [size for _, size, *_ in found],
        [witness for *_, witness, _ in found],
        [line for *_, line in found],
        COSIGNATURES_MAX,
    )
    return int(status.rpartition(" ")[2])


async def read_rotations(connection: Connection) -> list[Rotation]:
    return [Rotation(**row) for row in await connection.fetch(READ_ROTATIONS)]


async def insert_rotation(connection: Connection, number: int, note: str) -> None:
    await connection.execute(INSERT_ROTATION, number, note)


async def mark_rotation(connection: Connection, number: int, *, published: bool) -> None:
    await connection.execute(MARK_ROTATION, number, published)


class Cosignature(NamedTuple):
    """A witness's key and its signature line."""

    witness: str
    line: str


# The first checkpoint that covers the position and has a cosignature, else the first that covers it, so that
# a repeated proof does not reveal how much the lane has grown.
READ_COVERING = """
select number, stream, lane, size, root, old_size, note, signed_at, published from record.checkpoint
where stream = $1 and lane = $2 and published and size = coalesce(
    (select c.size from record.cosignature c join record.checkpoint k using (stream, lane, size)
     where c.stream = $1 and c.lane = $2 and c.size >= $3 and k.published order by c.size limit 1),
    (select k.size from record.checkpoint k
     where k.stream = $1 and k.lane = $2 and k.size >= $3 and k.published order by k.size limit 1)
)
"""

# Public sizes are a few rows apart.
READ_PUBLIC = """
select k.number, k.stream, k.lane, k.size, k.root, k.old_size, k.note, k.signed_at, k.published
from record.lane l cross join lateral (
    select * from record.checkpoint c
    where c.stream = l.stream and c.lane = l.lane and c.published and c.size % $1 = 0
    order by c.size desc limit 1
) k where $2::text is null or (l.stream = $2 and l.lane = $3) order by k.stream, k.lane
"""

READ_COSIGNATURES = """
select c.stream, c.lane, c.witness, c.line
from unnest($1::text[], $2::bigint[], $3::bigint[]) as s (stream, lane, size)
join record.cosignature c on c.stream = s.stream and c.lane = s.lane and c.size = s.size
order by c.stream, c.lane, c.witness
"""


async def read_covering(connection: Connection, key: LaneKey, position: int) -> Seal | None:
    """The published checkpoint with which to prove a position; None when none covers it yet."""
    row = await connection.fetchrow(READ_COVERING, *key, position)
    return None if row is None else _seal(row)


async def read_public(connection: Connection, key: LaneKey | None = None) -> list[Seal]:
    """The newest public checkpoint of one lane, or of every lane that has one."""
    rows = await connection.fetch(READ_PUBLIC, PUBLIC_EVENTS, *(key or (None, None)))
    return [_seal(row) for row in rows]


async def read_cosignatures(
    connection: Connection, cosigned: Sequence[Seal]
) -> dict[LaneKey, list[Cosignature]]:
    """The cosignatures of one checkpoint per lane, by witness; lanes without any are left out."""
    rows = await connection.fetch(
        READ_COSIGNATURES,
        [seal.lane.stream for seal in cosigned],
        [seal.lane.lane for seal in cosigned],
        [seal.size for seal in cosigned],
    )
    return {
        LaneKey(*place): [Cosignature(*row[2:]) for row in found]
        for place, found in groupby(rows, lambda row: (row[0], row[1]))
    }


KEEP_REFUSAL = """
insert into record.unsigned_lane (stream, lane, reason, refused_at) values ($1, $2, $3, $4)
on conflict (stream, lane) do update set reason = excluded.reason
"""

DROP_REFUSAL = "delete from record.unsigned_lane where stream = $1 and lane = $2"

READ_REFUSALS = "select stream, lane, reason, refused_at from record.unsigned_lane order by stream, lane"

READ_NEWEST_AT = "select signed_at from record.checkpoint order by number desc limit 1"

READ_WITNESSES = """
select c.witness, max(k.signed_at) as signed_at
from (select stream, lane, size, signed_at from record.checkpoint order by number desc limit 1000) k
join record.cosignature c on c.stream = k.stream and c.lane = k.lane and c.size = k.size
group by c.witness order by c.witness
"""


# Covers all delays: of relay, auditor or signer.
OLDEST_UNSEALED = """
select min(j.recorded_at) from record.lane l
left join lateral (
    select s.size from record.checkpoint s
    where s.stream = l.stream and s.lane = l.lane order by s.size desc limit 1
) k on true
join record.journal j on j.stream = l.stream and j.lane = l.lane and j.position = coalesce(k.size, 0) + 1
"""


async def oldest_unsealed_at(connection: Connection) -> datetime | None:
    """Recording time of the oldest event that no checkpoint covers; None: all are covered."""
    found: datetime | None = await connection.fetchval(OLDEST_UNSEALED)
    return found


class UnsignedLane(NamedTuple):
    """A lane that the signer refuses to sign, since when and why."""

    stream: str
    lane: int
    reason: str
    refused_at: datetime


async def keep_refusal(connection: Connection, key: LaneKey, reason: str, now: datetime) -> None:
    """Stores a refusal; a known one keeps its time."""
    await connection.execute(KEEP_REFUSAL, *key, reason, now)


async def drop_refusal(connection: Connection, key: LaneKey) -> None:
    await connection.execute(DROP_REFUSAL, *key)


async def read_refusals(connection: Connection) -> list[UnsignedLane]:
    return [UnsignedLane(*row) for row in await connection.fetch(READ_REFUSALS)]


async def newest_signed_at(connection: Connection) -> datetime | None:
    """When the newest checkpoint of all lanes was signed; None: there is none."""
    found: datetime | None = await connection.fetchval(READ_NEWEST_AT)
    return found


async def witnessed_at(connection: Connection) -> dict[str, datetime]:
    """By witness's key, the signing time of the newest checkpoint that it has cosigned, among the last
    thousand."""
    return {row["witness"]: row["signed_at"] for row in await connection.fetch(READ_WITNESSES)}
