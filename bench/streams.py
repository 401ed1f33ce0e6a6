"""`make bench-streams`: partner streams: from 201 to the partner's record, SSE and webhook, and catching up.

Beside the catch-up: a bare loop that consumes the same records and produces one for each, and one that
produces the very records that the publisher does.
"""

import asyncio
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import uvloop
from api import Process, services
from catch_up import BEHIND, EVENTS, PATIENCE_SECONDS, catch_up, until_zero
from cpu import Meter
from figures import CpuTimes, Figure, Report, arguments, machine, say, tell
from followers import Arrivals, receiving, streams, topic_arrivals
from latency import Connection, _at_rate, _middle_and_tail
from load import Job, Order, generate
from msgspec import Struct
from servers import Database, Servers, server_versions, servers
from traders import Exchange, Seller, populate
from uuid_utils.compat import uuid7

from events.callers import Caller
from events.journal import DEFAULT_LANES
from market.commands import parties, webhooks
from market.ground import Ground, Wiring, wire
from market.rules.streams.reach import Reach
from market.rules.streams.streams import OpenStream, partner_topic
from market.rules.streams.webhooks import RegisterWebhook
from market.rules.webhook_terms import WebhookTerms
from market.store.feed import PUBLISHER
from market.topics import create_topics

RATE = 200
WARM_SECONDS_MIN = 30
PARTNERS = 8
CONNECTIONS = 16
CLIENTS = 1_000
FILL_SECONDS = 3
UNLIMITED = {"LODESTONE_HTTP_REQUESTS_PER_MINUTE": "10000000", "LODESTONE_HTTP_BURST_MAX": "1000000"}
PARTS = ("latency", "webhooks", "crowd", "catch-up")

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


class Stage(Struct, frozen=True, kw_only=True):
    """What runs, and what is told of it."""

    running: Servers
    database: Database
    wiring: Wiring
    exchange: Exchange
    report: Report
    options: Namespace

    @property
    def partners(self) -> list[Seller]:
        return self.exchange.sellers[:PARTNERS]


async def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repetitions=3)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement; default 10")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="open streams; default 1,000")
    parser.add_argument("--events", type=int, default=30_000, help="to catch up with; default 30,000")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the parts")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=(1, 2), help="processes that catch up; default 1 and 2"
    )
    options = parser.parse_args()
    async with servers(kafka=True) as running:
        report = Report(title="partner streams", machine=f"{machine()}, {await server_versions(running)}")
        database = await running.new_database("bench")
        exchange = await populate(database, narrow=False)
        await create_topics(running.bootstrap, DEFAULT_LANES)
        ground = Ground(settings=database.settings, admin_url=database.admin_url, bootstrap=running.bootstrap)
        async with wire(ground) as wiring:
            stage = Stage(
                running=running,
                database=database,
                wiring=wiring,
                exchange=exchange,
                report=report,
                options=options,
            )
            await open_streams(wiring, stage.partners)
            await live(stage)
            if "catch-up" in options.only:
                await catch_up(
                    running,
                    database,
                    wiring,
                    [partner_topic("", partner.organisation) for partner in stage.partners],
                    report,
                    workers=options.workers,
                    repetitions=options.repetitions,
                )
    tell(report, as_json=options.json)


async def open_streams(wiring: Wiring, sellers: Sequence[Seller]) -> None:
    operator = Caller(organisation=wiring.deployment.deployment_id, roles=frozenset({"operator"}))
    for seller in sellers:
        await parties.open_stream(wiring.desk, OpenStream(caller=operator, organisation=seller.organisation))


# --- from 201 to the partner


def orders_of_partners(exchange: Exchange) -> list[Order]:
    named = {seller.token for seller in exchange.sellers[:PARTNERS]}
    return [order for order in exchange.orders(exchange.spread) if order.token in named]


async def post(exchange: Exchange, port: int, seconds: int) -> dict[bytes, float]:
    """When each offer of a partner was answered, at the steady rate."""
    orders = orders_of_partners(exchange)
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


async def live(stage: Stage) -> None:
    """What passes while it comes: to all that a partner may follow."""
    database, bootstrap, only = stage.database, stage.running.bootstrap, stage.options.only
    async with (
        services(database, ["relay"], bootstrap=bootstrap) as relays,
        services(database, ["publisher"], bootstrap=bootstrap) as publishers,
        services(database, ["api"], bootstrap=bootstrap) as apis,
    ):
        processes = {"API": apis[0], "relay": relays[0], "publisher": publishers[0]}
        await until_zero(stage.wiring, UNPUBLISHED)
        await until_zero(stage.wiring, BEHIND, PUBLISHER)
        await until_zero(stage.wiring, NOT_LIVE)
        if "latency" in only:
            async with (
                topic_arrivals(bootstrap, stage.partners) as on_topics,
                streams(apis[0].port, stage.partners, PARTNERS) as on_streams,
            ):
                await latency(stage, processes, {"Kafka": on_topics, "SSE": on_streams})
        if "webhooks" in only:
            async with webhook_arrivals(stage) as (posting, at_receiver):
                await latency(stage, {**processes, "webhooks": posting}, {"webhook": at_receiver})
        if "crowd" in only:
            await crowd(stage, apis[0])
        if "catch-up" in only:
            await fill(stage)
    stage.report.notes.append("aims: p99 at most 100 ms to the partner's record, 200 ms to its stream")


async def latency(stage: Stage, processes: Mapping[str, Process], following: Mapping[str, Arrivals]) -> None:
    """The first repetition warms up: the broker goes on compiling what it does often for a minute or two."""
    delays: dict[str, list[list[float]]] = {}
    times = CpuTimes()
    pids = {name: [process.child.pid] for name, process in processes.items()}
    for repetition in range(stage.options.repetitions + 1):
        meter = Meter(stage.running, pids)
        seconds = stage.options.seconds if repetition else max(stage.options.seconds, WARM_SECONDS_MIN)
        answered = await post(stage.exchange, processes["API"].port, seconds)
        for found in following.values():
            await _all_there(answered, found)
        spent = meter.per_item_us(len(answered))
        for name, found in following.items():
            measured = [(found.at[event] - at) * 1000 for event, at in answered.items()]
            p50, p99 = _middle_and_tail(measured)
            say(f"[{repetition}/{stage.options.repetitions}] {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
            if repetition:
                delays.setdefault(f"201 → partner's {name}, {RATE}/s", []).append(measured)
        if repetition:
            times.add(f"{RATE} offers a second to {' and '.join(following)}", spent)
    for name, runs in delays.items():
        for label, place in (("p50", 0), ("p99", 1)):
            values = tuple(_middle_and_tail(one)[place] for one in runs)
            stage.report.figures.append(Figure(case=f"{name}, {label}", unit="ms", values=values))
    stage.report.notes += times.lines("event")


@asynccontextmanager
async def webhook_arrivals(stage: Stage) -> AsyncIterator[tuple[Process, Arrivals]]:
    """A webhook of each partner, all to one receiver on loopback, and the process that posts."""
    found = Arrivals()
    async with receiving(found.note) as port:
        reach = Reach(ports=frozenset({port}), networks=(ip_network("127.0.0.0/8"),), plain=True)
        for partner in stage.partners:
            argument = RegisterWebhook(
                caller=Caller(organisation=partner.organisation, roles=frozenset({"admin"})),
                organisation=partner.organisation,
                webhook=uuid7(),
                terms=WebhookTerms(url=f"http://127.0.0.1:{port}/"),
                reach=reach,
            )
            await webhooks.register(stage.wiring.desk, argument)
        settings = {
            "LODESTONE_WEBHOOK_PORTS": str(port),
            "LODESTONE_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "LODESTONE_WEBHOOK_PLAIN": "true",
        }
        async with services(stage.database, ["webhooks"], settings=settings) as started:
            yield started[0], found


async def crowd(stage: Stage, api: Process) -> None:
    """Memory and processor time of one API process with many open streams."""
    clients = stage.options.clients
    empty_kb = _resident_kb(api)
    async with streams(api.port, stage.exchange.sellers, clients) as found:
        open_kb = _resident_kb(api)
        meter = Meter(stage.running, {"API": [api.child.pid]})
        answered = await post(stage.exchange, api.port, stage.options.seconds)
        await _all_there(answered, found)
        spent = meter.per_item_us(len(answered))["API"]
        busy_kb = _resident_kb(api)
    say(f"{clients:,} streams took the events of {len(answered)} offers")
    stage.report.notes.append(
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


async def fill(stage: Stage) -> None:
    """Offers as fast as they are taken, until there are enough events to catch up with."""
    orders = orders_of_partners(stage.exchange)
    async with services(stage.database, ["api"], settings=UNLIMITED) as apis:
        while await stage.wiring.writer.fetchval(EVENTS) < stage.options.events:
            job = Job(
                ports=[apis[0].port],
                orders=orders,
                connections=CONNECTIONS,
                seconds=FILL_SECONDS,
                warm_seconds=0,
                key_prefix=uuid7().hex,
            )
            if (result := await generate(job)).failures:
                raise RuntimeError(f"offers were refused: {result.failures}")
    await until_zero(stage.wiring, UNPUBLISHED)
    await until_zero(stage.wiring, BEHIND, PUBLISHER)


if __name__ == "__main__":
    uvloop.run(main())
