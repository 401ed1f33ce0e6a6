"""Thousands of events appended in one transaction: the server takes their journal rows while they are chained
and passed over here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Draft, Recorded
from events.heads import Heads, Stamp
from events.journal import JournalRow, copy_rows
from events.writes import Write

EVENTS_A_TURN: Final = 32
"""So many are made before the loop sends what it holds: less than what a socket takes at once."""


class Tables(Protocol):
    """The rows that events change, read before the first of them."""

    def pass_over(self, event: Recorded) -> None: ...

    def writes(self) -> Sequence[Write]:
        """What is to be written of them, after the last event."""
        ...


async def append_large(
    connection: Connection, heads: Heads, drafts: Sequence[Draft], stamp: Stamp, tables: Tables
) -> tuple[Recorded, ...]:
    """As `heads.append`, in the caller's transaction, on lanes it has locked.

    LaneStopped when one of them is stopped. After an exception nothing may be committed.
    """
    heads.check_open([LaneKey(draft.stream, draft.lane) for draft in drafts])
    assert heads.locked_at is not None, "rows are copied under locks that are held"
    recorded: list[Recorded] = []
    rows = _journalled(heads, drafts, stamp, tables, recorded)
    await copy_rows(connection, rows, heads.locked_at)
    await heads.store(connection, tables.writes())
    return tuple(recorded)


async def _journalled(
    heads: Heads, drafts: Sequence[Draft], stamp: Stamp, tables: Tables, recorded: list[Recorded]
) -> AsyncIterator[list[JournalRow]]:
    for start in range(0, len(drafts), EVENTS_A_TURN):
        events = heads.write(drafts[start : start + EVENTS_A_TURN], stamp)
        for event in events:
            tables.pass_over(event)
        recorded += events
        yield heads.take_rows()
        await asyncio.sleep(0)
