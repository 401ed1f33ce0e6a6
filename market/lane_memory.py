"""A reader's in-memory state of a lane: its newest snapshot, brought to a position with the journal."""

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec

from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.envelope import Recorded
from events.replay import BrokenRecord, from_journal
from market.store import snapshots
from market.store.snapshots import Snapshot

M = TypeVar("M")

SNAPSHOT_AFTER_EVENTS: Final = 5_000
MILESTONE_EVENTS: Final = 50_000
"""A memory that is asked for at old positions keeps a snapshot for good of each so many events."""


class LaneMemory(Generic[M]):
    """The memory of reader `name`, a value of type `shape`; snapshots of another type are ignored.

    `milestone_events`: one snapshot of so many events is kept; None: only the newest.
    """

    def __init__(
        self,
        name: str,
        shape: Any,
        empty: Callable[[], M],
        fold: Callable[[M, Recorded], object],
        *,
        milestone_events: int | None = None,
    ) -> None:
        self._name = name
        self._empty = empty
        self._fold = fold
        self._milestone_events = milestone_events
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(shape)
        self._format = snapshots.format_of(shape)

    async def recall(self, pool: Pool, key: LaneKey, upto: int, *, keeps: bool = False) -> M:
        """The memory at lane position `upto`. BrokenRecord when the journal does not reach it.

        `keeps`: milestones on the way that are missing, since an earlier version kept another shape or none.
        """
        snapshot = await self._nearest(pool, key, upto)
        memory, position = self._empty(), 0
        if snapshot is not None:
            memory, position = self._decoder.decode(snapshot.body), snapshot.position
        if position < upto:
            async for events in from_journal(pool, key, after=position, upto=upto):
                before = position
                for event in events:
                    self._fold(memory, event)
                position = events[-1].position
                if keeps and self._milestone(before) != self._milestone(position):
                    name = f"{self._name}/{self._milestone(position)}"
                    async with acquire(pool) as connection:
                        await snapshots.save(connection, name, key, self.snapshot(position, memory))
        if position != upto:
            raise BrokenRecord(f"the journal of {key.stream}/{key.lane} ends at {position}, before {upto}")
        return memory

    async def _nearest(self, pool: Pool, key: LaneKey, upto: int) -> Snapshot | None:
        """The newest one, or of an older position the last milestone before it."""
        async with acquire(pool) as connection:
            newest = await snapshots.load(connection, self._name, key)
            if newest is not None and newest.format == self._format and newest.position <= upto:
                return newest
            if self._milestone_events is None:
                return None
            return await snapshots.load_before(connection, self._name, key, self._format, upto)

    def _milestone(self, position: int) -> int:
        return 0 if self._milestone_events is None else position // self._milestone_events

    def snapshot(self, position: int, memory: M) -> Snapshot:
        """Encodes a snapshot, before the transaction that stores it, which must not idle meanwhile."""
        return Snapshot(position=position, format=self._format, body=msgspec.msgpack.encode(memory))

    async def keep(self, connection: Connection, key: LaneKey, snapshot: Snapshot) -> None:
        """Stores a snapshot, in the transaction that moves the reader to its position, or later."""
        await snapshots.save(connection, self._name, key, snapshot)
        if milestone := self._milestone(snapshot.position):
            await snapshots.keep(connection, self._name, str(milestone), key)
