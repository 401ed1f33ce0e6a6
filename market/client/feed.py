"""The feed of an organisation: server-sent events, long polls, a range of lines. Each continues after the
last cursor after a broken connection, so that nothing is lost or repeated."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from httpx_sse import EventSource, ServerSentEvent
from msgspec import Struct

from market.client.answers import FeedEvent, Stream, StreamAccepted
from market.client.calls import Calls, Query
from market.client.faults import UnavailableError, UnreachableError, UnreadableError
from market.client.operations import Operation, change, keyed, read

EVENT_STREAM: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
BATCH: Final = "application/cloudevents-batch+json"

FEED: Final[Operation[tuple[FeedEvent, ...]]] = read("/v1/feed", tuple[FeedEvent, ...])
_TOPIC: Final = "/v1/organisations/{organisation}/stream"
TOPIC: Final = read(_TOPIC, Stream)
OPEN_TOPIC: Final = keyed(_TOPIC, StreamAccepted, method="PUT")
CLOSE_TOPIC: Final = change("DELETE", _TOPIC, StreamAccepted, versioned=False)

QUIET_SECONDS_MAX: Final = 45.0
"""Three times the API's own keep-alive interval: then the connection counts as dead."""
BREAK_SECONDS: Final = 1.0
BREAK_SECONDS_MAX: Final = 30.0
LATEST: Final = "latest"
WAIT_SECONDS: Final = 25
WAIT_SECONDS_SPARE: Final = 15.0
BATCH_EVENTS: Final = 200
LINE_BYTES_MAX: Final = 4 * 1024 * 1024
OVERRUN: Final = "overrun"

BREAKS: Final = (httpx.TransportError, UnreachableError, UnavailableError)

_event: Final = msgspec.json.Decoder(FeedEvent)


class Narrowed(Struct, frozen=True, kw_only=True):
    """Which events; neither: all."""

    types: tuple[str, ...] = ()
    market: str | None = None

    def query(self) -> dict[str, str | int | bool | None]:
        return {"type": ",".join(self.types) or None, "market": self.market}


class Feed:
    """Iterators over FeedEvent. Store the `cursor` of the last processed event, and start there next time;
    `after` "latest" skips the past, None starts with the first event.

    HistoryGoneError names the earliest available cursor. Before the first answer, errors are raised after the
    usual retries; after that, interruptions are waited out however long they take (limit it with
    `asyncio.timeout`).
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def follow(
        self,
        after: str | None = None,
        *,
        types: Iterable[str] = (),
        market: str | None = None,
        quiet_seconds_max: float = QUIET_SECONDS_MAX,
        break_seconds: float = BREAK_SECONDS,
    ) -> AsyncGenerator[FeedEvent]:
        """Past and future events, without end, over server-sent events.

        Silence of `quiet_seconds_max` counts as a broken connection; `break_seconds` is the pause before the
        next attempt, unless the API requests another.
        """
        wanted = Narrowed(types=tuple(types), market=market).query()
        place = await self._place(after)
        answered = False
        while True:
            fields = {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}
            if place is not None:
                fields["Last-Event-ID"] = place
            try:
                async with (
                    self._calls.stream(FEED, wanted, fields, quiet_seconds_max) as response,
                    aclosing(_sent(response)) as frames,
                ):
                    answered = True
                    async for frame in frames:
                        if frame.retry is not None:
                            break_seconds = min(frame.retry / 1_000, BREAK_SECONDS_MAX)
                        if frame.data and frame.event != OVERRUN:
                            yield _decoded(frame.data)
                        place = frame.id or place
            except BREAKS:
                if not answered:
                    raise
            await asyncio.sleep(break_seconds)

    async def poll(
        self,
        after: str | None = None,
        *,
        types: Iterable[str] = (),
        market: str | None = None,
        wait_seconds: int = WAIT_SECONDS,
    ) -> AsyncGenerator[FeedEvent]:
        """The same over long polls, for networks that do not pass streams."""
        wanted = Narrowed(types=tuple(types), market=market).query()
        answered = False
        while True:
            try:
                events, after = await self._batch({**wanted, "after": after}, wait_seconds)
            except BREAKS:
                if not answered:
                    raise
                await asyncio.sleep(BREAK_SECONDS)
                continue
            answered = True
            for event in events:
                yield event

    async def replay(
        self,
        after: str | None = None,
        *,
        until: str | None = None,
        types: Iterable[str] = (),
        market: str | None = None,
        quiet_seconds_max: float = QUIET_SECONDS_MAX,
    ) -> AsyncGenerator[FeedEvent]:
        """The events after `after` up to `until`, or up to now; then it ends."""
        wanted = Narrowed(types=tuple(types), market=market).query()
        answered = False
        while True:
            query: Query = {**wanted, "after": after, "until": until}
            try:
                async with (
                    self._calls.stream(FEED, query, {"Accept": LINES}, quiet_seconds_max) as response,
                    aclosing(_lines(response)) as lines,
                ):
                    answered = True
                    async for line in lines:
                        event = _decoded(line)
                        yield event
                        after = event.cursor
                return
            except BREAKS:
                if not answered:
                    raise
                await asyncio.sleep(BREAK_SECONDS)

    async def _place(self, after: str | None) -> str | None:
        """The end of now as a cursor: what comes during a break would lie before a later end."""
        if after != LATEST:
            return after
        _, place = await self._batch({"after": LATEST}, 0)
        return place

    async def _batch(self, query: Query, wait_seconds: int) -> tuple[tuple[FeedEvent, ...], str]:
        """The next events, and the cursor behind them."""
        reply = await self._calls.ask(
            FEED,
            query={**query, "timeout": wait_seconds, "limit": BATCH_EVENTS},
            headers={"Accept": BATCH},
            timeout_seconds=wait_seconds + WAIT_SECONDS_SPARE,
        )
        return reply.body, _behind(reply.following)

    async def topic(self, organisation: str) -> Stream:
        """The organisation's Kafka topic, which holds what the feed holds."""
        return (await self._calls.ask(TOPIC, organisation)).body

    async def open_topic(self, organisation: str, *, key: str | None = None) -> StreamAccepted:
        return (await self._calls.ask(OPEN_TOPIC, organisation, key=key)).body

    async def close_topic(self, organisation: str) -> StreamAccepted:
        return (await self._calls.ask(CLOSE_TOPIC, organisation)).body


async def _sent(response: httpx.Response) -> AsyncGenerator[ServerSentEvent]:
    _check_kind(response, EVENT_STREAM)
    async with aclosing(EventSource(response).aiter_sse()) as frames:
        async for frame in frames:
            yield frame


def _check_kind(response: httpx.Response, kind: str) -> None:
    found = response.headers.get("content-type", "").partition(";")[0]
    if found != kind:
        raise UnreadableError(f"GET {FEED.path} answered {found or 'nothing'} instead of {kind}")


async def _lines(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Whole lines; a part of one at the end came of a break."""
    _check_kind(response, LINES)
    left = b""
    async for part in response.aiter_bytes():
        *lines, left = (left + part).split(b"\n")
        for line in lines:
            yield line
        if len(left) > LINE_BYTES_MAX:
            raise UnreadableError(f"GET {FEED.path}: a line of more than {LINE_BYTES_MAX} bytes")
    if left:
        raise httpx.RemoteProtocolError("the answer ended within a line")


def _decoded(line: bytes | str) -> FeedEvent:
    try:
        return _event.decode(line)
    except msgspec.MsgspecError as error:
        raise UnreadableError(f"GET {FEED.path}: an event cannot be read: {error}") from error


def _behind(following: str | None) -> str:
    """The cursor in the address of the next batch."""
    found = parse_qs(urlsplit(following or "").query).get("after")
    if not found:
        raise UnreadableError(f"GET {FEED.path}: the answer does not say where to go on")
    return found[0]
