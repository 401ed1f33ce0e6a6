"""The reference price of a market as it stood some seconds ago: for what is told beside an answer, never for
what is decided."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from events.clearing_terms import TradeReference
from events.connections import Pool
from market.rules.references import trade_reference
from market.store.inputs import load_inputs
from market.store.markets import load_market
from market.store.reading import reading

SECONDS: Final = 10.0
"""After which a market's is read again."""
MARKETS_MAX: Final = 4_096


class _Known(NamedTuple):
    until: float
    reference: TradeReference | None


class NewestReferences:
    """Of all markets of a process, each read at most once in `SECONDS` however many ask."""

    def __init__(self, seconds: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._known: dict[UUID, _Known] = {}
        self._first = asyncio.Lock()

    async def of(self, reader: Pool, market: UUID) -> TradeReference | None:
        """In micro-EUR per kg of the market's basis; None while it has none. RecordUnavailable."""
        known = self._known.get(market)
        if known is None:
            async with self._first:
                known = self._known.get(market)
                return await self._read(reader, market) if known is None else known.reference
        if self._seconds() < known.until:
            return known.reference
        self._known[market] = known._replace(until=self._seconds() + SECONDS)
        return await self._read(reader, market)

    async def _read(self, reader: Pool, market: UUID) -> TradeReference | None:
        async with reading(reader, organisation=None, role="desk") as connection:
            row = await load_market(connection, market)
            inputs = {} if row is None else await load_inputs(connection, row.lane, [market])
        found = None if row is None else trade_reference(inputs[market], row.terms.basis)
        if len(self._known) >= MARKETS_MAX:
            self._known.clear()
        self._known[market] = _Known(self._seconds() + SECONDS, found)
        return found
