"""Which orders hang together: no flow of one component bears on another."""

import numpy as np

from market.rules.assignment_problem import Int64s, Problem
from market.rules.compiled import run
from market.rules.transport_graph import group_arcs


def components(problem: Problem) -> tuple[Int64s, int]:
    """The connected component of each order (sellers, then buyers), and how many there are.

    Numbered by their first order; an order without edges is one of its own.
    """
    _, starts, group = arcs_by_component(problem)
    return group, len(starts) - 1


def arcs_by_component(problem: Problem) -> tuple[Int64s, Int64s, Int64s]:
    """Arcs in the order of their components, where each component starts, and the component of each order."""
    nodes = len(problem.supply) + len(problem.demand)
    group = np.zeros(nodes, dtype=np.int64)
    starts = np.zeros(nodes + 2, dtype=np.int64)
    arcs = np.zeros(problem.edges + nodes, dtype=np.int64)
    ends = problem.seller.copy(), problem.buyer.copy()
    count = run(group_arcs, problem.edges, *ends, len(problem.supply), group, starts, arcs)
    return arcs, starts[: count + 1].copy(), -1 - group
