"""Stores signed heads that are on a topic but not in the database, in their place among the others.

`record.checkpoint.number` is the order in which a recreated topic gets all of them again: of each lane by
size, and none of a key after the change to the next key. A head that is stored late may belong before others.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from events import seals
from events.connections import Connection
from events.decision import LaneKey


class SignedTwice(Exception):
    """The topic of checkpoints contains what an honest signer never sends; one sentence says what."""


class Lacking(NamedTuple):
    """A head on a topic; `epoch`: the number of key changes before it."""

    epoch: int
    head: seals.Published

    @property
    def lane(self) -> LaneKey:
        return LaneKey(self.head.stream, self.head.lane)


class _Placed(NamedTuple):
    """A head that gets the next number; `head` is set if it is not stored yet."""

    epoch: int
    lane: LaneKey
    size: int
    signed_at: datetime
    head: seals.Published | None


READ_KNOWN = """
select k.root
from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as h (stream, lane, size, place)
left join record.checkpoint k using (stream, lane, size) order by h.place
"""

# The heads that belong after the first late one: of its lane, or of a later key.
FIRST_MOVED = """
select least(
    (select min(c.number) from record.checkpoint c
     join unnest($1::text[], $2::bigint[], $3::bigint[]) as l (stream, lane, size)
     on c.stream = l.stream and c.lane = l.lane and c.size > l.size),
    (select min(c.number) from record.checkpoint c join record.key_rotation r on c.number > r.after_number
     where r.number > $4)
)
"""

READ_MOVED = """
select c.stream, c.lane, c.size, c.signed_at,
       (select count(*) from record.key_rotation r where r.after_number < c.number) as epoch
from record.checkpoint c where c.number >= $1
"""

MOVE = "update record.checkpoint set number = default where stream = $1 and lane = $2 and size = $3"

KEEP_ROTATION = """
insert into record.key_rotation (number, after_number, note, published)
select $1, coalesce(max(number), 0), $2, $3 from record.checkpoint
on conflict (number) do update set after_number = excluded.after_number
"""


async def read_known(connection: Connection, heads: Sequence[tuple[LaneKey, int]]) -> list[bytes | None]:
    """The stored root at each lane and size; None: no head of that size is stored."""
    rows = await connection.fetch(
        READ_KNOWN,
        [lane.stream for lane, _ in heads],
        [lane.lane for lane, _ in heads],
        [size for _, size in heads],
    )
    return [row["root"] for row in rows]


async def store_lacking(connection: Connection, lacking: Sequence[Lacking], notes: Sequence[str]) -> int:
    """Stores them as published, and those of `notes`, all key changes on the topic, that are missing.

    Runs in the caller's transaction, which holds the signers' lock, with the owner's role. Returns the number
    of key changes that were stored; SignedTwice if the database has different ones.
    """
    known = [each.note for each in await seals.read_rotations(connection)]
    shared = min(len(known), len(notes))
    if known[:shared] != list(notes[:shared]):
        raise SignedTwice("topic and database hold different changes of the key")
    every = [*known, *notes[shared:]]
    first = min((each.epoch for each in lacking), default=len(known))
    placed = _in_order([*await _moved(connection, lacking, first), *map(_place, lacking)])
    by_epoch = {epoch: list(group) for epoch, group in groupby(placed, key=lambda each: each.epoch)}
    for epoch in range(first, len(every) + 1):
        if epoch > first:
            is_published = epoch <= len(notes)
            await connection.execute(KEEP_ROTATION, epoch, every[epoch - 1], is_published)
        await _number(connection, by_epoch.get(epoch, []))
    return len(every) - len(known)


def _place(each: Lacking) -> _Placed:
    return _Placed(each.epoch, each.lane, each.head.size, each.head.signed_at, each.head)


async def _moved(connection: Connection, lacking: Sequence[Lacking], epoch: int) -> list[_Placed]:
    least: dict[LaneKey, int] = {}
    for each in lacking:
        least[each.lane] = min(each.head.size, least.get(each.lane, each.head.size))
    if not lacking:
        return []
    first = await connection.fetchval(
        FIRST_MOVED, [lane.stream for lane in least], [lane.lane for lane in least], [*least.values()], epoch
    )
    if first is None:
        return []
    rows = await connection.fetch(READ_MOVED, first)
    return [
        _Placed(row["epoch"], LaneKey(row["stream"], row["lane"]), row["size"], row["signed_at"], None)
        for row in rows
    ]


def _in_order(heads: Iterable[_Placed]) -> list[_Placed]:
    """Sorted by key, then by time; within a lane by size, even if the clock jumped."""
    latest: dict[LaneKey, datetime] = {}
    timed: list[tuple[int, datetime, LaneKey, int, _Placed]] = []
    for each in sorted(heads, key=lambda each: (each.lane, each.size)):
        time = latest[each.lane] = max(each.signed_at, latest.get(each.lane, each.signed_at))
        timed.append((each.epoch, time, each.lane, each.size, each))
    return [each for *_, each in sorted(timed, key=lambda each: each[:-1])]


async def _number(connection: Connection, placed: Sequence[_Placed]) -> None:
    """Gives these heads the next numbers, in this order."""
    for is_stored, run in groupby(placed, key=lambda each: each.head is None):
        if is_stored:
            await connection.executemany(MOVE, [(*each.lane, each.size) for each in run])
        else:
            heads = [each.head for each in run if each.head is not None]
            await seals.insert_published(connection, heads)
