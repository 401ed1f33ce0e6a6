"""Every edge and every order held against the duals of all levels: kernels for `run`."""

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


def tied_on_every_level(
    ends: tuple[Ints, Ints],
    value: Ints,
    tiebreak: Ints,
    duals: tuple[Ints, Ints],
    least: tuple[Ints, Ints],
    ties: tuple[Ints, Ints],
    listed: Ints,
) -> tuple[int, int]:
    """List the edges tight on every level; how many, and how many edges have a weight that is not reached.

    An edge has a part in a level when it is tight on all before; one that has a weight not reached may be
    listed or not.
    ends, value and tiebreak have an entry an edge. duals: of the sellers and of the buyers, of the first
    level. least: of the second, dual less priority of each seller, and priority less dual of each buyer: an
    edge is tight where they are equal, and no sum can overflow. ties: duals of the third. listed: scratch,
    an entry an edge.
    """
    seller, buyer = ends
    seller_dual, buyer_dual = duals
    seller_least, buyer_least = least
    seller_tie, buyer_tie = ties
    reached = 0
    below = 0
    # no branch: that an edge is not tight is as good as random
    for edge in range(len(value)):
        dual = seller_dual[seller[edge]] + buyer_dual[buyer[edge]]
        listed[reached] = edge
        reached += dual <= value[edge]
        below += dual < value[edge]
    tied = 0
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


def hold_flow(
    listed: Ints,
    ends: tuple[Ints, Ints],
    capacities: tuple[Ints, Ints],
    flow: Ints,
    fills: tuple[Ints, Ints],
    ways: tuple[Ints, Ints, Ints],
) -> tuple[int, int]:
    """How many of these edges have flow, and how many of them one that is out of range.

    fills: 0 on entry, grams of each order on return. ways: at least as long as `listed`; on return they begin
    with seller, buyer (counted on from the sellers) and grams of each edge.
    """
    seller, buyer = ends
    supply, demand = capacities
    sold, bought = fills
    tail, head, along = ways
    sellers = len(supply)
    used = 0
    faults = 0
    for place in range(len(listed)):
        edge = listed[place]
        i = seller[edge]
        j = buyer[edge]
        grams = flow[edge]
        tail[place] = i
        head[place] = sellers + j
        along[place] = grams
        used += grams != 0
        if grams < 0 or grams > supply[i] or grams > demand[j]:
            faults += 1
        else:
            sold[i] += grams
            bought[j] += grams
    return used, faults


def hold_orders(
    capacity: Ints,
    filled: Ints,
    duals: tuple[Ints, Ints, Ints],
    noted: tuple[Ints, Ints],
    ways: tuple[Ints, Ints, Ints],
    places: tuple[int, int, int],
) -> int:
    """Add a way for each order of one side whose duals are 0 on every level; answers how many ways there are.

    An order has a part in a level when its duals are 0 on all before. duals: level by level. noted: faults
    (room for as many of each kind as are wanted), their counts (0 on entry). ways: orders, the root, and what
    is not filled. places: the ways there are on entry, the node of the first order, the root.
    """
    faults, counts = noted
    own, other, idle = ways
    found, first, root = places
    for order in range(len(capacity)):
        level = 0
        while level < LEVELS and duals[level][order] == 0:
            level += 1
        if level == LEVELS:
            own[found] = first + order
            other[found] = root
            idle[found] = capacity[order] - filled[order]
            found += 1
        elif duals[level][order] < 0:
            _note(2 * level, order, faults, counts)
        elif filled[order] < capacity[order]:
            _note(2 * level + 1, order, faults, counts)
    return found
