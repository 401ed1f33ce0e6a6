"""The checks of `/readyz`, before a process gets requests."""

from collections.abc import Awaitable, Callable

from msgspec import Struct


class Check(Struct, frozen=True, kw_only=True):
    """A readiness check: `ask` returns a sentence about what is wrong, None if nothing is. `needed`: without
    it, this process cannot answer requests."""

    ask: Callable[[], Awaitable[str | None]]
    needed: bool = True
