"""From a flow in grams to trades in whole packages, on the arcs that the flow uses and no others.

So the duals that prove the flow best prove the rounded one best too, for orders that bring no more than it
trades: see `market.rules.effective`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    left = _Left(posed, demand, terms)
    edges = _best_first(posed, flow)
    bound = [edge for edge in edges if terms.seller_minimum[posed.seller[edge]] > 0]
    free = [edge for edge in edges if terms.seller_minimum[posed.seller[edge]] == 0]
    for group in (bound, free):
        for edge in group:
            left.floor(edge, int(flow[edge]))
        left.fill_up(group)
    held = {ratio.buyer_order for ratio in ratios}
    for order in sorted(held):
        _trim(left, [ratio for ratio in ratios if ratio.buyer_order == order], edges)
    left.fill_up([edge for edge in edges if left.order(edge) not in held])
    return Fills({edge: count for edge, count in left.given.items() if count}, left.grams(held))


class _Left:
    """What sellers have left in packages and buyers in grams, while packages are given along edges."""

    def __init__(self, posed: Problem, demand: Int64s, terms: Divisibility) -> None:
        self.posed, self.terms = posed, terms
        self.packages = list(terms.packages)
        self.room_g: list[int] = demand.tolist()
        self.given: dict[int, int] = {}

    def order(self, edge: int) -> int:
        return self.terms.buyer_order[int(self.posed.buyer[edge])]

    def least(self, edge: int) -> int:
        """Fewest packages that may trade on the edge."""
        return least_packages(self.terms, int(self.posed.seller[edge]), int(self.posed.buyer[edge]))

    def carried_g(self, edge: int, count: int) -> int:
        return packages_g(count, self.terms.package_g[self.posed.seller[edge]])

    def give(self, edge: int, count: int) -> None:
        """Set what trades on the edge."""
        before = self.given.get(edge, 0)
        self.given[edge] = count
        self.packages[self.posed.seller[edge]] -= count - before
        self.room_g[self.posed.buyer[edge]] -= self.carried_g(edge, count) - self.carried_g(edge, before)

    def floor(self, edge: int, flow_g: int) -> None:
        """Whole packages within the flow, as far as both sides have them left."""
        seller = self.posed.seller[edge]
        within_g = min(flow_g, self.room_g[self.posed.buyer[edge]])
        count = min(packages_within(within_g, self.terms.package_g[seller]), self.packages[seller])
        self.give(edge, count if count >= self.least(edge) else 0)

    def fill_up(self, edges: Iterable[int]) -> None:
        for edge in edges:
            seller, buyer, before = self.posed.seller[edge], self.posed.buyer[edge], self.given[edge]
            room_g = self.room_g[buyer] + self.carried_g(edge, before)
            within = packages_within(room_g, self.terms.package_g[seller])
            count = min(before + self.packages[seller], within)
            if count > before and count >= self.least(edge):
                self.give(edge, count)

    def grams(self, held: set[int]) -> dict[int, int]:
        """Floors add up by largest remainder, where a buyer has room and no ratio that a gram could break."""
        of_seller: dict[int, dict[int, int]] = {}
        for edge, count in self.given.items():
            if count:
                of_seller.setdefault(int(self.posed.seller[edge]), {})[edge] = count
        found: dict[int, int] = {}
        for seller, packages in of_seller.items():
            room_g = {
                edge: 0 if self.order(edge) in held else self.room_g[self.posed.buyer[edge]]
                for edge in packages
            }
            spread = spread_g(packages, self.terms.package_g[seller], room_g)
            for edge, grams in spread.items():
                self.room_g[self.posed.buyer[edge]] -= grams - self.carried_g(edge, packages[edge])
            found |= spread
        return found


def _best_first(posed: Problem, flow: Int64s) -> list[int]:
    used = np.flatnonzero(flow)
    value, priority, tiebreak = (weight[used] for weight in posed.level_weights())
    order = np.lexsort((used, -tiebreak, -priority, -value))
    found: list[int] = used[order].tolist()
    return found


def _trim(left: _Left, ratios: Sequence[Ratio], edges: Sequence[int]) -> None:
    """Take packages away until all ratios hold; nothing at all holds every ratio.

    Each step takes from the edge that hurts the broken ratios most per gram, the least valuable first, as
    much as the worst broken of them needs.
    """
    own = [edge for edge in edges if left.order(edge) == ratios[0].buyer_order]
    for _ in range(TRIMS_MAX):
        grams = {edge: left.carried_g(edge, left.given[edge]) for edge in own if left.given[edge]}
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
        taken_g = max(0, grams[edge] - enough_g)
        package_g = left.terms.package_g[left.posed.seller[edge]]
        count = min(left.given[edge] - 1, packages_within(taken_g, package_g))
        left.give(edge, count if count >= left.least(edge) else 0)
    for edge in own:
        left.give(edge, 0)
