"""Thousands of events appended in one transaction: the server takes their journal rows while they are placed
and chained here."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, Protocol

from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Draft
from events.heads import Heads
from events.journal import copy_bytes
from events.row_bytes import RowBytes
from events.writes import Prepared, send_prepared

EVENTS_A_TURN: Final = 32
"""So many are made before the loop sends what it holds: less than what a socket takes at once."""


class Tables(Protocol):
    """The rows that events change, read before the first of them."""

    def pass_over(self, drafts: Sequence[Draft], position: int) -> None:
        """Those that come next; `position` is the first one's."""
        ...

    def prepared(self) -> Iterable[Prepared]:
        """What is to be written of them, after the last event."""
        ...


async def append_large(
    connection: Connection, heads: Heads, key: LaneKey, drafts: Sequence[Draft], source: str, tables: Tables
) -> None:
    """In the caller's transaction, which holds the lane; `drafts` as from `codec.encode_ahead`, all of it.

    LaneStopped when it is stopped. After an exception nothing may be committed.
    """
    heads.check_open([key])
    assert heads.locked_at is not None, "rows are copied under locks that are held"
    head = heads[key]
    rows = RowBytes(key, head.next_position - 1, head.head, source, heads.locked_at)
    await copy_bytes(connection, _placed(rows, drafts, tables))
    await send_prepared(connection, tables.prepared())
    heads.move(key, rows.position + 1, rows.chain, max(filter(None, (draft.time for draft in drafts))))
    await heads.store(connection)


async def _placed(rows: RowBytes, drafts: Sequence[Draft], tables: Tables) -> AsyncIterator[bytes]:
    for start in range(0, len(drafts), EVENTS_A_TURN):
        part = drafts[start : start + EVENTS_A_TURN]
        tables.pass_over(part, rows.position + 1)
        yield rows.place(part)
        await asyncio.sleep(0)
