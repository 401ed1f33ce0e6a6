"""Lane → book → clearing → record, on real servers, whatever is killed and however many matchers run."""

import asyncio
import signal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from uuid_utils.compat import uuid7

from events.decision import LaneKey
from events.envelope import Draft, Recorded
from events.heads import append, lock_lanes
from events.market_events import ClearingAbandoned, ClearingCompleted, ClearingPlanned, MatchStruck
from events.topics import record_topic
from market.audit.auditor import audit
from market.rules.book import Book, Books, fold
from market.rules.clearing.clearing import conclude
from market.rules.clearing.clearings import rule_set_sha256
from market.store import snapshots
from market.store.applying import apply
from tests.conftest import Database
from tests.market_drafts import rule_set
from tests.market_support import Scene, scene_on
from tests.process_support import (
    caught_up,
    completed_rounds,
    end,
    eventually,
    finish,
    let_lapse,
    published,
    serving,
    start_cli,
    topic_bodies,
    wired,
)
from tests.record_support import new_salt


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


async def trade(scene: Scene) -> None:
    """Orders of which some are firm and some are not."""
    for number, seller in enumerate(scene.sellers):
        await scene.offer(seller, commitment="firm" if number % 2 == 0 else "subject_to_confirmation")
    for buyer in scene.buyers:
        await scene.require(buyer)


async def market_events(scene: Scene) -> list[Recorded]:
    return [event for event in await scene.events("market") if event.lane == scene.lane.lane]


async def check_rounds(scene: Scene, rounds: int) -> None:
    """Each round was recorded once, with exactly the bytes that its book gives."""
    books: Books = {}
    expected: list[tuple[UUID, str, object]] = []
    found: list[tuple[UUID, str, object]] = []
    plans: set[str] = set()
    for event in await market_events(scene):
        if event.cause in plans:
            found.append((event.id, event.salt, event.data))
        fold(books, event)
        if isinstance(event.data, ClearingPlanned):
            plans.add(str(event.id))
            drafts = conclude(books[event.data.market], event)
            expected += [(draft.id, draft.salt, draft.data) for draft in drafts]  # type: ignore[misc]
    assert expected == found
    assert rounds == await completed_rounds(scene)
    assert rounds == len(plans)


async def test_an_order_becomes_a_match_in_the_journal_and_on_the_topic(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        async with serving(wiring, "relay", "matcher"):
            await trade(scene)
            await scene.plan()
            await eventually("the round", lambda: _has_rounds(scene, 1))
            await eventually("the topic", lambda: published(scene))
            await eventually("the matcher", lambda: caught_up(scene, "matcher"))
        await check_rounds(scene, 1)
        events = await market_events(scene)
        assert any(isinstance(event.data, MatchStruck) for event in events)
        assert isinstance(events[-1].data, ClearingCompleted)
        kept = await scene.pool.fetchrow(
            "select position, body from ops.snapshot where name = $1", f"round/{scene.market}"
        )
        assert kept is not None
        book = msgspec.msgpack.decode(kept["body"], type=Book)
        assert (events[-1].data.cut, events[-1].data.cut) == (kept["position"], book.position)
        assert (1, 1) == (len(book.rule_sets), book.last_round)
        bodies = await topic_bodies(kafka_bootstrap, record_topic(topic_prefix, "market"))
        rows = await scene.pool.fetch(
            "select body from record.journal where stream = 'market' and lane = $1 order by position",
            scene.lane.lane,
        )
        assert [row["body"] for row in rows] == bodies[scene.lane.lane]


@pytest.mark.parametrize(
    "label", ["matcher.planned", "matcher.cleared", "matcher.before_commit", "matcher.after_commit"]
)
async def test_a_killed_matcher_repeats_the_round_with_the_same_bytes(
    database: Any, kafka_bootstrap: str, topic_prefix: str, label: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        async with serving(wiring, "relay"):
            await trade(scene)
            await scene.plan()
            killed = await start_cli(
                database, kafka_bootstrap, topic_prefix, "run", "matcher", crash_at=label
            )
            code, _, told = await finish(killed)
            assert -signal.SIGKILL == code, told
            assert (1 if label == "matcher.after_commit" else 0) == await completed_rounds(scene)
            await let_lapse(scene)
            async with serving(wiring, "matcher"):
                await eventually("the round", lambda: _has_rounds(scene, 1))
                for buyer in scene.buyers:
                    await scene.require(buyer)
                await scene.plan()
                await eventually("another round", lambda: _has_rounds(scene, 2))
                await eventually("the matcher", lambda: caught_up(scene, "matcher"))
        await check_rounds(scene, 2)


async def test_of_two_matchers_one_computes_and_a_zombie_does_no_harm(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        async with serving(wiring, "relay"):
            await trade(scene)
            children = [
                await start_cli(database, kafka_bootstrap, topic_prefix, "run", "matcher") for _ in range(2)
            ]
            try:
                await scene.plan()
                await eventually("the first round", lambda: _has_rounds(scene, 1))
                await eventually("its reader", lambda: caught_up(scene, "matcher"))
                owner = await _owner(scene)
                (zombie,) = [child for child in children if f"/{child.pid}/" in owner]
                zombie.send_signal(signal.SIGSTOP)
                await scene.require(scene.buyers[0])
                await scene.plan()
                await eventually("the second round", lambda: _has_rounds(scene, 2))
                assert owner != await _owner(scene)
                zombie.send_signal(signal.SIGCONT)
                await scene.require(scene.buyers[1])
                await scene.plan()
                await eventually("the third round", lambda: _has_rounds(scene, 3))
            finally:
                await asyncio.gather(*(end(child) for child in children))
        await check_rounds(scene, 3)


async def test_a_round_that_cannot_be_computed_is_abandoned(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        async with serving(wiring, "relay", "matcher"):
            await trade(scene)
            plan = await plan_unknown_algorithm(scene)
            await eventually("its end", lambda: _last_is(scene, ClearingAbandoned))
            await scene.plan()
            await eventually("the next round", lambda: _last_is(scene, ClearingCompleted))
        events = await market_events(scene)
        (abandoned,) = [event.data for event in events if isinstance(event.data, ClearingAbandoned)]
        assert "algorithm_unknown" == abandoned.code
        assert plan.data.plan == abandoned.plan  # type: ignore[attr-defined]


async def test_a_round_that_no_child_finishes_is_given_up_and_the_lane_goes_on(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    servers = (database, kafka_bootstrap, topic_prefix)
    async with scene_on(database) as scene:
        async with (
            wired(*servers, round_seconds_max=0.001) as wiring,
            serving(wiring, "relay", "matcher"),
        ):
            await trade(scene)
            plan = await scene.plan()
            await eventually("its end", lambda: _last_is(scene, ClearingAbandoned))
        async with wired(*servers) as wiring, serving(wiring, "relay", "matcher"):
            await scene.plan()
            await eventually("the next round", lambda: _last_is(scene, ClearingCompleted))
            await eventually("the topics", lambda: published(scene))
        (abandoned,) = [e.data for e in await market_events(scene) if isinstance(e.data, ClearingAbandoned)]
        assert ("solver_gave_up", plan.data.plan) == (abandoned.code, abandoned.plan)  # type: ignore[attr-defined]
        report = await audit(kafka_bootstrap, prefix=topic_prefix)
        assert report.first_divergence is None
        assert (1, 1) == (report.clearings, report.abandoned_unproven)


async def plan_unknown_algorithm(scene: Scene) -> Recorded:
    """A plan of a version of Lodestone that this one is not."""
    rules = rule_set(algorithm="lexicographic-of-later")
    plan = ClearingPlanned(
        market=scene.market,
        plan=uuid7(),
        round=1,
        cut_time=scene.clock.now,
        rule_set=rules,
        rule_set_sha256=rule_set_sha256(rules),
        algorithm=rules.algorithm,
        trigger="demand",
    )
    draft = Draft(stream="market", lane=scene.lane.lane, subject=str(plan.plan), data=plan)
    async with scene.pool.acquire() as connection, connection.transaction():
        heads = await lock_lanes(connection, [scene.lane])
        (recorded,) = await append(
            connection,
            heads,
            [draft],
            cause="test",
            actor=scene.operator.organisation,
            source="urn:lodestone:" + str(UUID(int=1)),
            now=scene.clock.now,
            new_id=uuid7,
            new_salt=new_salt,
            apply=apply,
        )
    return recorded


async def _last_is(scene: Scene, fact: type[object]) -> bool:
    return isinstance((await market_events(scene))[-1].data, fact)


async def test_a_matcher_starts_from_its_snapshot(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        async with serving(wiring, "relay", "matcher"):
            await trade(scene)
            plan = await scene.plan()
            await eventually("the round", lambda: _has_rounds(scene, 1))
            await eventually("the matcher", lambda: caught_up(scene, "matcher"))
        async with scene.pool.acquire() as connection:
            snapshot = await snapshots.load(connection, "matcher", scene.lane)
            assert snapshot is not None
            assert plan.position == snapshot.position
            await snapshots.drop(connection, "matcher", LaneKey("market", scene.lane.lane))
        async with serving(wiring, "relay", "matcher"):
            await scene.require(scene.buyers[0])
            await scene.plan()
            await eventually("the second round", lambda: _has_rounds(scene, 2))
        await check_rounds(scene, 2)


async def _has_rounds(scene: Scene, rounds: int) -> bool:
    events = await market_events(scene)
    assert not [event for event in events if isinstance(event.data, ClearingAbandoned)]
    return rounds == await completed_rounds(scene)


async def _owner(scene: Scene) -> str:
    return str(
        await scene.pool.fetchval(
            "select owner from record.consumer where name = 'matcher' and stream = 'market' and lane = $1",
            scene.lane.lane,
        )
    )
