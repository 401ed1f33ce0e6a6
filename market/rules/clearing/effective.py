"""The problem that a rounded flow is the best answer to: capacities cut where a price would not clear.

Less flow on arcs that were tight stays proved by the same duals once an order that has a surplus, and trades
less than it brought, counts with what it trades. So the certificate of a clearing with whole packages is
the ordinary one, of the problem with these effective capacities.
"""

from dataclasses import replace

import numpy as np

from market.rules.assignment import Solution, verify
from market.rules.clearing.stages import Solved, Stage, edges_without, part_of
from market.rules.optimum.check import DUALS
from market.rules.optimum.problem import Int64s, Mask, Problem, exact_dot, fills_g


def effective(posed: Problem, solved: Solved, grams: Int64s) -> Stage:
    """What is solved, with trades of `grams` (int64, by edge of `posed`) in place of its flow, proved.

    `grams` uses only edges that the flow uses. An order with a dual on some level that trades less than its
    capacity gets its fill as capacity; one that trades nothing loses its edges. AssertionError when the
    result is not optimal for the problem that is left.
    """
    sold, bought = fills_g(posed, grams)
    supply, seller_gone = _cut(posed.supply, sold, [solved.duals[pair[0]] for pair in DUALS])
    demand, buyer_gone = _cut(solved.demand, bought, [solved.duals[pair[1]] for pair in DUALS])
    gone = np.concatenate([seller_gone, buyer_gone])
    left, edge = part_of(posed, edges_without(posed, solved.out | gone), supply, demand)
    duals = {
        name: np.where(without, 0, solved.duals[name])
        for pair in DUALS
        for name, without in zip(pair, (seller_gone, buyer_gone), strict=True)
    }
    flow = grams[edge]
    claimed = Solution(flow=flow, welfare=exact_dot(flow, left.value), unique=True, basis=None, **duals)
    violations = verify(left, claimed)
    if [found.rule for found in violations] == ["unique"]:
        violations, claimed = [], replace(claimed, unique=False)
    assert violations == [], violations[0].sentence()
    return Stage(left, claimed, edge)


def _cut(capacity: Int64s, filled: Int64s, duals: list[Int64s]) -> tuple[Int64s, Mask]:
    """Effective capacities, at least the fills, and who is out; those keep their capacity without edges."""
    capacity = np.maximum(capacity, filled)
    priced = np.any([dual != 0 for dual in duals], axis=0) & (filled < capacity)
    return np.where(priced & (filled > 0), filled, capacity), priced & (filled == 0)
