"""What the lane's writer does when callers leave, work fails, the database goes away, or it has to stop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from events import away_causes
from events.command import Outcome
from events.connections import Connection, Pool
from events.decision import LaneKey
from events.desk import Desk
from events.envelope import Recorded
from events.heads import lock_lanes
from events.ids import new_id
from events.journal import Deployment, read_head
from events.lane import LaneWriter
from events.refusal import (
    IdempotencyKeyReused,
    LaneBusy,
    OutcomeUnknown,
    RecordUnavailable,
    Refusal,
)
from events.writes import Write, send
from tests.record_support import (
    STREAM,
    TakeNotes,
    apply_effects,
    note,
    pool_on,
    prepare_record,
    running_writer,
    standing_still,
    writer_on,
)

FIRST = LaneKey(STREAM, 0)
NAMES = {"53100": "DiskFullError", "57014": "QueryCanceledError", "57P03": "CannotConnectNowError"}
WAITING_FOR_LOCK = """
select count(*) > 0 from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
"""


@pytest.fixture
async def deployment(database: Any) -> Deployment:
    return await prepare_record(database.dsn("owner"), database.admin_dsn, 4)


@pytest.fixture
async def connection(database: Any, deployment: Deployment) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database.dsn("writer"))
    yield opened
    await opened.close()


@pytest.fixture
async def pool(database: Any, deployment: Deployment) -> AsyncIterator[Pool]:
    async with pool_on(database.dsn("writer")) as opened:
        yield opened


async def effects(connection: Connection) -> list[str]:
    rows = await connection.fetch("select subject from public.effect order by stream, lane, position")
    return [row["subject"] for row in rows]


class Gate:
    """An apply that waits in the middle of its transaction until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def apply(self, connection: Connection, events: Sequence[Recorded]) -> Sequence[Write]:
        self.reached.set()
        await self.opened.wait()
        return await apply_effects(connection, events)


async def gated(pool: Pool) -> tuple[LaneWriter, Gate]:
    gate = Gate()
    writer = writer_on(pool)
    writer._apply = gate.apply
    await writer.start()
    return writer, gate


async def test_a_caller_that_leaves_changes_nothing_for_the_others(
    pool: Pool, connection: Connection
) -> None:
    writer, gate = await gated(pool)
    leaving, staying = (asyncio.create_task(writer.execute(note(name))) for name in ("left", "stayed"))
    await gate.reached.wait()
    waiting = asyncio.create_task(writer.execute(note("never begun")))
    await asyncio.sleep(0)
    leaving.cancel()
    waiting.cancel()
    gate.opened.set()
    assert 2 == (await staying).events[0].position
    assert 3 == (await writer.execute(note("next"))).events[0].position
    assert ["left", "stayed", "next"] == await effects(connection)
    await writer.stop()


async def test_stopping_finishes_what_waits_and_takes_no_more(pool: Pool, connection: Connection) -> None:
    writer, gate = await gated(pool)
    tasks = [asyncio.create_task(writer.execute(note("running")))]
    await gate.reached.wait()
    tasks.append(asyncio.create_task(writer.execute(note("waiting"))))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(writer.stop())
    await asyncio.sleep(0)
    with pytest.raises(RecordUnavailable):
        await writer.execute(note("late"))
    gate.opened.set()
    outcomes = await asyncio.gather(*tasks)
    await stopping
    assert [1, 2] == [outcome.events[0].position for outcome in outcomes]
    with pytest.raises(RecordUnavailable):
        await writer.execute(note("later"))
    assert ["running", "waiting"] == await effects(connection)


async def test_stopping_does_not_wait_for_ever(pool: Pool, connection: Connection) -> None:
    writer, gate = await gated(pool)
    tasks = [asyncio.create_task(writer.execute(note("running")))]
    await gate.reached.wait()
    tasks.append(asyncio.create_task(writer.execute(note("waiting"))))
    await asyncio.sleep(0)
    await writer.stop(seconds_max=0.05)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [OutcomeUnknown, RecordUnavailable] == [type(outcome) for outcome in outcomes]
    assert [] == await effects(connection)


async def test_a_writer_that_was_cancelled_refuses_instead_of_waiting(pool: Pool) -> None:
    writer, gate = await gated(pool)
    running = asyncio.create_task(writer.execute(note("running")))
    await gate.reached.wait()
    assert writer._task is not None
    writer._task.cancel()
    with pytest.raises(OutcomeUnknown):
        await running
    with pytest.raises(RecordUnavailable):
        await writer.execute(note("next"))
    await writer.stop()


async def test_a_command_that_cannot_be_batched_fails_and_the_writer_goes_on(
    pool: Pool, connection: Connection
) -> None:
    writer = writer_on(pool)
    await writer.start()
    with pytest.raises(RecordUnavailable):
        await writer.execute(replace(note("bad"), lanes=(["unhashable"],)))
    await writer.execute(note("good"))
    await writer.stop()
    assert ["good"] == await effects(connection)


async def test_a_held_lane_delays_the_others_of_its_batch_only_once(
    database: Any, deployment: Deployment, connection: Connection
) -> None:
    holder = await asyncpg.connect(database.dsn("writer"))
    commands = [note("a"), note("b", lane=1), note("c"), note("d", also=2), note("e", lane=3)]
    impatient = database.dsn("writer") + "&lock_timeout=100"
    async with standing_still(holder), running_writer(impatient) as writer:
        await lock_lanes(holder, [FIRST])
        outcomes = await asyncio.gather(
            *(writer.execute(command) for command in commands), return_exceptions=True
        )
    assert [LaneBusy, Outcome, LaneBusy, LaneBusy, Outcome] == [type(outcome) for outcome in outcomes]
    assert ["b", "e"] == await effects(connection)
    await holder.close()


async def test_a_batch_takes_aboard_what_comes_while_it_waits_for_its_lane(
    database: Any, connection: Connection
) -> None:
    operation = TakeNotes()
    async with running_writer(database.dsn("writer")) as writer:
        async with standing_still(connection):
            await lock_lanes(connection, [FIRST])
            commands = [note("first", key="k", operation=operation)]
            tasks = [asyncio.create_task(writer.execute(commands[0]))]
            await lock_is_awaited(connection)
            commands += [
                note("second", operation=operation),
                note("first", key="k", operation=operation),
                note("elsewhere", lane=1, operation=operation),
                note("alone", operation=operation, touches=None),
            ]
            tasks += [asyncio.create_task(writer.execute(command)) for command in commands[1:]]
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(*tasks)
    assert [["alone"], ["elsewhere"], ["first", "second"]] == sorted(operation.batches)
    assert [1, 2, 1, 1, 3] == [outcome.events[0].position for outcome in outcomes]
    assert [False, False, True, False, False] == [outcome.replayed for outcome in outcomes]


async def test_what_waits_for_its_lane_keeps_no_other_lane_waiting(
    database: Any, connection: Connection
) -> None:
    async with running_writer(database.dsn("writer")) as writer:
        async with standing_still(connection):
            await lock_lanes(connection, [FIRST])
            held = asyncio.create_task(writer.execute(note("held")))
            await lock_is_awaited(connection)
            elsewhere = await writer.execute(note("elsewhere", lane=1))
            assert not held.done()
        outcomes = (elsewhere, await held)
    assert [1, 1] == [outcome.events[0].position for outcome in outcomes]


async def test_a_held_batch_of_several_keeps_a_single_command_waiting_for_a_moment_only(
    database: Any, connection: Connection
) -> None:
    async with running_writer(database.dsn("writer")) as writer:
        async with standing_still(connection):
            await lock_lanes(connection, [FIRST])
            held = [asyncio.create_task(writer.execute(note(f"held {number}"))) for number in range(3)]
            await lock_is_awaited(connection)
            elsewhere = [await writer.execute(note(f"elsewhere {lane}", lane=lane)) for lane in (1, 2)]
            assert not any(task.done() for task in held)
        outcomes = [*elsewhere, *await asyncio.gather(*held)]
    assert [1, 1, 1, 2, 3] == [outcome.events[0].position for outcome in outcomes]


AWAITED = "select count(*) from pg_locks where not granted"


async def lock_is_awaited(connection: Connection) -> None:
    for _ in range(1000):
        if await connection.fetchval(AWAITED):
            return
        await asyncio.sleep(0.005)
    raise TimeoutError("nobody waits for a lock")


async def test_a_lock_that_never_comes_fails_what_waited_for_it_and_nothing_else(
    database: Any, connection: Connection
) -> None:
    dsn = database.dsn("writer") + "&lock_timeout=1000"
    async with running_writer(dsn) as writer, standing_still(connection):
        await lock_lanes(connection, [FIRST])
        held = asyncio.create_task(writer.execute(note("held")))
        await lock_is_awaited(connection)
        free = asyncio.create_task(writer.execute(note("free", lane=1)))
        with pytest.raises(LaneBusy):
            await held
        assert 1 == (await free).events[0].position
    assert ["free"] == await effects(connection)


LOSE_CONNECTION_AT_COMMIT = """
create function public.lose_connection() returns trigger language plpgsql security definer as $$
begin
    if new.subject like 'lost%' then
        perform pg_terminate_backend(pg_backend_pid());
        perform pg_sleep(5);
    end if;
    return null;
end
$$;
create constraint trigger lose_connection after insert on public.effect
deferrable initially deferred for each row execute function public.lose_connection();
"""


@pytest.mark.parametrize("optimistic", [False, True], ids=["locked first", "optimistic"])
async def test_a_connection_lost_while_committing_is_unknown_and_never_run_again(
    database: Any, pool: Pool, connection: Connection, optimistic: bool
) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute(LOSE_CONNECTION_AT_COMMIT)
    await admin.close()
    writer = writer_on(pool)
    await writer.start()
    await asyncio.gather(*(writer.execute(note(f"kept {lane}", lane=lane)) for lane in (0, 1)))
    commands = [
        note("lost", key="k", optimistic=optimistic),
        note("with it", lane=1, optimistic=optimistic),
    ]
    outcomes = await asyncio.gather(
        *(writer.execute(command) for command in commands), return_exceptions=True
    )
    assert [OutcomeUnknown, OutcomeUnknown] == [type(outcome) for outcome in outcomes]
    assert outcomes[0] is not outcomes[1]
    told = await writer.execute(note("found out", key="k", body=b"lost"))
    await writer.stop()
    assert not told.replayed
    assert ["kept 0", "found out", "kept 1"] == await effects(connection)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("53100", RecordUnavailable),
        ("57014", RecordUnavailable),
        ("57P03", RecordUnavailable),
        ("55P03", LaneBusy),
    ],
    ids=["disk full", "statement timeout", "starting up", "lock timeout"],
)
async def test_what_the_database_cannot_do_now_is_refused_to_all_and_stores_nothing(
    pool: Pool,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    refusal: type[Refusal],
) -> None:
    async def fail(own: Connection, events: Sequence[Recorded]) -> Sequence[Write]:
        await send(own, await apply_effects(own, events))
        await own.execute(f"do $$ begin raise exception 'no' using errcode = '{code}'; end $$")
        return ()

    monkeypatch.setattr(away_causes, "_said_at", {})
    writer = writer_on(pool)
    writer._apply = fail
    await writer.start()
    with capture_logs() as lines:
        outcomes = await asyncio.gather(
            *(writer.execute(note(f"n{number}")) for number in range(3)), return_exceptions=True
        )
        with pytest.raises(refusal):
            await writer.rehearse(note("r"))
    await writer.stop()
    told = [(line["sqlstate"], line["error"]) for line in lines if "record_unavailable" == line["event"]]
    assert ([(code, f"{NAMES[code]}: no")] if code in NAMES else []) == told, "once, and busy lanes never"
    assert [refusal] * 3 == [type(outcome) for outcome in outcomes]
    assert [] == await effects(connection)
    assert 0 == (await read_head(connection, FIRST)).position


async def test_a_look_before_a_command_that_takes_too_long_is_refused_as_the_command_would_be(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(away_causes, "_said_at", {})
    desk = Desk(writer=writer_on(pool), pool=pool, lanes=1, new_id=new_id)
    with capture_logs() as lines, pytest.raises(RecordUnavailable):
        async with desk.looking() as connection, connection.transaction():
            await connection.execute("set local statement_timeout = '10ms'")
            await connection.execute("select pg_sleep(20)")
    assert [("record_unavailable", "57014")] == [(line["event"], line["sqlstate"]) for line in lines]


async def test_rehearsals_that_wait_for_a_lane_leave_the_pool_to_what_is_recorded(
    database: Any, deployment: Deployment, connection: Connection
) -> None:
    async with running_writer(database.dsn("writer"), size=4) as writer:
        async with standing_still(connection):
            await lock_lanes(connection, [FIRST])
            rehearsals = [asyncio.create_task(writer.rehearse(note(f"r{number}"))) for number in range(8)]
            while not await connection.fetchval(WAITING_FOR_LOCK):  # noqa: ASYNC110  another session waits
                await asyncio.sleep(0.01)
            assert 1 == (await writer.execute(note("other", lane=1))).events[0].position
            assert [False] * 8 == [rehearsal.done() for rehearsal in rehearsals]
        assert [1] * 8 == [len(drafts) for drafts in await asyncio.gather(*rehearsals)]
    assert ["other"] == await effects(connection)


async def test_a_key_raced_with_two_bodies_is_refused_to_the_second(
    database: Any, deployment: Deployment, connection: Connection
) -> None:
    async with running_writer(database.dsn("writer")) as one, running_writer(database.dsn("writer")) as two:
        for number in range(10):
            outcomes = await asyncio.gather(
                one.execute(note(f"a{number}", key=f"k{number}", lane=0, also=1)),
                two.execute(note(f"b{number}", key=f"k{number}", lane=2, also=3)),
                return_exceptions=True,
            )
            assert {Outcome, IdempotencyKeyReused} == {type(outcome) for outcome in outcomes}
    assert 20 == len(await effects(connection))
    assert 10 == await connection.fetchval("select count(*) from record.request")


async def test_opposite_lanes_never_deadlock(database: Any, deployment: Deployment) -> None:
    async with running_writer(database.dsn("writer")) as one, running_writer(database.dsn("writer")) as two:
        outcomes = await asyncio.gather(
            *(one.execute(note(f"a{number}", lane=0, also=3)) for number in range(40)),
            *(two.execute(note(f"b{number}", lane=3, also=0)) for number in range(40)),
        )
    assert 80 == len({outcome.events[0].id for outcome in outcomes})
