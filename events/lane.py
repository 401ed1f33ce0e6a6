"""One lane, one writer: batch, lock, idempotency, load, decide, append, commit.

A batch is one transaction that holds its lanes, so every decision is made on current state; what may be is
decided before, and written if nothing has moved meanwhile (`events.optimistic`).
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import TypeVar
from uuid import UUID

import asyncpg
import structlog

from events.away_causes import say_why
from events.clock_bounds import UNBOUNDED, ClockBound
from events.command import Command, Outcome
from events.connections import (
    ACQUIRE_SECONDS_MAX,
    DATABASE_AWAY,
    DATABASE_ERRORS,
    DATABASE_LOST,
    Connection,
    Pool,
    acquire,
)
from events.deciding import Deciding
from events.decision import LaneKey
from events.envelope import Draft, Recorded, source_of
from events.faults import crash_point
from events.heads import (
    Apply,
    Heads,
    RequestRaced,
    StoredRequest,
    begin_and_lock,
    has_restored,
    read_locked,
)
from events.journal import read_by_ids, read_deployment
from events.optimistic import LanesLeft, LanesMoved, store_if_unmoved
from events.refusal import (
    ClockAhead,
    IdempotencyKeyReused,
    LaneBusy,
    LaneStopped,
    OutcomeUnknown,
    QueueFull,
    RecordUnavailable,
    Refusal,
)
from events.spare_connections import SpareConnections
from events.waiting import LATE_SECONDS, Waiting, WaitingRoom
from events.writes import send

log = structlog.get_logger("lane")

A = TypeVar("A")
S = TypeVar("S")

NOT_NOW = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, *DATABASE_AWAY)
"""A command by itself has left nothing, and may go well later: a statement that timed out waited too long."""


class LaneWriter:
    """The writer of one process: transactions of all commands that may go together, on lanes of their own.

    A second one begins where enough commands wait for lanes that the first has not taken.
    """

    def __init__(
        self,
        pool: Pool,
        apply: Apply,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        new_salt: Callable[[], str],
        batch_max: int = 128,
        waiting_max: int = 4096,
        look_max: int = 1024,
        batches_max: int = 2,
        rehearsals_max: int = 2,
        bound: ClockBound = UNBOUNDED,
        acquire_seconds_max: float = ACQUIRE_SECONDS_MAX,
    ) -> None:
        self._pool = pool
        self._apply = apply
        self._deciding = Deciding(clock=clock, new_id=new_id, new_salt=new_salt, bound=bound)
        self._left = LanesLeft()
        self._waiting_max = waiting_max
        self._batches_max = batches_max
        self._acquire_seconds_max = acquire_seconds_max
        self._rehearsals = asyncio.Semaphore(rehearsals_max)
        self._room = WaitingRoom(batch_max, look_max)
        self._spare = SpareConnections(pool, batches_max, acquire_seconds_max)
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._restored = False

    async def start(self) -> None:
        async with acquire(self._pool, seconds_max=self._acquire_seconds_max) as connection:
            self._deciding.source = source_of((await read_deployment(connection)).deployment_id)
            self._restored = await has_restored(connection)
        self._stopping = False
        self._task = asyncio.create_task(self._loop(), name="lane-writer")

    async def stop(self, seconds_max: float = 10.0) -> None:
        """Take no more commands, finish those that wait, end; what is not finished in time fails."""
        self._stopping = True
        self._wake.set()
        task, self._task = self._task, None
        if task is not None:
            _, late = await asyncio.wait([task], timeout=seconds_max)
            if late:
                task.cancel()
                await asyncio.wait([task])

    @property
    def waiting(self) -> int:
        return len(self._room)

    async def execute(self, command: Command[A, S]) -> Outcome:
        """Decide, apply, record; returns after the commit. Raises what `decide` or the lane refuses."""
        if self._task is None or self._task.done() or self._stopping:
            raise RecordUnavailable
        if len(self._room) >= self._waiting_max:
            raise QueueFull(waiting=len(self._room))
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if self._room.add(Waiting(command, future)):
            self._wake.set()
        return await future

    async def rehearse(self, command: Command[A, S]) -> tuple[Draft, ...]:
        """The drafts that `execute` would record now; everything is done under the lock and rolled back.

        A few at once, since each waits for its lanes with a connection of the pool that records.
        """
        try:
            await asyncio.wait_for(self._rehearsals.acquire(), self._acquire_seconds_max)
        except TimeoutError:
            raise LaneBusy from None
        try:
            async with acquire(self._pool, seconds_max=self._acquire_seconds_max) as connection:
                try:
                    return await self._rehearse(connection, command)
                finally:
                    await _roll_back(connection)
        except NOT_NOW as error:
            raise _refusal_of(error) from error
        finally:
            self._rehearsals.release()

    async def _rehearse(self, connection: Connection, command: Command[A, S]) -> tuple[Draft, ...]:
        await begin_and_lock(connection, command.lanes)
        heads, _ = await read_locked(connection, command.lanes, ())
        heads.check_open(command.lanes)
        moment = self._deciding.moment(heads, command)
        states = await command.operation.load(connection, (command.argument,), moment)
        drafts = command.operation.decide(states[0], command.argument, moment).drafts
        recorded = heads.write(drafts, self._deciding.stamp(command, moment))
        await send(connection, await self._apply(connection, recorded))
        return drafts

    async def _loop(self) -> None:
        """Begin batches until the writer is to stop and all that waited is answered."""
        room = self._room
        try:
            async with asyncio.TaskGroup() as batches:
                while True:
                    self._wake.clear()
                    while room and room.batches_under_way < self._batches_max and (batch := self._next()):
                        batches.create_task(self._carry(batch), name="lane-batch")
                    if self._stopping and not room and not room.batches_under_way:
                        return
                    if room.batches_under_way:
                        await self._wake.wait()
                    else:
                        await self._spare.rest_until(self._wake)
        finally:
            room.turn_away()
            await self._spare.give_back()

    def _next(self) -> list[Waiting]:
        """What fails in choosing is answered to all that wait, and the writer goes on with who comes next."""
        if not self._room.is_worth_a_batch:
            return []
        try:
            return self._room.take()
        except Exception:
            log.exception("lane_writer_failed", commands=len(self._room))
            self._room.turn_away()
            return []

    async def _carry(self, batch: list[Waiting]) -> None:
        """Nobody waits for ever, whatever ended the batch."""
        late = asyncio.get_running_loop().call_later(LATE_SECONDS, self._is_late, batch)
        try:
            await self._settle(batch)
        except BaseException as error:
            for waiting in batch:
                waiting.fail(OutcomeUnknown())
            if not isinstance(error, Exception):
                raise
            log.exception("lane_writer_failed", commands=len(batch))
        finally:
            late.cancel()
            self._room.ended(batch)
            self._wake.set()

    def _is_late(self, batch: list[Waiting]) -> None:
        self._room.late(batch)
        self._wake.set()

    async def _settle(self, batch: list[Waiting]) -> None:
        """Answer every command. When a lane is held by another session, only those who want it fail.

        The batch grows while it waits for its lanes. Else two processes that share a lane would pass it to
        and fro for the few commands that each had when it began to wait.
        """
        rest = await self._attempt_unlocked(batch)
        if not rest or await self._attempt(rest, growing=rest is batch):
            return
        busy: set[LaneKey] = set()
        for lanes, found in groupby(sorted(rest, key=_lanes), _lanes):
            group = [waiting for waiting in found if not waiting.future.done()]
            if not busy.isdisjoint(lanes) or not await self._attempt(group):
                busy.update(lanes)
                for waiting in group:
                    waiting.fail(LaneBusy())

    async def _attempt_unlocked(self, batch: list[Waiting]) -> list[Waiting]:
        """Run a batch as of `events.optimistic`; those that have to lock first, of which nothing came."""
        if self._restored or not all(waiting.command.optimistic for waiting in batch):
            return batch
        lanes = {key for waiting in batch for key in waiting.lanes}
        found = self._left.heads(lanes)
        if found is None:
            return batch
        try:
            refused = await self._run_unlocked(batch, Heads(found, None))
        except (OutcomeUnknown, *DATABASE_AWAY) as error:
            for waiting in batch:
                waiting.fail(_refusal_of(error))
            return []
        except LanesMoved:
            self._left.met_others(lanes)
            return batch
        except Exception as error:  # noqa: BLE001  under the lock it comes again, or does not
            log.warning("lane_unlocked_failed", error=type(error).__name__)
            self._left.met_others(lanes)
            return [waiting for waiting in batch if not waiting.future.done()]
        return refused

    async def _run_unlocked(self, batch: list[Waiting], heads: Heads) -> list[Waiting]:
        """Answers those that were accepted, and returns the others: the same request may have been accepted
        before, and nobody has looked."""
        kept = self._left.kept(heads.found)
        accepted: list[tuple[Waiting, Outcome]] = []
        refused: list[Waiting] = []
        async with self._spare.lent() as connection:
            clock = self._deciding.read_clock(heads)
            states = await self._deciding.load(connection, heads, batch, clock, kept)
            for waiting in batch:
                answer = self._deciding.decide(heads, waiting, *states[waiting])
                if isinstance(answer, Outcome):
                    accepted.append((waiting, answer))
                else:
                    refused.append(waiting)
            if not accepted:
                return batch
            recorded = [event for _, outcome in accepted for event in outcome.events]
            for event in recorded:
                kept[LaneKey(event.stream, event.lane)].follow(event)
            effects = await self._apply(connection, recorded)
            crash_point("lane.before_commit")
            await store_if_unmoved(connection, heads, effects, self._deciding.not_before(clock))
            crash_point("lane.after_commit")
            self._left.committed(heads)
            for waiting, outcome in accepted:
                waiting.resolve(outcome)
        return refused

    async def _attempt(self, batch: list[Waiting], *, growing: bool = False) -> bool:
        """Run a batch; when a statement of it fails, run its commands singly: only the culprit fails.

        False when a lane was busy; commands that got no answer yet have then left nothing.
        """
        try:
            await self._run(batch, growing=growing)
        except asyncpg.LockNotAvailableError:
            return False
        except (OutcomeUnknown, *DATABASE_AWAY) as error:
            for waiting in batch:
                waiting.fail(_refusal_of(error))
        except Exception:  # noqa: BLE001  the callers get it
            for waiting in batch:
                await self._settle_one(waiting)
        return True

    async def _settle_one(self, waiting: Waiting) -> None:
        for _ in range(3):
            if waiting.future.done():
                return
            try:
                await self._run([waiting])
            except RequestRaced:
                continue
            except (OutcomeUnknown, *NOT_NOW) as error:
                waiting.fail(_refusal_of(error))
            except Exception as error:  # noqa: BLE001  the caller gets it
                waiting.fail(error)
            return
        waiting.fail(LaneBusy())

    async def _run(self, batch: list[Waiting], *, growing: bool = False) -> None:
        """One transaction. The futures are resolved after the commit, whatever happens to the connection."""
        if not batch:
            return
        async with acquire(self._pool, seconds_max=self._acquire_seconds_max) as connection:
            try:
                wanted = {key for waiting in batch for key in waiting.lanes}
                await begin_and_lock(connection, wanted)
                if growing:
                    self._room.board(batch, wanted)
                heads, outcomes = await self._decide(connection, wanted, batch)
                crash_point("lane.before_commit")
            except BaseException:
                await _roll_back(connection)
                raise
            try:
                await connection.execute("commit")
            except DATABASE_LOST as error:
                raise OutcomeUnknown from error
            crash_point("lane.after_commit")
            self._left.committed(heads)
            for waiting, outcome in outcomes:
                waiting.resolve(outcome)

    async def _decide(
        self, connection: Connection, lanes: Collection[LaneKey], batch: list[Waiting]
    ) -> tuple[Heads, list[tuple[Waiting, Outcome]]]:
        """Find repeats, load, decide, apply, journal. What fails by itself is answered here."""
        asked = [(waiting, waiting.request) for waiting in batch if waiting.request is not None]
        heads, stored = await read_locked(
            connection, lanes, [request for _, request in asked], restored=self._restored
        )
        known = {id(asked[request.place][0]): request for request in stored}
        opened = [waiting for waiting in batch if _is_open(waiting, heads)]
        fresh = [waiting for waiting in opened if id(waiting) not in known]
        outcomes = await _repeated(
            connection, [(waiting, known[id(waiting)]) for waiting in opened if id(waiting) in known]
        )
        try:
            clock = self._deciding.read_clock(heads)
        except ClockAhead as error:
            for waiting in fresh:
                waiting.fail(ClockAhead(seconds=error.figures["seconds"]))
            return heads, outcomes
        states = await self._deciding.load(connection, heads, fresh, clock)
        recorded: list[Recorded] = []
        for waiting in fresh:
            answer = self._deciding.decide(heads, waiting, *states[waiting])
            if isinstance(answer, Outcome):
                outcomes.append((waiting, answer))
                recorded += answer.events
            else:
                waiting.fail(answer)
        await heads.store(connection, await self._apply(connection, recorded) if recorded else ())
        return heads, outcomes


async def _repeated(
    connection: Connection, repeats: Sequence[tuple[Waiting, StoredRequest]]
) -> list[tuple[Waiting, Outcome]]:
    """The answers of earlier requests. A key used with another body is refused."""
    outcomes: list[tuple[Waiting, Outcome]] = []
    for waiting, earlier in repeats:
        if waiting.request is None or earlier.body_hash != waiting.request.body_hash:
            waiting.fail(IdempotencyKeyReused(pointer=None))
            continue
        events = await read_by_ids(connection, earlier.event_ids)
        outcomes.append((waiting, Outcome(events=events, replayed=True)))
    return outcomes


def _lanes(waiting: Waiting) -> tuple[LaneKey, ...]:
    return waiting.lanes


def _is_open(waiting: Waiting, heads: Heads) -> bool:
    try:
        heads.check_open(waiting.lanes)
    except (LaneStopped, ValueError) as error:
        waiting.fail(error)
        return False
    return True


def _refusal_of(error: Exception) -> Refusal:
    """What the callers are told when the record is away or the lane is busy: one each, since it is raised."""
    if isinstance(error, OutcomeUnknown):
        refusal: Refusal = OutcomeUnknown()
    elif isinstance(error, asyncpg.LockNotAvailableError):
        refusal = LaneBusy()
    else:
        refusal = RecordUnavailable()
    if not isinstance(refusal, LaneBusy):
        say_why(error)
    refusal.__cause__ = error
    return refusal


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("rollback")
    except DATABASE_ERRORS:
        return
