"""The one Kafka writer for views of the record: public and partner topics.

A repeat after a crash carries the same `ce_id`, so that a consumer can drop it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
from events.ids import digest_id
from events.record_batches import (
    RecordWriter,
    WrittenBatch,
    WrittenHeaders,
    WrittenRecord,
    header_name,
    varint,
    written_headers,
    written_record,
)

log = structlog.get_logger("publishing")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
_encoder = msgspec.json.Encoder()
ID_CHARACTERS = 36
_ID = header_name("ce_id") + varint(ID_CHARACTERS)
_TIME = header_name("ce_time")
_SUBJECT = header_name("ce_subject")
OWN_HEADERS = 3
_ID_AT = len('["')
_TIME_AT = _ID_AT + ID_CHARACTERS + len('","')


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """One CloudEvent of a topic that is a view of the record; `data` is JSON.

    Kafka's own timestamp of its record is `time` as well, so that it tells no more.
    `extensions`: names and values of attributes beyond those of CloudEvents 1.0.
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
    extensions: tuple[tuple[str, str], ...] = ()


class NotPublished(Exception):
    """Kafka has not acknowledged every message; publish all of them again, their ids stay the same."""


def derived_id(*parts: str | bytes) -> UUID:
    """UUIDv8 from SHA-256 over the parts, each with its length before it: the same parts, the same id."""
    return DerivedIds(*parts).of()


class DerivedIds:
    """`derived_id` of many that begin with the same parts: these are hashed once."""

    def __init__(self, *parts: str | bytes) -> None:
        self._shared = sha256(_framed(parts))

    def of(self, *parts: str | bytes) -> UUID:
        own = self._shared.copy()
        own.update(_framed(parts))
        return digest_id(own.digest())


def _framed(parts: Iterable[str | bytes]) -> bytes:
    found = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join([len(part).to_bytes(4, "big") + part for part in found])


@lru_cache(maxsize=1_024)
def _alike(name: str, source: str) -> WrittenHeaders:
    """The headers that all messages of a type share."""
    return written_headers(
        [
            ("ce_type", name.encode()),
            ("ce_source", source.encode()),
            ("ce_specversion", SPEC_VERSION),
            ("content-type", CONTENT_TYPE),
        ]
    )


def written(message: Message) -> WrittenRecord:
    """The record that `message` is on its topic. BodyTooLarge."""
    if len(message.data) > BODY_BYTES_MAX:
        raise BodyTooLarge(f"{message.type}: {len(message.data)} bytes exceed {BODY_BYTES_MAX}")
    since = message.time - EPOCH
    return written_record(since // MILLISECOND, message.key.encode(), message.data, _headers(message))


def _headers(message: Message) -> list[bytes]:
    """In parts, their count first: CloudEvents 1.0 attributes in Kafka's binary mode."""
    alike = _alike(message.type, message.source)
    # As the record's own headers have them, ten times as fast as `str` and `isoformat`.
    told = _encoder.encode((message.id, message.time))
    time, subject = told[_TIME_AT:-2], message.subject.encode()
    parts = [
        *(varint(alike.number + OWN_HEADERS + len(message.extensions)), alike.written),
        *(_ID, told[_ID_AT : _ID_AT + ID_CHARACTERS], _TIME, varint(len(time)), time),
        *(_SUBJECT, varint(len(subject)), subject),
    ]
    for name, text in message.extensions:
        value = text.encode()
        parts += (_extension(name), varint(len(value)), value)
    return parts


@lru_cache(maxsize=64)
def _extension(name: str) -> bytes:
    return header_name(f"ce_{name}")


Place: TypeAlias = tuple[str, int]
"""Topic and partition."""


class Waiting(NamedTuple):
    """Records of one partition."""

    records: Sequence[WrittenRecord]
    sent: "asyncio.Future[None]"


class TopicWriter:
    """Sends records in order and waits for all of them; replaces its producer after an error.

    While some of a partition are under way what comes for it waits, and goes together: no partition waits for
    another.
    """

    def __init__(
        self, open_producer: Callable[[], Awaitable[Producer]], *, send_seconds_max: float = 30.0
    ) -> None:
        self._send_seconds_max = send_seconds_max
        self._producer = SharedProducer(open_producer)
        self._waiting: dict[Place, list[Waiting]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def publish(self, messages: Iterable[Message]) -> None:
        """Returns when Kafka has acknowledged all. NotPublished: some may be there, some not.

        BodyTooLarge before anything is sent. What a caller that is cancelled has left waiting is not sent.
        """
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
        """As long as something waits."""
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


def batches(records: Iterable[WrittenRecord]) -> Iterator[WrittenBatch]:
    """Of one partition, in order."""
    writer = RecordWriter(PRODUCER_BATCH_BYTES)
    for record in records:
        if not writer.take(record):
            yield writer.end()
            writer = RecordWriter(PRODUCER_BATCH_BYTES)
            writer.take(record)
    yield writer.end()
