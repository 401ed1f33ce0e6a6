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
    """A problem of some edges of the posed one, and its best flow. edge: int64[e], places in the posed.

    anew: of each edge of the posed problem, whether its component was solved for this stage; None: all were.
    """

    problem: Problem
    solution: Solution
    edge: Int64s
    anew: Mask | None = None


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

    def first(self) -> Stage:
        """The posed problem as it is."""
        return Stage(self.posed, self._solve(self.posed), np.arange(self.posed.edges))

    def next(self, before: Stage, edges: Mask, demand: Int64s) -> Stage:
        """The problem with these edges and this demand, where `before` has others."""
        posed = self.posed
        sellers = len(posed.supply)
        touched = self._touched(before, edges, demand)
        anew = touched[posed.seller]
        problem, edge = part_of(posed, edges, posed.supply, demand)
        part, part_edge = part_of(posed, edges & anew, posed.supply, demand)
        solution = self._solve(part)
        flow = np.zeros(posed.edges, dtype=np.int64)
        flow[before.edge] = before.solution.flow
        flow[anew] = 0
        flow[part_edge] = solution.flow
        duals = {
            name: np.where(anew, getattr(solution, name), getattr(before.solution, name))
            for pair in DUALS
            for name, anew in zip(pair, (touched[:sellers], touched[sellers:]), strict=True)
        }
        flow = flow[edge]
        welfare = exact_dot(flow, problem.value)
        return Stage(problem, Solution(flow=flow, welfare=welfare, unique=self.unique, **duals), edge, anew)

    def _solve(self, problem: Problem) -> Solution:
        solution = solve(problem)
        self.solves += 1
        self.unique &= solution.unique
        return solution

    def _touched(self, before: Stage, edges: Mask, demand: Int64s) -> Mask:
        """Sellers, then buyers: those of a component of the posed problem in which something differs."""
        posed = self.posed
        edges_before = np.zeros(posed.edges, dtype=np.bool_)
        edges_before[before.edge] = True
        differs = np.zeros(self._components, dtype=np.bool_)
        differs[self._component[posed.seller[edges != edges_before]]] = True
        differs[self._component[len(posed.supply) :][demand != before.problem.demand]] = True
        found: Mask = differs[self._component]
        return found
