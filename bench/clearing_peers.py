"""The peers of `make bench-clearing` on the arrays of a problem: OR-tools, networkx, greedy."""

from collections.abc import Callable

import networkx as nx
import numpy as np
from ortools.graph.python import min_cost_flow

from market.rules.assignment import Problem


def ortools_network(problem: Problem) -> min_cost_flow.SimpleMinCostFlow:
    """Ready to be solved: only the solving is measured."""
    sellers, root = len(problem.supply), len(problem.supply) + len(problem.demand)
    network = min_cost_flow.SimpleMinCostFlow()
    most = np.minimum(problem.supply[problem.seller], problem.demand[problem.buyer])
    network.add_arcs_with_capacity_and_unit_cost(
        problem.seller, problem.buyer + np.int32(sellers), most, -problem.value
    )
    for tail, head, quantity in (
        (np.arange(sellers), np.full(sellers, root), problem.supply),
        (np.full(root - sellers, root), np.arange(sellers, root), problem.demand),
    ):
        nothing = np.zeros(len(tail), dtype=np.int64)
        network.add_arcs_with_capacity_and_unit_cost(
            tail.astype(np.int32), head.astype(np.int32), quantity, nothing
        )
    rest = int(problem.demand.sum() - problem.supply.sum())
    excess = np.concatenate([problem.supply, -problem.demand, [rest]])
    network.set_nodes_supplies(np.arange(root + 1, dtype=np.int32), excess)
    return network


def networkx(problem: Problem) -> Callable[[], object]:
    """Ready to be solved: only the solving is measured."""
    graph = _networkx_graph(problem)
    return lambda: nx.network_simplex(graph)


def _networkx_graph(problem: Problem) -> nx.DiGraph:
    sellers, root = len(problem.supply), len(problem.supply) + len(problem.demand)
    graph = nx.DiGraph()
    excess = [*(-problem.supply).tolist(), *problem.demand.tolist()]
    for order, grams in enumerate([*excess, -sum(excess)]):
        graph.add_node(order, demand=grams)
    rows = zip(problem.seller.tolist(), problem.buyer.tolist(), problem.value.tolist(), strict=True)
    graph.add_weighted_edges_from((seller, sellers + buyer, -value) for seller, buyer, value in rows)
    graph.add_weighted_edges_from((seller, root, 0) for seller in range(sellers))
    graph.add_weighted_edges_from((root, buyer, 0) for buyer in range(sellers, root))
    return graph


def greedy_welfare(problem: Problem) -> int:
    """Edges by value, each filled as far as both sides still reach."""
    supply, demand = problem.supply.tolist(), problem.demand.tolist()
    welfare = 0
    for edge in np.argsort(-problem.value, kind="stable").tolist():
        seller, buyer = int(problem.seller[edge]), int(problem.buyer[edge])
        grams = min(supply[seller], demand[buyer])
        supply[seller] -= grams
        demand[buyer] -= grams
        welfare += grams * int(problem.value[edge])
    return welfare
