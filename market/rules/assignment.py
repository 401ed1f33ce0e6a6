"""The exact assignment of supply to demand: best by value, then time priority, then tie-break; and its proof.

    problem = Problem(supply, demand, seller, buyer, value, ranks, tiebreak)
    solution = solve(problem)
    bounds = price_bounds(problem, solution)
    assert verify(problem, solution) == []

Quantities are grams of basis, values micro-EUR per kg of basis. The same book in another order of orders or
edges gives the same flow when `unique` and always the same bounds; its duals may be another corner of the
same set.
"""

import numpy as np

from market.rules.assignment_check import Violation, residual_cycle, verify
from market.rules.assignment_problem import (
    AssignmentError,
    Bounds,
    Int32s,
    Int64s,
    Mask,
    Problem,
    Solution,
    exact_dot,
)
from market.rules.compiled import run
from market.rules.network_simplex import Tree, plant, simplex
from market.rules.transport_graph import UNREACHED, distances, group_arcs

__all__ = ["AssignmentError", "Bounds", "Problem", "Solution", "Violation", "price_bounds", "solve", "verify"]

PIVOTS_PER_ARC_MAX = 20


def solve(problem: Problem, pivots_max: int | None = None) -> Solution:
    """The flow that is best by value, among those by time priority, among those by tie-break.

    Levels run one after the other, each on the arcs tight in all levels before, from the last tree.
    pivots_max bounds each level (None: PIVOTS_PER_ARC_MAX per order and edge); AssignmentError when it is
    reached.
    """
    sellers, buyers, edges = len(problem.supply), len(problem.demand), problem.edges
    root = sellers + buyers
    if pivots_max is None:
        pivots_max = PIVOTS_PER_ARC_MAX * (root + edges)
    arcs, starts = _arcs_by_component(problem)
    tail, head = _ends(problem, arcs)
    tree = _no_trade(problem, arcs)
    potential = tree[5]
    duals: list[Int64s] = []
    for level, edge_weight in enumerate(problem.level_weights()):
        weight = np.concatenate([edge_weight, np.zeros(root, dtype=np.int64)])[arcs]
        if run(simplex, edges, tail, head, weight, starts, tree, pivots_max) < 0:
            raise AssignmentError([f"level {level} is not solved after {pivots_max} pivots"])
        duals += [_read_only(potential[:sellers].copy()), _read_only(-potential[sellers:root])]
        tight = weight == potential[tail] - potential[head]
        place = np.concatenate([[0], np.cumsum(tight)])
        arcs, tail, head, starts = arcs[tight], tail[tight], head[tight], place[starts]
        tree[1][:root] = place[tree[1][:root]]
    carried = np.zeros(edges + root, dtype=np.int64)
    carried[arcs[tree[1][:root]]] = tree[3][:root]
    flow = carried[:edges]
    return Solution(
        flow=_read_only(flow),
        seller_dual=duals[0],
        buyer_dual=duals[1],
        seller_dual_rank=duals[2],
        buyer_dual_rank=duals[3],
        seller_dual_tiebreak=duals[4],
        buyer_dual_tiebreak=duals[5],
        welfare=exact_dot(flow, problem.value),
        unique=not residual_cycle(tail, head, carried[arcs], root + 1, edges),
    )


def price_bounds(problem: Problem, solution: Solution) -> Bounds:
    """Least and greatest optimal dual of every order, from any optimal solution: shortest residual ways.

    AssignmentError when flow and duals of the first level do not prove each other: `verify` says where.
    """
    sold = np.zeros(len(problem.supply), dtype=np.int64)
    bought = np.zeros(len(problem.demand), dtype=np.int64)
    np.add.at(sold, problem.seller, solution.flow)
    np.add.at(bought, problem.buyer, solution.flow)
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
        seller_low=_read_only(solution.seller_dual - back_down),
        seller_high=_read_only(solution.seller_dual + up),
        buyer_low=_read_only(solution.buyer_dual - down),
        buyer_high=_read_only(solution.buyer_dual + back_up),
    )


def _read_only(array: Int64s) -> Int64s:
    array.flags.writeable = False
    return array


def _arcs_by_component(problem: Problem) -> tuple[Int64s, Int64s]:
    nodes = len(problem.supply) + len(problem.demand)
    group = np.zeros(nodes, dtype=np.int64)
    starts = np.zeros(nodes + 2, dtype=np.int64)
    arcs = np.zeros(problem.edges + nodes, dtype=np.int64)
    ends = problem.seller.copy(), problem.buyer.copy()
    count = run(group_arcs, problem.edges, *ends, len(problem.supply), group, starts, arcs)
    return arcs, starts[: count + 1].copy()


def _ends(problem: Problem, arcs: Int64s) -> tuple[Int64s, Int64s]:
    sellers = len(problem.supply)
    root = sellers + len(problem.demand)
    tail = np.concatenate([problem.seller, np.arange(sellers), np.full(root - sellers, root)])
    head = np.concatenate(
        [problem.buyer + np.int64(sellers), np.full(sellers, root), np.arange(sellers, root)]
    )
    return tail[arcs], head[arcs]


def _no_trade(problem: Problem, arcs: Int64s) -> Tree:
    root = len(problem.supply) + len(problem.demand)
    place = np.zeros(len(arcs), dtype=np.int64)
    place[arcs] = np.arange(len(arcs))
    quantity = np.concatenate([problem.supply, problem.demand])
    tree: Tree = tuple(np.zeros(root + 1, dtype=np.int64) for _ in range(9))
    run(plant, problem.edges, len(problem.supply), quantity, place[problem.edges :].copy(), tree)
    return tree


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
        len(near),
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
