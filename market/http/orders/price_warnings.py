"""What an ask or a limit is held against beside the order: the market's reference price."""

from uuid import UUID

from events.market_terms import RequirementTerms, SupplyTerms
from market.http.wire.reads import Looking
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.orders.far_prices import price_cautions


async def of_price(on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms) -> tuple[Warned, ...]:
    """A posting waits for no reading but the first of its market in some seconds."""
    return await unless_unread(_held(on, market, terms)) if terms.term is None else ()


async def _held(on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms) -> tuple[Warned, ...]:
    reference = await on.recent.references.of(on.reader, market)
    return () if reference is None else warned(price_cautions(terms, reference))
