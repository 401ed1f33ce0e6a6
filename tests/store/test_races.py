"""Changes of orders raced against an open plan: nothing is allocated twice and no plan is stuck."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from events.decision import LaneKey
from events.envelope import Recorded
from events.market_events import ClearingPlanned, MatchStruck
from events.refusal import Refusal, Refusals
from events.replay import from_journal
from market.commands import matches, offers, requirements
from market.rebuild import compare_with_record
from market.rules.book import Books, fold
from market.rules.refusing.refusals import ClearingInProgress
from market.store.markets import load_market
from tests.conftest import Database
from tests.market_drafts import TONNE_G, VALID_UNTIL, requirement_draft, supply_draft
from tests.market_support import Scene, load_book

Change = Callable[[Scene, UUID, UUID], Awaitable[Any]]


async def amend_offer(scene: Scene, offer: UUID, requirement: UUID) -> Any:
    seller = scene.sellers[0]
    smaller = supply_draft(seller, net_wet_g=8 * TONNE_G, commitment="subject_to_confirmation")
    return await offers.amend(scene.desk, seller.trader, order=offer, expected_version=1, draft=smaller)


async def withdraw_offer(scene: Scene, offer: UUID, requirement: UUID) -> Any:
    return await offers.withdraw(scene.desk, scene.sellers[0].trader, order=offer, expected_version=1)


async def expire_offer(scene: Scene, offer: UUID, requirement: UUID) -> Any:
    return await offers.expire(scene.desk, scene.operator, order=offer)


async def amend_requirement(scene: Scene, offer: UUID, requirement: UUID) -> Any:
    buyer = scene.buyers[0]
    more = requirement_draft(buyer, basis_g=3 * TONNE_G, commitment="subject_to_confirmation")
    return await requirements.amend(
        scene.desk, buyer.trader, order=requirement, expected_version=1, draft=more
    )


async def withdraw_requirement(scene: Scene, offer: UUID, requirement: UUID) -> Any:
    caller = scene.buyers[0].trader
    return await requirements.withdraw(scene.desk, caller, order=requirement, expected_version=1)


async def expire_requirement(scene: Scene, offer: UUID, requirement: UUID) -> Any:
    return await requirements.expire(scene.desk, scene.operator, order=requirement)


CHANGES: tuple[Change, ...] = (
    amend_offer,
    withdraw_offer,
    expire_offer,
    amend_requirement,
    withdraw_requirement,
    expire_requirement,
)


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


async def open_plan(scene: Scene) -> Recorded | None:
    async with scene.pool.acquire() as connection:
        row = await load_market(connection, scene.market)
    assert row is not None
    if row.plan is None:
        return None
    events = await scene.events("market")
    return next(e for e in events if isinstance(e.data, ClearingPlanned) and e.data.plan == row.plan)


async def two_orders(scene: Scene, seconds: int | None = None) -> tuple[UUID, UUID]:
    """An offer and a requirement that meet; valid for `seconds` from now if said."""
    given: dict[str, Any] = {"commitment": "subject_to_confirmation"}
    if seconds is not None:
        given["valid_until"] = scene.clock.now + timedelta(seconds=seconds)
    return await scene.offer(scene.sellers[0], **given), await scene.require(scene.buyers[0], **given)


async def assert_consistent(database: Any, scene: Scene) -> None:
    """Holds are what open matches hold, the tables are the fold and the rebuild, no plan is open."""
    folded: Books = {}
    for event in await scene.events("market"):
        fold(folded, event)
    async with scene.pool.acquire() as connection:
        loaded = await load_book(connection, scene.market)
    assert folded[scene.market] == loaded
    assert loaded is not None
    assert loaded.plan is None
    held: Counter[UUID] = Counter()
    for match in loaded.matches.values():
        held[match.struck.supply] += match.struck.quantity_basis_g
        held[match.struck.requirement] += match.struck.quantity_basis_g
    orders = loaded.supplies | loaded.requirements
    assert held == Counter({order: each.held_g for order, each in orders.items() if each.held_g})
    owner = await asyncpg.connect(database.dsn("owner"))

    def feed(key: LaneKey, upto: int) -> Any:
        return from_journal(scene.pool, key, upto=upto)

    try:
        assert (await compare_with_record(owner, feed)).equal
    finally:
        await owner.close()


def refused_for_the_clearing(answer: object) -> bool:
    return isinstance(answer, Refusals) and [ClearingInProgress.code] == [r.code for r in answer.refusals]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_an_order_in_an_open_plan_waits_for_its_end(
    database: Any, scene: Scene, change: Change
) -> None:
    offer, requirement = await two_orders(scene)
    scene.clock.now = VALID_UNTIL if "expire" in change.__name__ else scene.clock.now
    plan = await scene.plan()
    answers = await asyncio.gather(change(scene, offer, requirement), return_exceptions=True)
    assert refused_for_the_clearing(answers[0]), answers
    await scene.conclude(plan)
    await change(scene, offer, requirement)
    await assert_consistent(database, scene)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_a_change_before_the_plan_is_in_its_cut(database: Any, scene: Scene, change: Change) -> None:
    offer, requirement = await two_orders(scene)
    scene.clock.now = VALID_UNTIL if "expire" in change.__name__ else scene.clock.now
    await change(scene, offer, requirement)
    struck = [e for e in await scene.conclude(await scene.plan()) if isinstance(e.data, MatchStruck)]
    assert ("amend" in change.__name__) == bool(struck)
    await assert_consistent(database, scene)


async def test_an_order_posted_while_a_plan_is_open_is_free_and_waits(database: Any, scene: Scene) -> None:
    offer, requirement = await two_orders(scene)
    plan = await scene.plan()
    late = await scene.offer(scene.sellers[0], commitment="subject_to_confirmation")
    await withdraw_offer(scene, late, requirement)
    other = await scene.offer(scene.sellers[1], commitment="subject_to_confirmation")
    struck = [e.data for e in await scene.conclude(plan) if isinstance(e.data, MatchStruck)]
    assert [offer] == [match.supply for match in struck]
    assert other not in [match.supply for match in struck]
    await assert_consistent(database, scene)


async def test_a_hold_released_while_a_plan_is_open_counts_in_the_next_round(
    database: Any, scene: Scene
) -> None:
    await two_orders(scene)
    events = await scene.conclude(await scene.plan())
    (first,) = [e.data for e in events if isinstance(e.data, MatchStruck)]
    await scene.require(scene.buyers[1], commitment="subject_to_confirmation")
    plan = await scene.plan()
    decline: dict[str, Any] = {"match": first.match, "answer": "declined", "reason": "credit"}
    await matches.answer(scene.desk, scene.buyers[0].trader, **decline)
    await matches.answer(scene.desk, scene.sellers[0].trader, match=first.match, answer="confirmed")
    await scene.conclude(plan)
    await assert_consistent(database, scene)


@pytest.mark.parametrize("seed", range(4))
async def test_everything_at_once(database: Any, scene: Scene, seed: int) -> None:
    """Rounds of concurrent plans, changes, posts and answers; whoever is refused is refused for a reason."""
    random_source = random.Random(seed)
    declined: set[UUID] = set()
    for _ in range(3):
        pairs = [await two_orders(scene, seconds) for seconds in (1, 3_600, 3_600)]
        scene.clock.pass_seconds(1)
        works: list[Awaitable[Any]] = [
            change(scene, *pair)
            for pair, change in itertools.product(pairs, CHANGES)
            if random_source.random() < 0.7
        ]
        works += [scene.plan(), scene.plan(), two_orders(scene, 3_600)]
        random_source.shuffle(works)
        allow_refusals(await asyncio.gather(*works, return_exceptions=True))
        plan = await open_plan(scene)
        assert plan is not None
        works = [scene.conclude(plan), *(change(scene, *pairs[-1]) for change in CHANGES)]
        random_source.shuffle(works)
        allow_refusals(await asyncio.gather(*works, return_exceptions=True))
        assert None is await open_plan(scene)
        await _answer_open_matches(scene, random_source, declined)
    assert any(isinstance(event.data, MatchStruck) for event in await scene.events("market"))
    await assert_consistent(database, scene)


def allow_refusals(answers: list[Any]) -> None:
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Refusal | Refusals):
            raise answer


async def _answer_open_matches(scene: Scene, random_source: random.Random, declined: set[UUID]) -> None:
    """Each organisation declines once at most, since after two it may place firm orders only."""
    async with scene.pool.acquire() as connection:
        book = await load_book(connection, scene.market)
    assert book is not None
    traders = {firm.organisation: firm.trader for firm in (*scene.sellers, *scene.buyers)}
    works = []
    for match in book.matches.values():
        for organisation in (match.seller, match.buyer):
            if organisation in declined or random_source.random() < 0.5:
                given: dict[str, Any] = {"answer": "confirmed"}
            else:
                given = {"answer": "declined", "reason": "credit"}
                declined.add(organisation)
            works.append(matches.answer(scene.desk, traders[organisation], match=match.struck.match, **given))
    allow_refusals(await asyncio.gather(*works, return_exceptions=True))
