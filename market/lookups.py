"""Looks up the addresses of host names given by others."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from market.rules.streams.reach import Address, Reach, all_allowed

LOOKUPS_AT_ONCE: Final = 256
"""More than posts at a time, since an abandoned look-up keeps its thread until the name servers' own
timeouts."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a name. OSError when it has none."""


@lru_cache(maxsize=1)
def _lookups() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")


async def resolve(host: str, port: int) -> list[Address]:
    """Resolves as the system does. OSError."""

    def look() -> list[Address]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [ip_address(str(each[4][0])) for each in found]

    try:
        return await asyncio.get_running_loop().run_in_executor(_lookups(), look)
    except (UnicodeError, ValueError) as error:
        raise OSError(f"{host!r} is no name") from error


async def forbidden(host: str, port: int, reach: Reach, resolve: Resolve, *, seconds_max: float) -> bool:
    """Whether the host has a forbidden address; False for a name that cannot be resolved now."""
    try:
        async with asyncio.timeout(seconds_max):
            return not all_allowed(await resolve(host, port), reach)
    except (OSError, TimeoutError):
        return False
