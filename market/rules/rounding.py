"""From a flow in grams to trades in whole packages, on the arcs that the flow uses and no others.

So the duals that prove the flow best prove the rounded one best too, for orders that bring no more than it
trades: see `market.rules.clearing.effective`.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from market.rules.optimum.problem import LEVELS, Int64s, Mask, Problem
from market.rules.packages import Divisibility, spread_g

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


@dataclass(frozen=True, eq=False, slots=True)
class Fills:
    """Trades, int64, one entry each: edge of the posed problem, whole packages, grams of basis they carry."""

    edge: Int64s
    packages: Int64s
    grams: Int64s

    def but(self, anew: Mask, others: "Fills") -> "Fills":
        """Without those of the mask, and `others` in their place."""
        kept = ~anew
        return Fills(
            np.concatenate([self.edge[kept], others.edge]),
            np.concatenate([self.packages[kept], others.packages]),
            np.concatenate([self.grams[kept], others.grams]),
        )

    def by_edge(self, edges: int) -> tuple[Int64s, Int64s]:
        """Packages and grams of every edge of the posed problem."""
        packages, grams = np.zeros(edges, dtype=np.int64), np.zeros(edges, dtype=np.int64)
        packages[self.edge], grams[self.edge] = self.packages, self.grams
        return packages, grams


def whole_packages(
    posed: Problem,
    demand: Int64s,
    used: Int64s,
    flow: Int64s,
    terms: Divisibility,
    ratios: Sequence[Ratio] = (),
) -> Fills:
    """Floor to packages and parcels, fill up what was left, hold buyers to their ratios, fill up again.

    used, flow: the edges with flow, and their grams. `demand` is what the buyers count with, no more than in
    `posed`. Sellers with a least quantity come before the others: a buyer's last package is theirs. Filling
    up goes by value, then time priority, then tie-break, and never beyond what a side has; buyers with ratios
    are filled up only before they are held to them.
    """
    first = _best_first(posed, used)
    edges = used[first]
    left = _Left(posed, demand, terms, edges)
    minimum = [terms.seller_minimum[seller] for seller in left.seller]
    bound = [place for place, least in enumerate(minimum) if least > 0]
    free = [place for place, least in enumerate(minimum) if least == 0]
    flow_g: list[int] = flow[first].tolist()
    for place in (*bound, *free):
        left.floor(place, flow_g[place])
    for group in (bound, free):
        left.fill_up(group)
    held: dict[int, list[Ratio]] = {}
    for ratio in ratios:
        held.setdefault(ratio.buyer_order, []).append(ratio)
    own: dict[int, list[int]] = {order: [] for order in held}
    if held:
        for place in range(len(edges)):
            if left.order(place) in held:
                own[left.order(place)].append(place)
    for order, kept in held.items():
        _trim(left, kept, own[order])
    left.fill_up(place for place in range(len(edges)) if not held or left.order(place) not in held)
    left.spread(held.keys())
    return Fills(edges, np.array(left.packages, dtype=np.int64), np.array(left.grams, dtype=np.int64))


class _Left:
    """What sellers have left in packages and buyers in grams, while packages are given along edges.

    One entry a place of `edges`: edge, seller, buyer, the least packages of a match, over ÷ under the exact
    grams of a package, and so far packages and the grams that many carry, rounded down.
    """

    def __init__(self, posed: Problem, demand: Int64s, terms: Divisibility, edges: Int64s) -> None:
        self.terms = terms
        self.edge: list[int] = edges.tolist()
        self.seller: list[int] = posed.seller[edges].tolist()
        self.buyer: list[int] = posed.buyer[edges].tolist()
        exact: dict[int, tuple[int, int]] = {
            seller: terms.package_g[seller].as_integer_ratio() for seller in set(self.seller)
        }
        self.over: list[int] = [exact[seller][0] for seller in self.seller]
        self.under: list[int] = [exact[seller][1] for seller in self.seller]
        self.least = [
            max(1, terms.seller_parcel[seller], -(-terms.buyer_parcel_g[buyer] * under // over))
            for seller, buyer, over, under in zip(self.seller, self.buyer, self.over, self.under, strict=True)
        ]
        self.packages = [0] * len(self.edge)
        self.grams = [0] * len(self.edge)
        self.unsold = {seller: terms.packages[seller] for seller in self.seller}
        self.room_g: dict[int, int] = dict(zip(self.buyer, demand[self.buyer].tolist(), strict=True))

    def order(self, place: int) -> int:
        return self.terms.buyer_order[self.buyer[place]]

    def within(self, place: int, grams: int) -> int:
        """`packages_within` of the place's package."""
        return ((grams + 1) * self.under[place] - 1) // self.over[place]

    def give(self, place: int, count: int) -> None:
        """Let `count` packages trade, or none where that is too small a match."""
        if count < self.least[place]:
            count = 0
        grams = count * self.over[place] // self.under[place]
        self.unsold[self.seller[place]] -= count - self.packages[place]
        self.room_g[self.buyer[place]] -= grams - self.grams[place]
        self.packages[place], self.grams[place] = count, grams

    def floor(self, place: int, flow_g: int) -> None:
        """Whole packages within the flow, as far as both sides have them left."""
        within = self.within(place, min(flow_g, self.room_g[self.buyer[place]]))
        self.give(place, min(within, self.unsold[self.seller[place]]))

    def fill_up(self, places: Iterable[int]) -> None:
        for place in places:
            unsold, room_g = self.unsold[self.seller[place]], self.room_g[self.buyer[place]]
            if unsold and room_g:
                within = self.within(place, room_g + self.grams[place])
                count = min(self.packages[place] + unsold, within)
                if count > self.packages[place]:
                    self.give(place, count)

    def spread(self, held: Container[int]) -> None:
        """Floors add up by largest remainder, where a buyer has room and no ratio that a gram could break."""
        of_seller: dict[int, list[int]] = {}
        for place, count in enumerate(self.packages):
            if count:
                of_seller.setdefault(self.seller[place], []).append(place)
        for seller, places in of_seller.items():
            if len(places) == 1:
                continue
            room_g = {
                place: 0 if self.order(place) in held else self.room_g[self.buyer[place]] for place in places
            }
            counts = {place: self.packages[place] for place in places}
            for place, grams in spread_g(counts, self.terms.package_g[seller], room_g).items():
                self.room_g[self.buyer[place]] -= grams - self.grams[place]
                self.grams[place] = grams


def _best_first(posed: Problem, used: Int64s) -> Int64s:
    value, priority, tiebreak = (posed.weight(level, used) for level in range(LEVELS))
    return np.lexsort((used, -tiebreak, -priority, -value))


def _trim(left: _Left, ratios: Sequence[Ratio], places: Sequence[int]) -> None:
    """Take packages from a buyer's edges until all its ratios hold; nothing at all holds every ratio.

    Each step takes from the edge that hurts the broken ratios most per gram, the least valuable first, as
    much as the worst broken of them needs.
    """
    for _ in range(TRIMS_MAX):
        grams = {left.edge[place]: left.grams[place] for place in places if left.grams[place]}
        broken = [(ratio.excess(grams), ratio) for ratio in ratios]
        broken = [(excess, ratio) for excess, ratio in broken if excess < 0]
        if not broken:
            return
        excess, worst = min(broken, key=lambda entry: entry[0])
        hurting = [
            place for place in places if left.grams[place] and worst.coefficient.get(left.edge[place], 0) < 0
        ]
        most = min(
            reversed(hurting),
            key=lambda place: sum(ratio.coefficient.get(left.edge[place], 0) for _, ratio in broken),
        )
        enough_g = -(excess // -worst.coefficient[left.edge[most]])
        within = left.within(most, max(0, left.grams[most] - enough_g))
        left.give(most, min(left.packages[most] - 1, within))
    for place in places:
        left.give(place, 0)
