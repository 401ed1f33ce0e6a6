"""The peers on Kafka: what aiokafka itself does with the same bytes, without a journal behind it."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from operator import itemgetter

import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition

from events.codec import headers
from events.connections import new_producer, open_consumer
from events.journal import DEFAULT_LANES, JournalRow
from events.subscription import DEFAULT_LIMITS
from events.topics import record_topic

Message = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""
Sent = tuple[str, bytes | None, bytes, int | None, list[tuple[str, bytes]]]
"""Topic, key, value, timestamp in milliseconds, headers."""

# As few at a time as our readers take: aiokafka is a fifth faster than with thousands.
GET_RECORDS_MAX = DEFAULT_LIMITS.slice_records
GET_TIMEOUT_MS = 1_000
# The loop reads on while Kafka acknowledges what it sent, as a publisher does with its other lanes.
UNDER_WAY_MAX = DEFAULT_LIMITS.batch_records


def prebuilt(lanes: Sequence[Sequence[JournalRow]]) -> list[list[Message]]:
    return [
        [(row.key.encode(), row.body, headers(row.body, row.position, row.chain)) for row in rows]
        for rows in lanes
    ]


async def produce(bootstrap: str, topic: str, lanes: list[list[Message]], at_once: int) -> float:
    """Messages per second, all acknowledged, of one producer that sends `at_once` lanes at a time."""
    producer = new_producer(bootstrap)
    await producer.start()
    try:
        await producer.partitions_for(topic)
        waiting = list(range(len(lanes)))
        began_at = time.perf_counter()

        async def worker() -> None:
            while waiting:
                lane = waiting.pop(0)
                await _send_lane(producer, topic, lane, lanes[lane])

        await asyncio.gather(*(worker() for _ in range(at_once)))
        took = time.perf_counter() - began_at
    finally:
        await producer.stop()
    return sum(map(len, lanes)) / took


async def _send_lane(producer: AIOKafkaProducer, topic: str, lane: int, messages: list[Message]) -> None:
    acknowledged = []
    now_ms = int(time.time() * 1000)
    batch = producer.create_batch()
    for key, value, found in messages:
        if batch.append(key=key, value=value, timestamp=now_ms, headers=found) is None:
            acknowledged.append(await producer.send_batch(batch, topic, partition=lane))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=now_ms, headers=found)
    acknowledged.append(await producer.send_batch(batch, topic, partition=lane))
    await asyncio.gather(*acknowledged)


async def consume(bootstrap: str, topic: str, partitions: Sequence[int], count: int) -> float:
    """Records per second of bare `getmany` over assigned partitions, from the start to the end."""
    consumer = await open_consumer(bootstrap)
    try:
        assigned = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(assigned)
        await consumer.seek_to_beginning(*assigned)
        left = count
        began_at = time.perf_counter()
        while left > 0:
            found = await consumer.getmany(timeout_ms=GET_TIMEOUT_MS, max_records=GET_RECORDS_MAX)
            left -= sum(map(len, found.values()))
        took = time.perf_counter() - began_at
    finally:
        await consumer.stop()
    return count / took


async def consume_in_processes(
    bootstrap: str, topic: str, partitions: dict[int, int], processes: int
) -> float:
    """As `consume`, in so many processes, their start included. `partitions`: how many records each holds."""
    began_at = time.perf_counter()
    children = []
    for first in range(processes):
        share = [partition for partition in partitions if partition % processes == first]
        asked = [bootstrap, topic, str(sum(partitions[each] for each in share)), *map(str, share)]
        children.append(await asyncio.create_subprocess_exec(sys.executable, __file__, *asked))
    codes = await asyncio.gather(*(child.wait() for child in children))
    took = time.perf_counter() - began_at
    if any(codes):
        raise RuntimeError(f"bare consumers ended with {codes}")
    return sum(partitions.values()) / took


async def ends_of_views(bootstrap: str, of_partners: Sequence[str]) -> dict[TopicPartition, int]:
    """The ends of the topics that the publisher writes."""
    consumer = await open_consumer(bootstrap)
    try:
        public = [name for name in await consumer.topics() if name.startswith("public.")]
        places = [TopicPartition(topic, 0) for topic in (*public, *of_partners)]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return ends
    finally:
        await consumer.stop()


async def views_after(bootstrap: str, ends: Mapping[TopicPartition, int]) -> list[Sent]:
    """What has come on each topic since, in the order in which it was made."""
    consumer = await open_consumer(bootstrap)
    try:
        consumer.assign(list(ends))
        for place, end in ends.items():
            consumer.seek(place, end)
        left = sum((await consumer.end_offsets(list(ends))).values()) - sum(ends.values())
        found: list[Sent] = []
        while len(found) < left:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                found += [
                    (record.topic, record.key, record.value, record.timestamp, list(record.headers))
                    for record in records
                ]
        return sorted(found, key=itemgetter(3))
    finally:
        await consumer.stop()


async def consume_and_produce(bootstrap: str, views: Sequence[Sent] | None) -> tuple[int, float]:
    """Of all lanes of all streams: how many records, and in which time.

    For each it produces the record itself, or its share of `views`.
    """
    consumer, producer = await open_consumer(bootstrap), new_producer(bootstrap)
    await producer.start()
    try:
        places = [
            TopicPartition(record_topic("", stream), lane)
            for stream in ("market", "parties")
            for lane in range(DEFAULT_LANES)
        ]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, 0)
        total, count, began_at = sum(ends.values()), 0, time.perf_counter()
        under_way: list[asyncio.Future[object]] = []
        while count < total:
            found = await consumer.getmany(timeout_ms=GET_TIMEOUT_MS, max_records=GET_RECORDS_MAX)
            taken = [record.value for records in found.values() for record in records]
            sent: Sequence[Sent] = (
                [("public.trades.v1", None, value, None, []) for value in taken]
                if views is None
                else views[len(views) * count // total : len(views) * (count + len(taken)) // total]
            )
            count += len(taken)
            under_way += [
                await producer.send(topic, value, key, partition=0, timestamp_ms=at_ms, headers=headers)
                for topic, key, value, at_ms, headers in sent
            ]
            if len(under_way) > UNDER_WAY_MAX:
                await asyncio.gather(*under_way)
                under_way.clear()
        await asyncio.gather(*under_way)
        return count, time.perf_counter() - began_at
    finally:
        await consumer.stop()
        await producer.stop()


if __name__ == "__main__":
    bootstrap, topic, count, *share = sys.argv[1:]
    uvloop.run(consume(bootstrap, topic, [int(each) for each in share], int(count)))
