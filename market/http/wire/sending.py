"""The server's protocol on top of uvicorn: sends head and body of an answer in one packet; limits size and
time of request heads; limits the number of connections."""

import asyncio
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Any, ClassVar, Final, Literal, TypeAlias

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from events.ids import new_id
from market.http.wire.logs import Trace, canonical_lines, write_line
from market.http.wire.metrics import DoorMetrics, on_process_registry
from market.http.wire.problems import MEDIA_TYPE, DoorError, answer_to
from market.http.wire.streaming import CUT

log: Final = structlog.get_logger("lodestone.http")

HELD_BYTES_MAX: Final = 64 * 1024
HEAD_BYTES_MAX: Final = 64 * 1024
"""Of the address and all fields of a request together."""
HEAD_SECONDS_MAX: Final = 20.0
PART_SECONDS_MAX: Final = 30.0
"""Between parts of a body."""
STUCK_SECONDS_MAX: Final = 30.0
"""For a connection that is closed to take the next of what is left to send."""
CONNECTIONS_MAX: Final = 8_000
"""Twice as many as may follow the feed."""
REFUSED_AT_ONCE_MAX: Final = 64
"""Refused connections that get an answer; beyond that number, they are closed without one."""
REFUSED_SECONDS_MAX: Final = 1.0
TOLD_SECONDS: Final = 10.0
HEAD_TOO_LARGE: Final = f"The address and header fields of a request have at most {HEAD_BYTES_MAX} bytes."
FULL: Final = "This process has as many connections as it takes: come again, or ask another one."
Arriving: TypeAlias = Literal["nothing", "head", "body"]


class _HeadTooLarge(Exception):
    """Ends the reading of a request."""


class Protocol(HttpToolsProtocol):
    """uvicorn's, on a transport that sends once a turn of the loop.

    A head that is too large is answered with 431; who does not send on in time is left. Who asks for HTTP/2
    without TLS, as Java's client does of itself, is answered in HTTP/1.1. A connection beyond
    `connections_max` takes the place of the one that has longest had no request, else it gets 503.
    """

    connections_max: ClassVar[int] = CONNECTIONS_MAX
    metrics: ClassVar[DoorMetrics] = on_process_registry()
    idle: ClassVar[dict["Protocol", None]] = {}
    told_at: ClassVar[float] = -TOLD_SECONDS
    _arriving: Arriving = "head"
    _head_bytes = 0
    _too_large = False
    _refused = False
    _wishes = False
    """For another protocol: the request that arrives."""
    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self.transport = OncePerTurn(transport, self.loop)
        seconds = HEAD_SECONDS_MAX
        if (beyond := len(self.connections) - self.connections_max) > 0 and not self._make_room():
            self._tell_full()
            if beyond > REFUSED_AT_ONCE_MAX:
                self.transport.abort()
                return
            self._refused, seconds = True, REFUSED_SECONDS_MAX
        else:
            self.idle[self] = None
        self._due = self.loop.call_later(seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self.idle.pop(self, None)
        self._wait_no_more()
        super().connection_lost(exc)

    def _make_room(self) -> bool:
        """Whether another connection had no request under way, and is closed for this one."""
        longest = next(iter(self.idle), None)
        if longest is None:
            return False
        del self.idle[longest]
        longest.transport.close()
        return True

    def _tell_full(self) -> None:
        self.metrics.connections_refused.inc()
        kind = type(self)
        if monotonic() - kind.told_at >= TOLD_SECONDS:
            kind.told_at = monotonic()
            log.warning("connections_full", connections_max=self.connections_max)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            # Once it has asked: what is closed over unread bytes loses what was written.
            if not self.transport.is_closing():
                self.transport.write(problem(self.metrics, "unavailable", FULL, {"Retry-After": "1"}))
                self.transport.close()
            return
        self.idle.pop(self, None)
        if self._arriving != "body":
            self._head_bytes += len(data)
        self._unset_keepalive_if_required()
        self._read(memoryview(data))
        if self._arriving == "nothing":
            self._wait_no_more()
            self._rest()
        elif self._arriving == "body":
            self._wait_no_more()
            self._due = self.loop.call_later(PART_SECONDS_MAX, self._late)
        elif self._head_bytes > HEAD_BYTES_MAX:
            self._too_large = True
            self.send_400_response("")
        elif self._due is None:
            self._due = self.loop.call_later(HEAD_SECONDS_MAX, self._late)

    def _read(self, data: memoryview) -> None:
        """Where a request asks for another protocol the parser stops behind its head, as if it had no body,
        and reads nothing more: it is read once more without that wish, which a server need not grant
        (RFC 9110, 7.8)."""
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                    return
                except httptools.HttpParserUpgrade as stopped:
                    if not self._wishes:
                        return
                    data = data[stopped.args[0] :]
                    self._read_again()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _read_again(self) -> None:
        """The head that has come, by a parser of its own that then reads on."""
        fields = b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade")
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
            fields,
        )
        self._wishes = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(head)

    def _rest(self) -> None:
        """What came behind an answer and was no request: uvicorn would wait for the next for ever."""
        if self.cycle.response_complete and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
            self.idle[self] = None

    def on_message_begin(self) -> None:
        self._arriving = "head"
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._arriving, self._head_bytes = "body", 0
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES_MAX:
            self._too_large = True
            raise _HeadTooLarge
        self._wishes = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._wishes:
            super().on_headers_complete()
            if self.cycle is not None:
                extensions: Any = {CUT: partial(_cut, self.cycle)}
                self.scope["extensions"] = extensions

    def on_message_complete(self) -> None:
        if not self._wishes:
            self._arriving = "nothing"
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None and not self.transport.is_closing():
            self.idle[self] = None

    def send_400_response(self, msg: str) -> None:
        """Of what cannot be read as a request; of a head that is too large 431."""
        told = ("head_too_large", HEAD_TOO_LARGE) if self._too_large else ("invalid_request", msg)
        self.transport.write(problem(self.metrics, *told))
        self.transport.close()

    def _late(self) -> None:
        """The client sends nothing, unless it is not read from."""
        self._due = None
        if self.flow.read_paused:
            self._due = self.loop.call_later(PART_SECONDS_MAX, self._late)
        else:
            self.transport.close()

    def _wait_no_more(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


def _cut(cycle: RequestResponseCycle) -> None:
    """uvicorn would take an answer that ends early for an error of the program's."""
    cycle.disconnected = True
    cycle.transport.close()


def limited(connections_max: int, metrics: DoorMetrics) -> type[Protocol]:
    """The protocol of a server that keeps no more."""
    of_server = {"connections_max": connections_max, "metrics": metrics, "idle": {}}
    return type("LimitedProtocol", (Protocol,), of_server)


def problem(metrics: DoorMetrics, code: str, detail: str, fields: dict[str, str] | None = None) -> bytes:
    """The whole answer to what no route is asked for, with its line in the log and its count."""
    trace = Trace(request_id=str(new_id()), method="-")
    status, headers, content = answer_to(trace, DoorError(code, detail, headers=fields))
    trace.status, trace.bytes_out = status, len(content)
    write_line(canonical_lines(), trace)
    metrics.unread(trace.method, trace.route, status, trace.codes)
    lines = {
        **headers,
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(content)),
        "X-Request-Id": trace.request_id,
        "Connection": "close",
    }
    head = "".join(f"{name.lower()}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode() + content


class OncePerTurn(asyncio.Transport):
    """What is written in one turn of the loop leaves together at its end, or before it gets too much.

    Everything else is the transport's own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._held:
            self._loop.call_soon(self._send)
        self._held += data
        if len(self._held) > HELD_BYTES_MAX:
            self._send()

    def _send(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)

    def write_eof(self) -> None:
        self._send()
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def close(self) -> None:
        self._send()
        self._transport.close()
        if left := self._transport.get_write_buffer_size():
            self._loop.call_later(STUCK_SECONDS_MAX, self._leave, left)

    def _leave(self, before: int) -> None:
        """What a client does not take is kept for it no longer."""
        left = self._transport.get_write_buffer_size()
        if left >= before:
            self._transport.abort()
        elif left:
            self._loop.call_later(STUCK_SECONDS_MAX, self._leave, left)

    def abort(self) -> None:
        self._held = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_write_buffer_size(self) -> int:
        return len(self._held) + self._transport.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._transport.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)
