"""Primal network simplex for transport with an outside option, as kernels for `compiled.run`.

Nodes are sellers, then buyers, then the root (no trade). Every arc is uncapacitated and carries weight per
unit: seller -> buyer, seller -> root and root -> buyer (weight 0). `potential[tail] - potential[head] =
weight` on tree arcs, so a seller's potential is its dual and a buyer's is minus its dual. The tree is
strongly feasible: a tree arc without flow points to the root, and Cunningham's rule keeps it so (W. H.
Cunningham, "A network simplex method", Mathematical Programming 11, 1976), hence no cycling.

A tree is a tuple of int64 arrays with one entry per node: parent, arc to the parent, upward (1 when that
arc points to the parent), flow on that arc, depth, potential, first child, next sibling, previous sibling
(-1 for none).
"""

from typing import Any

from market.rules.optimum.compiled import inner

Ints = Any
Tree = tuple[Ints, ...]

NO_LIMIT = 1 << 62


@inner
def _hang(node: int, under: int, tree: Tree) -> None:
    parent, _, _, _, _, _, first_child, next_sibling, previous_sibling = tree
    sibling = first_child[under]
    parent[node] = under
    next_sibling[node] = sibling
    previous_sibling[node] = -1
    if sibling >= 0:
        previous_sibling[sibling] = node
    first_child[under] = node


@inner
def _unhang(node: int, tree: Tree) -> None:
    parent, _, _, _, _, _, first_child, next_sibling, previous_sibling = tree
    before = previous_sibling[node]
    after = next_sibling[node]
    if before >= 0:
        next_sibling[before] = after
    else:
        first_child[parent[node]] = after
    if after >= 0:
        previous_sibling[after] = before


@inner
def _entering(
    tail: Ints, head: Ints, weight: Ints, potential: Ints, first: int, last: int, block: int, at: int
) -> tuple[int, int]:
    """The best arc of the first block from `at` on where some arc gains (-1: none does); where to go on."""
    best = 0
    best_arc = -1
    left = last - first
    left_in_block = block
    while left > 0:
        until = min(at + min(left_in_block, left), last)
        for arc in range(at, until):
            gain = weight[arc] - potential[tail[arc]] + potential[head[arc]]
            if gain > best:
                best = gain
                best_arc = arc
        left -= until - at
        left_in_block -= until - at
        at = until if until < last else first
        if left_in_block == 0:
            if best_arc >= 0:
                break
            left_in_block = block
    return best_arc, at


@inner
def _leaving(low_tail: int, low_head: int, tree: Tree) -> tuple[int, bool, int]:
    """Node whose arc to its parent leaves, whether it is on the tail's side, and the flow to be pushed.

    Of the arcs that block, the last one met when following the cycle from its top, through the entering arc.
    """
    parent, _, upward, flow, depth, _, _, _, _ = tree
    tail_limit = NO_LIMIT
    head_limit = NO_LIMIT
    tail_node = -1
    head_node = -1
    while low_tail != low_head:
        tail_depth = depth[low_tail]
        head_depth = depth[low_head]
        if tail_depth >= head_depth:
            if upward[low_tail] == 1 and flow[low_tail] < tail_limit:
                tail_limit = flow[low_tail]
                tail_node = low_tail
            low_tail = parent[low_tail]
        if head_depth >= tail_depth:
            if upward[low_head] == 0 and flow[low_head] <= head_limit:
                head_limit = flow[low_head]
                head_node = low_head
            low_head = parent[low_head]
    if head_limit <= tail_limit:
        return head_node, False, head_limit
    return tail_node, True, tail_limit


@inner
def _push(low_tail: int, low_head: int, amount: int, tree: Tree) -> None:
    parent, _, upward, flow, depth, _, _, _, _ = tree
    while low_tail != low_head:
        tail_depth = depth[low_tail]
        head_depth = depth[low_head]
        if tail_depth >= head_depth:
            flow[low_tail] += amount - 2 * amount * upward[low_tail]
            low_tail = parent[low_tail]
        if head_depth >= tail_depth:
            flow[low_head] += 2 * amount * upward[low_head] - amount
            low_head = parent[low_head]


@inner
def regraft(top: int, lowest: int, under: int, arc: int, upward_arc: int, amount: int, tree: Tree) -> None:
    """Cut the subtree of `top`, re-root it at `lowest` and hang that under `under` by the entering arc."""
    parent, arc_up, upward, flow, _, _, _, _, _ = tree
    node = lowest
    while True:
        old_parent = parent[node]
        old_arc = arc_up[node]
        old_upward = upward[node]
        old_flow = flow[node]
        _unhang(node, tree)
        _hang(node, under, tree)
        arc_up[node] = arc
        upward[node] = upward_arc
        flow[node] = amount
        if node == top:
            break
        under = node
        arc = old_arc
        upward_arc = 1 - old_upward
        amount = old_flow
        node = old_parent


@inner
def _shift(top: int, change: int, tree: Tree) -> None:
    """Depths, and potentials by `change`, in the whole subtree of `top`."""
    parent, _, _, _, depth, potential, first_child, next_sibling, _ = tree
    node = top
    while True:
        potential[node] += change
        depth[node] = depth[parent[node]] + 1
        if first_child[node] >= 0:
            node = first_child[node]
            continue
        while node != top and next_sibling[node] < 0:
            node = parent[node]
        if node == top:
            break
        node = next_sibling[node]


@inner
def _weigh(weight: Ints, tree: Tree) -> None:
    """Depths and potentials of the whole tree for new weights; the root keeps 0 and 0."""
    parent, arc_up, upward, _, depth, potential, first_child, next_sibling, _ = tree
    root = len(parent) - 1
    depth[root] = 0
    potential[root] = 0
    node = first_child[root]
    while node >= 0 and node != root:
        above = parent[node]
        depth[node] = depth[above] + 1
        potential[node] = potential[above] + (2 * upward[node] - 1) * weight[arc_up[node]]
        if first_child[node] >= 0:
            node = first_child[node]
            continue
        while node != root and next_sibling[node] < 0:
            node = parent[node]
        if node != root:
            node = next_sibling[node]


def simplex(tail: Ints, head: Ints, weight: Ints, starts: Ints, tree: Tree, pivots_max: int) -> int:
    """Make the tree's flow one of the greatest weight, component after component; answers the pivots it took.

    tail, head, weight: one entry per arc, component k at [starts[k], starts[k + 1]). `tree` holds a strongly
    feasible tree of these arcs and is changed in place. Answers -1 when `pivots_max` was not enough.
    """
    potential = tree[5]
    _weigh(weight, tree)
    pivots = 0
    for component in range(len(starts) - 1):
        first = starts[component]
        last = starts[component + 1]
        block = 1
        while block * block < last - first:
            block += 1
        at = first
        while True:
            arc, at = _entering(tail, head, weight, potential, first, last, block, at)
            if arc < 0:
                break
            if pivots == pivots_max:
                return -1
            pivots += 1
            low_tail = tail[arc]
            low_head = head[arc]
            gain = weight[arc] - potential[low_tail] + potential[low_head]
            top, on_tail_side, amount = _leaving(low_tail, low_head, tree)
            if amount > 0:
                _push(low_tail, low_head, amount, tree)
            if on_tail_side:
                regraft(top, low_tail, low_head, arc, 1, amount, tree)
                _shift(low_tail, gain, tree)
            else:
                regraft(top, low_head, low_tail, arc, 0, amount, tree)
                _shift(low_head, -gain, tree)
    return pivots


def close_loose(
    weight: Ints, potential: Ints, arcs: tuple[Ints, Ints, Ints], starts: Ints, place: Ints
) -> int:
    """Keep the arcs that are tight, in their order; answers how many there are.

    arcs: of each arc its number, tail and head. starts: as for `simplex`. place: scratch, one entry an arc,
    on return where each that is kept stands now.
    """
    number, tail, head = arcs
    kept = 0
    for component in range(len(starts) - 1):
        first = kept
        for at in range(starts[component], starts[component + 1]):
            if weight[at] == potential[tail[at]] - potential[head[at]]:
                number[kept] = number[at]
                tail[kept] = tail[at]
                head[kept] = head[at]
                place[at] = kept
                kept += 1
        starts[component] = first
    starts[len(starts) - 1] = kept
    return kept


def weigh_priority(arcs: Ints, ends: tuple[Ints, Ints], priorities: tuple[Ints, Ints], weight: Ints) -> None:
    """Of each arc what the ends of its edge add up to; orders' own arcs keep their 0.

    arcs: edges, then edges + order. ends, priorities: of the sellers and of the buyers. weight: 0 on entry.
    """
    seller, buyer = ends
    of_seller, of_buyer = priorities
    for at in range(len(arcs)):
        edge = arcs[at]
        if edge < len(seller):
            weight[at] = of_seller[seller[edge]] + of_buyer[buyer[edge]]


def weigh_tiebreak(arcs: Ints, tiebreak: Ints, weight: Ints) -> None:
    """Of each arc the tie-break of its edge, as `weigh_priority`."""
    for at in range(len(arcs)):
        edge = arcs[at]
        if edge < len(tiebreak):
            weight[at] = tiebreak[edge]


def plant(tree: Tree) -> int:
    """Link a tree whose nodes have parents, arcs, directions and flows; answers how many hang on the root."""
    parent, _, _, _, _, _, first_child, next_sibling, previous_sibling = tree
    root = len(parent) - 1
    for node in range(root + 1):
        first_child[node] = -1
        next_sibling[node] = -1
        previous_sibling[node] = -1
    parent[root] = -1
    for node in range(root - 1, -1, -1):
        _hang(node, parent[node], tree)
    hanging = 0
    node = first_child[root]
    while node >= 0 and node != root:
        hanging += 1
        if first_child[node] >= 0:
            node = first_child[node]
            continue
        while node != root and next_sibling[node] < 0:
            node = parent[node]
        if node != root:
            node = next_sibling[node]
    return hanging
