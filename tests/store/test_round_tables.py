"""A round begins before it holds its lane, and comes out as if it had held it from the start."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace
from uuid_utils.compat import uuid7

from events import journal
from events.envelope import Draft, Recorded
from events.handling import Batch
from events.heads import Heads, Stamp, append, lock_lanes
from events.journal import JournalRow, read_head, read_rows
from events.large_appends import RowsAhead, append_large
from events.leases import take_leases
from events.market_events import ClearingAbandoned, ClearingCompleted, ClearingPlanned, MatchStruck
from events.positions import read_place
from events.row_bytes import RowBytes
from events.row_counts import RowCountWrong
from events.vocabulary import INTEGER_MAX
from events.writes import Prepared
from market.commands import matches
from market.matcher import NAME, Matcher, ahead_of_lock
from market.rules.clearing.clearing import abandonment
from market.rules.clearing.written import WrittenDraft, decoded
from market.solver import Solver
from market.store.applying import apply
from tests.conftest import Database
from tests.market_support import Scene
from tests.process_support import eventually
from tests.record_support import new_salt, standing_still
from tests.store.test_rebuild import compared

OWNER = "matcher of the test"
WAITING = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
)
STANDING = "select match, position from match"


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_what_others_write_to_the_lane_meanwhile_counts(database: Any, scene: Scene, when: str) -> None:
    """A match of an earlier round is confirmed, so an order that trades again holds less and has sold more:
    before the matches are inserted or after it."""
    seller = scene.sellers[0]
    offer = await scene.offer(seller, commitment="subject_to_confirmation")
    await scene.require(scene.buyers[0])
    earlier = (await scene.conclude(await scene.plan()))[0].data
    assert isinstance(earlier, MatchStruck)
    await scene.require(scene.buyers[1])
    plan = await scene.plan()

    async def others() -> None:
        await matches.answer(scene.desk, seller.trader, match=earlier.match, answer="confirmed")

    events = await scene.conclude(plan, **{when: others})
    later = events[0].data
    assert isinstance(later, MatchStruck)
    assert isinstance(events[-1].data, ClearingCompleted)
    assert plan.position + 3 == events[0].position
    rows = await scene.pool.fetch("select status, position from match where match = $1", later.match)
    assert [("open", events[0].position)] == [tuple(row) for row in rows]
    rows = await scene.pool.fetch("select held_g, filled_g from supply where supply = $1", offer)
    assert [(later.quantity_basis_g, earlier.quantity_basis_g)] == [tuple(row) for row in rows]
    assert (await compared(database, scene)).equal


async def handled(scene: Scene, plan: Recorded, solver: Solver) -> None:
    """The matcher's reader comes to the plan."""
    events = [event for event in await scene.events("market") if event.lane == plan.lane]
    source = "urn:lodestone:" + str(scene.operator.organisation)
    matcher = Matcher(scene.pool, solver, source=source)
    lane = scene.lane
    await take_leases(scene.pool, NAME, OWNER, lane.stream, [lane.lane], scene.operator.organisation, 60)
    place = await read_place(scene.pool, NAME, scene.lane)
    await matcher.opened(scene.lane, 0)
    await matcher.handle(Batch(scene.pool, NAME, OWNER, scene.lane, place, events, range(len(events))))


@pytest.fixture
async def solver() -> AsyncIterator[Solver]:
    started = Solver(seconds_max=60, children_max=1)
    await started.start()
    yield started
    await started.stop()


async def test_a_plan_that_ends_while_its_round_waits_leaves_nothing(
    database: Any, scene: Scene, solver: Solver
) -> None:
    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[0])
    plan = await scene.plan()
    holder = await asyncpg.connect(database.dsn("writer"), server_settings={"search_path": "state, view"})
    async with standing_still(holder):
        heads = await lock_lanes(holder, [scene.lane])
        task = asyncio.create_task(handled(scene, plan, solver))
        await eventually("it waits", lambda: _waits(scene))
        await append(
            holder,
            heads,
            [abandonment(plan, "solver_gave_up", "Of the test.")],
            cause=str(plan.id),
            actor=plan.actor,
            source="urn:lodestone:" + str(scene.operator.organisation),
            now=scene.clock.now,
            new_id=uuid7,
            new_salt=new_salt,
            apply=apply,
        )
    await holder.close()
    await task
    assert [] == await scene.pool.fetch(STANDING)
    assert plan.position == (await read_place(scene.pool, NAME, scene.lane)).position


async def test_of_two_that_record_a_round_at_once_one_does(
    database: Any, scene: Scene, solver: Solver
) -> None:
    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[0])
    plan = await scene.plan()
    tasks: list[asyncio.Task[None]] = []

    async def another() -> None:
        tasks.append(asyncio.create_task(handled(scene, plan, solver)))
        await eventually("it waits", lambda: _waits(scene))

    events = await scene.conclude(plan, meanwhile=another)
    await tasks[0]
    assert len(events) == sum(event.cause == str(plan.id) for event in await scene.events("market"))
    assert plan.position == (await read_place(scene.pool, NAME, scene.lane)).position
    assert (await compared(database, scene)).equal


def abandonments(plan: Recorded, source: str) -> tuple[Draft, ...]:
    """A hundred, each with an id of its own, at times that go back and forth."""
    draft = abandonment(plan, "solver_gave_up", "Of the test.")
    times = [plan.time + timedelta(seconds=seconds % 7) for seconds in range(100)]
    return ahead_of_lock([replace(draft, id=uuid7(), time=time) for time in times], source)


class Still:
    """Tables of events that change nothing."""

    def pass_over(self, drafts: Sequence[Draft], position: int) -> None:
        pass

    def prepared(self) -> Iterable[Prepared]:
        return ()


@pytest.mark.parametrize("grown_by", [None, 0, 7])
@pytest.mark.parametrize("copied_at_once_bytes", [1, 20_000, 10**7])
async def test_rows_are_those_that_heads_write(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, grown_by: int | None, copied_at_once_bytes: int
) -> None:
    """Made under the lock, ahead of it, and ahead of it on a lane that then grows; in one copy or several."""
    monkeypatch.setattr(journal, "COPIED_AT_ONCE_BYTES_MAX", copied_at_once_bytes)
    plan = await scene.plan()
    source = "urn:lodestone:" + str(scene.operator.organisation)
    drafts = abandonments(plan, source)
    stamp = Stamp(
        cause="", actor=plan.actor, source=source, now=scene.clock.now, new_id=uuid7, new_salt=new_salt
    )
    async with scene.pool.acquire() as connection:
        ahead = None if grown_by is None else await RowsAhead.read(connection, scene.lane, source)
        if ahead is not None:
            async with ahead.making(drafts):
                assert not ahead.made
        for other in abandonments(plan, source)[: grown_by or 0]:
            async with connection.transaction():
                heads = await lock_lanes(connection, [scene.lane])
                await append_large(connection, heads, scene.lane, [other], source, Still())
        async with connection.transaction():
            heads = await lock_lanes(connection, [scene.lane])
            before = heads[scene.lane]
            assert ahead is None or (grown_by == 0) == ahead.stand_at(before)
            await append_large(connection, heads, scene.lane, drafts, source, Still(), ahead=ahead)
        expected = Heads(heads.found, heads.locked_at)
        events = expected.write(drafts, stamp)
        head = expected.current[scene.lane]
        assert plan.position + 1 + (grown_by or 0) == events[0].position
        assert [
            JournalRow(e.stream, e.lane, e.position, e.id, e.type, e.subject, e.body, e.chain) for e in events
        ] == await read_rows(connection, scene.lane, before.next_position - 1, 10**6, 1_000)
        assert head == (await lock_lanes(connection, [scene.lane]))[scene.lane]
        times = await connection.fetch(
            "select recorded_at, count(*) from record.journal where event_id = any($1) group by 1",
            [event.id for event in events],
        )
        assert [(heads.locked_at, len(events))] == [tuple(row) for row in times]


async def test_rows_are_not_made_for_who_fails_meanwhile(scene: Scene) -> None:
    plan = await scene.plan()
    source = "urn:lodestone:" + str(scene.operator.organisation)
    drafts = abandonments(plan, source)
    async with scene.pool.acquire() as connection:
        ahead = await RowsAhead.read(connection, scene.lane, source)
        with pytest.raises(RowCountWrong):
            async with ahead.making(drafts):
                await asyncio.sleep(0)
                raise RowCountWrong("match", 0, 1)
        assert not ahead.stand_at((await lock_lanes(connection, [scene.lane]))[scene.lane])
        with pytest.raises(ValueError, match="not made for"):
            async with ahead.making([drafts[0], replace(drafts[1], unplaced=None)]):
                await asyncio.sleep(0)
        assert not ahead.stand_at((await lock_lanes(connection, [scene.lane]))[scene.lane])


async def test_rows_are_made_of_drafts_of_their_lane_alone(scene: Scene) -> None:
    plan = await scene.plan()
    [one, another, *_], source = abandonments(plan, "urn:lodestone:one"), "urn:lodestone:one"
    rows = RowBytes(scene.lane, 7, bytes(32), source)
    for other in (
        replace(one, lane=scene.lane.lane + 1),
        replace(one, stream="parties"),
        replace(one, unplaced=None),
        abandonments(plan, "urn:lodestone:two")[0],
    ):
        with pytest.raises(ValueError, match=r"is none of|not made for"):
            rows.place([another, other])
    assert (7, bytes(32)) == (rows.position, rows.chain)


class Parting:
    """Tables that part from the record behind a position."""

    def __init__(self, after: int) -> None:
        self.after = after

    def pass_over(self, drafts: Sequence[Draft], position: int) -> None:
        if position > self.after:
            raise RowCountWrong("match", 0, position)

    def prepared(self) -> Iterable[Prepared]:
        raise AssertionError("the journal was not copied")


async def test_a_fault_while_the_journal_is_copied_leaves_nothing(scene: Scene) -> None:
    plan = await scene.plan()
    source = "urn:lodestone:" + str(scene.operator.organisation)
    drafts = abandonments(plan, source)
    async with scene.pool.acquire() as connection:
        with pytest.raises(RowCountWrong):
            async with connection.transaction():
                heads = await lock_lanes(connection, [scene.lane])
                tables = Parting(after=plan.position + 70)
                await append_large(connection, heads, scene.lane, drafts, source, tables)
        assert plan.position == (await read_head(connection, scene.lane)).position
        assert [] == await read_rows(connection, scene.lane, plan.position, 10**6, 1)


async def _waits(scene: Scene) -> bool:
    return bool(await scene.pool.fetchval(WAITING))


async def test_a_round_that_no_reader_could_decode_is_abandoned_and_its_market_trades_on(
    scene: Scene, solver: Solver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def beyond(draft: WrittenDraft) -> Draft:
        wide = msgspec.json.decode(draft.data) | {"amount_cents_eur": INTEGER_MAX + 1}
        return decoded(replace(draft, data=msgspec.json.encode(wide, order="deterministic")))

    await scene.offer(scene.sellers[0])
    await scene.require(scene.buyers[0])
    plan = await scene.plan()
    with monkeypatch.context() as patched:
        patched.setattr("market.solver.decoded", beyond)
        await handled(scene, plan, solver)
    last = (await scene.events("market"))[-1].data
    assert isinstance(last, ClearingAbandoned)
    assert isinstance(plan.data, ClearingPlanned)
    assert ("unrecordable", plan.data.plan) == (last.code, last.plan)
    told = capsys.readouterr().out
    assert "round_unrecordable" in told
    assert str(scene.market) in told
    assert "amount_cents_eur" in told
    again = await scene.plan()
    await handled(scene, again, solver)
    completed = (await scene.events("market"))[-1].data
    assert isinstance(completed, ClearingCompleted)
    assert (2, 1) == (completed.round, completed.match_count)
