"""The problems that a clearing solves one after another: the posed one with fewer edges, or less demand.

What an order does bears only on its component. So of a problem that differs from one that is solved only
the components that differ are solved, and the others keep what they have.
"""

from dataclasses import dataclass

import numpy as np

from market.rules.assignment import Problem, Solution, solve
from market.rules.assignment_check import DUALS
from market.rules.assignment_components import components
from market.rules.assignment_problem import Int64s, Mask, exact_dot


@dataclass(frozen=True, eq=False, slots=True)
class Stage:
    """A problem of some edges of the posed one, and its best flow. edge: int64[e], places in the posed."""

    problem: Problem
    solution: Solution
    edge: Int64s


@dataclass(frozen=True, eq=False, slots=True)
class Solved:
    """A stage by edges and orders of the posed problem: its edges, demand, flow, and duals by name.

    anew: of each edge, whether its component was solved for this stage; None: all were.
    """

    edges: Mask
    demand: Int64s
    flow: Int64s
    duals: dict[str, Int64s]
    anew: Mask | None = None

    def stage(self, posed: Problem) -> Stage:
        problem, edge = part_of(posed, self.edges, posed.supply, self.demand)
        flow = self.flow[edge]
        welfare = exact_dot(flow, problem.value)
        return Stage(
            problem, Solution(flow=flow, welfare=welfare, unique=True, basis=None, **self.duals), edge
        )


def part_of(posed: Problem, edges: Mask, supply: Int64s, demand: Int64s) -> tuple[Problem, Int64s]:
    """The same orders with these capacities and only the edges of the mask; and where those stood."""
    edge = np.flatnonzero(edges)
    problem = Problem(
        supply,
        demand,
        posed.seller[edge],
        posed.buyer[edge],
        posed.value[edge],
        posed.ranks,
        None if posed.tiebreak is None else posed.tiebreak[edge],
    )
    return problem, edge


class Stages:
    """`solves` counts them; `unique`: each of them had one best flow."""

    def __init__(self, posed: Problem) -> None:
        self.posed = posed
        self.solves = 0
        self.unique = True
        self._component, self._components = components(posed)

    def first(self) -> tuple[Solved, Solution]:
        """The posed problem as it is."""
        posed = self.posed
        solution = self._solve(posed)
        duals = {name: getattr(solution, name) for pair in DUALS for name in pair}
        everything = np.ones(posed.edges, dtype=np.bool_)
        return Solved(everything, posed.demand, solution.flow, duals), solution

    def next(self, before: Solved, edges: Mask, demand: Int64s) -> Solved:
        """The problem with these edges and this demand, where `before` has others."""
        posed = self.posed
        touched = self._touched(before, edges, demand)
        anew = touched[posed.seller]
        part, part_edge = part_of(posed, edges & anew, posed.supply, demand)
        solution = self._solve(part)
        flow = np.where(anew, 0, before.flow)
        flow[part_edge] = solution.flow
        sides = touched[: len(posed.supply)], touched[len(posed.supply) :]
        duals = {
            name: np.where(of_side, getattr(solution, name), before.duals[name])
            for pair in DUALS
            for name, of_side in zip(pair, sides, strict=True)
        }
        return Solved(edges, demand, flow, duals, anew)

    def _solve(self, problem: Problem) -> Solution:
        solution = solve(problem)
        self.solves += 1
        self.unique &= solution.unique
        return solution

    def _touched(self, before: Solved, edges: Mask, demand: Int64s) -> Mask:
        """Sellers, then buyers: those of a component of the posed problem in which something differs."""
        posed = self.posed
        differs = np.zeros(self._components, dtype=np.bool_)
        differs[self._component[posed.seller[edges != before.edges]]] = True
        differs[self._component[len(posed.supply) :][demand != before.demand]] = True
        found: Mask = differs[self._component]
        return found
