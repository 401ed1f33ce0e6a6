"""An answer as it is sent."""

from functools import lru_cache

from litestar.types import Receive, Scope, Send

NAMES_MAX = 256


@lru_cache(maxsize=NAMES_MAX)
def _field(name: str) -> bytes:
    return name.lower().encode()


@lru_cache(maxsize=NAMES_MAX)
def _content_type(media_type: str) -> bytes:
    return (f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type).encode()


class Rendered:
    """Status, fields and body, ready for the server."""

    __slots__ = ("_content", "_headers", "_status")

    def __init__(self, status: int, headers: dict[str, str], content: bytes, media_type: str) -> None:
        """204 and 304 have neither content nor its fields."""
        self._status = status
        self._headers = [(_field(name), value.encode("latin-1")) for name, value in headers.items()]
        self._content = content
        if status not in (204, 304):
            self._headers.append((b"content-type", _content_type(media_type)))
            self._headers.append((b"content-length", b"%d" % len(content)))

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._content, "more_body": False})
