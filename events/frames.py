"""Connections to Kafka that copy their bytes only once: requests are sent in pieces, answers read from one
buffer.

aiokafka copies a request twice more to prepend its header and length, and an answer three times before it
decodes it.
"""

import struct
import time
import weakref
from asyncio import BufferedProtocol
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.util import wait_for

_LENGTH: Final = struct.Struct(">i")
_FETCH: Final = FetchRequest.API_KEY
KEPT_BYTES: Final = 65_536
"""Size of a connection's buffer that is kept, once an answer was not longer than that."""
ANSWER_BYTES_MAX: Final = 128 * 1024 * 1024
"""Far more than any request asks for."""


class InPieces:
    """A request that is sent in `pieces`, if what it builds has some."""


class FrameClient(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's client, with our connections."""

    async def _get_conn(self, node_id: Any, **how: Any) -> Any:
        connection = await super()._get_conn(node_id, **how)
        if type(connection) is AIOKafkaConnection:
            # Nothing was sent since its login, and no other task has run since it was created.
            connection.__class__ = FrameConnection
            connection.follow()
        return connection


class FrameConnection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka has no types
    """A connection of aiokafka, after its login."""

    def follow(self) -> None:
        """From now on `Answers` receives the answers, not aiokafka's own task."""
        self._read_task.cancel()
        self._writer.transport.set_protocol(Answers(self, self._protocol))

    def send(self, request: Any, **how: Any) -> Any:
        """As in aiokafka, whose own method sends requests without pieces and those that have no answer."""
        cut = self._writer is not None and how.get("expect_response", True) and isinstance(request, InPieces)
        asked: Any = request.prepare(self._versions) if cut else None
        if not hasattr(asked, "pieces"):
            return super().send(request, **how)
        number = self._next_correlation_id()
        header = asked.build_request_header(correlation_id=number, client_id=self._client_id).encode()
        pieces = asked.pieces()
        size = _LENGTH.pack(len(header) + sum(map(len, pieces)))
        try:
            self._writer.writelines([size + header, *pieces])
        except OSError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"{self.host}:{self.port} broke: {error}") from error
        answered = self._loop.create_future()
        self._requests.append((number, asked, answered))
        return wait_for(answered, self._request_timeout)

    def _handle_frame(self, frame: memoryview) -> None:
        number, asked, answered = self._requests[0]
        if asked.API_KEY != _FETCH or _LENGTH.unpack_from(frame) != (number,):
            super()._handle_frame(bytes(frame))
            return
        parts = Parts(frame)
        asked.parse_response_header(parts)
        if not answered.done():
            answered.set_result(asked.RESPONSE_TYPE.decode(parts))
        self._last_action = time.monotonic()
        self._requests.popleft()


class Parts:
    """An answer as aiokafka's decoders read it; each part is copied out of it."""

    def __init__(self, frame: memoryview) -> None:
        self._frame = frame
        self._at = 0

    def read(self, size: int) -> bytes:
        begun, self._at = self._at, self._at + size
        return bytes(self._frame[begun : self._at])


class Answers(BufferedProtocol):
    """Reads answers from one buffer, which is as long as the longest recent answer."""

    def __init__(self, connection: FrameConnection, librarys: Any) -> None:
        """`librarys`: aiokafka's own protocol, which the connection's writer and its closing still use."""
        self._connection = weakref.ref(connection)
        self._librarys = librarys
        self._buffer = memoryview(bytearray(KEPT_BYTES))
        self._filled = 0

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        at, needed = 0, _LENGTH.size
        while self._filled - at >= needed:
            (size,) = _LENGTH.unpack_from(self._buffer, at)
            if not 0 <= size <= ANSWER_BYTES_MAX:
                self._break(ValueError(f"no answer has {size} bytes"))
                at, needed = self._filled, _LENGTH.size
                break
            needed = _LENGTH.size + size
            if self._filled - at < needed:
                break
            self._take(self._buffer[at + _LENGTH.size : at + needed])
            at, needed = at + needed, _LENGTH.size
        self._make_room(at, needed)

    def _make_room(self, at: int, needed: int) -> None:
        """Moves the rest, from `at` on, to the front, and makes room for `needed` bytes."""
        size = len(self._buffer)
        if needed > size or 0 < at <= KEPT_BYTES >= needed:
            size = max(needed, KEPT_BYTES)
        if at or size != len(self._buffer):
            rest = bytes(self._buffer[at : self._filled])
            if size != len(self._buffer):
                self._buffer = memoryview(bytearray(size))
            self._filled = len(rest)
            self._buffer[: self._filled] = rest

    def _take(self, frame: memoryview) -> None:
        connection = self._connection()
        if connection is not None:
            try:
                connection._handle_frame(frame)
            except Exception as error:  # noqa: BLE001  as the library: what cannot be read ends the connection
                self._break(error)

    def _break(self, error: Exception) -> None:
        connection = self._connection()
        if connection is not None and connection._reader is not None:
            connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(exc or EOFError("the broker has closed the connection"))
        self._librarys.connection_lost(exc)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._librarys.pause_writing()

    def resume_writing(self) -> None:
        self._librarys.resume_writing()
