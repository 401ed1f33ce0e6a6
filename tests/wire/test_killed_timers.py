"""What the clock makes of an agreement is there once, in order, whatever is killed and however many look."""

import signal
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from events.contract_terms import TermClause
from tests.agreement_support import STEADY, agreed
from tests.market_support import Scene, scene_on
from tests.process_support import end, eventually, finish, start_cli

pytestmark = pytest.mark.timeout(300)

LONG_OVER: dict[str, Any] = STEADY | {"term": TermClause(starts_on=date(2020, 7, 1), years=2)}


async def said(scene: Scene) -> list[str]:
    """Kinds of what was recorded after draft, signatures and start."""
    return [type(event.data).__name__ for event in await scene.events("contracts")][4:]


@pytest.mark.parametrize("label", ["lane.before_commit", "lane.after_commit"])
async def test_a_killed_timer_leaves_nothing_twice_and_nothing_out(
    database: Any, kafka_bootstrap: str, topic_prefix: str, label: str
) -> None:
    """Two years that were over long ago: one timer is killed at its first command, two end the term."""
    async with scene_on(database) as scene:
        scene.clock.now = datetime(2020, 1, 1, tzinfo=UTC)
        await agreed(scene, **LONG_OVER)
        killed = await start_cli(database, kafka_bootstrap, topic_prefix, "run", "timers", crash_at=label)
        code, _, told = await finish(killed)
        assert -signal.SIGKILL == code, told
        assert (label == "lane.after_commit") == bool(await said(scene))
        others = [await start_cli(database, kafka_bootstrap, topic_prefix, "run", "timers") for _ in range(2)]
        try:
            await eventually("the end of the term", lambda: _over(scene), seconds=60)
        finally:
            for child in others:
                await end(child)
        kinds = await said(scene)
        assert {
            "QuantityNominated": 2 * (1 + 4 + 12),
            "YearAssessed": 2,
            "InvoiceSettled": 2,
            "AgreementAdvanced": 1,
        } == Counter(kinds)
        assert "AgreementAdvanced" == kinds[-1]


async def _over(scene: Scene) -> bool:
    return "AgreementAdvanced" in await said(scene)
