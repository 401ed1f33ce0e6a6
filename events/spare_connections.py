"""Connections that go from one batch of a writer to the next, without the pool between."""

import asyncio
from contextlib import suppress
from types import TracebackType

from events.connections import DATABASE_ERRORS, DATABASE_LOST, Pool, Pooled, acquire_at_once

KEPT_SECONDS = 1.0
"""Without work: to take one from the pool and give it back is a tenth of what a batch of one takes."""


class SpareConnections:
    """A pool's, kept while work goes on; whoever had none for a while gives them back.

    None is kept of a pool that would have none left for others. Only for what leaves no transaction open.
    """

    def __init__(self, pool: Pool, spare_max: int, seconds_max: float) -> None:
        """`seconds_max`: how long the pool may take for another one."""
        self._pool = pool
        self._spare_max = spare_max if pool.get_max_size() > spare_max else 0
        self._seconds_max = seconds_max
        self._spare: list[Pooled] = []

    def lent(self) -> "Lent":
        """One for an `async with`. TimeoutError when none was free in time."""
        return Lent(self)

    async def take(self) -> Pooled:
        while self._spare:
            connection = self._spare.pop()
            if _is_open(connection):
                return connection
            await self._release(connection)
        return await acquire_at_once(self._pool, seconds_max=self._seconds_max)

    async def put(self, connection: Pooled, *, well: bool) -> None:
        """What was not used `well` is the pool's to look at."""
        if well and len(self._spare) < self._spare_max:
            self._spare.append(connection)
        else:
            await self._release(connection)

    async def rest_until(self, woken: asyncio.Event) -> None:
        """Without work; nothing is kept any more when that lasts, and then it is woken too."""
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
        """The pool ends what it cannot take back, and opens another when one is asked for."""
        with suppress(*DATABASE_ERRORS, TimeoutError):
            await self._pool.release(connection)


def _is_open(connection: Pooled) -> bool:
    """A connection that was lost goes back to the pool by itself, and may not even be asked."""
    try:
        return not connection.is_closed()
    except DATABASE_LOST:
        return False


class Lent:
    """A connection that is lent once."""

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
