"""One lane, one writer: what is accepted, refused, repeated and rolled back, on a real PostgreSQL."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

from events.chain import genesis, next_head
from events.codec import decode_event
from events.command import Outcome
from events.connections import DATABASE_LOST, Connection
from events.decision import LaneKey
from events.envelope import Recorded
from events.heads import allow_for, lock_lanes
from events.journal import Deployment, read_events, read_head, read_rows
from events.lane import LaneWriter
from events.refusal import (
    IdempotencyKeyReused,
    LaneBusy,
    LaneStopped,
    QueueFull,
    RecordUnavailable,
)
from events.writes import Write
from tests.record_support import (
    ACTOR,
    STREAM,
    Declined,
    TakeNotes,
    apply_effects,
    note,
    pool_on,
    prepare_record,
    running_writer,
    standing_still,
    writer_on,
)

LANES = 4
FIRST = LaneKey(STREAM, 0)


@pytest.fixture
async def deployment(database: Any) -> Deployment:
    return await prepare_record(database.dsn("owner"), database.admin_dsn, LANES)


@pytest.fixture
async def writer(database: Any, deployment: Deployment) -> AsyncIterator[LaneWriter]:
    async with running_writer(database.dsn("writer")) as running:
        yield running


@pytest.fixture
async def connection(database: Any, deployment: Deployment) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database.dsn("writer"))
    yield opened
    await opened.close()


async def effects(connection: Connection) -> list[str]:
    rows = await connection.fetch("select subject from public.effect order by stream, lane, position")
    return [row["subject"] for row in rows]


async def test_an_accepted_command_is_chained_journalled_and_applied(
    writer: LaneWriter, connection: Connection, deployment: Deployment
) -> None:
    outcome = await writer.execute(note("a", count=2))
    rows = await read_rows(connection, FIRST, 0, 100, 100)
    first = next_head(genesis(deployment.deployment_id, STREAM, 0), rows[0].body)
    assert [1, 2] == [event.position for event in outcome.events]
    assert [first, next_head(first, rows[1].body)] == [row.chain for row in rows]
    assert [sha256(row.body).digest() for row in rows] == [event.body_hash for event in outcome.events]
    assert outcome.events == tuple(decode_event(row.body, row.chain) for row in rows)
    assert ["a", "a.1"] == await effects(connection)
    assert (2, rows[1].chain) == await read_head(connection, FIRST)
    assert not outcome.replayed
    assert {ACTOR} == {event.actor for event in outcome.events}


async def test_a_refused_command_leaves_nothing(writer: LaneWriter, connection: Connection) -> None:
    with pytest.raises(Declined) as refused:
        await writer.execute(note("a", declined=True, key="k"))
    assert "The note a is declined." == refused.value.detail()
    assert 0 == (await read_head(connection, FIRST)).position
    assert 0 == await connection.fetchval("select count(*) from record.request")
    accepted = await writer.execute(note("b", key="k"))
    assert (1, False) == (accepted.events[0].position, accepted.replayed)


async def test_a_repeated_request_gets_the_first_answer(writer: LaneWriter, connection: Connection) -> None:
    first = await writer.execute(note("a", key="k", count=3, also=2))
    again = await writer.execute(note("a", key="k", count=3, also=2))
    assert Outcome(events=first.events, replayed=True) == again
    with pytest.raises(IdempotencyKeyReused):
        await writer.execute(note("a", key="k", body=b"another"))
    assert ["a", "a.1", "a.2", "a.3"] == await effects(connection)


async def test_concurrent_repeats_record_once(
    database: Any, writer: LaneWriter, connection: Connection
) -> None:
    async with running_writer(database.dsn("writer")) as other:
        outcomes = await asyncio.gather(
            *(chosen.execute(note("a", key="k")) for _ in range(20) for chosen in (writer, other))
        )
    assert 1 == len({outcome.events for outcome in outcomes})
    assert [False] + [True] * 39 == sorted(outcome.replayed for outcome in outcomes)
    assert ["a"] == await effects(connection)


async def test_a_key_raced_on_two_lanes_records_once(
    database: Any, writer: LaneWriter, connection: Connection
) -> None:
    async with running_writer(database.dsn("writer")) as other:
        for number in range(20):
            commands = [note(f"n{number}", key=f"k{number}", lane=lane) for lane in (0, 1)]
            outcomes = await asyncio.gather(
                writer.execute(commands[0]), other.execute(commands[1]), return_exceptions=True
            )
            answered = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
            assert 2 == len(answered)
            assert [False, True] == sorted(outcome.replayed for outcome in answered)
    assert [f"n{number}" for number in range(20)] == sorted(
        await effects(connection), key=lambda s: int(s[1:])
    )


async def test_only_the_command_with_the_bad_statement_fails(
    writer: LaneWriter, connection: Connection
) -> None:
    await writer.execute(note("taken"))
    names = ["a", "b", "taken", "c", "d"]
    outcomes = await asyncio.gather(*(writer.execute(note(name)) for name in names), return_exceptions=True)
    failed = [name for name, outcome in zip(names, outcomes, strict=True) if not isinstance(outcome, Outcome)]
    assert ["taken"] == failed
    assert isinstance(outcomes[2], asyncpg.UniqueViolationError)
    assert ["taken", "a", "b", "c", "d"] == await effects(connection)
    assert 5 == (await read_head(connection, FIRST)).position


async def test_positions_are_gapless_and_in_commit_order_under_16_writers(
    database: Any, deployment: Deployment, connection: Connection
) -> None:
    seen: dict[int, list[int]] = {lane: [] for lane in range(2)}
    done = asyncio.Event()

    async def watch() -> None:
        while True:
            last = done.is_set()
            for lane, positions in seen.items():
                rows = await read_rows(connection, LaneKey(STREAM, lane), len(positions), 10**9, 1000)
                positions += [row.position for row in rows]
            if last:
                return

    async def write(number: int) -> None:
        async with running_writer(database.dsn("writer"), size=1) as own:
            for step in range(25):
                await own.execute(note(f"{number}-{step}", lane=step % 2, also=(step + 1) % 2))

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(write(number) for number in range(16)))
    done.set()
    await watching
    assert {0: list(range(1, 401)), 1: list(range(1, 401))} == seen


async def test_commands_on_the_same_state_are_never_decided_together(writer: LaneWriter) -> None:
    operation = TakeNotes()
    commands = [
        note("a", touches=frozenset({"x"}), operation=operation),
        note("b", touches=frozenset({"x", "y"}), operation=operation),
        note("c", touches=frozenset({"z"}), operation=operation),
        note("d", touches=frozenset({"y"}), operation=operation),
        note("e", touches=None, operation=operation),
        note("f", touches=None, lane=1, operation=operation),
    ]
    await asyncio.gather(*(writer.execute(command) for command in commands))
    assert [["a", "c", "f"], ["b"], ["d"], ["e"]] == operation.batches


async def test_a_stopped_lane_refuses_and_the_others_go_on(
    database: Any, writer: LaneWriter, connection: Connection
) -> None:
    owner = await asyncpg.connect(database.dsn("owner"))
    await owner.execute(
        "update record.lane set stopped_reason = 'fork' where stream = $1 and lane = 0", STREAM
    )
    await owner.close()
    stopped, other = await asyncio.gather(
        writer.execute(note("a")), writer.execute(note("b", lane=1)), return_exceptions=True
    )
    assert isinstance(stopped, LaneStopped)
    assert isinstance(other, Outcome)
    assert ["b"] == await effects(connection)


async def test_a_rehearsal_decides_and_stores_nothing(writer: LaneWriter, connection: Connection) -> None:
    drafts = await writer.rehearse(note("a", count=2, key="k"))
    assert ["a", "a.1"] == [draft.subject for draft in drafts]
    with pytest.raises(Declined):
        await writer.rehearse(note("a", declined=True))
    assert [] == await effects(connection)
    assert 0 == (await read_head(connection, FIRST)).position
    assert 0 == await connection.fetchval("select count(*) from record.request")


async def test_times_never_go_back_on_a_lane(database: Any, deployment: Deployment) -> None:
    times = [datetime(2026, 1, 1, 12, tzinfo=UTC) - timedelta(hours=hour) for hour in range(3)]
    ticks = iter(times)
    async with running_writer(database.dsn("writer"), clock=lambda: next(ticks)) as own:
        outcomes = [await own.execute(note(name)) for name in ("a", "b", "c")]
    assert [times[0]] * 3 == [outcome.events[0].time for outcome in outcomes]


async def test_more_waiting_commands_than_allowed_are_refused(database: Any, deployment: Deployment) -> None:
    async with running_writer(database.dsn("writer"), waiting_max=10) as own:
        outcomes = await asyncio.gather(
            *(own.execute(note(f"n{number}")) for number in range(12)), return_exceptions=True
        )
    assert 10 == sum(isinstance(outcome, Outcome) for outcome in outcomes)
    assert [QueueFull, QueueFull] == [type(outcome) for outcome in outcomes[10:]]


async def test_hundreds_of_events_in_one_decision(writer: LaneWriter, connection: Connection) -> None:
    outcome = await writer.execute(note("many", count=1000, key="k"))
    stored = await read_events(connection, FIRST, 0, 2000, 2000)
    assert list(outcome.events) == stored
    assert outcome.events == (await writer.execute(note("many", count=1000, key="k"))).events


async def test_a_fact_that_cannot_be_encoded_fails_alone(writer: LaneWriter, connection: Connection) -> None:
    bad, good = await asyncio.gather(
        writer.execute(note('quote"d')), writer.execute(note("plain")), return_exceptions=True
    )
    assert isinstance(bad, ValueError)
    assert isinstance(good, Outcome)
    assert ["plain"] == await effects(connection)


async def test_an_unknown_lane_fails_alone(writer: LaneWriter, connection: Connection) -> None:
    bad, good = await asyncio.gather(
        writer.execute(note("a", lane=LANES)), writer.execute(note("b")), return_exceptions=True
    )
    assert isinstance(bad, ValueError)
    assert isinstance(good, Outcome)


async def test_a_lost_connection_stores_nothing_and_the_next_command_works(
    database: Any, deployment: Deployment, connection: Connection
) -> None:
    killer = await asyncpg.connect(database.admin_dsn)

    async def kill_self_once(own: Connection, events: Sequence[Recorded]) -> Sequence[Write]:
        if events[0].subject == "lost":
            pid = await own.fetchval("select pg_backend_pid()")
            await killer.fetchval("select pg_terminate_backend($1, 1000)", pid)
        return await apply_effects(own, events)

    async with pool_on(database.dsn("writer"), 2) as pool:
        own = writer_on(pool)
        own._apply = kill_self_once
        await own.start()
        with pytest.raises(RecordUnavailable):
            await own.execute(note("lost", key="k"))
        kept = await own.execute(note("kept", key="k", body=b"lost"))
        await own.stop()
    await killer.close()
    assert not kept.replayed
    assert ["kept"] == await effects(connection)


async def test_a_session_that_the_server_ended_is_a_lost_connection_whatever_the_driver_calls_it(
    database: Any,
) -> None:
    """Told between two statements, the driver takes the next one for a second operation at once."""
    killer, own = await asyncpg.connect(database.admin_dsn), await asyncpg.connect(database.dsn("writer"))
    await own.execute("begin")
    await killer.fetchval("select pg_terminate_backend($1)", own.get_server_pid())
    with pytest.raises(DATABASE_LOST):
        for number in range(100_000):
            await own.fetchval(f"select {number}")
    await killer.close()
    own.terminate()


async def test_a_holder_that_stands_still_loses_the_lane(
    database: Any, writer: LaneWriter, connection: Connection
) -> None:
    still = await asyncpg.connect(database.dsn("writer"))
    await still.execute("begin")
    heads = await lock_lanes(still, [FIRST])
    assert 1 == heads[FIRST].next_position
    outcome = await writer.execute(note("after"))
    assert 1 == outcome.events[0].position
    with pytest.raises((asyncpg.IdleInTransactionSessionTimeoutError, asyncpg.InterfaceError)):
        await still.execute("commit")
    still.terminate()


async def test_a_transaction_of_many_events_has_more_time_and_the_next_one_not(database: Any) -> None:
    limits = (
        "idle_in_transaction_session_timeout",
        "statement_timeout",
        "transaction_timeout",
        "lock_timeout",
    )
    own = await asyncpg.connect(database.dsn("writer"))

    async def shown() -> list[str]:
        return [await own.fetchval(f"show {limit}") for limit in limits]

    usual = await shown()
    assert ["2s", "10s", "20s", "5s"] == usual
    async with own.transaction():
        await allow_for(own, 20_000)
        assert ["7s", "15s", "40s", "5s"] == await shown()
    assert usual == await shown()
    await own.close()


async def test_a_lane_held_by_a_busy_session_is_reported(database: Any, deployment: Deployment) -> None:
    holder = await asyncpg.connect(database.dsn("writer"))
    impatient = database.dsn("writer") + "&lock_timeout=100"
    async with standing_still(holder), running_writer(impatient) as own:
        await lock_lanes(holder, [FIRST])
        with pytest.raises(LaneBusy):
            await own.execute(note("a"))
        with pytest.raises(LaneBusy):
            await own.rehearse(note("a"))
    await holder.close()


CHILD = """
import asyncio, sys
from tests.record_support import note, running_writer

async def main():
    async with running_writer(sys.argv[1]) as writer:
        await writer.execute(note("first"))
        await writer.execute(note("crashed", key="k", optimistic=sys.argv[2] == "optimistic"))

asyncio.run(main())
"""


@pytest.mark.parametrize("way", ["locked first", "optimistic"])
@pytest.mark.parametrize(
    ("label", "stored"), [("lane.before_commit:2", 0), ("lane.after_commit:2", 1)], ids=["before", "after"]
)
async def test_kill_9_around_the_commit(
    database: Any, writer: LaneWriter, connection: Connection, label: str, stored: int, way: str
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        database.dsn("writer"),
        way,
        env=os.environ | {"LODESTONE_CRASH_AT": label},
    )
    assert -signal.SIGKILL == await child.wait()
    assert 1 + stored == (await read_head(connection, FIRST)).position
    outcome = await writer.execute(note("crashed", key="k"))
    assert bool(stored) == outcome.replayed
    assert ["first", "crashed"] == await effects(connection)
