"""Competitive prices: one optimal dual for every order, from the bounds of all optimal duals.

Sellers take the floor of the middle of their bounds, buyers the ceiling: u + v covers every value. In a thin
component the midpoint would reveal each side's limit to the other: there the duals move towards the dated
reference price, for term orders towards their index.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from market.rules.optimum import components as assignment_components
from market.rules.optimum.problem import Bounds, Int64s, Problem, Solution, exact_dot, fills_g


@dataclass(frozen=True, slots=True)
class Surpluses:
    """u of each seller above its ask and v of each buyer below limit + T, micro-EUR per kg, at least 0."""

    seller: Int64s
    buyer: Int64s


@dataclass(frozen=True, slots=True)
class Anchor:
    """The input for pricing thin components: groups of companies on both sides, asks, and a reference price.

    A component with fewer than `groups_min` groups on a side is thin. Prices are micro-EUR per basis kg;
    without a reference price (`ueur_per_kg` None), the midpoints stay.
    """

    seller_groups: Sequence[UUID]
    buyer_groups: Sequence[UUID]
    asks: Sequence[int]
    groups_min: int
    ueur_per_kg: int | None


def surpluses(problem: Problem, solution: Solution, bounds: Bounds, anchor: Anchor) -> Surpluses:
    """Midpoints, and in thin components the duals whose volume-weighted price is nearest the reference."""
    seller = (bounds.seller_low + bounds.seller_high) // 2
    buyer = -((-bounds.buyer_low - bounds.buyer_high) // 2)
    if anchor.ueur_per_kg is not None:
        sold, _ = fills_g(problem, solution.flow)
        for sellers, buyers in components(problem):
            if not _is_thin(sellers, buyers, anchor):
                continue
            alpha = _alpha(sellers, sold, bounds, anchor)
            for index in sellers:
                seller[index] = max(bounds.seller_high[index] - alpha, bounds.seller_low[index])
            for index in buyers:
                buyer[index] = min(bounds.buyer_low[index] + alpha, bounds.buyer_high[index])
    chosen = Surpluses(seller, buyer)
    _check(problem, solution, chosen)
    return chosen


def forgone(
    problem: Problem, chosen: Surpluses, removed: tuple[Collection[int], Collection[int]]
) -> tuple[Int64s, Int64s]:
    """What one kg more would gain each order at these prices, micro-EUR; above 0 it looks in the money.

    problem: before the orders in `removed` were; of those, with the counter-order that leaves them most.
    """
    found = chosen.seller.copy(), chosen.buyer.copy()
    sides = (problem.seller, problem.buyer, chosen.buyer), (problem.buyer, problem.seller, chosen.seller)
    for side, (own, other, theirs), gone in zip(found, sides, removed, strict=True):
        is_gone = np.zeros(len(side), dtype=np.bool_)
        is_gone[list(gone)] = True
        side[is_gone] = 0
        edges = np.flatnonzero(is_gone[own])
        np.maximum.at(side, own[edges], problem.value[edges] - theirs[other[edges]])
    return found


def components(problem: Problem) -> list[tuple[list[int], list[int]]]:
    """Sellers and buyers of each connected component that has an edge, in the order of their first seller."""
    component, _ = assignment_components.components(problem)
    sellers = len(problem.supply)
    orders = np.unique(np.concatenate([problem.seller, problem.buyer + np.int64(sellers)]))
    orders = orders[np.argsort(component[orders], kind="stable")]
    starts = np.flatnonzero(np.diff(component[orders], prepend=-1))
    return [
        (members[members < sellers].tolist(), (members[members >= sellers] - sellers).tolist())
        for members in np.split(orders, starts[1:])
        if len(members)
    ]


def _is_thin(sellers: Sequence[int], buyers: Sequence[int], anchor: Anchor) -> bool:
    seller_groups = {anchor.seller_groups[index] for index in sellers}
    buyer_groups = {anchor.buyer_groups[index] for index in buyers}
    return min(len(seller_groups), len(buyer_groups)) < anchor.groups_min


def _alpha(sellers: Sequence[int], sold: Int64s, bounds: Bounds, anchor: Anchor) -> int:
    """The least α whose volume-weighted price is nearest the reference; prices fall as α grows."""
    trading = [index for index in sellers if sold[index] > 0]
    grams = [int(sold[index]) for index in trading]
    lows = [int(bounds.seller_low[index]) for index in trading]
    highs = [int(bounds.seller_high[index]) for index in trading]
    wanted = sum(
        quantity * ((anchor.ueur_per_kg or 0) - anchor.asks[index])
        for quantity, index in zip(grams, trading, strict=True)
    )

    def surplus(alpha: int) -> int:
        return sum(
            quantity * max(high - alpha, low) for quantity, low, high in zip(grams, lows, highs, strict=True)
        )

    below, above = 0, max((high - low for low, high in zip(lows, highs, strict=True)), default=0)
    if surplus(above) > wanted:
        return above
    while below < above:
        middle = (below + above) // 2
        if surplus(middle) <= wanted:
            above = middle
        else:
            below = middle + 1
    if below > 0 and surplus(below - 1) - wanted <= wanted - surplus(below):
        return below - 1
    return below


def _check(problem: Problem, solution: Solution, chosen: Surpluses) -> None:
    """Prices outside the bounds are a broken invariant, never a result."""
    reached = chosen.seller[problem.seller] + chosen.buyer[problem.buyer]
    assert (chosen.seller >= 0).all()
    assert (chosen.buyer >= 0).all()
    assert (reached >= problem.value).all()
    assert (reached == problem.value)[solution.flow > 0].all()
    dual = exact_dot(problem.supply, chosen.seller) + exact_dot(problem.demand, chosen.buyer)
    assert dual == solution.welfare
