"""The feed at the door: one cursor for polls, streams and replays, in order, for whom it concerns."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from market.commands import parties
from market.feed_retention import FeedRetention
from market.http.streams import feed as door_feed
from market.http.streams.feed import BATCH, EVENT_STREAM, LINES
from market.http.wire import feed_tail
from market.rules.parties.keys import RevokeKey
from market.rules.streams.partner_lines import ALL, PARTNER_TYPES, PartnerLine
from market.rules.streams.streams import OpenStream
from market.store import feed_pages
from tests.feed_support import damaged, publish
from tests.http.shop import Asker, Shop
from tests.market_drafts import Firm
from tests.market_support import done

FEED = "/v1/feed"
LATEST = f"{FEED}?after=latest"


def concerning(firm: Firm, lines: Sequence[PartnerLine]) -> list[str]:
    """Ids, lane by lane in order."""
    mine = [line for line in lines if line.audience in (ALL, firm.organisation)]
    return [
        str(line.event) for line in sorted(mine, key=lambda line: (line.stream, line.lane, line.position))
    ]


def by_lane(firm: Firm, lines: Sequence[PartnerLine], events: Sequence[dict[str, Any]]) -> list[str]:
    """The events' ids, sorted by lane only: their order within it is as they came."""
    lane_of = {str(line.event): (line.stream, line.lane) for line in lines}
    return [event["id"] for event in sorted(events, key=lambda event: lane_of[event["id"]])]


async def poll(shop: Shop, firm: Firm, address: str = FEED) -> tuple[list[dict[str, Any]], str]:
    """The events, and where the next poll goes."""
    answer = await shop.ask("GET", address, by=firm)
    assert 200 == answer.status_code, answer.text
    assert BATCH == answer.headers["content-type"]
    link = answer.headers["link"]
    return answer.json(), link[1 : link.index(">")]


class Stream:
    """An open answer of the app, read as it comes."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.ended = False
        self.finished = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._gone = asyncio.Event()
        self._changed = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")
        self._changed.set()
        await self._free.wait()

    def stick(self) -> None:
        """The client takes nothing more."""
        self._free.clear()

    def go_on(self) -> None:
        self._free.set()

    def leave(self) -> None:
        self._free.set()
        self._gone.set()

    def events(self) -> list[dict[str, Any]]:
        frames = [frame.split(b"\n") for frame in self.body.split(b"\n\n") if frame.startswith(b"id: ")]
        found = [msgspec.json.decode(lines[2].removeprefix(b"data: ")) for lines in frames]
        return [each for each in found if each]

    @property
    def last_id(self) -> str:
        (*_, last) = [line for line in self.body.split(b"\n") if line.startswith(b"id: ")]
        return last.removeprefix(b"id: ").decode()

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(20):
            while len(self.events()) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.events()

    async def end(self) -> None:
        async with asyncio.timeout(20):
            while not self.ended:
                self._changed.clear()
                await self._changed.wait()


async def followers(shop: Shop, count: int = 1) -> None:
    """Waits until so many organisations follow."""
    async with asyncio.timeout(20):
        while len(shop.app.state.door.feed._followers) < count:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
async def keys(shop: Shop) -> None:
    """A key is an event of its own: all are issued before anything is read."""
    for firm in (*shop.scene.sellers, *shop.scene.buyers):
        await shop.token(firm, "trader")


@asynccontextmanager
async def streaming(shop: Shop, firm: Firm, address: str = FEED, **headers: str) -> AsyncIterator[Stream]:
    path, _, query = address.partition("?")
    given = {"authorization": f"Bearer {await shop.token(firm, 'trader')}", "accept": EVENT_STREAM, **headers}
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "app": shop.app,
    }
    stream = Stream()
    app: Any = shop.app
    running = asyncio.create_task(app(scope, stream.receive, stream.send))
    running.add_done_callback(lambda _: stream.finished.set())
    try:
        yield stream
    finally:
        stream.leave()
        await running


async def test_a_poll_goes_on_where_the_one_before_ended(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await shop.scene.offer(firm)
    await shop.scene.offer(shop.scene.sellers[1])
    lines = await publish(shop.scene)
    found: list[dict[str, Any]] = []
    address = f"{FEED}?limit=3"
    while True:
        events, address = await poll(shop, firm, address)
        found += events
        if len(events) < 3:
            break
    assert concerning(firm, lines) == by_lane(firm, lines, found)
    assert ([], True) == ((await poll(shop, firm, address))[0], len(found) > 3)
    await shop.scene.offer(firm)
    more = await publish(shop.scene)
    events, _ = await poll(shop, firm, address)
    assert concerning(firm, more) == [event["id"] for event in events]
    again, _ = await poll(shop, firm, f"{FEED}?after={found[-1]['cursor']}")
    assert events == [event for event in again if event["id"] == events[0]["id"]]


async def test_places_are_told_of_own_events_only(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await shop.scene.offer(firm)
    lines = {str(line.event): line for line in await publish(shop.scene)}
    events, _ = await poll(shop, firm)
    assert {True, False} == {lines[event["id"]].own for event in events}
    for event in events:
        line = lines[event["id"]]
        place = (line.stream, line.lane, line.position) if line.own else (None, None, None)
        assert place == tuple(event.get(name) for name in ("stream", "lane", "position"))


async def test_a_long_poll_answers_when_something_comes(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await publish(shop.scene)
    events, address = await poll(shop, firm, f"{LATEST}&timeout=1")
    assert [] == events
    shop.app.state.door.feed.wait_seconds_max = 20
    waiting = asyncio.create_task(poll(shop, firm, f"{address}&timeout=20"))
    await followers(shop)
    await shop.scene.offer(shop.scene.sellers[1])
    await publish(shop.scene)
    await shop.scene.offer(firm)
    mine = concerning(firm, await publish(shop.scene))
    events, _ = await waiting
    assert mine == [event["id"] for event in events]


async def test_a_cursor_tells_nothing_of_what_others_do(shop: Shop) -> None:
    firm, other = shop.scene.sellers
    await publish(shop.scene)
    _, before = await poll(shop, firm, f"{FEED}?limit=200")
    latest = (await poll(shop, firm, LATEST))[1]
    narrow = f"{FEED}?type=partner.facility.changed.v1"
    nothing, narrowed = await poll(shop, firm, narrow)
    assert [] == nothing
    await shop.scene.offer(other)
    assert await publish(shop.scene)
    assert ([], before) == await poll(shop, firm, before)
    assert ([], latest) == await poll(shop, firm, LATEST)
    assert ([], narrowed) == await poll(shop, firm, narrow)


async def test_types_and_markets_narrow_the_feed(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await shop.scene.offer(firm)
    await publish(shop.scene)
    kind = "partner.supply-offer.offered.v1"
    events, following = await poll(shop, firm, f"{FEED}?type={kind},partner.market.opened.v1")
    assert {kind, "partner.market.opened.v1"} == {event["type"] for event in events}
    assert f"type={kind}" in following
    events, _ = await poll(shop, firm, f"{FEED}?market={shop.market}&limit=200")
    assert events
    assert not [event for event in events if event["type"].startswith("partner.organisation.")]


async def test_what_is_wrong_with_the_types_is_told_with_what_does_not_apply(shop: Shop) -> None:
    answer = await shop.ask("GET", f"{FEED}?type=odd&until=latest", by=shop.scene.sellers[0])
    assert {"type": "type_unknown", "until": "parameter_inapplicable"} == {
        fault["parameter"]: fault["code"] for fault in answer.json()["errors"]
    }
    assert (422, "inconsistent") == (answer.status_code, answer.json()["code"])


async def test_an_unknown_type_is_named_with_the_known_ones(shop: Shop) -> None:
    answer = await shop.ask("GET", f"{FEED}?type=partner.nothing.v1,odd", by=shop.scene.sellers[0])
    assert (422, "type_unknown") == (answer.status_code, answer.json()["code"])
    (fault,) = answer.json()["errors"]
    unknown, _, known = fault["detail"].partition("; there are: ")
    assert "no types of the feed: 'odd', 'partner.nothing.v1'" == unknown
    assert ", ".join(PARTNER_TYPES) == known


@pytest.mark.parametrize("accept", [BATCH, EVENT_STREAM, LINES])
async def test_a_cursor_of_another_or_tampered_with_opens_nothing(shop: Shop, accept: str) -> None:
    firm, other = shop.scene.sellers
    await publish(shop.scene)
    events, _ = await poll(shop, firm)
    cursor = events[0]["cursor"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for by, given in ((other, cursor), (firm, changed), (firm, "x")):
        answer = await shop.ask("GET", f"{FEED}?after={given}", by=by, headers={"Accept": accept})
        assert (422, "cursor_invalid") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("accept", [BATCH, EVENT_STREAM, LINES])
async def test_what_is_no_longer_kept_is_gone_and_the_earliest_cursor_told(shop: Shop, accept: str) -> None:
    firm = shop.scene.sellers[0]
    await publish(shop.scene)
    first, _ = await poll(shop, firm, f"{FEED}?limit=1")
    shop.scene.clock.now += timedelta(days=2)
    await shop.scene.offer(firm)
    kept = concerning(firm, await publish(shop.scene))
    assert await FeedRetention(shop.scene.pool, days=1, clock=shop.scene.clock).drop_some() > 0
    stale = f"{FEED}?after={first[0]['cursor']}"
    answer = await shop.ask("GET", stale, by=firm, headers={"Accept": accept})
    assert (410, "history_gone") == (answer.status_code, answer.json()["code"])
    earliest = answer.json()["errors"][0]["detail"]
    for address in (f"{FEED}?after={earliest}", FEED):
        events, _ = await poll(shop, firm, address)
        assert kept == [event["id"] for event in events]


async def test_who_comes_when_all_lines_have_gone_goes_on_from_there(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await publish(shop.scene)
    shop.scene.clock.now += timedelta(days=2)
    assert await FeedRetention(shop.scene.pool, days=1, clock=shop.scene.clock).drop_some() > 0
    places = [await poll(shop, firm, address) for address in (LATEST, FEED)]
    assert [[], []] == [events for events, _ in places]
    await shop.scene.offer(firm)
    mine = concerning(firm, await publish(shop.scene))
    for _, following in places:
        events, _ = await poll(shop, firm, following)
        assert mine == [event["id"] for event in events]


async def test_what_goes_while_it_is_read_ends_the_stream(shop: Shop, monkeypatch: Any) -> None:
    firm = shop.scene.sellers[0]
    await shop.scene.offer(firm)
    await publish(shop.scene)
    monkeypatch.setattr(door_feed, "PAGE_LINES", 1)
    read, pages = feed_pages.read, []

    async def read_and_drop(*given: Any, **named: Any) -> list[PartnerLine]:
        lines = await read(*given, **named)
        pages.append(lines)
        if len(pages) == 2:
            shop.scene.clock.now += timedelta(days=2)
            await FeedRetention(shop.scene.pool, days=1, clock=shop.scene.clock).drop_some()
        return lines

    monkeypatch.setattr(feed_pages, "read", read_and_drop)
    stream = await shop.ask("GET", FEED, by=firm, headers={"Accept": EVENT_STREAM})
    ids = [line[4:] for line in stream.text.splitlines() if line.startswith("id: ")]
    assert 2 == len(ids)
    cursor = ids[-1]
    again = await shop.ask("GET", FEED, by=firm, headers={"Accept": EVENT_STREAM, "Last-Event-ID": cursor})
    assert (410, "history_gone") == (again.status_code, again.json()["code"])


async def test_what_lies_behind_a_damaged_block_is_told_as_such_and_nothing_of_it_is_left_out(
    database: Any, shop: Shop
) -> None:
    firm = shop.scene.sellers[0]
    for _ in range(8):
        await shop.scene.offer(firm)
    lines = await publish(shop.scene)
    offered = "partner.supply-offer.offered.v1"
    held = {str(line.event) for line in lines if line.own and line.type == offered}
    assert 8 == len(held)
    kind = next(line.type for line in lines if line.stream == "parties" and line.audience == ALL)
    async with damaged(database.admin_dsn, firm.organisation) as blocks:
        assert blocks
        events, place = await poll(shop, firm)
        assert set(concerning(firm, lines)) - held == {event["id"] for event in events}
        _, narrowed = await poll(shop, firm, f"{FEED}?type={kind},{offered}")
        for accept in (BATCH, EVENT_STREAM, LINES):
            cursor = place.partition("after=")[2].partition("&")[0]
            address = f"{FEED}?after={cursor}"
            answer = await shop.ask("GET", address, by=firm, headers={"Accept": accept})
            assert (503, "feed_damaged") == (answer.status_code, answer.json()["code"]), accept
        async with streaming(shop, firm, accept=LINES) as stream, asyncio.timeout(20):
            while stream.body.count(b"\n") < len(events):  # noqa: ASYNC110  no event tells of a line
                await asyncio.sleep(0.01)
        told = {msgspec.json.decode(line)["id"] for line in stream.body.splitlines()}
        assert {event["id"] for event in events} == told
        # What this transport says of an answer that breaks off.
        with pytest.raises(AssertionError):
            await shop.ask("GET", FEED, by=firm, headers={"Accept": LINES})
    for address in (place, narrowed):
        events, _ = await poll(shop, firm, address)
        assert held <= {event["id"] for event in events}


async def test_a_replay_is_the_range_between_two_cursors(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await shop.scene.offer(firm)
    lines = await publish(shop.scene)
    events, following = await poll(shop, firm, f"{FEED}?limit=200")
    until = following.partition("after=")[2].partition("&")[0]
    await shop.scene.offer(firm)
    await publish(shop.scene)
    answer = await shop.ask("GET", f"{FEED}?until={until}", by=firm, headers={"Accept": LINES})
    assert LINES == answer.headers["content-type"]
    replayed = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    assert concerning(firm, lines) == by_lane(firm, lines, replayed)
    begin = events[1]["cursor"]
    rest = await shop.ask("GET", f"{FEED}?after={begin}&until={until}", by=firm, headers={"Accept": LINES})
    assert {each["id"] for each in replayed[2:]} == {
        msgspec.json.decode(line)["id"] for line in rest.content.splitlines()
    }
    for accept, inapplicable in (
        ("*/*", {"until"}),
        (LINES, {"timeout", "limit"}),
        (EVENT_STREAM, {"until", "timeout", "limit"}),
    ):
        path = f"{FEED}?until={until}&timeout=0&limit=5"
        refused = await shop.ask("GET", path, by=firm, headers={"Accept": accept})
        assert (422, False) == (refused.status_code, "stored" in refused.text)
        assert inapplicable == {fault["parameter"] for fault in refused.json()["errors"]}


async def test_a_stream_tells_what_was_and_what_comes_and_goes_on_after_a_break(shop: Shop) -> None:
    firm = shop.scene.sellers[0]
    await shop.scene.offer(firm)
    lines = await publish(shop.scene)
    async with streaming(shop, firm) as stream:
        events = await stream.until(len(concerning(firm, lines)))
        await shop.scene.offer(firm)
        await shop.scene.offer(shop.scene.sellers[1])
        lines += await publish(shop.scene)
        events = await stream.until(len(concerning(firm, lines)))
        assert concerning(firm, lines) == by_lane(firm, lines, events)
        assert (
            EVENT_STREAM
            == (await shop.ask("HEAD", FEED, by=firm, headers={"Accept": EVENT_STREAM}))
            .headers["content-type"]
            .partition(";")[0]
        )
    last = stream.last_id
    await shop.scene.offer(firm)
    mine = concerning(firm, await publish(shop.scene))
    async with streaming(shop, firm, last_event_id=last) as stream:
        assert mine == [event["id"] for event in await stream.until(1)]
    async with streaming(shop, firm, LATEST, last_event_id="x") as stream:
        await stream.end()
    assert 422 == stream.status


async def test_who_takes_too_little_is_left_with_its_cursor(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(feed_tail, "QUEUED_LINES_MAX", 2)
    firm = shop.scene.sellers[0]
    await publish(shop.scene)
    async with streaming(shop, firm, LATEST) as stream:
        await followers(shop)
        await shop.scene.offer(firm)
        first = concerning(firm, await publish(shop.scene))
        stream.stick()
        await stream.until(len(first))
        for _ in range(4):
            await shop.scene.offer(firm)
        rest = concerning(firm, await publish(shop.scene))
        await asyncio.sleep(0.2)
        stream.go_on()
        await stream.end()
    assert first == [event["id"] for event in stream.events()]
    assert b"event: overrun" in stream.body
    events, _ = await poll(shop, firm, f"{FEED}?after={stream.last_id}")
    assert rest == [event["id"] for event in events]


async def test_streams_end_with_the_process_and_leave_nothing_behind(shop: Shop) -> None:
    tail = shop.app.state.door.feed
    async with (
        streaming(shop, shop.scene.sellers[0]) as first,
        streaming(shop, shop.scene.buyers[0]) as second,
    ):
        await followers(shop, 2)
        tail.close()
        await first.end()
        await second.end()
    assert {} == tail._followers
    assert tail._looking is None
    answer = await shop.ask("GET", FEED, by=shop.scene.sellers[0], headers={"Accept": EVENT_STREAM})
    assert (503, "unavailable") == (answer.status_code, answer.json()["code"])


async def test_a_stream_ends_with_its_key(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(door_feed, "QUIET_SECONDS", 0.05)
    firm = shop.scene.sellers[0]
    key = UUID(hex=(await shop.token(firm, "trader")).split("_")[2])
    async with streaming(shop, firm, LATEST) as stream:
        await followers(shop)
        await parties.revoke_key(
            shop.scene.desk, RevokeKey(caller=firm.trader, organisation=firm.organisation, key=key)
        )
        shop.app.state.door.keys.forget(key)
        await stream.end()
    assert b": quiet" in stream.body


@pytest.mark.parametrize("accept", [EVENT_STREAM, LINES])
async def test_what_was_is_sent_no_further_once_the_key_is_revoked(
    shop: Shop, monkeypatch: Any, accept: str
) -> None:
    """A client that takes its history slowly read on for as long as it liked."""
    monkeypatch.setattr(door_feed, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(door_feed, "PAGE_LINES", 1)
    firm = shop.scene.sellers[0]
    for _ in range(4):
        await shop.scene.offer(firm)
    await publish(shop.scene)
    whole = (await shop.ask("GET", FEED, by=firm, headers={"Accept": LINES})).content.splitlines()
    key = UUID(hex=(await shop.token(firm, "trader")).split("_")[2])
    with capture_logs() as logged:
        async with streaming(shop, firm, accept=accept) as stream:
            stream.stick()
            await parties.revoke_key(
                shop.scene.desk, RevokeKey(caller=firm.trader, organisation=firm.organisation, key=key)
            )
            shop.app.state.door.keys.forget(key)
            stream.go_on()
            async with asyncio.timeout(20):
                await stream.finished.wait()
    assert 0 < stream.body.count(b'"specversion"') <= 2 < len(whole)
    assert (accept == EVENT_STREAM) == stream.ended
    told = [(each["event"], each.get("codes")) for each in logged if each["log_level"] in ("info", "error")]
    assert [("http_request", "unauthenticated" if accept == LINES else None)] == told


async def test_streams_end_when_the_tail_fails_and_the_next_one_looks_again(
    shop: Shop, database: Any
) -> None:
    firm = shop.scene.sellers[0]
    await publish(shop.scene)
    owner = await asyncpg.connect(database.dsn("owner"))
    try:
        async with streaming(shop, firm, LATEST) as stream:
            await followers(shop)
            await shop.scene.offer(firm)
            await owner.execute("revoke select on view.feed from lodestone_reader")
            await stream.end()
            await owner.execute("grant select on view.feed to lodestone_reader")
    finally:
        await owner.close()
    mine = concerning(firm, await publish(shop.scene))
    async with streaming(shop, firm) as stream:
        while mine[-1] not in [event["id"] for event in stream.events()]:
            await stream.until(len(stream.events()) + 1)


async def test_a_stream_is_left_when_its_client_is_gone(shop: Shop) -> None:
    tail = shop.app.state.door.feed
    async with streaming(shop, shop.scene.sellers[0], LATEST):
        await followers(shop)
    assert {} == tail._followers


async def test_an_organisation_opens_so_many_streams_and_no_more(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(feed_tail, "FOLLOWERS_OF_ORGANISATION_MAX", 1)
    firm, other = shop.scene.sellers
    async with streaming(shop, firm, LATEST):
        await followers(shop)
        answer = await shop.ask("GET", FEED, by=firm, headers={"Accept": EVENT_STREAM})
        assert (429, "too_many_streams") == (answer.status_code, answer.json()["code"])
        async with streaming(shop, other) as stream:
            await asyncio.sleep(0)
        assert 200 == stream.status


async def test_an_organisation_opens_no_more_streams_than_are_left_to_others(
    shop: Shop, monkeypatch: Any
) -> None:
    """Of three the second of one organisation would leave the other no second one."""
    monkeypatch.setattr(feed_tail, "FOLLOWERS_MAX", 3)
    firm, other = shop.scene.sellers
    async with streaming(shop, firm, LATEST), streaming(shop, other, LATEST):
        await followers(shop, 2)
        answer = await shop.ask("GET", FEED, by=firm, headers={"Accept": EVENT_STREAM})
        assert (429, "too_many_streams") == (answer.status_code, answer.json()["code"])
        assert "now 1 time:" in answer.json()["detail"]
        async with streaming(shop, shop.scene.buyers[0]) as stream:
            await followers(shop, 3)
            full = await shop.ask("GET", FEED, by=firm, headers={"Accept": EVENT_STREAM})
            assert (503, "unavailable") == (full.status_code, full.json()["code"])
            assert full.json()["detail"].endswith("or ask without `timeout`.")
            tail = shop.app.state.door.feed
            tail.close()
            ending = await shop.ask("GET", FEED, by=firm, headers={"Accept": EVENT_STREAM})
            assert (503, feed_tail.ENDING) == (ending.status_code, ending.json()["detail"])
        assert 200 == stream.status


async def test_a_topic_is_opened_by_an_admin_once_and_closed(shop: Shop) -> None:
    firm, other = shop.scene.sellers
    path = f"/v1/organisations/org_{firm.organisation.hex}/stream"
    key = {"Idempotency-Key": "open-1"}
    by: Asker = {"by": firm, "roles": ("admin",)}
    opened = await shop.ask("PUT", path, **by, headers=key)
    assert (200, f"partner.{firm.organisation}.v1") == (opened.status_code, opened.json()["topic"])
    repeated = await shop.ask("PUT", path, **by, headers=key)
    assert "true" == repeated.headers["idempotent-replayed"]
    again = await shop.ask("PUT", path, **by, headers={"Idempotency-Key": "open-2"})
    assert (200, opened.json() | {"receipts": []}) == (again.status_code, again.json())
    assert (await shop.ask("GET", path, by=firm)).json()["open"]
    assert 403 == (await shop.ask("PUT", path, by=firm, headers=key)).status_code
    assert 404 == (await shop.ask("DELETE", path, by=other, roles=("admin",))).status_code
    assert 404 == (await shop.ask("GET", path, by=other)).status_code
    assert 200 == (await shop.ask("DELETE", path, **by)).status_code
    assert not (await shop.ask("GET", path, by=firm)).json()["open"]
    done(
        await parties.open_stream(
            shop.scene.desk, OpenStream(caller=firm.trader, organisation=firm.organisation)
        )
    )
