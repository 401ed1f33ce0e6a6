"""`make bench-audit`: each mode of an audit against bare consumption of the same topics and bare decoding."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from uuid import UUID

import bare
import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition
from cpu import Meter
from figures import Case, CpuTimes, Report, alternate, arguments, machine, ratio, say, tell
from msgspec.structs import replace
from round_facts import NOW, opening, orders
from servers import Servers, server_versions, servers
from uuid_utils.compat import uuid7

from events.chain import genesis, next_head
from events.chunks import batches
from events.codec import decode_event, encode_event
from events.connections import open_consumer, open_producer
from events.envelope import Fact, source_of
from events.journal import DEFAULT_LANES
from events.market_events import SupplyOffered, SupplyOfferWithdrawn
from events.topics import record_topic
from market.audit.auditor import audit
from market.audit.report import Mode
from market.topics import create_topics

STREAM = "market"
DEPLOYMENT = UUID("0199b3c2-d4e5-7f60-a1b2-0000000000aa")
MARKET = UUID("0199b3c2-d4e5-7f60-a1b2-000000000100")
SALT = "0" * 32
BATCH_BYTES = 900_000
MEMORY_ROWS = (100_000, 1_000_000)
BARE = "bare getmany"
BARE_IN_TWO = "bare getmany, two processes"
BARE_DECODED = "bare getmany and decoding"
DECODED = "bare msgspec decoding"
DECODED_ROWS = 20_000
CHAIN_AIM = 0.7
CLEARINGS_AIM = 0.4


async def main() -> None:
    parser = arguments(__doc__, repetitions=3)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--no-memory", action="store_true", help="leave the memory of long records out")
    options = parser.parse_args()
    async with servers(kafka=True) as running:
        report = Report(
            title=f"audit, {options.rows:,} events on {DEFAULT_LANES} lanes",
            machine=f"{machine()}, {await server_versions(running)}",
        )
        await rates(running, report, options.rows, options.repetitions)
        if not options.no_memory:
            for rows in MEMORY_ROWS:
                await memory(running, report, rows)
    tell(report, as_json=options.json)


async def rates(running: Servers, report: Report, rows: int, repetitions: int) -> None:
    bodies = await fill(running.bootstrap, "", rows)
    report.notes.append(f"{bodies / rows:.0f} bytes a body")
    times = CpuTimes()
    peers = Peers(running, times, rows)

    def audits(mode: Mode, processes: int) -> Case:
        return _case(mode, processes), partial(audited, running, times, rows, mode, processes)

    found = await alternate(
        [
            (BARE, peers.getmany),
            audits("chain", 1),
            (BARE_IN_TWO, peers.getmany_in_two),
            audits("chain", 2),
            (BARE_DECODED, peers.getmany_and_decode),
            audits("clearings", 1),
            (DECODED, peers.decode),
            audits("clearings", 2),
        ],
        repetitions,
        "events/s",
    )
    one_chain, two_chains = found[_case("chain", 1)], found[_case("chain", 2)]
    one, two = found[_case("clearings", 1)], found[_case("clearings", 2)]
    report.figures += found.values()
    report.ratios += [
        ratio(one_chain, found[BARE], aim=CHAIN_AIM),
        ratio(two_chains, found[BARE_IN_TWO], aim=CHAIN_AIM),
        ratio(two_chains, one_chain),
        ratio(one, found[BARE_DECODED], aim=CLEARINGS_AIM),
        ratio(one, found[DECODED]),
        ratio(two, one),
        ratio(found[BARE_DECODED], found[BARE]),
        ratio(found[BARE_IN_TWO], found[BARE]),
    ]
    report.notes += times.lines("event")


class Peers:
    """The same topics, nothing checked."""

    def __init__(self, running: Servers, times: CpuTimes, rows: int) -> None:
        self._running = running
        self._times = times
        self._rows = rows
        self._topic = record_topic("", STREAM)

    async def getmany(self) -> float:
        meter = Meter(self._running)
        rate = await bare.consume(self._running.bootstrap, self._topic, range(DEFAULT_LANES), self._rows)
        self._times.add(BARE, meter.per_item_us(self._rows))
        return rate

    async def getmany_in_two(self) -> float:
        meter = Meter(self._running)
        sizes = {lane: lane_size(self._rows, lane) for lane in range(DEFAULT_LANES)}
        rate = await bare.consume_in_processes(self._running.bootstrap, self._topic, sizes, 2)
        self._times.add(BARE_IN_TWO, meter.per_item_us(self._rows))
        return rate

    async def getmany_and_decode(self) -> float:
        meter = Meter(self._running)
        rate = await consume_and_decode(self._running.bootstrap, self._topic, self._rows)
        self._times.add(BARE_DECODED, meter.per_item_us(self._rows))
        return rate

    async def decode(self) -> float:
        """Bodies that are in memory: what msgspec itself takes."""
        bodies = [body for _, body, _ in lane_rows(0, DECODED_ROWS)]
        meter, began_at = Meter(self._running), time.perf_counter()
        for body in bodies:
            decode_event(body, b"")
        took = time.perf_counter() - began_at
        self._times.add(DECODED, meter.per_item_us(DECODED_ROWS))
        return DECODED_ROWS / took


def _case(mode: Mode, processes: int) -> str:
    return f"--{mode}, {'one process' if processes == 1 else f'{processes} processes'}"


async def audited(running: Servers, times: CpuTimes, rows: int, mode: Mode, processes: int) -> float:
    """Events per second of a whole audit, its processes' start included."""
    meter, began_at = Meter(running), time.perf_counter()
    report = await audit(running.bootstrap, streams=(STREAM,), mode=mode, processes=processes)
    took = time.perf_counter() - began_at
    times.add(_case(mode, processes), meter.per_item_us(rows))
    if report.diverged or report.records != rows:
        raise RuntimeError(f"{report.records} of {rows} records; {report.first_divergence}")
    return rows / took


async def consume_and_decode(bootstrap: str, topic: str, count: int) -> float:
    """As `bare.consume`, every body decoded."""
    consumer = await open_consumer(bootstrap)
    try:
        assigned = [TopicPartition(topic, partition) for partition in range(DEFAULT_LANES)]
        consumer.assign(assigned)
        await consumer.seek_to_beginning(*assigned)
        left, began_at = count, time.perf_counter()
        while left > 0:
            found = await consumer.getmany(timeout_ms=bare.GET_TIMEOUT_MS, max_records=bare.GET_RECORDS_MAX)
            for records in found.values():
                for record in records:
                    decode_event(record.value, b"")
                left -= len(records)
        took = time.perf_counter() - began_at
    finally:
        await consumer.stop()
    return count / took


async def memory(running: Servers, report: Report, rows: int) -> None:
    """The most that an audit of a record of so many events held, mode by mode."""
    prefix = f"m{rows}."
    await fill(running.bootstrap, prefix, rows)
    modes: tuple[Mode, ...] = ("chain", "clearings")
    for mode in modes:
        mib = await asyncio.to_thread(peak_mib, running.bootstrap, prefix, mode)
        say(f"--{mode}, {rows:,} events: {mib} MiB")
        report.notes.append(f"resident at most, --{mode}, {rows:,} events: {mib} MiB")


def peak_mib(bootstrap: str, prefix: str, mode: Mode) -> int:
    """Of the command itself, in a process of its own."""
    lodestone = str(Path(sys.executable).parent / "lodestone")
    asked = ["--bootstrap", bootstrap, "--topic-prefix", prefix, "--stream", STREAM, f"--{mode}"]
    child = subprocess.Popen([lodestone, "audit", *asked], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"the audit ended with exit code {child.returncode}")
    return usage.ru_maxrss // 1_024


async def fill(bootstrap: str, prefix: str, rows: int) -> int:
    """Markets whose offers come and go, one on each lane; returns how many bytes the bodies have."""
    await create_topics(bootstrap, DEFAULT_LANES, prefix=prefix)
    topic, total = record_topic(prefix, STREAM), 0
    producer = await open_producer(bootstrap)
    try:
        await producer.partitions_for(topic)
        for lane in range(DEFAULT_LANES):
            count = lane_size(rows, lane)
            acknowledged, chunk = [], list[tuple[int, bytes, bytes]]()
            for row in lane_rows(lane, count):
                total += len(row[1])
                chunk.append(row)
                if len(chunk) == 1_000:
                    acknowledged += await _send(producer, topic, lane, chunk)
                    chunk.clear()
            acknowledged += await _send(producer, topic, lane, chunk)
            await asyncio.gather(*acknowledged)
            say(f"{topic}: {count:,} events on lane {lane}")
    finally:
        await producer.stop()
    return total


async def _send(
    producer: AIOKafkaProducer, topic: str, lane: int, rows: list[tuple[int, bytes, bytes]]
) -> list[asyncio.Future[object]]:
    return [await producer.send_batch(batch, topic, partition=lane) for batch in batches(rows, BATCH_BYTES)]


def lane_size(rows: int, lane: int) -> int:
    """How many of so many events lie on a lane."""
    return rows // DEFAULT_LANES + (1 if lane < rows % DEFAULT_LANES else 0)


def lane_rows(lane: int, count: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Position, body, chain."""
    head = genesis(DEPLOYMENT, STREAM, lane)
    for position, fact in enumerate(islice(facts(UUID(int=MARKET.int + lane)), count), 1):
        body = encode_event(
            event_id=uuid7(),
            source=source_of(DEPLOYMENT),
            subject="order",
            time=NOW,
            lane=lane,
            position=position,
            cause="bench",
            actor=getattr(fact, "organisation", MARKET),
            salt=SALT,
            data=fact,
        )
        head = next_head(head, body)
        yield position, body, head


def facts(market: UUID) -> Iterator[Fact]:
    """A market, then offers without end, each withdrawn at once: the book stays small."""
    yield from opening(market)
    offered = next(orders(market, 1))
    assert isinstance(offered, SupplyOffered)
    while True:
        offer = uuid7()
        yield replace(offered, offer=offer)
        yield SupplyOfferWithdrawn(market=market, offer=offer, organisation=offered.organisation)


if __name__ == "__main__":
    uvloop.run(main())
