"""Bounds of each order's optimal duals: shortest paths in the residual graph of one optimal solution."""

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
    used_edges,
)
from market.rules.optimum.transport_graph import UNREACHED, distances


def price_bounds(problem: Problem, solution: Solution) -> Bounds:
    """Smallest and largest optimal dual of every order, from any optimal solution, by shortest paths in the
    residual graph.

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
    used = used_edges(solution.flow)
    up, down = _farthest((problem.seller, problem.buyer), reduced, used, seller_slack, solution.buyer_dual)
    back_up, back_down = _farthest(
        (problem.buyer, problem.seller), reduced, used, buyer_slack, solution.seller_dual
    )
    return Bounds(
        seller_low=read_only(solution.seller_dual - back_down),
        seller_high=read_only(solution.seller_dual + up),
        buyer_low=read_only(solution.buyer_dual - down),
        buyer_high=read_only(solution.buyer_dual + back_up),
    )


def _farthest(
    ends: tuple[Int32s, Int32s], reduced: Int64s, used: Int64s, near_slack: Mask, far_dual: Int64s
) -> tuple[Int64s, Int64s]:
    """How far the near side's duals can rise, and the far side's fall, with all duals staying optimal.

    ends: near and far one of each edge. Ways of tight edges alone reach nearly all as well as any: an edge
    as long as the way that its far end has by then shortens none.
    """
    start = np.where(near_slack, 0, UNREACHED)
    by_tight = _ways(ends, reduced, np.flatnonzero(reduced == 0), used, start, far_dual)[1]
    return _ways(ends, reduced, np.flatnonzero(reduced < by_tight.take(ends[1])), used, start, by_tight)


def _ways(
    ends: tuple[Int32s, Int32s],
    reduced: Int64s,
    chosen: Int64s,
    used: Int64s,
    near_direct: Int64s,
    far_direct: Int64s,
) -> tuple[Int64s, Int64s]:
    """`distances` of the near and the far side by the chosen edges, and back by those that are used."""
    nears, fars = len(near_direct), len(far_direct)
    distance = np.concatenate([near_direct, far_direct])
    near, far = ends
    run(
        distances,
        len(near) + len(distance),
        (near.take(chosen), far.take(chosen), near.take(used), far.take(used)),
        reduced.take(chosen),
        np.ones(max(len(chosen), len(used)), dtype=np.int64),
        (np.zeros(nears + fars, dtype=np.int64), np.zeros(nears + fars, dtype=np.int64), distance),
        (np.zeros(nears + 2, dtype=np.int64), np.zeros(len(chosen), dtype=np.int64)),
        (np.zeros(fars + 2, dtype=np.int64), np.zeros(len(used), dtype=np.int64)),
    )
    return distance[:nears], distance[nears:]
