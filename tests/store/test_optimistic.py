"""Batches that lock nothing before they decide: what moves under them, and who races with them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from events.chain import genesis, next_head
from events.clock_bounds import ClockBound
from events.command import Command
from events.connections import Connection
from events.decision import LaneKey, Moment
from events.heads import lock_lanes
from events.journal import Deployment, read_head, read_rows
from events.lane import LaneWriter
from events.optimistic import LOCK_FIRST_SECONDS, LanesLeft
from events.refusal import ClockAhead, IdempotencyKeyReused, LaneStopped
from events.vocabulary import PhysicalLot
from market.commands import offers
from tests.conftest import Database
from tests.market_drafts import supply_draft
from tests.market_support import done, scene_on
from tests.record_support import (
    STREAM,
    Declined,
    Note,
    TakeNotes,
    note,
    prepare_record,
    running_writer,
)

FIRST, SECOND = LaneKey(STREAM, 0), LaneKey(STREAM, 1)
WAITING_QUERIES = """
select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""


class Interrupted(TakeNotes):
    """Tells of each load whether its lanes were held; what is planned happens once one has read without."""

    def __init__(self) -> None:
        super().__init__()
        self.locked: list[bool] = []
        self.planned: deque[Callable[[], Awaitable[object]]] = deque()

    async def load(self, connection: Connection, arguments: Sequence[Note], moment: Moment) -> Sequence[int]:
        states = await super().load(connection, arguments, moment)
        self.locked.append(connection.is_in_transaction())
        if not self.locked[-1] and self.planned:
            await self.planned.popleft()()
        return states

    def note(self, subject: str, **given: Any) -> Command[Note, int]:
        return note(subject, operation=self, optimistic=True, **given)


@pytest.fixture
def operation() -> Interrupted:
    return Interrupted()


@pytest.fixture
async def deployment(database: Any) -> Deployment:
    return await prepare_record(database.dsn("owner"), database.admin_dsn, 4)


@pytest.fixture
async def writer(database: Any, deployment: Deployment, operation: Interrupted) -> AsyncIterator[LaneWriter]:
    """Knows the heads of the first two lanes, on which it has left an event each."""
    async with running_writer(database.dsn("writer")) as running:
        await asyncio.gather(*(running.execute(operation.note(f"begun {n}", lane=n)) for n in (0, 1)))
        operation.locked.clear()
        yield running


@pytest.fixture
async def other(database: Any, deployment: Deployment) -> AsyncIterator[LaneWriter]:
    async with running_writer(database.dsn("writer")) as running:
        yield running


@pytest.fixture
async def connection(database: Any, deployment: Deployment) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database.dsn("writer"))
    yield opened
    await opened.close()


async def subjects(connection: Connection, lane: int) -> list[str]:
    rows = await connection.fetch("select subject from public.effect where lane = $1 order by position", lane)
    return [row["subject"] for row in rows]


async def waiting_queries(connection: Connection) -> list[str]:
    """A transaction sees the statements of its first look again, beside the waits of now."""
    await connection.execute("select pg_stat_clear_snapshot()")
    return [row["query"] for row in await connection.fetch(WAITING_QUERIES)]


async def assert_whole(connection: Connection, deployment: Deployment, lane: int) -> int:
    """Events of the lane: gapless, chained, each with its effect, and the head at their end."""
    key = LaneKey(STREAM, lane)
    rows = await read_rows(connection, key, 0, 2_000, 2_000)
    chain = genesis(deployment.deployment_id, STREAM, lane)
    for position, row in enumerate(rows, 1):
        chain = next_head(chain, row.body)
        assert (position, chain) == (row.position, row.chain)
    assert (len(rows), chain) == await read_head(connection, key)
    assert len(rows) == len(await subjects(connection, lane))
    return len(rows)


async def test_lanes_are_locked_first_only_until_their_heads_are_known(
    database: Any, deployment: Deployment, operation: Interrupted, connection: Connection
) -> None:
    async with running_writer(database.dsn("writer")) as writer:
        for number in range(3):
            outcome = await writer.execute(operation.note(f"n{number}", count=2, key=f"k{number}"))
            assert [2 * number + 1, 2 * number + 2] == [event.position for event in outcome.events]
        await writer.execute(replace(operation.note("locks"), optimistic=False))
        await writer.execute(operation.note("two lanes", also=1))
        await writer.execute(operation.note("both known", also=1))
    assert [True, False, False, True, True, False] == operation.locked
    assert [9, 2] == [await assert_whole(connection, deployment, lane) for lane in (0, 1)]
    times = "select recorded_at from record.journal where lane = 0 order by position"
    recorded = [row["recorded_at"] for row in await connection.fetch(times)]
    assert sorted(recorded) == recorded
    assert timedelta() <= await connection.fetchval("select now()") - recorded[-1] < timedelta(minutes=5)


async def test_a_lane_that_moved_is_decided_on_again_and_locked_first_for_a_while(
    writer: LaneWriter,
    other: LaneWriter,
    operation: Interrupted,
    connection: Connection,
    deployment: Deployment,
) -> None:
    seconds = 0.0
    left = writer._left = LanesLeft(lambda: seconds)
    await writer.execute(operation.note("known"))
    operation.planned.append(lambda: other.execute(note("between")))
    assert 4 == (await writer.execute(operation.note("after"))).events[0].position
    assert None is left.heads([FIRST])
    await writer.execute(operation.note("locks"))
    seconds = LOCK_FIRST_SECONDS
    await writer.execute(operation.note("no longer"))
    await other.execute(note("unseen"))
    seconds *= 3
    await writer.execute(replace(operation.note("sees it"), optimistic=False))
    await writer.execute(operation.note("so it locks"))
    assert [True, False, True, True, False, True, True] == operation.locked
    assert 9 == await assert_whole(connection, deployment, 0)


async def test_a_lane_that_is_only_read_must_not_have_moved_either(
    writer: LaneWriter, other: LaneWriter, operation: Interrupted
) -> None:
    operation.planned.append(lambda: other.execute(note("between", lane=1)))
    await writer.execute(replace(operation.note("reads"), lanes=(FIRST, SECOND)))
    assert [False, True] == operation.locked


async def test_who_holds_a_lane_is_waited_for_and_nothing_else_of_its_own(
    writer: LaneWriter, operation: Interrupted, connection: Connection, deployment: Deployment
) -> None:
    """The other has written what the statement would write too: it must stop at the lane, not there."""

    held = asyncio.Event()

    async def hold() -> None:
        await connection.execute("begin")
        await lock_lanes(connection, [FIRST])
        await connection.execute(
            "insert into public.effect (stream, lane, position, subject) values ($1, 3, 1, 'waits')", STREAM
        )
        held.set()

    operation.planned.append(hold)
    task = asyncio.create_task(writer.execute(operation.note("waits")))
    await held.wait()
    queries: list[str] = []
    while not queries:
        await asyncio.sleep(0.01)
        queries = await waiting_queries(connection)
    assert queries[0].strip().startswith("begin;"), queries
    await connection.execute("rollback")
    assert 2 == (await task).events[0].position
    assert [False, True] == operation.locked
    assert 2 == await assert_whole(connection, deployment, 0)


async def test_a_stopped_lane_takes_nothing(
    database: Any, writer: LaneWriter, operation: Interrupted, connection: Connection, deployment: Deployment
) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    operation.planned.append(
        lambda: admin.execute("update record.lane set stopped_reason = 'test' where lane = 0")
    )
    for _ in range(2):
        with pytest.raises(LaneStopped):
            await writer.execute(operation.note("stopped"))
    await admin.close()
    assert 1 == await assert_whole(connection, deployment, 0)


class Wandering:
    """The machine's clock, moved by a test."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def test_a_clock_that_runs_ahead_takes_no_lane_into_the_future(
    database: Any, deployment: Deployment, operation: Interrupted, connection: Connection
) -> None:
    clock, bound = Wandering(), ClockBound(ahead_max=timedelta(seconds=60))
    async with running_writer(database.dsn("writer"), clock=clock, bound=bound) as writer:
        clock.ahead = timedelta(seconds=50)
        begun = await writer.execute(operation.note("begun", key="k"))
        operation.locked.clear()
        for ahead in (timedelta(days=400), timedelta(seconds=70)):
            clock.ahead = ahead
            answers = await asyncio.gather(
                writer.execute(operation.note("ahead", lane=0)),
                writer.execute(operation.note("refused", lane=0, declined=True)),
                writer.execute(operation.note("strange", lane=1)),
                return_exceptions=True,
            )
            assert 3 * [ClockAhead] == [type(answer) for answer in answers]
            with pytest.raises(ClockAhead):
                await writer.rehearse(operation.note("rehearsed"))
        assert {False} == set(operation.locked)
        assert replace(begun, replayed=True) == await writer.execute(operation.note("begun", key="k"))
        clock.ahead = timedelta(0)
        outcome = await writer.execute(operation.note("right again"))
        assert (2, begun.events[0].time) == (outcome.events[0].position, outcome.events[0].time)
        assert ["begun", "right again"] == await subjects(connection, 0)
        clock.ahead = timedelta(days=-400)
        await writer.execute(operation.note("behind"))
    assert 3 == await assert_whole(connection, deployment, 0)


async def test_a_lane_that_is_in_the_future_already_goes_on_at_its_time(
    database: Any, deployment: Deployment, operation: Interrupted, connection: Connection
) -> None:
    clock = Wandering()
    clock.ahead = timedelta(days=400)
    async with running_writer(database.dsn("writer"), clock=clock) as careless:
        (taken,) = (await careless.execute(operation.note("taken there"))).events
    bound = ClockBound(ahead_max=timedelta(seconds=60))
    async with running_writer(database.dsn("writer"), bound=bound) as writer:
        for number in range(3):
            (event,) = (await writer.execute(operation.note(f"n{number}"))).events
            assert taken.time == event.time
    assert 4 == await assert_whole(connection, deployment, 0)


async def test_a_request_accepted_in_between_is_repeated_and_harms_no_other(
    writer: LaneWriter, other: LaneWriter, operation: Interrupted, connection: Connection
) -> None:
    operation.planned.append(lambda: other.execute(note("once", lane=2, key="k")))
    repeated, fresh = await asyncio.gather(
        writer.execute(operation.note("once", key="k")),
        writer.execute(operation.note("fresh", lane=1, key="l")),
    )
    assert (True, 2) == (repeated.replayed, repeated.events[0].lane)
    assert (False, 2) == (fresh.replayed, fresh.events[0].position)
    assert ["begun 0"] == await subjects(connection, 0)


async def test_a_request_that_was_accepted_is_repeated_though_it_would_be_refused_now(
    writer: LaneWriter, operation: Interrupted, connection: Connection
) -> None:
    first = await writer.execute(operation.note("once", key="k"))
    again, fresh, refused, reused = await asyncio.gather(
        writer.execute(operation.note("once", key="k", declined=True)),
        writer.execute(operation.note("fresh")),
        writer.execute(operation.note("refused", key="r", declined=True)),
        writer.execute(operation.note("reused", key="k", declined=True)),
        return_exceptions=True,
    )
    assert replace(first, replayed=True) == again
    assert not isinstance(fresh, BaseException)
    assert [Declined, IdempotencyKeyReused] == [type(refused), type(reused)]
    assert ["begun 0", "once", "fresh"] == await subjects(connection, 0)
    await writer.execute(operation.note("refused", key="r"))


async def test_a_request_that_a_lost_database_accepted_is_looked_for_first(
    database: Any, deployment: Deployment, operation: Interrupted
) -> None:
    owner = await asyncpg.connect(database.dsn("owner"))
    await owner.execute(
        "insert into record.restored_request values ($1, 'POST /', $2, $2, '{}')", uuid4(), bytes(32)
    )
    await owner.close()
    async with running_writer(database.dsn("writer")) as writer:
        for number in range(2):
            await writer.execute(operation.note(f"n{number}"))
    assert [True, True] == operation.locked


async def test_what_one_statement_cannot_do_fails_as_under_the_lock(
    writer: LaneWriter, operation: Interrupted, connection: Connection, deployment: Deployment
) -> None:
    """An effect that is there already: only the culprit of the batch fails."""
    taken, good = await asyncio.gather(
        writer.execute(operation.note("begun 0", lane=1)),
        writer.execute(operation.note("good")),
        return_exceptions=True,
    )
    assert isinstance(taken, asyncpg.UniqueViolationError)
    assert not isinstance(good, BaseException)
    assert [2, 1] == [await assert_whole(connection, deployment, lane) for lane in (0, 1)]


async def test_who_was_recorded_is_answered_though_the_connection_cannot_be_given_back(
    writer: LaneWriter, operation: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncpg.pool.Pool.release

    async def released_with_trouble(*given: Any, **named: Any) -> None:
        await release(*given, **named)
        raise OSError

    monkeypatch.setattr(asyncpg.pool.Pool, "release", released_with_trouble)
    stored, refused = await asyncio.gather(
        writer.execute(operation.note("stored")),
        writer.execute(operation.note("refused", declined=True)),
        return_exceptions=True,
    )
    assert not isinstance(stored, BaseException)
    assert (2, Declined) == (stored.events[0].position, type(refused))


class NeverLockFirst(LanesLeft):
    def met_others(self, lanes: Collection[LaneKey]) -> None:
        """Is tried again without the lock."""


async def test_two_processes_on_the_same_lanes_lose_and_double_nothing(
    writer: LaneWriter,
    other: LaneWriter,
    operation: Interrupted,
    connection: Connection,
    deployment: Deployment,
) -> None:
    """Each request is sent to both, on one lane, and on two in opposite order; neither keeps to locking."""
    for each in (writer, other):
        each._left = NeverLockFirst()
    works = [
        one.execute(operation.note(f"{lanes} {number}", lane=lanes[0], also=also, key=f"{lanes} {number}"))
        for number in range(60)
        for lanes, also in (((0,), None), ((1, 2), 2), ((2, 1), 1))
        for one in (writer, other)
    ]
    outcomes = [await asyncio.gather(*works[start : start + 40]) for start in range(0, len(works), 40)]
    replayed = [outcome.replayed for part in outcomes for outcome in part]
    assert (180, 180) == (replayed.count(True), replayed.count(False))
    assert False in operation.locked
    assert [61, 121, 120] == [await assert_whole(connection, deployment, lane) for lane in (0, 1, 2)]


async def test_postings_need_no_lock_unless_they_name_a_lot(
    market_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene_on(market_database) as scene:
        asked: list[Command[Any, Any]] = []
        execute = scene.desk.writer.execute

        async def noted(command: Command[Any, Any]) -> Any:
            asked.append(command)
            return await execute(command)

        monkeypatch.setattr(scene.desk.writer, "execute", noted)
        seller = scene.sellers[0]
        lot = PhysicalLot(site=seller.facility, lot_number="L1")
        for given in ({}, {"physical_lot": lot}, {}):
            done(
                await offers.post(
                    scene.desk, seller.trader, market=scene.market, draft=supply_draft(seller, **given)
                )
            )
        await scene.require(scene.buyers[0])
    assert [True, False, True, True] == [command.optimistic for command in asked]
