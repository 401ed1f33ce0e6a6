"""One section of a round solved: the relaxed problem, what of it cannot trade, the final optimum."""

from dataclasses import replace
from datetime import datetime

import numpy as np

from market.rules.assignment import Problem, solve, verify
from market.rules.cleared import ClearedSection, Proof, left_problem, priced
from market.rules.indivisible import Cut, WholeClearing, clear_whole
from market.rules.posing import (
    MINIMUM,
    Posed,
    Reasons,
    Sides,
    fills_g,
    minimum_reason,
    plain_problem,
    relaxed_problem,
)
from market.rules.rounds import ClearingImpossible

TRIES_MAX = 8


def clear_section(posed: Posed, at: datetime) -> ClearedSection:
    """Solve, prove, price. AssignmentError or ClearingImpossible when there is no unique optimum."""
    for attempt in range(1, TRIES_MAX + 1):
        relaxed = relaxed_problem(posed, attempt)
        found = clear_whole(relaxed, posed.terms)
        if found.unique:
            break
    else:
        name = posed.section.name
        raise ClearingImpossible("not_unique", f"{name} is not unique after {TRIES_MAX} tie-breaks.")
    return priced(posed, _proof(posed, relaxed, found, attempt), at)


def _proof(posed: Posed, relaxed: Problem, found: WholeClearing, attempt: int) -> Proof:
    relaxed_dual = found.relaxed.seller_dual, found.relaxed.buyer_dual
    removed, cut = _reasons(posed, found)
    proof = Proof(
        tries=attempt,
        relaxed=relaxed,
        relaxed_dual=relaxed_dual,
        plain_dual=_plain_dual(posed, relaxed, relaxed_dual),
        removed=removed,
        cut=cut,
        solution=found.solution,
    )
    violations = verify(left_problem(proof), proof.solution)
    if [violation.rule for violation in violations] == ["unique"]:
        # less flow on the same arcs may leave ties: each step on the way was unique, and says which to take
        proof = replace(proof, solution=replace(proof.solution, unique=not proof.solution.unique))
        violations = []
    assert violations == [], str(violations[0])
    return proof


def _reasons(posed: Posed, found: WholeClearing) -> tuple[Reasons, Reasons]:
    """Who is removed, and who counts with its fill; one that trades nothing at no price is neither."""
    fills = fills_g(found.problem, found.solution.flow)
    removed: tuple[dict[int, str], dict[int, str]] = ({}, {})
    cut: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for each in found.cuts:
        side = 0 if each.side == "seller" else 1
        if each.effective_g == 0:
            removed[side][each.index] = _reason(posed, each)
        elif fills[side][each.index]:
            cut[side][each.index] = _reason(posed, each)
    return removed, cut


def _reason(posed: Posed, cut: Cut) -> str:
    if cut.reason != MINIMUM:
        return cut.reason
    return minimum_reason(posed, 0 if cut.side == "seller" else 1, cut.index)


def _plain_dual(posed: Posed, relaxed: Problem, relaxed_dual: Sides) -> Sides:
    plain = plain_problem(posed)
    if all(
        np.array_equal(getattr(plain, name), getattr(relaxed, name)) for name in ("seller", "buyer", "value")
    ):
        return relaxed_dual
    solution = solve(plain)
    return solution.seller_dual, solution.buyer_dual
