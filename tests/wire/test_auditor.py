"""The audit reads the topics alone: green on what was recorded, and it names whatever was changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from events.connections import acquire
from events.decision import LaneKey
from events.party_events import ApiKeyIssued
from events.topics import record_topic
from events.vocabulary import STREAMS
from market import topics
from market.audit.auditor import AuditImpossible, audit, parse_ends
from market.audit.ranges import Clearing, Span, mark_told
from market.audit.report import AuditReport, Mode, decode_report
from market.audit.schedule import audit_now_and_then, keep, run_of
from market.cli.audit_printing import check_files
from market.cli.console import CommandFailed, Exit
from market.store import audit_runs
from market.topics import create_topics
from tests.conftest import Database
from tests.market_support import LANES
from tests.process_support import copy_record, eventually, finish, start_cli, wired
from tests.record_support import send_raw
from tests.traded_support import STRUCK, Rows, Traded, dearer, edited, rechained, traded

RULE_SET = b'"type":"market.rule-set.published.v1"'


@pytest.fixture(scope="module")
async def market(shared_market_database: Database, kafka_bootstrap: str) -> AsyncIterator[Traded]:
    """One for all: the audit reads, and what is changed is a copy of the topics."""
    async with traded(shared_market_database, kafka_bootstrap, f"audit-{token_hex(4)}.") as found:
        yield found


async def test_what_was_recorded_is_proved_but_its_end_is_not(market: Traded) -> None:
    report = await audit(market.bootstrap, prefix=market.prefix)
    assert report.first_divergence is None
    assert not report.diverged
    assert market.deployment_id == report.deployment
    assert not report.deployment_given
    assert 2 == report.clearings
    assert 0 < report.matches
    assert 0 == report.repeats
    assert report.ending.startswith("end not proven")
    assert STREAMS == tuple(dict.fromkeys(lane.stream for lane in report.lanes))
    heads = await market.scene.pool.fetch(
        "select stream, lane, next_position - 1 as p, head from record.lane"
    )
    found = {(lane.stream, lane.lane): (lane.position, lane.head) for lane in report.lanes}
    assert {(row["stream"], row["lane"]): (row["p"], row["head"].hex()) for row in heads} == found


async def test_lanes_are_spread_over_processes_and_proved_alike(market: Traded) -> None:
    alone = await audit(market.bootstrap, prefix=market.prefix)
    spread = await audit(market.bootstrap, prefix=market.prefix, processes=2)
    assert replace(alone, run=None) == replace(spread, run=None)
    scratch = await market.copy(dearer, chained=True)
    report = await audit(market.bootstrap, prefix=scratch, processes=3)
    assert report.first_divergence is not None
    assert "price_ueur_per_kg" == report.first_divergence.field


async def test_clearings_alone_are_proved_by_the_market_stream(market: Traded) -> None:
    report = await audit(market.bootstrap, prefix=market.prefix, mode="clearings")
    assert {"market"} == {lane.stream for lane in report.lanes}
    assert (None, 2) == (report.first_divergence, report.clearings)


async def test_an_audit_ends_at_a_position_or_a_time(market: Traded) -> None:
    whole = await audit(market.bootstrap, prefix=market.prefix)
    end = next(lane.position for lane in whole.lanes if (lane.stream, lane.lane) == market.scene.lane)
    report = await audit(market.bootstrap, prefix=market.prefix, span=Span(last=end - 1))
    assert not report.diverged
    assert report.ending.endswith("; only the range that was asked for")
    found = next(lane for lane in report.lanes if (lane.stream, lane.lane) == market.scene.lane)
    assert (True, end - 1) == (found.bounded, found.position)
    with pytest.raises(AuditImpossible, match="nothing was proved"):
        before = datetime(2020, 1, 1, tzinfo=UTC)
        await audit(market.bootstrap, prefix=market.prefix, span=Span(last=before))


async def test_with_every_end_expected_the_record_is_complete(market: Traded) -> None:
    rows = await market.scene.pool.fetch(
        "select stream, lane, next_position - 1 as position from record.lane"
    )
    ends = {LaneKey(row["stream"], row["lane"]): row["position"] for row in rows}
    report = await audit(market.bootstrap, prefix=market.prefix, expected_ends=ends)
    assert "complete to the expected end of every lane" == report.ending
    ends[market.scene.lane] += 1
    report = await audit(market.bootstrap, prefix=market.prefix, expected_ends=ends)
    assert report.first_divergence is not None
    assert "gap" == report.first_divergence.kind


async def test_a_changed_price_breaks_the_chain_and_is_named_by_clearing_again(market: Traded) -> None:
    found = await market.tampered(dearer, chained=False)
    assert "chain" == found.kind
    assert "market.match.struck.v1" in found.sentence
    found = await market.tampered(dearer, chained=False, resolve=True)
    assert ("chain", "price_ueur_per_kg") == (found.kind, found.field)
    assert found.recorded is not None
    assert found.expected is not None
    assert int(found.recorded) == int(found.expected) + 10_000


async def test_rounds_that_are_cleared_again_are_the_same_bytes(market: Traded) -> None:
    report = await audit(market.bootstrap, prefix=market.prefix, resolve=True)
    assert (None, 2) == (report.first_divergence, report.clearings)


@pytest.mark.parametrize("resolve", [False, True])
async def test_a_changed_price_with_a_new_chain_is_found_and_named(market: Traded, resolve: bool) -> None:
    found = await market.tampered(dearer, chained=True, resolve=resolve)
    assert ("clearing", "price_ueur_per_kg", 1) == (found.kind, found.field, found.round)
    assert f"it has to be {found.expected}" in found.sentence


@pytest.mark.parametrize(("stated_too", "kind"), [(True, "certificate"), (False, "command")])
async def test_a_changed_ask_with_a_new_chain_is_found(market: Traded, stated_too: bool, kind: str) -> None:
    def cheaper(rows: Rows) -> Rows:
        def change(value: dict[str, Any]) -> None:
            ask = value["data"]["terms"]["ask"]
            ask["ueur_per_kg"] -= 5_000_000
            ask["stated"]["amount_micro"] -= 5_000_000 * stated_too

        return edited(rows, lambda body: b'"type":"market.supply-offer.offered.v1"' in body, change)

    found = await market.tampered(cheaper, chained=True)
    assert kind == found.kind


async def test_who_operates_is_read_in_the_parties_stream(market: Traded) -> None:
    """A key of an operator's behind one lane of the parties; then a rule set that a trader published."""
    first: dict[str, Any] = {}
    stranger = market.scene.sellers[1].organisation

    def changed(key: LaneKey, rows: Rows, *, forged: bool) -> Rows:
        if key.stream == "parties" and first.setdefault("lane", key.lane) == key.lane:
            issued = {
                "organisation": str(market.scene.sellers[0].organisation),
                "key": str(UUID(int=1)),
                "label": "operator",
                "secret_sha256": "0" * 64,
                "roles": ["operator"],
                "expires_at": "2030-01-01T00:00:00Z",
            }
            behind = {"type": ApiKeyIssued.TYPE, "position": len(rows) + 1, "data": issued}
            value = msgspec.json.decode(rows[0][0]) | behind
            return rechained(key, market.deployment_id, [*rows, (msgspec.json.encode(value), b"")])
        if key != market.scene.lane or not forged:
            return rows
        taken = edited(list(rows), lambda body: RULE_SET in body, lambda value: value.update(actor=stranger))
        return rechained(key, market.deployment_id, taken)

    for forged in (False, True):
        scratch = f"k{int(forged)}-{market.prefix}"
        await copy_record(market.bootstrap, market.prefix, scratch, partial(changed, forged=forged))
        found = (await audit(market.bootstrap, prefix=scratch)).first_divergence
        expected = ("command", "actor", str(stranger)) if forged else None
        assert expected == (None if found is None else (found.kind, found.field, found.recorded))


@pytest.mark.parametrize("member", ["multipliers", "quotas"])
async def test_a_changed_price_of_a_limit_and_a_changed_quota_are_found(market: Traded, member: str) -> None:
    def change(value: dict[str, Any]) -> None:
        entry = value["data"][member][0]
        name = "ueur_per_kg" if member == "multipliers" else "capacity_g"
        entry[name] += 1

    def changed(rows: Rows) -> Rows:
        return edited(rows, lambda body: b'"quotas":[{' in body, change)

    found = await market.tampered(changed, chained=True)
    assert ("certificate", 1) == (found.kind, found.round)


async def test_a_match_left_out_with_all_positions_moved_up_is_found(market: Traded) -> None:
    def without(rows: Rows) -> Rows:
        last = max(index for index, (body, _) in enumerate(rows) if STRUCK in body)
        del rows[last]
        for place, (body, chain) in enumerate(rows, 1):
            value = msgspec.json.decode(body)
            value["position"] = place
            rows[place - 1] = (msgspec.json.encode(value), chain)
        return rows

    found = await market.tampered(without, chained=True)
    assert ("clearing", 2) == (found.kind, found.round)


@pytest.mark.parametrize("chained", [False, True])
async def test_a_missing_record_is_a_gap(market: Traded, chained: bool) -> None:
    found = await market.tampered(lambda rows: rows[:4] + rows[5:], chained=chained)
    assert ("gap", 5) == (found.kind, found.position)


async def test_repeats_are_counted_when_identical_and_named_when_not(market: Traded) -> None:
    report = await market.audit_of(lambda rows: rows[:3] + rows[1:], chained=False)
    assert not report.diverged
    assert 2 == report.repeats


async def test_another_history_of_a_position_is_named(market: Traded) -> None:
    found = await market.tampered(lambda rows: [*rows, *dearer(list(rows))], chained=False)
    assert "repeat" == found.kind


async def test_a_record_that_is_no_event_is_named(market: Traded) -> None:
    found = await market.tampered(lambda rows: [*rows, (b'{"no":"event"}', rows[-1][1])], chained=False)
    assert "undecodable" == found.kind


async def test_a_first_record_that_is_no_event_is_named(kafka_bootstrap: str, topic_prefix: str) -> None:
    await create_topics(kafka_bootstrap, LANES, prefix=topic_prefix)
    await send_raw(kafka_bootstrap, record_topic(topic_prefix, "parties"), 1, [(b"no event", [])])
    report = await audit(kafka_bootstrap, prefix=topic_prefix)
    assert report.first_divergence is not None
    assert ("parties", 1, "undecodable") == (
        report.first_divergence.stream,
        report.first_divergence.lane,
        report.first_divergence.kind,
    )
    assert report.deployment is None


async def test_a_record_of_another_deployment_is_named(market: Traded) -> None:
    report = await audit(market.bootstrap, prefix=market.prefix, deployment_id=UUID(int=7))
    assert report.deployment_given
    assert report.first_divergence is not None
    assert "source" == report.first_divergence.kind


async def test_the_command_says_it_in_words_in_json_and_by_its_exit_code(market: Traded) -> None:
    child = await start_cli(market.database, market.bootstrap, market.prefix, "audit")
    code, out, err = await finish(child)
    assert (Exit.OK, True) == (code, "nothing diverges; end not proven" in out), err
    scratch = await market.copy(dearer, chained=True)
    words, document = await asyncio.gather(
        *(
            start_cli(market.database, market.bootstrap, market.prefix, "audit", *more)
            for more in (["--topic-prefix", scratch], ["--topic-prefix", scratch, "--json"])
        )
    )
    code, out, err = await finish(words)
    assert Exit.DIVERGENCE == code
    assert "price_ueur_per_kg" in out
    assert "price_ueur_per_kg" in err
    code, out, _ = await finish(document)
    assert Exit.DIVERGENCE == code
    report = msgspec.json.decode(out, type=AuditReport)
    assert report.first_divergence is not None
    assert "price_ueur_per_kg" == report.first_divergence.field


async def test_what_cannot_be_audited_is_refused(kafka_bootstrap: str, topic_prefix: str) -> None:
    with pytest.raises(AuditImpossible, match="does not exist"):
        await audit(kafka_bootstrap, prefix=topic_prefix)
    with pytest.raises(AuditImpossible, match="market/x=1, other/2=3"):
        parse_ends(["market/x=1", "market/1=2", "other/2=3"])
    assert {LaneKey("market", LANES): 9} == parse_ends([f"market/{LANES}=9"])


class Stopped(Exception):
    """Somebody has stopped the audit."""


def stopping_after(batches: int) -> Any:
    """A reader of progress that ends the audit once so many batches are done."""
    done = count(1)

    def advance(_count: int) -> None:
        if next(done) > batches:
            raise Stopped

    return lambda _what, _total: nullcontext(advance)


def alike(report: AuditReport) -> AuditReport:
    """Without when it was made, and how much of it at which time."""
    lanes = tuple(replace(lane, read_before=0) for lane in report.lanes)
    return replace(report, run=None, lanes=lanes)


@pytest.mark.parametrize("mode", ["chain", "clearings", "full"])
async def test_an_audit_that_is_stopped_goes_on_with_the_same_verdict(
    market: Traded, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved after every batch, of a few records, and stopped after some of them."""
    monkeypatch.setattr(topics, "RECORDS_AT_ONCE_MAX", 4)
    state = tmp_path / "audit.state"
    asked: dict[str, Any] = {"prefix": market.prefix, "mode": mode, "state": state, "save_seconds": 0}
    whole = await audit(market.bootstrap, prefix=market.prefix, mode=mode)
    for batches in (3, 0):
        with pytest.raises(Stopped):
            await audit(market.bootstrap, told=stopping_after(batches), **asked)
    resumed = await audit(market.bootstrap, **asked)
    assert alike(whole) == alike(resumed)
    assert resumed.run is not None
    assert 0 < resumed.run.records_read < resumed.records
    again = await audit(market.bootstrap, **asked)
    assert (alike(whole), 0) == (alike(again), again.run.records_read if again.run else None)


async def test_an_audit_that_is_killed_goes_on(market: Traded, tmp_path: Path) -> None:
    whole = await audit(market.bootstrap, prefix=market.prefix)
    resume = ["audit", "--resume", str(tmp_path / "audit.state"), "--json"]
    servers = market.database, market.bootstrap, market.prefix
    killed = await start_cli(*servers, *resume, crash_at="audit-saved:2")
    assert (-9, "") == (await finish(killed))[:2]
    code, out, err = await finish(await start_cli(*servers, *resume))
    assert Exit.OK == code, err
    found = msgspec.json.decode(out, type=AuditReport)
    assert [lane.head for lane in whole.lanes] == [lane.head for lane in found.lanes]
    assert (whole.clearings, whole.ending) == (found.clearings, found.ending)
    assert found.run is not None
    assert found.run.records_read < found.records
    with pytest.raises(AuditImpossible, match="is the state of an audit in another mode"):
        await audit(market.bootstrap, prefix=market.prefix, mode="chain", state=Path(resume[2]))


async def test_a_state_is_of_its_topics_alone(market: Traded, tmp_path: Path) -> None:
    state = tmp_path / "audit.state"
    scratch = await market.copy(lambda rows: rows, chained=False)
    await audit(market.bootstrap, prefix=scratch, mode="chain", state=state)
    with pytest.raises(AuditImpossible, match="of topics with another prefix"):
        await audit(market.bootstrap, prefix=market.prefix, mode="chain", state=state)
    with pytest.raises(AuditImpossible, match="in another number of processes"):
        await audit(market.bootstrap, prefix=scratch, mode="chain", state=state, processes=2)
    two = tmp_path / "two.state"
    first = await audit(market.bootstrap, prefix=scratch, mode="chain", state=two, processes=2)
    second = await audit(market.bootstrap, prefix=scratch, mode="chain", state=two, processes=2)
    assert (alike(first), 0) == (alike(second), second.run.records_read if second.run else None)


async def test_an_audit_begins_and_ends_at_rounds(market: Traded) -> None:
    events = await market.scene.events("market")
    first, second = (event for event in events if event.type == "market.clearing.planned.v1")
    ends = [event.position for event in events if event.type == "market.clearing.completed.v1"]

    def of(number: int) -> Clearing:
        return Clearing(written=f"#{number}", market=market.scene.market, round=number)

    async def ranged(mode: Mode, **span: Any) -> tuple[list[LaneKey], int, int, int]:
        report = await audit(market.bootstrap, prefix=market.prefix, mode=mode, span=Span(**span))
        assert not report.diverged
        (lane,) = report.lanes
        return [LaneKey(lane.stream, lane.lane)], lane.first, lane.position, lane.clearings

    only = [market.scene.lane]
    assert (only, 1, ends[0], 1) == await ranged("full", last=of(1))
    assert (only, second.position, ends[1], 1) == await ranged("clearings", first=of(2), last=of(2))
    day, later = timedelta(days=1), events[-1].time + timedelta(days=400)
    before = events[0].time - timedelta(seconds=1)
    by_plan = Clearing(written="p", plan=first.data.plan)  # type: ignore[attr-defined]
    assert (only, first.position, ends[1], 0) == await ranged("chain", first=by_plan, last=of(2))
    for span, told in (
        (Span(last=of(3)), "round #3 is not in the lanes that are audited"),
        (Span(first=of(2), last=of(1)), "there is nothing in market/"),
        (Span(first=of(2), last=before), f"the range from #2 to {mark_told(before)} is empty"),
        (Span(first=2, last=before), f"the range from 2 to {mark_told(before)} is empty"),
        (Span(first=before - day, last=before - day), "nothing was proved"),
        (Span(last=before - day), f"the range from the beginning to {mark_told(before - day)}"),
        (Span(first=later), f"the range from {mark_told(later)} to the end"),
        (Span(first=10**6), "the range from 1000000 to the end is empty: nothing was proved"),
    ):
        with pytest.raises(AuditImpossible, match=told):
            await audit(market.bootstrap, prefix=market.prefix, mode="chain", span=span)
    with pytest.raises(AuditImpossible, match="nothing was proved"):
        await audit(market.bootstrap, prefix=market.prefix, mode="clearings", span=Span(first=later))
    within = await audit(market.bootstrap, prefix=market.prefix, mode="chain", span=Span(first=before))
    assert (len(events), False) == (
        next(each.records for each in within.lanes if each.stream == "market" and each.lane == only[0].lane),
        within.diverged,
    )
    with pytest.raises(AuditImpossible, match="is not in the lanes"):
        await audit(market.bootstrap, prefix=market.prefix, streams=("parties",), span=Span(last=of(1)))


async def test_a_run_is_written_as_page_and_json_and_kept(market: Traded, tmp_path: Path) -> None:
    files = tmp_path / "report.html", tmp_path / "report.json"
    options = [text for file in files for text in ("--report", str(file))]
    servers = market.database, market.bootstrap, market.prefix
    code, out, err = await finish(await start_cli(*servers, "audit", "--clearings", "--record", *options))
    assert Exit.OK == code, err
    assert "unknown: no key" in out
    whole, document = files[0].read_text("utf-8"), files[1].read_bytes()
    assert sha256(document).hexdigest() in whole
    async with wired(*servers) as wiring, acquire(wiring.auditor) as connection:
        runs = (await audit_runs.list_runs(connection, after=None, limit=9)).items
    (kept,) = (run for run in runs if run.recorded_by == "command")
    assert (document, False) == (kept.report, kept.diverged)
    for wrong, told in (
        (tmp_path / "report.pdf", "has to end in .html or .json"),
        (tmp_path / "no" / "r.html", "no folder"),
    ):
        with pytest.raises(CommandFailed, match=told):
            check_files([wrong])


async def test_the_auditor_audits_everything_by_itself_when_it_is_due(market: Traded) -> None:
    stop, ahead = asyncio.Event(), timedelta(hours=2)
    servers = market.database, market.bootstrap, market.prefix
    async with wired(*servers, audit_hours=1, now=lambda: datetime.now(UTC) + ahead) as wiring:

        async def recorded() -> bool:
            found = await wiring.auditor.fetchval(
                "select count(*) from record.audit_run where recorded_by = 'auditor'"
            )
            return bool(found)

        running = asyncio.create_task(audit_now_and_then(wiring, stop, look_seconds=0.05))
        await eventually("a run of the auditor's own", recorded)
        stop.set()
        await running
        async with acquire(wiring.auditor) as connection:
            runs = (await audit_runs.list_runs(connection, after=None, limit=9)).items
            report = decode_report(next(run.report for run in runs if run.recorded_by == "auditor"))
            assert ("full", False, 2) == (report.mode, report.diverged, report.clearings)
            assert report.deployment_given
            assert not await audit_runs.newest_diverged(connection)
        wrong = replace(report, diverged=True)
        await keep(wiring.auditor, run_of(UUID(int=2**127), wrong, "auditor", datetime.now(UTC)))
        async with acquire(wiring.auditor) as connection:
            assert await audit_runs.newest_diverged(connection)
