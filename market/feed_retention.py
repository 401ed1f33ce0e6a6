"""PROCESS deletes old lines of the feed, some at a time, in the process of the timers.

The record keeps their events; a cursor from before the deleted lines gets 410 with the earliest one.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from events.clock_bounds import UNBOUNDED, ClockBound
from events.connections import DATABASE_ERRORS, Pool, acquire
from events.refusal import ClockAhead
from market.store import feed

log = structlog.get_logger("lodestone.feed")

ROWS_AT_ONCE: Final = 5_000
LOOK_SECONDS: Final = 600.0
BREATH_SECONDS: Final = 0.2
"""Pause between two deletions, so that writers of the feed go first."""


class FeedRetention:
    """Deletes old lines; several processes take turns."""

    def __init__(
        self,
        pool: Pool,
        *,
        days: int,
        clock: Callable[[], datetime],
        rows_at_once: int = ROWS_AT_ONCE,
        bound: ClockBound = UNBOUNDED,
    ) -> None:
        self._pool = pool
        self._kept = timedelta(days=days)
        self._clock = clock
        self._rows_at_once = rows_at_once
        self._bound = bound

    async def run(self, stop: asyncio.Event) -> None:
        """Until the event is set. A database that is away is waited for."""
        while not stop.is_set():
            dropped = 0
            try:
                dropped = await self.drop_some()
            except (ClockAhead, *DATABASE_ERRORS) as error:
                log.warning("feed_not_dropped", error=repr(error))
            more = dropped == self._rows_at_once
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), BREATH_SECONDS if more else LOOK_SECONDS)

    async def drop_some(self) -> int:
        """Deletes rows and returns their number; fewer than the maximum when no older ones are left.

        ClockAhead: a clock that runs ahead would delete what has to be kept.
        """
        async with acquire(self._pool) as connection, connection.transaction():
            by_database = await connection.fetchval("select clock_timestamp()")
            clock = self._clock()
            self._bound.check(clock, by_database)
            before = clock - self._kept
            dropped = await feed.drop_before(connection, before, rows_max=self._rows_at_once)
        if dropped:
            log.info("feed_dropped", rows=dropped, before=before.isoformat())
        return dropped
