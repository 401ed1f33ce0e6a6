"""Agreements on a real record: drafted, and signed as binding by both."""

from datetime import date
from typing import Any
from uuid import UUID

from contracts.commands import agreements
from events.contract_terms import AgreementTerms, FixedVolume, FlatPrice, TermClause
from events.vocabulary import MICRO
from tests.contract_support import TONNE_G, agreement_terms
from tests.market_support import Scene, done

STEADY: dict[str, Any] = {
    "term": TermClause(starts_on=date(2026, 7, 1), years=2),
    "volume": FixedVolume(acq_g=(600 * TONNE_G, 900 * TONNE_G)),
    "conditions": (),
    "price": FlatPrice(price_micro_per_kg=75 * MICRO),
}
"""600 t and 900 t at 75.00, from 1 July 2026, without conditions."""


async def agreed(scene: Scene, market: UUID | None = None, **changes: Any) -> UUID:
    """An agreement of the first seller and the first buyer that both have signed as binding."""
    seller, buyer = scene.sellers[0], scene.buyers[0]
    terms: AgreementTerms = agreement_terms(**changes)
    drafted = done(
        await agreements.draft(
            scene.desk,
            seller.trader,
            market=market or scene.market,
            kind="offtake",
            side="seller",
            counterparty=buyer.organisation,
            basis="ndpr",
            members=frozenset({seller.organisation, buyer.organisation}),
            terms=terms,
        )
    )
    agreement: UUID = drafted.events[0].data.agreement  # type: ignore[attr-defined]
    for version, firm in enumerate((seller, buyer), 1):
        await agreements.sign(
            scene.desk,
            firm.trader,
            agreement=agreement,
            expected_version=version,
            proposal=1,
            binding=True,
        )
    return agreement
