"""The lanes of an audit, read and checked in this process or spread over several."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, closing, contextmanager, suppress
from typing import Final, Literal
from uuid import UUID

import msgspec
import uvloop
from msgspec import Struct

from events.codec import Undecodable, decode_event
from events.contract_events import IndexPublished
from events.decision import LaneKey
from events.topics import record_topic
from market.audit_shelf import AuditShelf
from market.chain_audit import ChainAudit
from market.lane_audit import LaneAudit, LaneRecord
from market.lane_verdict import Bounds, LaneVerdict
from market.round_audit import BY_CERTIFICATE, BY_SOLVER
from market.topics import Reading, TopicError, TopicRecord, open_reading

CAUSES_FIRST: Final = ("parties", "market", "contracts", "materials")
"""An agreement of a match follows on the market's word."""
INDEX_MARK: Final = IndexPublished.TYPE.encode()
STOP_SECONDS_MAX: Final = 5.0
MESSAGE_BYTES_MAX: Final = 2**26

Mode = Literal["chain", "clearings", "full"]
"""Bytes and order alone; the market stream with its rounds; everything."""

Advance = Callable[[int], None]
Told = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def untold(_what: str, _total: int) -> Iterator[Advance]:
    """Progress that nobody sees."""
    yield lambda _count: None


class AskedLane(Struct, frozen=True, kw_only=True):
    """`size`: its records of now; `seals`: the roots that the operator has signed, by number of events.

    `anchors`: its heads where the record was recovered, by position.
    """

    stream: str
    lane: int
    size: int
    expected_end: int | None
    seals: dict[int, bytes]
    anchors: dict[int, str] = {}

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.stream, self.lane)


class Asked(Struct, frozen=True, kw_only=True):
    """What one process has to check."""

    bootstrap: str
    prefix: str
    deployment_id: UUID
    mode: Mode
    resolve: bool
    bounds: Bounds
    lanes: tuple[AskedLane, ...]

    def topic(self, stream: str) -> str:
        return record_topic(self.prefix, stream)


class AuditLost(RuntimeError):
    """A process of the audit ended before it had answered."""


# --- in this process


async def audit_lanes(asked: Asked, told: Told) -> list[LaneVerdict]:
    """Verdicts in the order of the lanes. TopicError when a topic does not exist."""
    async with AsyncExitStack() as stack:
        readings = await _open(stack, asked)
        if asked.mode == "chain":
            checks = await _follow_chains(asked, readings, told)
            return [checks[lane.key].verdict() for lane in asked.lanes]
        shelf = stack.enter_context(closing(AuditShelf(market_read="market" in readings)))
        for lane in asked.lanes:
            if lane.key.stream == "contracts" and all(
                each.key != ("market", lane.lane) for each in asked.lanes
            ):
                shelf.break_off(lane.lane)
        audits = await _follow_facts(asked, readings, shelf, told)
        return [audits[lane.key].verdict() for lane in asked.lanes]


async def _open(stack: AsyncExitStack, asked: Asked) -> dict[str, Reading]:
    """Effects before their causes: whatever is read of the one, the end of the other lies behind it."""
    lanes: dict[str, list[int]] = defaultdict(list)
    for lane in asked.lanes:
        lanes[lane.stream].append(lane.lane)
    return {
        stream: await stack.enter_async_context(
            open_reading(asked.bootstrap, asked.topic(stream), only=lanes[stream])
        )
        for stream in reversed(CAUSES_FIRST)
        if stream in lanes
    }


async def _follow_chains(
    asked: Asked, readings: Mapping[str, Reading], told: Told
) -> dict[LaneKey, ChainAudit]:
    checks = {
        lane.key: ChainAudit(
            lane.key,
            asked.deployment_id,
            lane.expected_end,
            seals=lane.seals,
            anchors=lane.anchors,
            bounds=asked.bounds,
        )
        for lane in asked.lanes
    }
    for stream, reading in readings.items():
        # A position lies at its own offset or a later one, so this begins with the one before the range.
        for lane in reading.sizes:
            reading.start_at(lane, asked.bounds.first - 2)
        with told(asked.topic(stream), sum(reading.sizes.values())) as advance:
            async for lane, links in reading.links():
                check = checks[LaneKey(stream, lane)]
                check.feed(links)
                if check.done:
                    reading.stop(lane)
                advance(len(links))
        unsettled = {
            key.lane: each for key, each in checks.items() if key.stream == stream and each.unsettled
        }
        if unsettled:
            async with open_reading(asked.bootstrap, asked.topic(stream), only=unsettled) as again:
                async for lane, links in again.links():
                    for link in links:
                        unsettled[lane].reread(link)
    return checks


async def _follow_facts(
    asked: Asked, readings: Mapping[str, Reading], shelf: AuditShelf, told: Told
) -> dict[LaneKey, LaneAudit]:
    audits = {
        lane.key: LaneAudit(
            lane.key,
            asked.deployment_id,
            BY_SOLVER if asked.resolve else BY_CERTIFICATE,
            lane.expected_end,
            shelf=shelf,
            seals=lane.seals,
            anchors=lane.anchors,
            bounds=asked.bounds,
        )
        for lane in asked.lanes
    }
    for stream in (stream for stream in CAUSES_FIRST if stream in readings):
        reading = readings[stream]
        if stream == "contracts":
            await _keep_indices(asked, shelf)
        with told(asked.topic(stream), sum(reading.sizes.values())) as advance:
            async for lane, records in reading.batches():
                check = audits[LaneKey(stream, lane)]
                for record in records:
                    check.feed(_lane_record(record))
                if check.done:
                    reading.stop(lane)
                advance(len(records))
        await _compare_repeats(asked, stream, audits)
    return audits


async def _keep_indices(asked: Asked, shelf: AuditShelf) -> None:
    """All values of all indices, since they stand in other lanes than what is priced by them.

    Read anew: what was relayed since the ends of the contracts' lanes were taken is part of it.
    """
    async with open_reading(asked.bootstrap, asked.topic("contracts")) as reading:
        async for _, records in reading.batches():
            for record in records:
                if INDEX_MARK in record.value:
                    with suppress(Undecodable):
                        event = decode_event(record.value, b"")
                        if isinstance(event.data, IndexPublished):
                            shelf.keep_index(event, event.data)


async def _compare_repeats(asked: Asked, stream: str, audits: Mapping[LaneKey, LaneAudit]) -> None:
    """A second reading of the stream, only where a lane was published again from far back."""
    unsettled = {key.lane: check for key, check in audits.items() if key.stream == stream and check.unsettled}
    if not unsettled:
        return
    async with open_reading(asked.bootstrap, asked.topic(stream), only=unsettled) as reading:
        async for lane, records in reading.batches():
            for record in records:
                unsettled[lane].reread(_lane_record(record))


def _lane_record(record: TopicRecord) -> LaneRecord:
    chain = record.headers.get("chain", b"").decode("ascii", "replace")
    return LaneRecord(offset=record.offset, body=record.value, chain=chain)


# --- in several


class _Read(Struct, frozen=True, tag="read"):
    count: int


class _Ended(Struct, frozen=True, tag="ended"):
    verdicts: tuple[LaneVerdict, ...]


class _Failed(Struct, frozen=True, tag="failed"):
    sentence: str


_asked: Final = msgspec.json.Decoder(Asked)
_messages: Final = msgspec.json.Decoder(_Read | _Ended | _Failed)


async def audit_in_processes(asked: Asked, processes: int, told: Told) -> list[LaneVerdict]:
    """As `audit_lanes`, in so many processes at most; lanes of one number stay together, whatever the stream.

    TopicError when a topic does not exist, AuditLost when a process ended without an answer.
    """
    shares = spread(asked.lanes, processes)
    if len(shares) < 2:
        return await audit_lanes(asked, told)
    total = sum(lane.size for lane in asked.lanes)
    found: dict[LaneKey, LaneVerdict] = {}

    async def check(share: tuple[AskedLane, ...]) -> None:
        for verdict in await _in_child(msgspec.structs.replace(asked, lanes=share), advance):
            found[LaneKey(verdict.stream, verdict.lane)] = verdict

    with told(f"{len(shares)} processes", total) as advance:
        try:
            async with asyncio.TaskGroup() as group:
                for share in shares:
                    group.create_task(check(share))
        except* (TopicError, AuditLost) as failed:
            raise failed.exceptions[0] from None
    return [found[lane.key] for lane in asked.lanes]


def spread(lanes: Sequence[AskedLane], processes: int) -> list[tuple[AskedLane, ...]]:
    """Shares about as large as each other: the largest numbers first, each to whom has least so far.

    A contracts lane is checked with what the market's lane of its number confirmed.
    """
    numbers: dict[int, int] = defaultdict(int)
    for lane in lanes:
        numbers[lane.lane] += lane.size
    shares: list[tuple[int, set[int]]] = [(0, set()) for _ in range(min(processes, len(numbers)))]
    for number, size in sorted(numbers.items(), key=lambda each: (-each[1], each[0])):
        least = min(range(len(shares)), key=lambda place: (shares[place][0], len(shares[place][1])))
        shares[least] = (shares[least][0] + size, shares[least][1] | {number})
    return [tuple(lane for lane in lanes if lane.lane in share) for _, share in shares]


async def _in_child(asked: Asked, advance: Advance) -> tuple[LaneVerdict, ...]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "market.audit_lanes", stdin=PIPE, stdout=PIPE, limit=MESSAGE_BYTES_MAX
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(msgspec.json.encode(asked) + b"\n")
        await child.stdin.drain()
        while line := await child.stdout.readline():
            match _messages.decode(line):
                case _Read(count):
                    advance(count)
                case _Ended(verdicts):
                    return verdicts
                case _Failed(sentence):
                    raise TopicError(sentence)
        raise AuditLost(f"a process of the audit ended with code {await child.wait()}")
    finally:
        await _end(child)


async def _end(child: Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), STOP_SECONDS_MAX)


def _say(message: Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


@contextmanager
def _told_to_parent(_what: str, _total: int) -> Iterator[Advance]:
    """A parent that has gone breaks the pipe, and with it the audit."""
    yield lambda count: _say(_Read(count))


async def _serve() -> None:
    asked = _asked.decode(await asyncio.to_thread(sys.stdin.buffer.readline))
    try:
        _say(_Ended(tuple(await audit_lanes(asked, _told_to_parent))))
    except TopicError as error:
        _say(_Failed(str(error)))


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):
        uvloop.run(_serve())
