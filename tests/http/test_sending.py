"""Head and body of an answer leave in one packet, in order, and nothing is held for long."""

import asyncio
import resource
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from market.http.wire import sending as door_sending
from market.http.wire.logs import Trace, begin_trace
from market.http.wire.problems import DoorError, Problem
from market.http.wire.sending import HEAD_BYTES_MAX, HELD_BYTES_MAX, OncePerTurn, Protocol, limited
from market.http.wire.streaming import Streamed
from market.serving import connections_max
from tests.http.shop import Shop


class Recording(asyncio.Transport):
    """What a socket would have been given, packet by packet; b"" is its end, b"!" that it was torn off."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.packets.append(bytes(data))

    def close(self) -> None:
        self.packets.append(b"")

    def abort(self) -> None:
        self.packets.append(b"!")

    def is_closing(self) -> bool:
        return not {b"", b"!"}.isdisjoint(self.packets)

    def get_write_buffer_size(self) -> int:
        return 1_000


def sending() -> tuple[Recording, OncePerTurn]:
    sent = Recording()
    return sent, OncePerTurn(sent, asyncio.get_running_loop())


async def test_what_is_written_in_a_turn_leaves_together_at_its_end() -> None:
    sent, transport = sending()
    transport.write(b"head ")
    transport.write(b"body")
    assert [] == sent.packets
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)
    assert [b"head body", b"next"] == sent.packets


async def test_what_is_much_does_not_wait_for_the_end_of_the_turn() -> None:
    sent, transport = sending()
    transport.write(b"a" * HELD_BYTES_MAX)
    assert [] == sent.packets
    transport.write(b"b")
    assert [b"a" * HELD_BYTES_MAX + b"b"] == sent.packets
    await asyncio.sleep(0)
    assert 1 == len(sent.packets)


async def test_closing_sends_what_is_held_first() -> None:
    sent, transport = sending()
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert [b"last words", b""] == sent.packets


async def test_what_is_torn_off_sends_nothing_more() -> None:
    sent, transport = sending()
    transport.write(b"never said")
    transport.abort()
    await asyncio.sleep(0)
    assert [b"!"] == sent.packets


async def test_what_is_held_counts_as_not_sent() -> None:
    _, transport = sending()
    transport.write(b"12345")
    assert 1_005 == transport.get_write_buffer_size()
    await asyncio.sleep(0)
    assert 1_000 == transport.get_write_buffer_size()


def test_everything_of_a_transport_is_passed_on() -> None:
    asked = {name for name in dir(asyncio.Transport) if not name.startswith("_")}
    assert {"writelines"} == asked - vars(OncePerTurn).keys()


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    sent, transport = sending()
    transport.write(b"too late")
    sent.close()
    await asyncio.sleep(0)
    assert [b""] == sent.packets


async def test_a_real_server_sends_large_answers_whole_and_heads_without_bodies(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        served(shop) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        for path in ("/livez", "/schema/files/swagger-ui-bundle.js"):
            whole, head = await client.get(path), await client.head(path)
            assert (200, 200) == (whole.status_code, head.status_code)
            assert str(len(whole.content)) == whole.headers["content-length"]
            assert (b"", whole.headers["content-length"]) == (
                head.content,
                head.headers["content-length"],
            )
        upgraded = await client.get("/livez", headers={"connection": "Upgrade", "upgrade": "h2c"})
        assert (200, []) == (upgraded.status_code, caplog.messages)


@asynccontextmanager
async def served(
    shop: Shop, protocol: type[Protocol] = Protocol, *, keep_alive_seconds: int = 5, app: Any = None
) -> AsyncIterator[int]:
    """The port of a real server."""
    config = uvicorn.Config(
        app or shop.app,
        http=protocol,
        loop="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=keep_alive_seconds,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


async def answered(port: int, *sent: bytes) -> bytes:
    """All that comes until the server closes the connection, of which nothing more is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in sent:
            writer.write(part)
            await asyncio.sleep(0.05)
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


HEAD = b"GET /livez HTTP/1.1\r\nhost: door\r\nconnection: close\r\n"


async def test_a_head_has_a_bound_whether_it_ends_or_not(shop: Shop) -> None:
    """Nobody has shown a key yet, and the server kept all of it."""
    much = b"x" * (HEAD_BYTES_MAX - 1_000)
    async with served(shop, limited(8_000, shop.door.metrics)) as port:
        assert (await answered(port, HEAD + b"x-much: " + much + b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        for sent in (
            [HEAD + b"x-much: " + much + b"\r\nx-more: " + b"y" * 2_000 + b"\r\n\r\n"],
            [HEAD + b"x-much: ", much, b"y" * 2_000],
            [b"GET /" + much, b"y" * 2_000],
        ):
            found = await answered(port, *sent)
            assert found.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"), found
            assert ("head_too_large", 431) == of_problem(found)
    assert {("431", "head_too_large"): 3.0} == unread(shop)


async def test_what_is_no_request_is_told_so_as_every_problem_is(shop: Shop) -> None:
    async with served(shop, limited(8_000, shop.door.metrics)) as port:
        with capture_logs() as logged:
            found = await answered(port, b"what is this\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert ("invalid_request", 400) == of_problem(found)
    (line,) = [each for each in logged if each["event"] == "http_request"]
    assert (400, "invalid_request") == (line["status"], line["codes"])
    assert line["request_id"].encode() in found
    assert {("400", "invalid_request"): 1.0} == unread(shop)


def unread(shop: Shop) -> dict[tuple[str, str], float]:
    """What was answered before it was read, by status and code; each is counted under both."""
    registry = shop.door.metrics.registry
    found = {}
    for status, code in (("400", "invalid_request"), ("431", "head_too_large"), ("503", "unavailable")):
        labels = {"method": "-", "route": "unrouted", "status": status}
        count = registry.get_sample_value("lodestone_http_requests_total", labels)
        assert count == registry.get_sample_value("lodestone_refusals_total", {"code": code})
        if count:
            found[status, code] = count
    return found


def of_problem(answer: bytes) -> tuple[str, int]:
    """Code and status of a whole answer."""
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"content-length: %d" % len(content) in head
    problem = msgspec.json.decode(content, type=Problem)
    assert f"x-request-id: {problem.instance.removeprefix('urn:uuid:')}".encode() in head
    return problem.code, problem.status


KEPT = b"GET /livez HTTP/1.1\r\nhost: door\r\n\r\n"


async def test_a_connection_beyond_those_that_are_kept_takes_an_idle_ones_place(shop: Shop) -> None:
    async with served(shop, limited(2, shop.door.metrics)) as port:
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in reversed(kept):
            writer.write(KEPT)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        assert (await answered(port, HEAD, b"\r\n")).startswith(b"HTTP/1.1 200 ")
        assert b"" == await kept[1][0].read()
        kept[0][1].write(KEPT)
        assert (await kept[0][0].readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        for _, writer in kept:
            writer.close()


@pytest.mark.parametrize(
    ("request_head", "behind"),
    [(KEPT, b"\r\n"), (b"POST /nowhere HTTP/1.1\r\nhost: door\r\ncontent-length: 1\r\n\r\n", b"1")],
    ids=["an empty line", "a body"],
)
async def test_who_sends_no_request_behind_an_answer_is_idle(
    shop: Shop, request_head: bytes, behind: bytes
) -> None:
    async with served(shop, limited(1, shop.door.metrics), keep_alive_seconds=1) as port:
        for giving_way in (True, False):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_head)
            assert b"}" in await reader.readuntil(b"}")
            writer.write(behind)
            await asyncio.sleep(0.1)
            if giving_way:
                assert (await answered(port, HEAD, b"\r\n")).startswith(b"HTTP/1.1 200 ")
            async with asyncio.timeout(10):
                assert b"" == await reader.read()
            writer.close()


async def test_a_connection_is_refused_while_all_have_a_request_under_way(
    shop: Shop, monkeypatch: Any
) -> None:
    protocol = limited(2, shop.door.metrics)
    async with served(shop, protocol) as port:
        begun = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in begun:
            writer.write(KEPT)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
            writer.write(HEAD)
        async with asyncio.timeout(20):
            while protocol.idle:  # noqa: ASYNC110  the server tells of no request that it has begun to read
                await asyncio.sleep(0.01)
        with capture_logs() as logged:
            for _ in range(2):
                found = await answered(port, HEAD, b"\r\n")
                assert found.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n")
                assert ("unavailable", 503) == of_problem(found)
            monkeypatch.setattr(door_sending, "REFUSED_AT_ONCE_MAX", 0)
            assert (await answered(port)) in (b"", b"reset")
        assert ["connections_full"] == [each["event"] for each in logged if each["log_level"] == "warning"]
        for reader, writer in begun:
            writer.write(b"\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
        assert (await answered(port, HEAD, b"\r\n")).startswith(b"HTTP/1.1 200 ")
    assert {} == protocol.idle
    assert {("503", "unavailable"): 2.0} == unread(shop)
    refused = shop.door.metrics.registry.get_sample_value("lodestone_http_connections_refused_total")
    assert 3.0 == refused, "also the one that was not told so"


async def test_who_is_refused_and_asks_nothing_is_left(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(door_sending, "REFUSED_SECONDS_MAX", 0.1)
    async with served(shop, limited(0, shop.door.metrics)) as port:
        assert (await answered(port)) in (b"", b"reset")


@pytest.mark.parametrize(
    ("files", "most", "raised", "kept"),
    [
        (200, 200, [200], 100),
        (1_024, 4_096, [4_096], 3_584),
        (1_024, 20_000, [8_512], 8_000),
        (1_024, resource.RLIM_INFINITY, [8_512], 8_000),
        (10_000, 20_000, [], 8_000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, [], 8_000),
    ],
)
def test_a_process_keeps_as_many_connections_as_it_may_have_files(
    files: int, most: int, raised: list[int], kept: int, monkeypatch: Any
) -> None:
    """It may ask for more than it has up to a limit of its own."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, most))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert kept == connections_max()
    assert [(each, most) for each in raised] == asked


async def test_who_sends_no_request_in_time_is_left(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(door_sending, "HEAD_SECONDS_MAX", 0.2)
    async with served(shop) as port:
        for sent in ([], [b"GET /livez HT"], [HEAD, b"x-slow: 1\r\n", b"x-slow: 2\r\n"]):
            assert (await answered(port, *sent)) in (b"", b"reset")


async def test_a_body_comes_on_in_time(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(door_sending, "PART_SECONDS_MAX", 0.3)
    token = await shop.token(shop.scene.sellers[0])
    head = (
        b"POST /v1/supply-offers HTTP/1.1\r\nhost: door\r\nconnection: close\r\nidempotency-key: 1\r\n"
        b"content-type: application/json\r\ncontent-length: 6\r\nauthorization: Bearer %b\r\n\r\n"
    ) % token.encode()
    async with served(shop) as port:
        slowly = [part for each in (b"{", b" ", b" ", b" ", b" ", b"}") for part in (each, b"", b"")]
        assert (await answered(port, head, *slowly)).startswith(b"HTTP/1.1 400 ")
        assert (await answered(port, head, b"{")) in (b"", b"reset")


class Parts:
    """An answer of which nothing comes behind its first part but an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.traces: list[Trace] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.traces.append(begin_trace(scope, uuid7()))
        await Streamed(200, {}, self._parts(), "text/plain")(scope, receive, send)

    async def _parts(self) -> AsyncGenerator[bytes]:
        yield b"first"
        raise self._error


@pytest.mark.parametrize(
    ("error", "codes"), [(DoorError("feed_damaged", "no"), ("feed_damaged",)), (TimeoutError(), ())]
)
async def test_an_answer_that_ends_early_is_cut_off_and_no_error_of_the_servers(
    shop: Shop, caplog: pytest.LogCaptureFixture, error: Exception, codes: tuple[str, ...]
) -> None:
    app = Parts(error)
    async with served(shop, app=app) as port:
        found = await answered(port, b"GET / HTTP/1.1\r\nhost: door\r\n\r\n")
    assert found.endswith(b"\r\n5\r\nfirst\r\n"), "without the end of an answer in parts"
    assert ([codes], []) == ([trace.codes for trace in app.traces], caplog.messages)


class Draining(Recording):
    """As a client takes what was sent: so much is left each time it is looked at."""

    def __init__(self, *left: int) -> None:
        super().__init__()
        self._left = list(left)

    def get_write_buffer_size(self) -> int:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


@pytest.mark.parametrize(
    ("left", "packets"), [((9, 9), [b"", b"!"]), ((9, 5, 5), [b"", b"!"]), ((9, 5, 0), [b""]), ((0,), [b""])]
)
async def test_a_closed_connection_that_takes_nothing_more_is_torn_off(
    monkeypatch: Any, left: tuple[int, ...], packets: list[bytes]
) -> None:
    monkeypatch.setattr(door_sending, "STUCK_SECONDS_MAX", 0.01)
    sent = Draining(*left)
    OncePerTurn(sent, asyncio.get_running_loop()).close()
    await asyncio.sleep(0.1)
    assert packets == sent.packets
