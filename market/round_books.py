"""A market's book at the cut of a round: stored by the matcher with the round, read by the API."""

from typing import Final
from uuid import UUID

import msgspec

from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.envelope import Recorded
from market.lane_memory import MILESTONE_EVENTS, LaneMemory
from market.rules.book import Book, Books, fold
from market.store import snapshots
from market.store.snapshots import Snapshot


def _no_books() -> Books:
    return {}


LANE_BOOKS: Final[LaneMemory[Books]] = LaneMemory(
    "matcher", dict[UUID, Book], _no_books, fold, milestone_events=MILESTONE_EVENTS
)
"""The books of a lane, as the matcher keeps them."""

FORMAT: Final = snapshots.format_of(Book)
_books: Final = msgspec.msgpack.Decoder(Book)


def _name(market: UUID) -> str:
    return f"round/{market}"


async def keep(connection: Connection, key: LaneKey, plan: Recorded, market: UUID, book: bytes) -> None:
    """The book of a round that is completed in this transaction; it replaces the one of the round before."""
    snapshot = Snapshot(position=plan.position, format=FORMAT, body=book)
    await snapshots.save(connection, _name(market), key, snapshot)


async def recall(pool: Pool, key: LaneKey, market: UUID, cut: int) -> Book:
    """The book at a cut: stored, or for an older round folded from its lane's events after a milestone.

    BrokenRecord when the journal does not reach the cut.
    """
    async with acquire(pool) as connection:
        kept = await snapshots.load(connection, _name(market), key)
    if kept is not None and kept.format == FORMAT and kept.position == cut:
        return _books.decode(kept.body)
    return (await LANE_BOOKS.recall(pool, key, cut))[market]
