"""Components, shortest ways and cycles of a transport graph, as kernels for `compiled.run`."""

from typing import Any

from market.rules.optimum.compiled import inner

Ints = Any
Heap = tuple[Ints, Ints, Ints]

UNREACHED = (1 << 63) - 1


@inner
def _set_of(node: int, group: Ints) -> int:
    while group[node] != node:
        group[node] = group[group[node]]
        node = group[node]
    return node


def group_arcs(tail: Ints, head: Ints, group: Ints, starts: Ints, order: Ints) -> int:
    """Order arcs by connected component (the root joins nothing); answers the number of components.

    Arc e < len(tail) is edge e; arc len(tail) + x joins node x and the root. Component k is
    order[starts[k]:starts[k + 1]], its edges first. `group` is scratch (one entry per node), `starts` two
    longer.
    """
    edges = len(tail)
    nodes = len(group)
    for node in range(nodes):
        group[node] = node
    for edge in range(edges):
        left = _set_of(tail[edge], group)
        right = _set_of(head[edge], group)
        if left < right:
            group[right] = left
        else:
            group[left] = right
    count = 0
    for node in range(nodes):
        if group[node] == node:
            count += 1
            group[node] = -count
        else:
            # links lead to lower nodes, which carry their component's label by now
            group[node] = group[group[node]]
    for place in range(nodes + 2):
        starts[place] = 0
    for edge in range(edges):
        starts[1 - group[tail[edge]]] += 1
    for node in range(nodes):
        starts[1 - group[node]] += 1
    for place in range(1, nodes + 2):
        starts[place] += starts[place - 1]
    for edge in range(edges):
        component = -group[tail[edge]]
        order[starts[component]] = edge
        starts[component] += 1
    for node in range(nodes):
        component = -group[node]
        order[starts[component]] = edges + node
        starts[component] += 1
    return count


@inner
def _join(sellers: int, ends: tuple[Ints, Ints], group: Ints, met: Ints) -> None:
    """Sets of orders that edges join, each by its lowest; met: 0 where an order has an edge, else -1."""
    seller, buyer = ends
    for order in range(len(group)):
        group[order] = order
        met[order] = -1
    edge = 0
    while edge < len(seller):
        of = seller[edge]
        left = _set_of(of, group)
        while edge < len(seller) and seller[edge] == of:
            right = _set_of(sellers + buyer[edge], group)
            if left != right:
                met[left] = 0
                met[right] = 0
                low = min(left, right)
                group[max(left, right)] = low
                left = low
            edge += 1


@inner
def _label(seller: Ints, group: Ints, met: Ints, starts: Ints, firsts: Ints) -> tuple[int, int]:
    """In place of its set -1 for each order of the first, -2 of the second, …; how many sets and orders.

    starts, firsts: on return where the arcs and the nodes of each set begin, one place further on.
    """
    for place in range(len(starts)):
        starts[place] = 0
        firsts[place] = 0
    count = 0
    nodes = 0
    for order in range(len(group)):
        if met[order] == 0:
            nodes += 1
            if group[order] == order:
                count += 1
                group[order] = -count
            else:
                # links lead to lower orders, which carry their component's label by now
                group[order] = group[group[order]]
            starts[1 - group[order]] += 1
            firsts[1 - group[order]] += 1
    edge = 0
    while edge < len(seller):
        first = edge
        while edge < len(seller) and seller[edge] == seller[first]:
            edge += 1
        starts[1 - group[seller[first]]] += edge - first
    for place in range(1, len(starts)):
        starts[place] += starts[place - 1]
        firsts[place] += firsts[place - 1]
    return count, nodes


def lay_out(
    sellers: int,
    ends: tuple[Ints, Ints],
    value: Ints,
    offsets: tuple[Ints, Ints],
    nodes: tuple[Ints, Ints, Ints],
    arcs: tuple[Ints, Ints, Ints, Ints],
) -> tuple[int, int]:
    """Number orders that have an edge, and lay out all arcs, by connected component; how many of both.

    Orders are sellers, then buyers; `ends` of each edge. A component's nodes stand side by side, so that what
    is looked up while it is solved lies together; the root comes last. Its arcs are its edges, then its
    orders' own to or from the root. Fastest where the edges of a seller follow one another.
    offsets: where each component's arcs start, and scratch, both two longer than the orders. nodes: scratch,
    the node of each order (-1 where it has no edge), and the place of each node's own arc. arcs: number
    (edges, then edges + order), tail, head and value, 0 of orders' own.
    """
    seller, buyer = ends
    starts, firsts = offsets
    group, node, own = nodes
    number, tail, head, weight = arcs
    edges = len(seller)
    _join(sellers, ends, group, node)
    count, root = _label(seller, group, node, starts, firsts)
    for order in range(len(group)):
        if node[order] == 0:
            component = -group[order]
            node[order] = firsts[component]
            firsts[component] += 1
    edge = 0
    while edge < edges:
        of = seller[edge]
        component = -group[of]
        at = starts[component]
        while edge < edges and seller[edge] == of:
            number[at] = edge
            tail[at] = node[of]
            head[at] = node[sellers + buyer[edge]]
            weight[at] = value[edge]
            at += 1
            edge += 1
        starts[component] = at
    for order in range(len(group)):
        if node[order] >= 0:
            component = -group[order]
            at = starts[component]
            starts[component] += 1
            number[at] = edges + order
            tail[at] = node[order] if order < sellers else root
            head[at] = root if order < sellers else node[order]
            weight[at] = 0
            own[node[order]] = at
    return count, root


@inner
def _raise(node: int, heap: Heap) -> None:
    """Move a node whose distance fell towards the top; `place` answers where each node stands in `queue`."""
    queue, place, distance = heap
    at = place[node]
    while at > 0:
        above = (at - 1) // 2
        other = queue[above]
        if distance[other] <= distance[node]:
            break
        queue[at] = other
        place[other] = at
        at = above
    queue[at] = node
    place[node] = at


@inner
def _take(size: int, heap: Heap) -> Any:
    """Take the nearest of `size` queued nodes."""
    queue, place, distance = heap
    nearest = queue[0]
    size -= 1
    node = queue[size]
    at = 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and distance[queue[below + 1]] < distance[queue[below]]:
            below += 1
        if distance[queue[below]] >= distance[node]:
            break
        queue[at] = queue[below]
        place[queue[at]] = at
        at = below
    queue[at] = node
    place[node] = at
    place[nearest] = -1
    return nearest


@inner
def _rows(index: Ints, chosen: Ints, starts: Ints, order: Ints) -> None:
    """Entries e with chosen[e] != 0, grouped: those with index[e] = i are order[starts[i]:starts[i + 1]]."""
    for i in range(len(starts)):
        starts[i] = 0
    for entry in range(len(index)):
        if chosen[entry] != 0:
            starts[index[entry] + 2] += 1
    for i in range(2, len(starts)):
        starts[i] += starts[i - 1]
    for entry in range(len(index)):
        if chosen[entry] != 0:
            i = index[entry] + 1
            order[starts[i]] = entry
            starts[i] += 1


@inner
def _at_nothing(
    ends: tuple[Ints, Ints, Ints, Ints],
    length: Ints,
    queue: Ints,
    distance: Ints,
    near_rows: tuple[Ints, Ints],
    far_rows: tuple[Ints, Ints],
) -> None:
    """All nodes that ways of length 0 lead to, and the edges from there: most nodes, and no order among them.

    ends: near and far of each edge, near and far of each edge in use.
    """
    _, far, used_near, _ = ends
    near_starts, near_edges = near_rows
    far_starts, far_edges = far_rows
    nears = len(near_starts) - 2
    queued = 0
    for node in range(len(distance)):
        if distance[node] == 0:
            queue[queued] = node
            queued += 1
    taken = 0
    while taken < queued:
        node = queue[taken]
        taken += 1
        if node < nears:
            for at in range(near_starts[node], near_starts[node + 1]):
                edge = near_edges[at]
                other = nears + far[edge]
                if length[edge] < distance[other]:
                    distance[other] = length[edge]
                    if length[edge] == 0:
                        queue[queued] = other
                        queued += 1
        else:
            for at in range(far_starts[node - nears], far_starts[node - nears + 1]):
                other = used_near[far_edges[at]]
                if distance[other] > 0:
                    distance[other] = 0
                    queue[queued] = other
                    queued += 1


def distances(
    ends: tuple[Ints, Ints, Ints, Ints],
    length: Ints,
    every: Ints,
    heap: Heap,
    near_rows: tuple[Ints, Ints],
    far_rows: tuple[Ints, Ints],
) -> None:
    """Shortest ways from the root: near -> far by an edge at its length, far -> near by edges in use at 0.

    Nodes are the near side, then the far side. ends: near and far of each edge, near and far of each edge in
    use. heap = (queue, place, distance): scratch, scratch, and distances, on entry the direct ways (far: all
    have one; near: 0 or UNREACHED), on return the shortest.
    Lengths must not be negative, so a near node's first distance is its last.
    every: a 1 per edge, and per edge in use. rows = (starts two longer than the side, order as long as the
    edges, or as those in use): scratch.
    """
    near, far, used_near, used_far = ends
    queue, place, distance = heap
    near_starts, near_edges = near_rows
    far_starts, far_edges = far_rows
    nears = len(near_starts) - 2
    _rows(near, every, near_starts, near_edges)
    _rows(used_far, every, far_starts, far_edges)
    _at_nothing(ends, length, queue, distance, near_rows, far_rows)
    size = 0
    for node in range(nears, len(distance)):
        if distance[node] > 0:
            place[node] = size
            size += 1
            _raise(node, heap)
    while size > 0:
        node = _take(size, heap)
        size -= 1
        reached = distance[node]
        if node < nears:
            for at in range(near_starts[node], near_starts[node + 1]):
                edge = near_edges[at]
                other = nears + far[edge]
                if reached + length[edge] < distance[other]:
                    distance[other] = reached + length[edge]
                    _raise(other, heap)
        else:
            for at in range(far_starts[node - nears], far_starts[node - nears + 1]):
                other = used_near[far_edges[at]]
                if distance[other] == UNREACHED:
                    distance[other] = reached
                    place[other] = size
                    size += 1
                    _raise(other, heap)


@inner
def _merge(tail: Ints, head: Ints, idle: Ints, group: Ints, waiting: Ints) -> int:
    """Merge the ends of arcs with flow, let idle arcs join the sets: how many sets, or 0 on a cycle."""
    sets = len(group)
    for node in range(sets):
        group[node] = node
        waiting[node] = 0
    for arc in range(len(tail)):
        if idle[arc] == 0:
            left = _set_of(tail[arc], group)
            right = _set_of(head[arc], group)
            if left == right:
                return 0
            group[right] = left
            sets -= 1
    for arc in range(len(tail)):
        if idle[arc] == 1:
            tail[arc] = _set_of(tail[arc], group)
            head[arc] = _set_of(head[arc], group)
            if tail[arc] == head[arc]:
                return 0
            waiting[head[arc]] += 1
    return sets


def has_cycle(
    tail: Ints, head: Ints, idle: Ints, group: Ints, waiting: Ints, queue: Ints, rows: tuple[Ints, Ints]
) -> int:
    """1 when flow can be sent round some cycle, forward along any arc and back along those not idle, else 0.

    tail, head, idle (1 when without flow): one entry per arc, all arcs distinct pairs of nodes; tail and
    head are changed. group, waiting, queue: scratch, one entry per node. rows = (starts two longer, order:
    one entry per arc). Arcs with flow go both ways, so their ends are merged; a cycle is then an arc within
    a merged set, or a directed cycle of idle arcs between sets (looked for by taking away sets that nothing
    enters).
    """
    starts, order = rows
    sets = _merge(tail, head, idle, group, waiting)
    if sets == 0:
        return 1
    _rows(tail, idle, starts, order)
    queued = 0
    for node in range(len(group)):
        if group[node] == node and waiting[node] == 0:
            queue[queued] = node
            queued += 1
    taken = 0
    while taken < queued:
        node = queue[taken]
        taken += 1
        for at in range(starts[node], starts[node + 1]):
            other = head[order[at]]
            waiting[other] -= 1
            if waiting[other] == 0:
                queue[queued] = other
                queued += 1
    return 1 if taken < sets else 0
