"""Every edge and every order held against the duals of all levels, in one pass each: kernels for `run`."""

from typing import Any

from market.rules.optimum.compiled import inner
from market.rules.optimum.problem import LEVELS

Ints = Any

ORDER_KINDS = 2 * LEVELS
"""Of faults: 2 * level where the dual is below 0, one more where it is above and the order not filled."""


@inner
def _note(kind: int, order: int, faults: Ints, counts: Ints) -> None:
    most = len(faults) // len(counts)
    if counts[kind] < most:
        faults[kind * most + counts[kind]] = order
        counts[kind] += 1


def hold_edges(
    ends: tuple[Ints, Ints],
    capacities: tuple[Ints, Ints],
    flow: Ints,
    weights: tuple[Ints, Ints, Ints, Ints],
    duals: tuple[Ints, Ints],
    least: tuple[Ints, Ints],
    fills: tuple[Ints, Ints],
    trades: tuple[Ints, Ints, Ints, Ints],
    ties: tuple[Ints, Ints, Ints],
    block: tuple[Ints, Ints],
) -> tuple[int, int, int]:
    """List the edges with flow and those tight on every level; answers how many there are of each.

    And how many faults there are: flow out of range, duals that do not reach a weight, or exceed it where
    there is flow; not among them is flow where duals exceed the value: those edges are not looked at.
    An edge has a part in a level when it is tight on all before.
    ends, flow and the first and last of the weights have an entry an edge. weights: value, sellers' and
    buyers' part of the second level, tie-break. duals: of the sellers and of the buyers, of the first and
    the third level. least: of the second, dual less priority of each seller, and priority less dual of each
    buyer: an edge is tight where they are equal, and no sum can overflow. fills: 0 on entry, grams of each
    order on return. trades: scratch, grams and three weights of those with flow. ties: scratch, seller,
    buyer and grams of those tight. block: scratch, an entry for each edge of so many.
    """
    seller, buyer = ends
    supply, demand = capacities
    value, seller_rank, buyer_rank, tiebreak = weights
    seller_dual, buyer_dual = duals
    seller_least, buyer_least = least
    sold, bought = fills
    traded, traded_value, traded_priority, traded_tiebreak = trades
    tied_seller, tied_buyer, tied_flow = ties
    reached, looked_at = block
    faults = 0
    used = 0
    tied = 0
    for start in range(0, len(flow), len(reached)):
        size = min(len(reached), len(flow) - start)
        # nothing else in these loops, and no branch: that an edge is not tight is as good as random
        for place in range(size):
            edge = start + place
            reached[place] = seller_dual[seller[edge]] + buyer_dual[buyer[edge]] <= value[edge]
        kept = 0
        for place in range(size):
            looked_at[kept] = start + place
            kept += reached[place]
        for place in range(kept):
            edge = looked_at[place]
            i = seller[edge]
            j = buyer[edge]
            grams = flow[edge]
            if grams != 0:
                if grams < 0 or grams > supply[i] or grams > demand[j]:
                    faults += 1
                    continue
                sold[i] += grams
                bought[j] += grams
                traded[used] = grams
                traded_value[used] = value[edge]
                traded_priority[used] = seller_rank[i] + buyer_rank[j]
                traded_tiebreak[used] = tiebreak[edge]
                used += 1
            faults += seller_dual[i] + buyer_dual[j] < value[edge]
            if seller_least[i] == buyer_least[j]:
                dual = seller_dual[len(supply) + i] + buyer_dual[len(demand) + j]
                if dual == tiebreak[edge]:
                    tied_seller[tied] = i
                    tied_buyer[tied] = j
                    tied_flow[tied] = grams
                    tied += 1
                elif dual < tiebreak[edge] or grams > 0:
                    faults += 1
            elif seller_least[i] < buyer_least[j] or grams > 0:
                faults += 1
    return used, tied, faults


def hold_orders(capacity: Ints, filled: Ints, dual: Ints, free: Ints, noted: tuple[Ints, Ints]) -> int:
    """List the orders of one side whose duals are 0 on every level; answers how many there are.

    An order has a part in a level when its duals are 0 on all before. dual: level after level. free:
    scratch, an entry an order. noted: faults (room for as many of each kind as are wanted), their counts
    (0 on entry).
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
