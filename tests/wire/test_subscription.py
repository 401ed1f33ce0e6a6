"""Kafka → handler: every event once in effect, whatever is killed; and when a reader stops a lane."""

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import pytest

from events.chain import next_head
from events.codec import headers
from events.connections import Pool
from events.decision import LaneKey
from events.journal import Deployment, read_head, read_rows
from events.lane import LaneWriter
from events.positions import resume
from events.subscription import Batch
from tests.record_support import (
    STREAM,
    SeenHandler,
    crashed_child,
    create_topic,
    delete_topic,
    eventually,
    note,
    pool_on,
    prepare_record,
    relay_on,
    running,
    send_raw,
    subscription_on,
    writer_on,
)

LANES = 4
FIRST = LaneKey(STREAM, 0)


class Wire:
    """A record, its writer, its relay and a pool for readers."""

    def __init__(self, pool: Pool, relay_pool: Pool, bootstrap: str, prefix: str, dsn: str) -> None:
        self.pool = pool
        self.relay_pool = relay_pool
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.dsn = dsn
        self.topic = f"{prefix}record.{STREAM}.v1"
        self.writer: LaneWriter = writer_on(pool)

    async def write(self, prefix: str, count: int) -> None:
        await asyncio.gather(
            *(self.writer.execute(note(f"{prefix}{number}", lane=number % LANES)) for number in range(count))
        )

    async def publish(self) -> None:
        """Everything that is in the journal."""
        async with running(relay_on(self.relay_pool, self.bootstrap, self.prefix, lease_seconds=1.0)):
            await eventually(self.published)

    async def published(self) -> bool:
        behind = """
        select not exists (
            select from record.lane l join record.relay r using (stream, lane)
            where l.next_position > r.position + 1
        )
        """
        return bool(await self.pool.fetchval(behind))

    async def caught_up(self, name: str = "reader") -> bool:
        behind = """
        select not exists (
            select from record.lane l left join record.consumer c
            on c.stream = l.stream and c.lane = l.lane and c.name = $1
            where l.stream = $2 and l.next_position > coalesce(c.position, 0) + 1
        )
        """
        return bool(await self.pool.fetchval(behind, name, STREAM))

    async def seen(self, name: str = "reader") -> list[tuple[int, int]]:
        rows = await self.pool.fetch("select lane, position from public.seen where reader = $1", name)
        return sorted((row["lane"], row["position"]) for row in rows)

    async def journalled(self) -> list[tuple[int, int]]:
        rows = await self.pool.fetch("select lane, position from record.journal")
        return sorted((row["lane"], row["position"]) for row in rows)

    async def rows(self, lane: int) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        """Kafka values and headers of the lane's journal."""
        async with self.pool.acquire() as connection:
            found = await read_rows(connection, LaneKey(STREAM, lane), 0, 10**9, 10**6)
        return [(row.body, headers(row.body, row.position, row.chain)) for row in found]


@pytest.fixture
async def deployment(database: Any) -> Deployment:
    return await prepare_record(database.dsn("owner"), database.admin_dsn, LANES)


@pytest.fixture
async def wire(
    database: Any, deployment: Deployment, kafka_bootstrap: str, topic_prefix: str
) -> AsyncIterator[Wire]:
    dsn = database.dsn("writer")
    async with pool_on(dsn, 16) as pool, pool_on(database.dsn("relay"), 6) as relay_pool:
        made = Wire(pool, relay_pool, kafka_bootstrap, topic_prefix, dsn)
        await create_topic(kafka_bootstrap, made.topic, LANES)
        await made.writer.start()
        yield made
        await made.writer.stop()


async def test_every_event_takes_effect_once_in_order(wire: Wire) -> None:
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader", step=3))
    async with running(reader), running(relay_on(wire.relay_pool, wire.bootstrap, wire.prefix)):
        await wire.write("a", 100)
        await eventually(wire.caught_up)
    assert await wire.journalled() == await wire.seen()
    async with wire.pool.acquire() as connection:
        head = await read_head(connection, FIRST)
    assert head.head == reader.places[FIRST].head
    await wire.write("b", 40)
    await wire.publish()
    again = subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"))
    async with running(again):
        await eventually(wire.caught_up)
    assert await wire.journalled() == await wire.seen()


CHILD = """
import asyncio, sys
from tests.record_support import SeenHandler, pool_on, subscription_on

async def main():
    async with pool_on(sys.argv[1], 8) as pool:
        handler = SeenHandler("reader", step=2)
        reader = subscription_on(
            pool, sys.argv[2], sys.argv[3], handler, owner=sys.argv[4], lease_seconds=1.0
        )
        await reader.run()

asyncio.run(main())
"""


@pytest.mark.parametrize("label", ["subscription.handled:5", "subscription.committed:5"])
async def test_kill_9_of_the_reader_keeps_effects_at_one(wire: Wire, label: str) -> None:
    await wire.write("a", 60)
    await wire.publish()
    for owner in ("first", "second"):
        code = await crashed_child(CHILD, wire.dsn, wire.bootstrap, wire.prefix, owner, crash_at=label)
        assert -signal.SIGKILL == code
    async with running(
        subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lease_seconds=1.0)
    ):
        await eventually(wire.caught_up)
    assert await wire.journalled() == await wire.seen()


async def test_identical_repeats_are_skipped(wire: Wire) -> None:
    await wire.write("a", 12)
    rows = await wire.rows(0)
    await send_raw(wire.bootstrap, wire.topic, 0, [*rows[:2], *rows[:2], rows[0], *rows[1:], rows[1]])
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lanes=[0])

    async def offset_is_past_all() -> bool:
        return 8 == await wire.pool.fetchval("select next_offset from record.consumer where lane = 0")

    async with running(reader):
        await eventually(offset_is_past_all)
    assert [(0, 1), (0, 2), (0, 3)] == await wire.seen()
    assert {} == reader.stopped


async def stops(wire: Wire, lanes: tuple[int, ...] = (0, 1)) -> str:
    """The reason why a reader stops lane 0, seen in memory and in the table."""
    reader = subscription_on(
        wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lanes=lanes, lease_seconds=1.0
    )

    async def stopped() -> bool:
        return FIRST in reader.stopped

    async with running(reader):
        await eventually(stopped)
        assert [FIRST] == list(reader.stopped)
    noted = await wire.pool.fetchval("select stopped_reason from record.consumer where lane = 0")
    assert noted == reader.stopped[FIRST]
    return reader.stopped[FIRST]


async def test_a_repeat_with_other_bytes_stops_the_lane(wire: Wire) -> None:
    await wire.write("a", 12)
    (first, second, _) = await wire.rows(0)
    forged = (second[0].replace(b'"subject":"a4"', b'"subject":"zz"'), second[1])
    await send_raw(wire.bootstrap, wire.topic, 0, [first, second, forged])
    reason = await stops(wire)
    assert f"topic {wire.topic}, partition 0, offset 2: position 2 had other bytes before" == reason


async def test_a_hole_stops_the_lane_after_what_was_whole(wire: Wire) -> None:
    await wire.write("a", 12)
    (first, _, third) = await wire.rows(0)
    await send_raw(wire.bootstrap, wire.topic, 0, [first, third])
    reason = await stops(wire)
    assert f"topic {wire.topic}, partition 0, offset 1: position 2 is missing before position 3" == reason
    assert [(0, 1)] == await wire.seen()


async def test_a_changed_event_stops_the_lane(wire: Wire) -> None:
    await wire.write("a", 12)
    (first, second, _) = await wire.rows(0)
    edited = second[0].replace(b'"subject":"a4"', b'"subject":"zz"')
    await send_raw(wire.bootstrap, wire.topic, 0, [first, (edited, second[1])])
    assert "offset 1: position 2 does not continue the chain" in await stops(wire)


@pytest.mark.parametrize(
    "value", [b"not json", b"{}", b'{"id":"x"}', b"\xff\xfe"], ids=["text", "empty", "short", "binary"]
)
async def test_an_undecodable_record_stops_its_lane_and_no_other(wire: Wire, value: bytes) -> None:
    await wire.write("a", 8)
    await send_raw(wire.bootstrap, wire.topic, 0, [(await wire.rows(0))[0], (value, [])])
    await send_raw(wire.bootstrap, wire.topic, 1, await wire.rows(1))
    reason = await stops(wire)
    assert reason.startswith(f"topic {wire.topic}, partition 0, offset 1 cannot be decoded")

    async def other_goes_on() -> bool:
        return [(0, 1), (1, 1), (1, 2)] == await wire.seen()

    async with running(
        subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lanes=[0, 1])
    ):
        await eventually(other_goes_on)


async def test_an_unknown_type_stops_the_lane(wire: Wire) -> None:
    await wire.write("a", 4)
    ((body, _),) = await wire.rows(0)
    body = body.replace(b"parties.facility.revoked.v1", b"parties.facility.revoked.v9")
    chain = next_head(await genesis_of(wire), body)
    await send_raw(wire.bootstrap, wire.topic, 0, [(body, headers(body, 1, chain))])
    assert "type parties.facility.revoked.v9 is not in the catalog" in await stops(wire)


async def genesis_of(wire: Wire) -> bytes:
    async with wire.pool.acquire() as connection:
        rows = await connection.fetch("select head from record.lane where stream = $1 and lane = 3", STREAM)
    return bytes(rows[0]["head"])


async def test_a_handler_that_fails_is_retried_then_stops_its_lane_until_resumed(wire: Wire) -> None:
    await wire.write("a", 40)
    await wire.publish()
    handler = SeenHandler("reader", step=1)
    handler.refuse = {"a8"}
    opened: list[tuple[LaneKey, int]] = []

    async def note_opening(key: LaneKey, position: int) -> None:
        opened.append((key, position))

    reader = subscription_on(
        wire.pool,
        wire.bootstrap,
        wire.prefix,
        handler,
        opened=note_opening,
        attempts_max=3,
        retry_seconds_min=0.01,
        lease_seconds=1.0,
    )

    async def others_done() -> bool:
        return FIRST in reader.stopped and 32 == len(await wire.seen())

    async with running(reader):
        await eventually(others_done)
        assert "failed 3 times at position 3 of parties/0" in reader.stopped[FIRST]
        assert [(FIRST, 0), (FIRST, 2), (FIRST, 2)] == [entry for entry in opened if entry[0] == FIRST]
        handler.refuse = set()
        async with wire.pool.acquire() as connection:
            await resume(connection, "reader", FIRST)
        await eventually(wire.caught_up)
    assert {} == reader.stopped
    assert await wire.journalled() == await wire.seen()


class Standing:
    """Stands still in its first batch until told to go on, like a stopped process."""

    def __init__(self, inner: SeenHandler) -> None:
        self.inner = inner
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def handle(self, batch: Batch) -> None:
        self.reached.set()
        await self.go_on.wait()
        await self.inner.handle(batch)


async def test_two_readers_a_zombie_and_the_guard(wire: Wire) -> None:
    await wire.write("a", 40)
    await wire.publish()
    standing = Standing(SeenHandler("reader"))
    make = partial(subscription_on, wire.pool, wire.bootstrap, wire.prefix, lanes=[0], lease_seconds=1.0)
    zombie, heir = make(standing, owner="zombie"), make(SeenHandler("reader"), owner="heir")

    async def lane_done() -> bool:
        return 10 == len(await wire.seen())

    async with running(zombie):
        await standing.reached.wait()
        async with running(heir):
            await asyncio.sleep(0.7)
            assert [] == await wire.seen()
            await wire.pool.execute(
                "update record.consumer set owner = 'heir', leased_until = clock_timestamp() + interval '9 s'"
            )
            await eventually(lane_done)
            standing.go_on.set()
            await asyncio.sleep(0.3)
    assert [(0, position) for position in range(1, 11)] == await wire.seen()
    assert {} == zombie.stopped | heir.stopped


async def test_a_recreated_topic_is_noticed(wire: Wire) -> None:
    await wire.write("a", 12)
    await wire.publish()
    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"))):
        await eventually(wire.caught_up)
    await delete_topic(wire.bootstrap, wire.topic)
    await asyncio.sleep(1)
    await create_topic(wire.bootstrap, wire.topic, LANES)
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"), lease_seconds=1.0)

    async def all_stopped() -> bool:
        return LANES == len(reader.stopped)

    async with running(reader):
        await eventually(all_stopped)
    assert "the topic ends at 0: it was truncated or created anew" in reader.stopped[FIRST]
    await wire.pool.execute("update record.consumer set stopped_reason = null")
    rows = await wire.rows(1)
    await send_raw(wire.bootstrap, wire.topic, 0, rows + rows)
    assert "holds another event than was read there" in await stops(wire, lanes=(0,))


async def test_another_cluster_is_noticed(wire: Wire) -> None:
    await wire.write("a", 4)
    await wire.publish()
    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, SeenHandler("reader"))):
        await eventually(wire.caught_up)
    await wire.pool.execute("update record.consumer set cluster_id = 'elsewhere'")
    assert "is of cluster elsewhere" in await stops(wire, lanes=(0,))


async def test_an_unfinished_handler_stops_the_lane(wire: Wire) -> None:
    class Idle:
        async def handle(self, batch: Batch) -> None:
            return

    await wire.write("a", 4)
    await wire.publish()
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, Idle(), lanes=[0])

    async def stopped() -> bool:
        return "the handler applied 0 of 1 events" == reader.stopped.get(FIRST)

    async with running(reader):
        await eventually(stopped)


async def test_positions_outlive_a_lost_database_connection(wire: Wire, database: Any) -> None:
    await wire.write("a", 40)
    await wire.publish()
    admin = await asyncpg.connect(database.admin_dsn)
    handler = SeenHandler("reader", step=1)
    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, handler, lease_seconds=1.0)):
        await eventually(wire.seen)  # type: ignore[arg-type]
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and usename = 'lodestone_writer' and state <> 'idle'"
        )
        await eventually(wire.caught_up)
    await admin.close()
    assert await wire.journalled() == await wire.seen()
