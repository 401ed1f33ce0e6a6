"""Tiny books with packages, parcels and minima, and the best that can be done with one: every way tried."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from market.rules.assignment import Problem
from market.rules.packages import Divisibility, packages_g, tradable

Edges = Sequence[tuple[int, int, int]]


def book(
    packages: Sequence[tuple[int, Fraction | int]], demand: Sequence[int], edges: Edges, **limits: Any
) -> tuple[Problem, Divisibility]:
    """Sellers as (number of packages, grams in one), buyers in grams, edges as (seller, buyer, value)."""
    terms = divided(packages, demand, **limits)
    supply = [
        packages_g(count, package) for count, package in zip(terms.packages, terms.package_g, strict=True)
    ]
    columns = list(zip(*edges, strict=True)) or [(), (), ()]
    seller, buyer = (np.array(column, dtype=np.int32) for column in columns[:2])
    problem = Problem(
        np.array(supply, dtype=np.int64),
        np.array(demand, dtype=np.int64),
        seller,
        buyer,
        np.array(columns[2], dtype=np.int64),
        (np.arange(len(supply)), np.arange(len(supply), len(supply) + len(demand))),
        np.arange(len(edges), dtype=np.int64) ** 2 + 1,
    )
    return problem, terms


def divided(
    packages: Sequence[tuple[int, Fraction | int]], demand: Sequence[int], **limits: Any
) -> Divisibility:
    sellers, buyers = len(packages), len(demand)
    made: dict[str, Any] = {
        "package_g": tuple(Fraction(grams) for _, grams in packages),
        "packages": tuple(count for count, _ in packages),
        "seller_parcel": (0,) * sellers,
        "buyer_parcel_g": (0,) * buyers,
        "seller_order": tuple(range(sellers)),
        "buyer_order": tuple(range(buyers)),
        "seller_minimum": (0,) * sellers,
        "buyer_minimum_g": (0,) * buyers,
    }
    return Divisibility(**(made | limits))


def divisible(posed: Problem) -> Divisibility:
    """Of orders that may be divided at will."""
    return divided([(grams, 1) for grams in posed.supply.tolist()], posed.demand.tolist())


def random_book(rng: np.random.Generator, orders_max: int = 3) -> tuple[Problem, Divisibility]:
    sellers, buyers = (int(size) for size in rng.integers(1, orders_max + 1, 2))
    packages = [
        (int(rng.integers(1, 5)), 1 + Fraction(int(rng.integers(0, 12)), int(rng.integers(1, 4))))
        for _ in range(sellers)
    ]
    demand = rng.integers(1, 25, buyers).tolist()
    terms = divided(
        packages,
        demand,
        seller_parcel=tuple(rng.integers(0, 3, sellers).tolist()),
        buyer_parcel_g=tuple(rng.integers(0, 6, buyers).tolist()),
        seller_minimum=tuple(int(rng.choice([0, count])) for count, _ in packages),
        buyer_minimum_g=tuple(int(rng.choice([0, grams // 2])) for grams in demand),
    )
    seller, buyer = (side.astype(np.int32) for side in np.nonzero(rng.random((sellers, buyers)) < 0.7))
    open_edges = tradable(terms, np.array(demand), seller, buyer)
    seller, buyer = seller[open_edges], buyer[open_edges]
    supply = [
        packages_g(count, package) for count, package in zip(terms.packages, terms.package_g, strict=True)
    ]
    problem = Problem(
        np.array(supply, dtype=np.int64),
        np.array(demand, dtype=np.int64),
        seller,
        buyer,
        rng.integers(0, 6, len(seller)),
        (rng.permutation(sellers) * 2, rng.permutation(buyers) * 2 + 1),
        rng.integers(0, 1 << 44, len(seller)),
    )
    return problem, terms


def best_whole(problem: Problem, terms: Divisibility) -> int:
    """The most that trades of whole packages, each rounded down to grams, can be worth."""
    best = 0
    edges = list(zip(problem.seller.tolist(), problem.buyer.tolist(), problem.value.tolist(), strict=True))
    left, room = list(terms.packages), problem.demand.tolist()

    def minima_hold() -> bool:
        sold = [have - rest for have, rest in zip(terms.packages, left, strict=True)]
        bought = [have - rest for have, rest in zip(problem.demand.tolist(), room, strict=True)]
        sides = ((sold, terms.seller_minimum), (bought, terms.buyer_minimum_g))
        return all(
            filled == 0 or filled >= least
            for side, minimum in sides
            for filled, least in zip(side, minimum, strict=True)
        )

    def extend(edge: int, worth: int) -> None:
        nonlocal best
        if edge == len(edges):
            if worth > best and minima_hold():
                best = worth
            return
        seller, buyer, value = edges[edge]
        for count in range(left[seller] + 1):
            grams = packages_g(count, terms.package_g[seller])
            if grams > room[buyer]:
                break
            if count and (count < terms.seller_parcel[seller] or grams < terms.buyer_parcel_g[buyer]):
                continue
            left[seller] -= count
            room[buyer] -= grams
            extend(edge + 1, worth + grams * value)
            left[seller] += count
            room[buyer] += grams

    extend(0, 0)
    return best
