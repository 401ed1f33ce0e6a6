"""Cached data of a market, some seconds old: only for warnings, never for decisions."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from events.clearing_terms import TradeReference
from events.connections import Connection, Pool
from market.rules.book import PublishedRuleSet
from market.rules.references import trade_reference
from market.store.inputs import load_inputs, load_rule_sets
from market.store.markets import load_market
from market.store.reading import reading

SECONDS: Final = 10.0
"""After this time a market's data is read again."""
MARKETS_MAX: Final = 4_096

T = TypeVar("T")


class Known(NamedTuple, Generic[T]):
    """A cached value, valid until a time of the owner's clock."""

    until: float
    found: T


class RecentlyRead(Generic[T]):
    """The cache of a process for all markets, each read at most once in `SECONDS`."""

    def __init__(
        self, read: Callable[[Connection, UUID], Awaitable[T]], seconds: Callable[[], float] = monotonic
    ) -> None:
        self._of_market = read
        self._seconds = seconds
        self._known: dict[UUID, Known[T]] = {}
        self._first = asyncio.Lock()

    def fresh(self, market: UUID) -> Known[T] | None:
        """The cached value without waiting; None if it has to be read."""
        known = self._known.get(market)
        return known if known is not None and self._seconds() < known.until else None

    async def of(self, reader: Pool, market: UUID) -> T:
        """RecordUnavailable when it has to be read and cannot be."""
        known = self._known.get(market)
        if known is None:
            async with self._first:
                known = self._known.get(market)
                return await self._read(reader, market) if known is None else known.found
        if self._seconds() < known.until:
            return known.found
        self._known[market] = known._replace(until=self._seconds() + SECONDS)
        return await self._read(reader, market)

    async def _read(self, reader: Pool, market: UUID) -> T:
        async with reading(reader, organisation=None, role="desk") as connection:
            found = await self._of_market(connection, market)
        if len(self._known) >= MARKETS_MAX:
            self._known.clear()
        self._known[market] = Known(self._seconds() + SECONDS, found)
        return found


async def newest_reference(connection: Connection, market: UUID) -> TradeReference | None:
    """In micro-EUR per kg of the market's basis; None while it has none."""
    row = await load_market(connection, market)
    if row is None:
        return None
    return trade_reference((await load_inputs(connection, row.lane, [market]))[market], row.terms.basis)


async def published_rule_sets(connection: Connection, market: UUID) -> list[PublishedRuleSet]:
    """In order of publication."""
    row = await load_market(connection, market)
    return [] if row is None else (await load_rule_sets(connection, row.lane, [market]))[market]


class RecentTerms:
    """The terms with which accepted orders are compared, for warnings."""

    def __init__(self) -> None:
        self.references = RecentlyRead(newest_reference)
        self.rule_sets = RecentlyRead(published_rule_sets)
