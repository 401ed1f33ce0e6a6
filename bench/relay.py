"""`make bench-relay`: how fast the relay catches up, against bare producers of the same bytes."""

import asyncio
import itertools
import time
from functools import partial

import bare
import uvloop
from cpu import Meter
from facts import answer_draft, offer_draft
from figures import CpuTimes, Report, alternate, arguments, machine, ratio, tell
from journal_rows import STREAM, fill, read_all, rewind
from servers import Database, Servers, server_versions, servers

from events.connections import cluster_id, open_consumer, open_pool, open_producer
from events.journal import DEFAULT_LANES
from events.relay import Relay
from events.topics import record_topic
from market.ground import RELAY_CONNECTIONS
from market.services import collect_less
from market.topics import create_topics

LANES_AT_ONCE = 4
TOPICS_SETTLE_SECONDS = 2
CATCH_UP_SECONDS_MAX = 300
RELAY = "relay"
FOUR = "bare producer, four lanes at once"
TWELVE = "bare producer, twelve lanes at once"
BODIES = {"answer": answer_draft, "offer": offer_draft}


async def main() -> None:
    parser = arguments(__doc__, repetitions=5)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument(
        "--body", choices=BODIES, default="answer", help="answer: about 0.7 kB; offer: about 2 kB"
    )
    options = parser.parse_args()
    async with servers(kafka=True) as running:
        report = Report(
            title=f"relay, {options.rows:,} rows", machine=f"{machine()}, {await server_versions(running)}"
        )
        await measure(running, report, options.rows, options.body, options.repetitions)
    tell(report, as_json=options.json)


async def measure(running: Servers, report: Report, rows: int, body: str, repetitions: int) -> None:
    database = await running.new_database("bench")
    body_bytes = await fill(database, rows, BODIES[body])
    report.notes.append(f"{body_bytes / rows:.0f} bytes a body")
    messages = bare.prebuilt(await read_all(database))
    collect_less()
    counter = itertools.count(1)
    times = CpuTimes()

    async def new_prefix() -> str:
        prefix = f"run{next(counter)}."
        await create_topics(running.bootstrap, DEFAULT_LANES, prefix=prefix)
        await asyncio.sleep(TOPICS_SETTLE_SECONDS)
        return prefix

    async def bare_producer(lanes_at_once: int) -> float:
        topic = record_topic(await new_prefix(), STREAM)
        meter = Meter(running)
        rate = await bare.produce(running.bootstrap, topic, messages, lanes_at_once)
        times.add(FOUR if lanes_at_once == LANES_AT_ONCE else TWELVE, meter.per_item_us(rows))
        return rate

    async def relay() -> float:
        prefix = await new_prefix()
        meter = Meter(running)
        rate = await catch_up(running, database, prefix, rows)
        times.add(RELAY, meter.per_item_us(rows))
        return rate

    found = await alternate(
        [
            (FOUR, partial(bare_producer, LANES_AT_ONCE)),
            (RELAY, relay),
            (TWELVE, partial(bare_producer, DEFAULT_LANES)),
        ],
        repetitions,
        "events/s",
    )
    report.figures += found.values()
    report.notes += times.lines("event")
    report.ratios += [ratio(found[RELAY], found[FOUR], aim=0.6), ratio(found[RELAY], found[TWELVE], aim=0.9)]


async def catch_up(running: Servers, database: Database, prefix: str, rows: int) -> float:
    """Events per second from the first acknowledged chunk to the last; its start is left out."""
    await rewind(database)
    pool = await open_pool(database.url("relay"), size=RELAY_CONNECTIONS)
    relay = Relay(
        pool,
        partial(open_producer, running.bootstrap),
        partial(open_consumer, running.bootstrap),
        partial(cluster_id, running.bootstrap),
        owner="bench",
        topic_prefix=prefix,
    )
    task = asyncio.create_task(relay.run())
    try:
        await _published(relay, 1)
        before, began_at = relay.published, time.perf_counter()
        await _published(relay, rows)
        took = time.perf_counter() - began_at
    finally:
        relay.stop()
        await task
        await pool.close()
    return (rows - before) / took


async def _published(relay: Relay, least: int) -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS_MAX
    while relay.published < least:
        if relay.stopped or time.monotonic() > deadline:
            raise RuntimeError(f"the relay stands at {relay.published} of {least}: {relay.stopped}")
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    uvloop.run(main())
