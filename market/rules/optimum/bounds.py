"""Between which prices each order's dual may lie: shortest residual ways from one optimal solution."""

import numpy as np

from market.rules.optimum.compiled import run
from market.rules.optimum.problem import (
    AssignmentError,
    Bounds,
    Int32s,
    Int64s,
    Mask,
    Problem,
    Solution,
    fills_g,
    read_only,
)
from market.rules.optimum.transport_graph import UNREACHED, distances


def price_bounds(problem: Problem, solution: Solution) -> Bounds:
    """Least and greatest optimal dual of every order, from any optimal solution: shortest residual ways.

    AssignmentError when flow and duals of the first level do not prove each other: `verify` says where.
    """
    sold, bought = fills_g(problem, solution.flow)
    reduced = solution.seller_dual[problem.seller] + solution.buyer_dual[problem.buyer] - problem.value
    seller_slack, buyer_slack = sold < problem.supply, bought < problem.demand
    wrong = np.any((reduced < 0) | ((reduced > 0) & (solution.flow > 0)))
    for dual, slack in ((solution.seller_dual, seller_slack), (solution.buyer_dual, buyer_slack)):
        wrong |= np.any((dual < 0) | ((dual > 0) & slack))
    if wrong:
        raise AssignmentError(["the duals of the first level do not prove the flow best"])
    up, down = _farthest(
        problem.seller, problem.buyer, reduced, solution.flow, seller_slack, solution.buyer_dual
    )
    back_up, back_down = _farthest(
        problem.buyer, problem.seller, reduced, solution.flow, buyer_slack, solution.seller_dual
    )
    return Bounds(
        seller_low=read_only(solution.seller_dual - back_down),
        seller_high=read_only(solution.seller_dual + up),
        buyer_low=read_only(solution.buyer_dual - down),
        buyer_high=read_only(solution.buyer_dual + back_up),
    )


def _farthest(
    near: Int32s, far: Int32s, reduced: Int64s, flow: Int64s, near_slack: Mask, far_dual: Int64s
) -> tuple[Int64s, Int64s]:
    """How far the near side's duals can rise, and the far side's fall, with all duals staying optimal."""
    nears, fars = len(near_slack), len(far_dual)
    distance = np.concatenate([np.where(near_slack, 0, UNREACHED), far_dual])
    heap = np.zeros(nears + fars, dtype=np.int64), np.zeros(nears + fars, dtype=np.int64), distance
    near_rows = np.zeros(nears + 2, dtype=np.int64), np.zeros(len(near), dtype=np.int64)
    far_rows = np.zeros(fars + 2, dtype=np.int64), np.zeros(len(near), dtype=np.int64)
    run(
        distances,
        len(near) + len(distance),
        near.copy(),
        far.copy(),
        nears,
        reduced,
        flow.copy(),
        np.ones(len(near), dtype=np.int64),
        heap,
        near_rows,
        far_rows,
    )
    return distance[:nears], distance[nears:]
