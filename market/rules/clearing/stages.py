"""The problems that a clearing solves one after another: the posed one with fewer edges, or less demand.

What an order does bears only on its component. So of a problem that differs from one that is solved only
the components that differ are solved, and the others keep what they have.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from market.rules.assignment import Problem, Solution, solve
from market.rules.optimum.check import DUALS
from market.rules.optimum.components import components_of
from market.rules.optimum.problem import Int32s, Int64s, Mask, Places, used_edges


@dataclass(frozen=True, eq=False, slots=True)
class Stage:
    """A problem of some edges of the posed one, and its best flow. edge: int64[e], places in the posed."""

    problem: Problem
    solution: Solution
    edge: Int64s


@dataclass(frozen=True, eq=False, slots=True)
class Solved:
    """A stage by orders of the posed problem: who stands aside, what buyers count with, duals by name.

    out: sellers, then buyers; their edges are not in the stage. used, flow: int64, the edges that trade and
    their grams. anew: of each order, whether its component was solved for this stage; None: all were.
    """

    out: Mask
    demand: Int64s
    used: Int64s
    flow: Int64s
    duals: dict[str, Int64s]
    anew: Mask | None = None


class Touched(NamedTuple):
    """All edges, sellers and buyers of some components, ascending: places in the posed problem."""

    edges: Int32s
    sellers: Int32s
    buyers: Int32s


def edges_without(posed: Problem, out: Mask) -> Mask:
    """Edges of which neither end is out; `out`: sellers, then buyers."""
    if not out.any():
        return np.ones(posed.edges, dtype=np.bool_)
    sellers = len(posed.supply)
    found: Mask = ~(out[:sellers].take(posed.seller) | out[sellers:].take(posed.buyer))
    return found


def left_without(posed: Problem, out: Mask, edges: Places) -> Int64s:
    """Those of some edges, places in the posed problem, of which neither end is out."""
    sellers, places = len(posed.supply), edges.astype(np.int64, copy=False)
    gone = out[:sellers].take(posed.seller.take(places)) | out[sellers:].take(posed.buyer.take(places))
    return places[~gone]


def part_of(posed: Problem, edges: Mask, supply: Int64s, demand: Int64s) -> tuple[Problem, Int64s]:
    """The same orders with these capacities and only the edges of the mask; and where those stood."""
    edge = np.flatnonzero(edges)
    return posed.left(edge, supply, demand), edge


class Stages:
    """`solves` counts them; `unique`: each of them had one best flow."""

    def __init__(self, posed: Problem) -> None:
        self.posed = posed
        self.solves = 0
        self.unique = True
        self._components = components_of(posed)

    def first(self) -> tuple[Solved, Solution]:
        """The posed problem as it is; nothing starts from its basis again."""
        posed = self.posed
        solution = self._solve(posed)
        duals = {name: getattr(solution, name) for pair in DUALS for name in pair}
        nobody = np.zeros(len(posed.supply) + len(posed.demand), dtype=np.bool_)
        used = used_edges(solution.flow)
        relaxed = replace(solution, basis=None)
        return Solved(nobody, posed.demand, used, solution.flow[used], duals), relaxed

    def next(self, before: Solved, out: Mask, demand: Int64s) -> Solved:
        """The problem with these orders out and this demand, where `before` has others."""
        posed = self.posed
        touched, sellers, buyers = self._touched(before, out, demand)
        buying = buyers + len(posed.supply)
        edges: Places = left_without(posed, out, touched) if out.any() else touched
        solution = self._solve(posed.part(sellers, buyers, edges, demand[buyers]))
        anew = np.zeros(len(out), dtype=np.bool_)
        anew[sellers] = anew[buying] = True
        kept, traded = ~anew[posed.seller[before.used]], used_edges(solution.flow)
        duals = {}
        for pair in DUALS:
            for name, places in zip(pair, (sellers, buyers), strict=True):
                duals[name] = before.duals[name].copy()
                duals[name][places] = getattr(solution, name)
        return Solved(
            out,
            demand,
            np.concatenate([before.used[kept], edges[traded]]),
            np.concatenate([before.flow[kept], solution.flow[traded]]),
            duals,
            anew,
        )

    def _solve(self, problem: Problem) -> Solution:
        solution = solve(problem)
        self.solves += 1
        self.unique &= solution.unique
        return solution

    def _touched(self, before: Solved, out: Mask, demand: Int64s) -> Touched:
        """Of the components in which somebody comes, goes or counts otherwise."""
        differs = out != before.out
        differs[len(self.posed.supply) :] |= demand != before.demand
        return self.around(differs)

    def around(self, orders: Mask) -> Touched:
        """Of the components that these orders are in; sellers, then buyers."""
        posed = self.posed
        sellers = len(posed.supply)
        chosen = np.zeros(len(self._components.starts) - 1, dtype=np.bool_)
        chosen[self._components.of_order[orders]] = True
        arcs = self._components.arcs_of(chosen)
        edges, nodes = np.split(arcs, [np.searchsorted(arcs, posed.edges)])
        selling, buying = np.split(nodes - posed.edges, [np.searchsorted(nodes, posed.edges + sellers)])
        return Touched(edges, selling, buying - sellers)
