"""Connections that a writer keeps from one batch to the next, without returning them to the pool."""

import asyncio
from contextlib import suppress
from types import TracebackType

from events.connections import DATABASE_ERRORS, DATABASE_LOST, Pool, Pooled, acquire_at_once

KEPT_SECONDS = 1.0
"""How long they are kept without work: taking one from the pool and returning it costs a tenth of a batch of
one command."""


class SpareConnections:
    """A pool's connections, kept while work goes on and returned after a while without work.

    None is kept if the pool would have none left for others. Only for code that leaves no transaction open.
    """

    def __init__(self, pool: Pool, spare_max: int, seconds_max: float) -> None:
        """`seconds_max`: how long to wait for another one from the pool."""
        self._pool = pool
        self._spare_max = spare_max if pool.get_max_size() > spare_max else 0
        self._seconds_max = seconds_max
        self._spare: list[Pooled] = []

    def lent(self) -> "Lent":
        """A connection for an `async with`. TimeoutError when none was free in time."""
        return Lent(self)

    async def take(self) -> Pooled:
        while self._spare:
            connection = self._spare.pop()
            if _is_open(connection):
                return connection
            await self._release(connection)
        return await acquire_at_once(self._pool, seconds_max=self._seconds_max)

    async def put(self, connection: Pooled, *, well: bool) -> None:
        """Take back a connection; one that was not used `well` goes to the pool, which checks it."""
        if well and len(self._spare) < self._spare_max:
            self._spare.append(connection)
        else:
            await self._release(connection)

    async def rest_until(self, woken: asyncio.Event) -> None:
        """Wait until `woken`; after KEPT_SECONDS without work, it is set all the same and all connections go
        back to the pool."""
        if not self._spare:
            await woken.wait()
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + KEPT_SECONDS
        later = loop.call_at(deadline, woken.set)
        try:
            await woken.wait()
        finally:
            later.cancel()
        if loop.time() >= deadline:
            await self.give_back()

    async def give_back(self) -> None:
        while self._spare:
            await self._release(self._spare.pop())

    async def _release(self, connection: Pooled) -> None:
        """Return a connection to the pool, which closes it if it cannot be reused."""
        with suppress(*DATABASE_ERRORS, TimeoutError):
            await self._pool.release(connection)


def _is_open(connection: Pooled) -> bool:
    """A lost connection has already left for the pool, and even asking it raises an error."""
    try:
        return not connection.is_closed()
    except DATABASE_LOST:
        return False


class Lent:
    """A connection lent for one use."""

    __slots__ = ("_connection", "_lender")

    def __init__(self, lender: SpareConnections) -> None:
        self._lender = lender

    async def __aenter__(self) -> Pooled:
        self._connection = await self._lender.take()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lender.put(self._connection, well=error is None)
