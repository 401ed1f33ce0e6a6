"""The one Kafka writer for views of the record: public and partner topics.

A repeat after a crash carries the same `ce_id`, so that a consumer can drop it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import structlog
from aiokafka.errors import KafkaError
from msgspec import Struct

from events.codec import BODY_BYTES_MAX, CONTENT_TYPE, SPEC_VERSION, BodyTooLarge
from events.connections import Producer, SharedProducer

log = structlog.get_logger("publishing")

UUID_VERSION_8 = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Message(Struct, frozen=True, kw_only=True):
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
    digest = sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(4, "big") + data)
    number = int.from_bytes(digest.digest()[:16], "big")
    number &= ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=number | UUID_VERSION_8 << 76 | 0x2 << 62)


def message_headers(message: Message) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0 attributes, Kafka binary mode."""
    time = message.time.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return [
        ("ce_id", str(message.id).encode()),
        ("ce_type", message.type.encode()),
        ("ce_source", message.source.encode()),
        ("ce_specversion", SPEC_VERSION),
        ("ce_time", time.encode()),
        ("ce_subject", message.subject.encode()),
        ("content-type", CONTENT_TYPE),
        *((f"ce_{name}", value.encode()) for name, value in message.extensions),
    ]


class TopicWriter:
    """Sends messages in order and waits for all of them; replaces its producer after an error."""

    def __init__(
        self, open_producer: Callable[[], Awaitable[Producer]], *, send_seconds_max: float = 30.0
    ) -> None:
        self._send_seconds_max = send_seconds_max
        self._producer = SharedProducer(open_producer)

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when Kafka has acknowledged all. NotPublished: some may be there, some not.

        BodyTooLarge before anything is sent.
        """
        for message in messages:
            if len(message.data) > BODY_BYTES_MAX:
                raise BodyTooLarge(f"{message.type}: {len(message.data)} bytes exceed {BODY_BYTES_MAX}")
        producer: Producer | None = None
        try:
            producer = await self._producer.get()
            await asyncio.wait_for(_send(producer, messages), self._send_seconds_max)
        except (KafkaError, OSError) as error:
            log.warning("publishing_failed", error=repr(error), messages=len(messages))
            await self._producer.discard(producer)
            raise NotPublished(repr(error)) from error

    async def close(self) -> None:
        await self._producer.close()


async def _send(producer: Producer, messages: Sequence[Message]) -> None:
    futures = [
        await producer.send(
            message.topic,
            value=message.data,
            key=message.key.encode(),
            partition=message.partition,
            timestamp_ms=(message.time - EPOCH) // MILLISECOND,
            headers=message_headers(message),
        )
        for message in messages
    ]
    for outcome in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
