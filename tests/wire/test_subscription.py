"""Kafka → handler: every event once in effect, whatever is killed, repeated or taken over."""

import asyncio
import signal
from functools import partial
from typing import Any

import asyncpg
import pytest

from events.connections import DATABASE_LOST, acquire
from events.decision import LaneKey
from events.handling import Batch
from events.journal import read_head
from events.leases import SHARED_LOOK_SECONDS_MAX, Leases, take_leases
from events.positions import at_work
from events.subscription import Subscription
from tests.record_support import (
    KeepingHandler,
    SeenHandler,
    crashed_child,
    eventually,
    relay_on,
    running,
    send_raw,
    subscription_on,
)
from tests.wire_support import FIRST, LANES, Wire


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


async def test_what_a_reader_keeps_of_its_events_takes_effect_once(wire: Wire) -> None:
    handler = KeepingHandler("reader", trips=range(LANES))
    await wire.write("a", 100)
    await wire.publish()
    limits: dict[str, Any] = {"slice_records": 3, "batch_records": 7, "retry_seconds_min": 0.01}
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, handler, **limits)
    async with running(reader):
        await eventually(wire.caught_up)
    assert ({}, set()) == (reader.stopped, handler.trips)
    assert await wire.journalled() == await wire.seen()
    assert {1} == {events for events, _ in handler.sizes}
    assert (100, 9) == (sum(kept for _, kept in handler.sizes), max(kept for _, kept in handler.sizes))
    async with wire.pool.acquire() as connection:
        assert (await read_head(connection, FIRST)).head == reader.places[FIRST].head


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
        next_offset = "select next_offset from record.consumer where lane = 0"
        return bool(8 == await wire.pool.fetchval(next_offset))

    async with running(reader):
        await eventually(offset_is_past_all)
    assert [(0, 1), (0, 2), (0, 3)] == await wire.seen()
    assert {} == reader.stopped


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
    make = partial(subscription_on, wire.pool, wire.bootstrap, wire.prefix, lanes=[0])
    zombie = make(standing, owner="zombie", lease_seconds=60.0)
    heir = make(SeenHandler("reader"), owner="heir")

    async def lane_done() -> bool:
        return 10 == len(await wire.seen())

    async def ended() -> bool:
        return not zombie._tasks

    async with running(zombie):
        await standing.reached.wait()
        given = ("reader", "another", FIRST.stream, [FIRST.lane], wire.deployment.deployment_id, 1.0)
        assert frozenset() == (await take_leases(wire.pool, *given)).held
        await hand_over(wire, "heir")
        async with running(heir):
            await eventually(lane_done)
            standing.go_on.set()
            await eventually(ended)
    assert [(0, position) for position in range(1, 11)] == await wire.seen()
    assert {} == zombie.stopped | heir.stopped


async def hand_over(wire: Wire, owner: str) -> None:
    """As if the lease had run out and another had taken it."""
    await wire.pool.execute(
        "update record.consumer set owner = $1, leased_until = clock_timestamp() + interval '9 s'", owner
    )


async def test_a_reader_that_lost_its_lease_lets_the_lane_go(wire: Wire) -> None:
    await wire.write("a", 4)
    await wire.publish()
    standing = Standing(SeenHandler("reader"))
    reader = subscription_on(wire.pool, wire.bootstrap, wire.prefix, standing, lanes=[0], lease_seconds=0.3)

    async def ended() -> bool:
        return not reader._tasks

    async with running(reader):
        await standing.reached.wait()
        await hand_over(wire, "another")
        await eventually(ended)
    assert [] == await wire.seen()
    assert {} == reader.stopped


async def test_processes_share_the_lanes_and_give_them_back_between_batches(wire: Wire) -> None:
    await wire.write("a", 40)
    await wire.publish()
    standing = Standing(SeenHandler("reader"))
    closed: list[LaneKey] = []
    make = partial(subscription_on, wire.pool, wire.bootstrap, wire.prefix, lease_seconds=3.0)
    early = make(standing, owner="early", closed=closed.append)
    late = make(SeenHandler("reader"), owner="late")
    third = make(SeenHandler("reader"), owner="third")

    def lanes(reader: Subscription) -> set[int]:
        return {key.lane for key in reader._tasks}

    async def shared_by_all() -> bool:
        return [{0, 3}, {1}, {2}] == [lanes(each) for each in (early, late, third)]

    async def shared_by_two() -> bool:
        return [{0, 2}, {1, 3}] == [lanes(each) for each in (early, late)]

    async def all_of(reader: Subscription) -> bool:
        return {0, 1, 2, 3} == lanes(reader)

    async with running(early):
        await standing.reached.wait()
        async with running(late):
            await eventually(lambda: told_to_leave(early, {1, 3}))
            await asyncio.sleep(2 * SHARED_LOOK_SECONDS_MAX)
            assert {0, 1, 2, 3} == lanes(early), "a batch was taken away from its handler"
            assert set() == lanes(late)
            standing.go_on.set()
            await eventually(shared_by_two)
            assert {1, 3} == {key.lane for key in closed}
            async with running(third):
                await eventually(shared_by_all)
                await wire.write("b", 40)
                await wire.publish()
                await eventually(wire.caught_up)
            await eventually(shared_by_two)
        await eventually(partial(all_of, early))
    assert await wire.journalled() == await wire.seen()
    assert 0 == await wire.pool.fetchval("select count(*) from ops.reader_process")


async def told_to_leave(reader: Subscription, lanes: set[int]) -> bool:
    return lanes == {key.lane for key in reader._leaving}


async def test_who_was_killed_is_counted_until_its_time_is_out(wire: Wire) -> None:
    async def take(owner: str, seconds: float) -> Leases:
        lanes = range(4)
        return await take_leases(
            wire.pool, "reader", owner, FIRST.stream, lanes, wire.deployment.deployment_id, seconds
        )

    async def all_are_ours() -> bool:
        return 4 == len((await take("heir", 60.0)).staying)

    assert 4 == len((await take("dead", 100.0)).staying)
    heir = await take("heir", 60.0)
    assert (0, 2) == (len(heir.held), heir.processes)
    assert SHARED_LOOK_SECONDS_MAX == heir.look_seconds(60.0)
    for table, until in (("record.consumer", "leased_until"), ("ops.reader_process", "present_until")):
        await wire.pool.execute(f"update {table} set {until} = clock_timestamp() where owner = 'dead'")
    assert await all_are_ours()
    assert 20.0 == (await take("heir", 60.0)).look_seconds(60.0)


async def test_a_lease_of_a_clock_that_was_wrong_keeps_nobody_out(wire: Wire) -> None:
    """Of who was killed after an hour's leap, which was taken back."""

    async def take(owner: str) -> Leases:
        return await take_leases(
            wire.pool, "reader", owner, FIRST.stream, range(4), wire.deployment.deployment_id, 10.0
        )

    assert 4 == len((await take("dead")).staying)
    for table, until in (("record.consumer", "leased_until"), ("ops.reader_process", "present_until")):
        await wire.pool.execute(f"update {table} set {until} = {until} + interval '1 hour'")
    assert [] == await at_work_on(wire)
    heir = await take("heir")
    assert (4, 1) == (len(heir.staying), heir.processes)
    assert ["reader"] == await at_work_on(wire)


async def at_work_on(wire: Wire) -> list[str]:
    async with acquire(wire.pool) as connection:
        return await at_work(connection)


class Hampered:
    """Meets a database that is not there, a few times over, before it works."""

    def __init__(self, inner: SeenHandler, errors: list[Exception]) -> None:
        self.inner = inner
        self.errors = errors

    async def handle(self, batch: Batch) -> None:
        if self.errors:
            raise self.errors.pop()
        await self.inner.handle(batch)


async def test_a_database_that_is_away_is_no_fault_of_the_event(wire: Wire) -> None:
    await wire.write("a", 4)
    await wire.publish()
    kinds: list[type[Exception]] = [
        asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError,
        asyncpg.TooManyConnectionsError,
        asyncpg.LockNotAvailableError,
        ConnectionRefusedError,
        TimeoutError,
    ]
    handler = Hampered(SeenHandler("reader"), [kind("away") for kind in kinds])
    reader = subscription_on(
        wire.pool,
        wire.bootstrap,
        wire.prefix,
        handler,
        lanes=[0],
        attempts_max=1,
        retry_seconds_min=0.01,
        retry_seconds_max=0.02,
    )

    async def seen() -> bool:
        return [(0, 1)] == await wire.seen()

    async with running(reader):
        await eventually(seen)
    assert {} == reader.stopped


async def test_positions_outlive_a_lost_database_connection(wire: Wire, database: Any) -> None:
    await wire.write("a", 40)
    await wire.publish()
    admin = await asyncpg.connect(database.admin_dsn)
    handler = SeenHandler("reader", step=1)

    async def caught_up() -> bool:
        """The probe may be given a connection that was ended."""
        try:
            return await wire.caught_up()
        except DATABASE_LOST:
            return False

    async with running(subscription_on(wire.pool, wire.bootstrap, wire.prefix, handler, lease_seconds=1.0)):
        await eventually(wire.seen)  # type: ignore[arg-type]
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and usename = 'lodestone_writer' and state <> 'idle'"
        )
        await eventually(caught_up)
    await admin.close()
    assert await wire.journalled() == await wire.seen()
