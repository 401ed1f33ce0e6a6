"""Record topics: their names, and whether their records agree with the journal."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from events.codec import Undecodable, decode_envelope
from events.connections import Pool, acquire
from events.decision import LaneKey
from events.journal import read_body_hashes, read_head
from events.links import Link, link_of

RESTORE = "lodestone replay --restore {stream}/{lane}"
REPUBLISH = "lodestone topics --republish {stream}/{lane}"
RECREATE = "delete the topic, then lodestone topics --republish {stream}"
EXAMINE = "lodestone doctor"
TWO_HISTORIES = "docs/recovery.md, two histories"

READ_SECONDS_MAX = 30.0


class TopicMismatch(Exception):
    """Topic and journal disagree about a lane; says how, and names the command that recovers it.
    `journal_lacks`: the topic has events that the journal lacks, so further writing would make it worse."""

    def __init__(self, key: LaneKey, what: str, recovery: str) -> None:
        self.key = key
        self.journal_lacks = recovery in (RESTORE, TWO_HISTORIES)
        self.recovery = recovery.format(stream=key.stream, lane=key.lane)
        super().__init__(f"lane {key.stream}/{key.lane}: {what}. Recovery: {self.recovery}")


class Watermark(NamedTuple):
    """Highest acknowledged position, its offset (None: nothing was published) and the cluster that has it."""

    position: int
    kafka_offset: int | None
    cluster_id: str | None


def record_topic(prefix: str, stream: str) -> str:
    return f"{prefix}record.{stream}.v1"


async def check_lanes(
    pool: Pool,
    open_consumer: Callable[[], Awaitable[AIOKafkaConsumer]],
    watermarks: Mapping[LaneKey, Watermark],
    *,
    cluster_id: str,
    topic_prefix: str,
    beyond_only: bool = False,
) -> dict[LaneKey, TopicMismatch | None]:
    """Checks whether each lane's topic agrees with the journal from the watermark on: None where it does.

    Leaves out lanes whose topic does not exist (yet), and with `beyond_only` those whose topic ends with the
    watermark's record. KafkaError when Kafka cannot be read.
    """
    consumer = await open_consumer()
    try:
        partitions = await _existing(consumer, watermarks, topic_prefix)
        consumer.assign(list(partitions))
        for partition in partitions:
            consumer.seek(partition, 0)
            consumer.pause(partition)
        begin = await consumer.beginning_offsets(list(partitions))
        end = await consumer.end_offsets(list(partitions))
        found: dict[LaneKey, TopicMismatch | None] = {}
        for partition, key in partitions.items():
            offset = watermarks[key].kafka_offset
            if beyond_only and end[partition] <= (0 if offset is None else offset + 1):
                continue
            check = _LaneCheck(pool, consumer, partition, key, watermarks[key])
            try:
                await check.run(cluster_id, begin[partition], end[partition])
                found[key] = None
            except TopicMismatch as mismatch:
                found[key] = mismatch
        return found
    finally:
        await consumer.stop()


async def _existing(
    consumer: AIOKafkaConsumer, keys: Iterable[LaneKey], topic_prefix: str
) -> dict[TopicPartition, LaneKey]:
    """The existing partitions; a request for the offsets of one loads the metadata of its whole topic."""
    topics = await consumer.topics()
    names = {record_topic(topic_prefix, key.stream): key.stream for key in keys}
    firsts = [TopicPartition(name, 0) for name in names if name in topics]
    if not firsts:
        return {}
    consumer.assign(firsts)
    for first in firsts:
        consumer.seek(first, 0)
        consumer.pause(first)
    await consumer.end_offsets(firsts)
    known = {first: consumer.partitions_for_topic(first.topic) or set() for first in firsts}
    return {
        TopicPartition(first.topic, key.lane): key
        for first in firsts
        for key in sorted(keys)
        if key.stream == names[first.topic] and key.lane in known[first]
    }


class _LaneCheck(NamedTuple):
    pool: Pool
    consumer: AIOKafkaConsumer
    partition: TopicPartition
    key: LaneKey
    watermark: Watermark

    async def run(self, cluster_id: str, begin: int, end: int) -> None:
        """Every record from the watermark's own to the end has to equal the journal's."""
        mark = self.watermark
        if mark.cluster_id is not None and mark.cluster_id != cluster_id:
            raise self._mismatch(
                f"it was published to cluster {mark.cluster_id}, this is {cluster_id}", REPUBLISH
            )
        if begin > (mark.kafka_offset or 0):
            raise self._mismatch(
                f"its topic begins at offset {begin} and has lost what stood before", RECREATE
            )
        if mark.kafka_offset is not None and mark.kafka_offset >= end:
            raise self._mismatch(
                f"its topic ends at offset {end}, position {mark.position} stood at {mark.kafka_offset}",
                REPUBLISH,
            )
        if (mark.kafka_offset or 0) < end:
            self.consumer.seek(self.partition, mark.kafka_offset or 0)
            self.consumer.resume(self.partition)
            try:
                await self._read(end)
            finally:
                self.consumer.pause(self.partition)

    async def _read(self, end: int) -> None:
        mark, reached = self.watermark, self.watermark.position
        async with acquire(self.pool) as connection:
            last = (await read_head(connection, self.key)).position
        offset = mark.kafka_offset or 0
        while offset < end:
            # Records after `end` may be newer than `last`, if another relay still publishes.
            records = [
                (self._position(record), record)
                for record in await read_some(self.consumer, self.partition)
                if record.offset < end
            ]
            if not records:
                return
            if offset == mark.kafka_offset and records[0][0] != mark.position:
                raise self._mismatch(f"offset {offset} is not position {mark.position}", EXAMINE)
            await self._compare(records, last)
            for position, record in records:
                if position > reached + 1:
                    raise self._mismatch(
                        f"position {reached + 1} is missing before offset {record.offset}", RECREATE
                    )
                reached = max(reached, position)
            offset = records[-1][1].offset + 1

    async def _compare(self, records: Sequence[tuple[int, ConsumerRecord]], last: int) -> None:
        async with acquire(self.pool) as connection:
            kept = await read_body_hashes(connection, self.key, [position for position, _ in records])
        for position, record in records:
            if position <= last and kept.get(position) != sha256(record.value).digest():
                raise self._mismatch(
                    f"position {position}, offset {record.offset}, is not the journal's: a second history",
                    TWO_HISTORIES,
                )
        beyond = min((position for position, _ in records if position > last), default=None)
        if beyond is not None:
            raise self._mismatch(
                f"Kafka holds position {beyond}, the journal ends at {last}: the database is an older state",
                RESTORE,
            )

    def _position(self, record: ConsumerRecord) -> int:
        try:
            return decode_envelope(record.value or b"").position
        except Undecodable as error:
            raise self._mismatch(f"offset {record.offset} holds no event: {error}", EXAMINE) from error

    def _mismatch(self, what: str, recovery: str) -> TopicMismatch:
        return TopicMismatch(self.key, what, recovery)


async def read_some(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[ConsumerRecord]:
    """At least one record of a partition that is known to have one. TimeoutError after 30 s."""
    found = await consumer.getmany(partition, timeout_ms=int(READ_SECONDS_MAX * 1000))
    if not found:
        raise TimeoutError(
            f"{partition.topic}/{partition.partition} did not answer within {READ_SECONDS_MAX:.0f} s"
        )
    return list(found[partition])


async def topic_records(
    consumer: AIOKafkaConsumer, topic: str, partition: int, *, start: int = 0, end: int | None = None
) -> AsyncIterator[Sequence[Link]]:
    """The records of a partition from an offset to its current end, or to `end`; verifies nothing.

    `consumer` is used for this partition alone while the iteration lasts.
    """
    place = TopicPartition(topic, partition)
    consumer.assign([place])
    consumer.seek(place, start)
    if end is None:
        end = (await consumer.end_offsets([place]))[place]
    while start < end:
        records = [record for record in await read_some(consumer, place) if record.offset < end]
        if not records:
            return
        start = records[-1].offset + 1
        yield [link_of(record) for record in records]


async def topic_end(consumer: AIOKafkaConsumer, topic: str) -> int:
    """The offset after the last record of a topic of one partition."""
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    return int((await consumer.end_offsets([place]))[place])


async def lost_place(
    consumer: AIOKafkaConsumer, topic: str, next_offset: int, last_sha256: bytes | None
) -> str | None:
    """What has happened to a topic of one partition since it was read up to `next_offset` (it was recreated
    or truncated); None: nothing.

    `last_sha256` is the hash of the record before `next_offset`. `consumer` as in `topic_records`.
    """
    if not next_offset:
        return None
    if await topic_end(consumer, topic) < next_offset:
        return "is shorter than it was: it was truncated or made anew"
    last = next_offset - 1
    async for records in topic_records(consumer, topic, 0, start=last, end=next_offset):
        if sha256(records[0].body).digest() == last_sha256:
            return None
    return f"holds another record at offset {last}: it was made anew"
