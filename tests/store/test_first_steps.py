"""What `lodestone up` makes before anybody trades: made once, and made up for where a start was cut off."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.rules.price_terms import benchmark_for, footprint_defect
from events.refusal import RecordUnavailable
from events.vocabulary import PPB, Footprint
from market.commands import inputs
from market.http.wire.examples import OFFER
from market.operators import ensure_operator, issue_key, revoke_labelled
from market.sandbox import RULE_SET_VERSION, ensure_sandbox
from market.store.inputs import load_rule_set
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


async def test_a_highest_footprint_meets_the_documented_offer_in_a_sandbox(database: Any) -> None:
    async with bare_scene_on(database) as scene:
        made = await ensure_sandbox(scene.desk, scene.operator, scene.clock.now)
        async with scene.desk.looking() as connection:
            published = await load_rule_set(connection, made.market, RULE_SET_VERSION)
        assert published is not None
        footprint = Footprint(
            **{
                name: OFFER["footprint"][name]
                for name in ("declared_unit", "form", "standard", "boundary", "allocation", "reference_year")
            },
            g_co2e_per_kg=15_000,
            primary_data_ppb=PPB,
            verified=False,
            valid_until=scene.clock.now,
        )
        benchmark = benchmark_for(footprint.form, published.rule_set)
        assert benchmark is not None
        assert published.rule_set.caps_by_benchmark is True
        assert None is footprint_defect(footprint, benchmark, scene.clock.now, unmeasured=False)
        assert (65_400, 98_100) == (benchmark.benchmark_g_co2e_per_kg, benchmark.worst_g_co2e_per_kg)


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
