"""A clearing with whole packages, minimum parcels and minimum quantities, and a bound of its distance from
the optimum.

    found = clear_whole(posed, terms)
    assert verify(found.problem, found.solution) == []
    found.gap                    how much more the same orders could be worth if they were divisible

Solve, round to whole packages, drop the orders that trade less than their least quantity: first those that
could not reach it if all others stood aside, then half of them at a time, those with the lowest fill first;
solve again. Then cut what cannot trade out of the problem, and put dropped orders back as long as that is
worth more. Every decision compares unique integers, so it does not depend on the order of the input, the
solver or the machine. The result is the optimum of the problem with the listed cuts, at its own prices; no
accepted order loses at those prices.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import Literal

import numpy as np
from msgspec import Struct

from market.rules.assignment import Problem, Solution
from market.rules.clearing.columns import rows
from market.rules.clearing.effective import bounds_around, effective
from market.rules.clearing.stages import Solved, Stage, Stages, edges_without, left_without
from market.rules.optimum.problem import Int32s, Int64s, Mask, added_up, exact_dot
from market.rules.packages import Divisibility, carried_g, fits
from market.rules.rounding import Dealing, Fills, Ratio

ROUNDS_HALVED_MAX = 24
REFINEMENTS_MAX = 3
READMISSIONS_MAX = 4
HOPELESS_PASSES_MAX = 8
FILL_BITS = 128

Side = Literal["seller", "buyer"]
CutReason = Literal["minimum_quantity", "indivisible", "portfolio"]


class Cut(Struct, frozen=True, gc=False):
    """A node of the posed problem that counts with less than it brought along; 0 when it is out."""

    side: Side
    index: int
    reason: CutReason
    posed_g: int
    effective_g: int


@dataclass(frozen=True, eq=False, slots=True)
class WholeClearing:
    """problem, solution: the optimum with the cuts; the nodes of the posed problem, edges as `edge` says.

    edge: int64[e], places in the posed problem. packages: int64[e]. relaxed: the optimum of the posed
    problem. gap: its welfare without that of `solution`, at least 0. unique: so was every step.
    """

    problem: Problem
    solution: Solution
    edge: Int64s
    packages: Int64s
    relaxed: Solution
    gap: int
    cuts: tuple[Cut, ...]
    unique: bool
    solves: int


Dropped = frozenset[tuple[Side, int]]
"""Orders that are out, by their number in the Divisibility."""


@dataclass(frozen=True, eq=False, slots=True)
class _Admitted:
    """What buyers count with, the orders that stand aside, and their nodes: sellers, then buyers."""

    out: Mask
    demand: Int64s
    dropped: Dropped = frozenset()


@dataclass(frozen=True, eq=False, slots=True)
class _Settled:
    """Orders that all trade their least quantity or nothing."""

    admitted: _Admitted
    solved: Solved
    fills: Fills
    welfare: int


class _Orders:
    """The orders of one side. node: int64, the place of each node's order; the rest has an entry an order.

    least: packages of sellers, grams of buyers. rank: that of the order's first node.
    """

    def __init__(self, side: Side, orders: Sequence[int], least: Sequence[int], ranks: Int64s | None) -> None:
        self.side = side
        self._sorted, first, self.node = np.unique(
            np.array(orders, dtype=np.int64), return_index=True, return_inverse=True
        )
        self.numbers: list[int] = self._sorted.tolist()
        self.least = np.array(least, dtype=np.int64)[first]
        self.rank: list[int] = (first if ranks is None else ranks[first]).tolist()

    def rank_of(self, number: int) -> int:
        return self.rank[bisect_left(self.numbers, number)]

    def sums(self, of_nodes: Int64s) -> Int64s:
        found = np.zeros(len(self.numbers), dtype=np.int64)
        np.add.at(found, self.node, of_nodes)
        return found

    def short(self, of_nodes: Int64s) -> list[int]:
        """Places of orders that have something, and less than their least quantity."""
        found = self.sums(of_nodes)
        places: list[int] = np.flatnonzero((found > 0) & (found < self.least)).tolist()
        return places

    def nodes_of(self, orders: Dropped) -> Mask:
        wanted = [number for side, number in orders if side == self.side]
        is_wanted = np.zeros(len(self.numbers), dtype=np.bool_)
        is_wanted[np.searchsorted(self._sorted, np.array(wanted, dtype=np.int64))] = True
        found: Mask = is_wanted[self.node]
        return found


class _Search:
    def __init__(self, posed: Problem, terms: Divisibility, ratios: Sequence[Ratio]) -> None:
        self.posed, self.terms, self.ratios = posed, terms, ratios
        self.stages = Stages(posed)
        self.dealing = Dealing(posed, terms, ratios)
        ranks = (None, None) if posed.ranks is None else posed.ranks
        self.sellers = _Orders("seller", terms.seller_order, terms.seller_minimum, ranks[0])
        self.buyers = _Orders("buyer", terms.buyer_order, terms.buyer_minimum_g, ranks[1])

    @cached_property
    def package_g(self) -> Int64s:
        """Of each seller, grams that one package carries, rounded down."""
        return carried_g([1] * len(self.terms.packages), self.terms.ratios).astype(np.int64)

    @cached_property
    def smallest_g(self) -> Int64s:
        """Of each buyer, the grams of the smallest package that any seller has for it."""
        found = np.full(len(self.posed.demand), np.iinfo(np.int64).max, dtype=np.int64)
        np.minimum.at(found, self.posed.buyer, self.package_g[self.posed.seller])
        return found

    @cached_property
    def hopeless(self) -> Dropped:
        """Orders that stay below their minimum quantity even if all others were out, as far as this can be
        seen at once.

        A package counts with no more than the grams that one carries, rounded down.
        """
        posed = self.posed
        packages = np.array(self.terms.packages, dtype=np.int64)
        found: Dropped = frozenset()
        for _ in range(HOPELESS_PASSES_MAX):
            edges = np.flatnonzero(edges_without(posed, self.out(found)))
            seller, buyer = posed.seller.take(edges), posed.buyer.take(edges)
            sold, bought = np.zeros_like(posed.supply), np.zeros_like(posed.demand)
            np.add.at(sold, seller, posed.demand[buyer])
            np.add.at(bought, buyer, posed.supply[seller])
            most = np.minimum(packages, sold // self.package_g), np.minimum(posed.demand, bought)
            more = {
                (of.side, of.numbers[place])
                for of, reached in zip((self.sellers, self.buyers), most, strict=True)
                for place in of.short(reached)
            }
            if more <= found:
                break
            found |= more
        return found

    def rank(self, order: tuple[Side, int]) -> int:
        side, number = order
        return (self.sellers if side == "seller" else self.buyers).rank_of(number)

    def out(self, dropped: Dropped) -> Mask:
        """The nodes of these orders: sellers, then buyers."""
        return np.concatenate([self.sellers.nodes_of(dropped), self.buyers.nodes_of(dropped)])


def clear_whole(posed: Problem, terms: Divisibility, ratios: Sequence[Ratio] = ()) -> WholeClearing:
    """Trades in whole packages that keep every minimum and ratio, with their proof and the gap.

    AssignmentError when `terms` do not fit `posed`.
    """
    fits(posed, terms)
    search = _Search(posed, terms, ratios)
    solved, relaxed = search.stages.first()
    best = _settle(search, _Admitted(solved.out, solved.demand), solved)
    best = _refined(search, best)
    # what may come back depends on duals
    best = replace(best, solved=search.stages.proved(best.solved))
    best = _readmitted(search, best)
    packages, grams = best.fills.by_edge(posed.edges)
    final = effective(posed, best.solved, grams)
    assert final.solution.welfare == best.welfare
    assert best.welfare <= relaxed.welfare
    return WholeClearing(
        problem=final.problem,
        solution=final.solution,
        edge=final.edge,
        packages=packages[final.edge],
        relaxed=relaxed,
        gap=relaxed.welfare - best.welfare,
        cuts=tuple(_cuts(search, best, final)),
        unique=search.stages.unique,
        solves=search.stages.solves,
    )


def _settle(search: _Search, admitted: _Admitted, solved: Solved, before: Fills | None = None) -> _Settled:
    """Drop orders below their least quantity until none is: the hopeless, then by halves, lowest fill first.

    `solved` is of these orders, `before` are the trades of the stage before it.
    """
    rounds = 0
    while True:
        found = before = _rounded(search, solved, before)
        short = _below_minimum(search, found)
        if not short:
            welfare = exact_dot(found.grams, search.posed.value[found.edge])
            return _Settled(admitted, solved, found, welfare)
        rounds += 1
        hopeful = [order for order in short if order not in search.hopeless]
        count = len(hopeful) if rounds > ROUNDS_HALVED_MAX else (len(hopeful) + 1) // 2
        if rounds == 1 and len(hopeful) < len(short):
            count = 0
        admitted = _without(search, admitted, admitted.dropped.union(search.hopeless, hopeful[:count]))
        solved = search.stages.next(solved, admitted.out, admitted.demand)


def _rounded(search: _Search, solved: Solved, before: Fills | None) -> Fills:
    """Whole packages of the components that were solved anew; of all where ratios tie components."""
    posed, dealing = search.posed, search.dealing
    if solved.anew is None or before is None or search.ratios:
        return dealing.whole_packages(posed.demand, solved.used, solved.flow)
    anew = solved.anew[posed.seller[solved.used]]
    found = dealing.whole_packages(posed.demand, solved.used[anew], solved.flow[anew])
    return before.but(solved.anew[posed.seller[before.edge]], found)


def _below_minimum(search: _Search, found: Fills) -> list[tuple[Side, int]]:
    """Orders that trade, but less than they have to: lowest fill first, among equals the latest."""
    posed = search.posed
    short = []
    for of, filled in (
        (search.sellers, added_up(posed.seller[found.edge], found.packages, len(posed.supply))),
        (search.buyers, added_up(posed.buyer[found.edge], found.grams, len(posed.demand))),
    ):
        traded = of.sums(filled)
        for place in of.short(filled):
            # as exact as a fraction: two that differ do so by more than 2**-126
            fill = (int(traded[place]) << FILL_BITS) // int(of.least[place])
            short.append((fill, -of.rank[place], of.side, of.numbers[place]))
    return [(side, order) for _, _, side, order in sorted(short)]


def _without(search: _Search, before: _Admitted, dropped: Dropped) -> _Admitted:
    """With these orders out instead of those that were."""
    return replace(before, out=search.out(dropped), dropped=dropped)


def _refined(search: _Search, best: _Settled) -> _Settled:
    """Sellers may do better elsewhere than with rests that no package fits: cut these, keep the better."""
    for _ in range(REFINEMENTS_MAX):
        cut = _without_rests(search, best)
        if cut is None:
            break
        solved = search.stages.next(best.solved, cut.out, cut.demand)
        attempt = _settle(search, cut, solved, best.fills)
        if attempt.welfare <= best.welfare:
            break
        best = attempt
    return best


def _without_rests(search: _Search, settled: _Settled) -> _Admitted | None:
    """Buyers with less left than the smallest package they could get count with what they have."""
    posed, admitted, fills = search.posed, settled.admitted, settled.fills
    bought = added_up(posed.buyer[fills.edge], fills.grams, len(posed.demand))
    rest = admitted.demand - bought
    close = (bought > 0) & (rest > 0) & (rest < search.package_g.max(initial=0))
    smallest, out = search.smallest_g.copy(), admitted.out[: len(posed.supply)]
    if out.any():
        # who could buy of those that are out looks again among the others
        again = np.zeros_like(close)
        again[posed.buyer[out[posed.seller]]] = True
        smallest[again] = np.iinfo(np.int64).max
        edges = np.flatnonzero((close & again)[posed.buyer])
        edges = edges[~out[posed.seller[edges]]]
        np.minimum.at(smallest, posed.buyer[edges], search.package_g[posed.seller[edges]])
    full = close & (rest < smallest)
    if not full.any():
        return None
    return replace(admitted, demand=np.where(full, bought, admitted.demand))


def _readmitted(search: _Search, best: _Settled) -> _Settled:
    """One pass over the dropped orders, the most promising first: all, half of them, … as long as it pays."""
    waiting = _promising(search, best)
    size = len(waiting)
    for _ in range(READMISSIONS_MAX):
        if not waiting:
            break
        back = best.admitted.dropped.difference(waiting[:size])
        admitted = _without(search, best.admitted, back)
        solved = search.stages.next(best.solved, admitted.out, admitted.demand)
        attempt = _settle(search, admitted, solved, best.fills)
        if attempt.welfare > best.welfare:
            best, waiting = attempt, waiting[size:]
        elif size == 1:
            waiting = waiting[1:]
        size = max(1, size // 2)
    return best


def _highest(worth: Int64s, ends: Int32s, nodes: int) -> Int64s:
    found = np.zeros(nodes, dtype=np.int64)
    np.maximum.at(found, ends, worth)
    return found


def _promising(search: _Search, settled: _Settled) -> list[tuple[Side, int]]:
    """Dropped orders that look in the money at the buyers' best or the sellers' best prices, most first."""
    posed, terms = search.posed, search.terms
    dropped = settled.admitted.dropped - search.hopeless if settled.admitted.dropped else frozenset()
    if not dropped:
        return []
    around = search.stages.around(search.out(dropped))
    grams = settled.fills.by_edge(posed.edges)[1]
    bounds = bounds_around(posed, settled.solved, grams, around)
    whole = posed.part(around.sellers, around.buyers, around.edges, posed.demand[around.buyers])
    sides: tuple[tuple[Side, tuple[int, ...], Int32s, Int64s], ...] = (
        (
            "seller",
            terms.seller_order,
            around.sellers,
            _highest(whole.value - bounds.buyer_low[whole.buyer], whole.seller, len(whole.supply)),
        ),
        (
            "buyer",
            terms.buyer_order,
            around.buyers,
            _highest(whole.value - bounds.seller_low[whole.seller], whole.buyer, len(whole.demand)),
        ),
    )
    found: dict[tuple[Side, int], int] = {}
    for side, orders, nodes, over in sides:
        for node, gain in rows((nodes, over)):
            order = orders[node]
            if (side, order) in dropped and gain > 0:
                found[side, order] = max(gain, found.get((side, order), 0))
    return sorted(found, key=lambda order: (-found[order], search.rank(order), order))


def _cuts(search: _Search, best: _Settled, final: Stage) -> Iterator[Cut]:
    """Nodes without a part in the final problem, and those with less than they brought along."""
    posed, terms = search.posed, search.terms
    held = {ratio.buyer_order for ratio in search.ratios}
    ratio_cut = {
        int(posed.seller[edge])
        for edge in (best.solved.used.tolist() if held else ())
        if terms.buyer_order[posed.buyer[edge]] in held
    }
    sides: tuple[tuple[Side, Int64s, Int64s, Int32s, Int32s, tuple[int, ...]], ...] = (
        (
            "seller",
            posed.supply,
            final.problem.supply,
            posed.seller,
            final.problem.seller,
            terms.seller_order,
        ),
        ("buyer", posed.demand, final.problem.demand, posed.buyer, final.problem.buyer, terms.buyer_order),
    )
    for side, before, after, ends, ends_left, orders in sides:
        without, met, is_open = (np.zeros(len(before), dtype=np.bool_) for _ in range(3))
        without[:] = True
        without[ends_left] = False
        edges = np.flatnonzero(without[ends])
        # whose counter-orders are all dropped is not out itself
        counted = left_without(posed, best.admitted.out, edges)
        met[ends[edges]], is_open[ends[counted]] = True, True
        is_dropped = (search.sellers if side == "seller" else search.buyers).nodes_of(best.admitted.dropped)
        out = without & (is_open | (is_dropped & met))
        effective_g = np.where(out, 0, after)
        cut = np.flatnonzero(effective_g < before)
        columns = cut.tolist(), before[cut].tolist(), effective_g[cut].tolist()
        reasons: list[CutReason] = ["indivisible"] * len(cut)
        for place, index in enumerate(columns[0] if best.admitted.dropped or held else ()):
            if (side, orders[index]) in best.admitted.dropped:
                reasons[place] = "minimum_quantity"
            elif index in ratio_cut if side == "seller" else orders[index] in held:
                reasons[place] = "portfolio"
        yield from map(Cut, repeat(side), columns[0], reasons, *columns[1:])
