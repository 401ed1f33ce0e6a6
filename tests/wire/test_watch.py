"""Ages that every process tells from the database: work that nobody takes up is seen to wait."""

import asyncio
import json
import math
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY
from uuid_utils.compat import uuid7

from contracts.commands import agreements
from contracts.rules.contests import ContestDeclaration
from contracts.rules.standing import Suspend
from events.contract_terms import TermClause
from events.refusal import ClockAhead
from events.vocabulary import Period
from market import watch as watching
from market.cli import doctor_rules
from market.cli.doctor_contests import contest_findings
from market.cli.doctor_room import room_findings
from market.cli.doctor_rules import rule_findings
from market.cli.findings import Finding
from market.cli.rule_switches import SWITCHES
from market.commands import markets, webhooks
from market.ground import Wiring
from market.http.wire.ids import to_text
from market.metrics import RELAY_OLDEST_SECONDS, WATCHED_AT
from market.rules.streams.reach import Reach
from market.rules.streams.webhooks import RegisterWebhook
from market.rules.webhook_terms import WebhookTerms
from market.settings import load
from market.store import room
from market.watch import checks, own_folders, watch
from tests.agreement_support import STEADY, signed
from tests.contract_support import agreement_terms
from tests.market_drafts import market_terms
from tests.market_support import Scene, done, scene_on
from tests.process_support import eventually, wired
from tests.topic_support import shown
from tests.wire.test_imports import hand_in

HOUR_SECONDS = 3600.0
ONCE = room.TRIAL.replace("$1", str(room.TRIAL_ROWS))
BACKENDS = "select pid from pg_stat_activity where datname = current_database() and usename = any($1)"
FULL = "select public.full_disk($1::int)"
FULL_DISK = """
create function public.full_disk(int) returns int language plpgsql as $$ begin
    raise exception 'could not extend file: No space left on device' using errcode = '53100';
end $$
"""
REACH = Reach(ports=frozenset({443}), networks=(ip_network("127.0.0.0/8"),), plain=False)


@pytest.fixture
def database(market_database: Any) -> Any:
    return market_database


def read(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(f"lodestone_{name}", labels)
    assert found is not None, name
    return found


async def register_webhook(scene: Scene) -> None:
    firm = scene.buyers[0]
    argument = RegisterWebhook(
        caller=firm.trader,
        organisation=firm.organisation,
        webhook=uuid7(),
        terms=WebhookTerms(url="https://127.0.0.1/hook"),
        reach=REACH,
    )
    done(await webhooks.register(scene.desk, argument))


async def broken(*_: Any) -> None:
    raise asyncpg.QueryCanceledError("too slow")


async def contest(scene: Scene) -> str:
    """An agreement whose seller declared force majeure, which its buyer contests."""
    term = TermClause(starts_on=scene.clock.now.date(), years=2)
    agreement = await signed(scene, agreement_terms(**STEADY | {"term": term, "nominations": ()}))
    now, seller, buyer = scene.clock.now, scene.sellers[0].trader, scene.buyers[0].trader
    period = Period(start=now, end=now + timedelta(days=30))
    declared = Suspend(
        caller=seller, agreement=agreement, expected_version=4, period=period, reason="flood", evidence=()
    )
    done(await agreements.suspend(scene.desk, declared))
    said = ContestDeclaration(caller=buyer, agreement=agreement, suspension=1, reason="it was dry")
    done(await agreements.contest(scene.desk, said))
    return to_text("agr", agreement)


async def test_what_no_process_takes_up_is_seen_to_wait(
    database: Any, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a question of ages fails the lags are told all the same, and that not all was read."""
    monkeypatch.setattr(watching, "AGES_SECONDS", 0.0)
    RELAY_OLDEST_SECONDS.set(-1)
    WATCHED_AT.set(0)
    async with scene_on(database) as scene:
        over = scene.clock.now + timedelta(hours=1)
        await scene.require(scene.buyers[0], valid_until=over)
        await hand_in(scene, [{}], "partial")
        await register_webhook(scene)
        contested = await contest(scene)
        scene.clock.pass_seconds(2 * HOUR_SECONDS)
        stop = asyncio.Event()
        async with (
            wired(database, kafka_bootstrap, topic_prefix, now=scene.clock) as wiring,
            asyncio.TaskGroup() as group,
        ):
            with monkeypatch.context() as failing:
                failing.setattr("market.store.audit_runs.last_at", broken)
                group.create_task(watch(wiring, stop))
                await eventually("the lags", partial(above, 0.0, "relay_oldest_unpublished_seconds"))
                await asyncio.sleep(watching.WATCH_SECONDS)
                assert 0 == read("watched_timestamp_seconds")
            await eventually("the ages", partial(shown, 1, "lodestone_webhooks_unserved"))
            stop.set()
            async with wiring.auditor.acquire() as connection:
                late = scene.clock.now + timedelta(days=31)
                findings = [each async for each in contest_findings(connection, late)]
                lacking = await rule_findings(connection)
                monkeypatch.setattr(doctor_rules, "TOLD_MAX", 0)
                beyond = await rule_findings(connection)
    told = f"1 wait to be settled, the oldest, of {contested}, for 31 days"
    assert [("contests, declaration", "attention", told)] == [
        (each.what, each.state, each.told) for each in findings
    ]
    (of_market,) = lacking
    without = ", ".join(SWITCHES)
    assert (f"rules of {to_text('mkt', scene.market)}", "attention") == (of_market.what, of_market.state)
    assert f"version 1 is without {without}" == of_market.told
    assert [Finding(what="rules", state="attention", told="1 more market lacks some")] == beyond
    assert HOUR_SECONDS == read("timer_oldest_due_seconds", kind="expiry")
    assert [0, 0, 0, 0] == [
        read("timer_oldest_due_seconds", kind=kind) for kind in ("lapse", "agreement", "volumes", "delivery")
    ]
    assert 2 * HOUR_SECONDS == read("import_oldest_seconds")
    assert 0 == read("webhook_oldest_due_seconds")
    waiting = {"kind": "declaration", "subject": contested, "suspension": "1"}
    assert 2 * HOUR_SECONDS == read("contest_seconds", **waiting)
    assert (1, 0) == (read("contests", kind="declaration"), read("contests", kind="mass"))
    assert 0 < read("unsealed_oldest_seconds")
    assert math.isnan(read("checkpoint_age_seconds"))
    assert 0 <= read("audit_run_age_seconds")
    assert time.time() - 60 < read("watched_timestamp_seconds") <= time.time()


async def test_a_clock_that_runs_ahead_is_told_and_records_nothing(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    days = timedelta(days=400)
    servers = (database, kafka_bootstrap, topic_prefix)

    def ahead() -> datetime:
        return datetime.now(UTC) + days

    stop = asyncio.Event()
    async with (
        scene_on(database) as scene,
        wired(*servers, now=ahead, clock_ahead_seconds_max=60) as wiring,
        asyncio.TaskGroup() as group,
    ):
        before = await scene.events("market")
        with pytest.raises(ClockAhead):
            await markets.open_market(wiring.desk, scene.operator, terms=market_terms())
        assert before == await scene.events("market")
        told = await checks(wiring)["clock"].ask()
        assert told is not None
        assert "ahead of the database's" in told
        await scene.pool.execute(
            "update record.lane set last_time = clock_timestamp() + interval '2 days' where lane = 0"
        )
        group.create_task(watch(wiring, stop))
        await eventually("the gauge of lanes", partial(above, 86_400.0, "lane_ahead_seconds"))
        assert days.total_seconds() - 60 < read("clock_ahead_seconds") < days.total_seconds() + 60
        stop.set()
    async with wired(*servers) as wiring:
        assert None is await checks(wiring)["clock"].ask()
    async with wired(*servers, now=ahead) as wiring:
        assert None is await checks(wiring)["clock"].ask()


async def test_a_database_without_room_to_write_is_told_wherever_one_looks(
    database: Any, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The trial writes a temporary file and no row; one that fails is no reason to answer no request."""
    servers = (database, kafka_bootstrap, topic_prefix)
    monkeypatch.setattr(watching, "AGES_SECONDS", 0.0)
    async with wired(*servers) as wiring:
        async with wiring.reader.acquire() as connection, connection.transaction():
            await connection.execute(room.SMALL_MEMORY)
            plan = await connection.fetchval(f"explain (analyze, buffers, format json) {ONCE}")
            written_blocks = json.loads(plan)[0]["Plan"]["Temp Written Blocks"]
            assert 2**20 <= 8192 * written_blocks < 2**21
        check = checks(wiring)["disk"]
        assert (None, False) == (await check.ask(), check.needed)
        (finding,) = await room_of(wiring)
        assert ("ok", True) == (
            finding.state,
            finding.told.startswith("PostgreSQL can write; the database has 0."),
        )
        own = load(data_dir=tmp_path, instance="own")
        (own.instance_dir / "kafka").mkdir(parents=True)
        assert {"kafka": own.instance_dir / "kafka"} == own_folders(own)
        assert {} == own_folders(wiring.settings)
        async with wiring.reader.acquire() as connection:
            found = {each.what: each.state for each in await room_findings(connection, own)}
            monkeypatch.setattr("market.cli.doctor_room.FREE_BYTES_MIN", 2**62)
            short = {each.what: each.state for each in await room_findings(connection, own)}
        assert {"room to write", "disk of kafka"} == found.keys()
        assert "attention" == short["disk of kafka"]
        admin = await asyncpg.connect(database.admin_dsn)
        await admin.execute(FULL_DISK)
        await admin.close()
        monkeypatch.setattr(room, "TRIAL", FULL)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(watch(wiring, stop))
            await eventually("the gauge", partial(shown, 1, "lodestone_database_disk_full"))
            assert 2**20 < read("database_bytes")
            (finding,) = await room_of(wiring)
            assert ("wrong", True) == (finding.state, "No space left on device" in finding.told)
            assert None is await check.ask(), "asked again within its fifteen seconds"
            told = await checks(wiring)["disk"].ask()
            assert "the database has no room to write: its disk is full" == told
            monkeypatch.undo()
            monkeypatch.setattr(watching, "AGES_SECONDS", 0.0)
            await eventually("the gauge again", partial(shown, 0, "lodestone_database_disk_full"))
            stop.set()


async def room_of(wiring: Wiring) -> list[Finding]:
    async with wiring.reader.acquire() as connection:
        return await room_findings(connection, wiring.settings)


async def above(least: float, name: str) -> bool:
    return read(name) > least


async def test_a_database_that_stands_still_is_told_in_time(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with wired(database, kafka_bootstrap, topic_prefix) as wiring:
        asked = checks(wiring)
        assert None is await asked["database"].ask()
        admin = await asyncpg.connect(database.admin_dsn)
        # The next ask goes to these; others of the pools are made anew, on a server that takes connections.
        held = await admin.fetch(BACKENDS, ["lodestone_reader", "lodestone_relay"])
        assert 2 == len(held)
        try:
            for row in held:
                os.kill(row["pid"], signal.SIGSTOP)
            started = time.monotonic()
            told = await asyncio.gather(*(check.ask() for check in asked.values()))
            assert time.monotonic() - started < 15 * watching.READY_SECONDS_MAX, "each waited a minute"
        finally:
            for row in held:
                os.kill(row["pid"], signal.SIGCONT)
            await admin.close()
        assert len(held) <= sum("TimeoutError" in (sentence or "") for sentence in told), told

        async def well() -> bool:
            # No relay runs, so what was written here grows old.
            return all([await check.ask() is None for name, check in asked.items() if name != "relay"])

        await eventually("every check is well again", well)
