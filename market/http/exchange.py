"""What goes over the wire of one request: its body in, its answer out."""

from litestar.types import Receive, Scope, Send

from market.http.problems import DoorError


async def receive_all(receive: Receive, bytes_max: int) -> bytes:
    """The whole body. DoorError `body_too_large`, and `invalid_request` for who went away before its end."""
    received = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise DoorError("invalid_request", "the body did not arrive whole")
        received += message["body"]
        if len(received) > bytes_max:
            raise DoorError("body_too_large", "The body is larger than this door accepts.")
        if not message["more_body"]:
            return received


class Rendered:
    """Status, fields and body, ready for the server."""

    __slots__ = ("_content", "_headers", "_status")

    def __init__(self, status: int, headers: dict[str, str], content: bytes, media_type: str) -> None:
        """204 and 304 have neither content nor its fields."""
        self._status = status
        self._headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        self._content = content
        if status not in (204, 304):
            kind = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
            self._headers.append((b"content-type", kind.encode()))
            self._headers.append((b"content-length", b"%d" % len(content)))

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._content, "more_body": False})
