"""Trades of a section with the data that several of their facts contain, encoded column by column."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple
from uuid import UUID

import numpy as np

from contracts.rules.price_terms import round_half_even
from events.market_terms import RequirementTerms, SupplyTerms
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.cleared import Trade, Trades, chosen
from market.rules.clearing.columns import half_even
from market.rules.clearing.written import ID_OCTETS, Octets, decimals, each_encoded, encoded, ids_encoded
from market.rules.optimum.problem import GUARD, Int64s


class Told(NamedTuple):
    """What is told of a trade beside the trade itself. product: wet and dry grams."""

    match: UUID
    product: tuple[int, int]
    packages_thousandths: int


def told_of(trade: Trade, match: UUID, product: tuple[int, int]) -> Told:
    package_g = trade.seller.order.terms.packaging.package_wet_g
    return Told(match, product, packages_thousandths(product[0], package_g))


def packages_thousandths(wet_g: int, package_wet_g: int) -> int:
    """package_wet_g: 0 of what is not in packages."""
    return round_half_even(wet_g * 1000, package_wet_g) if package_wet_g else 0


def thousandths_of(wet_g: Int64s, package_wet_g: Int64s) -> list[int]:
    """`packages_thousandths` of each."""
    if int(wet_g.max(initial=0)) * 1000 >= GUARD:
        return list(map(packages_thousandths, wet_g.tolist(), package_wet_g.tolist()))
    of_packages = half_even(wet_g * 1000, np.maximum(package_wet_g, 1))
    found: list[int] = np.where(package_wet_g > 0, of_packages, 0).tolist()
    return found


@dataclass(frozen=True, eq=False, slots=True)
class ToldTrades:
    """Some trades of a section, the orders of each, and what more than one of their facts tells, encoded.

    sold, bought: what the orders state. ids: bytes of those of the matches, uint8[n, 16]. wet_g, dry_g: of
    product, int64.
    """

    trades: Trades
    supplies: Sequence[SupplyOrder]
    requirements: Sequence[RequirementOrder]
    sold: Sequence[SupplyTerms]
    bought: Sequence[RequirementTerms]
    ids: Octets
    wet_g: Int64s
    dry_g: Int64s
    match: Sequence[bytes]
    supply: Sequence[bytes]
    requirement: Sequence[bytes]
    quantity_g: Sequence[bytes]
    price_ueur_per_kg: Sequence[bytes]
    product_wet_g: Sequence[bytes]
    delivery: Sequence[bytes]
    place: Sequence[bytes]

    @property
    def subjects(self) -> list[str]:
        """The ids of the matches as texts."""
        return b",".join(self.match).decode()[1:-1].split('","')

    def kept(self, mask: Sequence[bool]) -> "ToldTrades":
        if all(mask):
            return self
        trades, *columns = (getattr(self, column.name) for column in fields(self))
        return ToldTrades(trades.kept(mask), *(chosen(column, mask) for column in columns))

    def told(self, place: int) -> tuple[Trade, Told]:
        trade = self.trades.row(place)
        match = UUID(bytes=self.ids[place].tobytes())
        return trade, told_of(trade, match, (int(self.wet_g[place]), int(self.dry_g[place])))


def told_trades(trades: Trades, ends: Octets, ids: Octets, wet_g: Int64s, dry_g: Int64s) -> ToldTrades:
    """ends: `pair_bytes` of each, joined."""
    supplies, requirements = [node.order for node in trades.seller], [node.order for node in trades.buyer]
    sold, bought = [order.terms for order in supplies], [order.terms for order in requirements]
    # trades with the same windows share one delivery
    known = list(map(id, trades.delivery))
    distinct = dict(zip(known, trades.delivery, strict=True))
    period = {each: encoded(delivery.period) for each, delivery in distinct.items()}
    return ToldTrades(
        trades=trades,
        supplies=supplies,
        requirements=requirements,
        sold=sold,
        bought=bought,
        ids=ids,
        wet_g=wet_g,
        dry_g=dry_g,
        match=ids_encoded(ids),
        supply=ids_encoded(ends[:, :ID_OCTETS]),
        requirement=ids_encoded(ends[:, -ID_OCTETS:]),
        quantity_g=decimals(trades.quantity_g),
        price_ueur_per_kg=decimals(trades.price_ueur_per_kg),
        product_wet_g=decimals(wet_g),
        delivery=list(map(period.__getitem__, known)),
        place=each_encoded([terms.place for terms in sold]),
    )
