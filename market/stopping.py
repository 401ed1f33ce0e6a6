"""Orderly shutdown of a process's work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

STOP_SECONDS_MAX: Final = 15.0
"""Time for all services of a process together."""


async def until(stop: asyncio.Event, work: Callable[[], Awaitable[None]], end: Callable[[], object]) -> None:
    """Run `work`, tell it to end when `stop` is set, and wait for it."""
    running = asyncio.ensure_future(work())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        end()
        await running
    finally:
        for task in (running, stopping):
            task.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)
