"""A clearing with whole packages, least parcels and least quantities, and how far it may be from the best.

    found = clear_whole(posed, terms)
    assert verify(found.problem, found.solution) == []
    found.gap                    what the same orders could be worth more if they could be divided at will

Solve, round to whole packages, drop the orders that trade less than their least quantity, half of them at a
time, those with the lowest fill first; solve again. Then cut what cannot trade out of the problem, and put
dropped orders back as long as that is worth more. Every decision is one of integers that are unique, so the
input's order, the solver and the machine do not matter. What stands is the optimum of the problem with the
cuts that are listed, at its own prices; no accepted order is out of the money at those.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from market.rules.assignment import Problem, Solution, price_bounds, solve
from market.rules.assignment_problem import Int32s, Int64s, Mask
from market.rules.effective import Stage, effective, part_of
from market.rules.packages import Divisibility, fits, packages_g
from market.rules.rounding import Fills, Ratio, whole_packages

ROUNDS_HALVED_MAX = 24
REFINEMENTS_MAX = 3
READMISSIONS_MAX = 4

Side = Literal["seller", "buyer"]
CutReason = Literal["minimum_quantity", "indivisible", "portfolio"]


@dataclass(frozen=True, slots=True)
class Cut:
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


@dataclass(frozen=True, eq=False, slots=True)
class _Admitted:
    """Edges that may trade, what buyers count with, and the orders that are out."""

    edges: Mask
    demand: Int64s
    dropped: frozenset[tuple[Side, int]] = frozenset()


@dataclass(frozen=True, eq=False, slots=True)
class _Settled:
    """Orders that all trade their least quantity or nothing; flow: int64[e], of the stage by posed edge."""

    admitted: _Admitted
    stage: Stage
    flow: Int64s
    fills: Fills
    welfare: int


@dataclass(eq=False, slots=True)
class _Search:
    posed: Problem
    terms: Divisibility
    ratios: Sequence[Ratio]
    solves: int = 0
    unique: bool = True

    def solve(self, admitted: _Admitted) -> Stage:
        problem, edge = part_of(self.posed, admitted.edges, self.posed.supply, admitted.demand)
        solution = solve(problem)
        self.solves += 1
        self.unique &= solution.unique
        return Stage(problem, solution, edge)


def clear_whole(posed: Problem, terms: Divisibility, ratios: Sequence[Ratio] = ()) -> WholeClearing:
    """Trades in whole packages that keep every minimum and ratio, with their proof and the gap.

    AssignmentError when `terms` do not fit `posed`.
    """
    fits(posed, terms)
    search = _Search(posed, terms, ratios)
    everybody = _Admitted(np.ones(posed.edges, dtype=np.bool_), posed.demand)
    relaxed = search.solve(everybody)
    best = _settle(search, everybody, relaxed)
    best = _refined(search, best)
    best = _readmitted(search, best)
    final = effective(best.stage, best.fills.grams)
    assert final.solution.welfare == best.welfare
    assert best.welfare <= relaxed.solution.welfare
    return WholeClearing(
        problem=final.problem,
        solution=final.solution,
        edge=final.edge,
        packages=np.array([best.fills.packages.get(edge, 0) for edge in final.edge.tolist()], dtype=np.int64),
        relaxed=relaxed.solution,
        gap=relaxed.solution.welfare - best.welfare,
        cuts=tuple(_cuts(search, best, final)),
        unique=search.unique,
        solves=search.solves,
    )


def _highest(worth: Int64s, ends: Int32s, nodes: int) -> Int64s:
    found = np.zeros(nodes, dtype=np.int64)
    np.maximum.at(found, ends, worth)
    return found


def _settle(search: _Search, admitted: _Admitted, solved: Stage | None = None) -> _Settled:
    """Drop orders below their least quantity, lowest fill first and half of them at a time, until none is."""
    posed = search.posed
    rounds = 0
    while True:
        stage = solved or search.solve(admitted)
        flow = np.zeros(posed.edges, dtype=np.int64)
        flow[stage.edge] = stage.solution.flow
        found = whole_packages(posed, posed.demand, flow, search.terms, search.ratios)
        short = _below_minimum(search, found)
        if not short:
            return _Settled(admitted, stage, flow, found, _welfare(posed, found))
        rounds += 1
        count = len(short) if rounds > ROUNDS_HALVED_MAX else (len(short) + 1) // 2
        admitted, solved = _admitted(search, admitted, admitted.dropped.union(short[:count])), None


def _below_minimum(search: _Search, found: Fills) -> list[tuple[Side, int]]:
    """Orders that trade, but less than they have to: lowest fill first, among equals the latest."""
    posed, terms = search.posed, search.terms
    packages = found.sums(posed.seller, len(posed.supply), packages=True)
    grams = found.sums(posed.buyer, len(posed.demand))
    sides: tuple[tuple[Side, Sequence[int], Sequence[int], Sequence[int]], ...] = (
        ("seller", terms.seller_order, terms.seller_minimum, packages),
        ("buyer", terms.buyer_order, terms.buyer_minimum_g, grams),
    )
    short = []
    for side, orders, minimum, filled in sides:
        traded: dict[int, int] = {}
        least: dict[int, int] = {}
        for order, fewest, quantity in zip(orders, minimum, filled, strict=True):
            if fewest:
                traded[order] = traded.get(order, 0) + quantity
                least[order] = fewest
        short += [
            (Fraction(traded[order], least[order]), -_rank(search, side, order), side, order)
            for order in traded
            if 0 < traded[order] < least[order]
        ]
    return [(side, order) for _, _, side, order in sorted(short)]


def _rank(search: _Search, side: Side, order: int) -> int:
    orders = search.terms.seller_order if side == "seller" else search.terms.buyer_order
    node = orders.index(order)
    ranks = search.posed.ranks
    return node if ranks is None else int(ranks[0 if side == "seller" else 1][node])


def _admitted(search: _Search, before: _Admitted, dropped: frozenset[tuple[Side, int]]) -> _Admitted:
    """With these orders out instead of those that were."""
    posed, terms = search.posed, search.terms
    seller_in = np.array([("seller", order) not in dropped for order in terms.seller_order], dtype=np.bool_)
    buyer_in = np.array([("buyer", order) not in dropped for order in terms.buyer_order], dtype=np.bool_)
    return replace(before, edges=seller_in[posed.seller] & buyer_in[posed.buyer], dropped=dropped)


def _welfare(posed: Problem, found: Fills) -> int:
    return sum(quantity * int(posed.value[edge]) for edge, quantity in found.grams.items())


def _refined(search: _Search, best: _Settled) -> _Settled:
    """Sellers may do better elsewhere than with rests that no package fits: cut these, keep the better."""
    for _ in range(REFINEMENTS_MAX):
        cut = _without_rests(search, best)
        if cut is None:
            break
        attempt = _settle(search, cut)
        if attempt.welfare <= best.welfare:
            break
        best = attempt
    return best


def _without_rests(search: _Search, settled: _Settled) -> _Admitted | None:
    """Buyers with less left than the smallest package they could get count with what they have."""
    posed, terms, admitted = search.posed, search.terms, settled.admitted
    bought = np.array(settled.fills.sums(posed.buyer, len(posed.demand)), dtype=np.int64)
    package_g = np.array([packages_g(1, package) for package in terms.package_g], dtype=np.int64)
    smallest = np.full(len(posed.demand), np.iinfo(np.int64).max)
    np.minimum.at(smallest, posed.buyer[admitted.edges], package_g[posed.seller[admitted.edges]])
    rest = admitted.demand - bought
    full = (bought > 0) & (rest > 0) & (rest < smallest)
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
        attempt = _settle(search, _admitted(search, best.admitted, back))
        if attempt.welfare > best.welfare:
            best, waiting = attempt, waiting[size:]
        elif size == 1:
            waiting = waiting[1:]
        size = max(1, size // 2)
    return best


def _promising(search: _Search, settled: _Settled) -> list[tuple[Side, int]]:
    """Dropped orders that look in the money at the buyers' best or the sellers' best prices, most first."""
    posed, terms = search.posed, search.terms
    if not settled.admitted.dropped:
        return []
    final = effective(settled.stage, settled.fills.grams)
    bounds = price_bounds(final.problem, final.solution)
    sides: tuple[tuple[Side, tuple[int, ...], Int64s], ...] = (
        (
            "seller",
            terms.seller_order,
            _highest(posed.value - bounds.buyer_low[posed.buyer], posed.seller, len(posed.supply)),
        ),
        (
            "buyer",
            terms.buyer_order,
            _highest(posed.value - bounds.seller_low[posed.seller], posed.buyer, len(posed.demand)),
        ),
    )
    found: dict[tuple[Side, int], int] = {}
    for side, orders, over in sides:
        for order, gain in zip(orders, over.tolist(), strict=True):
            if (side, order) in settled.admitted.dropped and gain > 0:
                found[side, order] = max(gain, found.get((side, order), 0))
    return sorted(found, key=lambda order: (-found[order], _rank(search, *order), order))


def _cuts(search: _Search, best: _Settled, final: Stage) -> Iterator[Cut]:
    """Nodes without a part in the final problem, and those with less than they brought along."""
    posed, terms = search.posed, search.terms
    held = {ratio.buyer_order for ratio in search.ratios}
    ratio_cut = {
        int(posed.seller[edge])
        for edge in np.flatnonzero(best.flow).tolist()
        if terms.buyer_order[posed.buyer[edge]] in held
    }
    # whose counter-orders are all dropped is not out itself
    counted = _admitted(search, best.admitted, best.admitted.dropped).edges
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
        has_left = np.bincount(ends_left, minlength=len(before)) > 0
        is_dropped = np.array([(side, order) in best.admitted.dropped for order in orders], dtype=np.bool_)
        out = ~has_left & (
            np.bincount(ends[counted], minlength=len(before)).astype(np.bool_)
            | (is_dropped & (np.bincount(ends, minlength=len(before)) > 0))
        )
        effective_g = np.where(out, 0, after)
        for index in np.flatnonzero(effective_g < before).tolist():
            reason: CutReason = "indivisible"
            if (side, orders[index]) in best.admitted.dropped:
                reason = "minimum_quantity"
            elif index in ratio_cut if side == "seller" else orders[index] in held:
                reason = "portfolio"
            yield Cut(side, index, reason, int(before[index]), int(effective_g[index]))
