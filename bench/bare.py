"""The peers on Kafka: what aiokafka itself does with the same bytes, without a journal behind it."""

import asyncio
import sys
import time
from collections.abc import Sequence

import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition

from events.codec import headers
from events.connections import open_consumer, open_producer
from events.journal import JournalRow
from events.subscription import DEFAULT_LIMITS

Message = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""

# As few at once as our readers take: aiokafka is a fifth faster so than with thousands.
GET_RECORDS_MAX = DEFAULT_LIMITS.slice_records
GET_TIMEOUT_MS = 1_000


def prebuilt(lanes: Sequence[Sequence[JournalRow]]) -> list[list[Message]]:
    return [
        [(row.key.encode(), row.body, headers(row.body, row.position, row.chain)) for row in rows]
        for rows in lanes
    ]


async def produce(bootstrap: str, topic: str, lanes: list[list[Message]], at_once: int) -> float:
    """Messages per second, all acknowledged, of one producer that sends `at_once` lanes at a time."""
    producer = await open_producer(bootstrap)
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


if __name__ == "__main__":
    bootstrap, topic, count, *share = sys.argv[1:]
    uvloop.run(consume(bootstrap, topic, [int(each) for each in share], int(count)))
