"""What a reader keeps in memory of a lane: its newest snapshot, brought to a position by the journal."""

from collections.abc import Callable
from hashlib import sha256
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


class LaneMemory(Generic[M]):
    """How reader `name` keeps a value of `shape`; a snapshot of another shape is not read."""

    def __init__(
        self, name: str, shape: Any, empty: Callable[[], M], fold: Callable[[M, Recorded], object]
    ) -> None:
        self._name = name
        self._empty = empty
        self._fold = fold
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(shape)
        schema = msgspec.json.encode(msgspec.json.schema(shape), order="deterministic")
        self._format = f"msgpack {sha256(schema).hexdigest()[:16]}"

    async def recall(self, pool: Pool, key: LaneKey, upto: int) -> M:
        """The memory at lane position `upto`. BrokenRecord when the journal does not reach it."""
        async with acquire(pool) as connection:
            snapshot = await snapshots.load(connection, self._name, key)
        memory, position = self._empty(), 0
        if snapshot is not None and snapshot.format == self._format and snapshot.position <= upto:
            memory, position = self._decoder.decode(snapshot.body), snapshot.position
        if position < upto:
            async for events in from_journal(pool, key, after=position, upto=upto):
                for event in events:
                    self._fold(memory, event)
                position = events[-1].position
        if position != upto:
            raise BrokenRecord(f"the journal of {key.stream}/{key.lane} ends at {position}, before {upto}")
        return memory

    def snapshot(self, position: int, memory: M) -> Snapshot:
        """Before the transaction that keeps it, which must not stand idle while a large memory is encoded."""
        return Snapshot(position=position, format=self._format, body=msgspec.msgpack.encode(memory))

    async def keep(self, connection: Connection, key: LaneKey, snapshot: Snapshot) -> None:
        """In the transaction that moves the reader to the snapshot's position, or after it."""
        await snapshots.save(connection, self._name, key, snapshot)
