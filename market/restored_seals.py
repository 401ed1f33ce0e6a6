"""Restores signed heads and cosignatures from the topic of checkpoints into a database that has lost them."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from events import seals
from events.brokers import Bootstrap
from events.checkpoints import TOPIC, Checkpoint, Rotated, Signed, decode_message, oldest_key
from events.connections import Connection
from events.decision import LaneKey
from events.head_ledger import Fault, HandedOver, Head, Ledger, Witnessed
from events.lacking_seals import SignedTwice
from events.notes import VerifierKey
from market.topics import TopicRecord, open_reading

HEADS_AT_ONCE_MAX: Final = 1_000


class RestoredSeals(Struct):
    """Numbers of restored heads, cosignatures and key changes."""

    heads: int = 0
    cosignatures: int = 0
    rotations: int = 0


def published_head(
    record: TopicRecord, lane: LaneKey, checkpoint: Checkpoint, old_size: int
) -> seals.Published:
    message = decode_message(record.value)
    assert isinstance(message, Signed)
    signed_at = datetime.fromisoformat(record.headers["ce_time"].decode())
    return seals.Published(*lane, checkpoint.size, checkpoint.root, old_size, message.note, signed_at)


class _Restoring:
    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self._connection = connection
        self._ledger = ledger
        self._heads: list[seals.Published] = []
        self._cosigned: list[tuple[LaneKey, int, str, str]] = []
        self.found = RestoredSeals()

    async def feed(self, record: TopicRecord) -> None:
        match self._ledger.feed(record.value):
            case Head(lane=lane, checkpoint=checkpoint, old_size=old_size):
                self._heads.append(published_head(record, lane, checkpoint, old_size))
            case Witnessed(lane=lane, checkpoint=checkpoint, witness=witness, line=line):
                self._cosigned.append((lane, checkpoint.size, witness.text, line))
            case HandedOver(note=note):
                await self.store()
                self.found.rotations += 1
                await seals.insert_rotation(self._connection, self.found.rotations, note)
                await seals.mark_rotation(self._connection, self.found.rotations, published=True)
            case Fault(sentence=told):
                raise SignedTwice(f"{TOPIC}, offset {record.offset}: {told}")
            case _:
                pass
        if len(self._heads) + len(self._cosigned) >= HEADS_AT_ONCE_MAX:
            await self.store()

    async def store(self) -> None:
        await seals.insert_published(self._connection, self._heads)
        await seals.insert_cosignatures(self._connection, self._cosigned)
        self.found.heads += len(self._heads)
        self.found.cosignatures += len(self._cosigned)
        self._heads, self._cosigned = [], []


async def restore_seals(
    connection: Connection, bootstrap: Bootstrap, prefix: str, key: VerifierKey
) -> RestoredSeals:
    """In the caller's transaction, into empty tables. SignedTwice; TopicError when there is no such topic."""
    notes = await rotations_on(bootstrap, prefix + TOPIC)
    restoring = _Restoring(connection, Ledger(oldest_key(key, notes)))
    async with open_reading(bootstrap, prefix + TOPIC) as reading:
        async for _, records in reading.batches():
            for record in records:
                await restoring.feed(record)
    await restoring.store()
    return restoring.found


async def rotations_on(bootstrap: Bootstrap, topic: str) -> list[str]:
    """The notes of changes of key, in order. TopicError when there is no such topic."""
    notes: list[str] = []
    async with open_reading(bootstrap, topic) as reading:
        async for _, records in reading.batches():
            for record in records:
                message = decode_message(record.value)
                if isinstance(message, Rotated):
                    notes.append(message.note)
    return notes
