"""The verbs of the command line: data on stdout, messages on stderr, and what each exit code means."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from events.contract_terms import TermClause
from events.decision import LaneKey
from events.market_events import MarketOpened, RuleSetRehearsed
from events.topics import record_topic
from events.vocabulary import KeyRole
from market import topic_settings
from market.cli.console import Exit
from market.commands import inputs, markets
from market.ground import Wiring
from market.http.rounds.rule_sets import EXAMPLE
from market.http.wire.ids import to_text
from market.http.wire.tokens import SECRET_BYTES
from market.operators import issue_key
from market.services import SERVICES
from market.topic_settings import watch_topics
from tests.agreement_support import STEADY, agreed
from tests.market_drafts import euro, market_terms, rule_set
from tests.market_support import LANES, bare_scene_on, done, fact_of, scene_on
from tests.process_support import eventually, finish, published, serving, start_cli, topic_bodies, wired
from tests.record_support import send_raw
from tests.topic_support import set_topic, shown

NOWHERE = "127.0.0.1:1"
LOSES = "lodestone_topic_loses_events"
WEEK_MS = "604800000"
KEEPING = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


async def ran(database: Any, bootstrap: str, prefix: str, *arguments: str) -> tuple[int, str, str]:
    return await finish(await start_cli(database, bootstrap, prefix, *arguments))


async def ran_with(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LODESTONE_")}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "market", *arguments, env=kept | environment, stdout=PIPE, stderr=PIPE
    )
    return await finish(child)


async def test_what_is_wrong_with_a_call_is_told_by_its_exit_code() -> None:
    calls = await asyncio.gather(
        ran_with({}, "run", "no-such-service"),
        ran_with({}, "audit", "--expect-end", "market=3"),
        ran_with({"LODESTONE_NO_SUCH_SETTING": "1"}, "doctor"),
        ran_with({"LODESTONE_DATA_DIR": "/proc/none"}, "up"),
        ran_with({"LODESTONE_KAFKA_BOOTSTRAP": NOWHERE}, "audit"),
        ran_with({"LODESTONE_DATABASE_URL": f"postgresql://nobody@{NOWHERE}/none"}, "migrate"),
    )
    codes = [code for code, _, _ in calls]
    assert [Exit.USAGE, *[Exit.INVALID_INPUT] * 2, *[Exit.UNAVAILABLE] * 3] == codes
    assert [""] * len(calls) == [out for _, out, _ in calls]
    assert "LODESTONE_NO_SUCH_SETTING: is no setting" in calls[2][2]
    assert not any("Traceback" in err or "\x1b[" in err for _, _, err in calls)


async def test_the_doctor_starts_nothing_and_says_that_nothing_runs(tmp_path: Path) -> None:
    embedded = {"LODESTONE_DATA_DIR": str(tmp_path / "none")}
    code, out, err = await ran_with(embedded, "doctor", "--json")
    assert Exit.UNAVAILABLE == code
    findings = {row["what"]: row for row in json.loads(out)}
    assert {"PostgreSQL": "wrong", "Kafka": "wrong"} == {what: row["state"] for what, row in findings.items()}
    assert "no PostgreSQL is running in" in findings["PostgreSQL"]["told"]
    assert "no Kafka is running in" in findings["Kafka"]["told"]
    assert "2 of 2 checks failed" in err
    code, _, err = await ran_with(embedded, "doctor", "--resume", "matcher/market/1")
    assert (Exit.UNAVAILABLE, True) == (code, "no PostgreSQL is running in" in err)
    named = {
        f"LODESTONE_{role}_URL": f"postgresql://x@{NOWHERE}/x"
        for role in ("WRITER", "READER", "RELAY", "AUDITOR")
    }
    named |= {
        "LODESTONE_KAFKA_BOOTSTRAP": NOWHERE,
        "LODESTONE_KAFKA_SECURITY_PROTOCOL": "SSL",
        "LODESTONE_KAFKA_SECURITY_CA_FILE": str(tmp_path / "ca.pem"),
    }
    _, out, err = await ran_with(embedded | named, "doctor")
    assert "→ start that server, or correct LODESTONE_WRITER_URL" in out, err
    assert ("ca.pem cannot be read: No such file" in out, 2) == (True, out.count("→"))
    assert "→ docs/securing.md, Certificates" in out
    assert [] == list(tmp_path.iterdir())


async def test_the_doctor_tells_servers_without_services_from_those_that_work(
    database: Any, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with bare_scene_on(database), wired(*servers) as wiring:
        topic = record_topic(topic_prefix, "market")
        await set_topic(kafka_bootstrap, topic, {"cleanup.policy": "compact,delete", "retention.ms": WEEK_MS})
        await wiring.writer.execute(
            "update record.lane set last_time = clock_timestamp() + interval '2 days' "
            "where stream = 'market' and lane = 0"
        )
        code, out, _ = await ran(*servers, "doctor", "--json")
        idle = {row["what"]: (row["state"], row["told"]) for row in json.loads(out)}
        assert (Exit.UNAVAILABLE, ("wrong", "no relay and no reader is running")) == (code, idle["services"])
        assert ("ok", "ok", "ok") == (idle["PostgreSQL"][0], idle["Kafka"][0], idle["clock"][0])
        assert "attention" == idle["lane market/0"][0]
        async with serving(wiring, "relay", "matcher"):
            await eventually("leases", lambda: _leased(wiring))
            await eventually("the gauge", partial(shown, 1, LOSES, topic=topic))
            assert await shown(2, "lodestone_topic_settings_differing", topic=topic)
            code, out, err = await ran(*servers, "doctor", "--json")
            losing = {row["what"]: row for row in json.loads(out)}[f"topic {topic}"]
            assert (Exit.UNAVAILABLE, "wrong") == (code, losing["state"])
            assert "cleanup.policy is compact,delete, declared delete; all but the newest" in losing["told"]
            assert f"retention.ms is {WEEK_MS}, declared -1; older events go" in losing["told"]
            assert (
                f"--entity-name {topic} --add-config cleanup.policy=delete,retention.ms=-1;" in losing["help"]
            )
            code, out, err = await ran(*servers, "topics")
            assert (Exit.INVALID_INPUT, True) == (code, f"set to lose events of the record: {topic}" in err)
            assert f"retention.ms is {WEEK_MS}" in out
            await set_topic(kafka_bootstrap, topic, KEEPING | {"max.message.bytes": "2000000"})
            stop = asyncio.Event()
            compare = topic_settings.compare_topics

            async def broken(*_: Any, **__: Any) -> None:
                monkeypatch.setattr(topic_settings, "compare_topics", compare)
                raise IndexError("an answer of another form")

            monkeypatch.setattr(topic_settings, "compare_topics", broken)
            looking = watch_topics(kafka_bootstrap, LANES, stop, prefix=topic_prefix, look_seconds=0.1)
            async with asyncio.TaskGroup() as group:
                group.create_task(looking)
                await eventually("the gauge again", partial(shown, 0, LOSES, topic=topic))
                stop.set()
            code, out, err = await ran(*servers, "doctor", "--json")
            assert Exit.OK == code, err
            working = {row["what"]: (row["state"], row["told"]) for row in json.loads(out)}
            state, told = working["services"]
            assert ("ok", "leases held by: matcher, relay") == (state, told.partition("; whether api, ")[0])
            await wiring.writer.execute(
                "update record.consumer set waits_reason = 'no position 3' "
                "where name = 'matcher' and stream = 'market' and lane = 0"
            )
            place = {"reader": "matcher", "stream": "market", "lane": "0"}
            await eventually("who waits", partial(shown, 1, "lodestone_lane_waits", **place))
            code, out, err = await ran(*servers, "doctor", "--json")
            waits = {row["what"]: row for row in json.loads(out)}["matcher market/0"]
            assert (
                Exit.UNAVAILABLE,
                "wrong",
                "waits: no position 3",
                "lodestone replay --restore market/0",
            ) == (
                code,
                *(waits[name] for name in ("state", "told", "help")),
            )
        _, out, _ = await ran_with(
            {"LODESTONE_DATABASE_URL": database.admin_dsn, "LODESTONE_KAFKA_BOOTSTRAP": NOWHERE}, "doctor"
        )
        assert f"nothing answers at {NOWHERE}" in out
        assert "→ start that server, or correct LODESTONE_KAFKA_BOOTSTRAP" in out
    dead = {"LODESTONE_DATABASE_URL": f"postgresql://x@{NOWHERE}/x", "LODESTONE_KAFKA_BOOTSTRAP": NOWHERE}
    _, out, _ = await ran_with(dead, "doctor")
    assert "→ start that server, or correct LODESTONE_DATABASE_URL" in out
    assert "→ lodestone up" not in out


async def _leased(wiring: Wiring) -> bool:
    """Whether a relay and a reader hold leases."""
    return bool(
        await wiring.relay.fetchval(
            "select exists (select from record.relay where owner is not null)"
            " and exists (select from record.consumer where owner is not null)"
        )
    )


async def test_a_fresh_deployment_is_set_up_once(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    code, out, _ = await ran(*servers, "migrate", "--lanes", "2", "--json")
    assert (Exit.OK, 2) == (code, json.loads(out)["lanes"])
    code, _, err = await ran(*servers, "migrate", "--lanes", "5")
    assert Exit.INVALID_INPUT == code
    assert "which cannot change" in err
    code, out, _ = await ran(*servers, "topics", "--dry-run", "--json")
    assert {"missing"} == {row["state"] for row in json.loads(out)}
    code, out, _ = await ran(*servers, "topics", "--json")
    assert {"created"} == {row["state"] for row in json.loads(out)}
    code, out, _ = await ran(*servers, "topics", "--json")
    rows = {row["topic"].removeprefix(topic_prefix): row for row in json.loads(out)}
    assert ("exists", 2) == (rows["record.market.v1"]["state"], rows["record.market.v1"]["partitions"])
    code, out, err = await ran(*servers, "keys", "issue", "--role", "auditor", "--days", "800")
    assert (Exit.OK, 1) == (code, len(out.splitlines()))
    assert out.startswith("lds_live_")
    assert "shown only now" in err
    assert "two years at most" in " ".join(err.split())
    code, out, err = await ran(*servers, "keys", "issue", "--role", "trader", "--organisation", "org_1")
    assert (Exit.INVALID_INPUT, "") == (code, out)


async def test_events_can_be_read_and_a_lost_topic_published_again(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene, wired(*servers) as wiring:
        async with serving(wiring, "relay"):
            await scene.offer(scene.sellers[0])
            await eventually("the topics", lambda: published(scene))
        lane = f"market/{scene.lane.lane}"
        code, out, _ = await ran(
            *servers, "events", "tail", "--lane", lane, "--from-start", "--once", "--json"
        )
        events = [json.loads(line) for line in out.splitlines()]
        expected = [event.id for event in await scene.events("market") if event.lane == scene.lane.lane]
        assert [str(found) for found in expected] == [event["id"] for event in events]
        code, out, _ = await ran(*servers, "events", "tail", "--stream", "market", "--from-start", "--once")
        assert (Exit.OK, len(expected)) == (code, len(out.splitlines()))
        code, _, _ = await ran(*servers, "topics", "--republish", lane)
        assert Exit.OK == code
        async with serving(wiring, "relay"):
            await eventually("the topics again", lambda: published(scene))
        bodies = (await topic_bodies(kafka_bootstrap, record_topic(topic_prefix, "market")))[scene.lane.lane]
        assert bodies[: len(expected)] == bodies[len(expected) :]
        code, out, _ = await ran(*servers, "audit", "--json")
        assert (Exit.OK, len(expected)) == (code, json.loads(out)["repeats"])


async def test_a_lane_a_reader_or_a_topic_that_is_not_there_is_said_so(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    absent = f"market/{LANES}"
    async with bare_scene_on(database), wired(*servers):
        calls = [
            (servers, ("topics", "--republish", absent), "there is no lane"),
            (servers, ("replay", "--restore", absent), "there is no lane"),
            (servers, ("events", "tail", "--lane", absent, "--once"), "there is no lane"),
            (servers, ("doctor", "--resume", f"relay/{absent}"), "there is no lane"),
            (servers, ("doctor", "--resume", "nobody/market/0"), "no reader nobody"),
            (servers, ("doctor", "--reread", "relay/market/0"), "topics --republish market/0"),
            ((database, kafka_bootstrap, "absent."), ("events", "tail", "--once"), "does not exist"),
        ]
        for where, arguments, told in calls:
            code, out, err = await ran(*where, *arguments)
            assert (arguments, Exit.INVALID_INPUT, "") == (arguments, code, out), err
            assert told in err
            assert "Traceback" not in err


async def test_a_role_that_may_not_log_in_is_said_so(database: Any, kafka_bootstrap: str) -> None:
    stranger = database.admin_dsn.replace("postgres@", "nobody_known@", 1)
    assert stranger != database.admin_dsn
    environment = {
        "LODESTONE_DATABASE_URL": database.admin_dsn,
        "LODESTONE_WRITER_URL": stranger,
        "LODESTONE_KAFKA_BOOTSTRAP": kafka_bootstrap,
    }
    code, _, err = await ran_with(environment, "run", "relay")
    assert Exit.UNAVAILABLE == code, err
    assert 'error: PostgreSQL refuses the login: role "nobody_known" does not exist' in err
    assert "Traceback" not in err


async def test_the_doctor_lets_the_relay_go_on(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with bare_scene_on(database), wired(*servers) as wiring:
        await wiring.relay.execute(
            "update record.relay set stopped_reason = 'a test' where stream = 'market' and lane = 0"
        )
        _, out, _ = await ran(*servers, "doctor", "--json")
        alarm = next(row for row in json.loads(out) if row["what"] == "relay market/0")
        assert "fix the cause, then lodestone doctor --resume relay/market/0" == alarm["help"]
        code, out, err = await ran(*servers, "doctor", "--resume", "relay/market/0")
        assert (Exit.OK, "resumes" in out) == (code, True), err
        code, out, err = await ran(*servers, "doctor", "--resume", "relay/market/0")
        assert (Exit.OK, "relay/market/0 was not stopped\n") == (code, out), err
        stopped = "select count(*) from record.relay where stopped_reason is not null"
        assert 0 == await wiring.relay.fetchval(stopped)


async def test_rule_sets_are_listed_and_compared(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene:
        market = to_text("mkt", scene.market)
        code, _, err = await ran(*servers, "rules", "diff", market)
        assert (Exit.INVALID_INPUT, True) == (code, "one rule set, version 1" in err)
        await inputs.publish_rule_set(
            scene.desk,
            scene.operator,
            market=scene.market,
            rule_set=rule_set(version=2, eu_countries=("FR", "DE", "PL")),
            signed_by=(scene.operator.organisation,),
        )
        code, out, _ = await ran(*servers, "rules", "list", market, "--json")
        assert (Exit.OK, [1, 2]) == (code, [each["version"] for each in json.loads(out)])
        code, out, _ = await ran(*servers, "rules", "diff", market, "--json")
        assert [("/eu_countries/PL", None, '"PL"'), ("/version", "1", "2")] == [
            (each["path"], each["before"], each["after"]) for each in json.loads(out)["changes"]
        ]
        told = [(await ran(*servers, "rules", verb, market))[1] for verb in ("list", "diff")]
        assert "lexicographic" in told[0]
        assert "eu_countries/PL" in told[1]
        code, _, err = await ran(*servers, "rules", "diff", market, "--after", "7")
        assert (Exit.INVALID_INPUT, True) == (code, "no rule set of version 7" in err)
        code, _, err = await ran(*servers, "rules", "list", to_text("mkt", UUID(int=7)))
        assert (Exit.INVALID_INPUT, True) == (code, "no rule set of a market" in err)
        assert Exit.USAGE == (await ran(*servers, "rules", "list", "mkt_x"))[0]


async def test_a_rule_set_is_published_from_a_file_with_the_keys_of_two_operators(
    database: Any, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene:
        opened = await markets.open_market(scene.desk, scene.operator, terms=market_terms(sandbox=False))
        market = to_text("mkt", fact_of(done(opened), MarketOpened).market)
        firm = await scene.register("market operations")
        keys = []
        roles: tuple[KeyRole, ...] = ("operator", "operator", "auditor")
        for number, role in enumerate(roles):
            minted = await issue_key(
                scene.desk,
                scene.operator,
                firm.organisation,
                roles=(role,),
                label=f"key {number}",
                expires_at=datetime.now(UTC) + timedelta(days=1),
                secret=number.to_bytes(SECRET_BYTES, "big"),
            )
            keys += ["--key-file", str(tmp_path / f"key {number}")]
            Path(keys[-1]).write_text(minted.token, "utf-8")
        file = tmp_path / "rules.json"
        file.write_text(json.dumps(EXAMPLE | {"effective_from": "2199-01-01T00:00:00Z"}), "utf-8")
        publish = (*servers, "rules", "publish", market, str(file))
        code, _, err = await ran(*publish, *keys[:2])
        assert (Exit.INVALID_INPUT, True) == (code, "2 operators have to sign" in err)
        code, _, err = await ran(*publish, *keys[4:])
        assert (Exit.INVALID_INPUT, True) == (code, "role" in err)
        code, out, _ = await ran(*publish, *keys[:4])
        assert (Exit.OK, True) == (code, "is published at position" in out)
        code, out, _ = await ran(*servers, "rules", "list", market, "--json")
        assert [(1, 2)] == [(each["version"], len(each["signed_by"])) for each in json.loads(out)]
        code, out, err = await ran(*servers, "rules", "next", market)
        assert (Exit.OK, True) == (code, "version 1 has every rule of this version" in err)
        file.write_text(out, "utf-8")
        code, out, _ = await ran(*publish, *keys[:4], "--check")
        assert (Exit.OK, "version 2 may be published") == (code, out.splitlines()[-1])
        halt = (*servers, "halt", market, "--reason", "an audit", "--key-file")
        code, _, err = await ran(*halt, keys[5])
        assert (Exit.INVALID_INPUT, True) == (code, "role" in err)
        code, out, err = await ran(*halt, keys[1], "--json")
        assert (Exit.OK, True) == (code, json.loads(out)["halted"]), err
        code, _, err = await ran(*halt, keys[1])
        assert (Exit.INVALID_INPUT, True) == (code, "halted since" in err)
        code, out, _ = await ran(*servers, "resume", market, "--reason", "mended", "--key-file", keys[3])
        assert (Exit.OK, True) == (code, out.startswith("resumed from position"))
        file.write_text('{"version": "x", "colour": 1}', "utf-8")
        code, _, err = await ran(*publish, *keys[:4])
        assert (Exit.INVALID_INPUT, True, True) == (code, "/version" in err, "/colour" in err)


async def test_a_draft_rule_set_is_tried_on_the_last_round(
    database: Any, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene:
        minted = await issue_key(
            scene.desk,
            scene.operator,
            (await scene.register("market operations")).organisation,
            roles=("operator",),
            label="a trial",
            expires_at=datetime.now(UTC) + timedelta(days=1),
            secret=bytes(SECRET_BYTES),
        )
        key, file = tmp_path / "key", tmp_path / "rules.json"
        key.write_text(minted.token, "utf-8")
        premium = {"eu_origin_eur_per_kg": "40.00", "cap_eur_per_kg": "40.00"}
        draft = EXAMPLE | {"benchmarks": [], "origins_by_stage": False, "default_profile": premium}
        file.write_text(json.dumps(draft), "utf-8")
        dry_run = ("rules", "dry-run", to_text("mkt", scene.market), str(file), "--key-file", str(key))
        code, _, err = await ran(*servers, *dry_run)
        assert (Exit.INVALID_INPUT, True) == (code, "has completed no round" in err)
        await scene.offer(scene.sellers[1], ask=euro(120_111_713))
        await scene.require(scene.buyers[0], profile=None)
        await scene.conclude(await scene.plan())
        code, out, err = await ran(*servers, *dry_run)
        assert Exit.OK == code, err
        told = [line.split() for line in out.splitlines()]
        assert ["matches", "0", "1", "+1"] in told, out
        (at,) = [place for place, line in enumerate(told) if line[:1] == ["gained"]]
        assert ["gained", "seller-1", "before", "0.000", "–"] == told[at]
        _, after, *figures = told[at + 1]
        assert ("after", "2000.000", ["buyer-0"]) == (after, figures[0], told[at + 2])
        assert [["seller-1"], ["buyer-0"]] == [line[:1] for line in told[-2:]]
        code, out, _ = await ran(*servers, *dry_run, "--json")
        (pair,) = json.loads(out)["pairs"]
        assert ("gained", figures[1]) == (pair["kind"], pair["price_after_eur_per_kg"])
        tried = [e for e in await scene.events("market") if isinstance(e.data, RuleSetRehearsed)]
        assert 2 == len(tried)


async def test_replay_names_the_row_that_somebody_changed(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene:
        offer = await scene.offer(scene.sellers[0])
        code, out, _ = await ran(*servers, "replay", "--json")
        assert Exit.OK == code
        assert await scene.pool.fetchval("select count(*) from record.journal") == json.loads(out)["events"]
        await scene.pool.execute("update supply set held_g = 1 where supply = $1", offer)
        code, out, err = await ran(*servers, "replay")
        assert Exit.DIVERGENCE == code, err
        assert str(offer) in out
        assert "held_g: live 1, rebuilt 0" in out


async def test_all_services_stop_cleanly_when_told_to(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene, wired(*servers):
        child = await start_cli(*servers, "run", "all")
        await eventually("the relay", lambda: published(scene))
        child.send_signal(signal.SIGTERM)
        code, _, err = await finish(child)
        assert Exit.OK == code, err
        assert "Traceback" not in err
        assert "stopped" in err
        leases = "select count(*) from record.consumer where owner is not null"
        assert 0 == await scene.pool.fetchval(leases)


async def test_a_lane_at_fault_is_an_alarm_and_nothing_else_stops(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene, wired(*servers) as wiring:
        async with serving(wiring, *SERVICES):
            await eventually("the topics", lambda: published(scene))
            topic = record_topic(topic_prefix, "market")
            await send_raw(kafka_bootstrap, topic, scene.lane.lane, [(b"no event", [])])
            await eventually("the alarm", lambda: _stopped(scene))
            key = scene.desk.lane("market", await scene.open_market())
            while key == scene.lane:
                key = scene.desk.lane("market", await scene.open_market())
            await eventually("another lane", lambda: _level(scene, key))
        code, out, err = await ran(*servers, "doctor", "--json")
        assert Exit.UNAVAILABLE == code, err
        wrong = {row["what"]: row for row in json.loads(out) if row["state"] == "wrong"}
        alarm = wrong[f"matcher market/{scene.lane.lane}"]
        assert f"topic {topic}, partition {scene.lane.lane}, offset" in alarm["told"]
        code, out, _ = await ran(*servers, "doctor", "--resume", f"matcher/market/{scene.lane.lane}")
        assert Exit.OK == code
        assert not await _stopped(scene)


async def test_a_journal_that_lost_events_is_restored_from_its_topic(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with bare_scene_on(database) as scene, wired(*servers) as wiring:
        async with serving(wiring, "relay"):
            scene.market = await scene.open_market()
            await eventually("the topics", lambda: published(scene))
        code, out, _ = await ran(*servers, "replay", "--restore", f"market/{scene.lane.lane}")
        assert (Exit.OK, f"0 events of market/{scene.lane.lane} were restored from Kafka") == (
            code,
            out.strip(),
        )
        await scene.pool.execute(
            """insert into record.consumer (name, stream, lane, position, head, next_offset, stopped_reason)
            values ('matcher', $1, $2, 0, $3, 0, 'a test')""",
            *scene.lane, bytes(32),
        )  # fmt: skip
        for named, code_and_said in (
            ("all", (Exit.OK, False)),
            (f"market/{scene.lane.lane}", (Exit.OK, True)),
        ):
            code, out, err = await ran(*servers, "replay", "--restore", named)
            goes_on = f"matcher/market/{scene.lane.lane} had stopped and resumes"
            assert code_and_said == (code, goes_on in err), err
            assert ("" if named == "all" else "0 events of") == out[: len("0 events of")]
            assert "checkpoints were not restored: pass the operator's public key as --key" in err
        assert not await _stopped(scene)
        code, _, _ = await ran(*servers, "replay", "--restore", f"elsewhere/{LANES}")
        assert Exit.USAGE == code


async def test_the_committed_documents_are_current() -> None:
    code, out, err = await ran_with({}, "schemas", "--check")
    assert (Exit.OK, "") == (code, out), err


async def _stopped(scene: Any) -> bool:
    return bool(
        await scene.pool.fetchval(
            """
            select stopped_reason is not null from record.consumer
            where name = 'matcher' and stream = $1 and lane = $2
            """,
            *scene.lane,
        )
    )


async def _level(scene: Any, key: LaneKey) -> bool:
    behind = """
    select count(*) from record.consumer c join record.lane l using (stream, lane)
    where c.stream = $1 and c.lane = $2 and c.position < l.next_position - 1
    """
    return bool(0 == await scene.pool.fetchval(behind, *key))


async def test_a_statement_says_where_tables_and_record_have_parted(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene:
        agreement = await agreed(scene, **(STEADY | {"term": TermClause(years=2)}))
        await scene.record_volumes(agreement)
        named = to_text("agr", agreement)
        calls = [(named, "--json"), (to_text("agr", UUID(int=7)),), ("agr_7",)]
        whole, unknown, malformed = await asyncio.gather(
            *(ran(*servers, "statement", *call) for call in calls)
        )
        assert (Exit.OK, "") == (whole[0], whole[2])
        assert [("20000.000", "1000.000"), ("0.000", "0.000")] == [
            (year["taken_kg"], year["off_spec_kg"]) for year in json.loads(whole[1])["years"]
        ]
        assert (Exit.INVALID_INPUT, "", "error: there is no such agreement\n") == unknown
        assert (Exit.INVALID_INPUT, "", "error: 'agr_7' is not an agreement's id\n") == malformed
        admin = await asyncpg.connect(database.admin_dsn)
        await admin.execute("delete from state.contract_year")
        await admin.close()
        code, out, err = await ran(*servers, "statement", named, "--json")
        assert (Exit.DIVERGENCE, whole[1]) == (code, out)
        assert "the live tables differ from what the record produces" in err


REFUSAL = """
insert into record.unsigned_lane (stream, lane, reason, refused_at)
values ('market', 3, 'another history', clock_timestamp() - interval '2 hours')
"""
HEAD = """
insert into record.checkpoint (stream, lane, size, root, old_size, note, signed_at, published)
values ('market', 3, 1, sha256(''), 0, 'a note', clock_timestamp() - $1::interval, true)
"""
RECORDED = """
insert into record.journal values
('market', 2, 1, gen_random_uuid(), 'a type', 'a key', '{}', sha256(''), clock_timestamp())
"""
AUDITED = """
insert into record.consumer (name, stream, lane, position, head, next_offset)
values ('auditor', 'market', 2, 1, sha256(''), 1)
"""
WITNESS = "witness.example/w1+00000000+AA"
COSIGNATURE = "insert into record.cosignature values ('market', 3, 1, $1, 'a line')"


async def test_the_doctor_knows_signer_and_witnesses(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)

    async def told() -> dict[str, tuple[str, str]]:
        _, out, _ = await ran(*servers, "doctor", "--json")
        return {row["what"]: (row["state"], row["told"]) for row in json.loads(out)}

    async with bare_scene_on(database), wired(*servers):
        found = await told()
        assert ("ok", "no checkpoint yet, 0 audited events wait for one") == found["signer"]
        assert not any(what.startswith("witness") for what in found)
        connection = await asyncpg.connect(database.dsn("auditor"))
        owner = await asyncpg.connect(database.dsn("owner"))
        try:
            await connection.execute(HEAD, timedelta(hours=3))
            await connection.execute(REFUSAL)
            found = await told()
            assert found["signer"][1].startswith("newest checkpoint 10,8")
            assert "attention" == found["witness"][0]
            state, sentence = found["signer market/3"]
            assert ("wrong", True) == (state, sentence.endswith("s: another history"))
            await connection.execute(COSIGNATURE, WITNESS)
            assert "ok" == (await told())["witness witness.example/w1"][0]
            await owner.execute(RECORDED)
            await connection.execute(AUDITED)
            state, sentence = (await told())["signer"]
            assert ("ok", True) == (state, ", 1 audited events wait" in sentence), sentence
            hasty = {
                "LODESTONE_DATABASE_URL": database.admin_dsn,
                "LODESTONE_KAFKA_BOOTSTRAP": NOWHERE,
                "LODESTONE_CHECKPOINT_SECONDS": "0.001",
            }
            _, out, _ = await ran_with(hasty, "doctor")
            assert "→ see the signer's log; if none runs: lodestone run signer" in out
        finally:
            await owner.close()
            await connection.close()
