"""Writes the publisher's lines of several lanes, with their positions: one statement for all that wait.

At a low rate a lane's batch is a single event, so that a transaction per batch would be most of the work.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from events.connections import DATABASE_AWAY, Pool, acquire
from events.handling import Batch
from events.positions import NotOwner, Step
from market.rules.streams.partner_lines import PartnerLine
from market.store import feed

LINES_AT_ONCE_MAX: Final = 2_000
"""A batch with more goes alone."""


class Waiting(Struct, frozen=True, eq=False):
    step: Step
    lines: Sequence[PartnerLine]
    written: "asyncio.Future[None]"


class FeedWriter:
    """The writer of one process, for all lanes of all streams that its publisher holds. While a statement is
    under way, new batches wait for the next one."""

    def __init__(self, pool: Pool, *, owner: str) -> None:
        """`owner` is the publisher's own."""
        self._pool = pool
        self._owner = owner
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, batch: Batch, lines: Sequence[PartnerLine]) -> None:
        """Returns when the batch's lines are stored and its position is moved.

        NotOwner as in `Batch.transaction`. A failure for one lane does not affect others. After a cancelled
        caller nothing is written later: the next owner finds a final position.
        """
        waiting = Waiting(batch.step, lines, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="feed-writer")
        try:
            await asyncio.shield(waiting.written)
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                await asyncio.wait([waiting.written, self._writing], return_when=asyncio.FIRST_COMPLETED)
            raise
        batch.stepped()

    async def _write_all(self) -> None:
        while self._waiting:
            group = self._take()
            try:
                await self._write(group)
            except DATABASE_AWAY as error:
                _fail(group, error)
            except Exception as error:  # noqa: BLE001  whatever it is, it is of one of them
                await self._write_singly(group, error)

    def _take(self) -> list[Waiting]:
        """Those that came first."""
        count = lines = 0
        for waiting in self._waiting:
            lines += len(waiting.lines)
            if count and lines > LINES_AT_ONCE_MAX:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _write_singly(self, group: Sequence[Waiting], error: Exception) -> None:
        if len(group) == 1:
            _fail(group, error)
            return
        for waiting in group:
            try:
                await self._write([waiting])
            except Exception as own:  # noqa: BLE001  the lane's own subscription tells of it
                _fail([waiting], own)

    async def _write(self, group: Sequence[Waiting]) -> None:
        async with acquire(self._pool) as connection:
            moved = await feed.step(
                connection,
                self._owner,
                [waiting.step for waiting in group],
                [line for waiting in group for line in waiting.lines],
            )
        for waiting in group:
            key, before = waiting.step.key, waiting.step.before.position
            if key not in moved:
                lost = NotOwner(f"{feed.PUBLISHER} on {key.stream}/{key.lane}: {before} is passed by another")
                _fail([waiting], lost)
            else:
                waiting.written.set_result(None)


def _fail(group: Sequence[Waiting], error: Exception) -> None:
    for waiting in group:
        waiting.written.set_exception(error)
