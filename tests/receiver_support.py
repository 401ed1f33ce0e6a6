"""A receiver of webhooks on loopback that behaves as it is told, and checks what it takes."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from standardwebhooks.webhooks import Webhook

from market.client.webhooks import Verifier

Behaviour = int | Literal["hang", "break", "redirect", "flood"]
ANSWER = b"HTTP/1.1 %d Told\r\n%bcontent-length: 0\r\n\r\n"
REDIRECT = b"HTTP/1.1 307 Told\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
FLOOD = b"HTTP/1.1 200 Told\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 900_000


class Got(Struct, frozen=True, kw_only=True):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> UUID:
        return UUID(self.headers["webhook-id"])

    @property
    def event(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body)  # type: ignore[no-any-return]

    def check(self, secret: str, public_key: str) -> None:
        """Raises unless both kinds of signature hold."""
        Webhook(secret).verify(self.body, self.headers)
        for key in (secret, public_key):
            Verifier(key).verify(self.headers, self.body)


class Receiver:
    """Behaves once as each of `script`, then takes all; `refused` events are answered 400 always."""

    def __init__(self) -> None:
        self.script: deque[Behaviour] = deque()
        self.always: Behaviour = 204
        self.retry_after: str | None = None
        self.refused: set[UUID] = set()
        self.got: list[Got] = []
        self.taken: list[Got] = []
        self.port = 0
        self.connections = 0
        self.connected: set[asyncio.StreamWriter] = set()
        self.closing = asyncio.Event()
        self._changed = asyncio.Event()

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/hook?of=partner"

    @property
    def ids(self) -> list[UUID]:
        """Of what was taken, in order, repeats left out."""
        return list(dict.fromkeys(each.id for each in self.taken))

    async def until(self, ids: set[UUID]) -> None:
        """All of them are taken."""
        async with asyncio.timeout(60):
            while not ids <= set(self.ids):
                self._changed.clear()
                await self._changed.wait()

    async def asked(self, times: int) -> None:
        async with asyncio.timeout(60):
            while len(self.got) < times:
                self._changed.clear()
                await self._changed.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.connected.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if not await self._answer(head, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            self.connected.discard(writer)

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        got = Got(path=first.split(" ")[1], headers=headers, body=body)
        behaviour = self.script.popleft() if self.script else self.always
        if got.id in self.refused:
            behaviour = 400
        self.got.append(got)
        if behaviour in ("flood", 200, 204):
            self.taken.append(got)
        self._changed.set()
        match behaviour:
            case "hang":
                await self.closing.wait()
                return False
            case "break":
                return False
            case "redirect":
                writer.write(REDIRECT)
            case "flood":
                writer.write(FLOOD)
            case int():
                later = (
                    b"" if self.retry_after is None else b"retry-after: %b\r\n" % self.retry_after.encode()
                )
                writer.write(ANSWER % (behaviour, later))
        await writer.drain()
        return True


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        receiver.closing.set()
        for connection in list(receiver.connected):
            connection.close()
        async with asyncio.timeout(60):
            while receiver.connected:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.01)
