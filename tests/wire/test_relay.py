"""Journal → Kafka: everything, in order, at least once, whatever is killed; what stops the relay."""

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition

from events.codec import decode_envelope, headers
from events.connections import Connection, Pool, cluster_id, open_consumer
from events.decision import LaneKey
from events.journal import Deployment, read_rows
from events.lane import LaneWriter
from events.older_journal import close_lanes
from events.refusal import LaneStopped
from events.replay import restore_lane
from events.watermarks import oldest_unpublished_seconds, republish, resume
from tests.record_support import (
    STREAM,
    apply_effects,
    crashed_child,
    create_topic,
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

LANES = 4
FIRST = LaneKey(STREAM, 0)


@pytest.fixture
async def deployment(database: Any) -> Deployment:
    return await prepare_record(database.dsn("owner"), database.admin_dsn, LANES)


@pytest.fixture
async def writer(database: Any, deployment: Deployment) -> AsyncIterator[LaneWriter]:
    async with running_writer(database.dsn("writer")) as opened:
        yield opened


@pytest.fixture
async def relay_pool(database: Any, deployment: Deployment) -> AsyncIterator[Pool]:
    async with pool_on(database.dsn("relay"), 6) as pool:
        yield pool


@pytest.fixture
async def topic(kafka_bootstrap: str, topic_prefix: str) -> str:
    name = f"{topic_prefix}record.{STREAM}.v1"
    await create_topic(kafka_bootstrap, name, LANES)
    return name


async def write_notes(writer: LaneWriter, prefix: str, count: int) -> None:
    await asyncio.gather(
        *(writer.execute(note(f"{prefix}{number}", lane=number % LANES)) for number in range(count))
    )


async def level(pool: Pool) -> bool:
    behind = """
    select not exists (
        select from record.lane l join record.relay r using (stream, lane)
        where l.next_position > r.position + 1
    )
    """
    return bool(await pool.fetchval(behind))


async def journal_bodies(connection: Connection, lane: int) -> list[bytes]:
    return [row.body for row in await read_rows(connection, LaneKey(STREAM, lane), 0, 10**9, 10**6)]


async def check_topic(writer_dsn: str, bootstrap: str, topic: str) -> None:
    """Journal and topic hold the same events in order once identical repeats are left out."""
    connection = await asyncpg.connect(writer_dsn)
    for lane in range(LANES):
        expected = await journal_bodies(connection, lane)
        found: list[bytes] = []
        for body in await lane_bodies(bootstrap, topic, lane):
            position = decode_envelope(body).position
            if position <= len(found):
                assert found[position - 1] == body
            else:
                assert len(found) + 1 == position
                found.append(body)
        assert expected == found
    await connection.close()


async def test_every_event_is_published_with_headers_of_its_value(
    database: Any, writer: LaneWriter, relay_pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    relay = relay_on(relay_pool, kafka_bootstrap, topic_prefix)
    async with running(relay):
        await write_notes(writer, "a", 60)
        await eventually(lambda: level(relay_pool))
    await check_topic(database.dsn("writer"), kafka_bootstrap, topic)
    assert 60 == relay.published
    connection = await asyncpg.connect(database.dsn("writer"))
    rows = await read_rows(connection, FIRST, 0, 100, 100)
    await connection.close()
    expected = [
        (row.key.encode(), row.body, tuple(headers(row.body, row.position, row.chain))) for row in rows
    ]
    assert expected == await raw_records(kafka_bootstrap, TopicPartition(topic, 0))
    assert 0.0 == await oldest_unpublished_seconds(relay_pool)  # type: ignore[arg-type]


async def raw_records(bootstrap: str, partition: TopicPartition) -> list[tuple[bytes, bytes, object]]:
    """(key, value, headers) of a partition that is known to hold records."""
    consumer = await open_consumer(bootstrap)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    found = await consumer.getmany(timeout_ms=10_000)
    await consumer.stop()
    return [(record.key, record.value, record.headers) for record in found[partition]]


async def test_a_backlog_is_caught_up_in_chunks(
    database: Any, writer: LaneWriter, relay_pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    for lane in range(LANES):
        await writer.execute(note(f"backlog-{lane}", lane=lane, count=1500))
    assert 0.0 < await oldest_unpublished_seconds(relay_pool)  # type: ignore[arg-type]
    relay = relay_on(
        relay_pool, kafka_bootstrap, topic_prefix, poll_rows=64, chunk_rows=200, lanes_catching_up=2
    )
    async with running(relay):
        await eventually(lambda: level(relay_pool))
    await check_topic(database.dsn("writer"), kafka_bootstrap, topic)
    assert 6000 == relay.published


CHILD = """
import asyncio, sys
from tests.record_support import pool_on, relay_on

async def main():
    async with pool_on(sys.argv[1], 6) as pool:
        await relay_on(pool, sys.argv[2], sys.argv[3], owner="doomed", lease_seconds=1.0).run()

asyncio.run(main())
"""


@pytest.mark.parametrize("label", ["relay.read", "relay.sent", "relay.acked", "relay.watermark"])
async def test_kill_9_of_the_relay_loses_nothing(
    database: Any,
    writer: LaneWriter,
    relay_pool: Pool,
    kafka_bootstrap: str,
    topic_prefix: str,
    topic: str,
    label: str,
) -> None:
    await write_notes(writer, "before", 40)
    code = await crashed_child(CHILD, database.dsn("relay"), kafka_bootstrap, topic_prefix, crash_at=label)
    assert -signal.SIGKILL == code
    await write_notes(writer, "after", 40)
    relay = relay_on(relay_pool, kafka_bootstrap, topic_prefix, lease_seconds=1.0)
    async with running(relay):
        await eventually(lambda: level(relay_pool))
    await check_topic(database.dsn("writer"), kafka_bootstrap, topic)
    assert {} == relay.stopped


async def test_two_relays_share_the_work_by_lease_and_a_zombie_only_repeats(
    database: Any, writer: LaneWriter, relay_pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    first = relay_on(relay_pool, kafka_bootstrap, topic_prefix, owner="one", lease_seconds=60.0)
    second = relay_on(relay_pool, kafka_bootstrap, topic_prefix, owner="two", lease_seconds=60.0)
    async with running(first):
        await write_notes(writer, "a", 20)
        await eventually(lambda: level(relay_pool))
        assert 20 == first.published
        await relay_pool.execute("update record.relay set owner = 'two'")
        async with running(second):
            for number in range(20):
                await write_notes(writer, f"b{number}-", 10)
            await eventually(lambda: level(relay_pool))
    assert 220 == first.published + second.published
    await check_topic(database.dsn("writer"), kafka_bootstrap, topic)


async def test_a_lease_of_a_clock_that_was_wrong_holds_nothing_up(
    writer: LaneWriter, relay_pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    await write_notes(writer, "a", 20)
    await relay_pool.execute(
        "update record.relay set owner = 'killed', leased_until = clock_timestamp() + interval '1 hour'"
    )
    async with running(relay_on(relay_pool, kafka_bootstrap, topic_prefix)):
        await eventually(lambda: level(relay_pool))


async def test_a_journal_older_than_its_topic_stops_the_lane_and_can_be_restored(
    database: Any, writer: LaneWriter, relay_pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    async with running(relay_on(relay_pool, kafka_bootstrap, topic_prefix)):
        await write_notes(writer, "a", 40)
        await eventually(lambda: level(relay_pool))
    bodies = [await lane_bodies(kafka_bootstrap, topic, lane) for lane in range(LANES)]
    await restore_backup(database.admin_dsn, kept=6)
    await close_lanes(
        relay_pool,
        partial(open_consumer, kafka_bootstrap),
        partial(cluster_id, kafka_bootstrap),
        topic_prefix,
    )
    async with running_writer(database.dsn("writer")) as beforehand:
        with pytest.raises(LaneStopped, match="holds events that the journal lacks"):
            await beforehand.execute(note("much too early", lane=0))
    relay = relay_on(relay_pool, kafka_bootstrap, topic_prefix)
    async with running(relay):
        await eventually(lambda: stopped_all(relay))
        reason = relay.stopped[FIRST]
        assert "Kafka holds position 7, the journal ends at 6" in reason
        assert "lodestone replay --restore parties/0" in reason
        noted = await relay_pool.fetchval(
            "select stopped_reason from record.relay where stream = $1 and lane = 0", STREAM
        )
        assert reason == noted
        async with running_writer(database.dsn("writer")) as meanwhile:
            with pytest.raises(LaneStopped, match="holds events that the journal lacks"):
                await meanwhile.execute(note("too early", lane=0))
    again = relay_on(relay_pool, kafka_bootstrap, topic_prefix, lease_seconds=1.0)
    async with running(again), running_writer(database.dsn("writer")) as later:
        await eventually(lambda: stopped_all(again))
        await restore_all(database.dsn("writer"), kafka_bootstrap, topic_prefix)
        for lane in range(LANES):
            await resume(relay_pool, LaneKey(STREAM, lane))  # type: ignore[arg-type]
        await eventually(lambda: all_open(relay_pool))
        await write_notes(later, "z", 40)
        await eventually(lambda: level(relay_pool))
    assert {} == again.stopped
    await check_topic(database.dsn("writer"), kafka_bootstrap, topic)
    connection = await asyncpg.connect(database.dsn("writer"))
    assert bodies == [(await journal_bodies(connection, lane))[:10] for lane in range(LANES)]
    assert 80 == await connection.fetchval("select count(*) from public.effect")
    await connection.close()


async def all_open(pool: Pool) -> bool:
    closed = "select count(*) from record.lane where stopped_reason is not null"
    return bool(0 == await pool.fetchval(closed))


async def stopped_all(relay: Any) -> bool:
    return LANES == len([key for key in relay.stopped if key.stream == STREAM])


async def restore_all(dsn: str, bootstrap: str, prefix: str) -> None:
    consumer = await open_consumer(bootstrap)
    async with pool_on(dsn) as pool:
        for lane in range(LANES):
            key = LaneKey(STREAM, lane)
            assert 4 == await restore_lane(pool, consumer, key, apply_effects, topic_prefix=prefix)
            assert 0 == await restore_lane(pool, consumer, key, apply_effects, topic_prefix=prefix)
    await consumer.stop()


async def restore_backup(admin_dsn: str, kept: int) -> None:
    """What restoring an older backup does: the last events of every lane are gone, watermark included."""
    admin = await asyncpg.connect(admin_dsn)
    async with admin.transaction():
        await admin.execute("alter table record.journal disable trigger journal_is_append_only")
        await admin.execute("delete from record.journal where position > $1", kept)
        await admin.execute("delete from public.effect where position > $1", kept)
        await admin.execute(
            "update record.lane l set next_position = j.position + 1, head = j.chain from record.journal j "
            "where j.stream = l.stream and j.lane = l.lane and j.position = $1",
            kept,
        )
        await admin.execute(
            "update record.relay set position = 0, kafka_offset = null, cluster_id = null "
            "where position > $1",
            kept,
        )
        await admin.execute("alter table record.journal enable trigger journal_is_append_only")
    await admin.close()


async def test_a_second_history_stops_the_lane(
    writer: LaneWriter, relay_pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    other = (await writer.execute(note("elsewhere", lane=1))).events[0]
    connection = relay_pool
    body = await connection.fetchval("select body from record.journal where lane = 1")
    forged = body.replace(b'"lane":1,', b'"lane":0,')
    await send_raw(kafka_bootstrap, topic, 0, [(forged, [("chain", other.chain.hex().encode())])])
    await writer.execute(note("here", lane=0))
    relay = relay_on(relay_pool, kafka_bootstrap, topic_prefix)
    async with running(relay):
        await eventually(lambda: one_stopped(relay))
        assert "is not the journal's: a second history" in relay.stopped[FIRST]

        async def other_published() -> bool:
            position = "select position from record.relay where stream = $1 and lane = 1"
            return bool(1 == await relay_pool.fetchval(position, STREAM))

        await eventually(other_published)
        with pytest.raises(LaneStopped):
            await writer.execute(note("on top of it", lane=0))
        await writer.execute(note("beside it", lane=1))
    assert [forged] == await lane_bodies(kafka_bootstrap, topic, 0)


async def one_stopped(relay: Any) -> bool:
    return FIRST in relay.stopped


async def test_a_recreated_topic_is_noticed_and_republished(
    database: Any, writer: LaneWriter, relay_pool: Pool, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    async with running(relay_on(relay_pool, kafka_bootstrap, topic_prefix)):
        await write_notes(writer, "a", 20)
        await eventually(lambda: level(relay_pool))
    await recreate_topic(kafka_bootstrap, topic, LANES)
    relay = relay_on(relay_pool, kafka_bootstrap, topic_prefix)
    async with running(relay):
        await eventually(lambda: stopped_all(relay))
        assert await all_open(relay_pool)
    assert "lodestone topics --republish parties/0" in relay.stopped[FIRST]
    assert [] == await lane_bodies(kafka_bootstrap, topic, 0)
    for lane in range(LANES):
        await republish(relay_pool, LaneKey(STREAM, lane))  # type: ignore[arg-type]
    async with running(relay_on(relay_pool, kafka_bootstrap, topic_prefix)):
        await eventually(lambda: level(relay_pool))
    await check_topic(database.dsn("writer"), kafka_bootstrap, topic)
