"""The assignment on known answers, ordinary edge cases and bad input."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from market.rules.assignment import AssignmentError, Problem, Solution, price_bounds, solve, verify
from market.rules.optimum.problem import GUARD, Int64s

HOUSE_ASKS = [18, 15, 19]
HOUSE_WORTHS = [[23, 26, 20], [22, 24, 21], [21, 22, 17]]
HORSE_ASKS = [100, 110, 150, 170, 200, 215, 250, 260]
HORSE_WORTHS = [300, 280, 260, 240, 220, 210, 200, 180, 170, 150]


def problem_of(
    supply: Sequence[int],
    demand: Sequence[int],
    edges: Sequence[tuple[int, int, int]],
    ranks: tuple[Sequence[int], Sequence[int]] | None = None,
    tiebreak: Sequence[int] | Int64s | None = None,
) -> Problem:
    columns = list(zip(*edges, strict=True)) or [(), (), ()]
    return Problem(
        np.array(supply, dtype=np.int64),
        np.array(demand, dtype=np.int64),
        np.array(columns[0], dtype=np.int32),
        np.array(columns[1], dtype=np.int32),
        np.array(columns[2], dtype=np.int64),
        None if ranks is None else (np.array(ranks[0], dtype=np.int64), np.array(ranks[1], dtype=np.int64)),
        None if tiebreak is None else np.array(tiebreak, dtype=np.int64),
    )


def proved(problem: Problem) -> Solution:
    solution = solve(problem)
    assert verify(problem, solution) == []
    return solution


def trades(problem: Problem, solution: Solution) -> list[tuple[int, int, int]]:
    rows = zip(problem.seller.tolist(), problem.buyer.tolist(), solution.flow.tolist(), strict=True)
    return sorted((seller, buyer, grams) for seller, buyer, grams in rows if grams)


def houses() -> Problem:
    edges = [
        (house, buyer, worth - HOUSE_ASKS[house])
        for house, row in enumerate(HOUSE_WORTHS)
        for buyer, worth in enumerate(row)
        if worth >= HOUSE_ASKS[house]
    ]
    return problem_of([1, 1, 1], [1, 1, 1], edges)


def horses() -> Problem:
    edges = [
        (seller, buyer, worth - ask)
        for seller, ask in enumerate(HORSE_ASKS)
        for buyer, worth in enumerate(HORSE_WORTHS)
        if worth >= ask
    ]
    return problem_of([1] * len(HORSE_ASKS), [1] * len(HORSE_WORTHS), edges)


def test_shapley_shubik_houses() -> None:
    problem = houses()
    solution = proved(problem)
    bounds = price_bounds(problem, solution)
    assert 16 == solution.welfare
    assert solution.unique
    assert [(0, 1, 1), (1, 2, 1), (2, 0, 1)] == trades(problem, solution)
    assert [5, 6, 1] == bounds.seller_high.tolist()
    assert [3, 5, 0] == bounds.seller_low.tolist()
    assert [1, 3, 0] == bounds.buyer_low.tolist()
    assert [2, 5, 1] == bounds.buyer_high.tolist()


def test_boehm_bawerk_horses() -> None:
    problem = horses()
    solution = proved(problem)
    bounds = price_bounds(problem, solution)
    sold = sorted(seller for seller, _, _ in trades(problem, solution))
    bought = sorted(buyer for _, buyer, _ in trades(problem, solution))
    assert 570 == solution.welfare
    assert not solution.unique
    assert [0, 1, 2, 3, 4] == sold
    assert [0, 1, 2, 3, 4] == bought
    assert [(210, 215)] * 5 == [
        (HORSE_ASKS[seller] + bounds.seller_low[seller], HORSE_ASKS[seller] + bounds.seller_high[seller])
        for seller in sold
    ]
    assert [(210, 215)] * 5 == [
        (HORSE_WORTHS[buyer] - bounds.buyer_high[buyer], HORSE_WORTHS[buyer] - bounds.buyer_low[buyer])
        for buyer in bought
    ]


def test_ends_of_the_bounds_are_optimal_duals() -> None:
    for problem in (houses(), horses()):
        solution = solve(problem)
        bounds = price_bounds(problem, solution)
        for seller_dual, buyer_dual in (
            (bounds.seller_high, bounds.buyer_low),
            (bounds.seller_low, bounds.buyer_high),
        ):
            assert np.all(seller_dual[problem.seller] + buyer_dual[problem.buyer] >= problem.value)
            total = int(problem.supply @ seller_dual + problem.demand @ buyer_dual)
            assert solution.welfare == total


@pytest.mark.parametrize(
    ("supply", "demand"),
    [([], []), ([5], []), ([], [7]), ([5, 6], [7, 8])],
    ids=["none", "asks", "bids", "apart"],
)
def test_nothing_to_match(supply: list[int], demand: list[int]) -> None:
    problem = problem_of(supply, demand, [])
    solution = proved(problem)
    bounds = price_bounds(problem, solution)
    assert 0 == solution.welfare
    assert solution.unique
    assert [0] * len(supply) == bounds.seller_high.tolist()
    assert [0] * len(demand) == bounds.buyer_high.tolist()


def test_isolated_orders_beside_a_trade() -> None:
    problem = problem_of([4, 5, 6], [9, 3], [(1, 1, 10)])
    solution = proved(problem)
    assert [(1, 1, 3)] == trades(problem, solution)
    assert [0, 0, 0] == solution.seller_dual.tolist()
    assert [0, 10] == solution.buyer_dual.tolist()


def test_worthless_edges_trade_for_volume() -> None:
    problem = problem_of([5, 5], [5, 5], [(0, 0, 0), (0, 1, 3), (1, 1, 0)])
    assert [(0, 1, 5)] == trades(problem, proved(problem))
    problem = problem_of([5, 5], [5, 5], [(0, 0, 3), (0, 1, 3), (1, 0, 3)])
    assert [(0, 1, 5), (1, 0, 5)] == trades(problem, proved(problem))
    problem = problem_of([5, 5], [5, 5], [(0, 0, 0), (0, 1, 0), (1, 0, 0)])
    assert [(0, 1, 5), (1, 0, 5)] == trades(problem, proved(problem))


def test_earlier_orders_come_first_whatever_the_size_of_positions() -> None:
    ranks = ([(1 << 53) - 1, 7, (1 << 53) - 2], [3])
    problem = problem_of([4, 4, 4], [6], [(0, 0, 9), (1, 0, 9), (2, 0, 9)], ranks)
    assert [(1, 0, 4), (2, 0, 2)] == trades(problem, proved(problem))


def test_worth_comes_before_time() -> None:
    problem = problem_of([4, 4], [4], [(0, 0, 1), (1, 0, 2)], ([1, 2], [1]))
    assert [(1, 0, 4)] == trades(problem, proved(problem))


def test_tiebreak_decides_the_rest() -> None:
    edges = [(0, 0, 5), (0, 1, 5), (1, 0, 5), (1, 1, 5)]
    assert not proved(problem_of([2, 2], [2, 2], edges)).unique
    problem = problem_of([2, 2], [2, 2], edges, ([1, 2], [1, 2]), [3, 9, 9, 3])
    solution = proved(problem)
    assert solution.unique
    assert [(0, 1, 2), (1, 0, 2)] == trades(problem, solution)
    assert not proved(problem_of([2, 2], [2, 2], edges, ([1, 2], [1, 2]), [6, 9, 3, 6])).unique


def test_hundred_identical_orders() -> None:
    edges = [(seller, buyer, 7) for seller in range(100) for buyer in range(10)]
    ranks = (list(range(100, 0, -1)), list(range(10)))
    hashes = np.random.default_rng(5).integers(0, 1 << 44, len(edges))
    problem = problem_of([30] * 100, [45] * 10, edges, ranks, hashes)
    solution = proved(problem)
    assert solution.unique
    assert 7 * 450 == solution.welfare
    assert set(range(85, 100)) == {seller for seller, _, _ in trades(problem, solution)}


def test_chain_of_a_thousand_edges() -> None:
    edges = [(edge - edge // 2, edge // 2, 1 + edge % 2) for edge in range(1_000)]
    problem = problem_of([3] * 501, [3] * 500, edges)
    solution = proved(problem)
    bounds = price_bounds(problem, solution)
    assert 2 * 3 * 500 == solution.welfare
    assert [0, 3] * 500 == solution.flow.tolist()
    assert [0] * 501 == bounds.seller_low.tolist()


def test_welfare_beyond_64_bits_is_exact() -> None:
    grams, worth = 10**15, 10**12
    problem = problem_of(
        [grams] * 3, [grams] * 3, [(0, 0, worth), (1, 1, worth), (2, 2, worth - 1), (2, 1, 5)]
    )
    solution = proved(problem)
    assert 3 * 10**27 - 10**15 == solution.welfare
    assert solution.welfare > 1 << 63


def test_weights_at_the_guard_do_not_wrap() -> None:
    largest = (GUARD - 1) // 6
    edges = [(0, 0, largest), (0, 1, largest - 1), (1, 1, largest), (1, 2, 0), (0, 2, largest)]
    problem = problem_of([5, 5], [4, 4, 4], edges, ([1, 2], [1, 2, 3]), [largest, 0, largest, 0, 3])
    solution = proved(problem)
    assert 9 * largest == solution.welfare
    assert (GUARD - 1) // 2 > price_bounds(problem, solution).seller_high.max()


def test_quantities_at_the_guard_do_not_wrap() -> None:
    half = GUARD // 4
    problem = problem_of([half, half - 1], [half, half], [(0, 0, 1), (1, 0, 2), (1, 1, 1)])
    assert [(0, 0, half), (1, 1, half - 1)] == trades(problem, proved(problem))


def test_every_wrong_entry_is_named_at_once() -> None:
    with pytest.raises(AssignmentError) as caught:
        problem_of(
            [0, 5],
            [-1, GUARD],
            [(0, 0, -3), (2, 0, 1), (0, 0, 4), (1, -1, GUARD // 2)],
            tiebreak=[0, -1, GUARD // 4, 0],
        )
    assert caught.value.problems == (
        "supply must be at least 1: supply[0] = 0",
        "demand must be at least 1: demand[0] = -1",
        f"the quantities add up to {GUARD + 4}, the limit is {GUARD - 1}",
        "seller must be an index below 2: seller[1] = 2",
        "buyer must be an index below 2: buyer[3] = -1",
        "pairs of seller and buyer given twice: (0, 0)",
        "value must be at least 0: value[0] = -3",
        f"value reaches {GUARD // 2}, the limit with 4 orders is {(GUARD - 1) // 5}",
        "tiebreak must be at least 0: tiebreak[1] = -1",
        f"tiebreak reaches {GUARD // 4}, the limit with 4 orders is {(GUARD - 1) // 5}",
    )
    assert isinstance(caught.value, ValueError)


def test_many_wrong_entries_are_counted() -> None:
    with pytest.raises(AssignmentError, match=r"supply\[4\] = 0 and 3 more$"):
        problem_of([0] * 8, [], [])
    with pytest.raises(AssignmentError, match=r"given twice: (\(0, 0\)(, )?){5} and 2 more$"):
        problem_of([1], [1], [(0, 0, 1)] * 8)


def test_wrong_types_and_shapes_are_named_at_once() -> None:
    numbers = np.array([1, 2], dtype=np.int64)
    index = np.array([0, 1], dtype=np.int32)
    ranks = numbers, index[:1]
    wrong: Any = [1, 2], numbers.astype(float), numbers, index[:1], numbers.reshape(1, 2), ranks
    with pytest.raises(AssignmentError) as caught:
        Problem(*wrong)
    assert caught.value.problems == (
        "supply must be a numpy array of int64, not list",
        "demand must be of int64, not float64",
        "seller must be of int32, not int64",
        "buyer has 1 entries, seller has 2",
        "value must have one dimension, not 2",
        "ranks[1] must be of int64, not int32",
    )
    with pytest.raises(AssignmentError, match="ranks must be a pair"):
        Problem(numbers, numbers, index, index, numbers, numbers)  # type: ignore[arg-type]
    with pytest.raises(AssignmentError, match=r"ranks\[0\] has 1 entries, supply has 2"):
        Problem(numbers, numbers, index, index, numbers, (numbers[:1], numbers), numbers)


def test_a_problem_keeps_its_own_copy() -> None:
    supply = np.array([4], dtype=np.int64)
    problem = Problem(supply, supply, np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.int32), supply)
    supply[0] = -1
    assert [4] == problem.supply.tolist()
    with pytest.raises(ValueError, match="read-only"):
        problem.value[0] = 0


def test_bounds_of_an_unproved_solution_are_refused() -> None:
    problem = houses()
    solution = solve(problem)
    for buyer_dual in (solution.buyer_dual + 1, solution.buyer_dual - 1, -solution.buyer_dual):
        with pytest.raises(AssignmentError, match="do not prove the flow best"):
            price_bounds(problem, replace(solution, buyer_dual=buyer_dual))


def test_too_few_pivots_is_an_error() -> None:
    with pytest.raises(AssignmentError, match="level 0 is not solved after 2 pivots"):
        solve(houses(), pivots_max=2)
