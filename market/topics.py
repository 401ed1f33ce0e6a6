"""A deployment's topics: declared in `deploy/kafka/topics.toml`, created where missing, read to their end."""

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct

from events.connections import KAFKA_REQUEST_TIMEOUT_MS, open_consumer
from market.settings import DEPLOY

TOPICS_TOML: Final = DEPLOY / "kafka" / "topics.toml"
TOPIC_ALREADY_EXISTS: Final = 36
RECORDS_PER_READ_MAX: Final = 2_000
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
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=KAFKA_REQUEST_TIMEOUT_MS)
    await admin.start()
    try:
        return await _inspect(admin, lanes, prefix)
    finally:
        await admin.close()


async def create_topics(bootstrap: str, lanes: int, *, prefix: str = "") -> tuple[str, ...]:
    """Create what is missing; returns the names created now. TopicError when an existing one differs."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=KAFKA_REQUEST_TIMEOUT_MS)
    await admin.start()
    try:
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
    finally:
        await admin.close()


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
        self.total = sum(end - begins[partition] for partition, end in ends.items())

    @property
    def partitions(self) -> int:
        return len(self._ends)

    async def look_further(self) -> None:
        """Moves the ends to where the partitions end now."""
        self._ends = await self._consumer.end_offsets(list(self._ends))
        self._consumer.resume(*self._ends)

    async def batches(self) -> AsyncIterator[tuple[int, list[TopicRecord]]]:
        """(partition, records in order) until every partition stands at its end."""
        consumer = self._consumer
        while behind := [p for p, end in self._ends.items() if await consumer.position(p) < end]:
            done = [partition for partition in self._ends if partition not in behind]
            consumer.pause(*done)
            found = await consumer.getmany(
                *behind, timeout_ms=READ_TIMEOUT_MS, max_records=RECORDS_PER_READ_MAX
            )
            for partition, records in found.items():
                yield (
                    partition.partition,
                    [_read(record) for record in records if record.offset < self._ends[partition]],
                )


def _read(record: Any) -> TopicRecord:
    return TopicRecord(
        offset=record.offset, key=record.key, value=record.value or b"", headers=dict(record.headers)
    )


@asynccontextmanager
async def open_reading(bootstrap: str, topic: str, *, from_end: bool = False) -> AsyncIterator[Reading]:
    """From the beginning, or from the end of now. TopicError when the topic does not exist."""
    count = await partition_count(bootstrap, topic)
    consumer = await open_consumer(bootstrap)
    try:
        partitions = [TopicPartition(topic, number) for number in range(count)]
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
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=KAFKA_REQUEST_TIMEOUT_MS)
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            raise TopicError(f"topic {topic} does not exist")
        described: list[dict[str, Any]] = await admin.describe_topics([topic])
        return len(described[0]["partitions"])
    finally:
        await admin.close()
