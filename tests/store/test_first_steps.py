"""What `lodestone up` makes before anybody trades: made once, and made up for where a start was cut off."""

from datetime import timedelta
from typing import Any

import pytest

from events.refusal import RecordUnavailable
from market.commands import inputs
from market.operators import ensure_operator, issue_key, revoke_labelled
from market.sandbox import ensure_sandbox
from tests.market_support import bare_scene_on


@pytest.mark.parametrize("cut_off", ["publish_rule_set", "record_input"])
async def test_a_sandbox_whose_making_was_cut_off_is_completed(
    database: Any, monkeypatch: pytest.MonkeyPatch, cut_off: str
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise RecordUnavailable

    async with bare_scene_on(database) as scene:
        with monkeypatch.context() as patched, pytest.raises(RecordUnavailable):
            patched.setattr(inputs, cut_off, away)
            await ensure_sandbox(scene.desk, scene.operator, scene.clock.now)
        await ensure_sandbox(scene.desk, scene.operator, scene.clock.now)
        await ensure_sandbox(scene.desk, scene.operator, scene.clock.now)
        expected = {
            "market.market.opened.v1": 1,
            "market.rule-set.published.v1": 1,
            "market.input.recorded.v1": 2,
            "market.member.admitted.v1": 2,
        }
        types = [event.type for event in await scene.events("market")]
        assert expected == {name: types.count(name) for name in expected}


async def test_a_live_key_is_replaced_however_many_were_before(database: Any) -> None:
    async with bare_scene_on(database) as scene:
        whose = scene.operator.organisation
        await ensure_operator(scene.desk, whose, scene.clock.now)
        for number in range(5):
            revoked = await revoke_labelled(scene.desk, scene.operator, whose, "up", page_keys=2)
            assert min(number, 1) == revoked
            await issue_key(
                scene.desk,
                scene.operator,
                whose,
                roles=("operator",),
                label="up",
                expires_at=scene.clock.now + timedelta(days=30),
                secret=bytes([number]) * 32,
            )
