"""A deployment's topics: declared in `deploy/kafka/topics.toml`, created where missing, read to their end."""

import tomllib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct

from events.connections import open_admin, open_consumer
from events.topics import TopicRecord as Link
from events.topics import chain_of, read_some
from market.settings import DEPLOY

TOPICS_TOML: Final = DEPLOY / "kafka" / "topics.toml"
TOPIC_ALREADY_EXISTS: Final = 36
RECORDS_PER_READ_MAX: Final = 2_000
LINKS_PER_READ_MAX: Final = 100
"""Few at a time are freed while the processor's cache still holds them."""
READ_TIMEOUT_MS: Final = 1_000


class TopicError(RuntimeError):
    """A topic is missing, could not be created, or has another partition count than declared."""


class Topic(Struct, frozen=True, kw_only=True):
    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str]


class TopicState(Struct, frozen=True, kw_only=True):
    """`partitions` as the cluster has it; None: missing."""

    topic: Topic
    partitions: int | None


class _Profile(Struct, forbid_unknown_fields=True):
    replication_factor: int
    config: dict[str, str] = {}


class _Every(Struct, forbid_unknown_fields=True):
    config: dict[str, str] = {}


class _Declared(Struct, forbid_unknown_fields=True):
    partitions: int | str
    config: dict[str, str] = {}


class _File(Struct, forbid_unknown_fields=True):
    replicated: _Profile
    single: _Profile
    topics: dict[str, _Declared]
    every: _Every = msgspec.field(name="every-topic", default_factory=_Every)


def declared_topics(
    lanes: int, *, brokers: int, prefix: str = "", path: Path = TOPICS_TOML
) -> tuple[Topic, ...]:
    """Every topic of a deployment of `lanes` lanes; replicated once the cluster has the brokers for it."""
    declared = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    profile = declared.replicated if brokers >= declared.replicated.replication_factor else declared.single
    return tuple(
        Topic(
            name=prefix + name,
            partitions=lanes if topic.partitions == "lanes" else int(topic.partitions),
            replication_factor=profile.replication_factor,
            config={**declared.every.config, **profile.config, **topic.config},
        )
        for name, topic in declared.topics.items()
    )


async def inspect_topics(bootstrap: str, lanes: int, *, prefix: str = "") -> tuple[TopicState, ...]:
    """What is declared beside what the cluster has; nothing is changed."""
    async with open_admin(bootstrap) as admin:
        return await _inspect(admin, lanes, prefix)


async def create_topics(bootstrap: str, lanes: int, *, prefix: str = "") -> tuple[str, ...]:
    """Create what is missing; returns the names created now. TopicError when an existing one differs."""
    async with open_admin(bootstrap) as admin:
        states = await _inspect(admin, lanes, prefix)
        wrong = [state for state in states if state.partitions not in (None, state.topic.partitions)]
        if wrong:
            told = "; ".join(
                f"{state.topic.name} has {state.partitions} partitions, not {state.topic.partitions}"
                for state in wrong
            )
            raise TopicError(
                f"{told}: partition is lane, and a deployment's lane count is fixed for its life"
            )
        missing = [state.topic for state in states if state.partitions is None]
        if missing:
            _raise_refused(await admin.create_topics([_new(topic) for topic in missing]))
        return tuple(topic.name for topic in missing)


async def _inspect(admin: AIOKafkaAdminClient, lanes: int, prefix: str) -> tuple[TopicState, ...]:
    brokers = len((await admin.describe_cluster())["brokers"])
    topics = declared_topics(lanes, brokers=brokers, prefix=prefix)
    existing = set(await admin.list_topics())
    present = [topic.name for topic in topics if topic.name in existing]
    described: list[dict[str, Any]] = await admin.describe_topics(present) if present else []
    counts = {entry["topic"]: len(entry["partitions"]) for entry in described}
    return tuple(TopicState(topic=topic, partitions=counts.get(topic.name)) for topic in topics)


def _new(topic: Topic) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        topic_configs=topic.config,
    )


def _raise_refused(response: Any) -> None:
    # aiokafka hands the broker's answer on without looking at its error codes
    refused = [
        f"{entry[0]}: error {entry[1]} {entry[2] or ''}".strip()
        for entry in response.topic_errors
        if entry[1] not in (0, TOPIC_ALREADY_EXISTS)
    ]
    if refused:
        raise TopicError("Kafka refused to create topics: " + "; ".join(refused))


class TopicRecord(Struct, frozen=True, kw_only=True):
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]


class Reading:
    """A topic from its beginning to where each partition ended when it was opened."""

    def __init__(
        self, consumer: AIOKafkaConsumer, begins: dict[TopicPartition, int], ends: dict[TopicPartition, int]
    ) -> None:
        self._consumer = consumer
        self._ends = ends
        self.sizes = {partition.partition: end - begins[partition] for partition, end in ends.items()}
        """Records by partition."""

    @property
    def partitions(self) -> int:
        return len(self._ends)

    async def look_further(self) -> None:
        """Moves the ends to where the partitions end now."""
        self._ends = await self._consumer.end_offsets(list(self._ends))
        self._consumer.resume(*self._ends)

    def start_at(self, lane: int, offset: int) -> None:
        """Leaves out what lies before an offset of a partition."""
        for partition, end in self._ends.items():
            skipped = min(offset, end) - (end - self.sizes[partition.partition])
            if partition.partition == lane and skipped > 0:
                self._consumer.seek(partition, min(offset, end))
                self.sizes[lane] -= skipped

    async def go_on_at(self, lane: int, next_offset: int, last_sha256: bytes) -> None:
        """Leaves out what was read before; `last_sha256` is of the last record of it.

        TopicError when the partition is not the one that was read then.
        """
        (partition,) = (each for each in self._ends if each.partition == lane)
        end, where = self._ends[partition], f"topic {partition.topic}, partition {lane}"
        if end < next_offset:
            told = f"{where} ends at offset {end} and was read to {next_offset} before"
            raise TopicError(f"{told}: it was cut off or made anew")
        if sha256((await self.look_at(lane, next_offset - 1)).body).digest() != last_sha256:
            raise TopicError(
                f"{where} holds another record at offset {next_offset - 1} than before: it was made anew"
            )
        self._consumer.seek(partition, next_offset)
        self._consumer.resume(*self._ends)
        self.sizes[lane] = end - next_offset

    def offsets(self, lane: int) -> range:
        """Where the records of a partition lie."""
        (end,) = (end for partition, end in self._ends.items() if partition.partition == lane)
        return range(end - self.sizes[lane], end)

    async def look_at(self, lane: int, offset: int) -> Link:
        """The first record of a partition at an offset or after it. No other is fetched meanwhile."""
        (partition,) = (each for each in self._ends if each.partition == lane)
        self._consumer.pause(*(each for each in self._ends if each != partition))
        self._consumer.resume(partition)
        self._consumer.seek(partition, offset)
        (record,) = await read_some(self._consumer, partition, 1)
        return _link(record)

    def stop(self, lane: int) -> None:
        """Reads a partition no further."""
        self._ends = {
            partition: 0 if partition.partition == lane else end for partition, end in self._ends.items()
        }

    async def batches(self) -> AsyncIterator[tuple[int, list[TopicRecord]]]:
        """(partition, records in order) until every partition stands at its end."""
        async for partition, records in self._read(RECORDS_PER_READ_MAX):
            yield partition, [_whole(record) for record in records]

    async def links(self) -> AsyncIterator[tuple[int, list[Link]]]:
        """As `batches`, of each record only what a chain is made of."""
        async for partition, records in self._read(LINKS_PER_READ_MAX):
            yield partition, [_link(record) for record in records]

    async def _read(self, records_max: int) -> AsyncIterator[tuple[int, list[Any]]]:
        consumer = self._consumer
        behind = await self._behind()
        while behind:
            found = await consumer.getmany(*behind, timeout_ms=READ_TIMEOUT_MS, max_records=records_max)
            for partition, records in found.items():
                end = self._ends[partition]
                yield (
                    partition.partition,
                    records if records[-1].offset < end else [each for each in records if each.offset < end],
                )
            if not found or any(
                records[-1].offset + 1 >= self._ends[partition] for partition, records in found.items()
            ):
                behind = await self._behind()

    async def _behind(self) -> list[TopicPartition]:
        """The partitions that are not at their end; the others are fetched no more."""
        found = [each for each, end in self._ends.items() if await self._consumer.position(each) < end]
        self._consumer.pause(*(each for each in self._ends if each not in found))
        return found


def _link(record: Any) -> Link:
    return Link(record.offset, record.value or b"", chain_of(record))


def _whole(record: Any) -> TopicRecord:
    return TopicRecord(
        offset=record.offset, key=record.key, value=record.value or b"", headers=dict(record.headers)
    )


@asynccontextmanager
async def open_reading(
    bootstrap: str, topic: str, *, from_end: bool = False, only: Collection[int] | None = None
) -> AsyncIterator[Reading]:
    """From the beginning, or from the end of now; `only` these partitions. TopicError when the topic, or one
    of the partitions, does not exist.
    """
    count = await partition_count(bootstrap, topic)
    numbers = range(count) if only is None else sorted(only)
    if any(number >= count for number in numbers):
        raise TopicError(f"topic {topic} has {count} partitions")
    consumer = await open_consumer(bootstrap)
    try:
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        begins = ends if from_end else await consumer.beginning_offsets(partitions)
        for partition, offset in begins.items():
            consumer.seek(partition, offset)
        yield Reading(consumer, begins, ends)
    finally:
        await consumer.stop()


async def partition_count(bootstrap: str, topic: str) -> int:
    """TopicError when the topic does not exist."""
    async with open_admin(bootstrap) as admin:
        if topic not in await admin.list_topics():
            raise TopicError(f"topic {topic} does not exist")
        described: list[dict[str, Any]] = await admin.describe_topics([topic])
        return len(described[0]["partitions"])
