"""The sequence of problems that a clearing solves: the posed one with fewer edges, or less demand.

An order affects only its component. So only components that differ from the solved problem are solved again;
the others keep their solution. If only demand is lower, only the flow is computed, from the tree of the
previous stage; duals are solved at the end.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from market.rules.assignment import Problem, Solution, solve
from market.rules.optimum.check import DUALS
from market.rules.optimum.components import components_of
from market.rules.optimum.lowered import Standing
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
    unproved: of each order, whether its duals are still those of a stage before; None: none are.
    """

    out: Mask
    demand: Int64s
    used: Int64s
    flow: Int64s
    duals: dict[str, Int64s]
    anew: Mask | None = None
    unproved: Mask | None = None


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
        self._standing: tuple[Solved, Standing] | None = None

    def first(self) -> tuple[Solved, Solution]:
        """The posed problem as it is; nothing starts from its basis again."""
        posed = self.posed
        solution = self._solve(posed)
        self.solves += 1
        duals = {name: getattr(solution, name) for pair in DUALS for name in pair}
        nobody = np.zeros(len(posed.supply) + len(posed.demand), dtype=np.bool_)
        used = used_edges(solution.flow)
        solved = Solved(nobody, posed.demand, used, solution.flow[used], duals)
        if Standing.fits(posed, solution):
            self._standing = solved, Standing(posed, solution)
        return solved, replace(solution, basis=None)

    def next(self, before: Solved, out: Mask, demand: Int64s) -> Solved:
        """The problem with these orders out and this demand, where `before` has others."""
        lowered = self._lowered(before, out, demand)
        if lowered is not None:
            return lowered
        touched = self._touched(before, out, demand)
        edges, solution = self._solved(touched, out, demand)
        self.solves += 1
        anew = np.zeros(len(out), dtype=np.bool_)
        anew[touched.sellers] = anew[touched.buyers + len(self.posed.supply)] = True
        traded = used_edges(solution.flow)
        return Solved(
            out,
            demand,
            *self._but(before, anew, edges[traded], solution.flow[traded]),
            _duals(before, touched, solution),
            anew,
            None if before.unproved is None else before.unproved & ~anew,
        )

    def proved(self, solved: Solved) -> Solved:
        """With the duals of all its components, each solved from no trade."""
        if solved.unproved is None or not solved.unproved.any():
            return solved
        touched = self.around(solved.unproved)
        edges, solution = self._solved(touched, solved.out, solved.demand)
        flow = np.zeros(self.posed.edges, dtype=np.int64)
        flow[solved.used] = solved.flow
        assert np.array_equal(flow[edges], solution.flow)
        return replace(solved, duals=_duals(solved, touched, solution), unproved=None)

    def _lowered(self, before: Solved, out: Mask, demand: Int64s) -> Solved | None:
        """From the tree of `before`; it is let go where more differs than that buyers want less."""
        kept, self._standing = self._standing, None
        if kept is None or kept[0] is not before or (out != before.out).any():
            return None
        if (demand > before.demand).any() or not kept[1].lower(demand):
            return None
        self.solves += 1
        of_order = self._components.of_order
        anew = self._within(self._differs(before, out, demand))[of_order]
        edges, flow = kept[1].flow()
        here = anew[self.posed.seller[edges]]
        unproved = anew if before.unproved is None else before.unproved | anew
        trades = self._but(before, anew, edges[here], flow[here])
        found = Solved(out, demand, *trades, before.duals, anew, unproved)
        self._standing = found, kept[1]
        return found

    def _but(self, before: Solved, anew: Mask, edges: Places, flow: Int64s) -> tuple[Int64s, Int64s]:
        """Edges that trade and their grams: those before of other components, and these."""
        kept = ~anew[self.posed.seller[before.used]]
        return np.concatenate([before.used[kept], edges]), np.concatenate([before.flow[kept], flow])

    def _solved(self, touched: Touched, out: Mask, demand: Int64s) -> tuple[Places, Solution]:
        """The edges that some components have, and their best flow from no trade."""
        posed, (edges, sellers, buyers) = self.posed, touched
        left: Places = left_without(posed, out, edges) if out.any() else edges
        return left, self._solve(posed.part(sellers, buyers, left, demand[buyers]))

    def _solve(self, problem: Problem) -> Solution:
        solution = solve(problem)
        self.unique &= solution.unique
        return solution

    def _touched(self, before: Solved, out: Mask, demand: Int64s) -> Touched:
        """Of the components in which somebody comes, goes or counts otherwise."""
        return self.around(self._differs(before, out, demand))

    def _differs(self, before: Solved, out: Mask, demand: Int64s) -> Mask:
        differs: Mask = out != before.out
        differs[len(self.posed.supply) :] |= demand != before.demand
        return differs

    def _within(self, orders: Mask) -> Mask:
        """Of each component, whether one of these orders is in it."""
        chosen = np.zeros(len(self._components.starts) - 1, dtype=np.bool_)
        chosen[self._components.of_order[orders]] = True
        return chosen

    def around(self, orders: Mask) -> Touched:
        """Of the components that these orders are in; sellers, then buyers."""
        posed = self.posed
        sellers = len(posed.supply)
        arcs = self._components.arcs_of(self._within(orders))
        edges, nodes = np.split(arcs, [np.searchsorted(arcs, posed.edges)])
        selling, buying = np.split(nodes - posed.edges, [np.searchsorted(nodes, posed.edges + sellers)])
        return Touched(edges, selling, buying - sellers)


def _duals(before: Solved, touched: Touched, solution: Solution) -> dict[str, Int64s]:
    """Those of before, and in some components those of their solution."""
    duals = {}
    for pair in DUALS:
        for name, places in zip(pair, (touched.sellers, touched.buyers), strict=True):
            duals[name] = before.duals[name].copy()
            duals[name][places] = getattr(solution, name)
    return duals
