"""Batches that lock nothing before they decide: optimistic concurrency over the heads of lanes.

A process remembers how it left its lanes. A batch reads what it decides on, decides, and sends one statement
that commits by itself: it locks the lanes, holds their heads against those remembered, and writes; or it
fails and has no effect.

What was decided on is what stands at the commit. A lane's state changes only in a transaction that holds the
lane and moves its head, or stops it, which is compared too. It was read after the head had been left so; when
the head is still the same under the lock, nothing came between, and nothing can until the commit. That goes
for all lanes of a command, those too that it only reads. Nobody looks for earlier requests: one that was
accepted keeps its key, so the row for the same key is missing, and the statement fails. A refusal writes no
such row: who is refused is decided on again under the lock, where earlier requests are looked up.

What fails goes the other way, which locks first (`events.lane`), and so does all that wants these lanes for a
while: two processes that share a lane would else decide in vain again and again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from time import monotonic

import asyncpg

from events.connections import DATABASE_LOST, Connection
from events.decision import LaneKey
from events.heads import Head, Heads
from events.kept import Kept
from events.refusal import OutcomeUnknown
from events.writes import Write, fit_together, send_if

LOCK_FIRST_SECONDS = 1.0
"""How long a lane is locked first after somebody else was met on it."""

MAY_HAVE_COMMITTED = (*DATABASE_LOST, asyncpg.TransactionTimeoutError)


class LanesLeft:
    """Heads as this process left them, and the lanes on which it met others lately."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._heads: dict[LaneKey, Head] = {}
        self._kept: dict[LaneKey, Kept] = {}
        self._lock_first_until: dict[LaneKey, float] = {}

    def heads(self, lanes: Collection[LaneKey]) -> dict[LaneKey, Head] | None:
        """None when one of the lanes has to be locked first."""
        now = self._seconds()
        found: dict[LaneKey, Head] = {}
        for key in lanes:
            head = self._heads.get(key)
            if head is None or head.stopped_reason is not None:
                return None
            if self._lock_first_until.get(key, 0.0) > now:
                return None
            found[key] = head
        return found

    def kept(self, heads: Mapping[LaneKey, Head]) -> dict[LaneKey, Kept]:
        """What is kept of lanes at these heads: nothing yet, where it was kept of another."""
        for key, head in heads.items():
            if (kept := self._kept.get(key)) is None or kept.head != head.head:
                self._kept[key] = Kept(head.head)
        return {key: self._kept[key] for key in heads}

    def committed(self, heads: Heads) -> None:
        """Lanes as a transaction left them; who finds one otherwise than it was left here has met others."""
        others = [key for key, head in heads.found.items() if self._heads.get(key, head).head != head.head]
        if others:
            self.met_others(others)
        self._heads |= heads.current

    def met_others(self, lanes: Collection[LaneKey]) -> None:
        until = self._seconds() + LOCK_FIRST_SECONDS
        self._lock_first_until |= dict.fromkeys(lanes, until)


# Lane by lane, so that few of them cost few probes. None is waited for, so their order is of no matter. None
# is looked for before the time that the deciding clock had to have been reached.
LOCKED_AND_UNMOVED = """
select count(*)
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[]) as k (stream, lane, next_position, head)
cross join lateral (
    select from record.lane l
    where l.stream = k.stream and l.lane = k.lane and l.next_position = k.next_position and l.head = k.head
        and l.stopped_reason is null
    for update nowait
) unmoved
where now() >= $5::timestamptz
"""


class LanesMoved(Exception):
    """A lane is held or not as it was left, a request was accepted before, one statement cannot hold all, or
    the clock that was decided by is too far ahead: nothing was written."""


async def store_if_unmoved(
    connection: Connection, heads: Heads, effects: Sequence[Write], not_before: datetime
) -> None:
    """Commit what was written onto the heads, with `effects`. LanesMoved when nothing came of it, as when the
    database's time is before `not_before`.

    OutcomeUnknown when the connection was lost meanwhile.
    """
    writes = heads.writes(effects)
    if not fit_together(writes):
        raise LanesMoved
    found = heads.found
    arguments = (
        [key.stream for key in found],
        [key.lane for key in found],
        [head.next_position for head in found.values()],
        [head.head for head in found.values()],
        not_before,
    )
    try:
        await send_if(connection, writes, LOCKED_AND_UNMOVED, arguments, len(found))
    except MAY_HAVE_COMMITTED as error:
        raise OutcomeUnknown from error
    except (asyncpg.LockNotAvailableError, asyncpg.SerializationError) as error:
        raise LanesMoved from error
