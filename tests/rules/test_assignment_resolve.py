"""One more order in a solved book: the same trades as solving all of it anew; and starts that do not fit."""

from dataclasses import replace

import numpy as np
import pytest

from events.vocabulary import Side
from market.rules.assignment import (
    Added,
    AssignmentError,
    Basis,
    Problem,
    best_welfare,
    components,
    price_bounds,
    resolve,
    solve,
    tied_edges,
    value_duals,
    verify,
)
from market.rules.optimum.components import components_of
from market.rules.optimum.problem import GUARD
from market.rules.optimum.resolve import ADDED
from tests.rules.test_assignment_oracles import random_book, side_by_side


def books(rng: np.random.Generator, count: int) -> list[Problem]:
    """Of several components each; the coarse grid is full of ties."""
    return [
        side_by_side([random_book(rng, 9, 3, 3, density=0.5) for _ in range(3)], linked=False)
        for _ in range(count)
    ]


def any_order(rng: np.random.Generator, problem: Problem) -> Added:
    side: Side = "seller" if rng.random() < 0.5 else "buyer"
    others = len(problem.demand if side == "seller" else problem.supply)
    orders = rng.permutation(others)[: int(rng.integers(0, min(others, 6) + 1))].astype(np.int32)
    return Added(
        side,
        int(rng.integers(1, 6)),
        orders,
        rng.integers(0, 5, len(orders)),
        int(rng.integers(0, 60)),
        rng.integers(0, 1 << 44, len(orders)),
    )


def with_order(problem: Problem, added: Added) -> Problem:
    """All of the book, with the order last on its side."""
    assert problem.ranks is not None
    assert problem.tiebreak is not None
    assert added.tiebreak is not None
    selling = added.side == "seller"
    own = np.full(len(added.orders), len(problem.supply if selling else problem.demand), dtype=np.int32)
    seller, buyer = (own, added.orders) if selling else (added.orders, own)
    more = np.array([added.quantity])
    rank = np.array([added.rank])
    return Problem(
        np.concatenate([problem.supply, more]) if selling else problem.supply,
        problem.demand if selling else np.concatenate([problem.demand, more]),
        np.concatenate([problem.seller, seller]),
        np.concatenate([problem.buyer, buyer]),
        np.concatenate([problem.value, added.value]),
        (
            np.concatenate([problem.ranks[0], rank]) if selling else problem.ranks[0],
            problem.ranks[1] if selling else np.concatenate([problem.ranks[1], rank]),
        ),
        np.concatenate([problem.tiebreak, added.tiebreak]),
    )


def test_one_more_order_trades_as_if_all_were_solved_anew() -> None:
    rng = np.random.default_rng(41)
    traded = 0
    for problem in books(rng, 40):
        before = solve(problem)
        for _ in range(5):
            added = any_order(rng, problem)
            answer = resolve(problem, before, added)
            assert [] == verify(answer.problem, answer.solution)
            whole = with_order(problem, added)
            anew = solve(whole)
            assert anew.unique
            assert answer.solution.unique
            flow = np.concatenate([before.flow, np.zeros(len(added.orders), dtype=np.int64)])
            places = answer.edges.copy()
            places[places == ADDED] = np.arange(problem.edges, whole.edges)
            flow[places] = answer.solution.flow
            assert anew.flow.tolist() == flow.tolist()
            traded += int(flow[problem.edges :].sum()) > 0
            assert 1 == (answer.sellers == ADDED).sum() + (answer.buyers == ADDED).sum()
            bounds, all_bounds = price_bounds(answer.problem, answer.solution), price_bounds(whole, anew)
            assert bounds.seller_low.tolist() == all_bounds.seller_low[answer.sellers].tolist()
            assert bounds.buyer_high.tolist() == all_bounds.buyer_high[answer.buyers].tolist()
    assert traded > 60


def test_only_the_components_that_the_order_meets_are_solved_again() -> None:
    rng = np.random.default_rng(43)
    problem = side_by_side([random_book(rng, 9, 3, 3, density=0.9) for _ in range(4)], linked=False)
    component, count = components(problem)
    before = solve(problem)
    met = int(problem.buyer[0])
    added = Added("seller", 4, np.array([met], dtype=np.int32), np.array([9]), 0, np.array([7]))
    answer = resolve(problem, before, added)
    touched = component[: len(problem.supply)] == component[len(problem.supply) + met]
    assert count >= 4
    assert np.flatnonzero(touched).tolist() == answer.sellers[answer.sellers != ADDED].tolist()
    assert [ADDED] == answer.sellers[-1:].tolist()


def test_an_order_that_meets_nobody_stands_alone() -> None:
    problem = random_book(np.random.default_rng(47), 9, 3, 3)
    nobody = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
    answer = resolve(problem, solve(problem), Added("buyer", 5, *nobody, 1, nobody[1]))
    assert ([], [5], 0) == (
        answer.problem.supply.tolist(),
        answer.problem.demand.tolist(),
        answer.solution.welfare,
    )


def test_any_earlier_tree_of_the_same_arcs_leads_to_the_same_flow() -> None:
    rng = np.random.default_rng(53)
    for problem in books(rng, 40):
        other = replace(
            problem,
            value=rng.integers(0, 4, problem.edges),
            tiebreak=rng.integers(0, 1 << 44, problem.edges),
        )
        anew, again = solve(other), solve(other, start=solve(problem).basis)
        assert [] == verify(other, again)
        assert anew.flow.tolist() == again.flow.tolist()
        assert anew.welfare == best_welfare(other)
        by_value = [dual.tolist() for dual in value_duals(other)]
        assert [anew.seller_dual.tolist(), anew.buyer_dual.tolist()] == by_value


def test_arcs_of_few_and_of_most_components_come_in_the_same_order() -> None:
    pairs = np.arange(40, dtype=np.int32)[::-1].copy()
    problem = Problem(np.full(40, 9), np.full(40, 9), pairs[::-1].copy(), pairs, np.ones(40, dtype=np.int64))
    found = components_of(problem)
    for chosen in (np.arange(40) < 2, np.arange(40) != 7):
        places = np.flatnonzero(chosen[found.of_order[problem.seller]])
        orders = 40 + np.flatnonzero(chosen[found.of_order])
        assert [*places.tolist(), *orders.tolist()] == found.arcs_of(chosen).tolist()


def test_ties_are_needed_only_where_the_first_two_levels_leave_a_choice() -> None:
    rng = np.random.default_rng(67)
    spared = 0
    for problem in books(rng, 40):
        assert problem.tiebreak is not None
        first = solve(replace(problem, tiebreak=None))
        tied = tied_edges(problem, first)
        ties = np.zeros(problem.edges, dtype=np.int64)
        ties[tied] = problem.tiebreak[tied]
        last = solve(replace(problem, tiebreak=ties), start=first.basis)
        assert solve(problem).flow.tolist() == last.flow.tolist()
        assert last.unique
        spared += problem.edges - len(tied)
    assert spared > 500


def changed(basis: Basis, **columns: object) -> Basis:
    return replace(basis, **columns)  # type: ignore[arg-type]


def test_a_start_that_does_not_fit_is_refused() -> None:
    one = np.array([3], dtype=np.int64)
    index = np.zeros(1, dtype=np.int32)
    problem = Problem(one, one, index, index, np.array([5], dtype=np.int64))
    basis = solve(problem).basis
    assert basis is not None
    assert 15 == solve(problem, start=basis).welfare
    for wrong, sentence in (
        (changed(basis, flow=basis.flow[:1]), "2 entries of int64"),
        (changed(basis, parent=basis.parent.astype(np.int32)), "2 entries of int64"),
        (changed(basis, arc=basis.arc + 9), "arcs that the problem has not"),
        (changed(basis, flow=basis.flow + 1), "does not fit the problem at order 0"),
        (changed(basis, flow=-basis.flow), "does not fit the problem at order"),
        (changed(basis, parent=basis.parent[::-1].copy()), "does not fit the problem at order"),
    ):
        with pytest.raises(AssignmentError, match=sentence):
            solve(problem, start=wrong)
    ring = Basis(np.array([1, 0]), np.array([0, 0]), np.array([1, 0]), np.array([3, 3]))
    with pytest.raises(AssignmentError, match="does not fit the problem at order 0"):
        solve(problem, start=ring)


def test_a_ring_is_not_a_tree() -> None:
    quantity = np.array([2, 2], dtype=np.int64)
    seller, buyer = np.array([0, 0, 1, 1], dtype=np.int32), np.array([0, 1, 0, 1], dtype=np.int32)
    problem = Problem(quantity, quantity, seller, buyer, np.ones(4, dtype=np.int64))
    # 0 → 2 → 1 → 3 → 0 by the edges, one gram on each
    ring = Basis(
        np.array([2, 3, 1, 0]), np.array([0, 3, 2, 1]), np.array([1, 1, 0, 0]), np.ones(4, dtype=np.int64)
    )
    with pytest.raises(AssignmentError, match="the basis is not a tree"):
        solve(problem, start=ring)


def test_everything_wrong_with_an_added_order_is_named_at_once() -> None:
    problem = random_book(np.random.default_rng(59), 9, 3, 3)
    solution = solve(problem)
    good = np.zeros(1, dtype=np.int32), np.ones(1, dtype=np.int64)
    with pytest.raises(AssignmentError) as caught:
        resolve(problem, replace(solution, basis=None), Added("seller", 0, good[1], good[1][:0], GUARD))  # type: ignore[arg-type]
    assert (
        "the solution carries no basis to start from",
        f"quantity must be an integer from 1 to {GUARD - 1}, not 0",
        f"rank must be an integer from {-GUARD} to {GUARD - 1}, not {GUARD}",
        "tiebreak must be given exactly where the problem has one",
        "orders must be of int32, not int64",
        "value has 0 entries, orders has 1",
    ) == caught.value.problems
    other = solve(random_book(np.random.default_rng(61), 20, 3, 3))
    for added, of, sentence in (
        (Added("both", 1, *good, 0, good[1]), solution, "side must be seller or buyer, not both"),  # type: ignore[arg-type]
        (Added("seller", 1, good[0] + 99, good[1], 0, good[1]), solution, "orders must be indices below"),
        (Added("seller", 1, good[0], good[1], 0, good[1]), other, "the solution is of another problem"),
        (Added("seller", GUARD - 1, *good, 0, good[1]), solution, "the quantities add up to"),
        (Added("buyer", 1, *good, 0, -good[1]), solution, "tiebreak must be at least 0"),
        (
            Added("buyer", 1, np.repeat(good[0], 2), np.repeat(good[1], 2), 0, np.repeat(good[1], 2)),
            solution,
            "twice",
        ),
    ):
        with pytest.raises(AssignmentError, match=sentence):
            resolve(problem, of, added)
