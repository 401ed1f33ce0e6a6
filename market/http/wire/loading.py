"""Limits expensive work: whole books, each loaded only once at a time, and files; a few at a time."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from events.connections import Pool
from market.rules.book import Book
from market.store import books
from market.store.reading import reading

T = TypeVar("T")

AT_ONCE: Final = 2
"""Books, events of agreements, files and forecasts being read or made at the same time in one API process."""
COST: Final = 10
"""What such a request takes of its organisation's rate, in requests."""
RATE: Final = f"A request counts as {COST} in the organisation's rate."


class BookLoads:
    """One load in flight per market: who comes meanwhile waits for it, and reads the book without writing."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._loading: dict[UUID, asyncio.Task[Book | None]] = {}
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def load(self, reader: Pool, market: UUID, *, at_least: int) -> Book | None:
        """The book at lane position `at_least` or later; None when there is no such market.

        A load that began before that position is waited for, but another follows it.
        """
        while True:
            task = self._loading.get(market)
            if task is None:
                task = asyncio.create_task(self._load(reader, market))
                self._loading[market] = task
                task.add_done_callback(partial(self._ended, market))
            book = await asyncio.shield(task)
            if book is None or book.position >= at_least:
                return book

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Waits until few enough read."""
        return self._free

    async def work(self, read: Callable[[], T]) -> T:
        """`read` in a thread, when its turn comes."""
        async with self._free:
            return await asyncio.to_thread(read)

    async def work_of(self, organisation: UUID, read: Callable[[], T]) -> T:
        """As `work`, one at a time per organisation, so that one that requests many files does not delay
        others."""
        turn = self._turns.setdefault(organisation, asyncio.Lock())
        async with turn:
            return await self.work(read)

    def _ended(self, market: UUID, task: asyncio.Task[Book | None]) -> None:
        self._loading.pop(market, None)
        if not task.cancelled():
            task.exception()  # else a failure that nobody waits for any more is told as lost

    async def _load(self, reader: Pool, market: UUID) -> Book | None:
        """Seen by nobody as it is: what is read from it passes `rules.visibility`."""
        async with self._free:
            async with reading(reader, organisation=None, role="desk") as connection:
                rows = await books.read(connection, market)
            return None if rows is None else await asyncio.to_thread(books.decode, rows)
