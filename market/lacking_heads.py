"""Heads that are on the checkpoint topics but not in the database, as after restoring an older backup:
counted, restored.

A head is restored only if the lane's tree, built from the journal, has its root.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct, field

from events import seals
from events.brokers import Bootstrap
from events.checkpoints import (
    TOPIC,
    Message,
    Rotated,
    Signed,
    decode_message,
    lane_of_origin,
    oldest_key,
    parse_checkpoint,
    rotated_to,
)
from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.head_ledger import Fault, HandedOver, Head, Ledger, Witnessed
from events.journal import read_head
from events.lacking_seals import Lacking, SignedTwice, read_known, store_lacking
from events.notes import Note, NoteError, VerifierKey, parse_note
from events.public_heads import TOPIC as PUBLIC_TOPIC
from events.trees import TreeFault, grow, root_of
from market.restored_seals import published_head, rotations_on
from market.topics import TopicError, TopicRecord, open_reading

COUNTED_MAX: Final = 100_000
"""Number of a topic's newest messages that are compared when only counting."""
COUNT_SECONDS_MAX: Final = 30.0

Cosigned = tuple[LaneKey, int, str, str]
"""Lane, size, witness's key and its signature line."""


class TakenBack(Struct):
    """`beyond`: number of heads, by lane, over events that the journal lacks; `faults`: one sentence each."""

    heads: int = 0
    cosignatures: int = 0
    rotations: int = 0
    beyond: Counter[LaneKey] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


async def take_back_heads(owner: Pool, bootstrap: Bootstrap, prefix: str, key: VerifierKey) -> TakenBack:
    """Restores heads, cosignatures and key changes from both topics. TopicError if there is no topic of
    checkpoints.

    `key`: any that the operator has ever signed with. Faulty messages are left out and reported.
    """
    done = TakenBack()
    found = _Found(owner, done)
    await found.read(bootstrap, prefix + TOPIC, key)
    with suppress(TopicError):
        await found.read(bootstrap, prefix + PUBLIC_TOPIC, key)
    held = await _held(owner, found.lacking(), done)
    async with acquire(owner) as connection, connection.transaction():
        await seals.lock_signers(connection)
        known = await read_known(connection, [(each.lane, each.head.size) for each in held])
        lacking = [each for each, root in zip(held, known, strict=True) if root is None]
        try:
            done.rotations = await store_lacking(connection, lacking, found.notes)
        except SignedTwice as error:
            done.faults.append(str(error))
            return done
        done.heads = len(lacking)
        done.cosignatures += await seals.insert_cosignatures(connection, found.cosigned)
    return done


class _Found:
    """Verified messages of the topics that the database lacks."""

    def __init__(self, owner: Pool, done: TakenBack) -> None:
        self._owner = owner
        self._done = done
        self._heads: dict[tuple[LaneKey, int], Lacking] = {}
        self.notes: list[str] = []
        self.cosigned: list[Cosigned] = []

    def lacking(self) -> list[Lacking]:
        return list(self._heads.values())

    async def read(self, bootstrap: Bootstrap, topic: str, key: VerifierKey) -> None:
        async with acquire(self._owner) as connection:
            stored = [each.note for each in await seals.read_rotations(connection)]
        notes = max(stored, await rotations_on(bootstrap, topic), key=len)
        ledger = Ledger(oldest_key(key, notes))
        handed: list[str] = []
        async with open_reading(bootstrap, topic) as reading:
            async for _, records in reading.batches():
                await self._take(topic, ledger, records, handed)
        self.notes = max(self.notes, handed, key=len)

    async def _take(
        self, topic: str, ledger: Ledger, records: Sequence[TopicRecord], handed: list[str]
    ) -> None:
        heads: list[Lacking] = []
        cosigned: list[Cosigned] = []
        for record in records:
            match ledger.feed(record.value):
                case Head(lane=lane, checkpoint=checkpoint, old_size=old_size):
                    head = published_head(record, lane, checkpoint, old_size)
                    heads.append(Lacking(len(ledger.retired), head))
                case Witnessed(lane=lane, checkpoint=checkpoint, witness=witness, line=line):
                    cosigned.append((lane, checkpoint.size, witness.text, line))
                case HandedOver(note=note):
                    handed.append(note)
                case Fault(sentence=told):
                    self._done.faults.append(f"{topic}, offset {record.offset}: {told}")
                case _:
                    pass
        async with acquire(self._owner) as connection:
            known = await read_known(connection, [(each.lane, each.head.size) for each in heads])
            for each, root in zip(heads, known, strict=True):
                if root is None:
                    self._heads.setdefault((each.lane, each.head.size), each)
                elif root != each.head.root:
                    self._done.faults.append(
                        f"{topic} and the database hold two heads of {each.head.stream}/{each.head.lane} at "
                        f"{each.head.size} events"
                    )
            lacking = [each for each in cosigned if each[:2] in self._heads]
            stored = [each for each in cosigned if each[:2] not in self._heads]
            self._done.cosignatures += await seals.insert_cosignatures(connection, stored)
        self.cosigned += lacking


async def _held(owner: Pool, lacking: Sequence[Lacking], done: TakenBack) -> list[Lacking]:
    """Those that the lanes' trees have; of the others `done` is told."""
    held: list[Lacking] = []
    for lane in sorted({each.lane for each in lacking}):
        heads = [each for each in lacking if each.lane == lane]
        try:
            async with acquire(owner) as connection:
                held += await _held_of(connection, lane, heads, done)
        except (SignedTwice, TreeFault) as error:
            done.faults.append(str(error))
    return held


async def _held_of(
    connection: Connection, lane: LaneKey, heads: Sequence[Lacking], done: TakenBack
) -> list[Lacking]:
    end = (await read_head(connection, lane)).position
    held = [each for each in heads if each.head.size <= end]
    if len(held) < len(heads):
        done.beyond[lane] = len(heads) - len(held)
    upto, size = max((each.head.size for each in held), default=0), 0
    while size < upto:
        async with connection.transaction():
            await seals.lock_signers(connection)
            size = await grow(connection, lane, upto)
    for each in held:
        if await root_of(connection, lane, each.head.size) != each.head.root:
            raise SignedTwice(
                f"the first {each.head.size} events of {lane.stream}/{lane.lane} are not those over which a "
                "head was signed"
            )
    return held


# --- counted only


async def count_lacking(connection: Connection, bootstrap: Bootstrap, prefix: str, key: VerifierKey) -> int:
    """Counts the operator's heads among the topics' newest messages that are not stored; verifies nothing.

    TopicError when there is none, TimeoutError after half a minute.
    """
    notes = [each.note for each in await seals.read_rotations(connection)]
    lacking: dict[tuple[LaneKey, int], Note] = {}
    async with asyncio.timeout(COUNT_SECONDS_MAX):
        for name in (TOPIC, PUBLIC_TOPIC):
            async with open_reading(bootstrap, prefix + name) as reading:
                reading.start_at(0, reading.offsets(0).stop - COUNTED_MAX)
                async for _, records in reading.batches():
                    messages = [decode_message(record.value) for record in records]
                    notes += [each.note for each in messages if isinstance(each, Rotated)]
                    lacking |= await _not_stored(connection, dict(_heads_in(messages, key.name)))
    keys = list(_keys(oldest_key(key, notes), notes))
    return sum(any(note.signed_by(each) for each in keys) for note in lacking.values())


async def _not_stored(
    connection: Connection, heads: dict[tuple[LaneKey, int], Note]
) -> dict[tuple[LaneKey, int], Note]:
    known = await read_known(connection, list(heads))
    return {place: note for (place, note), root in zip(heads.items(), known, strict=True) if root is None}


def _heads_in(messages: Iterable[Message | None], name: str) -> Iterator[tuple[tuple[LaneKey, int], Note]]:
    """What claims to be heads of the operator with this name."""
    for message in messages:
        if not isinstance(message, Signed):
            continue
        with suppress(NoteError):
            note = parse_note(message.note)
            checkpoint = parse_checkpoint(note.text)
            lane = lane_of_origin(name, checkpoint.origin)
            if lane is not None:
                yield (lane, checkpoint.size), note


def _keys(oldest: VerifierKey, notes: Sequence[str]) -> Iterator[VerifierKey]:
    """The operator's, one after another."""
    key = oldest
    yield key
    for note in notes:
        with suppress(NoteError):
            key = rotated_to(note, key) or key
            yield key
