"""Connected components of orders: a flow in one does not affect another."""

from dataclasses import dataclass

import numpy as np

from market.rules.optimum.compiled import run
from market.rules.optimum.problem import Int32s, Int64s, Mask, Problem
from market.rules.optimum.transport_graph import group_arcs

FEW_OF = 8
"""Fewer arcs than one of so many are sorted; of more, it costs less to look at all."""


@dataclass(frozen=True, eq=False, slots=True)
class Components:
    """of_order: int64, the component of each order.

    arcs: in the order of their components, each with its edges first; edge e is e, the arc of order x and the
    root, which joins no components, is edges + x. starts: where each component's begin, and their end.
    """

    of_order: Int64s
    arcs: Int32s
    starts: Int64s

    def arcs_of(self, chosen: Mask) -> Int32s:
        """Those of the chosen components, ascending: edges, then those of orders."""
        sizes = np.diff(self.starts)
        if FEW_OF * int(sizes[chosen].sum()) > len(self.arcs):
            found = np.zeros(len(self.arcs), dtype=np.bool_)
            found[self.arcs] = np.repeat(chosen, sizes)
            return np.flatnonzero(found).astype(np.int32)
        parts = [
            self.arcs[self.starts[component] : self.starts[component + 1]]
            for component in np.flatnonzero(chosen).tolist()
        ]
        return np.sort(np.concatenate([self.arcs[:0], *parts]))


def components(problem: Problem) -> tuple[Int64s, int]:
    """The connected component of each order (sellers, then buyers), and how many there are.

    Numbered by their first order; an order without edges is one of its own.
    """
    found = components_of(problem)
    return found.of_order, len(found.starts) - 1


def components_of(problem: Problem) -> Components:
    """The components with what is in each."""
    sellers = len(problem.supply)
    orders = sellers + len(problem.demand)
    tail, head = problem.seller.copy(), problem.buyer + np.int32(sellers)
    group = np.zeros(orders, dtype=np.int64)
    starts = np.zeros(orders + 2, dtype=np.int64)
    arcs = np.zeros(len(tail) + orders, dtype=np.int32)
    count = run(group_arcs, len(arcs), tail, head, group, starts, arcs)
    return Components(-1 - group, arcs, starts[: count + 1].copy())
