"""Solves one section of a round: the relaxed problem, the orders that cannot trade, the final optimum."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np

from market.rules.assignment import Problem, Solution, value_duals, verify
from market.rules.clearing.cleared import ClearedSection, Proof, final_problem, left_problem, priced
from market.rules.clearing.indivisible import Cut, WholeClearing, clear_whole
from market.rules.clearing.portfolio import clear_portfolios
from market.rules.clearing.posing import (
    FIRST_TRY,
    MINIMUM,
    Posed,
    Reasons,
    Sides,
    minimum_reason,
    plain_problem,
    relaxed_problem,
)
from market.rules.clearing.quota_sections import Quotas, offered_of, plain_bound, split_posed, whole_bound
from market.rules.clearing.quotas import Proposal, Split
from market.rules.clearing.rounds import ClearingImpossible
from market.rules.optimum.problem import fills_g

TRIES_MAX = 8
_NOTHING = np.zeros(0, dtype=np.int64)
NO_DUAL: Sides = (_NOTHING, _NOTHING)


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    """A clearing of `problem`, which poses `posed`; `plain_dual`: of the bound problem with S = 0."""

    posed: Posed
    problem: Problem
    whole: WholeClearing
    bound: Problem
    bounding: Solution
    plain_dual: Sides | None
    unique: bool
    quotas: Quotas | None = None


_Clear = Callable[[int], _Found]
"""Clears with the tie-break of an attempt. What does not depend on the tie-break is solved only once."""


def clear_section(posed: Posed, at: datetime) -> ClearedSection:
    """Solve, prove, price. AssignmentError or ClearingImpossible when there is no unique optimum."""
    clear = _in_quotas(posed) if posed.shares else _as_posed(posed)
    for attempt in range(FIRST_TRY, TRIES_MAX + 1):
        found = clear(attempt)
        if found.unique:
            break
    else:
        name = posed.section.name
        raise ClearingImpossible("not_unique", f"{name} is not unique after {TRIES_MAX} tie-breaks.")
    (proof, left), posed, quotas = _proof(found, attempt), found.posed, found.quotas
    # results of the largest sections take tens of megabytes; the proof keeps only what is needed
    del clear, found
    return priced(posed, proof, at, quotas, left)


def _as_posed(posed: Posed) -> _Clear:
    first = relaxed_problem(posed, FIRST_TRY)
    # before anything else of that size is held
    plain_dual = _plain_dual(plain_problem(posed), first)

    def clear(attempt: int) -> _Found:
        relaxed = first if attempt == FIRST_TRY else relaxed_problem(posed, attempt)
        whole = clear_whole(relaxed, posed.terms)
        return _Found(
            posed=posed,
            problem=relaxed,
            whole=whole,
            bound=relaxed,
            bounding=whole.relaxed,
            plain_dual=plain_dual,
            unique=whole.unique,
        )

    return clear


def _proposal(posed: Posed) -> Proposal:
    # imports scipy, which rounds without portfolio limits do not need
    from market.rules.clearing.portfolio_lp import propose, within_range  # noqa: PLC0415

    offered = offered_of(posed, FIRST_TRY)
    return within_range(offered, posed.ratios, propose(offered, posed.ratios))


def _in_quotas(posed: Posed) -> _Clear:
    """Clears with a node for each quota of buyers with portfolio limits."""
    proposal = _proposal(posed)
    multipliers = proposal.multipliers
    bound = whole_bound(posed, multipliers, FIRST_TRY)
    plain_dual = _plain_dual(plain_bound(posed, multipliers), bound)

    def clear(attempt: int) -> _Found:
        final = partial(_final, posed, attempt)
        found = clear_portfolios(offered_of(posed, attempt), posed.ratios, proposal, final)
        return _Found(
            posed=split_posed(posed, found.split),
            problem=found.split.problem,
            whole=found.whole,
            bound=found.bound_problem,
            bounding=found.bound_solution,
            plain_dual=plain_dual,
            unique=found.unique,
            quotas=Quotas(posed, found.split, multipliers, found.margins, found.dropped),
        )

    return clear


def _final(posed: Posed, attempt: int, parted: Split, whole: WholeClearing) -> tuple[Problem, Solution]:
    """What prices are made from, and its solution."""
    quoted = split_posed(posed, parted)
    proof = _unbounded(quoted, parted.problem, whole, attempt)
    return final_problem(quoted, proof, left_problem(proof))[0], whole.solution


def _unbounded(posed: Posed, problem: Problem, whole: WholeClearing, attempt: int) -> Proof:
    """The proof of the trades alone."""
    removed, cut = _reasons(posed, whole)
    return Proof(
        tries=attempt,
        relaxed=problem,
        relaxed_dual=NO_DUAL,
        plain_dual=NO_DUAL,
        removed=removed,
        cut=cut,
        solution=whole.solution,
    )


def _proof(found: _Found, attempt: int) -> tuple[Proof, Problem]:
    """With what it has to be best of."""
    relaxed_dual = found.bounding.seller_dual, found.bounding.buyer_dual
    proof = replace(
        _unbounded(found.posed, found.problem, found.whole, attempt),
        relaxed_dual=relaxed_dual,
        plain_dual=found.plain_dual or relaxed_dual,
        bound=None if found.bound is found.problem else found.bound,
    )
    left = left_problem(proof)
    violations = verify(left, proof.solution)
    if [violation.rule for violation in violations] == ["unique"]:
        # less flow on the same arcs may be tied; since each step was unique, the result is too
        proof = replace(proof, solution=replace(proof.solution, unique=not proof.solution.unique))
        violations = []
    assert violations == [], str(violations[0])
    return proof, left


def _reasons(posed: Posed, found: WholeClearing) -> tuple[Reasons, Reasons]:
    """The removed orders, and those reduced to what they trade; orders that trade nothing and would gain
    nothing are neither."""
    fills = [column.tolist() for column in fills_g(found.problem, found.solution.flow)]
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


def _plain_dual(plain: Problem, bound: Problem) -> Sides | None:
    """Duals that prove the bound with S = 0; None for those of the other bound, where S changes no value."""
    if all(
        np.array_equal(getattr(plain, name), getattr(bound, name)) for name in ("seller", "buyer", "value")
    ):
        return None
    return value_duals(plain)
