"""The problem that a rounded flow is the best answer to: capacities cut where a price would not clear.

Less flow on arcs that were tight stays proved by the same duals once an order that has a surplus, and trades
less than it brought, counts with what it trades. So the certificate of a clearing with whole packages is
the ordinary one, of the problem with these effective capacities.
"""

from dataclasses import replace

import numpy as np

from market.rules.assignment import Solution, verify
from market.rules.clearing.stages import Stage, part_of
from market.rules.optimum.check import DUALS
from market.rules.optimum.problem import Int64s, Mask, exact_dot, fills_g


def effective(stage: Stage, grams: Int64s) -> Stage:
    """The stage with trades of `grams` (int64, by edge of the posed problem) in place of its flow, proved.

    `grams` uses only edges that the stage's flow uses. An order with a dual on some level that trades less
    than its capacity gets its fill as capacity; one that trades nothing loses its edges. AssertionError when
    the result is not optimal for the problem that is left.
    """
    problem, solution = stage.problem, stage.solution
    flow = grams[stage.edge]
    sold, bought = fills_g(problem, flow)
    supply, seller_gone = _cut(problem.supply, sold, [getattr(solution, pair[0]) for pair in DUALS])
    demand, buyer_gone = _cut(problem.demand, bought, [getattr(solution, pair[1]) for pair in DUALS])
    kept = ~(seller_gone[problem.seller] | buyer_gone[problem.buyer])
    left, stays = part_of(problem, kept, supply, demand)
    duals = {
        name: np.where(gone, 0, getattr(solution, name))
        for pair in DUALS
        for name, gone in zip(pair, (seller_gone, buyer_gone), strict=True)
    }
    flow = flow[stays]
    claimed = Solution(flow=flow, welfare=exact_dot(flow, left.value), unique=True, basis=None, **duals)
    violations = verify(left, claimed)
    if [found.rule for found in violations] == ["unique"]:
        violations, claimed = [], replace(claimed, unique=False)
    assert violations == [], violations[0].sentence()
    return Stage(left, claimed, stage.edge[stays])


def _cut(capacity: Int64s, filled: Int64s, duals: list[Int64s]) -> tuple[Int64s, Mask]:
    """Effective capacities, at least the fills, and who is out; those keep their capacity without edges."""
    capacity = np.maximum(capacity, filled)
    priced = np.any([dual != 0 for dual in duals], axis=0) & (filled < capacity)
    return np.where(priced & (filled > 0), filled, capacity), priced & (filled == 0)
