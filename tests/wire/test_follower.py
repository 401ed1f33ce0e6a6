"""Confirmed match → agreement, on real servers, once in effect whatever is killed."""

import signal
from typing import Any

import asyncpg
import pytest

from contracts.store.agreements import list_agreements
from events.contract_events import AgreementAdvanced, AgreementDrafted
from events.decision import LaneKey
from events.envelope import Recorded
from events.market_events import MatchConfirmed
from events.price_clauses import IndexedPrice, MatchedPrice
from events.vocabulary import PPB, TermHorizon
from tests.market_drafts import NDPR_PRICE
from tests.market_support import Scene, scene_on
from tests.process_support import caught_up, eventually, finish, let_lapse, serving, start_cli, wired

TERM = TermHorizon(
    start_year=2026,
    profile_ppb=(PPB // 2, PPB),
    index=NDPR_PRICE.code,
    quotation_period="quarter_of_shipment",
)


async def confirmed_matches(scene: Scene) -> dict[Any, Recorded]:
    events = await scene.events("market")
    return {event.data.match: event for event in events if isinstance(event.data, MatchConfirmed)}


async def trade(scene: Scene) -> None:
    """Firm matches and none other, recorded by a round."""
    for seller in scene.sellers:
        await scene.offer(seller, commitment="firm")
    for buyer in scene.buyers:
        await scene.require(buyer, commitment="firm")
    await scene.conclude(await scene.plan())


async def check_agreements(scene: Scene) -> None:
    """One agreement for each confirmed match, caused by it, in the lane of its market."""
    confirmed = await confirmed_matches(scene)
    events = await scene.events("contracts")
    drafted = [event for event in events if isinstance(event.data, AgreementDrafted)]
    matches = {event.data.match for event in events if isinstance(event.data, AgreementDrafted)}
    assert confirmed
    assert set(confirmed) == matches
    assert len(confirmed) == len(drafted)
    for event in drafted:
        fact = event.data
        assert isinstance(fact, AgreementDrafted)
        assert str(confirmed[fact.match].id) == event.cause
        assert LaneKey("contracts", scene.lane.lane) == LaneKey(event.stream, event.lane)


async def test_a_confirmed_spot_match_is_a_contract_at_its_price(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        await trade(scene)
        async with serving(wiring, "relay", "follower"):
            await eventually("the follower", lambda: caught_up(scene, "follower"))
        await check_agreements(scene)
        events = await scene.events("contracts")
        advanced = [event.data for event in events if isinstance(event.data, AgreementAdvanced)]
        assert {"effective"} == {fact.status for fact in advanced}
        for event in (await confirmed_matches(scene)).values():
            match = event.data
            assert isinstance(match, MatchConfirmed)
            assert match.contract is not None
            (agreement,) = [
                found
                for found in await list_agreements(scene.pool, match.seller, limit=50)  # type: ignore[arg-type]
                if found.match == match.match
            ]
            price = agreement.terms.price
            assert isinstance(price, MatchedPrice)
            assert match.contract.price_ueur_per_kg == price.price_micro_per_kg
            assert match.contract.terms == price.terms
            assert {"co_product", "penalties"} == {term.kind for term in price.terms}
            assert (match.seller, match.buyer) == (agreement.seller, agreement.buyer)


async def test_a_term_match_is_the_draft_of_an_offtake_that_nobody_has_signed(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        for seller in scene.sellers:
            await scene.offer(seller, commitment="firm", term=TERM)
        for buyer in scene.buyers:
            await scene.require(buyer, commitment="firm", term=TERM)
        await scene.conclude(await scene.plan())
        async with serving(wiring, "relay", "follower"):
            await eventually("the follower", lambda: caught_up(scene, "follower"))
        await check_agreements(scene)
        (agreement, *_) = await list_agreements(scene.pool, None, limit=50)  # type: ignore[arg-type]
        assert ("offtake", "draft") == (agreement.kind, agreement.status)
        assert agreement.table is not None
        assert (None, None) == (agreement.table.by, agreement.table.signed_by_both)
        price = agreement.table.terms.price
        assert isinstance(price, IndexedPrice)
        assert price.sustainability is None
        assert (TERM.index, TERM.quotation_period) == (price.index.code, price.index.quotation_period)


@pytest.mark.parametrize("label", ["follower.before_commit", "follower.after_commit"])
async def test_a_killed_follower_makes_each_agreement_once(
    database: Any, kafka_bootstrap: str, topic_prefix: str, label: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        await trade(scene)
        async with serving(wiring, "relay"):
            killed = await start_cli(
                database, kafka_bootstrap, topic_prefix, "run", "follower", crash_at=label
            )
            code, _, told = await finish(killed)
            assert -signal.SIGKILL == code, told
            made = [event for event in await scene.events("contracts") if event.type.endswith("drafted.v1")]
            assert (label == "follower.after_commit") == bool(made)
            await let_lapse(scene)
            async with serving(wiring, "follower"):
                await eventually("the follower", lambda: caught_up(scene, "follower"))
        await check_agreements(scene)


async def test_reading_the_lane_again_makes_no_agreement_twice(
    database: Any, kafka_bootstrap: str, topic_prefix: str
) -> None:
    async with scene_on(database) as scene, wired(database, kafka_bootstrap, topic_prefix) as wiring:
        await trade(scene)
        async with serving(wiring, "relay", "follower"):
            await eventually("the follower", lambda: caught_up(scene, "follower"))
        admin = await asyncpg.connect(database.admin_dsn)
        await admin.execute("delete from record.consumer where name = 'follower'")
        await admin.close()
        async with serving(wiring, "follower"):
            await eventually("the follower", lambda: caught_up(scene, "follower"))
        await check_agreements(scene)
