"""Checks whether PostgreSQL can still write: with a full disk it keeps running, and reading works."""

import time
from typing import Final

import asyncpg

from events.away_causes import first_line
from events.connections import Connection

TRIAL_ROWS: Final = 1_100
TRIED_AGAIN_SECONDS: Final = 15.0

# More rows than `work_mem` holds are written to a temporary file, which goes with the statement: no row, no
# log, no right beyond that to read.
SMALL_MEMORY = "select set_config('work_mem', '64kB', true)"
TRIAL = "select count(*) from string_to_table(repeat(repeat('x', 1023) || ' ', $1::int), ' ')"


async def trial_write(connection: Connection) -> str | None:
    """Makes PostgreSQL write a megabyte; returns its error message when it has no room."""
    try:
        async with connection.transaction():
            await connection.execute(SMALL_MEMORY)
            await connection.fetchval(TRIAL, TRIAL_ROWS)
    except asyncpg.DiskFullError as error:
        return f"PostgreSQL cannot write: {first_line(error)}"
    return None


class Trials:
    """The result of the last trial; at most one in fifteen seconds, since each costs a write."""

    def __init__(self) -> None:
        self._tried_at = -TRIED_AGAIN_SECONDS
        self._told: str | None = None

    async def told(self, connection: Connection) -> str | None:
        if time.monotonic() - self._tried_at >= TRIED_AGAIN_SECONDS:
            self._told = await trial_write(connection)
            self._tried_at = time.monotonic()
        return self._told
