"""The best flow, level after level, from no trade or from the tree that an earlier solution ended with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from market.rules.optimum.check import residual_cycle
from market.rules.optimum.compiled import run
from market.rules.optimum.network_simplex import (
    Tree,
    close_loose,
    plant,
    simplex,
    weigh_priority,
    weigh_tiebreak,
)
from market.rules.optimum.problem import (
    LEVELS,
    AssignmentError,
    Basis,
    Int32s,
    Int64s,
    Problem,
    Solution,
    exact_dot,
    read_only,
    used_edges,
)
from market.rules.optimum.transport_graph import lay_out

PIVOTS_PER_ARC_MAX = 20


@dataclass(eq=False, slots=True)
class _Network:
    """The arcs that are still open, by component, and a strongly feasible tree of them.

    Nodes are the orders that have an edge, by component, then the root. orders: int64, which each node is;
    for the last the root. arcs: as in a Basis, of each arc. value: of each arc, for the first level.
    """

    orders: Int64s
    arcs: Int32s
    starts: Int64s
    tail: Int32s
    head: Int32s
    value: Int64s
    tree: Tree

    def close_loose(self, weight: Int64s, edges: int) -> None:
        """`edges` of the problem decide on compiling."""
        arcs = self.arcs, self.tail, self.head
        place = np.empty(len(self.arcs), dtype=np.int32)
        most = edges + len(self.orders)
        kept = run(close_loose, most, weight, self.tree[5], arcs, self.starts, place)
        # copies: a view would keep all arcs for as long as the network is used
        self.arcs, self.tail, self.head = (column[:kept].copy() for column in arcs)
        self.tree[1][:-1] = place[self.tree[1][:-1]]
        self.value = self.value[:0].copy()


def solve(problem: Problem, pivots_max: int | None = None, start: Basis | None = None) -> Solution:
    """The flow that is best by value, among those by time priority, among those by tie-break.

    Levels run one after the other, each on the arcs tight in all levels before, from the last tree.
    pivots_max bounds each level (None: PIVOTS_PER_ARC_MAX per order and edge); AssignmentError when it is
    reached. start: the basis of a solution of the same orders, quantities and edges, whatever their values,
    ranks and tie-breaks were: the nearer, the faster. It never changes a unique flow; AssignmentError when
    it does not fit.
    """
    sellers, root = len(problem.supply), len(problem.supply) + len(problem.demand)
    network = _network(problem, start)
    orders = network.orders[:-1]
    duals: list[Int64s] = []
    for _ in _levels(problem, network, LEVELS, pivots_max):
        potential = np.zeros(root, dtype=np.int64)
        potential[orders] = network.tree[5][:-1]
        duals += [read_only(potential[:sellers]), read_only(-potential[sellers:])]
    basis = _no_trade(problem)
    parent, place, upward, carried = (column[:-1] for column in network.tree[:4])
    basis.parent[orders], basis.arc[orders] = network.orders[parent], network.arcs[place]
    basis.upward[orders], basis.flow[orders] = upward, carried
    flow = np.zeros(problem.edges + root, dtype=np.int64)
    flow[basis.arc] = basis.flow
    return Solution(
        flow=read_only(flow[: problem.edges]),
        seller_dual=duals[0],
        buyer_dual=duals[1],
        seller_dual_rank=duals[2],
        buyer_dual_rank=duals[3],
        seller_dual_tiebreak=duals[4],
        buyer_dual_tiebreak=duals[5],
        welfare=_welfare(flow[: problem.edges], problem.value),
        unique=not residual_cycle(
            network.tail.copy(), network.head.copy(), flow[network.arcs], len(network.orders), problem.edges
        ),
        basis=basis,
    )


def value_duals(problem: Problem) -> tuple[Int64s, Int64s]:
    """The duals of `solve` by value, sellers' and buyers', by its first level alone."""
    network = _network(problem, None)
    potential = np.zeros(len(problem.supply) + len(problem.demand), dtype=np.int64)
    for _ in _levels(problem, network, 1, None):
        potential[network.orders[:-1]] = network.tree[5][:-1]
    sellers = len(problem.supply)
    return read_only(potential[:sellers]), read_only(-potential[sellers:])


def best_welfare(problem: Problem) -> int:
    """The welfare of `solve`, by its first level alone."""
    network = _network(problem, None)
    for _ in _levels(problem, network, 1, None):
        pass
    flow = np.zeros(problem.edges + len(problem.supply) + len(problem.demand), dtype=np.int64)
    flow[network.arcs[network.tree[1][:-1]]] = network.tree[3][:-1]
    return _welfare(flow[: problem.edges], problem.value)


def _welfare(flow: Int64s, value: Int64s) -> int:
    used = used_edges(flow)
    return exact_dot(flow[used], value[used])


def _levels(problem: Problem, network: _Network, levels: int, pivots_max: int | None) -> Iterator[None]:
    """Solve level after level; after each, potentials are its duals, and then loose arcs are closed."""
    if pivots_max is None:
        pivots_max = PIVOTS_PER_ARC_MAX * (len(network.tree[0]) + problem.edges)
    for level in range(levels):
        weight = network.value if level == 0 else _weights(problem, network, level)
        # unsigned: compiled, an index that may be below 0 is looked at once more
        ends = network.tail.view(np.uint32), network.head.view(np.uint32)
        most = problem.edges + len(network.orders)
        pivots = run(simplex, most, *ends, weight, network.starts, network.tree, pivots_max)
        if pivots < 0:
            raise AssignmentError([f"level {level} is not solved after {pivots_max} pivots"])
        yield
        network.close_loose(weight, problem.edges)


def _weights(problem: Problem, network: _Network, level: int) -> Int64s:
    """Of the second level or the third."""
    weight = np.zeros(len(network.arcs), dtype=np.int64)
    arcs, most = network.arcs.view(np.uint32), problem.edges + len(network.orders)
    if level == 1:
        ends = problem.seller.view(np.uint32), problem.buyer.view(np.uint32)
        run(weigh_priority, most, arcs, ends, problem.priorities, weight)
    elif problem.tiebreak is not None:
        run(weigh_tiebreak, most, arcs, problem.tiebreak, weight)
    return weight


def _network(problem: Problem, start: Basis | None) -> _Network:
    sellers = len(problem.supply)
    root = sellers + len(problem.demand)
    most = problem.edges + root
    offsets = np.empty(root + 2, dtype=np.int64), np.empty(root + 2, dtype=np.int64)
    group, node, own = (np.full(size, -1, dtype=np.int64) for size in (root, root + 1, root))
    number, tail, head = (np.empty(most, dtype=np.int32) for _ in range(3))
    value = np.empty(most, dtype=np.int64)
    ends = problem.seller.view(np.uint32), problem.buyer.view(np.uint32)
    arcs = number, tail, head, value
    count, nodes = run(lay_out, most, sellers, ends, problem.value, offsets, (group, node, own), arcs)
    used = problem.edges + nodes
    orders = np.full(nodes + 1, root, dtype=np.int64)
    met = np.flatnonzero(node[:root] >= 0)
    orders[node[met]] = met
    node[root] = nodes
    network = _Network(
        orders=orders,
        arcs=number[:used],
        starts=offsets[0][: count + 1].copy(),
        tail=tail[:used],
        head=head[:used],
        value=value[:used],
        tree=tuple(np.zeros(nodes + 1, dtype=np.int64) for _ in range(9)),
    )
    place = own[:nodes]
    basis = _no_trade(problem)
    if start is not None:
        _check_basis(problem, start)
        basis = start
        of_arc = np.zeros(most, dtype=np.int64)
        of_arc[network.arcs] = np.arange(used)
        place = of_arc[basis.arc[orders[:-1]]]
    parent, upward, flow = (each[orders[:-1]] for each in (basis.parent, basis.upward, basis.flow))
    of_order = node[parent], place, upward, flow
    for column, entries in zip(network.tree, of_order, strict=False):
        column[:-1] = entries
    if run(plant, used, network.tree) != nodes:
        raise AssignmentError(["the basis is not a tree"])
    return network


def _no_trade(problem: Problem) -> Basis:
    sellers, buyers = len(problem.supply), len(problem.demand)
    return Basis(
        parent=np.full(sellers + buyers, sellers + buyers),
        arc=np.arange(problem.edges, problem.edges + sellers + buyers),
        upward=np.concatenate([np.ones(sellers, dtype=np.int64), np.zeros(buyers, dtype=np.int64)]),
        flow=np.concatenate([problem.supply, problem.demand]),
    )


def _check_basis(problem: Problem, basis: Basis) -> None:
    """AssignmentError unless these are arcs between the orders they name that carry all quantities away."""
    tail, head = _ends(problem)
    root = len(problem.supply) + len(problem.demand)
    columns = (basis.parent, basis.arc, basis.upward, basis.flow)
    if any(column.shape != (root,) or column.dtype != np.int64 for column in columns):
        raise AssignmentError([f"the basis has to have {root} entries of int64 in each column"])
    if np.any((basis.arc < 0) | (basis.arc >= len(tail))):
        raise AssignmentError(["the basis names arcs that the problem has not"])
    up = basis.upward == 1
    order = np.arange(root)
    lower, upper = (
        np.where(up, tail[basis.arc], head[basis.arc]),
        np.where(up, head[basis.arc], tail[basis.arc]),
    )
    wrong = (lower != order) | (upper != basis.parent) | (basis.flow < 0) | (~up & (basis.flow == 0))
    away = np.zeros(root + 1, dtype=np.int64)
    np.add.at(away, tail[basis.arc], basis.flow)
    np.subtract.at(away, head[basis.arc], basis.flow)
    wrong |= away[:root] != np.concatenate([problem.supply, -problem.demand])
    if np.any(wrong):
        raise AssignmentError([f"the basis does not fit the problem at order {np.flatnonzero(wrong)[0]}"])


def _ends(problem: Problem) -> tuple[Int64s, Int64s]:
    """Tail and head of every arc: edges, then each order's arc to or from the root."""
    sellers = len(problem.supply)
    root = sellers + len(problem.demand)
    tail = np.concatenate([problem.seller, np.arange(sellers), np.full(root - sellers, root)])
    head = np.concatenate(
        [problem.buyer + np.int64(sellers), np.full(sellers, root), np.arange(sellers, root)]
    )
    return tail, head
