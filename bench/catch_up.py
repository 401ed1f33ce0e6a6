"""The publisher catching up, in one process and in several, beside bare loops over the same records."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from api import services
from bare import Sent, consume_and_produce, ends_of_views, views_after
from cpu import Meter
from figures import Case, CpuTimes, Report, alternate, ratio, say
from own_process import in_own_process
from servers import Database, Servers

from events.connections import acquire
from events.vocabulary import STREAMS
from market.ground import Wiring
from market.store.feed import PUBLISHER

PATIENCE_SECONDS = 60
BARE = "bare loop, one record an event"
BARE_SAME = "bare loop, the publisher's own records"
QUIET = {"LODESTONE_LOG_LEVEL": "warning"}

EVENTS = "select sum(next_position - 1)::bigint from record.lane"
BEHIND = """
select coalesce(sum(l.next_position - 1 - coalesce(c.position, 0)), 0)::bigint from record.lane l
left join record.consumer c on c.stream = l.stream and c.lane = l.lane and c.name = $1
"""
# Topics stay live: every event's record is sent to its partner before the position moves.
FORGET = (
    "delete from record.consumer where name = 'publisher'",
    "delete from ops.snapshot where name = 'publisher'",
    "truncate view.feed",
)
CLOSED = "lock table record.consumer in exclusive mode"
PRESENT = "select $2 - count(*) from ops.reader_process where name = $1 and present_until > clock_timestamp()"


async def until_zero(wiring: Wiring, statement: str, *given: object) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := await wiring.writer.fetchval(statement, *given)) != 0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"still {left}: {statement}")
        await asyncio.sleep(0.02)


async def catch_up(
    running: Servers,
    database: Database,
    wiring: Wiring,
    topics: Sequence[str],
    report: Report,
    *,
    workers: Sequence[int],
    repetitions: int,
) -> None:
    """`topics` of partners; `workers`: in how many processes the publisher catches up, one after another."""
    events = await wiring.writer.fetchval(EVENTS)
    times = CpuTimes()

    async def publishers(count: int) -> float:
        await forget(wiring)
        async with at_the_door(running, database, wiring, count) as (pids, let_in):
            meter = Meter(running, {"publisher": pids})
            await let_in()
            left = await begun(wiring, events)
            began_at = time.perf_counter()
            await until_zero(wiring, BEHIND, PUBLISHER)
            took = time.perf_counter() - began_at
            times.add(_publisher(count), meter.per_item_us(events))
        return left / took

    sent: list[Sent] = []

    async def bare(case: str) -> float:
        meter = Meter(running)
        views = sent if case == BARE_SAME else None
        pace = await in_own_process(consume_and_produce, running.bootstrap, views)
        times.add(case, meter.per_item_us(events) | {"python": pace.own_us})
        return pace.items_per_second

    ends = await ends_of_views(running.bootstrap, topics)
    await publishers(workers[0])
    sent += await views_after(running.bootstrap, ends)
    cases: list[Case] = [(_publisher(count), partial(publishers, count)) for count in workers]
    cases += [(case, partial(bare, case)) for case in (BARE, BARE_SAME)]
    found = await alternate(cases, repetitions, "events/s")
    report.figures += found.values()
    for count in workers:
        report.ratios.append(ratio(found[_publisher(count)], found[BARE], aim=0.5))
        report.ratios.append(ratio(found[_publisher(count)], found[BARE_SAME], aim=0.5))
    report.notes += times.lines("event")
    size = sum(len(value) for _, _, value, _, _ in sent) / len(sent)
    report.notes.append(
        f"{len(sent) / events:.2f} records an event, {size:.0f} bytes each, and a row of the feed"
    )
    say(f"{events} events caught up with")


def _publisher(count: int) -> str:
    return PUBLISHER if count == 1 else f"{PUBLISHER}, {count} workers"


@asynccontextmanager
async def at_the_door(
    running: Servers, database: Database, wiring: Wiring, count: int
) -> AsyncIterator[tuple[list[int], Callable[[], Awaitable[None]]]]:
    """Processes that are started but have no lanes yet, and a function that lets them take some: so their
    start is not measured, and none takes all lanes."""
    async with wiring.ground.opened_pool("owner", 1) as owner, acquire(owner) as connection:
        closing = connection.transaction()
        await closing.start()
        await connection.execute(CLOSED)
        async with services(
            database, [PUBLISHER], count=count, bootstrap=running.bootstrap, settings=QUIET
        ) as started:
            await until_zero(wiring, PRESENT, PUBLISHER, count * len(STREAMS))
            yield [process.child.pid for process in started], closing.rollback


async def begun(wiring: Wiring, events: int) -> int:
    """How many events are left once the first of them are passed: as the bare loop, without the start."""
    while True:
        left: int = await wiring.writer.fetchval(BEHIND, PUBLISHER)
        if left < events:
            return left
        await asyncio.sleep(0.01)


async def forget(wiring: Wiring) -> None:
    """Resets the publisher, so that it writes every line and every topic again."""
    async with wiring.ground.opened_pool("owner", 1) as owner:
        for statement in FORGET:
            await owner.execute(statement)
