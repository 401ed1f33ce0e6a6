"""`make bench-latency`: from the 201 of an offer to its record readable on Kafka, at a steady rate.

Beside it, what Kafka alone takes at the same rate: from a bare producer's `send` to the record readable.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from statistics import quantiles

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from api import Process, services
from cpu import Meter
from figures import CpuTimes, Figure, Report, arguments, machine, say, tell
from load import Order
from servers import Servers, server_versions, servers
from traders import Exchange, populate
from uuid_utils.compat import uuid7

from events.connections import new_producer, open_consumer
from events.journal import DEFAULT_LANES
from events.topics import record_topic
from market.services import collect_less
from market.topics import create_topics

RATES = (50, 500)
CONNECTIONS = 16
BODY_BYTES = 2_500
PATIENCE_SECONDS = 20
WARM_SECONDS_MIN = 20
"""Of each first repetition: two thirds of what a new broker takes is compiling itself."""
BARE_TOPIC = "public.trades.v1"


async def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repetitions=3)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement; default 10")
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="offers a second")
    options = parser.parse_args()
    async with servers(kafka=True) as running:
        report = Report(
            title="from 201 to readable on Kafka", machine=f"{machine()}, {await server_versions(running)}"
        )
        await measure(running, report, options.rates, options.seconds, options.repetitions)
    tell(report, as_json=options.json)


async def measure(running: Servers, report: Report, rates: list[int], seconds: int, repetitions: int) -> None:
    database = await running.new_database("bench")
    exchange = await populate(database, narrow=False)
    await create_topics(running.bootstrap, DEFAULT_LANES)
    # Else this process, which takes both times, stops for tens of milliseconds to look through all orders.
    collect_less()
    times = CpuTimes()
    delays: dict[str, list[list[float]]] = {}
    async with (
        services(database, ["relay"], bootstrap=running.bootstrap) as relays,
        services(database, ["api"], bootstrap=running.bootstrap) as apis,
    ):
        found = await _caught_up(running)
        say(f"the relay has published the {found} events of the preparation")
        for repetition in range(repetitions + 1):
            for rate in rates:
                for name, run in (
                    (f"201 → readable, {rate}/s", partial(ours, running, exchange, apis[0], rate)),
                    (f"bare send → readable, {rate}/s", partial(alone, running, rate)),
                ):
                    meter = Meter(running, {"API": [apis[0].child.pid], "relay": [relays[0].child.pid]})
                    measured = await run(seconds if repetition else max(seconds, WARM_SECONDS_MIN))
                    if repetition:
                        delays.setdefault(name, []).append(measured)
                        times.add(name, meter.per_item_us(len(measured)))
                    p50, p99 = _middle_and_tail(measured)
                    say(f"[{repetition}/{repetitions}] {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    for name, runs in delays.items():
        for label, place in (("p50", 0), ("p99", 1)):
            values = tuple(_middle_and_tail(one)[place] for one in runs)
            report.figures.append(Figure(case=f"{name}, {label}", unit="ms", values=values))
    report.notes.append("aim: p99 of 201 → readable at most 15 ms at 500/s")
    report.notes += times.lines("event")


class Arrivals:
    """When each event id became readable, by this process's clock."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.at: dict[bytes, float] = {}

    async def follow(self) -> None:
        while True:
            found = await self._consumer.getmany(timeout_ms=1_000)
            now = time.perf_counter()
            for records in found.values():
                for record in records:
                    self.at[dict(record.headers)["ce_id"]] = now


@asynccontextmanager
async def arrivals(bootstrap: str, topic: str, partitions: int) -> AsyncIterator[Arrivals]:
    consumer = await open_consumer(bootstrap)
    try:
        assigned = [TopicPartition(topic, partition) for partition in range(partitions)]
        consumer.assign(assigned)
        await consumer.seek_to_end(*assigned)
        for partition in assigned:
            await consumer.position(partition)
        following = Arrivals(consumer)
        task = asyncio.create_task(following.follow())
        try:
            yield following
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    finally:
        await consumer.stop()


async def ours(running: Servers, exchange: Exchange, api: Process, rate: int, seconds: int) -> list[float]:
    """Milliseconds from each 201 to its record."""
    orders = exchange.orders(exchange.spread)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(api.port))
    answered: dict[bytes, float] = {}

    async def send(number: int) -> None:
        connection = await free.get()
        event_id = await connection.post(orders[number * 7 % len(orders)])
        answered[event_id] = time.perf_counter()
        free.put_nowait(connection)

    async with arrivals(running.bootstrap, record_topic("", "market"), DEFAULT_LANES) as following:
        await _at_rate(send, rate, seconds)
        await _all_there(answered, following)
    while not free.empty():
        free.get_nowait().close()
    return [(following.at[event_id] - at) * 1000 for event_id, at in answered.items()]


async def alone(running: Servers, rate: int, seconds: int) -> list[float]:
    """Milliseconds from each bare `send` to its record, on a topic of its own."""
    began: dict[bytes, float] = {}
    value = b"x" * BODY_BYTES
    producer = new_producer(running.bootstrap)
    await producer.start()
    try:

        async def send(_number: int) -> None:
            event_id = uuid7().hex.encode()
            began[event_id] = time.perf_counter()
            future = await producer.send(BARE_TOPIC, value, partition=0, headers=[("ce_id", event_id)])
            await future

        async with arrivals(running.bootstrap, BARE_TOPIC, 1) as following:
            await _at_rate(send, rate, seconds)
            await _all_there(began, following)
    finally:
        await producer.stop()
    return [(following.at[event_id] - at) * 1000 for event_id, at in began.items()]


async def _at_rate(send: Callable[[int], Coroutine[None, None, None]], rate: int, seconds: int) -> None:
    """Starts each on its own tick, whether the ones before have ended or not."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            await asyncio.sleep(max(0.0, began_at + number / rate - loop.time()))
            group.create_task(send(number))


async def _all_there(expected: dict[bytes, float], following: Arrivals) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing := expected.keys() - following.at.keys():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(missing)} of {len(expected)} records never came")
        await asyncio.sleep(0.02)


async def _caught_up(running: Servers) -> int:
    """How many records of the market stream there are once no more come for a second."""
    consumer = await open_consumer(running.bootstrap)
    try:
        partitions = [TopicPartition(record_topic("", "market"), lane) for lane in range(DEFAULT_LANES)]
        before = -1
        while True:
            count: int = sum((await consumer.end_offsets(partitions)).values())
            if count == before and count > 0:
                return count
            before = count
            await asyncio.sleep(1)
    finally:
        await consumer.stop()


class Connection:
    """One keep-alive connection to the API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, order: Order) -> bytes:
        """The id of the event, as Kafka's header has it."""
        body = order.body.encode()
        self._writer.write(
            f"POST {order.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {order.token}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {uuid7().hex}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        answer = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(answer.decode())
        text = json.loads(answer)["receipts"][0]["event"].removeprefix("evt_")
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()

    def close(self) -> None:
        self._writer.close()


def _middle_and_tail(delays: list[float]) -> tuple[float, float]:
    cuts = quantiles(delays, n=100)
    return cuts[49], cuts[98]


if __name__ == "__main__":
    uvloop.run(main())
