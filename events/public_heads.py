"""`public.checkpoints.v1`: the public part of `audit.checkpoints.v1`, published by the signer.

It contains the heads at every 64th event, each with a proof that it continues the one before it on this
topic, their cosignatures and the key changes, in the order of the audit topic. What is missing follows from
the two topics alone; nothing else is stored, so a recreated topic gets everything again, with the same ids.
"""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice, takewhile
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from events import seals
from events.checkpoints import (
    COSIGNATURES_MAX,
    Checkpoint,
    Cosigned,
    Rotated,
    Signed,
    encode_hashes,
    encode_message,
    is_public,
)
from events.connections import Connection, Consumer, Pool, acquire
from events.decision import LaneKey
from events.head_ledger import Fault, HandedOver, Head, Learnt, Ledger, Witnessed
from events.merkle import EMPTY_ROOT, consistency_spans, proves_consistency
from events.notes import VerifierKey, signed
from events.publishing import Message, TopicWriter, derived_id
from events.topics import lost_place, topic_records
from events.trees import proof_of

log = structlog.get_logger("public-heads")

TOPIC: Final = "public.checkpoints.v1"
HEADS_MAX: Final = 64
"""How many of a lane's newest heads still get further cosignatures."""
PUBLISHED_AT_ONCE: Final = 256


class _Missing(NamedTuple):
    """A message of the audit topic, decoded and as bytes."""

    found: Head | Witnessed | HandedOver
    body: bytes


class _Held(Exception):
    """The database does not prove that a head continues the topic; one sentence says why."""


class PublicHeads:
    """Tracks what is on the public topic, and what is missing there."""

    def __init__(
        self, writer: TopicWriter, *, source: str, topic_prefix: str, clock: Callable[[], datetime]
    ) -> None:
        self._writer = writer
        self._source = source
        self._topic = topic_prefix + TOPIC
        self._clock = clock
        self._ledger: Ledger | None = None
        self._next_offset = 0
        self._last_sha256: bytes | None = None
        self._cosigned: dict[LaneKey, dict[int, set[str]]] = {}
        self._missing: deque[_Missing] = deque()
        self._absent_told = False
        self.faulty: dict[LaneKey, str] = {}
        self.held: dict[LaneKey, str] = {}

    @property
    def missing(self) -> int:
        """How many messages are still to be published."""
        return len(self._missing)

    def newest(self, lane: LaneKey) -> Head | None:
        """The lane's newest head on the topic, as far as it was read."""
        return None if self._ledger is None else self._ledger.newest(lane)

    # --- what is on it

    async def learn(self, consumer: Consumer, first_key: VerifierKey) -> bool:
        """Read the topic to its end. True: it was read from its beginning, so `take` needs all messages
        again."""
        if self._topic not in await consumer.topics():
            if not self._absent_told:
                log.warning("public_topic_absent", topic=self._topic, help="lodestone topics")
            self._absent_told, self._ledger = True, None
            self._missing.clear()
            return False
        lost = await lost_place(consumer, self._topic, self._next_offset, self._last_sha256)
        if lost is not None:
            log.warning("checkpoint_topic_changed", told=f"{self._topic} {lost}")
            self._ledger = None
        anew = self._ledger is None
        if self._ledger is None:
            self._ledger, self._next_offset = Ledger(first_key, HEADS_MAX), 0
            self._cosigned, self.faulty = {}, {}
            self._absent_told = False
        async for records in topic_records(consumer, self._topic, 0, start=self._next_offset):
            for record in records:
                self._feed(self._ledger, record.body)
            self._next_offset = records[-1].offset + 1
            self._last_sha256 = sha256(records[-1].body).digest()
        return anew

    def _feed(self, ledger: Ledger, body: bytes) -> None:
        match ledger.feed(body):
            case Witnessed(lane=lane, checkpoint=checkpoint, witness=witness):
                sizes = self._cosigned.setdefault(lane, {})
                sizes.setdefault(checkpoint.size, set()).add(witness.text)
                for size in [each for each in sizes if ledger.root_at(lane, each) is None]:
                    del sizes[size]
            case Fault(lane=lane, sentence=told):
                log.error("checkpoint_fault", topic=self._topic, told=told)
                if lane is not None:
                    self.faulty[lane] = f"{self._topic}: {told}"
            case _:
                pass

    def _stands(self, ledger: Ledger, found: Head | Witnessed | HandedOver) -> bool:
        """Whether it is already on the topic, or comes too late."""
        match found:
            case Head(lane=lane, checkpoint=checkpoint):
                newest = ledger.newest(lane)
                return newest is not None and checkpoint.size <= newest.checkpoint.size
            case Witnessed(lane=lane, checkpoint=checkpoint, witness=witness):
                newest = ledger.newest(lane)
                if newest is None or checkpoint.size > newest.checkpoint.size:
                    return False
                there = self._cosigned.get(lane, {}).get(checkpoint.size, set())
                known = ledger.root_at(lane, checkpoint.size) is not None
                return not known or witness.text in there or len(there) >= COSIGNATURES_MAX
            case HandedOver(key=key):
                return key in (ledger.operator, *ledger.retired)

    # --- what is missing

    def begin_anew(self) -> None:
        """Start again: `take` needs all messages again."""
        self._missing.clear()

    def take(self, found: Learnt, body: bytes) -> None:
        """Take the next message of the audit topic, in its order."""
        match found:
            case Head() | Witnessed() if not is_public(found.checkpoint.size):
                return
            case Head() | Witnessed() | HandedOver():
                if self._ledger is not None and not self._stands(self._ledger, found):
                    self._missing.append(_Missing(found, body))
            case _:
                return

    async def publish(self, pool: Pool) -> None:
        """Publish all that is missing, except for lanes in `held`, whose heads the database does not prove to
        continue. Unacknowledged messages, when Kafka or the database is away, are still missing."""
        before, self.held = self.held, {}
        left: list[_Missing] = []
        try:
            while self._missing and not (left and isinstance(self._missing[0].found, HandedOver)):
                left += await self._publish_some(pool)
        finally:
            self._missing.extendleft(reversed(left))
            for lane, told in self.held.items():
                if before.get(lane) != told:
                    log.error("public_heads_held", stream=lane.stream, lane=lane.lane, reason=told)

    async def _publish_some(self, pool: Pool) -> list[_Missing]:
        """Publish the first missing messages up to a key change, or the key change alone; returns those that
        have to wait."""
        ledger = self._ledger
        assert ledger is not None, "nothing is missing on a topic that was not read"
        same_key = takewhile(lambda each: not isinstance(each.found, HandedOver), self._missing)
        some = list(islice(same_key, PUBLISHED_AT_ONCE)) or [self._missing[0]]
        newest: dict[LaneKey, Checkpoint] = {}
        made: dict[UUID, Message] = {}
        left: list[_Missing] = []
        async with acquire(pool) as connection:
            for each in some:
                found = each.found
                if self._stands(ledger, found):
                    continue
                if not isinstance(found, HandedOver) and found.lane in self.held:
                    left.append(each)
                    continue
                try:
                    if isinstance(found, Head):
                        message = await self._signed(connection, found, _before(ledger, newest, found.lane))
                        newest[found.lane] = found.checkpoint
                    else:
                        message = self._repeated(found, each.body)
                    made[message.id] = message
                except _Held as held:
                    assert isinstance(found, Head), "only heads need a proof"
                    self.held[found.lane] = str(held)
                    left.append(each)
        await self._writer.publish(made.values())
        for message in made.values():
            self._feed(ledger, message.data)
        for _ in some:
            self._missing.popleft()
        return left

    def _repeated(self, found: Witnessed | HandedOver, body: bytes) -> Message:
        """The same message as on the audit topic."""
        if isinstance(found, HandedOver):
            return self._message("key-rotation", Rotated.TYPE, "key", body, self._clock())
        cosigned_at = datetime.fromtimestamp(found.timestamp, UTC)
        return self._message("cosignature", Cosigned.TYPE, found.checkpoint.origin, body, cosigned_at)

    async def _signed(self, connection: Connection, head: Head, before: Checkpoint | None) -> Message:
        """The head with the proof that it continues `before`. Raises _Held."""
        lane, checkpoint = head.lane, head.checkpoint
        where = f"{lane.stream}/{lane.lane}"
        signed_at = await seals.read_signed_at(connection, lane, checkpoint.size, checkpoint.root)
        if signed_at is None:
            raise _Held(
                f"the database lacks the head of {where} at {checkpoint.size} events. "
                "Recovery: lodestone replay --restore all"
            )
        old_size, old_root = (0, EMPTY_ROOT) if before is None else (before.size, before.root)
        try:
            proof = await proof_of(connection, lane, consistency_spans(old_size, checkpoint.size))
        except LookupError as error:
            raise _Held(f"the database holds less of {where} than {checkpoint.size} events") from error
        if not proves_consistency(old_size, checkpoint.size, old_root, checkpoint.root, proof):
            raise _Held(
                f"the head of {where} at {checkpoint.size} events does not continue that at {old_size} "
                f"on {self._topic}"
            )
        note = signed(head.note.text, [each.line for each in head.note.signatures])
        data = encode_message(Signed(note=note, old_size=old_size, proof=encode_hashes(proof)))
        return self._message("checkpoint", Signed.TYPE, where, data, signed_at)

    def _message(self, kind: str, name: str, subject: str, data: bytes, time: datetime) -> Message:
        return Message(
            topic=self._topic,
            key=subject,
            id=derived_id(kind, data),
            type=name,
            source=self._source,
            subject=subject,
            time=time,
            data=data,
        )


def _before(ledger: Ledger, newest: dict[LaneKey, Checkpoint], lane: LaneKey) -> Checkpoint | None:
    """The lane's latest head: one that is about to be published, or is on the topic."""
    standing = ledger.newest(lane)
    return newest.get(lane) or (None if standing is None else standing.checkpoint)
