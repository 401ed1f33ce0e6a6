"""The one Kafka writer for views of the record: public and partner topics.

A repeat after a crash has the same `ce_id`, so that consumers can drop it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, TypeAlias
from uuid import UUID

import msgspec
import structlog
from aiokafka.errors import KafkaError
from msgspec import Struct

from events.codec import BODY_BYTES_MAX, CONTENT_TYPE, SPEC_VERSION, BodyTooLarge
from events.connections import PRODUCER_BATCH_BYTES, Producer, SharedProducer
from events.ids import ID_BYTES, IN_C, digest_id
from events.record_batches import (
    SHORT,
    SHORTS,
    RecordWriter,
    WrittenBatch,
    WrittenRecord,
    header_name,
    varint,
    written_headers,
    written_text,
)

log = structlog.get_logger("publishing")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000
_encode = msgspec.json.Encoder().encode
ID_CHARACTERS = 36
_ID = header_name("ce_id") + varint(ID_CHARACTERS)
TIME_CHARACTERS_MAX = len("2001-02-03T04:05:06.000007+00:00")
_TIME_OF = [header_name("ce_time") + varint(length) for length in range(TIME_CHARACTERS_MAX + 1)]
"""The header `ce_time` up to its value, by the length of the value."""
_SUBJECT = header_name("ce_subject")
OWN_HEADERS = 3


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """One CloudEvent of a topic that is a view of the record; `data` is JSON.

    Kafka's own timestamp of the record is also `time`, so it reveals nothing more.
    """

    topic: str
    key: str
    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    data: bytes
    partition: int = 0


class NotPublished(Exception):
    """Kafka has not acknowledged every message; publish all of them again, their ids stay the same."""


def derived_id(*parts: str | bytes) -> UUID:
    """UUIDv8 from SHA-256 over the parts, each prefixed with its length: the same parts give the same id."""
    return DerivedIds(*parts).of()


class DerivedIds:
    """`derived_id` for many ids that begin with the same parts, which are hashed only once."""

    def __init__(self, *parts: str | bytes) -> None:
        self._shared = sha256(b"".join(map(_framed, parts)))
        self._before_id = self._shared.copy()
        self._before_id.update(ID_BYTES.to_bytes(4, "big"))

    def of_id(self, identity: UUID) -> UUID:
        """As `of`, for the bytes of an id."""
        own = self._before_id.copy()
        own.update(identity.int.to_bytes(ID_BYTES))
        return digest_id(own.digest())

    def of(self, *parts: str | bytes) -> UUID:
        own = self._shared.copy()
        for part in parts:
            own.update(_framed(part))
        return digest_id(own.digest())


def _framed(part: str | bytes) -> bytes:
    found = part.encode() if isinstance(part, str) else part
    return len(found).to_bytes(4, "big") + found


class MessageKind(Struct, frozen=True, gc=False):
    """What all messages of a type and source share. `headers`: their count and their common first headers."""

    name: str
    headers: bytes


@lru_cache(maxsize=1_024)
def message_kind(name: str, source: str, further: int = 0) -> MessageKind:
    """The kind of messages that have `further` headers after those of CloudEvents."""
    shared = written_headers(
        [
            ("ce_type", name.encode()),
            ("ce_source", source.encode()),
            ("ce_specversion", SPEC_VERSION),
            ("content-type", CONTENT_TYPE),
        ]
    )
    count = varint(shared.number + OWN_HEADERS + further)
    return MessageKind(name, b"".join((count, shared.written, _ID)))


def written(message: Message) -> WrittenRecord:
    """The encoded Kafka record of `message`. BodyTooLarge."""
    return written_event(
        written_text(message.key.encode()),
        message.id,
        message_kind(message.type, message.source),
        written_text(message.subject.encode()),
        moment(message.time),
        message.data,
    )


Moment: TypeAlias = tuple[int, bytes]
"""A time as records contain it: their timestamp in milliseconds, and the time header together with the name
of the next one."""


def moment(time: datetime) -> Moment:
    since = time - EPOCH
    # The format of the record's own headers, ten times as fast as `isoformat`.
    text = _encode(time)[1:-1]
    return (
        since.days * DAY_MS + since.seconds * 1_000 + since.microseconds // 1_000,
        _TIME_OF[len(text)] + text + _SUBJECT,
    )


def written_event(
    key: bytes,
    identity: UUID,
    kind: MessageKind,
    subject: bytes,
    at: Moment,
    data: bytes,
    further: bytes = b"",
) -> WrittenRecord:
    """As `written`: CloudEvents 1.0 attributes in Kafka's binary mode, then the `further` headers, as many as
    the kind declares. `key` and `subject` are encoded by `written_text`."""
    size = len(data)
    if size > BODY_BYTES_MAX:
        raise BodyTooLarge(f"{kind.name}: {size} bytes exceed {BODY_BYTES_MAX}")
    at_ms, time = at
    # Inlined: this runs for every record.
    text = str(identity).encode() if type(identity) is IN_C else _encode(identity)[1:-1]
    length = SHORT[size] if size < SHORTS else varint(size)
    return at_ms, key + length, data, b"".join((kind.headers, text, time, subject, further))


Place: TypeAlias = tuple[str, int]
"""A topic and partition."""


class Waiting(NamedTuple):
    """Records that wait for one partition."""

    records: Sequence[WrittenRecord]
    sent: "asyncio.Future[None]"


class TopicWriter:
    """Sends records in order and waits for all of them; replaces its producer after an error.

    While a send to a partition is under way, new records for it wait and are sent together; no partition
    waits for another.
    """

    def __init__(
        self, open_producer: Callable[[], Awaitable[Producer]], *, send_seconds_max: float = 30.0
    ) -> None:
        self._send_seconds_max = send_seconds_max
        self._producer = SharedProducer(open_producer)
        self._waiting: dict[Place, list[Waiting]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def publish(self, messages: Iterable[Message]) -> None:
        """Returns when Kafka has acknowledged all. NotPublished: some may be on the topic, some not.
        BodyTooLarge before anything is sent. Waiting records of a cancelled caller are not sent."""
        places: dict[Place, list[WrittenRecord]] = {}
        for message in messages:
            places.setdefault((message.topic, message.partition), []).append(written(message))
        await self.publish_written(places)

    async def publish_written(self, places: Mapping[Place, Sequence[WrittenRecord]]) -> None:
        """As `publish`."""
        outcomes = await asyncio.gather(
            *(self._put(place, found) for place, found in places.items()), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def close(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._producer.close()

    def _put(self, place: Place, records: Sequence[WrittenRecord]) -> "asyncio.Future[None]":
        waiting = Waiting(records, asyncio.get_running_loop().create_future())
        if place in self._waiting:
            self._waiting[place].append(waiting)
        else:
            self._waiting[place] = [waiting]
            task = asyncio.create_task(self._send_all(place), name=f"to-{place[0]}")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return waiting.sent

    async def _send_all(self, place: Place) -> None:
        """Sends as long as records wait."""
        while group := [waiting for waiting in self._waiting.pop(place) if not waiting.sent.done()]:
            self._waiting[place] = []
            try:
                await self._send(place, [record for waiting in group for record in waiting.records])
            except asyncio.CancelledError:
                for waiting in (*group, *self._waiting.pop(place)):
                    waiting.sent.cancel()
                raise
            except Exception as error:  # noqa: BLE001  whoever waits is told, whatever it is
                for waiting in group:
                    if not waiting.sent.done():
                        waiting.sent.set_exception(error)
            else:
                for waiting in group:
                    if not waiting.sent.done():
                        waiting.sent.set_result(None)

    async def _send(self, place: Place, records: Sequence[WrittenRecord]) -> None:
        topic, partition = place
        producer: Producer | None = None
        try:
            producer = await self._producer.get()
            async with asyncio.timeout(self._send_seconds_max):
                for batch in batches(records):
                    await (await producer.send_batch(batch, topic, partition=partition))
        except (KafkaError, OSError) as error:
            log.warning("publishing_failed", topic=topic, error=repr(error), messages=len(records))
            await self._producer.discard(producer)
            raise NotPublished(repr(error)) from error


def batches(records: Sequence[WrittenRecord]) -> Iterator[WrittenBatch]:
    """The records of one partition as batches, in order."""
    while True:
        writer = RecordWriter(PRODUCER_BATCH_BYTES)
        records = writer.take(records)
        yield writer.end()
        if not records:
            return
