"""PROCESS checkpoints → cosignatures. Needs only Kafka, the operator's public key and its own folder.

It cosigns a lane's head only if the consistency proof with it continues the last head that it has verified.
It stores what it cosigns on its own disk before publishing, so that no crash makes it sign two histories.
"""

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiokafka.errors import KafkaError
from msgspec import Struct

from events.checkpoints import (
    TOPIC,
    Cosigned,
    Rotated,
    Signed,
    decode_message,
    encode_message,
    is_public,
    lane_of_origin,
    oldest_key,
    parse_checkpoint,
)
from events.connections import Consumer
from events.decision import LaneKey
from events.durable_files import write_durably
from events.faults import crash_point
from events.head_ledger import Fault, HandedOver, Head, Ledger, Repeat
from events.key_files import make_keys, read_keys
from events.links import Link
from events.notes import Algorithm, Note, SigningKey, VerifierKey, parse_note, signed, verifier_key
from events.publishing import Message, NotPublished, TopicWriter, derived_id
from events.topics import lost_place, topic_records

log = structlog.get_logger("witness")

KEY_FILE: Final = "witness.key"
STATE_FILE: Final = "state.json"
LOCK_FILE: Final = "lock"
POLL_SECONDS: Final = 0.5
FAULTS_MAX: Final = 100


class WitnessError(Exception):
    """The folder or the topic is not the one that this witness has worked with; one sentence says why."""


class _Noted(Struct, frozen=True, kw_only=True):
    """Why a lane is no longer cosigned; without a lane: only recorded."""

    lane: tuple[str, int] | None
    told: str


class _State(Struct, frozen=True, kw_only=True):
    """What has to survive a restart: `notes` are the verified heads, one per lane; `waiting` are cosignatures
    that may not be on the topic yet; `last_sha256` is the hash of the record before `next_offset`; `awaited`
    are verified heads that a recreated topic does not contain yet."""

    operator: str
    retired: tuple[str, ...] = ()
    next_offset: int = 0
    last_sha256: str | None = None
    notes: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    faults: tuple[_Noted, ...] = ()
    awaited: tuple[str, ...] = ()


class Folder:
    """A witness's key and its state, on its own disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made = False

    @property
    def path(self) -> Path:
        return self._path

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Locks the folder. WitnessError while another process uses it."""
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WitnessError(f"another witness works with {self._path}") from None
            yield
        finally:
            os.close(handle)

    def key(self, name: str) -> SigningKey:
        """The witness's key; the first call creates one with this `name`. KeyFileError."""
        path = self._path / KEY_FILE
        if path.exists():
            return read_keys(path).current
        if (self._path / STATE_FILE).exists():
            raise WitnessError(f"{path} is missing, and {STATE_FILE} is not: put the key back")
        made = make_keys(path, name, Algorithm.COSIGNATURE).current
        self._made = True
        return made

    def drop_new_key(self) -> None:
        """Deletes a key that was just created and has signed nothing."""
        if self._made:
            (self._path / KEY_FILE).unlink()
            self._made = False

    def read(self) -> _State | None:
        """The stored state. WitnessError when it exists and is unreadable."""
        path = self._path / STATE_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=_State)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise WitnessError(f"{path} cannot be read: {error}") from error

    def write(self, state: _State) -> None:
        write_durably(self._path / STATE_FILE, msgspec.json.encode(state))


class Witness:
    """One per folder. `operator`: any key that the operator has ever signed with."""

    def __init__(
        self,
        folder: Folder,
        key: SigningKey,
        operator: VerifierKey,
        writer: TopicWriter,
        open_consumer: Callable[[], Awaitable[Consumer]],
        *,
        topic_prefix: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._folder = folder
        self._key = key
        self._operator = operator
        self._writer = writer
        self._open_consumer = open_consumer
        self._topic = topic_prefix + TOPIC
        self._clock = clock
        self._state = folder.read()
        self._ledger: Ledger | None = None
        self._folder_lost = False
        self._stopping = asyncio.Event()
        self.cosigned = 0

    @property
    def faults(self) -> Sequence[str]:
        """What it has seen that an honest operator never does."""
        return () if self._state is None else tuple(noted.told for noted in self._state.faults)

    @property
    def awaited(self) -> int:
        """Lanes whose verified heads a recreated topic does not contain yet."""
        return 0 if self._state is None else len(self._state.awaited)

    def begin_anew(self) -> None:
        """After the topic was recreated: read it from its beginning and compare it with the heads verified
        before.

        A contradiction is a fault; repeated heads are cosigned again.
        """
        state = self._state
        if state is not None:
            self._state = msgspec.structs.replace(
                state,
                operator=_first_key(state),
                retired=(),
                next_offset=0,
                last_sha256=None,
                waiting=(),
                awaited=state.notes,
            )
            self._folder.write(self._state)
            self._ledger = None

    def begin_without_folder(self) -> None:
        """The folder that has cosigned under this name is lost for good: start with this one."""
        self._folder_lost = True

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Runs until `stop`. Waits while Kafka is away; a WitnessError ends it."""
        consumer: Consumer | None = None
        try:
            while not self._stopping.is_set():
                try:
                    consumer = consumer or await self._open_consumer()
                    await self.turn(consumer)
                except (KafkaError, NotPublished, OSError) as error:
                    log.warning("witness_waits", error=repr(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), POLL_SECONDS)
        finally:
            if consumer is not None:
                await consumer.stop()

    async def turn(self, consumer: Consumer) -> None:
        """Read the topic to its end, cosign the newest heads that continue, publish the cosignatures."""
        if self._topic not in await consumer.topics():
            raise NotPublished(f"the topic {self._topic} does not exist")
        state, ledger = await self._begin(consumer)
        await self._publish(state)
        async for records in topic_records(consumer, self._topic, 0, start=state.next_offset):
            # If the folder cannot be written, this has to be learnt again.
            self._ledger = None
            state = self._take(ledger, self._state or state, records)
            crash_point("witness.verified")
            self._folder.write(state)
            self._state, self._ledger = state, ledger
            crash_point("witness.stored")
            await self._publish(state)

    async def _begin(self, consumer: Consumer) -> tuple[_State, Ledger]:
        """The state and the ledger built from it; the first time after searching the topic for the operator's
        first key."""
        state = self._state
        if state is None:
            rotations, cosigners = await _so_far(consumer, self._topic)
            if self._key.verifier.name in cosigners and not self._folder_lost:
                self._folder.drop_new_key()
                raise WitnessError(
                    f"{self._key.verifier.name} has cosigned heads of {self._topic}, and {self._folder.path} "
                    "does not hold which: put the folder back as it was, from where it lay or your copy; "
                    "where it is lost for good, begin again by `lodestone witness --folder-lost`, and give "
                    "its new key to whoever trusts the old one"
                )
            first = oldest_key(self._operator, rotations)
            state = _State(operator=first.text)
            self._folder.write(state)
            self._state = state
        await self._check_topic(consumer, state)
        if self._ledger is None:
            self._ledger = _ledger_of(state)
            known = (*state.retired, state.operator)
            if self._operator.text not in known and not await self._leads_here(consumer):
                raise WitnessError(f"the folder belongs to a witness of {state.operator}")
        return state, self._ledger

    async def _leads_here(self, consumer: Consumer) -> bool:
        """Whether rotations on the topic lead from the folder's operator key to the given one."""
        notes, _ = await _so_far(consumer, self._topic)
        state = self._state
        assert state is not None
        return oldest_key(self._operator, notes).text == _first_key(state)

    async def _check_topic(self, consumer: Consumer, state: _State) -> None:
        last = None if state.last_sha256 is None else bytes.fromhex(state.last_sha256)
        lost = await lost_place(consumer, self._topic, state.next_offset, last)
        if lost is not None:
            raise WitnessError(f"{self._topic} {lost}")

    def _take(self, ledger: Ledger, state: _State, records: Sequence[Link]) -> _State:
        """The state after some records; publishes nothing.

        Per lane, the newest public head and the newest other head are cosigned.
        """
        heads: dict[tuple[LaneKey, bool], Head] = {}
        faults = list(state.faults)
        awaited = {parse_note(note).text: note for note in state.awaited}
        again: list[Note] = []
        for record in records:
            match ledger.feed(record.body):
                case Head() as head:
                    heads[head.lane, is_public(head.checkpoint.size)] = head
                case HandedOver(key=key):
                    log.info("operator_key_handed_over", key=key.text)
                case Fault(lane=lane, sentence=told):
                    log.error("checkpoint_fault", offset=record.offset, told=told)
                    noted = _Noted(lane=lane, told=f"offset {record.offset}: {told}")
                    if len(faults) < FAULTS_MAX or lane is not None:
                        faults.append(noted)
                case Repeat() if awaited:
                    again += _said_again(record.body, awaited)
                case _:
                    pass
        refused = {noted.lane for noted in faults}
        newest = [head.note for (lane, _), head in heads.items() if tuple(lane) not in refused]
        return _State(
            operator=ledger.operator.text,
            retired=tuple(key.text for key in ledger.retired),
            next_offset=records[-1].offset + 1,
            last_sha256=_sha256(records[-1]),
            notes=tuple(_newest_note(ledger, lane) for lane in ledger.lanes()),
            waiting=(*state.waiting, *map(self._cosign, [*again, *newest])),
            faults=tuple(faults),
            awaited=tuple(awaited.values()),
        )

    def _cosign(self, note: Note) -> str:
        by_operator = [each.line for each in note.signatures]
        return signed(note.text, [*by_operator, self._key.cosign(note.text, int(self._clock().timestamp()))])

    async def _publish(self, state: _State) -> None:
        if not state.waiting:
            return
        await self._writer.publish([self._message(note) for note in state.waiting])
        crash_point("witness.published")
        self.cosigned += len(state.waiting)
        self._state = msgspec.structs.replace(state, waiting=())
        self._folder.write(self._state)

    def _message(self, note: str) -> Message:
        origin = parse_checkpoint(parse_note(note).text).origin
        data = encode_message(Cosigned(note=note, witness=self._key.verifier.text))
        return Message(
            topic=self._topic,
            key=origin,
            id=derived_id("cosignature", data),
            type=Cosigned.TYPE,
            source=f"urn:lodestone:witness:{self._key.verifier.id.hex()}",
            subject=origin,
            time=self._clock(),
            data=data,
        )


def _first_key(state: _State) -> str:
    return state.retired[0] if state.retired else state.operator


def _ledger_of(state: _State) -> Ledger:
    ledger = Ledger(verifier_key(state.operator))
    ledger.retired = [verifier_key(text) for text in state.retired]
    for text in state.notes:
        note = parse_note(text)
        checkpoint = parse_checkpoint(note.text)
        lane = lane_of_origin(ledger.operator.name, checkpoint.origin)
        if lane is None:
            raise WitnessError(f"the state holds a head of {checkpoint.origin}")
        ledger.recall(Head(lane=lane, checkpoint=checkpoint, note=note, old_size=0, proof=()))
    return ledger


def _newest_note(ledger: Ledger, lane: LaneKey) -> str:
    head = ledger.newest(lane)
    assert head is not None
    return signed(head.note.text, [each.line for each in head.note.signatures])


def _said_again(body: bytes, awaited: dict[str, str]) -> list[Note]:
    """The note of a repeated head that was awaited, and removes it from `awaited`; none for other heads."""
    message = decode_message(body)
    if not isinstance(message, Signed):
        return []
    note = parse_note(message.note)
    return [] if awaited.pop(note.text, None) is None else [note]


async def _so_far(consumer: Consumer, topic: str) -> tuple[list[str], set[str]]:
    """The notes of the operator's key changes, and the names of the witnesses that have cosigned."""
    rotations: list[str] = []
    cosigners: set[str] = set()
    async for records in topic_records(consumer, topic, 0):
        for record in records:
            match decode_message(record.body):
                case Rotated(note=note):
                    rotations.append(note)
                case Cosigned(witness=witness):
                    cosigners.add(witness.partition("+")[0])
                case _:
                    pass
    return rotations, cosigners


def _sha256(record: Link) -> str:
    return sha256(record.body).hexdigest()
