"""The lanes of an audit, read and checked in this process: from the beginning, or from where it was broken
off."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, closing, contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from events.codec import Undecodable, decode_event
from events.contract_events import IndexPublished
from events.decision import LaneKey
from events.topics import TopicRecord, record_topic
from market.audit_report import Mode
from market.audit_shelf import AuditShelf
from market.audit_state import AuditState, LanePlace, Purpose
from market.chain_audit import ChainAudit
from market.lane_audit import LaneAudit, LaneRecord
from market.lane_progress import Folded, Followed, beginning
from market.lane_verdict import Bounds, LaneVerdict
from market.round_audit import BY_CERTIFICATE, BY_SOLVER
from market.topics import Reading, open_reading

CAUSES_FIRST: Final = ("parties", "market", "contracts", "materials")
"""An agreement of a match follows on the market's word."""
INDEX_MARK: Final = IndexPublished.TYPE.encode()

Advance = Callable[[int], None]
Told = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def untold(_what: str, _total: int) -> Iterator[Advance]:
    """Progress that nobody sees."""
    yield lambda _count: None


class AskedLane(Struct, frozen=True, kw_only=True):
    """`size`: its records of now; `seals`: the roots that the operator has signed, by number of events.

    `anchors`: its heads where the record was recovered, in hexadecimal, by position.
    """

    stream: str
    lane: int
    size: int
    expected_end: int | None
    seals: dict[int, bytes]
    anchors: dict[int, str]
    bounds: Bounds

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.stream, self.lane)


class Kept(Struct, frozen=True):
    """Where an audit keeps its state, and how often. `cluster`: the id of Kafka's; several `processes` keep
    one file each."""

    path: str
    cluster: str
    processes: int
    save_seconds: float


class Asked(Struct, frozen=True, kw_only=True):
    """What one process has to check."""

    bootstrap: str
    prefix: str
    deployment_id: UUID
    mode: Mode
    resolve: bool
    lanes: tuple[AskedLane, ...]
    kept: Kept | None = None

    def topic(self, stream: str) -> str:
        return record_topic(self.prefix, stream)

    def offset(self, lane: AskedLane) -> int:
        """Where to begin: a position lies at its own offset or a later one, so this is before the range."""
        return max(0, lane.bounds.first - 2) if self.mode == "chain" else 0


def due(size: int, upto: int | None, offset: int) -> int:
    """How many of the `size` records from an offset on are to be read, where none is repeated."""
    return size if upto is None else min(size, max(0, upto - offset))


async def audit_lanes(asked: Asked, told: Told) -> list[LaneVerdict]:
    """Verdicts in the order of the lanes. TopicError when a topic does not exist, or is not the one that was
    read before; StateError when the state that is to be kept is another audit's.
    """
    async with AsyncExitStack() as stack:
        state = stack.enter_context(closing(_state(asked)))
        readings = await _open(stack, asked)
        if asked.mode == "chain":
            chains = _Lanes(asked, state, partial(_chain_of, asked), lambda check: _encode(check.followed()))
            await _follow_chains(chains, readings, told)
            return [chains.checks[lane.key].verdict() for lane in asked.lanes]
        shelf = AuditShelf(state.connection, market_read="market" in readings)
        markets = {lane.lane for lane in asked.lanes if lane.stream == "market"}
        for lane in asked.lanes:
            if lane.stream == "contracts" and lane.lane not in markets:
                shelf.break_off(lane.lane)
        facts = _Lanes(asked, state, partial(_facts_of, asked, shelf), lambda check: _encode(check.folded()))
        await _follow_facts(facts, shelf, readings, told)
        return [facts.checks[lane.key].verdict() for lane in asked.lanes]


def _state(asked: Asked) -> AuditState:
    kept = asked.kept
    if kept is None:
        return AuditState(None)
    state = AuditState(Path(kept.path), kept.save_seconds)
    state.require(
        Purpose(
            cluster=kept.cluster,
            prefix=asked.prefix,
            deployment=str(asked.deployment_id),
            mode=asked.mode,
            resolve=asked.resolve,
            processes=kept.processes,
            lanes={f"{lane.stream}/{lane.lane}": lane.bounds for lane in asked.lanes},
        )
    )
    return state


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


class _Check(Protocol):
    """What is asked of the check of a lane, whatever it looks at."""

    done: bool

    @property
    def unsettled(self) -> bool: ...

    def verdict(self) -> LaneVerdict: ...


C = TypeVar("C", bound=_Check)


class _Lanes(Generic[C]):
    """The checks of all lanes, as they begin or as an earlier reading has left them, and where that was."""

    def __init__(
        self,
        asked: Asked,
        state: AuditState,
        make: Callable[[AskedLane, bytes | None], C],
        keep: Callable[[C], bytes],
    ) -> None:
        """`keep` gives the bytes of which `make` makes the check again."""
        self.asked = asked
        self._state = state
        self._keep = keep
        self._asked = {lane.key: lane for lane in asked.lanes}
        self._places = {lane.key: state.place(lane.key) for lane in asked.lanes}
        self._moved: dict[LaneKey, tuple[int, bytes]] = {}
        self.checks: dict[LaneKey, C] = {}
        for lane in asked.lanes:
            place = self._places[lane.key]
            self.checks[lane.key] = make(lane, None if place is None else place.body)

    def unsettled(self, stream: str) -> dict[int, C]:
        return {
            key.lane: check for key, check in self.checks.items() if key.stream == stream and check.unsettled
        }

    async def go_on(self, stream: str, reading: Reading) -> int:
        """Leaves out what was read before and what lies outside of the range; how much is left to read."""
        left = 0
        for lane in list(reading.sizes):
            key = LaneKey(stream, lane)
            place, asked = self._places[key], self._asked[key]
            offset = self.asked.offset(asked)
            if place is None:
                reading.start_at(lane, offset)
            else:
                offset = place.next_offset
                await reading.go_on_at(lane, offset, place.last_sha256)
            if self.checks[key].done:
                reading.stop(lane)
            else:
                left += due(reading.sizes[lane], asked.bounds.upto, offset)
        return left

    def moved(self, reading: Reading, lane: int, offset: int, body: bytes, stream: str) -> None:
        """A lane was checked up to this record."""
        key = LaneKey(stream, lane)
        self._moved[key] = (offset, body)
        if self.checks[key].done:
            reading.stop(lane)
        if self._state.due:
            self.save()

    def save(self) -> None:
        self._state.save(
            {
                key: LanePlace(
                    next_offset=offset + 1,
                    last_sha256=sha256(body).digest(),
                    body=self._keep(self.checks[key]),
                )
                for key, (offset, body) in self._moved.items()
            }
        )
        self._moved.clear()


_encode: Final = msgspec.msgpack.Encoder().encode
_followed: Final = msgspec.msgpack.Decoder(Followed)
_folded: Final = msgspec.msgpack.Decoder(Folded)


def _chain_of(asked: Asked, lane: AskedLane, kept: bytes | None) -> ChainAudit:
    followed = None if kept is None else _followed.decode(kept)
    if followed is None and asked.kept is not None:
        followed = beginning(asked.deployment_id, lane.key, first=lane.bounds.first)
    return ChainAudit(
        lane.key,
        asked.deployment_id,
        lane.expected_end,
        seals=lane.seals,
        anchors=lane.anchors,
        bounds=lane.bounds,
        followed=followed,
    )


def _facts_of(asked: Asked, shelf: AuditShelf, lane: AskedLane, kept: bytes | None) -> LaneAudit:
    folded = None if kept is None else _folded.decode(kept)
    if folded is None and asked.kept is not None:
        folded = Folded(followed=beginning(asked.deployment_id, lane.key))
    return LaneAudit(
        lane.key,
        asked.deployment_id,
        BY_SOLVER if asked.resolve else BY_CERTIFICATE,
        lane.expected_end,
        shelf=shelf,
        seals=lane.seals,
        anchors=lane.anchors,
        bounds=lane.bounds,
        folded=folded,
    )


async def _follow_chains(lanes: _Lanes[ChainAudit], readings: Mapping[str, Reading], told: Told) -> None:
    asked = lanes.asked
    for stream, reading in readings.items():
        with told(asked.topic(stream), await lanes.go_on(stream, reading)) as advance:
            async for lane, links in reading.links():
                lanes.checks[LaneKey(stream, lane)].feed(links)
                lanes.moved(reading, lane, links[-1].offset, links[-1].body, stream)
                advance(len(links))
        unsettled = lanes.unsettled(stream)
        if unsettled:
            async with open_reading(asked.bootstrap, asked.topic(stream), only=unsettled) as again:
                async for lane, links in again.links():
                    for link in links:
                        unsettled[lane].reread(link)
        lanes.save()


async def _follow_facts(
    lanes: _Lanes[LaneAudit], shelf: AuditShelf, readings: Mapping[str, Reading], told: Told
) -> None:
    asked = lanes.asked
    for stream in (stream for stream in CAUSES_FIRST if stream in readings):
        reading = readings[stream]
        if stream == "contracts":
            await _keep_indices(asked, shelf)
        with told(asked.topic(stream), await lanes.go_on(stream, reading)) as advance:
            async for lane, links in reading.links():
                check = lanes.checks[LaneKey(stream, lane)]
                for link in links:
                    check.feed(_lane_record(link))
                lanes.moved(reading, lane, links[-1].offset, links[-1].body, stream)
                advance(len(links))
        await _compare_repeats(asked, stream, lanes.unsettled(stream))
        lanes.save()


async def _keep_indices(asked: Asked, shelf: AuditShelf) -> None:
    """All values of all indices, since they stand in other lanes than what is priced by them.

    Read anew: what was relayed since the ends of the contracts' lanes were taken is part of it.
    """
    async with open_reading(asked.bootstrap, asked.topic("contracts")) as reading:
        async for _, links in reading.links():
            for link in links:
                if INDEX_MARK in link.body:
                    with suppress(Undecodable):
                        event = decode_event(link.body, b"")
                        if isinstance(event.data, IndexPublished):
                            shelf.keep_index(event, event.data)


async def _compare_repeats(asked: Asked, stream: str, unsettled: Mapping[int, LaneAudit]) -> None:
    """A second reading of the stream, only where a lane was published again from far back."""
    if not unsettled:
        return
    async with open_reading(asked.bootstrap, asked.topic(stream), only=unsettled) as reading:
        async for lane, links in reading.links():
            for link in links:
                unsettled[lane].reread(_lane_record(link))


def _lane_record(link: TopicRecord) -> LaneRecord:
    return LaneRecord(offset=link.offset, body=link.body, chain=(link.chain or b"").hex())
