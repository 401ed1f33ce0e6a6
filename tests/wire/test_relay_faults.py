"""What Kafka refuses, loses or forgets: the relay leaves no hole and stops the lane at fault alone."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from events.codec import decode_envelope, headers
from events.connections import (
    Pool,
    SharedProducer,
    end_producer,
    open_admin,
    open_consumer,
    open_producer,
)
from events.decision import LaneKey
from events.journal import Deployment, read_rows
from events.lane import LaneWriter
from events.relay import Relay
from events.topics import Watermark, check_lanes
from events.watermarks import republish, resume
from tests.record_support import (
    STREAM,
    create_topic,
    delete_topic,
    eventually,
    lane_bodies,
    note,
    pool_on,
    prepare_record,
    recreate_topic,
    relay_on,
    running,
    running_writer,
    send_raw,
)

FIRST, SECOND = LaneKey(STREAM, 0), LaneKey(STREAM, 1)
HOLD = "select from record.relay where stream = $1 and lane = $2 for update"
QUICK: dict[str, Any] = {"lease_seconds": 1.0, "recheck_seconds": 0.1, "retry_seconds_min": 0.01}


@pytest.fixture
async def deployment(database: Any) -> Deployment:
    return await prepare_record(database.dsn("owner"), database.admin_dsn, 2)


@pytest.fixture
async def writer(database: Any, deployment: Deployment) -> AsyncIterator[LaneWriter]:
    async with running_writer(database.dsn("writer")) as opened:
        yield opened


@pytest.fixture
async def pool(database: Any, deployment: Deployment) -> AsyncIterator[Pool]:
    async with pool_on(database.dsn("relay"), 6) as opened:
        yield opened


@pytest.fixture
def topic(topic_prefix: str) -> str:
    return f"{topic_prefix}record.{STREAM}.v1"


async def create_narrow_topic(bootstrap: str, name: str, batch_bytes_max: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics(
        [NewTopic(name, 2, 1, topic_configs={"max.message.bytes": str(batch_bytes_max)})]
    )
    await admin.close()


async def watermark(pool: Pool, key: LaneKey) -> int:
    query = "select position from record.relay where stream = $1 and lane = $2"
    return int(await pool.fetchval(query, *key))


async def published(pool: Pool, key: LaneKey, position: int) -> None:
    async def reached() -> bool:
        return position == await watermark(pool, key)

    await eventually(reached)


async def stopped(relay: Relay, key: LaneKey) -> str:
    async def noted() -> bool:
        return key in relay.stopped

    await eventually(noted)
    return relay.stopped[key]


async def positions(bootstrap: str, topic: str, lane: int) -> list[int]:
    return [decode_envelope(body).position for body in await lane_bodies(bootstrap, topic, lane)]


async def test_a_refused_batch_leaves_no_hole_and_stops_its_lane(
    writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await create_narrow_topic(kafka_bootstrap, topic, 700_000)
    await writer.execute(note("large", count=1300))
    await writer.execute(note("small", lane=1, count=3))
    relay = relay_on(pool, kafka_bootstrap, topic_prefix, chunk_rows=2000, refusals_max=2, **QUICK)
    async with running(relay):
        reason = await stopped(relay, FIRST)
        await published(pool, SECOND, 3)
    assert "Kafka refuses its events: MessageSizeTooLargeError" in reason
    assert [] == await positions(kafka_bootstrap, topic, 0)
    again = relay_on(pool, kafka_bootstrap, topic_prefix, batch_bytes=100_000, poll_rows=64, **QUICK)
    async with running(again):
        await published(pool, FIRST, 1300)
    assert list(range(1, 1301)) == await positions(kafka_bootstrap, topic, 0)


async def test_a_stopped_lane_goes_on_when_it_is_resumed(
    writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await create_narrow_topic(kafka_bootstrap, topic, 1_000)
    await writer.execute(note("a", count=50))
    relay = relay_on(pool, kafka_bootstrap, topic_prefix, refusals_max=2, **QUICK)
    async with running(relay):
        await stopped(relay, FIRST)
        await recreate_topic(kafka_bootstrap, topic, 2)
        async with pool.acquire() as connection:
            await resume(connection, FIRST)
        await published(pool, FIRST, 50)
    assert {} == relay.stopped
    assert list(range(1, 51)) == await positions(kafka_bootstrap, topic, 0)


async def test_a_topic_recreated_under_a_running_relay_stops_the_lane(
    writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await create_topic(kafka_bootstrap, topic, 2)
    relay = relay_on(pool, kafka_bootstrap, topic_prefix, **QUICK)
    async with running(relay):
        await writer.execute(note("a", count=20))
        await published(pool, FIRST, 20)
        await recreate_topic(kafka_bootstrap, topic, 2)
        await writer.execute(note("b"))
        reason = await stopped(relay, FIRST)
        assert 20 == await watermark(pool, FIRST)
        assert "position 20 stood at 19" in reason
        assert "lodestone topics --republish parties/0" in reason
        async with pool.acquire() as connection:
            await republish(connection, FIRST)

        async def polluted() -> bool:
            return "position 1 is missing before offset 0" in relay.stopped.get(FIRST, "")

        await eventually(polluted)
        assert "delete the topic" in relay.stopped[FIRST]


async def test_no_send_waits_for_a_watermark(
    database: Any, writer: LaneWriter, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    """However long another holds its row: with a watermark that fails the lane would be checked first."""
    await create_topic(kafka_bootstrap, topic, 2)
    patient = database.dsn("relay") + "&lock_timeout=0&statement_timeout=0"
    admin = await asyncpg.connect(database.admin_dsn)

    async def readable(count: int) -> bool:
        return list(range(1, count + 1)) == await positions(kafka_bootstrap, topic, 0)

    async with pool_on(patient, 6) as pool:
        relay = relay_on(pool, kafka_bootstrap, topic_prefix, **QUICK)
        async with running(relay):
            await writer.execute(note("a"))
            await published(pool, FIRST, 1)
            async with admin.transaction():
                await admin.execute(HOLD, *FIRST)
                for number in (2, 3):
                    await writer.execute(note(f"b{number}"))
                    await eventually(partial(readable, number))
                assert 1 == await watermark(pool, FIRST)
            await published(pool, FIRST, 3)
    await admin.close()
    assert await readable(3)
    assert 3 == relay.published


async def test_a_lane_that_an_operator_rewinds_is_published_again(
    writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await create_topic(kafka_bootstrap, topic, 2)
    async with running(relay_on(pool, kafka_bootstrap, topic_prefix, **QUICK)):
        await writer.execute(note("a", count=3))
        await published(pool, FIRST, 3)
        async with pool.acquire() as connection:
            await republish(connection, FIRST)

        async def twice() -> bool:
            return [1, 2, 3, 1, 2, 3] == (await positions(kafka_bootstrap, topic, 0))[:6]

        await eventually(twice)
        await published(pool, FIRST, 3)


async def test_what_another_relay_sends_during_the_check_is_no_second_history(
    writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await create_topic(kafka_bootstrap, topic, 2)
    await writer.execute(note("a"))

    async def open_late() -> Any:
        """A consumer before whose first answer more is recorded and published."""
        consumer = await open_consumer(kafka_bootstrap)
        getmany = consumer.getmany

        async def getmany_late(*given: Any, **named: Any) -> Any:
            await writer.execute(note("b"))
            await published(pool, FIRST, 2)
            return await getmany(*given, **named)

        consumer.getmany = getmany_late
        return consumer

    async with running(relay_on(pool, kafka_bootstrap, topic_prefix)):
        await published(pool, FIRST, 1)
        mark = Watermark(1, 0, None)
        found = await check_lanes(pool, open_late, {FIRST: mark}, cluster_id="", topic_prefix=topic_prefix)
    assert {FIRST: None} == found
    assert [1, 2] == await positions(kafka_bootstrap, topic, 0)


async def test_a_topic_that_comes_late_is_found(
    writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await writer.execute(note("a", count=3))
    relay = relay_on(pool, kafka_bootstrap, topic_prefix, **QUICK)
    async with running(relay):

        async def looked() -> bool:
            return STREAM in relay._missing

        await eventually(looked)
        await create_topic(kafka_bootstrap, topic, 2)
        await published(pool, FIRST, 3)


async def test_a_hole_on_the_topic_is_found_before_anything_is_sent(
    database: Any, writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await create_topic(kafka_bootstrap, topic, 2)
    await writer.execute(note("a", count=4))
    async with pool.acquire() as connection:
        rows = await read_rows(connection, FIRST, 0, 10, 10)
    raw = [(row.body, headers(row.body, row.position, row.chain)) for row in rows]
    await send_raw(kafka_bootstrap, topic, 0, [raw[0], raw[2]])
    relay = relay_on(pool, kafka_bootstrap, topic_prefix, **QUICK)
    async with running(relay):
        assert "position 2 is missing before offset 1" in await stopped(relay, FIRST)
    assert [1, 3] == await positions(kafka_bootstrap, topic, 0)


async def test_one_producer_for_all_is_opened_once_and_replaced_once(kafka_bootstrap: str) -> None:
    opened = []

    async def open_one() -> Any:
        producer = await open_producer(kafka_bootstrap)
        opened.append(producer)
        return producer

    shared = SharedProducer(open_one)
    first = set(await asyncio.gather(*(shared.get() for _ in range(5))))
    assert set(opened) == first
    assert 1 == len(first)
    ending = [asyncio.create_task(shared.discard(opened[0])) for _ in range(3)]
    await ending[2]
    assert all(task.done() for task in ending)
    second = await shared.get()
    await shared.discard(opened[0])
    assert second is await shared.get()
    assert opened == [*first, second]
    await shared.close()


async def test_a_producer_that_cannot_finish_is_cut_off_and_leaves_nothing_running(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}gone"
    await create_topic(kafka_bootstrap, topic, 1)
    before = asyncio.all_tasks()
    producer = await open_producer(kafka_bootstrap)
    await producer.send_and_wait(topic, value=b"1", partition=0)
    await delete_topic(kafka_bootstrap, topic)
    await eventually(partial(is_gone, kafka_bootstrap, topic))
    pending = await producer.send(topic, value=b"2", partition=0)
    while (await asyncio.wait([pending], timeout=1.0))[0]:
        # A broker knows a little later than it says that a topic is gone.
        pending = await producer.send(topic, value=b"3", partition=0)
    await asyncio.wait_for(end_producer(producer, 0.3), 20)
    assert "cut off" in str(pending.exception())
    assert set() == asyncio.all_tasks() - before


async def is_gone(bootstrap: str, topic: str) -> bool:
    async with open_admin(bootstrap) as admin:
        return topic not in await admin.list_topics()


async def test_a_relay_outlives_its_database_connections(
    database: Any, writer: LaneWriter, pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await create_topic(kafka_bootstrap, topic, 2)
    admin = await asyncpg.connect(database.admin_dsn)
    relay = relay_on(pool, kafka_bootstrap, topic_prefix, poll_rows=8, **QUICK)
    async with running(relay):
        for number in range(5):
            await writer.execute(note(f"n{number}", count=20))
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and usename = 'lodestone_relay'"
            )
        await eventually(partial(has_position, admin, 100))
    await admin.close()
    assert {} == relay.stopped
    found = await positions(kafka_bootstrap, topic, 0)
    assert list(range(1, 101)) == list(dict.fromkeys(found))


async def has_position(admin: Any, position: int) -> bool:
    query = "select position from record.relay where stream = $1 and lane = $2"
    return bool(position == await admin.fetchval(query, *FIRST))


async def test_a_broker_that_stands_still_delays_and_loses_nothing(
    writer: LaneWriter,
    pool: Pool,
    server_settings: Any,
    kafka_bootstrap: str,
    topic_prefix: str,
    topic: str,
) -> None:
    await create_topic(kafka_bootstrap, topic, 2)
    broker = int((server_settings.instance_dir / "kafka" / "pid").read_text())
    relay = relay_on(pool, kafka_bootstrap, topic_prefix, send_seconds_max=0.5, **QUICK)
    async with running(relay):
        await writer.execute(note("a", count=10))
        await published(pool, FIRST, 10)
        os.kill(broker, signal.SIGSTOP)
        try:
            await writer.execute(note("b", count=10))

            async def refused() -> bool:
                return relay._failures.get(FIRST, 0) > 0

            await eventually(refused)
            assert 10 == await watermark(pool, FIRST)
        finally:
            os.kill(broker, signal.SIGCONT)
        await published(pool, FIRST, 20)
    assert {} == relay.stopped
    found = await positions(kafka_bootstrap, topic, 0)
    assert list(range(1, 21)) == list(dict.fromkeys(found))
