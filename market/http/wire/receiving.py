"""The body of a request, as the server hands it over."""

from collections.abc import AsyncIterator

from litestar.types import Receive

from market.http.wire.problems import DoorError


async def receive_all(receive: Receive, bytes_max: int) -> bytes:
    """The whole body. DoorError `body_too_large`, and `invalid_request` for who went away before its end."""
    received, more = b"", True
    while more:
        found, more = await _next(receive)
        received += found
        _check_size(len(received), bytes_max)
    return received


async def receive_parts(receive: Receive, part_bytes: int, bytes_max: int) -> AsyncIterator[bytes]:
    """The body in parts of `part_bytes`, the last one shorter. Raises as `receive_all`."""
    held, size, more = bytearray(), 0, True
    while more:
        found, more = await _next(receive)
        size += len(found)
        _check_size(size, bytes_max)
        held += found
        while len(held) >= part_bytes:
            yield bytes(held[:part_bytes])
            del held[:part_bytes]
    if held:
        yield bytes(held)


async def _next(receive: Receive) -> tuple[bytes, bool]:
    """What came, and whether more does."""
    message = await receive()
    if message["type"] != "http.request":
        raise DoorError("invalid_request", "The body was not received completely.")
    return message["body"], message["more_body"]


def _check_size(size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise DoorError("body_too_large", f"The body is larger than {bytes_max} bytes.")
