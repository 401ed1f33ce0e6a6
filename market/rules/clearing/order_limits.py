"""Divisibility and portfolio limits of orders in the solver's form: packages, minima, ratios."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

import numpy as np

from events.market_terms import RuleSet, SupplyTerms
from events.vocabulary import PPB, CountryCode, ValueChainStage
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.columns import int64s
from market.rules.clearing.supply_columns import Nodes, Supplies
from market.rules.full_origins import origin_of
from market.rules.optimum.problem import GUARD, Int32s, Int64s, Mask, added_up
from market.rules.packages import (
    Divisibility,
    PackagesOf,
    Ratios,
    exact_columns,
    ratio_columns,
)
from market.rules.quantities import UNPACKED_UNITS
from market.rules.rounding import Ratio
from market.rules.tranches import tranche_shares_g

ShareKind = Literal["recycled_min", "third_country_max"]


class SellerNode(Protocol):
    """A tranche of a supply."""

    @property
    def order(self) -> SupplyOrder: ...
    @property
    def tranche(self) -> int: ...


class BuyerNode(Protocol):
    @property
    def order(self) -> RequirementOrder: ...


class Packed(NamedTuple):
    """A tranche in packages: whole ones in all, and grams that fill none.

    over ÷ under: exact grams of basis in one, in lowest terms, both 1 where the product is not packed.
    parcel: the fewest that are one match.
    """

    over: int
    under: int
    packages: int
    rest_g: int
    parcel: int

    @property
    def package_g(self) -> Fraction:
        return Fraction(self.over, self.under)

    @property
    def is_packed(self) -> bool:
        # a package holds at least 2 g
        return self.over != self.under


class PackedColumns(NamedTuple):
    """Tranches in packages, as columns."""

    ratios: Ratios
    packages: Int64s
    rest_g: Int64s
    parcel: Int64s

    @property
    def is_packed(self) -> Mask:
        found: Mask = self.ratios.over != self.ratios.under
        return found

    def left(self, left_g: Int64s) -> Int64s:
        """Whole packages in what each tranche has left."""
        over, under = exact_columns(self.ratios, self.packages, int(left_g.max(initial=0)))
        within = -(-(left_g - self.rest_g + 1) * under // over) - 1
        found: Int64s = np.clip(within, 0, self.packages).astype(np.int64)
        return found

    def within(self, place: Int32s, grams: Int64s) -> Int64s:
        """`packages_within` of the tranche at each place."""
        over, under = exact_columns(self.ratios, self.packages, int(grams.max(initial=0)))
        found: Int64s = (((grams + 1) * under[place] - 1) // over[place]).astype(np.int64)
        return found

    def part(self, chosen: Mask) -> "PackedColumns":
        over, under = self.ratios
        return PackedColumns(
            Ratios(over[chosen], under[chosen]),
            self.packages[chosen],
            self.rest_g[chosen],
            self.parcel[chosen],
        )


@dataclass(frozen=True, slots=True)
class Share:
    """A portfolio limit of a requirement, and the ratio that keeps it; stage and country of a third one."""

    requirement: UUID
    kind: ShareKind
    stage: ValueChainStage | None
    country: CountryCode | None
    ratio: Ratio


def packed(terms: SupplyTerms, tranche: int) -> Packed:
    """The packages of a tranche; for bulk product, and if a package contains less than 2 g of basis, one gram
    is a package.

    So the grams of a trade determine the number of packages: one more adds at least 2 g.
    """
    share_g, wet_g = _tranche(terms, tranche)
    package_wet_g = terms.packaging.package_wet_g
    if terms.packaging.unit in UNPACKED_UNITS or package_wet_g * share_g < 2 * wet_g:
        return Packed(1, 1, share_g, 0, -(-terms.minimum_parcel_wet_g * share_g // wet_g))
    common = gcd(package_wet_g * share_g, wet_g)
    over, under = package_wet_g * share_g // common, wet_g // common
    packages = wet_g // package_wet_g
    return Packed(
        over,
        under,
        packages,
        share_g - packages * over // under,
        -(-terms.minimum_parcel_wet_g // package_wet_g),
    )


def packed_columns(of: Sequence[Packed]) -> PackedColumns:
    count = len(of)
    return PackedColumns(
        ratio_columns([(each.over, each.under) for each in of]),
        int64s([each.packages for each in of], count),
        int64s([each.rest_g for each in of], count),
        int64s([each.parcel for each in of], count),
    )


def packed_nodes(of: Supplies, nodes: Nodes) -> PackedColumns:
    """`packed` of each, an entry a node."""
    share_g, wet_g = of.tranche_share_g[nodes.place], of.tranche_wet_g[nodes.place]
    package_wet_g, parcel_wet_g = of.package_wet_g[nodes.supply], of.parcel_wet_g[nodes.supply]
    most = max(int(column.max(initial=0)) for column in (package_wet_g, wet_g, parcel_wet_g))
    if most * int(share_g.max(initial=0)) >= GUARD:
        terms = [of.terms[supply] for supply in nodes.supply.tolist()]
        return packed_columns(list(map(packed, terms, nodes.tranche.tolist())))
    of_package = package_wet_g * share_g
    loose = of.is_loose[nodes.supply] | (of_package < 2 * wet_g)
    common = np.gcd(of_package, wet_g)
    # what is not packed may be in packages of nothing
    over, under = np.where(loose, 1, of_package // common), np.where(loose, 1, wet_g // common)
    whole = np.maximum(package_wet_g, 1)
    packages = np.where(loose, share_g, wet_g // whole)
    return PackedColumns(
        Ratios(over, under),
        packages,
        share_g - packages * over // under,
        np.where(loose, -(-parcel_wet_g * share_g // wet_g), -(-parcel_wet_g // whole)),
    )


class LimitColumns(NamedTuple):
    """What divides the nodes of one side, one entry each.

    order: which of the orders the node is of, by the first that stands there. parcel: packages of a seller,
    grams of a buyer. bound: whether the order has a least quantity.
    """

    order: Int64s
    parcel: Int64s
    bound: Mask

    def part(self, place: Int64s) -> "LimitColumns":
        return LimitColumns(self.order[place], self.parcel[place], self.bound[place])


def seller_limits(of: Supplies, nodes: Nodes, parcel: Int64s) -> LimitColumns:
    return LimitColumns(np.unique(nodes.supply, return_inverse=True)[1], parcel, of.bound[nodes.supply])


def buyer_limits(nodes: Sequence[BuyerNode]) -> LimitColumns:
    terms = [node.order.terms for node in nodes]
    return LimitColumns(
        np.arange(len(nodes)),
        int64s([each.minimum_parcel_g for each in terms], len(nodes)),
        np.fromiter([each.minimum_quantity_g for each in terms], np.bool_, len(nodes)),
    )


def divisibility(
    sellers: Sequence[SellerNode],
    buyers: Sequence[BuyerNode],
    limits: tuple[LimitColumns, LimitColumns],
    left: Int64s,
    buyers_taken_g: Int64s,
    ratios: Ratios,
) -> Divisibility:
    """Of the nodes of a section. left: whole packages that each tranche has left at the start of it.

    buyers_taken_g: what each took earlier in the round. Minima count what was traded before, of the whole
    order. ratios: of the sellers' packages. ValueError for a seller without one
    whole package left: it is no node.
    """
    if not left.all():
        raise ValueError("a seller without a whole package has no part in a section")
    of_sellers, of_buyers = limits
    order = np.unique(of_sellers.order, return_inverse=True)[1]
    left_of_order = added_up(order, left, len(left))
    seller_minimum, buyer_minimum_g = [0] * len(sellers), [0] * len(buyers)
    for place in np.flatnonzero(of_sellers.bound).tolist():
        seller_minimum[place] = _seller_minimum(sellers[place].order.terms, int(left_of_order[order[place]]))
    for place in np.flatnonzero(of_buyers.bound).tolist():
        buyer_minimum_g[place] = _buyer_minimum_g(buyers[place].order, int(buyers_taken_g[place]))
    return Divisibility(
        package_g=PackagesOf(ratios),
        packages=tuple(left.tolist()),
        seller_parcel=tuple(of_sellers.parcel.tolist()),
        buyer_parcel_g=tuple(of_buyers.parcel.tolist()),
        seller_order=tuple(order.tolist()),
        buyer_order=tuple(range(len(buyers))),
        seller_minimum=tuple(seller_minimum),
        buyer_minimum_g=tuple(buyer_minimum_g),
        known=ratios,
    )


def shares(
    sellers: Sequence[SellerNode],
    buyers: Sequence[BuyerNode],
    seller: Int32s,
    buyer: Int32s,
    rule_set: RuleSet,
) -> tuple[Share, ...]:
    """The portfolio limits of the buyers over these edges, by buyer, then kind, stage and country.

    Only limits that some edge could break: a third country from which no lot comes needs no ratio.
    """
    stated = np.array([node.order.terms.portfolio is not None for node in buyers], dtype=np.bool_)
    edges_of: dict[int, list[int]] = {}
    for edge in np.flatnonzero(stated[buyer]).tolist():
        edges_of.setdefault(int(buyer[edge]), []).append(edge)
    found: list[Share] = []
    for index, edges in sorted(edges_of.items()):
        lots = {edge: sellers[int(seller[edge])].order.terms for edge in edges}
        found += _shares_of(buyers[index].order, index, lots, rule_set)
    return tuple(found)


def _shares_of(
    order: RequirementOrder, index: int, lots: dict[int, SupplyTerms], rule_set: RuleSet
) -> list[Share]:
    limits = order.terms.portfolio
    assert limits is not None
    found = []
    if limits.recycled_min_ppb:
        least = limits.recycled_min_ppb
        ratio = Ratio(index, {edge: recycled_ppb(lot) - least for edge, lot in lots.items()})
        found.append(Share(order.order, "recycled_min", None, None, ratio))
    if limits.third_country_max_ppb is not None and limits.third_country_max_ppb < PPB:
        most = limits.third_country_max_ppb
        origins = {
            edge: {(step.stage, step.country) for step in origin_of(lot, rule_set)}
            for edge, lot in lots.items()
        }
        for stage, country in sorted(set().union(*origins.values())):
            if country not in rule_set.eu_countries:
                ratio = Ratio(
                    index,
                    {edge: most - PPB * ((stage, country) in came) for edge, came in origins.items()},
                )
                found.append(Share(order.order, "third_country_max", stage, country, ratio))
    return found


def recycled_ppb(terms: SupplyTerms) -> int:
    """Post- and pre-consumer share together; 0 if not stated."""
    stated = terms.recycled
    return 0 if stated is None else stated.post_consumer_ppb + stated.pre_consumer_ppb


def _buyer_minimum_g(order: RequirementOrder, taken_g: int) -> int:
    least_g = order.terms.minimum_quantity_g
    return max(0, least_g - order.held_g - order.filled_g - taken_g) if least_g else 0


def _seller_minimum(terms: SupplyTerms, left: int) -> int:
    """Packages that the order still has to sell in one round; `left` of all its tranches here."""
    if terms.all_or_nothing:
        return left
    if terms.minimum_quantity_wet_g is None:
        return 0
    tranches = 1 if terms.term is not None else len(terms.tranches)
    whole = sum(packed(terms, tranche).packages for tranche in range(tranches))
    return max(0, _packages(terms, packed(terms, 0), terms.minimum_quantity_wet_g) - (whole - left))


def _packages(terms: SupplyTerms, of: Packed, wet_g: int) -> int:
    """The fewest packages that hold so much product; grams of basis of what is not packed.

    of: the first tranche.
    """
    if of.is_packed:
        return -(-wet_g // terms.packaging.package_wet_g)
    share_g, tranche_wet_g = _tranche(terms, 0)
    return -(-wet_g * share_g // tranche_wet_g)


def _tranche(terms: SupplyTerms, tranche: int) -> tuple[int, int]:
    """Grams of basis and of product; a term order is one tranche."""
    if terms.term is not None:
        return terms.basis_g, terms.net_wet_g
    return tranche_shares_g(terms)[tranche], terms.tranches[tranche].net_wet_g
