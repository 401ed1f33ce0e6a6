"""From a flow in grams to trades in whole packages, on the arcs that the flow uses and no others.

So the duals that prove the flow best prove the rounded one best too, for orders that bring no more than it
trades: see `market.rules.effective`.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from market.rules.assignment_problem import Int32s, Int64s, Problem
from market.rules.packages import Divisibility, least_packages, packages_g, packages_within, spread_g

TRIMS_MAX = 200


@dataclass(frozen=True, slots=True)
class Ratio:
    """What a buyer's order holds its trades to, together: sum of grams * coefficient is at least 0.

    coefficient: by edge of the posed problem; other edges of the order count 0.
    """

    buyer_order: int
    coefficient: Mapping[int, int]

    def excess(self, grams: Mapping[int, int]) -> int:
        return sum(self.coefficient.get(edge, 0) * quantity for edge, quantity in grams.items())


@dataclass(frozen=True, slots=True)
class Fills:
    """Trades by edge of the posed problem: whole packages, and the grams of basis they carry."""

    packages: dict[int, int]
    grams: dict[int, int]

    def sums(self, ends: Int32s, nodes: int, *, packages: bool = False) -> list[int]:
        """What each node trades, grams or packages; `ends` is the node of each edge."""
        found = [0] * nodes
        for edge, quantity in (self.packages if packages else self.grams).items():
            found[ends[edge]] += quantity
        return found


def whole_packages(
    posed: Problem, demand: Int64s, flow: Int64s, terms: Divisibility, ratios: Sequence[Ratio] = ()
) -> Fills:
    """Floor to packages and parcels, fill up what was left, hold buyers to their ratios, fill up again.

    `demand` is what the buyers count with, no more than in `posed`. Sellers with a least quantity come
    before the others: a buyer's last package is theirs. Filling up goes by value, then time priority, then
    tie-break, and never beyond what a side has; buyers with ratios are filled up only before they are held
    to them.
    """
    edges = _best_first(posed, flow)
    left = _Left(posed, demand, terms, edges)
    bound = [edge for edge in edges if terms.seller_minimum[left.seller[edge]] > 0]
    free = [edge for edge in edges if terms.seller_minimum[left.seller[edge]] == 0]
    flow_g = dict(zip(edges, flow[edges].tolist(), strict=True))
    for edge in (*bound, *free):
        left.floor(edge, flow_g[edge])
    for group in (bound, free):
        left.fill_up(group)
    held: dict[int, list[Ratio]] = {}
    for ratio in ratios:
        held.setdefault(ratio.buyer_order, []).append(ratio)
    own: dict[int, list[int]] = {order: [] for order in held}
    for edge in edges:
        if left.order(edge) in held:
            own[left.order(edge)].append(edge)
    for order, kept in held.items():
        _trim(left, kept, own[order])
    left.fill_up([edge for edge in edges if left.order(edge) not in held])
    packages = {edge: left.packages[edge] for edge in edges if left.packages[edge]}
    return Fills(packages, left.spread(packages, held.keys()))


class _Left:
    """What sellers have left in packages and buyers in grams, while packages are given along edges.

    packages, grams: of each edge, so far; grams of that many packages, rounded down.
    """

    def __init__(self, posed: Problem, demand: Int64s, terms: Divisibility, edges: Sequence[int]) -> None:
        self.terms = terms
        self.seller: dict[int, int] = dict(zip(edges, posed.seller[edges].tolist(), strict=True))
        self.buyer: dict[int, int] = dict(zip(edges, posed.buyer[edges].tolist(), strict=True))
        self.least = {edge: least_packages(terms, self.seller[edge], self.buyer[edge]) for edge in edges}
        self.packages = dict.fromkeys(edges, 0)
        self.grams = dict.fromkeys(edges, 0)
        self.unsold = list(terms.packages)
        self.room_g: list[int] = demand.tolist()

    def order(self, edge: int) -> int:
        return self.terms.buyer_order[self.buyer[edge]]

    def package_g(self, edge: int) -> Fraction:
        return self.terms.package_g[self.seller[edge]]

    def give(self, edge: int, count: int) -> None:
        """Let `count` packages trade, or none where that is too small a match."""
        if count < self.least[edge]:
            count = 0
        grams = packages_g(count, self.package_g(edge))
        self.unsold[self.seller[edge]] -= count - self.packages[edge]
        self.room_g[self.buyer[edge]] -= grams - self.grams[edge]
        self.packages[edge], self.grams[edge] = count, grams

    def floor(self, edge: int, flow_g: int) -> None:
        """Whole packages within the flow, as far as both sides have them left."""
        within_g = min(flow_g, self.room_g[self.buyer[edge]])
        within = packages_within(within_g, self.package_g(edge))
        self.give(edge, min(within, self.unsold[self.seller[edge]]))

    def fill_up(self, edges: Iterable[int]) -> None:
        for edge in edges:
            unsold, room_g = self.unsold[self.seller[edge]], self.room_g[self.buyer[edge]]
            if unsold and room_g:
                within = packages_within(room_g + self.grams[edge], self.package_g(edge))
                count = min(self.packages[edge] + unsold, within)
                if count > self.packages[edge]:
                    self.give(edge, count)

    def spread(self, packages: Mapping[int, int], held: Container[int]) -> dict[int, int]:
        """Floors add up by largest remainder, where a buyer has room and no ratio that a gram could break."""
        of_seller: dict[int, dict[int, int]] = {}
        for edge, count in packages.items():
            of_seller.setdefault(self.seller[edge], {})[edge] = count
        found: dict[int, int] = {}
        for seller, counts in of_seller.items():
            room_g = {
                edge: 0 if self.order(edge) in held else self.room_g[self.buyer[edge]] for edge in counts
            }
            spread = spread_g(counts, self.terms.package_g[seller], room_g)
            for edge, grams in spread.items():
                self.room_g[self.buyer[edge]] -= grams - self.grams[edge]
            found |= spread
        return found


def _best_first(posed: Problem, flow: Int64s) -> list[int]:
    used = np.flatnonzero(flow)
    value, priority, tiebreak = (weight[used] for weight in posed.level_weights())
    order = np.lexsort((used, -tiebreak, -priority, -value))
    found: list[int] = used[order].tolist()
    return found


def _trim(left: _Left, ratios: Sequence[Ratio], edges: Sequence[int]) -> None:
    """Take packages from a buyer's edges until all its ratios hold; nothing at all holds every ratio.

    Each step takes from the edge that hurts the broken ratios most per gram, the least valuable first, as
    much as the worst broken of them needs.
    """
    for _ in range(TRIMS_MAX):
        grams = {edge: left.grams[edge] for edge in edges if left.grams[edge]}
        broken = [(ratio.excess(grams), ratio) for ratio in ratios]
        broken = [(excess, ratio) for excess, ratio in broken if excess < 0]
        if not broken:
            return
        excess, worst = min(broken, key=lambda entry: entry[0])
        hurting = [edge for edge in grams if worst.coefficient.get(edge, 0) < 0]
        edge = min(
            reversed(hurting), key=lambda edge: sum(ratio.coefficient.get(edge, 0) for _, ratio in broken)
        )
        enough_g = -(excess // -worst.coefficient[edge])
        within = packages_within(max(0, grams[edge] - enough_g), left.package_g(edge))
        left.give(edge, min(left.packages[edge] - 1, within))
    for edge in edges:
        left.give(edge, 0)
