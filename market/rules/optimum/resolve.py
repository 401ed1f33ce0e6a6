"""What if one more order were in a solved book: only the components that it touches are solved again, from
their current tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from market.rules.optimum.components import components
from market.rules.optimum.problem import (
    GUARD,
    AssignmentError,
    Basis,
    Int32s,
    Int64s,
    Problem,
    Solution,
    column_problems,
)
from market.rules.optimum.solve import solve

ADDED = -1


@dataclass(frozen=True, eq=False, slots=True)
class Added:
    """One more order. quantity: grams, at least 1. rank: as in Problem.ranks (0 where that has none).

    orders: int32[k], whom of the other side it meets. value, tiebreak: int64[k], as in Problem; tiebreak is
    given where the problem has one.
    """

    side: Literal["seller", "buyer"]
    quantity: int
    orders: Int32s
    value: Int64s
    rank: int = 0
    tiebreak: Int64s | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Resolved:
    """The components that the added order touches, with it, as a problem of their own, and its solution.

    sellers, buyers: int64, which of the solved book's orders each is, ADDED for the added one, the last of
    its side. edges: int64, which of its edges each is, ADDED for the new ones.
    """

    problem: Problem
    solution: Solution
    sellers: Int64s
    buyers: Int64s
    edges: Int64s


def resolve(problem: Problem, solution: Solution, added: Added, pivots_max: int | None = None) -> Resolved:
    """Solve the book with one more order, from `solution`, which `solve` made of `problem`.

    All other components keep their flow. AssignmentError as of Problem and `solve`, or when the solution
    has no basis.
    """
    wrong = list(_wrong(problem, solution, added))
    if wrong or solution.basis is None:
        raise AssignmentError(wrong)
    selling = added.side == "seller"
    sellers_before = len(problem.supply)
    theirs = added.orders + np.int64(sellers_before if selling else 0)
    component, count = components(problem)
    touched = np.zeros(count, dtype=np.bool_)
    touched[component[theirs]] = True
    kept = touched[component]
    orders, edges = np.flatnonzero(kept), np.flatnonzero(kept[problem.seller])
    sellers, buyers = orders[orders < sellers_before], orders[orders >= sellers_before] - sellers_before
    if selling:
        sellers = np.append(sellers, ADDED)
    else:
        buyers = np.append(buyers, ADDED)
    place = np.zeros(len(kept) + 1, dtype=np.int64)
    place[orders] = np.arange(len(orders)) + (selling & (orders >= sellers_before))
    place[-1] = len(sellers) + len(buyers)
    own = len(sellers) - 1 if selling else len(sellers) + len(buyers) - 1
    edges = np.append(edges, np.full(len(theirs), ADDED))
    extended = _extended(problem, added, sellers, buyers, edges, place)
    start = _start(solution.basis, orders, edges, place, problem.edges)
    start.parent[own], start.arc[own] = place[-1], len(edges) + own
    start.upward[own], start.flow[own] = int(selling), added.quantity
    return Resolved(extended, solve(extended, pivots_max, start), sellers, buyers, edges)


def _wrong(problem: Problem, solution: Solution, added: Added) -> Iterator[str]:
    if solution.basis is None:
        yield "the solution carries no basis to start from"
    elif len(solution.basis.parent) != len(problem.supply) + len(problem.demand):
        yield "the solution is of another problem"
    if added.side not in ("seller", "buyer"):
        yield f"side must be seller or buyer, not {added.side}"
        return
    for name, number, least in (("quantity", added.quantity, 1), ("rank", added.rank, -GUARD)):
        if type(number) is not int or not least <= number < GUARD:
            yield f"{name} must be an integer from {least} to {GUARD - 1}, not {number}"
    count = len(problem.demand if added.side == "seller" else problem.supply)
    columns = {"orders": added.orders, "value": added.value}
    if (problem.tiebreak is None) != (added.tiebreak is None):
        yield "tiebreak must be given exactly where the problem has one"
    elif added.tiebreak is not None:
        columns["tiebreak"] = added.tiebreak
    wrong = list(column_problems(columns, {"value": "orders", "tiebreak": "orders"}, ("orders",)))
    yield from wrong
    if not wrong and np.any((added.orders < 0) | (added.orders >= count)):
        yield f"orders must be indices below {count}"


def _extended(
    problem: Problem, added: Added, sellers: Int64s, buyers: Int64s, edges: Int64s, place: Int64s
) -> Problem:
    selling, old = added.side == "seller", edges[edges != ADDED]
    new = len(edges) - len(old)
    supply, demand = problem.supply[sellers], problem.demand[buyers]
    own = len(sellers) - 1 if selling else len(buyers) - 1
    (supply if selling else demand)[own] = added.quantity
    ranks = None
    if problem.ranks is not None:
        ranks = problem.ranks[0][sellers], problem.ranks[1][buyers]
        ranks[0 if selling else 1][own] = added.rank
    first_buyer = len(problem.supply)
    met = place[added.orders + np.int64(first_buyer if selling else 0)] - (len(sellers) if selling else 0)
    own_side = np.full(new, own)
    seller, buyer = (own_side, met) if selling else (met, own_side)
    buyer_place = place[first_buyer:] - len(sellers)
    return Problem(
        supply,
        demand,
        np.concatenate([place[problem.seller[old]], seller]).astype(np.int32),
        np.concatenate([buyer_place[problem.buyer[old]], buyer]).astype(np.int32),
        np.concatenate([problem.value[old], added.value]),
        ranks,
        None
        if problem.tiebreak is None or added.tiebreak is None
        else np.concatenate([problem.tiebreak[old], added.tiebreak]),
    )


def _start(basis: Basis, orders: Int64s, edges: Int64s, place: Int64s, edges_before: int) -> Basis:
    """The basis of the kept orders by their new places; the added order's entry is still open."""
    arc_place = np.zeros(edges_before + len(place) - 1, dtype=np.int64)
    old = np.flatnonzero(edges != ADDED)
    arc_place[edges[old]] = old
    arc_place[edges_before:] = len(edges) + place[:-1]
    columns = (place[basis.parent], arc_place[basis.arc], basis.upward, basis.flow)
    found = [np.zeros(int(place[-1]), dtype=np.int64) for _ in columns]
    for column, before in zip(found, columns, strict=True):
        column[place[orders]] = before[orders]
    return Basis(*found)
