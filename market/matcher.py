"""PROCESS lane → book → clearing → record. The book is a pure fold of the lane, never the live tables."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from events.codec import encode_ahead
from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from events.envelope import Draft, Recorded
from events.faults import crash_point
from events.handling import Batch
from events.heads import allow_for, lock_lanes
from events.large_appends import RowsAhead, append_large
from events.market_events import ClearingCompleted, ClearingPlanned, MatchStruck
from market import round_books
from market.lane_memory import SNAPSHOT_AFTER_EVENTS
from market.metrics import CLEARING_SECONDS, CLEARINGS
from market.round_books import LANE_BOOKS
from market.rules.book import Books, fold
from market.rules.clearing.clearing import SOLVER_GAVE_UP, abandonment, unrecordable
from market.rules.clearing.written import Unrecordable
from market.solver import Solver, SolverLost
from market.store.clearings import load_clearing
from market.store.round_tables import RoundRecorded, RoundTables
from market.store.snapshots import Snapshot

log = structlog.get_logger("lodestone.matcher")

NAME: Final = "matcher"
ROUND_TRIES_MAX: Final = 3


class _Ended(Exception):
    """The plan had ended before its lane was locked: what was written in advance must not be committed."""


class LaneBooks(Struct, kw_only=True):
    """The books of a lane at the reader's position, and how many events its snapshot lags behind."""

    books: Books
    unsaved: int = 0


class Matcher:
    """Handler of the market stream: folds every event into the books, computes and records the round of every
    plan."""

    def __init__(
        self,
        pool: Pool,
        solver: Solver,
        *,
        source: str,
    ) -> None:
        self._pool = pool
        self._solver = solver
        self._source = source
        self._lanes: dict[LaneKey, LaneBooks] = {}

    async def opened(self, key: LaneKey, position: int) -> None:
        """Rebuild the lane's books at `position`; called before the first batch and before every retry."""
        self._lanes[key] = LaneBooks(books=await LANE_BOOKS.recall(self._pool, key, position, keeps=True))

    def closed(self, key: LaneKey) -> None:
        """The lane is read no more."""
        self._lanes.pop(key, None)

    async def handle(self, batch: Batch) -> None:
        memory = self._lanes[batch.lane]
        for count, event in enumerate(batch.events, 1):
            fold(memory.books, event)
            memory.unsaved += 1
            if isinstance(event.data, ClearingPlanned):
                await self._clear(batch, count, event, event.data, memory)
        if batch.done < len(batch.events):
            due = memory.unsaved >= SNAPSHOT_AFTER_EVENTS
            snapshot = LANE_BOOKS.snapshot(batch.events[-1].position, memory.books) if due else None
            async with batch.transaction() as connection:
                if snapshot is not None:
                    await self._keep(connection, batch, snapshot, memory)

    async def _clear(
        self, batch: Batch, count: int, event: Recorded, plan: ClearingPlanned, memory: LaneBooks
    ) -> None:
        """One transaction: the round's events and state, the reader's position, a snapshot of the books.

        If the plan is abandoned while this waits for its lane, a book of that cut remains stored: a question
        about the previous round then has to fold the lane.
        """
        crash_point("matcher.planned")
        started = time.perf_counter()
        book = msgspec.msgpack.encode(memory.books[plan.market])
        drafts = await asyncio.to_thread(ahead_of_lock, await self._drafts(event, plan, book), self._source)
        seconds = time.perf_counter() - started
        snapshot = LANE_BOOKS.snapshot(event.position, memory.books)
        crash_point("matcher.cleared")

        async def keep(connection: Connection) -> None:
            # tens of megabytes, encoded while the lane is not locked
            await self._keep(connection, batch, snapshot, memory)
            if drafts and isinstance(drafts[-1].data, ClearingCompleted):
                await round_books.keep(connection, batch.lane, event, plan.market, book)

        try:
            recorded = await self._record(batch, count, plan, drafts, keep, ahead=bool(drafts))
        except (_Ended, RoundRecorded):
            recorded = await self._record(batch, count, plan, drafts, keep, ahead=False)
        self._tell(batch.lane, plan, drafts, seconds, recorded=recorded)

    async def _record(
        self,
        batch: Batch,
        count: int,
        plan: ClearingPlanned,
        drafts: Sequence[Draft],
        keep: Callable[[Connection], Awaitable[None]],
        *,
        ahead: bool,
    ) -> bool:
        """Records the round; returns whether the plan was still open.

        `ahead`: inserts matches and makes journal rows before the lane is locked. Then raises _Ended when the
        plan was not open, and RoundRecorded when another matcher has recorded the round.
        """
        async with batch.transaction(count) as connection:
            await keep(connection)
            await allow_for(connection, len(drafts))
            tables = await RoundTables.read(connection, batch.lane, drafts)
            rows = None
            if ahead:
                rows = await RowsAhead.read(connection, batch.lane, self._source)
                async with rows.making(drafts):
                    await tables.insert_matches(connection, drafts)
            heads = await lock_lanes(connection, [batch.lane])
            row = await load_clearing(connection, plan.market, plan.plan)
            assert row is not None, f"plan {plan.plan} stands in the lane, but not in the state"
            is_open = row.status == "planned"
            if is_open:
                await tables.locked(connection, heads[batch.lane].next_position - 1)
                await append_large(connection, heads, batch.lane, drafts, self._source, tables, ahead=rows)
            elif ahead:
                raise _Ended
            crash_point("matcher.before_commit")
        crash_point("matcher.after_commit")
        return is_open

    async def _drafts(self, event: Recorded, plan: ClearingPlanned, book: bytes) -> tuple[Draft, ...]:
        """The drafts of the round; empty for a plan that has ended."""
        async with acquire(self._pool) as connection:
            row = await load_clearing(connection, plan.market, plan.plan)
        if row is not None and row.status != "planned":
            return ()
        for attempt in range(1, ROUND_TRIES_MAX + 1):
            try:
                return await self._solver.conclude(book, event)
            except Unrecordable as found:
                # the market goes on without this round: stopping the lane would stop its other markets too
                log.exception(
                    "round_unrecordable",
                    market=str(plan.market),
                    plan=str(plan.plan),
                    round=plan.round,
                    type=found.type,
                    told=found.told,
                )
                return (unrecordable(event, found),)
            except SolverLost as lost:
                log.warning(
                    "round_lost",
                    market=str(plan.market),
                    plan=str(plan.plan),
                    attempt=attempt,
                    error=str(lost),
                )
        log.error("round_given_up", market=str(plan.market), plan=str(plan.plan), attempts=ROUND_TRIES_MAX)
        return (
            abandonment(event, SOLVER_GAVE_UP, f"The round had no result after {ROUND_TRIES_MAX} tries."),
        )

    async def _keep(
        self, connection: Connection, batch: Batch, snapshot: Snapshot, memory: LaneBooks
    ) -> None:
        await LANE_BOOKS.keep(connection, batch.lane, snapshot)
        memory.unsaved = 0

    def _tell(
        self,
        key: LaneKey,
        plan: ClearingPlanned,
        drafts: tuple[Draft, ...],
        seconds: float,
        *,
        recorded: bool,
    ) -> None:
        outcome = drafts[-1].data.__class__.__name__ if recorded else "already recorded"
        CLEARING_SECONDS.observe(seconds)
        CLEARINGS.labels(outcome).inc()
        log.info(
            "round_cleared",
            market=str(plan.market),
            lane=key.lane,
            round=plan.round,
            outcome=outcome,
            matches=sum(isinstance(draft.data, MatchStruck) for draft in drafts),
            events=len(drafts),
            seconds=round(seconds, 4),
        )


def ahead_of_lock(drafts: Sequence[Draft], source: str) -> tuple[Draft, ...]:
    """Encodes the drafts before the lane is locked, since a large round takes longer than a transaction may
    idle."""
    return tuple(encode_ahead(draft, source) for draft in drafts)
