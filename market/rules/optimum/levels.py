"""Every edge and every order held against the duals of all levels: kernels for `run`."""

from typing import Any

from market.rules.optimum.compiled import inner
from market.rules.optimum.problem import GUARD, LEVELS

Ints = Any
Sides = tuple[Ints, Ints]
"""Of the sellers, and of the buyers."""
LevelSides = tuple[Sides, Sides, Sides]
Ways = tuple[Ints, Ints, Ints, Ints, Ints]


@inner
def _add_way(tail: int, head: int, grams: int, found: int, ways: Ways) -> int:
    tails, heads, along, degree, joined = ways
    tails[found] = tail
    heads[found] = head
    along[found] = grams
    degree[tail] += 1
    degree[head] += 1
    joined[tail] ^= found
    joined[head] ^= found
    return found + 1


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
def _tie(
    ends: Sides, tiebreak: Ints, least: Sides, ties: Sides, reached: int, listed: Ints
) -> tuple[int, int]:
    """Of the first `reached` that are listed, those tight on the second and third level, as `reach`."""
    seller, buyer = ends
    seller_least, buyer_least = least
    seller_tie, buyer_tie = ties
    tied = 0
    below = 0
    for place in range(reached):
        edge = listed[place]
        i = seller[edge]
        j = buyer[edge]
        if seller_least[i] == buyer_least[j]:
            dual = seller_tie[i] + buyer_tie[j]
            listed[tied] = edge
            tied += dual <= tiebreak[edge]
            below += dual < tiebreak[edge]
        else:
            below += seller_least[i] < buyer_least[j]
    return tied, below


@inner
def _flow(
    ends: Sides, flow: Ints, capacities: Sides, fills: Sides, tied: tuple[int, Ints], ways: Ways
) -> int:
    """Fill orders by the edges that are tight, each of which is a way; answers on how many flow is wrong.

    It is where it is on any other edge, or out of range.
    """
    seller, buyer = ends
    supply, demand = capacities
    sold, bought = fills
    found, listed = tied
    sellers = len(supply)
    wrong = 0
    for edge in range(len(flow)):
        wrong += flow[edge] != 0
    for place in range(found):
        edge = listed[place]
        i = seller[edge]
        j = buyer[edge]
        grams = flow[edge]
        _add_way(i, sellers + j, grams, place, ways)
        if 0 <= grams <= supply[i] and grams <= demand[j]:
            wrong -= grams != 0
            sold[i] += grams
            bought[j] += grams
    return wrong


@inner
def _orders(
    side: int, root: int, capacity: Ints, filled: Ints, duals: tuple[Ints, Ints, Ints], found: int, ways: Ways
) -> tuple[int, int]:
    """Add a way for each order of one side whose duals are 0 on every level; how many there are, and faults.

    An order has a part in a level when its duals are 0 on all before: its dual is at least 0 there, and 0
    unless it is filled. On no level may it be out of range.
    """
    first = side * (root - len(capacity))
    faults = 0
    for order in range(len(capacity)):
        level = 0
        for each in range(LEVELS):
            faults += duals[each][order] >= GUARD or duals[each][order] <= -GUARD
        while level < LEVELS and duals[level][order] == 0:
            level += 1
        faults += filled[order] > capacity[order]
        if level == LEVELS:
            tail = root if side else first + order
            head = first + order if side else root
            found = _add_way(tail, head, capacity[order] - filled[order], found, ways)
        else:
            faults += duals[level][order] < 0 or filled[order] < capacity[order]
    return found, faults


@inner
def _strip(ways: Ways, found: int) -> int:
    """Take away ways that alone lead to one of their ends until there are none: how many are left.

    A node that has one way left knows it: what all its ways come to, xor-ed.
    """
    tail, head, _, degree, joined = ways
    left = found
    for start in range(len(degree)):
        node = start
        while degree[node] == 1:
            way = joined[node]
            degree[node] = 0
            node = tail[way] + head[way] - node
            degree[node] -= 1
            joined[node] ^= way
            left -= 1
    return left


def hold(
    ends: Sides,
    tiebreak: Ints,
    flow: Ints,
    duals: LevelSides,
    least: Sides,
    capacities: Sides,
    listed: tuple[int, Ints],
    fills: Sides,
    ways: Ways,
) -> tuple[int, int, int]:
    """Whether nothing is wrong: how many ways there are, how many faults, and how many ways leaves leave.

    Fills are right, and ways complete, where there are no faults. An edge has a part in a level when it is
    tight on all before; an edge with a fault may count as tight or not.
    ends, tiebreak and flow have an entry an edge. duals: level by level. least: of the second, dual less
    priority of each seller, and priority less dual of each buyer: an edge is tight where they are equal, and
    no sum can overflow. listed: by `reach`, how many and which; changed. fills: 0 on entry, grams of each
    order on return. ways: tail, head and grams of the edges tight on every level, of the ways of sellers
    with duals of 0 on every level to the root, and from there to such buyers; nodes are sellers, then buyers,
    and the root is last. With two entries a node, 0 on entry: how many ways it has, and scratch.
    """
    supply, demand = capacities
    root = len(supply) + len(demand)
    reached, edges = listed
    tied, loose = _tie(ends, tiebreak, least, duals[2], reached, edges)
    wrong = _flow(ends, flow, capacities, fills, (tied, edges), ways)
    of_sellers = (duals[0][0], duals[1][0], duals[2][0])
    of_buyers = (duals[0][1], duals[1][1], duals[2][1])
    found, at_sellers = _orders(0, root, supply, fills[0], of_sellers, tied, ways)
    found, at_buyers = _orders(1, root, demand, fills[1], of_buyers, found, ways)
    return found, loose + wrong + at_sellers + at_buyers, _strip(ways, found)
