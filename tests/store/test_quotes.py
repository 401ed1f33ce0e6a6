"""Questions about a round on a real database: counted by group and day, and what rounds leave of orders."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from events.decision import Request
from events.market_events import ClearingPlanned, QuoteAsked
from events.refusal import Refusals
from events.vocabulary import StatedPrice
from market import round_books
from market.commands import parties, quotes
from market.http.wire.rounds import RoundBooks
from market.rules.orders.offers import PostSupply
from market.rules.orders.requirements import PostRequirement
from market.rules.parties.parties import ChangeOrganisation
from market.rules.visibility.standings import order_in_round
from market.store import clearings, rounds
from market.store.quotes import count_since
from tests.conftest import Database
from tests.market_drafts import Firm, organisation_details, requirement_draft, supply_draft
from tests.market_support import Scene, done, scene_on


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    async with scene_on(database) as opened:
        await opened.offer(opened.sellers[0])
        await opened.offer(opened.sellers[1], ask=euro(95))
        await opened.require(opened.buyers[0], basis_g=5_000_000)
        yield opened


def euro(amount: int) -> StatedPrice:
    return StatedPrice(amount_micro=amount * 1_000_000, currency="EUR", per="element")


def question(firm: Firm, **changes: Any) -> PostRequirement:
    return PostRequirement(caller=firm.trader, draft=requirement_draft(firm, **changes))


async def refused(scene: Scene, posting: PostRequirement | PostSupply) -> list[str]:
    with pytest.raises(Refusals) as error:
        await quotes.ask(scene.desk, posting, market=scene.market)
    return [refusal.code for refusal in error.value.refusals]


async def asked(scene: Scene, posting: PostRequirement | PostSupply) -> QuoteAsked:
    outcome = done(await quotes.ask(scene.desk, posting, market=scene.market))
    fact = outcome.events[0].data
    assert isinstance(fact, QuoteAsked)
    return fact


async def test_before_the_first_round_there_is_nothing_to_ask_about(scene: Scene) -> None:
    assert ["round_missing"] == await refused(scene, question(scene.buyers[0]))
    await scene.plan()
    assert ["round_missing"] == await refused(scene, question(scene.buyers[0]))


async def test_a_group_of_companies_shares_its_questions_of_a_day(scene: Scene) -> None:
    await scene.conclude(await scene.plan())
    one, other = scene.buyers
    for firm in (one, other):
        version = 1
        details = organisation_details(f"of the group {firm.organisation}")
        await parties.change_organisation(
            scene.desk,
            ChangeOrganisation(
                caller=scene.operator,
                organisation=firm.organisation,
                details=msgspec.structs.replace(details, group=one.organisation),
                expected_version=version,
            ),
        )
    for firm in (one, other, one, other, one):
        assert one.organisation == (await asked(scene, question(firm))).group
    for firm in (one, other):
        assert ["quotes_used"] == await refused(scene, question(firm))
    selling = PostSupply(caller=scene.sellers[0].trader, draft=supply_draft(scene.sellers[0]))
    assert scene.sellers[0].organisation == (await asked(scene, selling)).group
    scene.clock.pass_seconds(86_400)
    assert one.organisation == (await asked(scene, question(other))).group


async def test_a_dry_run_and_a_repeat_count_nothing(scene: Scene) -> None:
    await scene.conclude(await scene.plan())
    buyer = scene.buyers[0]
    await quotes.ask(scene.desk, question(buyer), market=scene.market, dry_run=True)
    request = Request(organisation=buyer.organisation, route="POST /v1/quotes", key="k", body_hash=b"b" * 32)
    answers = [
        done(await quotes.ask(scene.desk, question(buyer), market=scene.market, request=request))
        for _ in range(2)
    ]
    assert [False, True] == [answer.replayed for answer in answers]
    assert answers[0].events == answers[1].events
    assert 1 == await counted(scene, buyer.organisation)


async def counted(scene: Scene, group: UUID) -> int:
    async with scene.pool.acquire() as connection:
        since = scene.clock.now - timedelta(days=1)
        return await count_since(connection, scene.lane.lane, scene.market, group, since)


async def test_questions_at_once_do_not_go_beyond_the_day(scene: Scene) -> None:
    await scene.conclude(await scene.plan())
    tries = [quotes.ask(scene.desk, question(scene.buyers[0]), market=scene.market) for _ in range(12)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert 5 == sum(not isinstance(answer, Exception) for answer in answers)
    assert 5 == await counted(scene, scene.buyers[0].organisation)


async def test_a_question_opens_no_order(scene: Scene) -> None:
    await scene.conclude(await scene.plan())
    tables = ("supply", "requirement", "match")
    before = await rows(scene, *tables)
    await asked(scene, question(scene.buyers[0]))
    assert before == await rows(scene, *tables)


async def rows(scene: Scene, *names: str) -> list[int]:
    async with scene.pool.acquire() as connection:
        return [await connection.fetchval(f"select count(*) from {name}") for name in names]


async def test_a_rounds_book_is_the_kept_one_or_folded_again(scene: Scene) -> None:
    plan = await scene.plan()
    assert isinstance(plan.data, ClearingPlanned)
    await scene.conclude(plan)
    folded = await round_books.recall(scene.pool, scene.lane, scene.market, plan.position)
    assert (plan.position, plan.data) == (folded.position, folded.plan)
    kept = msgspec.structs.replace(folded, last_round=77)
    async with scene.pool.acquire() as connection:
        await round_books.keep(connection, scene.lane, plan, scene.market, msgspec.msgpack.encode(kept))
    assert kept == await round_books.recall(scene.pool, scene.lane, scene.market, plan.position)
    later = await scene.plan()
    await scene.conclude(later)
    found = await round_books.recall(scene.pool, scene.lane, scene.market, later.position)
    assert later.data == found.plan


async def test_few_books_are_kept_in_memory(scene: Scene) -> None:
    books = RoundBooks()
    for _ in range(6):
        await scene.conclude(await scene.plan())
    async with scene.pool.acquire() as connection:
        page = await clearings.list_clearings(connection, scene.market, after=None, limit=10)
    loaded = [await books.load(scene.pool, row) for row in page.items]
    assert [row.planned for row in page.items] == [book.plan for book in loaded]
    again = await books.load(scene.pool, page.items[-1])
    assert again is loaded[-1]
    assert loaded[0] == await books.load(scene.pool, page.items[0])


async def test_evidence_is_of_the_round_alone_whatever_else_its_lane_has_recorded_meanwhile(
    scene: Scene,
) -> None:
    first, others = scene.market, [await scene.open_market() for _ in range(60)]
    second = next(each for each in others if scene.desk.lane("market", each) == scene.lane)
    plans = [(first, await scene.plan())]
    scene.market = second
    await scene.offer(await scene.register("seller of another", second))
    await scene.require(await scene.register("buyer of another", second))
    plans.append((second, await scene.plan()))
    rows = []
    for market, plan in plans:
        scene.market = market
        await scene.conclude(plan)
    async with scene.pool.acquire() as connection:
        for market, _ in plans:
            row = await clearings.load_completed(connection, market)
            assert row is not None
            rows.append((row, await rounds.read_evidence(connection, row)))
    (of_first, bodies), (of_second, both) = rows
    assert {*bodies} < {*both}
    told = rounds.decode(bodies, of_first.plan)
    assert told == rounds.decode(both, of_first.plan)
    of_another = rounds.decode(both, of_second.plan)
    assert {of_second.plan} == {part.plan for part in of_another.parts}
    assert len(both) == len(told.parts) + len(of_another.parts)
    assert not told.pairs & of_another.pairs


async def test_what_a_round_recorded_of_an_order_explains_it(scene: Scene) -> None:
    plan = await scene.plan()
    await scene.conclude(plan)
    async with scene.pool.acquire() as connection:
        row = await clearings.load_completed(connection, scene.market)
        assert row is not None
        assert row == await clearings.load_completed(connection, scene.market, 1)
        assert None is await clearings.load_completed(connection, scene.market, 2)
        evidence = rounds.decode(await rounds.read_evidence(connection, row), row.plan)
        duals = evidence.duals
        marginal = await rounds.list_marginal(connection, row, duals, None, after=None, limit=1)
        others = await rounds.list_marginal(
            connection, row, duals, scene.sellers[1].organisation, after=None, limit=9
        )
        beyond = await rounds.list_marginal(
            connection, row, duals, None, after=marginal.items[-1].key, limit=9
        )
        buyer_order = marginal.items[0].dual.order
    assert [("requirement", scene.buyers[0].organisation)] == [
        (each.kind, each.organisation) for each in marginal.items
    ]
    assert ((), buyer_order) == (others.items, marginal.items[0].dual.order)
    assert {buyer_order} == {each.dual.order for each in (*marginal.items, *beyond.items)}
    book = await round_books.recall(scene.pool, scene.lane, scene.market, row.cut)
    trades = evidence.trades(buyer_order)
    found = order_in_round(book, row.planned, duals, trades, buyer_order, evidence.pairs)
    assert found is not None
    assert ("partly_filled", True, 5_000_000, 3_500_000) == (
        found.outcome,
        found.marginal,
        found.capacity_g,
        found.filled_g,
    )
    assert {0, 3_500_000} == {each.traded_g for each in found.alternatives}
