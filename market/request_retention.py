"""PROCESS old idempotency keys → dropped, some pages at a time, in the process of the timers.

A request that comes again after that is a new one. The events of before keep the hashes of key and body.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog

from events.connections import DATABASE_ERRORS, Pool, acquire
from market.store import old_requests

log = structlog.get_logger("lodestone.requests")

PAGES_AT_ONCE: Final = 512
"""4 MiB, of some 20,000 keys."""
BREATH_SECONDS: Final = 0.2
"""Between two parts: whoever records goes first."""
PASS_SECONDS: Final = 6 * 3_600.0
AGAIN_SECONDS: Final = 600.0


class RequestRetention:
    """Several may run: what one has dropped the others do not find."""

    def __init__(
        self,
        pool: Pool,
        *,
        days: int,
        clock: Callable[[], datetime],
        pages_at_once: int = PAGES_AT_ONCE,
        breath_seconds: float = BREATH_SECONDS,
    ) -> None:
        self._pool = pool
        self._days = days
        self._clock = clock
        self._pages_at_once = pages_at_once
        self._breath_seconds = breath_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Until the event is set. A pass that the database ended begins anew."""
        while not stop.is_set():
            pause = PASS_SECONDS
            try:
                await self.pass_over(stop)
            except DATABASE_ERRORS as error:
                log.warning("requests_not_dropped", error=repr(error))
                pause = AGAIN_SECONDS
            await _rest(stop, pause)

    async def pass_over(self, stop: asyncio.Event) -> int:
        """Through all pages once, or until `stop`; the number of keys dropped."""
        dropped = 0
        for table in old_requests.STATEMENTS:
            async with acquire(self._pool) as connection:
                end = await old_requests.pages(connection, table)
            for first in range(0, end, self._pages_at_once):
                if stop.is_set():
                    break
                dropped += await self._drop(table, first)
                await _rest(stop, self._breath_seconds)
        if dropped:
            log.info("requests_dropped", rows=dropped, days=self._days)
        return dropped

    async def _drop(self, table: str, first: int) -> int:
        async with acquire(self._pool) as connection:
            return await old_requests.drop_before(
                connection, table, first, first + self._pages_at_once, self._clock(), days=self._days
            )


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
