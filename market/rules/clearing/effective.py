"""The problem of which a rounded flow is the optimum: capacities are reduced where a price would not clear.

A flow reduced on tight arcs is still optimal by the same duals, once each order with a surplus that trades
less than it offered is reduced to what it trades. So a clearing with whole packages has the ordinary
certificate, of the problem with these effective capacities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from market.rules.assignment import Solution, price_bounds, verify
from market.rules.clearing.stages import Solved, Stage, Touched, edges_without, left_without, part_of
from market.rules.optimum.check import DUALS
from market.rules.optimum.problem import Bounds, Int64s, Mask, Problem, exact_dot, fills_g


def effective(posed: Problem, solved: Solved, grams: Int64s) -> Stage:
    """The solution with trades of `grams` (int64, by edge of `posed`) instead of its flow, and its proof.

    `grams` uses only edges that the flow uses. An order with a non-zero dual on some level that trades less
    than its capacity gets what it trades as capacity; one that trades nothing loses its edges. AssertionError
    when the result is not optimal for the remaining problem.
    """
    capacities, gone = _cut_sides(posed, solved, grams)
    left, edge = part_of(posed, edges_without(posed, solved.out | gone), *capacities)
    claimed = _claimed(left, grams[edge], solved.duals, np.split(gone, [len(posed.supply)]))
    violations = verify(left, claimed)
    if [found.rule for found in violations] == ["unique"]:
        violations, claimed = [], replace(claimed, unique=False)
    assert violations == [], violations[0].sentence()
    return Stage(left, claimed, edge)


def bounds_around(posed: Problem, solved: Solved, grams: Int64s, around: Touched) -> Bounds:
    """`price_bounds` of the effective problem, only for the orders of these components."""
    capacities, gone = _cut_sides(posed, solved, grams)
    edges, places = around.edges, (around.sellers, around.buyers)
    out = solved.out | gone
    left = left_without(posed, out, edges)
    supply, demand = (capacity[place] for capacity, place in zip(capacities, places, strict=True))
    part = replace(posed.part(*places, left, solved.demand[around.buyers]), supply=supply, demand=demand)
    duals = {
        name: solved.duals[name][place] for pair in DUALS for name, place in zip(pair, places, strict=True)
    }
    gone_here = gone[around.sellers], gone[len(posed.supply) + around.buyers]
    return price_bounds(part, _claimed(part, grams[left], duals, gone_here))


def _cut_sides(posed: Problem, solved: Solved, grams: Int64s) -> tuple[tuple[Int64s, Int64s], Mask]:
    """Effective capacities of both sides, and who is out: sellers, then buyers."""
    sold, bought = fills_g(posed, grams)
    supply, seller_gone = _cut(posed.supply, sold, [solved.duals[pair[0]] for pair in DUALS])
    demand, buyer_gone = _cut(solved.demand, bought, [solved.duals[pair[1]] for pair in DUALS])
    return (supply, demand), np.concatenate([seller_gone, buyer_gone])


def _claimed(problem: Problem, flow: Int64s, duals: Mapping[str, Int64s], gone: Sequence[Mask]) -> Solution:
    """The solution with these duals, and 0 for the orders that are out."""
    left = {
        name: np.where(without, 0, duals[name])
        for pair in DUALS
        for name, without in zip(pair, gone, strict=True)
    }
    return Solution(flow=flow, welfare=exact_dot(flow, problem.value), unique=True, basis=None, **left)


def _cut(capacity: Int64s, filled: Int64s, duals: list[Int64s]) -> tuple[Int64s, Mask]:
    """Effective capacities, at least the fills, and who is out; those keep their capacity without edges."""
    capacity = np.maximum(capacity, filled)
    priced = np.any([dual != 0 for dual in duals], axis=0) & (filled < capacity)
    return np.where(priced & (filled > 0), filled, capacity), priced & (filled == 0)
