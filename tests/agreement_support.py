"""Agreements on a real record: drafted, and signed as binding by both."""

from datetime import date
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from contracts.commands import agreements
from contracts.rules.agreements import DraftAgreement, SignProposal
from contracts.rules.matched import from_match
from events.contract_events import AgreementDrafted
from events.contract_terms import AgreementKind, AgreementTerms, FixedVolume, TermClause
from events.decision import Moment
from events.envelope import Recorded
from events.heads import append, lock_lanes
from events.market_events import MatchConfirmed
from events.price_clauses import FlatPrice
from events.vocabulary import MICRO
from market.commands import agreement_signing
from market.store.applying import apply
from tests.contract_support import TONNE_G, agreement_terms
from tests.market_drafts import Firm
from tests.market_support import Scene, done

STEADY: dict[str, Any] = {
    "term": TermClause(starts_on=date(2026, 7, 1), years=2),
    "volume": FixedVolume(acq_g=(600 * TONNE_G, 900 * TONNE_G)),
    "conditions": (),
    "price": FlatPrice(price_micro_per_kg=75 * MICRO),
}
"""600 t and 900 t at 75.00, from 1 July 2026, without conditions."""


async def drafted(
    scene: Scene,
    terms: AgreementTerms,
    *,
    kind: AgreementKind = "offtake",
    market: UUID | None = None,
    parties: tuple[Firm, Firm] | None = None,
) -> UUID:
    """By the seller of `parties`, of the scene's first firms without them, to their buyer."""
    seller, buyer = parties or (scene.sellers[0], scene.buyers[0])
    draft = DraftAgreement(
        caller=seller.trader,
        market=market or scene.market,
        kind=kind,
        side="seller",
        counterparty=buyer.organisation,
        basis="ndpr",
        members=frozenset({seller.organisation, buyer.organisation}),
        terms=terms,
    )
    recorded = done(await agreements.draft(scene.desk, draft))
    return recorded.events[0].data.agreement  # type: ignore[attr-defined, no-any-return]


async def signed(
    scene: Scene,
    terms: AgreementTerms,
    *,
    kind: AgreementKind = "offtake",
    market: UUID | None = None,
    parties: tuple[Firm, Firm] | None = None,
) -> UUID:
    """Drafted, and signed as binding by both."""
    parties = parties or (scene.sellers[0], scene.buyers[0])
    agreement = await drafted(scene, terms, kind=kind, market=market, parties=parties)
    for version, firm in enumerate(parties, 1):
        await agreement_signing.sign(scene.desk, signature(firm, agreement, version))
    return agreement


def signature(firm: Firm, agreement: UUID, version: int, proposal: int = 1) -> SignProposal:
    return SignProposal(
        caller=firm.trader, agreement=agreement, expected_version=version, proposal=proposal, binding=True
    )


async def of_match(scene: Scene, confirmed: Recorded) -> UUID:
    """What the follower makes of a confirmed match, straight into the record."""
    fact = confirmed.data
    assert isinstance(fact, MatchConfirmed)
    lane = scene.desk.lane("contracts", fact.market)
    moment = Moment(now=scene.clock.now, new_id=uuid7)
    async with scene.pool.acquire() as connection, connection.transaction():
        heads = await lock_lanes(connection, [lane])
        (drafted, *_) = await append(
            connection,
            heads,
            from_match(lane.lane, fact, moment).drafts,
            cause=str(confirmed.id),
            actor=confirmed.actor,
            source="urn:lodestone:test",
            now=scene.clock.now,
            new_id=uuid7,
            new_salt=lambda: "0" * 32,
            apply=apply,
        )
    assert isinstance(drafted.data, AgreementDrafted)
    return drafted.data.agreement


async def agreed(scene: Scene, market: UUID | None = None, **changes: Any) -> UUID:
    """An agreement of the first seller and the first buyer that both have signed as binding."""
    return await signed(scene, agreement_terms(**changes), market=market)
