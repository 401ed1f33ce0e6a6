"""Completed rounds for the API: their books at the cut, and what-ifs, computed in a child process."""

import asyncio
from collections import OrderedDict
from typing import Any, Final
from uuid import UUID

import msgspec

from events.connections import Pool, acquire
from events.decision import LaneKey
from events.envelope import Draft, Fact, Recorded
from events.journal import read_events
from events.replay import from_journal
from market import round_books
from market.http.wire.endpoint import Call
from market.http.wire.problems import DoorError
from market.rules.book import Book
from market.solver import Solver, SolverFailed, SolverLost
from market.store.clearings import ClearingRow

BOOKS_KEPT: Final = 4
WAIT_SECONDS_MAX: Final = 60.0
"""For a turn of the solver and its answer together."""
COST: Final = 20
"""What a what-if takes of its organisation's rate, in requests."""


class RoundBooks:
    """Books at the cut of completed rounds: one load at a time, the last few are kept and never changed."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[tuple[UUID, UUID], Book] = OrderedDict()

    async def load(self, pool: Pool, row: ClearingRow) -> Book:
        """Raises BrokenRecord when the journal does not hold the round."""
        key = (row.market, row.plan)
        async with self._turn:
            if key not in self._kept:
                lane = LaneKey("market", row.lane)
                self._kept[key] = await round_books.recall(pool, lane, row.market, row.cut)
            self._kept.move_to_end(key)
            while len(self._kept) > BOOKS_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]


async def book_at_cut(call: Call[Any, Any], row: ClearingRow) -> Book:
    kept: RoundBooks = call.state.round_books
    return await kept.load(call.door.desk.pool, row)


async def plan_event(pool: Pool, row: ClearingRow) -> Recorded:
    async with acquire(pool) as connection:
        (event,) = await read_events(connection, LaneKey("market", row.lane), row.cut - 1, row.cut, 1)
    return event


async def conclude(solver: Solver, book: Book, plan: Recorded) -> tuple[Draft, ...]:
    """What the round would record. DoorError `unavailable` when it takes too long here."""
    body = await asyncio.to_thread(msgspec.msgpack.encode, book)
    try:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            return await solver.conclude(body, plan)
    except (TimeoutError, SolverLost) as error:
        raise DoorError(
            "unavailable",
            "The round could not be computed again in time; the same request with the same key tries again.",
            headers={"Retry-After": "10"},
        ) from error
    except SolverFailed as error:
        raise RuntimeError(f"the round {plan.subject} could not be computed again") from error


async def recorded(pool: Pool, row: ClearingRow) -> tuple[Fact, ...]:
    """The facts that a completed round recorded: matches, evidence, completion."""
    found: list[Fact] = []
    async for events in from_journal(pool, LaneKey("market", row.lane), after=row.cut, upto=row.position):
        found += [event.data for event in events if getattr(event.data, "plan", None) == row.plan]
    return tuple(found)
