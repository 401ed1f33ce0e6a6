"""The body of a request, as the server hands it over."""

from litestar.types import Receive

from market.http.problems import DoorError


async def receive_all(receive: Receive, bytes_max: int) -> bytes:
    """The whole body. DoorError `body_too_large`, and `invalid_request` for who went away before its end."""
    received = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise DoorError("invalid_request", "The body did not arrive whole.")
        received += message["body"]
        if len(received) > bytes_max:
            raise DoorError("body_too_large", "The body is larger than this door accepts.")
        if not message["more_body"]:
            return received
