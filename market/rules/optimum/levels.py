"""Checks every edge and every order against the duals of all levels: kernels for `run`."""

from typing import Any

from market.rules.optimum.compiled import inner
from market.rules.optimum.problem import GUARD, LEVELS

Ints = Any
Sides = tuple[Ints, Ints]
"""Of the sellers, and of the buyers."""
LevelSides = tuple[Sides, Sides, Sides]
Orders = tuple[Ints, Ints, Ints, Ints]
"""Capacity, and duals level by level."""

LOW_BITS = 20
LOW = (1 << LOW_BITS) - 1
INT64_MAX = (1 << 63) - 1


def reach(ends: Sides, value: Ints, duals: Sides, listed: Ints) -> tuple[int, int]:
    """List the edges whose duals are at most their value: how many, and of how many they are less.

    A kernel of its own: compiled with `hold` as one, both take a seventh longer.
    """
    seller, buyer = ends
    seller_dual, buyer_dual = duals
    reached = 0
    below = 0
    # no branch: that an edge is not tight is as good as random
    for edge in range(len(value)):
        dual = seller_dual[seller[edge]] + buyer_dual[buyer[edge]]
        listed[reached] = edge
        reached += dual <= value[edge]
        below += dual < value[edge]
    return reached, below


@inner
def _out_of_range(duals: LevelSides) -> bool:
    most = 0
    least = 0
    for level in range(LEVELS):
        for side in range(2):
            for dual in duals[level][side]:
                most = max(most, dual)
                least = min(least, dual)
    return most >= GUARD or least <= -GUARD


@inner
def _pair(duals: LevelSides, priorities: Sides, pairs: Ints) -> None:
    """What the second and the third level ask of each order, side by side: they are looked up together.

    Of the second, dual less priority of sellers, and priority less dual of buyers: an edge is tight where
    they are equal, and no sum can overflow.
    """
    sellers = len(priorities[0])
    for order in range(sellers):
        pairs[2 * order] = duals[1][0][order] - priorities[0][order]
        pairs[2 * order + 1] = duals[2][0][order]
    for order in range(len(priorities[1])):
        pairs[2 * (sellers + order)] = priorities[1][order] - duals[1][1][order]
        pairs[2 * (sellers + order) + 1] = duals[2][1][order]


@inner
def _tie(
    ends: Sides, tiebreak: Ints, pairs: Ints, sellers: int, reached: int, listed: Ints
) -> tuple[int, int]:
    """Of the first `reached` that are listed, those tight on the second and third level, as `reach`."""
    seller, buyer = ends
    tied = 0
    below = 0
    for place in range(reached):
        edge = listed[place]
        i = 2 * seller[edge]
        j = 2 * (sellers + buyer[edge])
        if pairs[i] == pairs[j]:
            dual = pairs[i + 1] + pairs[j + 1]
            listed[tied] = edge
            tied += dual <= tiebreak[edge]
            below += dual < tiebreak[edge]
        else:
            below += pairs[i] < pairs[j]
    return tied, below


@inner
def _flow(
    ends: Sides, flow: Ints, capacities: Sides, fills: Ints, tied: int, listed: Ints, graph: Ints
) -> int:
    """Fill orders by the edges that are tight, each of which is a way; answers on how many flow is wrong.

    It is where it is on any other edge, or out of range.
    """
    seller, buyer = ends
    supply, demand = capacities
    degree, others = graph[0], graph[1]
    sellers = len(supply)
    wrong = 0
    for edge in range(len(flow)):
        wrong += flow[edge] != 0
    for place in range(tied):
        edge = listed[place]
        i = seller[edge]
        j = buyer[edge]
        at = sellers + j
        grams = flow[edge]
        degree[i] += 1
        degree[at] += 1
        others[i] ^= at
        others[at] ^= i
        if 0 <= grams <= supply[i] and grams <= demand[j]:
            wrong -= grams != 0
            fills[i] += grams
            fills[at] += grams
    return wrong


@inner
def _orders(first: int, root: int, orders: Orders, fills: Ints, graph: Ints) -> tuple[int, int]:
    """Add a way to or from the root for each order of one side whose duals are 0 on every level; faults.

    An order has a part in a level when its duals are 0 on all before: its dual is at least 0 there, and 0
    unless it is filled.
    """
    capacity, of_value, of_rank, of_tiebreak = orders
    degree, others = graph[0], graph[1]
    free = 0
    joined = 0
    faults = 0
    for order in range(len(capacity)):
        dual = of_value[order]
        later = of_rank[order]
        last = of_tiebreak[order]
        dual = dual if dual != 0 else later
        dual = dual if dual != 0 else last
        left = capacity[order] - fills[first + order]
        faults += (dual < 0) | (left < 0) | ((left > 0) & (dual != 0))
        degree[first + order] += dual == 0
        others[first + order] ^= root * (dual == 0)
        free += dual == 0
        joined ^= (first + order) * (dual == 0)
    degree[root] += free
    others[root] ^= joined
    return free, faults


@inner
def _worth(capacities: Sides, duals: Sides) -> tuple[int, int, bool]:
    """Capacity times dual of all orders in two parts: the first is to be shifted up by LOW_BITS.

    No dual may be less than 0. Neither overflows where the answer's last is true.
    """
    high = 0
    low = 0
    quantity = 1
    dearest = 0
    for side in range(2):
        for order in range(len(capacities[side])):
            grams = capacities[side][order]
            dual = duals[side][order]
            high += grams * (dual >> LOW_BITS)
            low += grams * (dual & LOW)
            quantity += grams
            dearest = max(dearest, dual)
    return high, low, max(dearest >> LOW_BITS, LOW) <= INT64_MAX // quantity


@inner
def _strip(graph: Ints) -> int:
    """Take away ways that alone lead to one of their ends until there are none: how many went.

    A node that has one way left knows where it leads: what its ways' other ends come to, xor-ed.
    """
    degree, others, leaves = graph[0], graph[1], graph[2]
    waiting = 0
    # no branch: which nodes are leaves is as good as random
    for node in range(len(degree) - 1):
        leaves[waiting] = node
        waiting += degree[node] == 1
    taken = 0
    gone = 0
    while taken < waiting:
        leaf = leaves[taken]
        taken += 1
        if degree[leaf] == 1:
            other = others[leaf]
            degree[leaf] = 0
            degree[other] -= 1
            others[other] ^= leaf
            gone += 1
            leaves[waiting] = other
            waiting += degree[other] == 1
    return gone


def hold(
    ends: Sides,
    tiebreak: Ints,
    flow: Ints,
    duals: LevelSides,
    priorities: Sides,
    capacities: Sides,
    listed: tuple[int, Ints],
    pairs: Ints,
    fills: Ints,
    graph: Ints,
) -> tuple[int, int, int, tuple[int, int, bool]]:
    """Whether nothing is wrong: how many edges are tight on every level, faults, how many ways leaves leave,
    and the dual total of the first level (`_worth`) where there are no faults.

    An edge has a part in a level when it is tight on all before; an edge with a fault may count as tight or
    not. A way is an edge that is tight on every level, or joins the root and an order with duals of 0 on
    every level; nodes are sellers, then buyers, and the root is last.
    ends, tiebreak and flow have an entry an edge. duals: level by level. listed: by `reach`, how many and
    which; on return first the edges tight on every level. pairs: scratch, two entries an order. fills: 0 on
    entry, grams of each order on return. graph: scratch of three rows, 0 on entry, with an entry a node and
    one more.
    """
    supply, demand = capacities
    sellers, root = len(supply), len(supply) + len(demand)
    reached, edges = listed
    if _out_of_range(duals):
        return 0, 1, 0, (0, 0, True)
    _pair(duals, priorities, pairs)
    tied, loose = _tie(ends, tiebreak, pairs, sellers, reached, edges)
    wrong = _flow(ends, flow, capacities, fills, tied, edges, graph)
    of_sellers = (supply, duals[0][0], duals[1][0], duals[2][0])
    of_buyers = (demand, duals[0][1], duals[1][1], duals[2][1])
    sold, at_sellers = _orders(0, root, of_sellers, fills, graph)
    bought, at_buyers = _orders(sellers, root, of_buyers, fills, graph)
    left = tied + sold + bought - _strip(graph)
    return tied, loose + wrong + at_sellers + at_buyers, left, _worth(capacities, duals[0])
