"""The lanes of an audit that decides every fact again, and what they need from other lanes."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from events.codec import Undecodable, decode_event
from events.contract_events import IndexPublished
from events.decision import LaneKey
from events.links import Link
from market.audit.checked_lanes import Lanes
from market.audit.fact_progress import Folded
from market.audit.lane_audit import LaneAudit, LaneRecord
from market.audit.lane_progress import beginning
from market.audit.lane_verdict import LaneVerdict
from market.audit.material_audit import settled
from market.audit.operator_audit import KEY_MARK, Operators
from market.audit.round_audit import BY_CERTIFICATE, BY_SOLVER
from market.audit.share import CAUSES_FIRST, Asked, AskedLane, Told
from market.audit.shelf import AuditShelf
from market.audit.state import AuditState
from market.topics import Reading, open_reading

KEPT: Final = Folded
"""What is kept of a lane."""

OF_OPERATORS: Final = ("market", "contracts")
"""Streams with facts that only operators record: who they are is read once, before the first of them."""
INDEX_MARK: Final = IndexPublished.TYPE.encode()

_encode: Final = msgspec.msgpack.Encoder().encode
_folded: Final = msgspec.msgpack.Decoder(Folded)


async def follow(
    asked: Asked, state: AuditState, readings: Mapping[str, Reading], told: Told
) -> list[LaneVerdict]:
    """Verdicts in the order of the lanes. TopicError when a topic is not the one that was read before."""
    shelf = _shelf(asked, state, market_read="market" in readings)
    operators = Operators(asked.deployment_id)
    make = partial(_facts_of, asked, shelf, operators)
    lanes = Lanes(asked, state, make, lambda check: _encode(check.folded()))
    held = [each for each in OF_OPERATORS if each in readings and "parties" in readings]
    first_of_operators = held[0] if held else None
    for stream in (stream for stream in CAUSES_FIRST if stream in readings):
        reading = readings[stream]
        if stream == "contracts":
            await _keep_indices(asked, shelf)
        if stream == first_of_operators:
            await _keep_operators(asked, operators)
        with told(asked.topic(stream), await lanes.go_on(stream, reading)) as advance:
            async for lane, links in reading.links():
                check = lanes.checks[LaneKey(stream, lane)]
                for link in links:
                    check.feed(_lane_record(link))
                advance(lanes.moved(reading, lane, links, stream))
        await _compare_repeats(asked, stream, lanes.unsettled(stream))
        if stream == "materials":
            _settle(shelf, lanes, reading.partitions)
        lanes.save()
    return [lanes.checks[lane.key].verdict() for lane in asked.lanes]


def _shelf(asked: Asked, state: AuditState, *, market_read: bool) -> AuditShelf:
    shelf = AuditShelf(state.connection, market_read=market_read)
    markets = {lane.lane for lane in asked.lanes if lane.stream == "market"}
    for lane in asked.lanes:
        if lane.stream == "contracts" and lane.lane not in markets:
            shelf.break_off(lane.lane)
    return shelf


def _facts_of(
    asked: Asked, shelf: AuditShelf, operators: Operators, lane: AskedLane, kept: bytes | None
) -> LaneAudit:
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
        operators=operators,
    )


def _settle(shelf: AuditShelf, lanes: Lanes[LaneAudit], count: int) -> None:
    """Transformations, whose facts lie in several lanes. `count`: of the lanes of the deployment."""

    def read_past(lane: int, moment: datetime) -> bool:
        check = lanes.checks.get(LaneKey("materials", lane))
        return check is not None and check.read_past(moment)

    for found in settled(shelf.materials, count, read_past):
        key = LaneKey("materials", found.event.lane)
        lanes.checks[key].settle(found)
        lanes.keep(key)


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


async def _keep_operators(asked: Asked, operators: Operators) -> None:
    """Of all lanes of the parties: an operator's organisation lies in another one than its markets."""
    async with open_reading(asked.bootstrap, asked.topic("parties")) as reading:
        async for _, links in reading.links():
            for link in links:
                if KEY_MARK in link.body:
                    with suppress(Undecodable):
                        operators.keep(decode_event(link.body, b""))


async def _compare_repeats(asked: Asked, stream: str, unsettled: Mapping[int, LaneAudit]) -> None:
    """A second reading of the stream, only where a lane was published again from far back."""
    if not unsettled:
        return
    async with open_reading(asked.bootstrap, asked.topic(stream), only=unsettled) as reading:
        async for lane, links in reading.links():
            for link in links:
                unsettled[lane].reread(_lane_record(link))


def _lane_record(link: Link) -> LaneRecord:
    return LaneRecord(offset=link.offset, body=link.body, chain=(link.chain or b"").hex())
