"""The audit reads the topics alone: green on what was recorded, and it names whatever was changed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from secrets import token_hex
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from events.chain import genesis, next_head
from events.decision import LaneKey
from events.market_terms import PortfolioLimits
from events.topics import record_topic
from events.vocabulary import PPB, STREAMS, RecycledContent, StatedPrice
from market.audit_ranges import Span
from market.audit_report import AuditReport
from market.auditor import AuditImpossible, audit, parse_ends
from market.cli.console import Exit
from market.lane_verdict import Divergence
from market.topics import create_topics
from tests.conftest import Database
from tests.market_support import LANES, Scene, scene_on
from tests.process_support import (
    completed_rounds,
    copy_record,
    eventually,
    finish,
    published,
    serving,
    start_cli,
    wired,
)
from tests.record_support import send_raw

Rows = list[tuple[bytes, bytes]]
STRUCK = b'"type":"market.match.struck.v1"'
RECYCLED: dict[str, Any] = {
    "recycled": RecycledContent(post_consumer_ppb=PPB),
    "ask": StatedPrice(amount_micro=70_000_000, currency="EUR", per="element"),
    "commitment": "subject_to_confirmation",
}
A_QUARTER_RECYCLED = PortfolioLimits(recycled_min_ppb=PPB // 4)


class Traded:
    """A market that was cleared twice, on its topics."""

    def __init__(self, scene: Scene, database: Any, bootstrap: str, prefix: str, deployment_id: UUID) -> None:
        self.scene = scene
        self.database = database
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.deployment_id = deployment_id
        self.scratches = count(1)

    async def tampered(
        self, change: Callable[[Rows], Rows], *, chained: bool, resolve: bool = False
    ) -> Divergence:
        """The first divergence of a copy of the topics whose market lane was changed."""
        report = await self.audit_of(change, chained=chained, resolve=resolve)
        assert report.diverged
        assert report.first_divergence is not None
        assert self.scene.lane == (report.first_divergence.stream, report.first_divergence.lane)
        return report.first_divergence

    async def audit_of(
        self, change: Callable[[Rows], Rows], *, chained: bool, resolve: bool = False
    ) -> AuditReport:
        scratch = await self.copy(change, chained=chained)
        return await audit(self.bootstrap, prefix=scratch, deployment_id=self.deployment_id, resolve=resolve)

    async def copy(self, change: Callable[[Rows], Rows], *, chained: bool) -> str:
        def changed(key: LaneKey, rows: Rows) -> Sequence[tuple[bytes, bytes]]:
            if key != self.scene.lane:
                return rows
            after = change(list(rows))
            return rechained(key, self.deployment_id, after) if chained else after

        scratch = f"s{next(self.scratches)}-{self.prefix}"
        await copy_record(self.bootstrap, self.prefix, scratch, changed)
        return scratch


def rechained(key: LaneKey, deployment_id: UUID, rows: Rows) -> Rows:
    """What somebody who holds the operator's cluster can do: every later chain value computed anew."""
    head, found = genesis(deployment_id, key.stream, key.lane), []
    for body, _ in rows:
        head = next_head(head, body)
        found.append((body, head))
    return found


@asynccontextmanager
async def traded(database: Any, bootstrap: str, prefix: str) -> AsyncIterator[Traded]:
    async with scene_on(database) as scene, wired(database, bootstrap, prefix) as wiring:
        async with serving(wiring, "relay", "matcher"):
            for rounds in (1, 2):
                for seller in scene.sellers:
                    await scene.offer(seller, commitment="subject_to_confirmation")
                await scene.offer(scene.sellers[0], **RECYCLED)
                for buyer in scene.buyers:
                    await scene.require(buyer, portfolio=A_QUARTER_RECYCLED)
                await scene.plan()
                await eventually("the round", lambda wanted=rounds: _rounds(scene, wanted))  # type: ignore[misc]
            await eventually("the topics", lambda: published(scene))
        yield Traded(scene, database, bootstrap, prefix, wiring.deployment.deployment_id)


async def _rounds(scene: Scene, wanted: int) -> bool:
    return wanted == await completed_rounds(scene)


@pytest.fixture(scope="module")
async def market(shared_market_database: Database, kafka_bootstrap: str) -> AsyncIterator[Traded]:
    """One for all: the audit reads, and what is changed is a copy of the topics."""
    async with traded(shared_market_database, kafka_bootstrap, f"audit-{token_hex(4)}.") as found:
        yield found


def edited(rows: Rows, which: Callable[[bytes], bool], change: Callable[[dict[str, Any]], None]) -> Rows:
    """The first body that `which` names, changed."""
    place = next(index for index, (body, _) in enumerate(rows) if which(body))
    value = msgspec.json.decode(rows[place][0])
    change(value)
    rows[place] = (msgspec.json.encode(value), rows[place][1])
    return rows


def dearer(rows: Rows) -> Rows:
    """One match's price, a cent per kg up."""

    def change(value: dict[str, Any]) -> None:
        value["data"]["price_ueur_per_kg"] += 10_000

    return edited(rows, lambda body: STRUCK in body, change)


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
    for last in (end - 1, datetime(2020, 1, 1, tzinfo=UTC)):
        report = await audit(market.bootstrap, prefix=market.prefix, span=Span(last=last))
        assert not report.diverged
        assert report.ending.endswith("; only the range that was asked for")
        found = next(lane for lane in report.lanes if (lane.stream, lane.lane) == market.scene.lane)
        assert found.bounded
        assert (last if isinstance(last, int) else 0) == found.position


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


async def test_a_changed_ask_with_a_new_chain_is_found_in_the_round_that_used_it(market: Traded) -> None:
    def cheaper(rows: Rows) -> Rows:
        def change(value: dict[str, Any]) -> None:
            value["data"]["terms"]["ask"]["ueur_per_kg"] -= 5_000_000

        return edited(rows, lambda body: b'"type":"market.supply-offer.offered.v1"' in body, change)

    found = await market.tampered(cheaper, chained=True)
    assert "certificate" == found.kind


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
