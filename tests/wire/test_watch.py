"""Ages that every process tells from the database: work that nobody takes up is seen to wait."""

import asyncio
import math
import time
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from prometheus_client import REGISTRY
from uuid_utils.compat import uuid7

from market.commands import webhooks
from market.rules.streams.reach import Reach
from market.rules.streams.webhooks import RegisterWebhook
from market.rules.webhook_terms import WebhookTerms
from market.watch import watch
from tests.market_support import Scene, done, scene_on
from tests.process_support import eventually, wired
from tests.topic_support import shown
from tests.wire.test_imports import hand_in

HOUR_SECONDS = 3600.0
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


async def test_what_no_process_takes_up_is_seen_to_wait(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene:
        over = scene.clock.now + timedelta(hours=1)
        await scene.require(scene.buyers[0], valid_until=over)
        await hand_in(scene, [{}], "partial")
        await register_webhook(scene)
        scene.clock.pass_seconds(2 * HOUR_SECONDS)
        stop = asyncio.Event()
        async with (
            wired(database, kafka_bootstrap, topic_prefix, now=scene.clock) as wiring,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(watch(wiring, stop))
            await eventually("the ages", partial(shown, 1, "lodestone_webhooks_unserved"))
            stop.set()
    assert HOUR_SECONDS == read("timer_oldest_due_seconds", kind="expiry")
    assert 0 == read("timer_oldest_due_seconds", kind="lapse")
    assert 2 * HOUR_SECONDS == read("import_oldest_seconds")
    assert 0 == read("webhook_oldest_due_seconds")
    assert 0 < read("unsealed_oldest_seconds")
    assert math.isnan(read("checkpoint_age_seconds"))
    assert 0 <= read("audit_run_age_seconds")
    assert time.time() - 60 < read("watched_timestamp_seconds") <= time.time()
