"""Where an audit begins and ends: a position, a time or a round, found on the topics."""

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from events.brokers import Bootstrap
from events.codec import Undecodable, decode_envelope, decode_event
from events.decision import LaneKey
from events.envelope import Envelope
from events.market_events import ClearingAbandoned, ClearingCompleted, ClearingPlanned
from events.topics import record_topic
from market.audit.lane_verdict import Bounds
from market.topics import Reading, open_reading

_ROUND: Final = re.compile(r"(?:mkt_)?([0-9a-fA-F-]{32,36})#([0-9]{1,9})")
_PLAN: Final = re.compile(r"(?:plan_)?([0-9a-fA-F-]{32,36})")
_MARKS: Final = tuple(
    b'"type":"%b"' % fact.TYPE.encode() for fact in (ClearingPlanned, ClearingCompleted, ClearingAbandoned)
)
WRITTEN: Final = (
    "a position, a time with its zone as in 2026-03-02T09:00:00Z, or a round as MARKET#7 or plan_…"
)


class RangeError(ValueError):
    """A range that nothing can be audited by: one sentence that says why."""


class Clearing(Struct, frozen=True, kw_only=True):
    """A round by its number in its market, or by its plan. `written` as it was asked for."""

    written: str
    market: UUID | None = None
    round: int | None = None
    plan: UUID | None = None


Mark = int | datetime | Clearing


class Span(Struct, frozen=True, kw_only=True):
    """From `first` to `last`, both of them within; None: the beginning, the end."""

    first: Mark | None = None
    last: Mark | None = None


EVERYTHING: Final = Span()


class Cut(NamedTuple):
    """A round on its lane: the position of its plan and of its end, None while it is open."""

    lane: LaneKey
    plan: int
    end: int | None


def parse_mark(text: str) -> Mark:
    """`120`, `2026-03-02T09:00:00Z`, `mkt_…#7`, `plan_…`. RangeError for anything else."""
    if text.isascii() and text.isdecimal() and len(text) <= 15:
        if int(text) == 0:
            raise RangeError("positions begin with 1")
        return int(text)
    with suppress(ValueError):
        if found := _ROUND.fullmatch(text):
            return Clearing(written=text, market=UUID(found[1]), round=int(found[2]))
        if found := _PLAN.fullmatch(text):
            return Clearing(written=text, plan=UUID(found[1]))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RangeError(f"{text} is not one of: {WRITTEN}") from None
    if moment.tzinfo is None:
        raise RangeError(f"{text} has no time zone: write {text}Z for UTC, or {text}+01:00")
    return moment.astimezone(UTC)


def mark_told(mark: Mark | None) -> str | None:
    """As `parse_mark` reads it."""
    match mark:
        case None:
            return None
        case datetime():
            return mark.isoformat().replace("+00:00", "Z")
        case Clearing():
            return mark.written
        case _:
            return str(mark)


async def bounds_of(
    bootstrap: Bootstrap, prefix: str, lanes: Collection[LaneKey], span: Span
) -> Mapping[LaneKey, Bounds]:
    """What of each lane lies within; a round lies in one lane, so that there is only that one.

    RangeError when a round is not to be found in these lanes, is not over, or the range is empty.
    """
    cuts = {
        mark.written: await _find(bootstrap, prefix, lanes, mark)
        for mark in (span.first, span.last)
        if isinstance(mark, Clearing)
    }
    places = {cut.lane for cut in cuts.values()}
    if len(places) > 1:
        raise RangeError(f"{' and '.join(cuts)} lie in different lanes")
    chosen = places or set(lanes)
    found: dict[LaneKey, Bounds] = {}
    for stream in sorted({key.stream for key in chosen}):
        of_stream = {key for key in chosen if key.stream == stream}
        async with open_reading(
            bootstrap, record_topic(prefix, stream), only={key.lane for key in of_stream}
        ) as reading:
            for key in sorted(of_stream):
                found[key] = await _bounds(reading, key, span, cuts)
    if not (isinstance(span.first, datetime) or span.first is None) and all(map(_empty, found.values())):
        raise RangeError(f"the range from {mark_told(span.first)} to {mark_told(span.last)} is empty")
    return found


async def _bounds(reading: Reading, key: LaneKey, span: Span, cuts: Mapping[str, Cut]) -> Bounds:
    first, upto = 1, None
    match span.first:
        case int(position):
            first = position
        case datetime() as moment:
            first = 1 + await _last_position(reading, key.lane, lambda time: time < moment)
        case Clearing(written=written):
            first = cuts[written].plan
    match span.last:
        case int(position):
            upto = position
        case datetime() as moment:
            upto = await _last_position(reading, key.lane, lambda time: time <= moment)
        case Clearing(written=written):
            upto = cuts[written].end
            if upto is None:
                raise RangeError(f"round {written} is not over: it has no end yet")
    bounds = Bounds(first=first, upto=upto)
    if _empty(bounds) and not isinstance(span.last, datetime):
        raise RangeError(f"there is nothing in {key.stream}/{key.lane} from position {first} to {upto}")
    return bounds


async def lies_within(bootstrap: Bootstrap, prefix: str, bounds: Mapping[LaneKey, Bounds]) -> bool:
    """Whether any of the lanes holds something of its range; what is no event counts as something."""
    for key, each in bounds.items():
        if _empty(each):
            continue
        async with open_reading(bootstrap, record_topic(prefix, key.stream), only={key.lane}) as reading:
            offsets = reading.offsets(key.lane)
            if not offsets:
                continue
            last = _envelope((await reading.look_at(key.lane, offsets.stop - 1)).body)
            if last is None or last.position >= each.first:
                return True
    return False


def _empty(bounds: Bounds) -> bool:
    return bounds.upto is not None and bounds.upto < bounds.first


async def _last_position(reading: Reading, lane: int, within: Callable[[datetime], bool]) -> int:
    """The last position whose event's time is within: times never go back in a lane. 0: none is.

    What is no event counts as beyond, and will be named when the range is read.
    """
    offsets = reading.offsets(lane)
    low, high, position = offsets.start - 1, offsets.stop, 0
    while high - low > 1:
        middle = (low + high) // 2
        envelope = _envelope((await reading.look_at(lane, middle)).body)
        if envelope is not None and within(envelope.time):
            low, position = middle, envelope.position
        else:
            high = middle
    return position


def _envelope(body: bytes) -> Envelope | None:
    try:
        return decode_envelope(body)
    except Undecodable:
        return None


async def _find(bootstrap: Bootstrap, prefix: str, lanes: Collection[LaneKey], wanted: Clearing) -> Cut:
    """Reads the market's lanes until the round has been planned and has ended."""
    markets = {key.lane for key in lanes if key.stream == "market"}
    planned: tuple[int, int] | None = None
    if markets:
        async with open_reading(bootstrap, record_topic(prefix, "market"), only=markets) as reading:
            async for lane, records in reading.batches():
                for record in records:
                    fact = _of_round(record.value, wanted)
                    if fact is not None and isinstance(fact[1], ClearingPlanned):
                        planned = (lane, fact[0])
                    elif fact is not None and planned is not None:
                        return Cut(LaneKey("market", lane), planned[1], fact[0])
    if planned is None:
        raise RangeError(f"round {wanted.written} is not in the lanes that are audited")
    return Cut(LaneKey("market", planned[0]), planned[1], None)


def _of_round(body: bytes, wanted: Clearing) -> tuple[int, Any] | None:
    """Position and fact where a body plans or ends the round that is wanted."""
    if not any(mark in body for mark in _MARKS):
        return None
    try:
        event = decode_event(body, b"")
    except Undecodable:
        return None
    fact: Any = event.data
    if not isinstance(fact, ClearingPlanned | ClearingCompleted | ClearingAbandoned):
        return None
    same = (
        fact.plan == wanted.plan
        if wanted.plan
        else (fact.market, fact.round) == (wanted.market, wanted.round)
    )
    return (event.position, fact) if same else None
