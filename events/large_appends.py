"""Appends thousands of events in one transaction: their journal rows are made before the lane is locked; if
the lane has grown meanwhile, again, while the server receives earlier ones."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Protocol, Self

from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Draft
from events.heads import Head, Heads
from events.journal import JournalHead, copy_bytes, read_head
from events.row_bytes import RowBytes, recorded
from events.writes import Prepared, send_prepared

EVENTS_A_TURN: Final = 32
"""Events per turn of the event loop, which then sends their rows: less than a socket's buffer."""


class Tables(Protocol):
    """The table rows that the events change, read before the first event."""

    def pass_over(self, drafts: Sequence[Draft], position: int) -> None:
        """Apply the next events; `position` is that of the first."""
        ...

    def prepared(self) -> Iterable[Prepared]:
        """The writes for all events, after the last one."""
        ...


class RowsAhead:
    """Journal rows made in advance, for the positions that they get if the lane does not grow before it is
    locked."""

    def __init__(self, key: LaneKey, head: JournalHead, source: str) -> None:
        self._before = head
        self.rows = RowBytes(key, head.position, head.head, source)
        self.made: list[list[bytes]] = []

    @classmethod
    async def read(cls, connection: Connection, key: LaneKey, source: str) -> Self:
        return cls(key, await read_head(connection, key), source)

    @asynccontextmanager
    async def making(self, drafts: Sequence[Draft]) -> AsyncIterator[None]:
        """Makes the rows while the block waits for the server; they are complete when it ends."""
        task = asyncio.create_task(self._make(drafts))
        try:
            yield
            await task
        finally:
            task.cancel()

    async def _make(self, drafts: Sequence[Draft]) -> None:
        made = []
        for part in _parts(drafts):
            made.append(self.rows.place(part))
            await asyncio.sleep(0)
        self.made = made

    def stand_at(self, head: Head) -> bool:
        return bool(self.made) and self._before == (head.next_position - 1, head.head)


async def append_large(
    connection: Connection,
    heads: Heads,
    key: LaneKey,
    drafts: Sequence[Draft],
    source: str,
    tables: Tables,
    *,
    ahead: RowsAhead | None = None,
) -> None:
    """Runs in the caller's transaction, which has locked the lane; all `drafts` come from
    `codec.encode_ahead`.

    `ahead`: rows made in advance, used if the lane has not grown. LaneStopped when the lane is stopped. After
    an exception nothing may be committed.
    """
    heads.check_open([key])
    assert heads.locked_at is not None, "rows are copied under locks that are held"
    head = heads[key]
    if ahead is not None and ahead.stand_at(head):
        rows, made = ahead.rows, iter(ahead.made)
    else:
        rows = RowBytes(key, head.next_position - 1, head.head, source)
        made = map(rows.place, _parts(drafts))
    await copy_bytes(connection, _told(drafts, made, head.next_position, heads.locked_at, tables))
    await send_prepared(connection, tables.prepared())
    heads.move(key, rows.position + 1, rows.chain, max(filter(None, (draft.time for draft in drafts))))
    await heads.store(connection)


def _parts(drafts: Sequence[Draft]) -> Iterator[Sequence[Draft]]:
    for start in range(0, len(drafts), EVENTS_A_TURN):
        yield drafts[start : start + EVENTS_A_TURN]


async def _told(
    drafts: Sequence[Draft], made: Iterator[list[bytes]], position: int, at: datetime, tables: Tables
) -> AsyncIterator[bytes]:
    for part, rows in zip(_parts(drafts), made, strict=True):
        tables.pass_over(part, position)
        position += len(part)
        yield recorded(rows, at)
        await asyncio.sleep(0)
