"""The check without a solver: accepts what is best, finds every changed field."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.rules.assignment import Problem, Solution, Violation, solve, verify
from market.rules.optimum.problem import GUARD

ARRAYS = [field.name for field in fields(Solution) if field.name not in ("welfare", "unique", "basis")]


@st.composite
def books(draw: st.DrawFn) -> Problem:
    sizes = st.lists(st.integers(1, 3), min_size=1, max_size=4)
    supply, demand = draw(sizes), draw(sizes)
    pairs = draw(
        st.lists(
            st.tuples(st.integers(0, len(supply) - 1), st.integers(0, len(demand) - 1)),
            unique=True,
            min_size=1,
            max_size=8,
        )
    )
    seller, buyer = np.array(pairs, dtype=np.int32).T
    per_edge: dict[str, Any] = {"min_size": len(pairs), "max_size": len(pairs)}
    return Problem(
        np.array(supply, dtype=np.int64),
        np.array(demand, dtype=np.int64),
        seller,
        buyer,
        np.array(draw(st.lists(st.integers(0, 3), **per_edge)), dtype=np.int64),
        (
            np.array(draw(st.permutations(range(len(supply)))), dtype=np.int64),
            np.array(draw(st.permutations(range(len(demand)))), dtype=np.int64),
        ),
        np.array(draw(st.lists(st.integers(0, 4), **per_edge)), dtype=np.int64),
    )


def changed(solution: Solution, field: str, index: int, by: int) -> Solution:
    array = getattr(solution, field).copy()
    array[index] += by
    return replace(solution, **{field: array})


@settings(max_examples=150, deadline=None)
@given(books(), st.sampled_from([1, -1, 7]))
def test_every_changed_entry_is_found_and_its_field_named(problem: Problem, by: int) -> None:
    solution = solve(problem)
    assert [] == verify(problem, solution)
    for field in ARRAYS:
        for index in range(len(getattr(solution, field))):
            violations = verify(problem, changed(solution, field, index, by))
            assert any(field in violation.field for violation in violations)
    assert [Violation("welfare", "welfare", None, solution.welfare + by, solution.welfare)] == verify(
        problem, replace(solution, welfare=solution.welfare + by)
    )
    assert [Violation("unique", "unique", None, str(not solution.unique), str(solution.unique))] == verify(
        problem, replace(solution, unique=not solution.unique)
    )


def one_trade() -> tuple[Problem, Solution]:
    problem = Problem(
        np.array([4], dtype=np.int64),
        np.array([6], dtype=np.int64),
        np.array([0], dtype=np.int32),
        np.array([0], dtype=np.int32),
        np.array([10], dtype=np.int64),
    )
    return problem, solve(problem)


def test_a_violation_reads_as_a_sentence() -> None:
    problem, solution = one_trade()
    assert ["welfare: welfare is 41, required 40"] == [
        each.sentence() for each in verify(problem, replace(solution, welfare=41))
    ]
    assert [
        "dual_feasibility: seller_dual + buyer_dual[0] is 9, required at least 10",
        "strong_duality: flow, seller_dual, buyer_dual is 40, required 36",
    ] == [each.sentence() for each in verify(problem, changed(solution, "seller_dual", 0, -1))]


def test_more_than_an_order_holds_is_found() -> None:
    problem = Problem(
        np.array([4], dtype=np.int64),
        np.array([3, 3], dtype=np.int64),
        np.array([0, 0], dtype=np.int32),
        np.array([0, 1], dtype=np.int32),
        np.array([1, 1], dtype=np.int64),
    )
    found = verify(problem, replace(solve(problem), flow=np.array([3, 3], dtype=np.int64)))
    assert Violation("capacity", "flow of supply", 0, 6, "at most 4") == found[0]


@pytest.mark.parametrize("by", [GUARD, -GUARD - 10, (1 << 63) - 11])
def test_sizes_that_would_wrap_are_refused(by: int) -> None:
    problem, solution = one_trade()
    for field in ARRAYS:
        violations = verify(problem, changed(solution, field, 0, by))
        assert {("range", field, 0)} == {(each.rule, each.field, each.index) for each in violations}


def test_a_best_flow_of_another_making_is_accepted_with_its_true_claim() -> None:
    problem = Problem(
        np.array([2, 2], dtype=np.int64),
        np.array([2, 2], dtype=np.int64),
        np.array([0, 0, 1, 1], dtype=np.int32),
        np.array([0, 1, 0, 1], dtype=np.int32),
        np.array([3, 3, 3, 3], dtype=np.int64),
    )
    other = replace(solve(problem), flow=np.ones(4, dtype=np.int64))
    assert [] == verify(problem, other)
    assert [Violation("unique", "unique", None, "True", "False")] == verify(
        problem, replace(other, unique=True)
    )


def test_wrong_shapes_and_types_are_named_at_once() -> None:
    problem, solution = one_trade()
    wrong: dict[str, Any] = {
        "flow": solution.flow[:0],
        "seller_dual": [10],
        "buyer_dual": solution.buyer_dual.astype(np.int32),
        "welfare": 40.0,
        "unique": 1,
    }
    assert [
        Violation("shape", "flow", None, "int64(0,)", "int64(1,)"),
        Violation("shape", "seller_dual", None, "list", "int64(1,)"),
        Violation("shape", "buyer_dual", None, "int32(1,)", "int64(1,)"),
        Violation("shape", "welfare", None, "float", "int"),
        Violation("shape", "unique", None, "int", "bool"),
    ] == verify(problem, replace(solution, **wrong))
