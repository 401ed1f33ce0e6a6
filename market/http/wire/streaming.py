"""An answer that is sent in parts as they come, until there are no more or the client is gone."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

from litestar.types import Receive, Scope, Send

from events.refusal import Refusal
from market.http.wire.logs import trace_of
from market.http.wire.problems import DoorError
from market.http.wire.rendered import Rendered

SEND_SECONDS_MAX: Final = 20.0
"""How long one part may wait for a client that takes nothing."""
CUT: Final = "lodestone.cut"
"""What the server offers, as an extension of a request: a call that ends the connection within an answer."""


class Streamed(Rendered):
    """Status and fields at once, the body part by part."""

    __slots__ = ("_parts",)

    def __init__(
        self, status: int, headers: dict[str, str], parts: AsyncGenerator[bytes], media_type: str
    ) -> None:
        super().__init__(status, headers, b"", media_type)
        self._headers = [field for field in self._headers if field[0] != b"content-length"]
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A client that takes nothing is left: the server closes what has no end.

        So it does with an answer that nobody may have or can read on; the canonical line has the reason.
        """
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while (part := await self._next(gone)) is not None:
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except TimeoutError:
            _cut(scope)
            return
        except (DoorError, Refusal) as error:
            trace_of(scope).codes = (error.code,)
            _cut(scope)
            return
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone
            await self._parts.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, gone: "asyncio.Future[None]") -> bytes | None:
        """None: no more, or nobody is there to take it."""
        coming = asyncio.ensure_future(anext(self._parts, None))
        try:
            await asyncio.wait((coming, gone), return_when=asyncio.FIRST_COMPLETED)
            return await coming if coming.done() else None
        finally:
            if not coming.done():
                coming.cancel()
                with suppress(asyncio.CancelledError):
                    await coming


def _cut(scope: Scope) -> None:
    extensions: dict[str, Any] = scope.get("extensions") or {}
    if CUT in extensions:
        extensions[CUT]()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
