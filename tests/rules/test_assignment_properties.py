"""What holds of every optimum: published answers, conservation, fairness, time, scale."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.rules.assignment import Problem, Solution, price_bounds, solve, verify

SEEDS = st.integers(0, 2**32 - 1)
LIMIT_MAX = 12


def book(seed: int, grams_max: int = 4) -> tuple[Problem, list[int], list[int]]:
    """Asks and limits on a coarse grid with edges where they cross, ranks and tie-breaks all distinct."""
    rng = np.random.default_rng(seed)
    sellers, buyers = (int(size) for size in rng.integers(1, 7, 2))
    asks, limits = rng.integers(0, LIMIT_MAX, sellers), rng.integers(0, LIMIT_MAX, buyers)
    meet = (rng.random((sellers, buyers)) < 0.7) & (limits[None, :] >= asks[:, None])
    seller, buyer = (side.astype(np.int32) for side in np.nonzero(meet))
    problem = Problem(
        rng.integers(1, grams_max + 1, sellers),
        rng.integers(1, grams_max + 1, buyers),
        seller,
        buyer,
        limits[buyer] - asks[seller],
        (rng.permutation(sellers) * 2, rng.permutation(buyers) * 2 + 1),
        rng.integers(0, 1 << 44, len(seller)),
    )
    return problem, asks.tolist(), limits.tolist()


def fills(problem: Problem, solution: Solution) -> tuple[list[int], list[int]]:
    sold, bought = [0] * len(problem.supply), [0] * len(problem.demand)
    rows = zip(problem.seller.tolist(), problem.buyer.tolist(), solution.flow.tolist(), strict=True)
    for seller, buyer, grams in rows:
        sold[seller] += grams
        bought[buyer] += grams
    return sold, bought


@pytest.mark.parametrize(
    ("supply", "demand", "costs", "least"),
    [
        # W. L. Winston, Operations Research: Powerco
        ([35, 50, 40], [45, 20, 30, 30], [[8, 6, 10, 9], [9, 12, 13, 7], [14, 9, 16, 5]], 1_020),
        # H. A. Taha, Operations Research: SunRay Transport
        ([15, 25, 10], [5, 15, 15, 15], [[10, 2, 20, 11], [12, 7, 9, 20], [4, 14, 16, 18]], 435),
        # W. L. Winston, the same book: Machineco
        ([1] * 4, [1] * 4, [[14, 5, 8, 7], [2, 12, 6, 5], [7, 8, 3, 9], [2, 4, 6, 10]], 15),
        # H. A. Taha, the same book: Klyne's chores, with three and with four children
        ([1] * 3, [1] * 3, [[15, 10, 9], [9, 15, 10], [10, 12, 8]], 27),
        ([1] * 4, [1] * 4, [[1, 4, 6, 3], [9, 7, 10, 9], [4, 5, 11, 7], [8, 7, 8, 5]], 21),
    ],
    ids=["powerco", "sunray", "machineco", "klyne-3", "klyne-4"],
)
def test_published_optima(supply: list[int], demand: list[int], costs: list[list[int]], least: int) -> None:
    dear = 1_000
    cost = np.array(costs, dtype=np.int64)
    seller, buyer = (side.astype(np.int32) for side in np.nonzero(cost >= 0))
    quantities = np.array(supply, dtype=np.int64), np.array(demand, dtype=np.int64)
    problem = Problem(*quantities, seller, buyer, dear - cost[seller, buyer])
    solution = solve(problem)
    assert [] == verify(problem, solution)
    volume = sum(demand)
    assert volume == int(solution.flow.sum())
    assert least == dear * volume - solution.welfare


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_nothing_is_made_or_lost_and_prices_keep_within_limits(seed: int) -> None:
    problem, asks, limits = book(seed)
    solution = solve(problem)
    sold, bought = fills(problem, solution)
    assert sum(sold) == sum(bought)
    assert all(0 <= filled <= most for filled, most in zip(sold, problem.supply.tolist(), strict=True))
    assert all(0 <= filled <= most for filled, most in zip(bought, problem.demand.tolist(), strict=True))
    bounds = price_bounds(problem, solution)
    for seller_dual, buyer_dual in (
        (solution.seller_dual, solution.buyer_dual),
        (bounds.seller_high, bounds.buyer_low),
        (bounds.seller_low, bounds.buyer_high),
    ):
        for edge in np.flatnonzero(solution.flow).tolist():
            seller, buyer = int(problem.seller[edge]), int(problem.buyer[edge])
            price = asks[seller] + int(seller_dual[seller])
            assert price == limits[buyer] - int(buyer_dual[buyer])
            assert asks[seller] <= price <= limits[buyer]


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_nobody_envies_with_reason(seed: int) -> None:
    """An order with something left finds nobody on the other side who would do better with it."""
    problem, asks, limits = book(seed)
    solution = solve(problem)
    sold, bought = fills(problem, solution)
    price = [ask + int(dual) for ask, dual in zip(asks, solution.seller_dual, strict=True)]
    paid = [limit - int(dual) for limit, dual in zip(limits, solution.buyer_dual, strict=True)]
    for seller, buyer in zip(problem.seller.tolist(), problem.buyer.tolist(), strict=True):
        if sold[seller] < problem.supply[seller]:
            assert price[seller] == asks[seller]
            assert paid[buyer] <= asks[seller]
        if bought[buyer] < problem.demand[buyer]:
            assert paid[buyer] == limits[buyer]
            assert price[seller] >= limits[buyer]


@settings(max_examples=300, deadline=None)
@given(SEEDS, st.integers(0, 5))
def test_who_comes_earlier_never_fills_less(seed: int, which: int) -> None:
    problem, _, _ = book(seed)
    assert problem.ranks is not None
    for side in (0, 1):
        order = which % len(problem.ranks[side])
        ranks = [ranks.copy() for ranks in problem.ranks]
        ranks[side][order] = -1
        sooner = replace(problem, ranks=(ranks[0], ranks[1]))
        before, after = fills(problem, solve(problem))[side], fills(sooner, solve(sooner))[side]
        assert after[order] >= before[order]


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.integers(2, 10**6))
def test_other_units_give_the_same_trades(seed: int, scale: int) -> None:
    problem, _, _ = book(seed)
    solution = solve(problem)
    in_grams = solve(replace(problem, supply=problem.supply * scale, demand=problem.demand * scale))
    assert (solution.flow * scale).tolist() == in_grams.flow.tolist()
    in_cents = solve(replace(problem, value=problem.value * scale))
    assert solution.flow.tolist() == in_cents.flow.tolist()
    bounds = price_bounds(problem, solution)
    assert (bounds.seller_high * scale).tolist() == price_bounds(
        replace(problem, value=problem.value * scale), in_cents
    ).seller_high.tolist()


@settings(max_examples=200, deadline=None)
@given(SEEDS, st.integers(1, 10**6))
def test_a_bonus_for_each_gram_of_a_full_seller_goes_to_it(seed: int, bonus: int) -> None:
    """Added to all edges of a seller that sells out, it moves nobody else's trade or price."""
    problem, _, _ = book(seed)
    solution = solve(problem)
    sold, _ = fills(problem, solution)
    bounds = price_bounds(problem, solution)
    for seller in range(len(sold)):
        if sold[seller] < problem.supply[seller] or not sold[seller]:
            continue
        dearer = replace(problem, value=problem.value + bonus * (problem.seller == seller))
        again = solve(dearer)
        assert solution.flow.tolist() == again.flow.tolist()
        moved = price_bounds(dearer, again)
        expected = bounds.seller_high.copy()
        expected[seller] += bonus
        assert expected.tolist() == moved.seller_high.tolist()
        assert bounds.buyer_low.tolist() == moved.buyer_low.tolist()
