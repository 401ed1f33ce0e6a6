"""`make bench-reader`: a reader (chain check, decode, set-based effect) against bare `getmany`.

Each runs in its own process; with `--together` both run in the benchmark's process, which has filled a topic
before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import asyncpg
import bare
import uvloop
from cpu import Meter
from facts import answer_draft, offer_draft
from figures import CpuTimes, Report, alternate, arguments, machine, ratio, tell
from journal_rows import STREAM, fill, read_all
from own_process import Measure, Pace, in_own_process, in_this_process
from servers import Servers, server_versions, servers

from events.connections import cluster_id, open_client, open_pool
from events.envelope import Recorded
from events.handling import Batch
from events.journal import DEFAULT_LANES
from events.subscription import Subscription
from events.topics import record_topic
from events.writes import Write, send
from market.topics import create_topics

Run = Callable[..., Awaitable[Pace]]

BODIES = {"answer": answer_draft, "offer": offer_draft}
TOPICS_SETTLE_SECONDS = 2
READ_SECONDS_MAX = 300
READER = "reader"
BARE = "bare getmany"

# One row per event, as a view's: what the event says where, in one statement per batch.
EFFECT = """
create table public.effect (
    lane bigint not null, position bigint not null, subject text not null, type text not null,
    event_time timestamptz not null, primary key (lane, position)
);
grant select, insert, truncate on public.effect to lodestone_writer;
"""

INSERT = """
insert into public.effect (lane, position, subject, type, event_time)
select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[])
"""


async def main() -> None:
    parser = arguments(__doc__, repetitions=5)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument(
        "--body", choices=BODIES, default="answer", help="answer: about 0.7 kB; offer: about 2 kB"
    )
    parser.add_argument("--together", action="store_true", help="both in the benchmark's own process")
    options = parser.parse_args()
    run = in_this_process if options.together else in_own_process
    async with servers(kafka=True) as running:
        report = Report(
            title=f"reader, {options.rows:,} events on {DEFAULT_LANES} lanes",
            machine=f"{machine()}, {await server_versions(running)}",
        )
        await measure(running, report, run, options.rows, options.body, options.repetitions)
    tell(report, as_json=options.json)


async def measure(running: Servers, report: Report, run: Run, rows: int, body: str, repetitions: int) -> None:
    database = await running.new_database("bench")
    body_bytes = await fill(database, rows, BODIES[body])
    report.notes.append(f"{body_bytes / rows:.0f} bytes a body")
    await create_topics(running.bootstrap, DEFAULT_LANES)
    await asyncio.sleep(TOPICS_SETTLE_SECONDS)
    topic = record_topic("", STREAM)
    await bare.produce(running.bootstrap, topic, bare.prebuilt(await read_all(database)), DEFAULT_LANES)
    admin = await asyncpg.connect(database.admin_url)
    await admin.execute(EFFECT)
    times = CpuTimes()

    async def reader() -> float:
        await admin.execute("truncate public.effect; delete from record.consumer")
        pace = await timed(READER, read, database.url("writer"), running.bootstrap, rows)
        if await admin.fetchval("select count(*) from public.effect") != rows:
            raise RuntimeError("the reader's effects are not as many as the events")
        return pace

    async def bare_getmany() -> float:
        return await timed(BARE, consume, running.bootstrap, topic, range(DEFAULT_LANES), rows)

    async def timed(case: str, measured: Measure, *given: object) -> float:
        meter = Meter(running)
        pace = await run(measured, *given)
        times.add(case, meter.per_item_us(rows) | {"python": pace.own_us})
        return pace.items_per_second

    found = await alternate([(READER, reader), (BARE, bare_getmany)], repetitions, "events/s")
    await admin.close()
    report.figures += found.values()
    report.ratios.append(ratio(found[READER], found[BARE], aim=0.5))
    report.notes += times.lines("event")


class Effects:
    """The handler, which keeps rows: one insert per batch, in the transaction that moves the position."""

    def __init__(self) -> None:
        self.applied = 0

    def keep(self, events: Sequence[Recorded], /) -> list[tuple[object, ...]]:
        return [(event.lane, event.position, event.subject, event.type, event.time) for event in events]

    async def handle(self, batch: Batch) -> None:
        async with batch.transaction() as connection:
            await send(connection, [Write("effect", INSERT, batch.kept)])
        self.applied += len(batch.kept)


async def consume(bootstrap: str, topic: str, partitions: Sequence[int], rows: int) -> tuple[int, float]:
    return rows, rows / await bare.consume(bootstrap, topic, partitions, rows)


async def read(database_url: str, bootstrap: str, rows: int) -> tuple[int, float]:
    """Events from the first committed batch to the last, and seconds."""
    pool = await open_pool(database_url, size=8)
    effects = Effects()
    subscription = Subscription(
        "bench",
        STREAM,
        range(DEFAULT_LANES),
        effects,
        pool,
        partial(open_client, bootstrap),
        partial(cluster_id, bootstrap),
        owner="bench",
    )
    task = asyncio.create_task(subscription.run())
    try:
        await _applied(subscription, effects, 1)
        before, began_at = effects.applied, time.perf_counter()
        await _applied(subscription, effects, rows)
        took = time.perf_counter() - began_at
    finally:
        subscription.stop()
        await task
        await pool.close()
    return rows - before, took


async def _applied(subscription: Subscription, effects: Effects, least: int) -> None:
    deadline = time.monotonic() + READ_SECONDS_MAX
    while effects.applied < least:
        if subscription.stopped or time.monotonic() > deadline:
            raise RuntimeError(f"the reader stands at {effects.applied} of {least}: {subscription.stopped}")
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    uvloop.run(main())
