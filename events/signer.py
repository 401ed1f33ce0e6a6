"""PROCESS lanes → signed checkpoints. It never signs a head that does not continue what it has signed.

A head is signed only where the topic, as the auditor verified it, and the journal hold the same; it is
stored before it is published, so that a crash repeats the same note. What the signer compares with is what is
stored and what stands on the topics: a database restored from a backup knows less than they do. Heads that
everybody may know stand on a topic of their own as well (`public_heads.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import structlog
from aiokafka.errors import KafkaError

from events import seals
from events.checkpoints import (
    TOPIC,
    Checkpoint,
    Message,
    Rotated,
    Signed,
    encode_hashes,
    encode_message,
    lane_origin,
    public_size,
)
from events.connections import DATABASE_ERRORS, Connection, Consumer, Pool, acquire
from events.decision import LaneKey
from events.faults import crash_point
from events.head_ledger import Fault, Ledger, Witnessed
from events.key_files import KeyFileError, Keys
from events.links import Link
from events.merkle import consistency_spans
from events.notes import signed
from events.public_heads import PublicHeads
from events.publishing import Message as Published
from events.publishing import NotPublished, TopicWriter, derived_id
from events.seals import LaneStanding, Rotation, Seal
from events.topics import RESTORE, lost_place, topic_records
from events.trees import TreeFault, grow, proof_of, root_of

log = structlog.get_logger("signer")

PASSING = (*DATABASE_ERRORS, KafkaError, NotPublished, KeyFileError)


class Limits(NamedTuple):
    """A lane is signed when it has `events` new ones, and all lanes that moved every `seconds`."""

    events: int = 1_000
    seconds: float = 10.0
    poll_seconds: float = 0.5
    published_at_once: int = 256


DEFAULT_LIMITS = Limits()


class RefusedToSign(Exception):
    """A head that would contradict what was signed, or what the topic or the journal holds."""


class Signer:
    """One per deployment is enough; a second one waits for the first's transaction and then finds it done."""

    def __init__(
        self,
        pool: Pool,
        writer: TopicWriter,
        open_consumer: Callable[[], Awaitable[Consumer]],
        read_keys: Callable[[], Keys],
        *,
        auditor: str,
        source: str,
        topic_prefix: str,
        clock: Callable[[], datetime],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`auditor` names the reader that has verified the topics."""
        self._pool = pool
        self._writer = writer
        self._open_consumer = open_consumer
        self._read_keys = read_keys
        self._auditor = auditor
        self._source = source
        self._topic = topic_prefix + TOPIC
        self._clock = clock
        self._limits = limits
        self._public = PublicHeads(writer, source=source, topic_prefix=topic_prefix, clock=clock)
        self._ledger: Ledger | None = None
        self._next_offset = 0
        self._last_sha256: bytes | None = None
        self._stopping = asyncio.Event()
        self._looked = False
        self._faulty: dict[LaneKey, str] = {}
        self.refused: dict[LaneKey, str] = {}
        self.signed = 0

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Trouble with Kafka, the database or the key file is waited out."""
        loop = asyncio.get_running_loop()
        consumer: Consumer | None = None
        all_at = loop.time()
        try:
            while not self._stopping.is_set():
                try:
                    consumer = consumer or await self._open_consumer()
                    everything = loop.time() >= all_at
                    await self.turn(consumer, everything=everything)
                    if everything:
                        all_at = loop.time() + self._limits.seconds
                except PASSING as error:
                    log.warning("signer_waits", error=repr(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._limits.poll_seconds)
        finally:
            if consumer is not None:
                await consumer.stop()

    async def turn(self, consumer: Consumer, *, everything: bool) -> None:
        """Learn what the topic holds, publish what is stored, sign what is due, publish that."""
        keys = self._read_keys()
        if self._topic not in await consumer.topics():
            raise NotPublished(f"the topic {self._topic} does not exist")
        if (everything or not self._looked) and await self._public.learn(consumer, keys.first):
            self._forget()
        ledger = await self._learn(consumer, keys)
        await self._hand_over(keys)
        await self._publish()
        if ledger.operator != keys.current.verifier:
            ledger = await self._learn(consumer, keys)
        if ledger.operator != keys.current.verifier:
            raise KeyFileError("the key file does not hold the key to which the topic has last handed over")
        for standing in await self._due(everything=everything):
            try:
                await self._sign(standing.lane, keys, ledger)
            except (RefusedToSign, TreeFault) as refusal:
                await self._refuse(standing.lane, str(refusal))
            else:
                self.refused.pop(standing.lane, None)
        await self._publish()
        await self._tell_everybody()

    # --- what is known

    def _forget(self) -> None:
        """The topic is read from its beginning."""
        self._ledger, self._next_offset, self._looked = None, 0, False
        self._public.begin_anew()

    async def _learn(self, consumer: Consumer, keys: Keys) -> Ledger:
        """Read the topic from where it was read last, from its beginning when it was made anew; after the
        first time, look what it has lost."""
        lost = await lost_place(consumer, self._topic, self._next_offset, self._last_sha256)
        if lost is not None:
            log.warning("checkpoint_topic_changed", told=f"{self._topic} {lost}")
            self._forget()
        if self._ledger is None:
            self._ledger = Ledger(keys.first)
        ledger = self._ledger
        async for records in topic_records(consumer, self._topic, 0, start=self._next_offset):
            await self._take(ledger, records)
            if self._public.missing > self._limits.published_at_once:
                await self._tell_everybody()
            self._next_offset = records[-1].offset + 1
            self._last_sha256 = sha256(records[-1].body).digest()
        if not self._looked:
            await self._find_lost(ledger)
            self._looked = True
        return ledger

    async def _take(self, ledger: Ledger, records: Sequence[Link]) -> None:
        """Feed the ledger, store cosignatures, note which lanes were signed falsely."""
        cosigned: list[tuple[LaneKey, int, str, str]] = []
        for record in records:
            learnt = ledger.feed(record.body)
            self._public.take(learnt, record.body)
            match learnt:
                case Witnessed() as found:
                    size, witness = found.checkpoint.size, found.witness.text
                    cosigned.append((found.lane, size, witness, found.line))
                case Fault(lane=lane) as fault:
                    log.error("checkpoint_fault", offset=record.offset, told=fault.sentence)
                    if lane is not None:
                        self._faulty[lane] = fault.sentence
                case _:
                    pass
        if cosigned:
            async with acquire(self._pool) as connection:
                await seals.insert_cosignatures(connection, cosigned)

    async def _find_lost(self, ledger: Ledger) -> None:
        """A topic that was made anew gets back what was signed, note by note."""
        async with acquire(self._pool) as connection, connection.transaction():
            for standing in await seals.read_standings(connection, self._auditor):
                newest = ledger.newest(standing.lane)
                known = 0 if newest is None else newest.checkpoint.size
                if await seals.mark_lost(connection, standing.lane, known):
                    log.warning("checkpoints_lost", stream=standing.lane.stream, lane=standing.lane.lane)
                if known > standing.sealed:
                    where = f"{standing.lane.stream}/{standing.lane.lane}"
                    log.warning("heads_not_stored", lane=where, help="lodestone replay --restore all")
            for rotation in (await seals.read_rotations(connection))[len(ledger.retired) :]:
                await seals.mark_rotation(connection, rotation.number, published=False)

    async def _due(self, *, everything: bool) -> list[LaneStanding]:
        async with acquire(self._pool) as connection:
            standings = await seals.read_standings(connection, self._auditor)
        least = 1 if everything else self._limits.events
        return [standing for standing in standings if standing.position - standing.sealed >= least]

    async def _refuse(self, lane: LaneKey, told: str) -> None:
        if self.refused.get(lane) != told:
            log.error("refused_to_sign", stream=lane.stream, lane=lane.lane, reason=told)
            async with acquire(self._pool) as connection:
                await seals.keep_refusal(connection, lane, told, self._clock())
        self.refused[lane] = told

    # --- signing

    async def _sign(self, lane: LaneKey, keys: Keys, ledger: Ledger) -> None:
        while True:
            async with acquire(self._pool) as connection, connection.transaction():
                await seals.lock_signers(connection)
                (standing,) = await seals.read_standings(connection, self._auditor, lane)
                if standing.position <= standing.sealed:
                    return
                _check_journal(standing)
                if await grow(connection, lane, standing.position) >= standing.position:
                    await self._seal(connection, standing, keys, ledger)
                    crash_point("signer.signed")
                    break
        crash_point("signer.stored")
        self.signed += 1

    async def _seal(self, connection: Connection, standing: LaneStanding, keys: Keys, ledger: Ledger) -> None:
        """Store the lane's head, signed, and before it the one that everybody may know of.

        RefusedToSign when it does not continue every head known of it.
        """
        lane, size = standing.lane, standing.position
        if self._read_keys().current != keys.current:
            raise NotPublished("the key has been handed over meanwhile")
        old_size = await self._continued_size(connection, standing, ledger)
        for head_size in sorted({public_size(size), size}):
            if head_size <= old_size:
                continue
            root = await root_of(connection, lane, head_size)
            text = Checkpoint(origin=lane_origin(keys.current.name, lane), size=head_size, root=root).text
            await seals.insert_seal(
                connection,
                lane,
                size=head_size,
                root=root,
                old_size=old_size,
                note=signed(text, [keys.current.sign(text)]),
                signed_at=self._clock(),
            )
            old_size = head_size
        await seals.drop_refusal(connection, lane)

    async def _continued_size(self, connection: Connection, standing: LaneStanding, ledger: Ledger) -> int:
        """Size of the largest head that was signed, after all that is known was compared with the tree."""
        lane, size = standing.lane, standing.position
        where = f"{lane.stream}/{lane.lane}"
        if lane in self._faulty:
            raise RefusedToSign(self._faulty[lane])
        if lane in self._public.faulty:
            raise RefusedToSign(self._public.faulty[lane])
        stored = await seals.read_newest(connection, lane)
        known = [] if stored is None else [(stored.size, stored.root)]
        on_topics = (ledger.newest(lane), self._public.newest(lane))
        known += [(head.checkpoint.size, head.checkpoint.root) for head in on_topics if head is not None]
        for known_size, root in known:
            if known_size > size:
                told = self._what_lacks(standing, known_size)
                raise RefusedToSign(f"a head of {where} at {known_size} events was signed, and {told}")
            if await root_of(connection, lane, known_size) != root:
                raise RefusedToSign(
                    f"the first {known_size} events of {where} are not those over which a head was signed"
                )
        return max((known_size for known_size, _ in known), default=0)

    def _what_lacks(self, standing: LaneStanding, size: int) -> str:
        """Why a head of `size` events cannot be compared."""
        where = f"{standing.lane.stream}/{standing.lane.lane}"
        if standing.journal_end < size:
            return (
                f"the lane ends at {standing.journal_end}: the database is an older state. Recovery: "
                f"{RESTORE.format(stream=standing.lane.stream, lane=standing.lane.lane)}"
            )
        verified = f"the auditor has verified {standing.position} of {standing.journal_end}"
        if standing.stopped is None:
            return f"{verified} so far"
        resume = f"lodestone doctor --resume {self._auditor}/{where}"
        return f"{verified} and stopped: {standing.stopped}. Recovery: {resume}"

    # --- publishing

    async def _tell_everybody(self) -> None:
        """The public heads. What keeps them from their topic keeps nobody from signing."""
        try:
            await self._public.publish(self._pool)
        except PASSING as error:
            log.warning("public_heads_wait", missing=self._public.missing, error=repr(error))

    async def _hand_over(self, keys: Keys) -> None:
        """Store the key file's rotations that are not stored yet."""
        async with acquire(self._pool) as connection, connection.transaction():
            await seals.lock_signers(connection)
            known = await seals.read_rotations(connection)
            if tuple(each.note for each in known) != keys.rotations[: len(known)]:
                raise KeyFileError("the key file does not hand over as the stored rotations say")
            for number, note in enumerate(keys.rotations[len(known) :], start=len(known) + 1):
                await seals.insert_rotation(connection, number, note)

    async def _publish(self) -> None:
        """Everything that is stored and not on the topic, in the order in which it was signed.

        Of one snapshot: a head that another signer stores between two readings would come after the change of
        key that followed it.
        """
        while True:
            async with (
                acquire(self._pool) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                waiting = await seals.read_unpublished(connection, self._limits.published_at_once)
                rotations = [each for each in await seals.read_rotations(connection) if not each.published]
                messages = [(seal, await self._message(connection, seal)) for seal in waiting]
            if not waiting and not rotations:
                return
            await self._publish_some(messages, rotations[0] if rotations else None)

    async def _publish_some(self, waiting: list[tuple[Seal, Published]], rotation: Rotation | None) -> None:
        """The seals before the rotation, or the rotation when there are none."""
        if rotation is not None:
            waiting = [(seal, found) for seal, found in waiting if seal.number <= rotation.after_number]
        if rotation is not None and not waiting:
            await self._writer.publish([self._rotated(rotation)])
            async with acquire(self._pool) as connection:
                await seals.mark_rotation(connection, rotation.number, published=True)
            log.info("key_handed_over", rotation=rotation.number)
            return
        await self._writer.publish([found for _, found in waiting])
        crash_point("signer.published")
        async with acquire(self._pool) as connection:
            await seals.mark_published(connection, [seal.number for seal, _ in waiting])

    async def _message(self, connection: Connection, seal: Seal) -> Published:
        """With the proof that it continues the head before it: stored, or on the topic as it is now.

        That is not always the head that it was signed after: a database that was older, and a topic that is
        made anew of it, may lack that one.
        """
        old_size = await seals.read_size_before(connection, seal.lane, seal.size)
        newest = None if self._ledger is None else self._ledger.newest(seal.lane)
        if newest is not None and newest.checkpoint.size < seal.size:
            old_size = max(old_size, newest.checkpoint.size)
        proof = await proof_of(connection, seal.lane, consistency_spans(old_size, seal.size))
        message = Signed(note=seal.note, old_size=old_size, proof=encode_hashes(proof))
        return self._published("checkpoint", f"{seal.lane.stream}/{seal.lane.lane}", message, seal.signed_at)

    def _rotated(self, rotation: Rotation) -> Published:
        return self._published("key-rotation", "key", Rotated(note=rotation.note), self._clock())

    def _published(self, kind: str, subject: str, message: Message, time: datetime) -> Published:
        data = encode_message(message)
        return Published(
            topic=self._topic,
            key=subject,
            id=derived_id(kind, data),
            type=message.TYPE,
            source=self._source,
            subject=subject,
            time=time,
            data=data,
        )


def _check_journal(standing: LaneStanding) -> None:
    if standing.journal_chain != standing.head:
        stream, lane = standing.lane
        raise RefusedToSign(
            f"the topic holds {standing.position} events of {stream}/{lane}, and the journal, which ends at "
            f"{standing.journal_end}, does not hold the same"
        )
