"""An optimal flow after buyers demand less: the freed quantity takes the cheapest way, from tree to tree.

The tree that a solution ends with is best on all levels at once: what an arc falls short by, by value, then
time priority, then tie-break, is above nothing. Where a buyer wants less, its grams go up the tree as far
as flow on the way allows; what is under the arc that is empty then hangs itself where it loses least (a
pivot of the dual simplex). So few pivots do where little changes. Duals depend on the way they were come by:
those of this tree are as good as those of `solve`, but not the same.
"""

from typing import Any

import numpy as np

from market.rules.optimum.compiled import inner, run
from market.rules.optimum.network_simplex import Tree, plant, regraft
from market.rules.optimum.problem import Int64s, Problem, Solution

Ints = Any
Weights = tuple[Ints, Ints, Ints, Ints]


@inner
def _below(top: int, tree: Tree, nodes: Ints, is_below: Ints) -> int:
    """Mark a node and all below it, and list them; how many they are."""
    parent, _, _, _, _, _, first_child, next_sibling, _ = tree
    count = 0
    node = top
    while True:
        nodes[count] = node
        is_below[node] = 1
        count += 1
        if first_child[node] >= 0:
            node = first_child[node]
            continue
        while node != top and next_sibling[node] < 0:
            node = parent[node]
        if node == top:
            break
        node = next_sibling[node]
    return count


@inner
def _cheapest(
    below: tuple[Ints, Ints],
    count: int,
    ends: tuple[Ints, Ints, Ints],
    weights: Weights,
    potentials: tuple[Ints, Ints, Ints],
) -> tuple[int, int, int, int]:
    """The arc that falls short by least out of some nodes, a seller among them; and by what on each level."""
    nodes, is_below = below
    seller, buyer, rows = ends
    value, of_seller, of_buyer, tiebreak = weights
    by_value, by_priority, by_tie = potentials
    sellers = len(of_seller)
    best, short_value, short_priority, short_tie = -1, 0, 0, 0
    for place in range(count):
        node = nodes[place]
        if node >= sellers:
            continue
        here_value, here_priority, here_tie = by_value[node], by_priority[node], by_tie[node]
        if (
            best < 0
            or here_value < short_value
            or (
                here_value == short_value
                and (
                    here_priority < short_priority
                    or (here_priority == short_priority and here_tie < short_tie)
                )
            )
        ):
            best = len(seller) + node
            short_value, short_priority, short_tie = here_value, here_priority, here_tie
        for edge in range(rows[node], rows[node + 1]):
            other = sellers + buyer[edge]
            of_value = here_value - by_value[other] - value[edge]
            if of_value > short_value or is_below[other] == 1:
                continue
            of_priority = here_priority - by_priority[other] - of_seller[node] - of_buyer[buyer[edge]]
            of_tie = here_tie - by_tie[other] - tiebreak[edge]
            if (
                of_value < short_value
                or of_priority < short_priority
                or (of_priority == short_priority and of_tie < short_tie)
            ):
                best = edge
                short_value, short_priority, short_tie = of_value, of_priority, of_tie
    return best, short_value, short_priority, short_tie


@inner
def _give_up(node: int, most: int, tree: Tree) -> tuple[int, int]:
    """Grams that go from a node up to the root, at most these, and the node whose arc holds back the rest.

    -1: none does.
    """
    parent, _, upward, flow, _, _, _, _, _ = tree
    root = len(parent) - 1
    amount, top = most, -1
    above = node
    while above != root:
        if upward[above] == 0 and flow[above] < amount:
            amount, top = flow[above], above
        above = parent[above]
    above = node
    while amount > 0 and above != root:
        flow[above] += 2 * amount * upward[above] - amount
        above = parent[above]
    return amount, top


def lower(
    lowered: tuple[Ints, Ints],
    ends: tuple[Ints, Ints, Ints],
    weights: Weights,
    tree: Tree,
    potentials: tuple[Ints, Ints, Ints],
    below: tuple[Ints, Ints],
    pivots_max: int,
) -> int:
    """Take grams from buyers; answers the pivots it took.

    Nodes are orders, then the root. lowered: nodes of buyers, and grams. ends: seller and buyer of each edge,
    by seller, and where each seller's edges start, one longer than the sellers. weights: by value, of sellers
    and buyers by time priority, by tie-break. potentials: of each level. below: scratch, one entry a node;
    the second is 0. Answers -1 where `pivots_max` was not enough or a way costs nothing; the tree is of no
    use then.
    """
    seller, buyer, _ = ends
    nodes, is_below = below
    by_value, by_priority, by_tie = potentials
    edges, root = len(seller), len(by_value) - 1
    pivots = 0
    for place in range(len(lowered[0])):
        left = lowered[1][place]
        while True:
            amount, top = _give_up(lowered[0][place], left, tree)
            left -= amount
            if left == 0:
                break
            count = _below(top, tree, nodes, is_below)
            arc, of_value, of_priority, of_tie = _cheapest(below, count, ends, weights, potentials)
            if pivots == pivots_max or (of_value == 0 and of_priority == 0 and of_tie == 0):
                return -1
            pivots += 1
            for at in range(count):
                node = nodes[at]
                is_below[node] = 0
                by_value[node] -= of_value
                by_priority[node] -= of_priority
                by_tie[node] -= of_tie
            if arc < edges:
                regraft(top, seller[arc], len(weights[1]) + buyer[arc], arc, 1, 0, tree)
            else:
                regraft(top, arc - edges, root, arc, 1, 0, tree)
    return pivots


def count_tight(ends: tuple[Ints, Ints, Ints], weights: Weights, potentials: tuple[Ints, Ints, Ints]) -> int:
    """How many arcs fall short by nothing on any level."""
    seller, buyer, _ = ends
    value, of_seller, of_buyer, tiebreak = weights
    by_value, by_priority, by_tie = potentials
    sellers = len(of_seller)
    count = 0
    for edge in range(len(seller)):
        left = seller[edge]
        right = sellers + buyer[edge]
        if (
            by_value[left] - by_value[right] == value[edge]
            and by_priority[left] - by_priority[right] == of_seller[left] + of_buyer[buyer[edge]]
            and by_tie[left] - by_tie[right] == tiebreak[edge]
        ):
            count += 1
    for node in range(len(by_value) - 1):
        if by_value[node] == 0 and by_priority[node] == 0 and by_tie[node] == 0:
            count += 1
    return count


class Standing:
    """The tree of a problem's only best flow, with less and less demand; changed in place.

    `problem` has its edges by seller and tie-breaks; `solution` is what `solve` made of it.
    """

    def __init__(self, problem: Problem, solution: Solution) -> None:
        basis = solution.basis
        assert basis is not None
        assert problem.tiebreak is not None
        self._edges, orders = problem.edges, len(basis.parent)
        self._demand = problem.demand
        rows = np.searchsorted(problem.seller, np.arange(len(problem.supply) + 1))
        self._ends = problem.seller, problem.buyer, rows.astype(np.int64)
        self._weights = problem.value, *problem.priorities, problem.tiebreak
        nothing = np.zeros(0, dtype=np.int64)
        links = (np.zeros(orders + 1, dtype=np.int64) for _ in range(3))
        own = (np.append(column, 0) for column in (basis.parent, basis.arc, basis.upward, basis.flow))
        self._tree: Tree = (*own, nothing, nothing, *links)
        hanging = run(plant, self._edges + orders, self._tree)
        assert hanging == orders
        self._potentials = (
            np.concatenate([solution.seller_dual, -solution.buyer_dual, [0]]),
            np.concatenate([solution.seller_dual_rank, -solution.buyer_dual_rank, [0]]),
            np.concatenate([solution.seller_dual_tiebreak, -solution.buyer_dual_tiebreak, [0]]),
        )

    @staticmethod
    def fits(problem: Problem, solution: Solution) -> bool:
        """Whether these can be kept: one best flow, edges by seller."""
        by_seller = np.all(problem.seller[1:] >= problem.seller[:-1])
        return bool(by_seller) and problem.tiebreak is not None and solution.unique

    def lower(self, demand: Int64s) -> bool:
        """Take the best flow with this demand. False where it is not seen to be the only one, or far away.

        demand: int64, of each buyer at least 1 and no more than before.
        """
        less = self._demand - demand
        assert less.min(initial=0) >= 0
        buyers = np.flatnonzero(less)
        nodes = len(self._potentials[0])
        most, sellers = self._edges + nodes, len(self._weights[1])
        below = np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int8)
        lowered = buyers + sellers, less[buyers]
        about = self._ends, self._weights
        pivots = run(lower, most, lowered, *about, self._tree, self._potentials, below, nodes)
        self._demand = demand
        # no arcs but the tree's own are tight: no other flow is as good
        return pivots >= 0 and bool(run(count_tight, most, *about, self._potentials) == nodes - 1)

    def flow(self) -> tuple[Int64s, Int64s]:
        """The edges that trade, ascending, and their grams."""
        arc, flow = self._tree[1][:-1], self._tree[3][:-1]
        order = np.flatnonzero((arc < self._edges) & (flow > 0))
        edges = arc[order]
        ascending = np.argsort(edges)
        return edges[ascending], flow[order][ascending]
