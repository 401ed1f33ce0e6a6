"""The assignment against brute force, other solvers and itself run otherwise; coarse grids, full of ties."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ortools.graph.python import min_cost_flow
from scipy.optimize import linprog

from market.rules.assignment import Problem, Solution, price_bounds, solve, verify
from market.rules.optimum import compiled
from market.rules.optimum.problem import LEVELS

TINY_BOOKS = 2_500
SOLUTION_ARRAYS = (
    "flow",
    "seller_dual",
    "buyer_dual",
    "seller_dual_rank",
    "buyer_dual_rank",
    "seller_dual_tiebreak",
    "buyer_dual_tiebreak",
)
BOUNDS_ARRAYS = ("seller_low", "seller_high", "buyer_low", "buyer_high")


def random_book(
    rng: np.random.Generator,
    orders_max: int,
    grams_max: int,
    value_max: int,
    density: float = 0.6,
    edges_max: int | None = None,
    tie_max: int = 1 << 44,
) -> Problem:
    sellers, buyers = (int(size) for size in rng.integers(1, orders_max + 1, 2))
    seller, buyer = (ends.astype(np.int32) for ends in np.nonzero(rng.random((sellers, buyers)) < density))
    chosen = np.sort(rng.permutation(len(seller))[:edges_max])
    seller, buyer = seller[chosen], buyer[chosen]
    return Problem(
        rng.integers(1, grams_max + 1, sellers),
        rng.integers(1, grams_max + 1, buyers),
        seller,
        buyer,
        rng.integers(0, value_max + 1, len(seller)),
        (rng.permutation(sellers) * 3, rng.permutation(buyers) * 5),
        rng.integers(0, tie_max, len(seller)),
    )


def flows(problem: Problem) -> list[tuple[int, ...]]:
    """Every integer flow within the capacities."""
    found: list[tuple[int, ...]] = []

    def extend(taken: list[int], supply: list[int], demand: list[int]) -> None:
        edge = len(taken)
        if edge == problem.edges:
            found.append(tuple(taken))
            return
        seller, buyer = int(problem.seller[edge]), int(problem.buyer[edge])
        for grams in range(min(supply[seller], demand[buyer]) + 1):
            supply[seller] -= grams
            demand[buyer] -= grams
            extend([*taken, grams], supply, demand)
            supply[seller] += grams
            demand[buyer] += grams

    extend([], problem.supply.tolist(), problem.demand.tolist())
    return found


def fills(problem: Problem, flow: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """What sellers and buyers trade, earliest first."""
    assert problem.ranks is not None
    sold, bought = [0] * len(problem.supply), [0] * len(problem.demand)
    for seller, buyer, grams in zip(problem.seller.tolist(), problem.buyer.tolist(), flow, strict=True):
        sold[seller] += grams
        bought[buyer] += grams
    seller_order, buyer_order = (np.argsort(side).tolist() for side in problem.ranks)
    return [sold[seller] for seller in seller_order], [bought[buyer] for buyer in buyer_order]


def best_flows(problem: Problem) -> list[tuple[int, ...]]:
    weights = [problem.weight(level, slice(None)).tolist() for level in range(LEVELS)]
    scores = {
        flow: tuple(sum(map(int.__mul__, flow, weight)) for weight in weights) for flow in flows(problem)
    }
    best = max(scores.values())
    return [flow for flow, score in scores.items() if score == best]


def test_brute_force_on_all_three_levels() -> None:
    rng = np.random.default_rng(20_26)
    uniques = 0
    for _ in range(TINY_BOOKS):
        problem = random_book(rng, 3, 3, 2, edges_max=5, tie_max=int(rng.choice([1, 3, 1 << 44])))
        solution = solve(problem)
        best = best_flows(problem)
        assert tuple(solution.flow.tolist()) in best
        assert (len(best) == 1) is solution.unique
        assert [] == verify(problem, solution)
        uniques += solution.unique
    assert 500 < uniques < TINY_BOOKS


def test_time_priority_holds_for_sellers_and_buyers_at_once() -> None:
    rng = np.random.default_rng(7)
    for _ in range(700):
        problem = random_book(rng, 3, 2, 1, density=0.8, edges_max=6)
        solution = solve(problem)
        worth = problem.value.tolist()
        welfare = {flow: sum(map(int.__mul__, flow, worth)) for flow in flows(problem)}
        best = max(welfare.values())
        reached = [fills(problem, flow) for flow, total in welfare.items() if total == best]
        volume = max(sum(sold) for sold, _ in reached)
        full = [(sold, bought) for sold, bought in reached if sum(sold) == volume]
        assert max(sold for sold, _ in full) == fills(problem, tuple(solution.flow.tolist()))[0]
        assert max(bought for _, bought in full) == fills(problem, tuple(solution.flow.tolist()))[1]


def ortools_welfare(problem: Problem) -> int:
    sellers, buyers = len(problem.supply), len(problem.demand)
    root = sellers + buyers
    network = min_cost_flow.SimpleMinCostFlow()
    most = np.minimum(problem.supply[problem.seller], problem.demand[problem.buyer])
    network.add_arcs_with_capacity_and_unit_cost(
        problem.seller, problem.buyer + sellers, most, -problem.value
    )
    for tail, head, quantity in (
        (np.arange(sellers), np.full(sellers, root), problem.supply),
        (np.full(buyers, root), np.arange(sellers, root), problem.demand),
    ):
        network.add_arcs_with_capacity_and_unit_cost(
            tail.astype(np.int32), head.astype(np.int32), quantity, np.zeros(len(tail), dtype=np.int64)
        )
    excess = [
        *problem.supply.tolist(),
        *(-problem.demand).tolist(),
        int(problem.demand.sum() - problem.supply.sum()),
    ]
    network.set_nodes_supplies(np.arange(root + 1, dtype=np.int32), np.array(excess, dtype=np.int64))
    assert network.solve() == network.OPTIMAL
    return -int(network.optimal_cost())


def incidence(problem: Problem) -> np.ndarray:
    """One row per order, one column per edge."""
    sellers = len(problem.supply)
    rows = np.zeros((sellers + len(problem.demand), problem.edges))
    rows[problem.seller, np.arange(problem.edges)] = 1
    rows[problem.buyer + sellers, np.arange(problem.edges)] = 1
    return rows


def test_ortools_finds_the_same_welfare() -> None:
    rng = np.random.default_rng(11)
    for _ in range(150):
        problem = random_book(rng, 40, 6, 8, density=0.3)
        solution = solve(problem)
        assert ortools_welfare(problem) == solution.welfare
        assert [] == verify(problem, solution)


def test_scipy_finds_the_same_welfare() -> None:
    rng = np.random.default_rng(13)
    for _ in range(60):
        problem = random_book(rng, 25, 6, 8, density=0.3)
        if problem.edges:
            quantities = np.concatenate([problem.supply, problem.demand])
            answer = linprog(-problem.value, A_ub=incidence(problem), b_ub=quantities)
            assert round(-answer.fun) == solve(problem).welfare


def test_bounds_are_the_extremes_of_the_dual_polytope() -> None:
    rng = np.random.default_rng(17)
    for _ in range(80):
        problem = random_book(rng, 4, 3, 9, density=0.7)
        if not problem.edges:
            continue
        solution = solve(problem)
        bounds = price_bounds(problem, solution)
        low = [*bounds.seller_low.tolist(), *bounds.buyer_low.tolist()]
        high = [*bounds.seller_high.tolist(), *bounds.buyer_high.tolist()]
        quantities = np.concatenate([problem.supply, problem.demand])
        for order in range(len(quantities)):
            for sign, expected in ((1, low[order]), (-1, high[order])):
                goal = np.zeros(len(quantities))
                goal[order] = sign
                answer = linprog(
                    goal,
                    A_ub=-incidence(problem).T,
                    b_ub=-problem.value,
                    A_eq=quantities.reshape(1, -1),
                    b_eq=[solution.welfare],
                )
                assert expected == round(answer.x[order])


def test_input_order_does_not_matter() -> None:
    rng = np.random.default_rng(19)
    for _ in range(60):
        problem = random_book(rng, 40, 2, 2, density=0.4)
        assert problem.ranks is not None
        assert problem.tiebreak is not None
        to_seller, to_buyer = rng.permutation(len(problem.supply)), rng.permutation(len(problem.demand))
        edges = rng.permutation(problem.edges)
        new_seller, new_buyer = np.argsort(to_seller), np.argsort(to_buyer)
        shuffled = Problem(
            problem.supply[to_seller],
            problem.demand[to_buyer],
            new_seller[problem.seller[edges]].astype(np.int32),
            new_buyer[problem.buyer[edges]].astype(np.int32),
            problem.value[edges],
            (problem.ranks[0][to_seller], problem.ranks[1][to_buyer]),
            problem.tiebreak[edges],
        )
        solution, again = solve(problem), solve(shuffled)
        bounds, bounds_again = price_bounds(problem, solution), price_bounds(shuffled, again)
        assert [True, True] == [solution.unique, again.unique]
        assert solution.flow[edges].tolist() == again.flow.tolist()
        assert bounds.seller_low[to_seller].tolist() == bounds_again.seller_low.tolist()
        assert bounds.seller_high[to_seller].tolist() == bounds_again.seller_high.tolist()
        assert bounds.buyer_low[to_buyer].tolist() == bounds_again.buyer_low.tolist()
        assert bounds.buyer_high[to_buyer].tolist() == bounds_again.buyer_high.tolist()


def side_by_side(parts: list[Problem], linked: bool) -> Problem:
    """One book of many; linked: one more buyer, whom every first seller could serve for nothing."""
    sellers = np.cumsum([0, *(len(part.supply) for part in parts)])
    buyers = np.cumsum([0, *(len(part.demand) for part in parts)])
    seller = np.concatenate([part.seller + first for part, first in zip(parts, sellers, strict=False)])
    buyer = np.concatenate([part.buyer + first for part, first in zip(parts, buyers, strict=False)])
    demand = np.concatenate([part.demand for part in parts])
    value = np.concatenate([part.value for part in parts])
    ties = np.concatenate([part.tiebreak for part in parts if part.tiebreak is not None])
    if linked:
        firsts = sellers[:-1]
        seller = np.concatenate([seller, firsts])
        buyer = np.concatenate([buyer, np.full(len(firsts), len(demand))])
        demand = np.concatenate([demand, [1]])
        value = np.concatenate([value, np.zeros(len(firsts), dtype=np.int64)])
        ties = np.concatenate([ties, np.zeros(len(firsts), dtype=np.int64)])
    ranks = [np.concatenate(side) for side in zip(*(part.ranks for part in parts if part.ranks), strict=True)]
    return Problem(
        np.concatenate([part.supply for part in parts]),
        demand,
        seller.astype(np.int32),
        buyer.astype(np.int32),
        value,
        (ranks[0], np.concatenate([ranks[1], np.full(len(demand) - len(ranks[1]), 1 << 40)])),
        ties,
    )


def test_components_alone_together_and_linked_trade_the_same() -> None:
    rng = np.random.default_rng(23)
    for _ in range(12):
        parts: list[Problem] = []
        while len(parts) < 6:
            part = random_book(rng, 12, 3, 3, density=0.5)
            # a first seller that sells out, dearer than nothing, has no use for the worthless link
            if solve(part).seller_dual[0] > 0:
                parts.append(part)
        alone = np.concatenate([solve(part).flow for part in parts]).tolist()
        together, linked = side_by_side(parts, linked=False), side_by_side(parts, linked=True)
        for whole in (together, linked):
            solution = solve(whole)
            assert solution.unique
            assert [] == verify(whole, solution)
            assert alone == solution.flow.tolist()[: len(alone)]


def everything(problem: Problem) -> list[list[int]]:
    solution: Solution = solve(problem)
    bounds = price_bounds(problem, solution)
    assert [] == verify(problem, solution)
    return [getattr(solution, name).tolist() for name in SOLUTION_ARRAYS] + [
        getattr(bounds, name).tolist() for name in BOUNDS_ARRAYS
    ]


def violations(problem: Problem) -> list[list[str]]:
    """Of its solution with one entry of a field changed."""
    solution: Solution = solve(problem)
    found = []
    for name, by in itertools.product(SOLUTION_ARRAYS, (1, -1)):
        array = getattr(solution, name).copy()
        array[len(array) // 2 :][:1] += by
        found.append([each.sentence() for each in verify(problem, replace(solution, **{name: array}))])
    return found


def test_compiled_and_plain_agree_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.numba_allowed()
    rng = np.random.default_rng(29)
    books = [random_book(rng, 12, 3, 3) for _ in range(60)] + [random_book(rng, 40, 3, 4) for _ in range(6)]
    monkeypatch.setattr(compiled, "COMPILE_FROM_ARCS", 0)
    by_numba = [everything(problem) for problem in books]
    faults_by_numba = [violations(problem) for problem in books[:20]]
    assert all(any(found) for found in faults_by_numba)
    monkeypatch.setenv(compiled.OFF_SWITCH, "1")
    assert not compiled.numba_allowed()
    assert by_numba == [everything(problem) for problem in books]
    assert faults_by_numba == [violations(problem) for problem in books[:20]]


def large_book() -> Problem:
    rng = np.random.default_rng(31)
    pairs = itertools.product(range(160), range(90))
    seller, buyer = np.array([pair for pair in pairs if rng.random() < 0.3], dtype=np.int32).T
    return Problem(
        rng.integers(1, 5, 160),
        rng.integers(1, 9, 90),
        seller,
        buyer,
        rng.integers(0, 6, len(seller)),
        (rng.permutation(160), rng.permutation(90)),
        rng.integers(0, 1 << 44, len(seller)),
    )


def test_a_large_book_is_compiled_and_equals_the_plain_run(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = large_book()
    assert problem.edges > compiled.COMPILE_FROM_ARCS
    by_numba = everything(problem)
    monkeypatch.setenv(compiled.OFF_SWITCH, "1")
    assert by_numba == everything(problem)
    assert ortools_welfare(problem) == solve(problem).welfare


def test_a_kernel_that_cannot_be_cached_still_compiles() -> None:
    typed_in: dict[str, Callable[..., int]] = {}
    exec("def add(cells, amount):\n    cells[0] += amount\n    return len(cells)\n", typed_in)
    cells = np.zeros(3, dtype=np.int64)
    assert 3 == compiled.run(typed_in["add"], compiled.COMPILE_FROM_ARCS, cells, 4)
    assert [4, 0, 0] == cells.tolist()
