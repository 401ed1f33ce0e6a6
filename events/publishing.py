"""The one Kafka writer for views of the record: public and partner topics.

A repeat after a crash carries the same `ce_id`, so that a consumer can drop it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from events.codec import BODY_BYTES_MAX, CONTENT_TYPE, SPEC_VERSION, BodyTooLarge

log = structlog.get_logger("publishing")

STOP_SECONDS_MAX = 5.0
UUID_VERSION_8 = 8


class Message(Struct, frozen=True, kw_only=True):
    """One CloudEvent of a topic that is a view of the record; `data` is JSON."""

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
    ]


class TopicWriter:
    """Sends messages in order and waits for all of them; replaces its producer after an error."""

    def __init__(
        self, open_producer: Callable[[], Awaitable[AIOKafkaProducer]], *, send_seconds_max: float = 30.0
    ) -> None:
        self._open_producer = open_producer
        self._send_seconds_max = send_seconds_max
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns when Kafka has acknowledged all. NotPublished: some may be there, some not.

        BodyTooLarge before anything is sent.
        """
        for message in messages:
            if len(message.data) > BODY_BYTES_MAX:
                raise BodyTooLarge(f"{message.type}: {len(message.data)} bytes exceed {BODY_BYTES_MAX}")
        try:
            await asyncio.wait_for(self._send(messages), self._send_seconds_max)
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("publishing_failed", error=repr(error), messages=len(messages))
            await self.close()
            raise NotPublished(repr(error)) from error

    async def _send(self, messages: Sequence[Message]) -> None:
        if self._producer is None:
            self._producer = await self._open_producer()
        futures = [
            await self._producer.send(
                message.topic,
                value=message.data,
                key=message.key.encode(),
                partition=message.partition,
                headers=message_headers(message),
            )
            for message in messages
        ]
        await asyncio.gather(*futures)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                await asyncio.wait_for(producer.stop(), STOP_SECONDS_MAX)
