"""Topics → views: they follow state, survive a kill, and a rebuild from the topics equals the live tables."""

import signal
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from events.connections import open_consumer
from events.decision import LaneKey
from events.envelope import Recorded
from events.journal import read_deployment
from events.replay import from_topic
from market.rebuild import Report, compare_with_record
from market.store import tables
from market.store.views import PROJECTOR
from tests.conftest import Database
from tests.market_days import trade_for_a_while
from tests.market_drafts import DELIVERY
from tests.market_support import Scene, scene_on
from tests.process_support import (
    caught_up,
    eventually,
    finish,
    let_lapse,
    published,
    serving,
    start_cli,
    wired,
)


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


async def compared_with_topics(database: Any, bootstrap: str, prefix: str, scene: Scene) -> Report:
    async with scene.pool.acquire() as connection:
        deployment = await read_deployment(connection)
    consumer = await open_consumer(bootstrap)
    owner = await asyncpg.connect(database.dsn("owner"))

    def feed(key: LaneKey, upto: int) -> AsyncIterator[Sequence[Recorded]]:
        return from_topic(consumer, key, deployment.deployment_id, topic_prefix=prefix, upto=upto)

    try:
        return await compare_with_record(owner, feed)
    finally:
        await owner.close()
        await consumer.stop()


async def test_live_tables_equal_their_rebuild_from_the_topics(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        async with serving(wiring, "relay", "projector"):
            await trade_for_a_while(scene)
            await eventually("the projector", lambda: caught_up(scene, PROJECTOR))
            await eventually("the topics", lambda: published(scene))
        report = await compared_with_topics(database, kafka_bootstrap, topic_prefix, scene)
        assert report.equal, report
        homes = {f"state.{name}" for name in tables.STATE} | {f"view.{name}" for name in tables.PROJECTED}
        assert homes == {table.table for table in report.tables if table.rows}


@pytest.mark.parametrize("label", ["subscription.handled", "subscription.committed"])
async def test_a_killed_projector_applies_each_event_once(
    database: Any, kafka_bootstrap: str, topic_prefix: str, label: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        async with serving(wiring, "relay"):
            await scene.offer(scene.sellers[0])
            await scene.require(scene.buyers[0], window=DELIVERY)
            await eventually("the topics", lambda: published(scene))
            killed = await start_cli(
                database, kafka_bootstrap, topic_prefix, "run", "projector", crash_at=label
            )
            code, _, told = await finish(killed)
            assert -signal.SIGKILL == code, told
            await let_lapse(scene)
            async with serving(wiring, "projector"):
                await eventually("the projector", lambda: caught_up(scene, PROJECTOR))
        report = await compared_with_topics(database, kafka_bootstrap, topic_prefix, scene)
        assert report.equal, report
        assert 2 == await scene.pool.fetchval("select count(*) from view.order_entry")
