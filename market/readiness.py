"""What `/readyz` asks before a process is sent requests."""

from collections.abc import Awaitable, Callable

from msgspec import Struct


class Check(Struct, frozen=True, kw_only=True):
    """Of readiness: `ask` gives the sentence that says what is not well, None when all is. `needed`: without
    it this process answers no request."""

    ask: Callable[[], Awaitable[str | None]]
    needed: bool = True
