"""The client and everything that goes wrong on the way: breaks, refusals, answers of something else."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest
import structlog

from market.client import Client, Patience, RefusedError, deals, feed
from market.client.answers import FeedEvent, MatchAccepted
from market.client.calls import pause_after
from market.client.faults import (
    ConflictError,
    Fault,
    ForbiddenError,
    HistoryGoneError,
    InvalidError,
    NotFoundError,
    Problem,
    StaleError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
    UnreachableError,
    UnreadableError,
    VersionMissingError,
)
from market.client.feed import BATCH, EVENT_STREAM, LINES
from tests.http.scripted import HANG, Script, answer, chunked, problem, scripted

TOKEN = "lds_live_0123_verysecret_0"
MATCH = "match_" + "0" * 32
CONFIRMED = answer("200 OK", msgspec.json.encode({"id": MATCH, "confirmed": True}))
CUT_OFF = CONFIRMED[:-5]
THRICE = Patience(attempts=3)
OUTCOME_UNKNOWN = problem("503 Service Unavailable", "outcome_unknown", Retry_After="1")


async def no_pause(seconds: float) -> None:
    assert 0 < seconds <= Patience().pause_seconds_max


@asynccontextmanager
async def client_of(script: Script, **how: Any) -> AsyncIterator[Client]:
    """Without the authorities that TLS trusts: to read them takes longer than most tests."""
    async with httpx.AsyncClient(verify=False, timeout=20) as http:
        yield Client(script.address, TOKEN, http=http, **{"patience": THRICE, "sleep": no_pause, **how})


async def confirmed(script: Script) -> MatchAccepted:
    async with client_of(script) as client:
        return await client.matches.confirm(MATCH)


async def withdrawn(script: Script) -> dict[str, Any]:
    async with client_of(script) as client:
        return await client.delete("/v1/requirements/req_1", version=3)


async def read(script: Script) -> object:
    async with client_of(script) as client:
        return await client.matches.read(MATCH)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        CUT_OFF,
        b"HTTP/1.1 200 OK\r\nContent-",
        b"this is no HTTP\r\n\r\n",
        OUTCOME_UNKNOWN,
        problem("429 Too Many Requests", "too_many_requests", Retry_After="1"),
        problem("409 Conflict", "clearing_in_progress", Retry_After="1"),
        answer("502 Bad Gateway", b"<html>", "text/html"),
    ],
)
async def test_a_keyed_call_is_repeated_with_the_same_key(broken: bytes) -> None:
    async with scripted(broken, broken, CONFIRMED) as script:
        assert (await confirmed(script)).confirmed
    assert 3 == len(script.asked)
    keys = {each.headers["idempotency-key"] for each in script.asked}
    assert 1 == len(keys)
    assert {f"Bearer {TOKEN}".lower()} == {each.headers["authorization"] for each in script.asked}


async def test_two_calls_have_two_keys_and_one_of_ones_own_is_kept() -> None:
    async with scripted(CONFIRMED) as script, client_of(script) as client:
        await client.matches.confirm(MATCH)
        await client.matches.confirm(MATCH)
        await client.matches.confirm(MATCH, key="mine")
    first, second, own = (each.headers["idempotency-key"] for each in script.asked)
    assert first != second
    assert "mine" == own


async def test_a_key_that_no_server_takes_is_told_before_anything_is_sent() -> None:
    async with scripted(CONFIRMED) as script, client_of(script) as client:
        with pytest.raises(ValueError, match="1 to 64 letters, digits"):
            await client.matches.confirm(MATCH, key="Größe 1")
    assert [] == script.asked


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (b"", UnreachableError),
        (CUT_OFF, UnreachableError),
        (OUTCOME_UNKNOWN, UnavailableError),
        (problem("503 Service Unavailable", "unavailable"), UnavailableError),
        (answer("502 Bad Gateway"), UnavailableError),
    ],
)
async def test_what_may_have_counted_is_not_repeated_without_a_key(
    broken: bytes, kind: type[Exception]
) -> None:
    async with scripted(broken, CONFIRMED) as script:
        with pytest.raises(kind):
            await withdrawn(script)
    assert 1 == len(script.asked)
    assert '"v3"' == script.asked[0].headers["if-match"]


@pytest.mark.parametrize("path", ["test", "redeliver", "messages/msg_1/redeliver"])
@pytest.mark.parametrize("query", ["", "?x=1"])
async def test_a_post_that_takes_no_key_is_sent_once(path: str, query: str) -> None:
    """By its method and by its path."""
    async with scripted(CUT_OFF, CONFIRMED, CUT_OFF) as script, client_of(script) as client:
        with pytest.raises(UnreachableError):
            await client.post(f"/v1/webhooks/hook_1/{path}{query}", {})
        await client.post(f"/v1/webhooks/hook_1/{path}s{query}", {})
        with pytest.raises(UnreachableError):
            await client.webhooks.test("hook_1")
    assert [False, True, False] == ["idempotency-key" in each.headers for each in script.asked]


@pytest.mark.parametrize(
    "busy",
    [
        problem("409 Conflict", "clearing_in_progress", Retry_After="1"),
        problem("503 Service Unavailable", "lane_busy", Retry_After="1"),
        problem("429 Too Many Requests", "too_many_requests", Retry_After="1"),
    ],
)
async def test_what_did_nothing_is_repeated_when_the_server_says_so(busy: bytes) -> None:
    async with scripted(busy, CONFIRMED) as script:
        assert {"id": MATCH, "confirmed": True} == await withdrawn(script)
    assert 2 == len(script.asked)


async def test_a_server_that_is_not_there_is_told_and_was_sent_nothing() -> None:
    async with scripted(CONFIRMED) as script:
        pass
    with pytest.raises(UnreachableError) as told:
        await withdrawn(script)
    assert not told.value.sent


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400 Bad Request", InvalidError),
        ("401 Unauthorized", UnauthenticatedError),
        ("403 Forbidden", ForbiddenError),
        ("404 Not Found", NotFoundError),
        ("405 Method Not Allowed", RefusedError),
        ("409 Conflict", ConflictError),
        ("410 Gone", HistoryGoneError),
        ("412 Precondition Failed", StaleError),
        ("422 Unprocessable Content", InvalidError),
        ("428 Precondition Required", VersionMissingError),
        ("500 Internal Server Error", RefusedError),
    ],
)
async def test_a_refusal_is_told_apart_with_all_its_faults_and_not_repeated(
    status: str, kind: type[RefusedError]
) -> None:
    faults = [
        {"code": "malformed", "detail": "not a number", "pointer": "/ask/amount"},
        {"code": "type_unknown", "detail": "unknown", "parameter": "type"},
    ]
    async with scripted(problem(status, "told", *faults)) as script:
        with pytest.raises(RefusedError) as told:
            await confirmed(script)
    assert kind is type(told.value)
    assert 1 == len(script.asked)
    assert (int(status[:3]), "told") == (told.value.status, told.value.code)
    assert [("/ask/amount", "not a number"), ("type", "unknown")] == [
        (fault.where, fault.detail) for fault in told.value.faults
    ]
    assert "/ask/amount: not a number; type: unknown" in str(told.value)


def test_words_that_are_detail_and_fault_are_told_once() -> None:
    gone = Fault(code="match_unknown", detail="There is no such match.")
    placed = msgspec.structs.replace(gone, pointer="/match")
    other = Fault(code="version_stale", detail="It has changed.", header="If-Match")
    told = Problem(
        type="", title="", status=404, code="match_unknown", detail=gone.detail, instance="", errors=(gone,)
    )
    assert "GET / answered 404 match_unknown: There is no such match." == str(NotFoundError("GET /", told))
    for faults, sentence in (
        ((placed,), "/match: There is no such match."),
        ((placed, other), "/match: There is no such match.; If-Match: It has changed."),
        ((other,), "There is no such match. If-Match: It has changed."),
        ((), "There is no such match."),
    ):
        assert sentence == msgspec.structs.replace(told, errors=faults).sentence


async def test_a_longer_pause_than_the_caller_has_patience_for_is_raised_at_once() -> None:
    async with scripted(problem("429 Too Many Requests", "quotes_used", Retry_After="3600")) as script:
        with pytest.raises(TooManyError) as told:
            await confirmed(script)
    assert (1, 3600.0) == (len(script.asked), told.value.retry_after_seconds)


def test_the_servers_pause_is_kept_to() -> None:
    told = Problem(type="", title="", status=503, code="lane_busy", detail="", instance="")
    unknown = msgspec.structs.replace(told, code="outcome_unknown")
    busy = UnavailableError("GET /", told, 7.0)
    assert 7.0 == pause_after(busy, repeatable=False, seconds_max=30.0)
    assert pause_after(busy, repeatable=True, seconds_max=6.0) is False
    assert pause_after(UnavailableError("GET /", unknown, 7.0), repeatable=False, seconds_max=30.0) is False
    assert 7.0 == pause_after(UnavailableError("GET /", unknown, 7.0), repeatable=True, seconds_max=30.0)
    assert pause_after(UnavailableError("GET /", told), repeatable=True, seconds_max=30.0) is True
    assert pause_after(ValueError(), repeatable=True, seconds_max=30.0) is False


async def test_tries_end_and_the_last_error_is_raised() -> None:
    async with (
        scripted(b"") as script,
        client_of(script, patience=Patience(attempts=2)) as client,
    ):
        with pytest.raises(UnreachableError) as told:
            await client.matches.read(MATCH)
    assert 2 == len(script.asked)
    assert told.value.sent


@pytest.mark.parametrize(
    ("strange", "says"),
    [
        (answer("200 OK", b"<html>hello", "text/html"), "JSON is malformed"),
        (answer("200 OK", b'{"id": 3}'), "Expected `str`, got `int` - at `$.id`"),
        (answer("200 OK", b"{}"), "missing required field `id`"),
        (answer("302 Found", Location="http://elsewhere/"), "a redirection is not followed"),
        (answer("404 Not Found", b"{", "application/problem+json"), "404: Input data was truncated"),
        (answer("200 OK", b"no gzip", Content_Encoding="gzip"), "Error -3 while decompressing data"),
    ],
)
async def test_an_answer_of_something_else_is_told_and_not_taken(strange: bytes, says: str) -> None:
    async with scripted(strange) as script:
        with pytest.raises(UnreadableError) as told:
            await read(script)
    assert says in str(told.value)
    assert 1 == len(script.asked)


@pytest.mark.parametrize(
    ("broken", "raised"),
    [
        (chunked(LINES, b'{"row": 1'), UnreachableError),
        (answer("200 OK", b"<html>\n", LINES), UnreadableError),
        (answer("200 OK", b"no gzip", LINES, Content_Encoding="gzip"), UnreadableError),
    ],
)
async def test_a_report_that_breaks_off_or_is_something_else_is_told(
    broken: bytes, raised: type[Exception]
) -> None:
    async with scripted(broken) as script, client_of(script) as client:
        with pytest.raises(raised):
            [each async for each in client.imports.report("imp_" + "0" * 32)]


async def test_a_client_has_connections_of_its_own_and_closes_them() -> None:
    async with scripted(CONFIRMED) as script:
        async with Client(f"{script.address}/v1", TOKEN) as client:
            assert (await client.matches.confirm(MATCH)).confirmed
        with pytest.raises(RuntimeError, match="closed"):
            await client.matches.read(MATCH)


async def test_members_and_words_that_are_new_break_nothing() -> None:
    body = msgspec.json.encode({"id": MATCH, "confirmed": True, "colour": "blue"})
    async with scripted(answer("200 OK", body)) as script:
        assert MatchAccepted(id=MATCH, confirmed=True) == await confirmed(script)


async def test_a_page_that_names_itself_ends_the_list() -> None:
    page = answer("200 OK", msgspec.json.encode({"items": [], "next_cursor": "x"}))
    async with scripted(page) as script, client_of(script) as client:
        with pytest.raises(UnreadableError, match="names itself"):
            [each async for each in client.matches.list()]
    assert ["GET /v1/matches?limit=200", "GET /v1/matches?limit=200&cursor=x"] == [
        each.line.removesuffix(" HTTP/1.1") for each in script.asked
    ]


async def test_days_and_instants_of_a_query_leave_as_the_api_reads_them() -> None:
    page = answer("200 OK", msgspec.json.encode({"items": [], "next_cursor": None}))
    since = datetime(2027, 5, 10, 8, tzinfo=UTC)
    async with scripted(page) as script, client_of(script) as client:
        asked = client.invoices.list(due_from=date(2027, 5, 1), overdue=True, updated_since=since)
        assert [] == [each async for each in asked]
    query = parse_qs(script.asked[0].line.split("?")[1].removesuffix(" HTTP/1.1"))
    expected = {"due_from": "2027-05-01", "overdue": "true", "updated_since": "2027-05-10T08:00:00+00:00"}
    assert {"limit": ["200"], **{name: [text] for name, text in expected.items()}} == query


@pytest.mark.parametrize("ids", [(), ("",), ("a", "b")])
def test_a_path_takes_as_many_ids_as_it_has_places(ids: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="takes 1 ids"):
        deals.MATCH.address(ids)
    assert "/v1/matches/..%2Fx%3Fy" == deals.MATCH.address(("../x?y",))


def event(cursor: str) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"id of {cursor}",
            "source": "s",
            "type": "partner.market.opened.v1",
            "subject": "s",
            "time": "2026-01-01T00:00:00Z",
            "datacontenttype": "application/json",
            "cursor": cursor,
            "data": {},
        }
    )


def frame(cursor: str) -> bytes:
    return b"id: %b\nevent: t\ndata: %b\n\n" % (cursor.encode(), event(cursor))


AT_ONCE = b"retry: 1\n\n"


async def first(events: AsyncIterator[FeedEvent], count: int) -> list[str]:
    """Cursors of so many events."""
    found: list[str] = []
    async with asyncio.timeout(20), aclosing(events) as following:  # type: ignore[type-var]
        async for each in following:
            found.append(each.cursor)
            if len(found) == count:
                break
    return found


def places(script: Script) -> list[str]:
    """Where each request went on, whichever way it says so."""
    return [
        each.headers.get("last-event-id") or each.line.partition("after=")[2].partition("&")[0].split(" ")[0]
        for each in script.asked
    ]


@pytest.mark.parametrize(
    "broken",
    [
        chunked(EVENT_STREAM, AT_ONCE, frame("a"), frame("b")[:-1]),
        chunked(EVENT_STREAM, AT_ONCE, frame("a"), frame("b")[:40]),
        chunked(EVENT_STREAM, AT_ONCE, frame("a")) + b"garbage",
        chunked(EVENT_STREAM, AT_ONCE, frame("a"), whole=True),
        chunked(EVENT_STREAM, AT_ONCE, frame("a"), b": quiet\n\n") + HANG,
        chunked(EVENT_STREAM, AT_ONCE, b"id: a\nevent: t\ndata: " + event("a") + b"\n\n")
        + chunked(EVENT_STREAM),
    ],
)
async def test_a_stream_goes_on_behind_its_last_event_after_any_break(broken: bytes) -> None:
    rest = chunked(EVENT_STREAM, frame("b"), frame("c")) + HANG
    quiet_seconds_max = 1.5 if broken.endswith(HANG) else 20.0
    busy = problem("503 Service Unavailable", "x")
    async with scripted(broken, b"", busy, rest) as script, client_of(script) as client:
        assert ["a", "b", "c"] == await first(client.feed.follow(quiet_seconds_max=quiet_seconds_max), 3)
    assert ["", "a", "a", "a"] == places(script)
    assert {EVENT_STREAM} == {each.headers["accept"] for each in script.asked}


@pytest.mark.parametrize("way", ["follow", "poll", "replay"])
async def test_a_break_longer_than_a_calls_patience_is_waited_out(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who was never answered is told."""
    monkeypatch.setattr(feed, "BREAK_SECONDS", 0.01)
    link = '</v1/feed?after=a&limit=200>; rel="next"'
    begun, rest = {
        "follow": (
            chunked(EVENT_STREAM, AT_ONCE, frame("a"), whole=True),
            chunked(EVENT_STREAM, frame("b")) + HANG,
        ),
        "poll": tuple(answer("200 OK", b"[%b]" % event(each), BATCH, Link=link) for each in ("a", "b")),
        "replay": (chunked(LINES, event("a") + b"\n"), chunked(LINES, event("b") + b"\n", whole=True)),
    }[way]
    patience = Patience(attempts=2, pause_seconds_first=0.01)
    busy = problem("503 Service Unavailable", "x")
    async with (
        scripted(begun, busy, busy, b"", b"", busy, busy, rest) as script,
        client_of(script, patience=patience) as client,
    ):
        assert ["a", "b"] == await first(getattr(client.feed, way)(), 2)
    assert ["", *["a"] * 7] == places(script)
    async with scripted(busy, busy) as script, client_of(script, patience=patience) as client:
        with pytest.raises(UnavailableError):
            await first(getattr(client.feed, way)(), 1)


async def test_an_overrun_is_no_event_and_its_cursor_counts() -> None:
    overrun = b"id: b\nevent: overrun\ndata: {}\n\n"
    begun = chunked(EVENT_STREAM, AT_ONCE, frame("a"), overrun, whole=True)
    async with scripted(begun, chunked(EVENT_STREAM, frame("c"))) as script, client_of(script) as client:
        assert ["a", "c"] == await first(client.feed.follow("z", types=("t", "u"), market="mkt_1"), 2)
    assert ["z", "b"] == places(script)
    assert "GET /v1/feed?type=t%2Cu&market=mkt_1 HTTP/1.1" == script.asked[1].line


async def test_what_comes_while_a_stream_from_now_on_is_broken_is_not_lost() -> None:
    end = answer("200 OK", b"[]", BATCH, Link='</v1/feed?after=now&limit=200>; rel="next"')
    async with scripted(end, b"", chunked(EVENT_STREAM, frame("a"))) as script, client_of(script) as client:
        assert ["a"] == await first(client.feed.follow("latest"), 1)
    assert ["latest", "now", "now"] == places(script)


def gone(cursor: str) -> bytes:
    return problem("410 Gone", "history_gone", {"code": "earliest", "detail": cursor, "parameter": "after"})


@pytest.mark.parametrize("way", ["follow", "poll", "replay"])
async def test_history_that_is_gone_names_the_earliest_cursor(way: str) -> None:
    async with scripted(gone("e")) as script, client_of(script) as client:
        with pytest.raises(HistoryGoneError) as told:
            await first(getattr(client.feed, way)("old"), 1)
    assert "e" == told.value.earliest
    assert 1 == len(script.asked)


@pytest.mark.parametrize(
    ("way", "strange", "says"),
    [
        ("follow", chunked("text/html", b"<html>", whole=True), "answered text/html instead of"),
        ("replay", chunked(EVENT_STREAM, frame("a"), whole=True), f"instead of {LINES}"),
        ("follow", chunked(EVENT_STREAM, b"id: a\ndata: {]\n\n"), "an event cannot be read"),
        ("replay", chunked(LINES, b"{}\n"), "an event cannot be read"),
        ("poll", answer("200 OK", b"{}", BATCH), "Expected `array`"),
        ("poll", answer("200 OK", b"[]", BATCH), "does not say where to go on"),
    ],
)
async def test_a_feed_of_something_else_is_told(way: str, strange: bytes, says: str) -> None:
    async with scripted(strange) as script, client_of(script) as client:
        with pytest.raises(UnreadableError) as told:
            await first(getattr(client.feed, way)(), 1)
    assert says in str(told.value)


async def test_a_poll_goes_on_where_the_answer_says() -> None:
    def batch(*cursors: str, following: str) -> bytes:
        body = b"[" + b",".join(map(event, cursors)) + b"]"
        return answer("200 OK", body, BATCH, Link=f'</v1/feed?after={following}&limit=200>; rel="next"')

    script_of = (batch("a", "b", following="b"), b"", batch(following="n"), batch("o", following="o"))
    async with scripted(*script_of) as script, client_of(script) as client:
        assert ["a", "b", "o"] == await first(client.feed.poll(wait_seconds=1), 3)
    assert ["", "b", "b", "n"] == places(script)
    assert all("timeout=1&" in each.line for each in script.asked)


async def test_a_replay_goes_on_behind_its_last_whole_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.client.feed.BREAK_SECONDS", 0.0)
    line = b"%b\n"
    parts = (
        chunked(LINES, line % event("a"), event("b")[:20]),
        chunked(LINES, (line % event("b")) + event("c")[:30], whole=True),
        chunked(LINES, event("c")[:10], event("c")[10:] + b"\n", whole=True),
    )
    async with scripted(*parts) as script, client_of(script) as client:
        events = client.feed.replay("z", until="y")
        assert ["a", "b", "c"] == [each.cursor async for each in events]
    assert ["z", "a", "b"] == places(script)
    assert all("until=y" in each.line for each in script.asked)


async def test_a_line_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.client.feed.LINE_BYTES_MAX", 100)
    async with scripted(chunked(LINES, b"x" * 101)) as script, client_of(script) as client:
        with pytest.raises(UnreadableError, match="a line of more than 100 bytes"):
            await first(client.feed.replay(), 1)


async def test_the_key_shows_nowhere(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Retries are told to the client's own logger alone: what the program prints is its own."""
    caplog.set_level(logging.DEBUG)
    refusal = problem("503 Service Unavailable", "unavailable", Retry_After="1")
    with structlog.testing.capture_logs() as logged:
        async with scripted(refusal) as script, client_of(script) as client:
            with pytest.raises(UnavailableError) as told:
                await client.matches.confirm(MATCH)
    assert {"Bearer " + TOKEN.lower()} <= {
        each.headers["authorization"].replace("bearer", "Bearer") for each in script.asked
    }
    retried = [each.getMessage() for each in caplog.records if each.name == "market.client"]
    assert ["try 2 in 1.0 s", "try 3 in 1.0 s"] == [each.rpartition("; ")[2] for each in retried]
    assert ([], ("", "")) == (logged, capsys.readouterr())
    shown = [repr(client), repr(vars(client)), repr(vars(client.calls)), repr(told.value), caplog.text]
    shown += [repr(error) for error in chain(told.value)]
    assert not [text for text in shown if "verysecret" in text]


def chain(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *chain(error.__cause__ or error.__context__)]


def test_a_key_is_not_sent_in_clear_text_to_another_machine() -> None:
    with pytest.raises(ValueError, match="would carry the key in clear text"):
        Client("http://market.example/v1", TOKEN)
    for address in ("127.0.0.1:8080/v1", "ftp://127.0.0.1", "market.example", ""):
        with pytest.raises(ValueError, match=r"^an address begins with http:// or https://$"):
            Client(address, TOKEN, cleartext=True)
    for address in ("https://me:secret@market.example", "me:secret@market.example", "https://me@/v1"):
        with pytest.raises(ValueError, match=r"^an address holds no user or password$"):
            Client(address, TOKEN, cleartext=True)
    with pytest.raises(ValueError, match="names a machine"):
        Client("https://", TOKEN)
    assert "Client('https://market.example')" == repr(Client("https://market.example/v1/", TOKEN))
