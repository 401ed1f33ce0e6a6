"""Optimistic batches: decided without locks; the lanes' heads are compared at commit.

A process remembers the heads of its lanes as it left them. A batch reads its state, decides, and sends one
statement that commits by itself: it locks the lanes, compares their heads with those remembered, and writes;
or it fails and has no effect.

The state that was read is still current at commit. A lane's state changes only in a transaction that holds
the lane and moves its head, or stops it, which is compared too. The state was read after the head had its
remembered value; if the head is still the same under the lock, nothing happened in between, and nothing can
until the commit. This holds for all lanes of a command, including those that it only reads. Earlier requests
are not looked up: the row of an accepted request conflicts on its key, so the statement fails. A refusal
writes no such row, so a refused command is decided again under the lock, where earlier requests are looked
up.

After a failure, the batch locks first (`events.lane`), as do all others on these lanes for some seconds:
otherwise two processes that share a lane would repeatedly decide in vain.
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
"""How long a lane is locked first after another process was noticed on it."""

MAY_HAVE_COMMITTED = (*DATABASE_LOST, asyncpg.TransactionTimeoutError)


class LanesLeft:
    """The heads as this process left them, and the lanes on which it recently noticed other processes."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._heads: dict[LaneKey, Head] = {}
        self._kept: dict[LaneKey, Kept] = {}
        self._lock_first_until: dict[LaneKey, float] = {}

    def heads(self, lanes: Collection[LaneKey]) -> dict[LaneKey, Head] | None:
        """The remembered heads; None when one of the lanes has to be locked first."""
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
        """The cache of lanes at these heads; empty for a lane whose cache belongs to another head."""
        for key, head in heads.items():
            if (kept := self._kept.get(key)) is None or kept.head != head.head:
                self._kept[key] = Kept(head.head)
        return {key: self._kept[key] for key in heads}

    def committed(self, heads: Heads) -> None:
        """Remembers lanes as a transaction left them. If a lane was found with another head than it was left
        with here, other processes write to it."""
        others = [key for key, head in heads.found.items() if self._heads.get(key, head).head != head.head]
        if others:
            self.met_others(others)
        self._heads |= heads.current

    def met_others(self, lanes: Collection[LaneKey]) -> None:
        until = self._seconds() + LOCK_FIRST_SECONDS
        self._lock_first_until |= dict.fromkeys(lanes, until)


# Lane by lane, so that few lanes cost few look-ups. It never waits for a lock, so the order does not matter.
# It finds no lane before the earliest database time that the deciding clock allows.
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
    """Nothing was written: a lane is locked or has moved, a request was accepted before, one statement cannot
    hold all writes, or the deciding clock is too far ahead."""


async def store_if_unmoved(
    connection: Connection, heads: Heads, effects: Sequence[Write], not_before: datetime
) -> None:
    """Commit what was written onto the heads, with `effects`. LanesMoved when nothing was written, also when
    the database's time is before `not_before`. OutcomeUnknown when the connection was lost meanwhile."""
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
