"""Every edge and every order held against the duals of all levels, in one pass each: kernels for `run`."""

from typing import Any

from market.rules.optimum.compiled import inner
from market.rules.optimum.problem import LEVELS

Ints = Any

ORDER_KINDS = 2 * LEVELS
"""Of faults: 2 * level where the dual is below 0, one more where it is above and the order not filled."""
EDGE_KINDS = 2 * LEVELS + 1
"""Of faults: 2 * level where the duals do not reach the weight, one more where there is flow though they are
above it; the last where the flow itself is out of range."""


@inner
def _note(kind: int, edge: int, faults: Ints, counts: Ints) -> None:
    most = len(faults) // len(counts)
    if counts[kind] < most:
        faults[kind * most + counts[kind]] = edge
        counts[kind] += 1


def hold_edges(
    ends: tuple[Ints, Ints],
    capacities: tuple[Ints, Ints],
    flow: Ints,
    weights: tuple[Ints, Ints, Ints, Ints],
    duals: tuple[Ints, Ints],
    fills: tuple[Ints, Ints],
    lists: tuple[Ints, Ints],
    noted: tuple[Ints, Ints],
) -> tuple[int, int]:
    """List the edges with flow and those tight on every level; answers how many there are of each.

    An edge has a part in a level when it is tight on all before.
    weights: value, sellers' and buyers' part of the second level, tie-break. duals: of the sellers and of
    the buyers, level after level. fills: 0 on entry, grams of each order on return. lists: scratch, an entry
    an edge. noted: faults (room for as many of each kind as are wanted), their counts (0 on entry).
    """
    seller, buyer = ends
    supply, demand = capacities
    value, seller_rank, buyer_rank, tiebreak = weights
    seller_dual, buyer_dual = duals
    sold, bought = fills
    traded, tied = lists
    faults, counts = noted
    kept = 0
    for edge in range(len(flow)):
        # no branch: that an edge is not tight is as good as random
        tied[kept] = edge
        reached = seller_dual[seller[edge]] + buyer_dual[buyer[edge]]
        kept += (reached <= value[edge]) | (flow[edge] != 0)
    trades = 0
    ties = 0
    for place in range(kept):
        edge = tied[place]
        i = seller[edge]
        j = buyer[edge]
        grams = flow[edge]
        if grams != 0:
            if grams < 0 or grams > supply[i] or grams > demand[j]:
                _note(2 * LEVELS, edge, faults, counts)
                continue
            sold[i] += grams
            bought[j] += grams
            traded[trades] = edge
            trades += 1
        tight = 0
        for level in range(LEVELS):
            if level == 0:
                weight = value[edge]
            elif level == 1:
                weight = seller_rank[i] + buyer_rank[j]
            else:
                weight = tiebreak[edge]
            reached = seller_dual[level * len(supply) + i] + buyer_dual[level * len(demand) + j]
            if reached != weight:
                if reached < weight:
                    _note(2 * level, edge, faults, counts)
                elif grams > 0:
                    _note(2 * level + 1, edge, faults, counts)
                break
            tight += 1
        if tight == LEVELS:
            tied[ties] = edge
            ties += 1
    return trades, ties


def hold_orders(capacity: Ints, filled: Ints, dual: Ints, free: Ints, noted: tuple[Ints, Ints]) -> int:
    """List the orders of one side whose duals are 0 on every level; answers how many there are.

    An order has a part in a level when its duals are 0 on all before. dual: level after level. free:
    scratch, an entry an order. noted: as in `hold_edges`.
    """
    faults, counts = noted
    size = len(capacity)
    found = 0
    for order in range(size):
        level = 0
        while level < LEVELS and dual[level * size + order] == 0:
            level += 1
        if level == LEVELS:
            free[found] = order
            found += 1
        elif dual[level * size + order] < 0:
            _note(2 * level, order, faults, counts)
        elif filled[order] < capacity[order]:
            _note(2 * level + 1, order, faults, counts)
    return found
