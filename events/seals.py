"""The heads that were signed, their cosignatures and the changes of key, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from msgspec import Struct

from events.checkpoints import COSIGNATURES_MAX
from events.connections import Connection
from events.decision import LaneKey

SIGNERS_LOCK = 0x10DE57C9


class Seal(Struct, frozen=True, kw_only=True):
    """A checkpoint as it was signed; `number` counts them over all lanes."""

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
    """What a signer has to compare: how far the auditor has read the topic and the chain there, the journal's
    chain at that position (None: it ends before) and its end, and the lane's newest seal (size 0: none)."""

    lane: LaneKey
    position: int
    head: bytes
    journal_chain: bytes | None
    journal_end: int
    sealed: int


LOCK_SIGNERS = "select pg_advisory_xact_lock($1)"

# The auditor has verified each position on Kafka; the journal has to hold the same there.
READ_STANDINGS = """
select c.stream, c.lane, c.position, c.head, j.chain, l.next_position - 1 as journal_end,
       coalesce(k.size, 0) as sealed
from record.consumer c
join record.lane l on l.stream = c.stream and l.lane = c.lane
left join record.journal j on j.stream = c.stream and j.lane = c.lane and j.position = c.position
left join lateral (
    select s.size from record.checkpoint s
    where s.stream = c.stream and s.lane = c.lane order by s.size desc limit 1
) k on true
where c.name = $1 and ($2::text is null or (c.stream = $2 and c.lane = $3)) order by c.stream, c.lane
"""

READ_NEWEST = """
select number, stream, lane, size, root, old_size, note, signed_at, published from record.checkpoint
where stream = $1 and lane = $2 order by size desc limit 1
"""

READ_UNPUBLISHED = """
select number, stream, lane, size, root, old_size, note, signed_at, published from record.checkpoint
where not published order by number limit $1
"""

INSERT_SEAL = """
insert into record.checkpoint (stream, lane, size, root, old_size, note, signed_at, published)
values ($1, $2, $3, $4, $5, $6, $7, false)
"""

MARK_PUBLISHED = "update record.checkpoint set published = true where number = any($1::bigint[])"

# What a topic that was made anew has lost is sent again, in the order of before.
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
    """Until the transaction ends no other signer looks, signs or grows a tree."""
    await connection.execute(LOCK_SIGNERS, SIGNERS_LOCK)


async def read_standings(
    connection: Connection, auditor: str, lane: LaneKey | None = None
) -> list[LaneStanding]:
    """Of one lane, or of every lane, that the reader named `auditor` follows."""
    rows = await connection.fetch(READ_STANDINGS, auditor, *(lane or (None, None)))
    return [LaneStanding(LaneKey(row["stream"], row["lane"]), *list(row)[2:]) for row in rows]


async def read_newest(connection: Connection, key: LaneKey) -> Seal | None:
    row = await connection.fetchrow(READ_NEWEST, *key)
    return None if row is None else _seal(row)


async def read_unpublished(connection: Connection, limit: int) -> list[Seal]:
    """In the order in which they were signed."""
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


async def mark_published(connection: Connection, numbers: Sequence[int]) -> None:
    await connection.execute(MARK_PUBLISHED, list(numbers))


async def mark_lost(connection: Connection, key: LaneKey, after_size: int) -> int:
    """Seals of a lane beyond a size are to be published again; how many."""
    return int((await connection.execute(MARK_LOST, *key, after_size)).rpartition(" ")[2])


async def insert_cosignatures(connection: Connection, found: Sequence[tuple[LaneKey, int, str, str]]) -> None:
    """(lane, size, witness's key, signature line) of seals that are stored; the first 16 of each are kept."""
    await connection.execute(
        INSERT_COSIGNATURES,
        [key.stream for key, *_ in found],
        [key.lane for key, *_ in found],
        [size for _, size, *_ in found],
        [witness for *_, witness, _ in found],
        [line for *_, line in found],
        COSIGNATURES_MAX,
    )


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


# Among the newest that hold a position, one that a witness has cosigned is worth more than a newer one.
READ_COVERING = """
select k.number, k.stream, k.lane, k.size, k.root, k.old_size, k.note, k.signed_at, k.published
from (
    select * from record.checkpoint
    where stream = $1 and lane = $2 and size >= $3 and published order by size desc limit 64
) k
order by exists (
    select from record.cosignature c where c.stream = k.stream and c.lane = k.lane and c.size = k.size
) desc, k.size desc limit 1
"""

READ_NEWEST_OF_ALL = """
select k.number, k.stream, k.lane, k.size, k.root, k.old_size, k.note, k.signed_at, k.published
from record.lane l cross join lateral (
    select * from record.checkpoint c
    where c.stream = l.stream and c.lane = l.lane and c.published order by c.size desc limit 1
) k order by k.stream, k.lane
"""

READ_AT = """
select number, stream, lane, size, root, old_size, note, signed_at, published from record.checkpoint
where stream = $1 and lane = $2 and size = $3 and published
"""

READ_COSIGNATURES = """
select c.stream, c.lane, c.witness, c.line
from unnest($1::text[], $2::bigint[], $3::bigint[]) as s (stream, lane, size)
join record.cosignature c on c.stream = s.stream and c.lane = s.lane and c.size = s.size
order by c.stream, c.lane, c.witness
"""


async def read_covering(connection: Connection, key: LaneKey, position: int) -> Seal | None:
    """The published checkpoint to prove a position with; None when none holds it yet."""
    row = await connection.fetchrow(READ_COVERING, *key, position)
    return None if row is None else _seal(row)


async def read_newest_of_all(connection: Connection) -> list[Seal]:
    """The newest published checkpoint of every lane that has one."""
    return [_seal(row) for row in await connection.fetch(READ_NEWEST_OF_ALL)]


async def read_at(connection: Connection, key: LaneKey, size: int) -> Seal | None:
    """The published checkpoint of exactly so many events."""
    row = await connection.fetchrow(READ_AT, *key, size)
    return None if row is None else _seal(row)


async def read_cosignatures(
    connection: Connection, cosigned: Sequence[Seal]
) -> dict[LaneKey, list[Cosignature]]:
    """Of one checkpoint a lane, by witness; lanes without any are left out."""
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
