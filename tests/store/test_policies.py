"""Policies on PostgreSQL: read under their lanes, taken over into the market's, and obeyed by a round."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.envelope import Recorded
from events.journal import read_events
from events.market_events import MatchStruck, QuoteAsked, RequirementAmended, RequirementPosted
from events.party_events import PolicyPublished, PolicyRetired
from events.policy_terms import PolicyTerms, PortfolioLimits
from events.refusal import Refusals
from events.vocabulary import PPB, OriginStep, RecycledContent
from market.commands import policies, quotes, requirements
from market.rules.book import Books, fold
from market.rules.clearing.breaches import CertificateBroken
from market.rules.clearing.certificate import expected_record
from market.rules.clearing.rounds import posed_round
from market.rules.orders.policies import PolicyDetails, RetirePolicy, RevisePolicy
from market.rules.orders.policy_references import PolicyReference
from market.rules.orders.requirements import PostRequirement
from market.store import policies as store
from tests.conftest import Database
from tests.market_days import published
from tests.market_drafts import TONNE_G, euro, requirement_draft
from tests.market_support import Scene, done

SHARES = PolicyTerms(
    portfolio=PortfolioLimits(recycled_min_ppb=PPB // 4, third_country_max_ppb=PPB // 2),
    strategic_project_ueur_per_kg=1_000_000,
)
STRICTER = replace(SHARES, recycled_min_ppb=PPB // 2)


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


def naming(policy: UUID, version: int = 1) -> tuple[PolicyReference, ...]:
    return (PolicyReference(policy=policy, version=version),)


def refused(error: BaseException) -> list[tuple[str, str | None]]:
    assert isinstance(error, Refusals)
    return [(refusal.code, refusal.pointer) for refusal in error.refusals]


async def journal_of_market(scene: Scene, before: int) -> list[Recorded]:
    async with scene.pool.acquire() as connection:
        return await read_events(connection, scene.lane, 0, before, 100_000)


async def test_a_round_keeps_the_shares_of_a_policy_and_its_proof_needs_the_markets_lane_alone(
    scene: Scene,
) -> None:
    """4 t of the cheap Chinese lot would do; the authority's policy lets in half of it at most."""
    buyer = scene.buyers[0]
    policy = await published(scene, scene.operator, SHARES, "remhub")
    chinese = (OriginStep(stage="processing", country="CN"),)
    cheap = await scene.offer(scene.sellers[0], ask=euro(60_000_000), origin=chinese)
    recycled = await scene.offer(
        scene.sellers[1], ask=euro(72_000_000), recycled=RecycledContent(post_consumer_ppb=PPB)
    )
    wanted = await scene.require(buyer, policies=naming(policy))
    plan = await scene.plan()
    facts = [event.data for event in await scene.conclude(plan)]
    bought = {fact.supply: fact.quantity_basis_g for fact in facts if isinstance(fact, MatchStruck)}
    total = sum(bought.values())
    assert 2 * TONNE_G == total
    assert bought[cheap] * 2 <= total
    assert bought[recycled] * 4 >= total
    books: Books = {}
    for event in await journal_of_market(scene, plan.position):
        fold(books, event)
    book = books[scene.market]
    assert facts == [draft.data for draft in expected_record(posed_round(book, plan), facts)]
    [taken] = book.requirements[wanted].terms.policies
    assert (policy, 1, SHARES) == (taken.policy, taken.version, taken.terms)
    loose = replace(book.requirements[wanted].terms, policies=(), own=None, portfolio=None)
    without = replace(book, requirements={wanted: replace(book.requirements[wanted], terms=loose)})
    with pytest.raises(CertificateBroken, match="strong_duality"):
        expected_record(posed_round(without, plan), facts)


async def test_a_later_version_changes_nothing_until_an_amendment_names_it(scene: Scene) -> None:
    buyer = scene.buyers[0]
    policy = await published(scene, buyer.trader, SHARES)
    order = await scene.require(buyer, policies=naming(policy))
    details = PolicyDetails(title="Recycled magnets", terms=STRICTER)
    await policies.revise(
        scene.desk, RevisePolicy(caller=buyer.trader, policy=policy, expected_version=1, details=details)
    )
    draft = requirement_draft(buyer, policies=naming(policy))
    with pytest.raises(Refusals) as old:
        await requirements.post(scene.desk, buyer.trader, market=scene.market, draft=draft)
    assert [("policy_outdated", "/policies/0/version")] == refused(old.value)
    kept = await amended(scene, order, 1, replace(draft, basis_g=draft.basis_g - 1))
    assert (None, True) == (kept.terms.recycled_min_ppb, kept.keeps_rank)
    moved = await amended(scene, order, 2, replace(draft, policies=naming(policy, 2)))
    assert (PPB // 2, 2) == (moved.terms.recycled_min_ppb, moved.terms.policies[0].version)
    async with scene.pool.acquire() as connection:
        first = await store.load_version(connection, policy, 1)
    assert first is not None
    assert SHARES == first.details.terms


async def amended(scene: Scene, order: UUID, version: int, draft: Any) -> RequirementAmended:
    caller = scene.buyers[0].trader
    outcome = await requirements.amend(scene.desk, caller, order=order, expected_version=version, draft=draft)
    fact = done(outcome).events[0].data
    assert isinstance(fact, RequirementAmended)
    return fact


async def test_another_buyers_policy_is_none_to_name(scene: Scene) -> None:
    policy = await published(scene, scene.buyers[1].trader, SHARES)
    before = len(await scene.events("market"))
    with pytest.raises(Refusals) as stranger:
        await scene.require(scene.buyers[0], policies=naming(policy))
    assert [("policy_unknown", "/policies/0")] == refused(stranger.value)
    assert before == len(await scene.events("market"))


async def test_nothing_is_posted_under_a_policy_after_its_end_whoever_is_first(scene: Scene) -> None:
    buyer = scene.buyers[0]
    for _ in range(3):
        policy = await published(scene, buyer.trader, SHARES)
        draft = requirement_draft(buyer, policies=naming(policy))
        post = [
            requirements.post(scene.desk, buyer.trader, market=scene.market, draft=draft) for _ in range(3)
        ]
        ending = policies.retire(
            scene.desk, RetirePolicy(caller=buyer.trader, policy=policy, expected_version=1)
        )
        answers = await asyncio.gather(*post[:2], ending, post[2], return_exceptions=True)
        late = [answer for answer in answers if isinstance(answer, BaseException)]
        assert [[("policy_retired", "/policies/0")]] * len(late) == [refused(error) for error in late]
        said = [*await scene.events("market"), *await scene.events("parties")]
        said.sort(key=lambda event: event.id)
        kinds = [type(event.data) for event in said if concerns(event, policy)]
        assert [PolicyPublished, *[RequirementPosted] * (3 - len(late)), PolicyRetired] == kinds


def concerns(event: Recorded, policy: UUID) -> bool:
    fact: Any = event.data
    if isinstance(fact, RequirementPosted):
        return any(each.policy == policy for each in fact.terms.policies)
    return isinstance(fact, PolicyPublished | PolicyRetired) and fact.policy == policy


async def test_a_question_may_be_asked_under_a_policy(scene: Scene) -> None:
    buyer = scene.buyers[0]
    policy = await published(scene, buyer.trader, SHARES)
    await scene.conclude(await scene.plan())
    posting = PostRequirement(caller=buyer.trader, draft=requirement_draft(buyer, policies=naming(policy)))
    asked = done(await quotes.ask(scene.desk, posting, market=scene.market)).events[0].data
    assert isinstance(asked, QuoteAsked)
    assert asked.requirement is not None
    assert SHARES.portfolio == asked.requirement.portfolio
