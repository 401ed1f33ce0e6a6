"""Warnings about asks and limits by the market's reference price."""

from uuid import UUID

from events.clearing_terms import TradeReference
from events.market_terms import RequirementTerms, SupplyTerms
from market.http.wire.reads import Looking
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.orders.far_prices import price_cautions


async def of_price(on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms) -> tuple[Warned, ...]:
    """A posting waits for no reading but the first of its market in some seconds."""
    if terms.term is not None:
        return ()
    fresh = on.recent.references.fresh(market)
    return await unless_unread(_read(on, market, terms)) if fresh is None else _held(terms, fresh.found)


async def _read(on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms) -> tuple[Warned, ...]:
    return _held(terms, await on.recent.references.of(on.reader, market))


def _held(terms: SupplyTerms | RequirementTerms, reference: TradeReference | None) -> tuple[Warned, ...]:
    return () if reference is None else warned(price_cautions(terms, reference))
