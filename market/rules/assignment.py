"""The exact assignment of supply to demand: best by value, then time priority, then tie-break; and its proof.

    problem = Problem(supply, demand, seller, buyer, value, ranks, tiebreak)
    solution = solve(problem)
    bounds = price_bounds(problem, solution)
    assert verify(problem, solution) == []
    answer = resolve(problem, solution, Added("buyer", quantity, orders, value, rank))     what if

Quantities are grams of basis, values micro-EUR per kg of basis. The same book with orders or edges in another
sequence gives the same flow when `unique`, and always the same bounds; its duals may be another vertex of the
same set. For invalid input every function raises AssignmentError, and nothing else, with all `problems` at
once. None runs for ever: the size of the problem limits the pivots.
"""

from market.rules.optimum.bounds import price_bounds
from market.rules.optimum.check import Violation, tied_edges, verify
from market.rules.optimum.components import components
from market.rules.optimum.problem import AssignmentError, Basis, Bounds, Problem, Solution
from market.rules.optimum.resolve import Added, Resolved, resolve
from market.rules.optimum.solve import best_welfare, solve, value_duals

__all__ = [
    "Added",
    "AssignmentError",
    "Basis",
    "Bounds",
    "Problem",
    "Resolved",
    "Solution",
    "Violation",
    "best_welfare",
    "components",
    "price_bounds",
    "resolve",
    "solve",
    "tied_edges",
    "value_duals",
    "verify",
]
