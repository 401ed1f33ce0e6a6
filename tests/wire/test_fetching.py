"""Partitions read without a consumer, from a real broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaTimeoutError, OffsetOutOfRangeError

from events.connections import end_producer, open_client, open_producer
from events.fetching import EARLIEST, LATEST, Fetcher
from events.topics import record_topic
from market import topics
from market.topics import create_topics, open_reading

LANES = 3
TOPIC = "market"


@pytest.fixture
async def topic(kafka_bootstrap: str, topic_prefix: str) -> str:
    """`n` records on partition n."""
    await create_topics(kafka_bootstrap, LANES, prefix=topic_prefix)
    name = record_topic(topic_prefix, TOPIC)
    producer = await open_producer(kafka_bootstrap)
    try:
        for lane in range(LANES):
            for number in range(lane):
                await producer.send_and_wait(name, b"%d/%d" % (lane, number), partition=lane)
    finally:
        await end_producer(producer)
    return name


@asynccontextmanager
async def fetcher_of(bootstrap: str, topic: str) -> AsyncIterator[Fetcher]:
    async with open_client(bootstrap) as client:
        yield Fetcher(client, topic)


async def test_partitions_are_read_from_where_each_stands(topic: str, kafka_bootstrap: str) -> None:
    async with fetcher_of(kafka_bootstrap, topic) as fetcher:
        assert frozenset(range(LANES)) == fetcher.partitions
        assert {0: 0, 1: 0, 2: 0} == await fetcher.offsets([0, 1, 2], EARLIEST)
        assert {0: 0, 1: 1, 2: 2} == await fetcher.offsets([0, 1, 2], LATEST)
        values: dict[int, list[bytes]] = {}
        while len(values) < 2:
            for fetched in await fetcher.fetch({1: 0, 2: 1}):
                values[fetched.partition] = [record.value for record in fetched.records()]
        assert {1: [b"1/0"], 2: [b"2/1"]} == values


async def test_an_offset_that_a_partition_does_not_have_is_no_silence(
    topic: str, kafka_bootstrap: str
) -> None:
    async with fetcher_of(kafka_bootstrap, topic) as fetcher:
        assert [] == await fetcher.fetch({1: 1})
        with pytest.raises(OffsetOutOfRangeError):
            await fetcher.fetch({1: 2})


async def test_a_partition_without_a_leader_is_waited_for(topic: str, kafka_bootstrap: str) -> None:
    async with fetcher_of(kafka_bootstrap, topic) as fetcher:
        assert [] == await fetcher.fetch({LANES: 0})
    async with fetcher_of(kafka_bootstrap, f"no-{topic}") as fetcher:
        assert not fetcher.partitions


async def test_a_reading_is_not_waited_for_without_end(
    topic: str, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "READ_SECONDS_MAX", 0.2)

    async def read_past_the_end() -> None:
        async with open_reading(kafka_bootstrap, topic, only=[1]) as reading:
            reading.start_at(1, 1)
            reading._ends[1] = 2
            async for _ in reading.links():
                pass

    with pytest.raises(KafkaTimeoutError):
        await asyncio.wait_for(read_past_the_end(), 10)
