"""`make bench-streams`: partner streams: from 201 to the partner's record and to its SSE, and catching up.

Beside the catch-up: a bare loop that consumes the same records and produces one for each.
"""

import asyncio
import logging
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import uvloop
from aiokafka import TopicPartition
from api import Process, services
from cpu import Meter
from figures import CpuTimes, Figure, Report, alternate, arguments, machine, ratio, say, tell
from latency import Connection, _at_rate, _middle_and_tail
from servers import Database, Servers, server_versions, servers
from traders import Exchange, Seller, populate

from events.callers import Caller
from events.connections import open_consumer, open_producer
from events.journal import DEFAULT_LANES
from events.topics import record_topic
from market.commands import parties
from market.ground import Ground, Wiring, wire
from market.rules.streams import partner_topic
from market.services import collect_less, run_services
from market.store.feed import PUBLISHER
from market.topics import create_topics

RATE = 200
PARTNERS = 8
CONNECTIONS = 16
CLIENTS = 1_000
PATIENCE_SECONDS = 60
PUBLISH = "publisher"
BARE = "bare consume and produce"

BEHIND = """
select coalesce(sum(l.next_position - 1 - coalesce(c.position, 0)), 0)::bigint from record.lane l
left join record.consumer c on c.stream = l.stream and c.lane = l.lane and c.name = $1
"""
UNPUBLISHED = """
select coalesce(sum(l.next_position - 1 - r.position), 0)::bigint from record.lane l
join record.relay r using (stream, lane)
"""
NOT_LIVE = """
select count(*) from partner_stream p cross join record.lane l
where p.is_open and not exists (
    select from ops.outlet o
    where o.organisation = p.organisation and o.stream = l.stream and o.lane = l.lane and o.live
)
"""
FORGET = (
    "delete from record.consumer where name = 'publisher'",
    "delete from ops.snapshot where name = 'publisher'",
    "truncate view.feed, ops.outlet",
)


async def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repetitions=3)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement; default 10")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="open streams; default 1,000")
    options = parser.parse_args()
    async with servers(kafka=True) as running:
        report = Report(title="partner streams", machine=f"{machine()}, {await server_versions(running)}")
        database = await running.new_database("bench")
        exchange = await populate(database, narrow=False)
        await create_topics(running.bootstrap, DEFAULT_LANES)
        ground = Ground(settings=database.settings, admin_url=database.admin_url, bootstrap=running.bootstrap)
        async with wire(ground) as wiring:
            await open_streams(wiring, exchange.sellers[:PARTNERS])
            await latency(running, database, wiring, exchange, report, options)
            await catch_up(running, wiring, report, options.repetitions)
    tell(report, as_json=options.json)


async def open_streams(wiring: Wiring, sellers: Sequence[Seller]) -> None:
    operator = Caller(organisation=wiring.deployment.deployment_id, roles=frozenset({"operator"}))
    for seller in sellers:
        await parties.open_stream(wiring.desk, operator, organisation=seller.organisation)


async def until_zero(wiring: Wiring, statement: str, *given: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := await wiring.writer.fetchval(statement, *given)) != 0:
        if time.monotonic() > deadline:
            raise RuntimeError(f"still {left}: {statement}")
        await asyncio.sleep(0.05)


# --- from 201 to the partner


class Arrivals:
    """When each event id was there, by this process's clock."""

    def __init__(self) -> None:
        self.at: dict[bytes, float] = {}

    def note(self, event: bytes) -> None:
        self.at.setdefault(event, time.perf_counter())


@asynccontextmanager
async def topic_arrivals(bootstrap: str, sellers: Sequence[Seller]) -> AsyncIterator[Arrivals]:
    found = Arrivals()
    consumer = await open_consumer(bootstrap)
    places = [TopicPartition(partner_topic("", seller.organisation), 0) for seller in sellers]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    for place in places:
        await consumer.position(place)

    async def follow() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    found.note(dict(record.headers)["ce_id"])

    task = asyncio.create_task(follow())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


@asynccontextmanager
async def streams(port: int, sellers: Sequence[Seller], count: int) -> AsyncIterator[Arrivals]:
    """`count` open event streams, the sellers in turn; the first to tell of an event counts."""
    found = Arrivals()
    opened = [await _open(port, sellers[number % len(sellers)]) for number in range(count)]
    tasks = [asyncio.create_task(_follow(reader, found)) for reader, _ in opened]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, writer in opened:
            writer.close()


async def _open(port: int, seller: Seller) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /v1/feed?after=latest HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {seller.token}\r\n"
        "Accept: text/event-stream\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError((head + await reader.read(2_000)).decode())
    await reader.readuntil(b"retry: 1000")
    return reader, writer


async def _follow(reader: asyncio.StreamReader, found: Arrivals) -> None:
    while line := await reader.readline():
        if line.startswith(b"data: "):
            found.note(line.partition(b'"id":"')[2][:36])


async def post(exchange: Exchange, port: int, seconds: int) -> dict[bytes, float]:
    """When each offer of a partner was answered, at the steady rate."""
    named = {seller.token for seller in exchange.sellers[:PARTNERS]}
    orders = [order for order in exchange.orders(exchange.spread) if order.token in named]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(port))
    answered: dict[bytes, float] = {}

    async def send(number: int) -> None:
        connection = await free.get()
        event = await connection.post(orders[number % len(orders)])
        answered[event] = time.perf_counter()
        free.put_nowait(connection)

    await _at_rate(send, RATE, seconds)
    while not free.empty():
        free.get_nowait().close()
    return answered


async def latency(
    running: Servers,
    database: Database,
    wiring: Wiring,
    exchange: Exchange,
    report: Report,
    options: Namespace,
) -> None:
    seconds, clients, repetitions = options.seconds, options.clients, options.repetitions
    partners = exchange.sellers[:PARTNERS]
    delays: dict[str, list[list[float]]] = {}
    times = CpuTimes()
    async with (
        services(database, ["relay"], bootstrap=running.bootstrap) as relays,
        services(database, ["publisher"], bootstrap=running.bootstrap) as publishers,
        services(database, ["api"], bootstrap=running.bootstrap) as apis,
    ):
        processes = {
            name: [found[0].child.pid]
            for name, found in (("API", apis), ("relay", relays), ("publisher", publishers))
        }
        await until_zero(wiring, UNPUBLISHED)
        await until_zero(wiring, BEHIND, PUBLISHER)
        await until_zero(wiring, NOT_LIVE)
        for repetition in range(repetitions + 1):
            async with (
                topic_arrivals(running.bootstrap, partners) as on_topics,
                streams(apis[0].port, partners, PARTNERS) as on_streams,
            ):
                meter = Meter(running, processes)
                answered = await post(exchange, apis[0].port, seconds if repetition else 2)
                for found in (on_topics, on_streams):
                    await _all_there(answered, found)
            if repetition:
                times.add(f"{RATE} offers a second", meter.per_item_us(len(answered)))
                for name, found in (("Kafka", on_topics), ("SSE", on_streams)):
                    measured = [(found.at[event] - at) * 1000 for event, at in answered.items()]
                    delays.setdefault(f"201 → partner's {name}, {RATE}/s", []).append(measured)
                    p50, p99 = _middle_and_tail(measured)
                    say(f"[{repetition}/{repetitions}] {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        for name, runs in delays.items():
            for label, place in (("p50", 0), ("p99", 1)):
                values = tuple(_middle_and_tail(one)[place] for one in runs)
                report.figures.append(Figure(case=f"{name}, {label}", unit="ms", values=values))
        report.notes += times.lines("event")
        await crowd(running, exchange, report, apis[0], seconds, clients)
    report.notes.append("aims: p99 at most 100 ms to the partner's record, 200 ms to its stream")


async def crowd(
    running: Servers, exchange: Exchange, report: Report, api: Process, seconds: int, clients: int
) -> None:
    """Memory and processor time of one API process with many open streams."""
    empty_kb = _resident_kb(api)
    async with streams(api.port, exchange.sellers, clients) as found:
        open_kb = _resident_kb(api)
        meter = Meter(running, {"API": [api.child.pid]})
        answered = await post(exchange, api.port, seconds)
        await _all_there(answered, found)
        spent = meter.per_item_us(len(answered))["API"]
        busy_kb = _resident_kb(api)
    say(f"{clients:,} streams took the events of {len(answered)} offers")
    report.notes.append(
        f"{clients:,} open streams: {(open_kb - empty_kb) / clients:.0f} KiB each when quiet,"
        f" {(busy_kb - empty_kb) / clients:.0f} KiB at {RATE} events a second; API {spent:.0f} µs an event"
    )


def _resident_kb(process: Process) -> int:
    status = Path(f"/proc/{process.child.pid}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0])


async def _all_there(expected: dict[bytes, float], found: Arrivals) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing := expected.keys() - found.at.keys():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(missing)} of {len(expected)} events never came")
        await asyncio.sleep(0.02)


# --- catching up


async def catch_up(running: Servers, wiring: Wiring, report: Report, repetitions: int) -> None:
    collect_less()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    events = await wiring.writer.fetchval("select sum(next_position - 1)::bigint from record.lane")
    times = CpuTimes()

    async def publisher() -> float:
        await forget(wiring)
        stop = asyncio.Event()
        meter = Meter(running)
        task = asyncio.create_task(run_services(wiring, [PUBLISHER], stop))
        left = await begun(wiring, events)
        began_at = time.perf_counter()
        await until_zero(wiring, BEHIND, PUBLISHER)
        took = time.perf_counter() - began_at
        times.add(PUBLISH, meter.per_item_us(events))
        stop.set()
        await task
        return left / took

    async def bare() -> float:
        meter = Meter(running)
        count, took = await consume_and_produce(running.bootstrap)
        times.add(BARE, meter.per_item_us(count))
        return count / took

    found = await alternate([(PUBLISH, publisher), (BARE, partial(bare))], repetitions, "events/s")
    report.figures += found.values()
    report.ratios.append(ratio(found[PUBLISH], found[BARE], aim=0.5))
    report.notes += times.lines("event")
    say(f"{events} events caught up with")


async def begun(wiring: Wiring, events: int) -> int:
    """How many events are left once the first of them are passed: as the bare loop, without the start."""
    while True:
        left: int = await wiring.writer.fetchval(BEHIND, PUBLISHER)
        if left < events:
            return left
        await asyncio.sleep(0.01)


async def forget(wiring: Wiring) -> None:
    """The publisher begins anew: every line and every topic once more."""
    async with wiring.ground.opened_pool("owner", 1) as owner:
        for statement in FORGET:
            await owner.execute(statement)


async def consume_and_produce(bootstrap: str) -> tuple[int, float]:
    """Of all lanes of all streams: how many records, and in which time."""
    consumer, producer = await open_consumer(bootstrap), await open_producer(bootstrap)
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
        while count < total:
            sent = []
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=1_000)).values():
                count += len(records)
                sent += [
                    await producer.send("public.trades.v1", value=record.value, partition=0)
                    for record in records
                ]
            await asyncio.gather(*sent)
        return count, time.perf_counter() - began_at
    finally:
        await consumer.stop()
        await producer.stop()


if __name__ == "__main__":
    uvloop.run(main())
