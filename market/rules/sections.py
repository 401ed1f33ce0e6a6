"""One section of a round solved: the relaxed problem, what is removed from it, the final optimum.

What else a round knows how to remove (indivisible lots, minimum quantities, packages) and multipliers of
portfolio limits belong in `_settled`: it takes the relaxed problem and answers the removals and the
solution of what is left.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from market.rules.assignment import Problem, Solution, solve, verify
from market.rules.cleared import ClearedSection, Proof, left_problem, priced
from market.rules.posing import (
    TOLERANCE,
    Posed,
    Reasons,
    Sides,
    fills_g,
    plain_problem,
    relaxed_problem,
    without_removed,
)
from market.rules.rounds import ClearingImpossible

TRIES_MAX = 8


@dataclass(frozen=True, eq=False, slots=True)
class _Settled:
    """`first` solves the relaxed problem, `last` what is left of it without the removed orders."""

    first: Solution
    last: Solution
    removed: Reasons


def clear_section(posed: Posed, at: datetime) -> ClearedSection:
    """Solve, prove, price. AssignmentError or ClearingImpossible when there is no unique optimum."""
    for attempt in range(1, TRIES_MAX + 1):
        relaxed = relaxed_problem(posed, attempt)
        settled = _settled(relaxed, posed.tolerance_g)
        if settled is not None:
            break
    else:
        name = posed.section.name
        raise ClearingImpossible("not_unique", f"{name} is not unique after {TRIES_MAX} tie-breaks.")
    relaxed_dual = settled.first.seller_dual, settled.first.buyer_dual
    proof = Proof(
        tries=attempt,
        relaxed=relaxed,
        relaxed_dual=relaxed_dual,
        plain_dual=_plain_dual(posed, relaxed, relaxed_dual),
        removed=settled.removed,
        solution=settled.last,
    )
    violations = verify(left_problem(proof), proof.solution)
    assert violations == [], str(violations[0])
    return priced(posed, proof, at)


def _settled(relaxed: Problem, least_g: Sides) -> _Settled | None:
    """Solve, remove whoever trades less than it needs, solve again, until nobody does: at most as often as
    there are orders. None when an optimum on the way is not unique."""
    first = last = solve(relaxed)
    problem = relaxed
    removed: tuple[dict[int, str], dict[int, str]] = ({}, {})
    while last.unique:
        fills = fills_g(problem, last.flow)
        short = [
            np.flatnonzero((filled > 0) & (filled < least)).tolist()
            for filled, least in zip(fills, least_g, strict=True)
        ]
        if not any(short):
            return _Settled(first, last, removed)
        for reasons, indices in zip(removed, short, strict=True):
            reasons.update(dict.fromkeys(indices, TOLERANCE))
        problem = without_removed(relaxed, removed)
        last = solve(problem)
    return None


def _plain_dual(posed: Posed, relaxed: Problem, relaxed_dual: Sides) -> Sides:
    plain = plain_problem(posed)
    if all(
        np.array_equal(getattr(plain, name), getattr(relaxed, name)) for name in ("seller", "buyer", "value")
    ):
        return relaxed_dual
    solution = solve(plain)
    return solution.seller_dual, solution.buyer_dual
