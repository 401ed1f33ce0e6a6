"""The feed: what an organisation may see of the record, as long poll, server-sent events, or a range of
lines.

The same events as on its Kafka topic, from the same table, behind one cursor.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from events.decision import LaneKey
from events.refusal import RecordUnavailable
from market.damaged_feed import tell
from market.http.streams.feed_cursors import LATEST, PATH, FeedCursor, FeedUntil, Place, check_kept, opened
from market.http.wire.accepting import accepted
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.feed_tail import Follower
from market.http.wire.ids import MarketId, from_path
from market.http.wire.paging import page_size
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_caller
from market.rules.streams.partner_events import PartnerEvent, members
from market.rules.streams.partner_lines import PARTNER_TYPES, PartnerLine
from market.store import feed as store
from market.store import feed_pages
from market.store.feed import Vector
from market.store.feed_blocks import BlockDamaged

_encoder: Final = msgspec.json.Encoder()
TAG: Final = "Feed"
BATCH: Final = "application/cloudevents-batch+json"
EVENT_STREAM: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
KINDS: Final = {kind: kind for kind in (BATCH, EVENT_STREAM, LINES)}
LIMIT_DEFAULT: Final = 100
PAGE_LINES: Final = 200
QUIET_SECONDS: Final = 15.0
"""A stream with nothing to tell says so this often; what is sent in parts looks so often whether its key
still holds."""
RETRY_MILLISECONDS: Final = 1_000
_ONLY_OF: Final = {"until": LINES, "timeout": BATCH, "limit": BATCH}


TypeList = Annotated[
    str,
    Meta(min_length=1, max_length=2_000, description="Types, with commas between; absent: all."),
]


PollSeconds = Annotated[
    int, Meta(ge=0, le=30, description="Of a long poll: seconds to wait for the first event; else none.")
]
BatchLimit = Annotated[
    int,
    Meta(description=f"Of a long poll: events of a batch, brought into 1 … 200; else {LIMIT_DEFAULT}."),
]


class FeedQuery(Struct, frozen=True, kw_only=True):
    """`timeout` and `limit` are of a long poll, `until` is of a replay; elsewhere they are refused."""

    after: FeedCursor | None = None
    until: FeedUntil | None = None
    timeout: PollSeconds | None = None
    limit: BatchLimit | None = None
    type: TypeList | None = None
    market: MarketId | None = None


class FeedEvent(PartnerEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent. `stream`, `lane` and `position` are set for the organisation's own events: their place in
    the record; `cursor` continues after this event."""

    cursor: str


class Wanted(Struct, frozen=True, kw_only=True):
    """Which events the caller asked for; None: all."""

    types: frozenset[str] | None
    market: UUID | None

    def has(self, line: PartnerLine) -> bool:
        return (self.types is None or line.type in self.types) and self.market in (None, line.market)


ALL_OF_IT: Final = Wanted(types=None, market=None)


class Page(NamedTuple):
    """`is_last`: there is nothing more up to where was asked for."""

    told: list["Told"]
    is_last: bool


class Told(NamedTuple):
    """An event as JSON, and the cursor behind it."""

    cursor: str
    type: str
    event: bytes


@endpoint(
    "GET",
    PATH,
    roles=READERS,
    summary="Follow what your organisation may see",
    tag=TAG,
    query=FeedQuery,
    answer=tuple[FeedEvent, ...],
    problems=(410, 422),
    media_type=BATCH,
    headers={
        "Last-Event-ID": "The cursor of the last event of a stream before; it counts instead of `after`.",
    },
    description="Every event in the order of its lane; a repeat has the same id. "
    f"With `Accept: {EVENT_STREAM}` a stream without end, with `{LINES}` all up to now or to `until`. "
    "A parameter that the asked kind of answer does not have is refused.",
)
async def follow(call: Call[Nothing, FeedQuery]) -> Answer:
    kind = accepted(call.header(b"accept"), KINDS)
    types = None if call.query.type is None else frozenset(call.query.type.split(","))
    if faults := [*_unknown(types or frozenset()), *_inapplicable(call.query, kind)]:
        raise InvalidInputError(faults)
    market = None if call.query.market is None else from_path("mkt", call.query.market)
    wanted = Wanted(types=types, market=market)
    resumed = call.header(b"last-event-id") if kind == EVENT_STREAM else None
    place = await _place(call, resumed or call.query.after)
    if call.trace.head:
        return Answer(body=b"", media_type=kind)
    if kind == EVENT_STREAM:
        call.door.feed.check_room(place.organisation)
        page = await _read(call, place, wanted, PAGE_LINES, None)
        return Answer(
            body=_events(call, place, wanted, page),
            media_type=EVENT_STREAM,
            headers={"X-Accel-Buffering": "no"},
        )
    if kind == LINES:
        upto = await _until(call)
        page = await _read(call, place, wanted, PAGE_LINES, upto)
        return Answer(body=_lines(call, place, wanted, upto, page), media_type=LINES)
    return await _batch(call, place, wanted)


def _inapplicable(query: FeedQuery, kind: str) -> Iterator[Fault]:
    """What the asked kind of answer would leave out of account."""
    for name, of in _ONLY_OF.items():
        if getattr(query, name) is not None and of != kind:
            detail = (
                f"this is of answers as {of}, and this one is asked for as {kind}: leave it out, "
                "or change the Accept header"
            )
            yield Fault(code="parameter_inapplicable", detail=detail, parameter=name)


def _unknown(types: frozenset[str]) -> Iterator[Fault]:
    """All types that there are not, and all that there are."""
    if unknown := sorted(types.difference(PARTNER_TYPES)):
        detail = (
            f"no types of the feed: {', '.join(map(repr, unknown))}; there are: {', '.join(PARTNER_TYPES)}"
        )
        yield Fault(code="type_unknown", detail=detail, parameter="type")


async def _place(call: Call[Any, FeedQuery], cursor: str | None) -> Place:
    """Where the caller goes on. DoorError `cursor_invalid` or `history_gone`."""
    organisation = call.caller.organisation
    async with as_caller(call) as connection:
        if cursor is None or cursor == LATEST:
            place = Place(organisation, await store.read_floors(connection, organisation))
            if cursor == LATEST:
                ends = await store.read_ends(connection)
                for key, last in (await store.read_last(connection, organisation, ends)).items():
                    place.move(key, last)
            return place
        place = opened(call, cursor)
        await check_kept(call, connection, place)
    return place


async def _until(call: Call[Any, FeedQuery]) -> Vector:
    async with as_caller(call) as connection:
        ends = await store.read_ends(connection)
    until = call.query.until
    if until in (None, LATEST):
        return ends
    wished = opened(call, str(until)).positions
    return {key: min(end, wished.get(key, 0)) for key, end in ends.items()}


async def _read(
    call: Call[Any, FeedQuery], place: Place, wanted: Wanted, limit: int, upto: Vector | None
) -> Page:
    """The next events, and the place behind them; at the end also behind what was not asked for.

    DoorError `history_gone`, and `feed_damaged` once all is told but what lies behind a damaged block.
    """
    damaged: list[BlockDamaged] = []
    async with as_caller(call) as connection:
        ends = await store.read_ends(connection) if upto is None else upto
        lines = await feed_pages.read(
            connection,
            place.organisation,
            after=place.positions,
            upto=ends,
            limit=limit,
            types=None if wanted.types is None else sorted(wanted.types),
            markets=None if wanted.market is None else [wanted.market],
            damaged=damaged,
        )
        # By the same snapshot: lines deleted meanwhile are reported as gone, never left out.
        await check_kept(call, connection, place)
        if damaged and not lines:
            raise _unreadable(damaged)
        told = [_told(call, place, line) for line in lines]
        if upto is None and len(lines) < limit and wanted != ALL_OF_IT:
            stopped = {each.key for each in damaged}
            passed = {key: end for key, end in ends.items() if key not in stopped}
            for key, last in (await store.read_last(connection, place.organisation, passed)).items():
                place.move(key, last)
    return Page(told, is_last=len(lines) < limit and not damaged)


def _unreadable(damaged: Sequence[BlockDamaged]) -> DoorError:
    for each in damaged:
        tell(each)
    return DoorError(
        "feed_damaged",
        "Events that follow this cursor cannot be read here now, and all others have been told. The operator "
        "is alarmed. Nothing is lost: the same cursor goes on with them once the feed is mended, and your "
        "Kafka topic has them.",
        headers={"Retry-After": "60"},
    )


async def _batch(call: Call[Any, FeedQuery], place: Place, wanted: Wanted) -> Answer:
    """At once what there is; else the first that comes within the time."""
    limit = page_size(LIMIT_DEFAULT if call.query.limit is None else call.query.limit)
    seconds = min(call.query.timeout or 0, call.door.feed.wait_seconds_max)
    told = (await _read(call, place, wanted, limit, None)).told
    if not told and seconds > 0:
        async with call.door.feed.following(place.organisation) as follower:
            # What came between the look and the queue is seen by the second look.
            told = (await _read(call, place, wanted, limit, None)).told
            if not told and await _comes(follower, wanted, seconds):
                told = (await _read(call, place, wanted, limit, None)).told
    cursor = place.sealed(call)
    query = "".join(
        f"&{name}={value}"
        for name, value in (("type", call.query.type), ("market", call.query.market), ("limit", limit))
        if value is not None
    )
    link = f'<{PATH}?after={cursor}{query}>; rel="next"'
    return Answer(
        body=b"[" + b",".join(each.event for each in told) + b"]", media_type=BATCH, headers={"Link": link}
    )


async def _comes(follower: Follower, wanted: Wanted, seconds: float) -> bool:
    """Whether something that is wanted came in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not follower.ended:
                if any(map(wanted.has, await follower.take(QUIET_SECONDS))) or follower.overrun:
                    return True
    return False


async def _lines(
    call: Call[Any, FeedQuery], place: Place, wanted: Wanted, upto: Vector, page: Page
) -> AsyncGenerator[bytes]:
    """A record that cannot be read on, or a key that does not hold any more, breaks the answer off, so that
    nobody takes a part for the whole.

    `page` is the first.
    """
    key = _Key(call)
    while page.told:
        yield b"".join(b"%b\n" % each.event for each in page.told)
        if page.is_last:
            return
        await key.check()
        page = await _read(call, place, wanted, PAGE_LINES, upto)


async def _events(
    call: Call[Any, FeedQuery], place: Place, wanted: Wanted, page: Page
) -> AsyncGenerator[bytes]:
    """Until the process stops, the key does not hold any more, the client takes too little, or what is next
    cannot be read. `page` is the first."""
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    key = _Key(call)
    with suppress(RecordUnavailable, DoorError):
        async with call.door.feed.following(place.organisation) as follower:
            if page.told:
                yield b"".join(map(_frame, page.told))
            # What came between the first page and the queue is seen by a second look.
            while told := (await _read(call, place, wanted, PAGE_LINES, None)).told:
                yield b"".join(map(_frame, told))
                await key.check()
            while (part := await _live(call, place, wanted, follower)) is not None:
                yield part
                await key.check()
            if follower.overrun:
                yield b"id: %b\nevent: overrun\ndata: {}\n\n" % place.sealed(call).encode()


class _Key:
    """The key of an answer that is sent in parts."""

    def __init__(self, call: Call[Any, Any]) -> None:
        self._call = call
        self._clock = asyncio.get_running_loop().time
        self._known_at = self._clock()

    async def check(self) -> None:
        """DoorError `unauthenticated` once it does not hold any more."""
        if self._clock() - self._known_at < QUIET_SECONDS:
            return
        await self._call.door.keys.credential(self._call.header(b"authorization"), lambda: None)
        self._known_at = self._clock()


async def _live(call: Call[Any, FeedQuery], place: Place, wanted: Wanted, follower: Follower) -> bytes | None:
    """The next part of a stream; when there is nothing to tell for long, a comment; None: it ends."""
    ends_at = asyncio.get_running_loop().time() + QUIET_SECONDS
    while (left := ends_at - asyncio.get_running_loop().time()) > 0:
        told: list[Told] = []
        for line in await follower.take(left):
            key = LaneKey(line.stream, line.lane)
            if not place.passed(key, line.position):
                place.move(key, line.position)
                told += [_told(call, place, line)] if wanted.has(line) else []
        if follower.overrun or follower.ended:
            return None
        if told:
            return b"".join(map(_frame, told))
    return b": quiet\n\n"


def _told(call: Call[Any, Any], place: Place, line: PartnerLine) -> Told:
    """The event, with the place that the caller has reached by it."""
    place.move(LaneKey(line.stream, line.lane), line.position)
    cursor = place.sealed(call)
    return Told(cursor, line.type, _encoder.encode(FeedEvent(cursor=cursor, **members(line))))


def _frame(told: Told) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (told.cursor.encode(), told.type.encode(), told.event)


HANDLERS: Final = (follow,)
