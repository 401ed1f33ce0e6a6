"""PROCESS lanes → signed checkpoints. It never signs a head that does not continue the signed ones.

A head is signed only if the topic, as the auditor has verified it, and the journal agree; it is stored before
it is published, so that a repeat after a crash is the same note. The signer compares with what is stored and
with the topics, since a database restored from a backup may lack heads that are on them. Public heads are
also published on a separate topic (`public_heads.py`).
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
    """A lane is signed when it has `events` new events, and every `seconds` all lanes that have moved."""

    events: int = 1_000
    seconds: float = 10.0
    poll_seconds: float = 0.5
    published_at_once: int = 256


DEFAULT_LIMITS = Limits()


class RefusedToSign(Exception):
    """A head would contradict a signed one, the topic or the journal."""


class Signer:
    """One per deployment is enough; a second one waits for the first's transaction and then finds nothing to
    do."""

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
        """`auditor` is the name of the reader that verifies the topics."""
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
        """Runs until `stop`. Errors of Kafka, the database or the key file are waited out."""
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
        """Read the topic, publish what is stored, sign what is due, publish that."""
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
        """Makes the next `_learn` read the topic from its beginning."""
        self._ledger, self._next_offset, self._looked = None, 0, False
        self._public.begin_anew()

    async def _learn(self, consumer: Consumer, keys: Keys) -> Ledger:
        """Read the topic from where it was read last, or from its beginning if it was recreated; after
        reading it from its beginning, look for what it has lost."""
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
        """Feed the ledger, store cosignatures, remember lanes with contradictory signed heads."""
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
        """Mark what a recreated topic lacks, to be published again."""
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
        """Sign and store the lane's head, and before it the newest public one.

        RefusedToSign when it does not continue every known head of the lane.
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
        """Size of the largest signed head, after all known heads were compared with the tree."""
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
        """Publish the public heads. An error here does not stop the signing."""
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
        """Publish everything that is stored and not on the topic, in the order of signing.

        Reads one snapshot: otherwise a head that another signer stores between two reads would come after a
        later key change.
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
        """Publish the seals before the rotation, or the rotation if there are none."""
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
        """The message of a seal, with the proof that it continues the previous head, which is stored or on
        the current topic.

        That is not always the head that it was signed after: a database from an older backup, and a topic
        recreated from it, may lack that one.
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
