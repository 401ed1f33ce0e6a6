"""Rounds a flow in grams to trades in whole packages, only on the arcs that the flow uses.

So the duals that prove the flow optimal also prove the rounded one optimal, for orders reduced to what they
trade: see `market.rules.clearing.effective`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market.rules.optimum.compiled import inner, run, run_plain
from market.rules.optimum.problem import Int32s, Int64s, Mask, Problem
from market.rules.packages import Divisibility, exact_columns

TRIMS_MAX = 200

Ints = Any


@inner
def _deal(
    place: int,
    within_g: int,
    count_max: int,
    ends: tuple[Ints, Ints],
    package: tuple[Ints, Ints, Ints],
    left: tuple[Ints, Ints],
    given: tuple[Ints, Ints],
) -> None:
    """As many packages as fit, if those are more than trade already; none where that is too small a match."""
    over, under, least = package
    unsold, room_g = left
    packages, grams = given
    count = min(((within_g + 1) * under[place] - 1) // over[place], count_max)
    if count > packages[place]:
        if count < least[place]:
            count = 0
        carried = count * over[place] // under[place]
        unsold[ends[0][place]] -= count - packages[place]
        room_g[ends[1][place]] -= carried - grams[place]
        packages[place] = count
        grams[place] = carried


def deal_packages(
    first: Ints,
    then: Ints,
    flow: Ints,
    ends: tuple[Ints, Ints],
    package: tuple[Ints, Ints, Ints],
    left: tuple[Ints, Ints],
    given: tuple[Ints, Ints],
) -> None:
    """A kernel for `run`: see `_Left`, whose columns these are."""
    seller, buyer = ends
    unsold, room_g = left
    packages, grams = given
    for at in range(len(first)):
        place = first[at]
        room = room_g[buyer[place]]
        _deal(place, min(flow[place], room), unsold[seller[place]], ends, package, left, given)
    for at in range(len(first) + len(then)):
        place = first[at] if at < len(first) else then[at - len(first)]
        more = unsold[seller[place]]
        room = room_g[buyer[place]]
        if more > 0 and room > 0:
            _deal(place, room + grams[place], packages[place] + more, ends, package, left, given)


def give_missing(order: Ints, seller: Ints, buyer: Ints, missing: Ints, room_g: Ints, grams: Ints) -> None:
    """A kernel for `run`: see `spread_missing`; order: the trades to ask, missing: of each seller."""
    for at in range(len(order)):
        place = order[at]
        if missing[seller[place]] > 0 and room_g[buyer[place]] > 0:
            missing[seller[place]] -= 1
            room_g[buyer[place]] -= 1
            grams[place] += 1


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


class Dealing:
    """How flows of a problem become trades. Its orders' packages and parcels are read once."""

    def __init__(self, posed: Problem, terms: Divisibility, ratios: Sequence[Ratio] = ()) -> None:
        self._posed, self._terms = posed, terms
        self._parcel_g = np.array(terms.buyer_parcel_g, dtype=np.int64)
        self._parcel = np.maximum(1, np.array(terms.seller_parcel, dtype=np.int64))
        self._packages = np.array(terms.packages, dtype=np.int64)
        self._is_bound = np.array(terms.seller_minimum, dtype=np.int64) > 0
        grams_max = max(self._parcel_g.max(initial=0), posed.demand.max(initial=0))
        counts = np.maximum(self._packages, self._parcel)
        self._over, self._under = exact_columns(terms.ratios, counts, int(grams_max))
        self._ratios: dict[int, list[Ratio]] = {}
        for ratio in ratios:
            self._ratios.setdefault(ratio.buyer_order, []).append(ratio)

    def whole_packages(self, demand: Int64s, used: Int64s, flow: Int64s) -> Fills:
        """Floor to packages and parcels, fill up what was left, hold buyers to their ratios, fill up again.

        used, flow: the edges with flow, and their grams. `demand` is what the buyers count with, no more than
        in the problem. Sellers with a least quantity come before the others: a buyer's last package is
        theirs. Filling up goes by value, then time priority, then tie-break, and never beyond what a side
        has; buyers with ratios are filled up only before they are held to them.
        """
        first = _best_first(self._posed, used)
        edges = used[first]
        left = self._left(demand, edges)
        bound = self._is_bound[left.seller]
        places = np.arange(len(edges))
        by_bound = np.concatenate([places[bound], places[~bound]])
        if self._ratios:
            left.deal(by_bound, places[:0], flow[first])
            again = self._held(left, edges.tolist())
            left.deal(places[:0], np.array(again, dtype=np.int64), flow[first])
        else:
            left.deal(by_bound, places, flow[first])
        self._spread(left)
        return Fills(edges, left.packages, left.grams)

    def _left(self, demand: Int64s, edges: Int64s) -> "_Left":
        seller, buyer = self._posed.seller[edges], self._posed.buyer[edges]
        over, under = self._over[seller], self._under[seller]
        least = np.maximum(self._parcel[seller], -(-self._parcel_g[buyer] * under // over))
        return _Left(
            seller=seller,
            buyer=buyer,
            over=over,
            under=under,
            least=least,
            unsold=self._packages.copy(),
            room_g=demand.copy(),
            packages=np.zeros(len(edges), dtype=np.int64),
            grams=np.zeros(len(edges), dtype=np.int64),
        )

    def _held(self, left: "_Left", edges: list[int]) -> list[int]:
        """Hold buyers to their ratios; the places of all others."""
        orders = [self._terms.buyer_order[buyer] for buyer in left.buyer.tolist()]
        own: dict[int, list[int]] = {order: [] for order in self._ratios}
        for place, order in enumerate(orders):
            if order in own:
                own[order].append(place)
        for order, kept in self._ratios.items():
            _trim(left, kept, own[order], edges)
        return [place for place, order in enumerate(orders) if order not in own]

    def _spread(self, left: "_Left") -> None:
        """Floors add up by largest remainder, where a buyer has room and no ratio that a gram could break."""
        is_open = np.ones(len(left.buyer), dtype=np.bool_)
        if self._ratios:
            held = [order in self._ratios for order in self._terms.buyer_order]
            is_open = ~np.array(held, dtype=np.bool_)[left.buyer]
        package, given = (self._over, self._under), (left.packages, left.grams)
        spread_missing((left.seller, left.buyer), package, given, left.room_g, is_open)


def spread_missing(
    ends: tuple[Int32s, Int32s],
    package: tuple[NDArray[Any], NDArray[Any]],
    given: tuple[Int64s, Int64s],
    room_g: Int64s,
    is_open: Mask,
) -> None:
    """Give the trades of each seller the grams that their floors miss of the floor of all its packages.

    A gram goes by largest remainder, the earlier trade first, to one that is open and whose buyer has room
    for it; to one seller after the other, as their first trades are. ends, is_open and given (packages, and
    their grams, which change) have an entry a trade; package as of `_Left`, of each seller; room_g, of each
    buyer, changes.
    """
    (seller, buyer), (over, under), (packages, grams) = ends, package, given
    in_all = np.zeros((2, len(over)), dtype=over.dtype)
    np.add.at(in_all[0], seller, packages)
    np.add.at(in_all[1], seller, grams)
    missing = (in_all[0] * over // under - in_all[1]).astype(np.int64)
    places = np.flatnonzero((packages > 0) & (missing[seller] > 0))
    first = np.zeros(len(over), dtype=np.int64)
    first[seller[places[::-1]]] = places[::-1]
    places = places[is_open[places]]
    of = seller[places]
    # of one seller alone are they compared, and so of one package
    rest = packages[places] * over[of] % under[of]
    if rest.dtype != np.int64:
        rest = np.unique(rest, return_inverse=True)[1]
    order = places[np.lexsort((-rest, first[of]))]
    run(give_missing, len(order), order, seller, buyer, missing, room_g, grams)


@dataclass(frozen=True, eq=False, slots=True)
class _Left:
    """What sellers have left in packages and buyers in grams, while packages are given along edges.

    unsold, room_g: of each seller and buyer. The rest has an entry a place, that is an edge: its ends, over ÷
    under the exact grams of a package (int64, or Python's integers where those are too small), the least
    packages of a match, and so far packages and the grams that many carry, rounded down.
    """

    seller: Int32s
    buyer: Int32s
    over: NDArray[Any]
    under: NDArray[Any]
    least: NDArray[Any]
    unsold: Int64s
    room_g: Int64s
    packages: Int64s
    grams: Int64s

    def deal(self, first: Int64s, then: Int64s, flow: Int64s) -> None:
        """Floor the flow of the first places and fill them up, then fill up the others, each in order."""
        ends, package = (self.seller, self.buyer), (self.over, self.under, self.least)
        left, given = (self.unsold, self.room_g), (self.packages, self.grams)
        if self.over.dtype == np.int64:
            run(deal_packages, len(flow), first, then, flow, ends, package, left, given)
        else:
            run_plain(deal_packages, first, then, flow, ends, package, left, given)

    def within(self, place: int, grams: int) -> int:
        """`packages_within` of the place's package."""
        return ((grams + 1) * int(self.under[place]) - 1) // int(self.over[place])

    def give(self, place: int, count: int) -> None:
        """Let `count` packages trade, or none where that is too small a match."""
        if count < self.least[place]:
            count = 0
        grams = count * int(self.over[place]) // int(self.under[place])
        self.unsold[self.seller[place]] -= count - self.packages[place]
        self.room_g[self.buyer[place]] -= grams - self.grams[place]
        self.packages[place], self.grams[place] = count, grams


def _best_first(posed: Problem, used: Int64s) -> Int64s:
    value = posed.weight(0, used)
    order = np.argsort(-value)
    # few are worth the same: only those are sorted by what is left
    same = value[order[1:]] == value[order[:-1]]
    among = np.flatnonzero(np.append(same, False) | np.append(False, same))
    tied = used[order[among]]
    priority, tiebreak = posed.weight(1, tied), posed.weight(2, tied)
    order[among] = order[among][np.lexsort((tied, -tiebreak, -priority, -posed.weight(0, tied)))]
    return order


def _trim(left: _Left, ratios: Sequence[Ratio], places: Sequence[int], edges: Sequence[int]) -> None:
    """Take packages from a buyer's edges until all its ratios hold; nothing at all holds every ratio.

    Each step takes from the edge that hurts the broken ratios most per gram, the least valuable first, as
    much as the worst broken of them needs.
    """
    for _ in range(TRIMS_MAX):
        grams = {edges[place]: int(left.grams[place]) for place in places if left.grams[place]}
        broken = [(ratio.excess(grams), ratio) for ratio in ratios]
        broken = [(excess, ratio) for excess, ratio in broken if excess < 0]
        if not broken:
            return
        excess, worst = min(broken, key=lambda entry: entry[0])
        hurting = [
            place for place in places if left.grams[place] and worst.coefficient.get(edges[place], 0) < 0
        ]
        most = min(
            reversed(hurting),
            key=lambda place: sum(ratio.coefficient.get(edges[place], 0) for _, ratio in broken),
        )
        enough_g = -(excess // -worst.coefficient[edges[most]])
        within = left.within(most, max(0, int(left.grams[most]) - enough_g))
        left.give(most, min(int(left.packages[most]) - 1, within))
    for place in places:
        left.give(place, 0)
