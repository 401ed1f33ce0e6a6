"""Which orders hang together: no flow of one component bears on another."""

import numpy as np

from market.rules.assignment_problem import Int64s, Problem
from market.rules.compiled import run
from market.rules.transport_graph import group_arcs


def components(problem: Problem) -> tuple[Int64s, int]:
    """The connected component of each order (sellers, then buyers), and how many there are.

    Numbered by their first order; an order without edges is one of its own.
    """
    sellers = len(problem.supply)
    orders = sellers + len(problem.demand)
    _, starts, group = _grouped(problem.seller.astype(np.int64), problem.buyer + np.int64(sellers), orders)
    return group, len(starts) - 1


def grouped_arcs(tail: Int64s, head: Int64s, nodes: int) -> tuple[Int64s, Int64s]:
    """Arcs in the order of their components, and where each component starts.

    Arc e is from tail[e] to head[e], arc len(tail) + x joins node x and the root, which joins no components.
    """
    arcs, starts, _ = _grouped(tail, head, nodes)
    return arcs, starts


def _grouped(tail: Int64s, head: Int64s, nodes: int) -> tuple[Int64s, Int64s, Int64s]:
    group = np.zeros(nodes, dtype=np.int64)
    starts = np.zeros(nodes + 2, dtype=np.int64)
    arcs = np.zeros(len(tail) + nodes, dtype=np.int64)
    count = run(group_arcs, len(arcs), tail.copy(), head.copy(), group, starts, arcs)
    return arcs, starts[: count + 1].copy(), -1 - group
