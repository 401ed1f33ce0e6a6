"""Is this flow the best, level by level? Checked from the numbers alone; no solver in here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.rules.optimum.compiled import run
from market.rules.optimum.levels import ORDER_KINDS, hold_edges, hold_orders
from market.rules.optimum.problem import (
    GUARD,
    LEVELS,
    Int32s,
    Int64s,
    Problem,
    Solution,
    exact_dot,
    fills_g,
    used_edges,
)
from market.rules.optimum.transport_graph import has_cycle

VIOLATIONS_PER_RULE_MAX = 100
EDGES_AT_ONCE = 1 << 13
DUALS = (
    ("seller_dual", "buyer_dual"),
    ("seller_dual_rank", "buyer_dual_rank"),
    ("seller_dual_tiebreak", "buyer_dual_tiebreak"),
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: `field` at `index` (None: the whole field) holds `found`, the rule asks `required`.

    field: of the Solution; "a + b" is the sum of two duals, with the index of an edge; capacities show as
    "flow of supply" and "flow of demand", with the index of an order. Under strong_duality the two are
    primal and dual total.
    """

    rule: str
    field: str
    index: int | None
    found: int | str | None
    required: int | str | None

    def sentence(self) -> str:
        place = self.field if self.index is None else f"{self.field}[{self.index}]"
        return f"{self.rule}: {place} is {self.found}, required {self.required}"


def verify(problem: Problem, solution: Solution) -> list[Violation]:
    """All that keeps `solution` from being proved best and being what it claims; empty when it is proved.

    Capacities; at each level dual feasibility and complementary slackness on the arcs tight in all levels
    before, and equal primal and dual totals in Python integers; the claimed welfare; the uniqueness claim.
    At most VIOLATIONS_PER_RULE_MAX of each rule; arrays of a wrong shape or range stop the check there.
    """
    violations = list(_malformed(problem, solution))
    if violations:
        return violations
    held = _held(problem, solution)
    if held.faults:
        violations = list(_flow_out_of_range(problem, solution.flow))
        if violations:
            return violations
    for field, filled, capacity in (
        ("flow of supply", held.sold, problem.supply),
        ("flow of demand", held.bought, problem.demand),
    ):
        over = np.flatnonzero(filled > capacity)
        violations += _broken("capacity", field, over, filled, "at most {}", capacity[over])
    for level, fields in enumerate(DUALS):
        duals = [getattr(solution, field) for field in fields]
        if held.faults:
            violations += _level_edges(problem, solution, level)
        for field, dual, faults in zip(fields, duals, held.order_faults, strict=True):
            violations += _level_orders(field, dual, faults[2 * level : 2 * level + 2])
        primal = exact_dot(held.flow, held.weights[level])
        bound = exact_dot(problem.supply, duals[0]) + exact_dot(problem.demand, duals[1])
        if primal != bound:
            named = f"flow, {', '.join(fields)}"
            violations.append(Violation("strong_duality", named, None, primal, bound))
        if level == 0 and solution.welfare != primal:
            violations.append(Violation("welfare", "welfare", None, solution.welfare, primal))
    return violations or list(_unique_claim(problem, solution, held))


@dataclass(frozen=True, eq=False, slots=True)
class _Held:
    """What one pass over edges and orders found: see `hold_edges`, `hold_orders`.

    flow, weights: of the edges with flow, level by level. tied: seller, buyer and grams of the edges tight
    on every level. free: orders of each side with duals of 0 on every level. faults: whether any edge has
    one; then nothing is tied. order_faults: orders by kind, side by side.
    """

    sold: Int64s
    bought: Int64s
    flow: Int64s
    weights: tuple[Int64s, ...]
    tied: tuple[Int32s, Int32s, Int64s]
    free: tuple[Int32s, Int32s]
    faults: bool
    order_faults: tuple[list[list[int]], list[list[int]]]


def _held(problem: Problem, solution: Solution) -> _Held:
    edges, capacities = problem.edges, (_fixed(problem.supply), _fixed(problem.demand))
    fills = np.zeros_like(problem.supply), np.zeros_like(problem.demand)
    tiebreak = np.zeros(edges, dtype=np.int64) if problem.tiebreak is None else problem.tiebreak
    sellers_first, buyers_first = problem.priorities
    duals = [[getattr(solution, pair[side]) for pair in DUALS] for side in (0, 1)]
    trading = np.count_nonzero(solution.flow)
    trades = tuple(np.empty(trading, dtype=np.int64) for _ in range(1 + LEVELS))
    ties = _scratch32(edges), _scratch32(edges), np.empty(edges, dtype=np.int64)
    # uncompiled, scratch is copied at every call
    block = min(EDGES_AT_ONCE, max(1, edges))
    used, tied, faults = run(
        hold_edges,
        edges,
        # unsigned: compiled, an index that may be below 0 is looked at once more
        (_fixed(problem.seller).view(np.uint32), _fixed(problem.buyer).view(np.uint32)),
        capacities,
        _fixed(solution.flow),
        tuple(map(_fixed, (problem.value, sellers_first, buyers_first, tiebreak))),
        tuple(_fixed(np.concatenate([first, third])) for first, _, third in duals),
        (_fixed(duals[0][1] - sellers_first), _fixed(buyers_first - duals[1][1])),
        fills,
        trades,
        ties,
        (np.empty(block, dtype=np.uint8), _scratch32(block)),
    )
    if faults or used < trading:
        place = used_edges(solution.flow)
        weights = (problem.weight(level, place) for level in range(LEVELS))
        trades, fills, tied, faults = (solution.flow[place], *weights), fills_g(problem, solution.flow), 0, 1
    free, order_faults = [], []
    for capacity, filled, of_side in zip(capacities, fills, duals, strict=True):
        listed, noted = _scratch32(len(filled)), _noted(ORDER_KINDS)
        dual = _fixed(np.concatenate(of_side))
        count = run(hold_orders, edges, capacity, _fixed(filled), dual, listed, noted)
        free.append(listed[:count])
        order_faults.append(_by_kind(noted))
    return _Held(
        sold=fills[0],
        bought=fills[1],
        flow=trades[0],
        weights=trades[1:],
        tied=(ties[0][:tied], ties[1][:tied], ties[2][:tied]),
        free=(free[0], free[1]),
        faults=bool(faults),
        order_faults=(order_faults[0], order_faults[1]),
    )


def _scratch32(size: int) -> Int32s:
    return np.empty(size, dtype=np.int32)


_Noted = tuple[Int64s, Int64s]
"""Faults, so many of each kind, and their counts."""


def _noted(kinds: int) -> _Noted:
    return np.zeros(kinds * VIOLATIONS_PER_RULE_MAX, dtype=np.int64), np.zeros(kinds, dtype=np.int64)


def _by_kind(noted: _Noted) -> list[list[int]]:
    faults, counts = noted
    most = VIOLATIONS_PER_RULE_MAX
    return [faults[kind * most :][:count].tolist() for kind, count in enumerate(counts.tolist())]


def _fixed(array: Any) -> Any:
    """A read-only view, contiguous."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def tied_edges(problem: Problem, solution: Solution) -> Int64s:
    """Edges tight on the first two levels: of all others no best flow uses any, whatever their tie-break."""
    return _tight(problem, solution, 2)


def _tight(problem: Problem, solution: Solution, levels: int) -> Int64s:
    """Edges tight on the first `levels` levels, ascending."""
    tied = np.arange(problem.edges)
    for level in range(levels):
        tied = tied[_reached(problem, solution, level, tied) == problem.weight(level, tied)]
    return tied


def _reached(problem: Problem, solution: Solution, level: int, edges: Int64s) -> Int64s:
    seller_dual, buyer_dual = (getattr(solution, field) for field in DUALS[level])
    reached: Int64s = seller_dual[problem.seller[edges]] + buyer_dual[problem.buyer[edges]]
    return reached


def residual_cycle(tail: Int32s, head: Int32s, flow: Int64s, nodes: int, edges: int) -> bool:
    """Whether flow can go round some cycle of these arcs; `edges` of the problem decide on compiling."""
    scratch = [np.zeros(nodes, dtype=np.int64) for _ in range(3)]
    rows = np.zeros(nodes + 2, dtype=np.int64), np.zeros(len(tail), dtype=np.int64)
    idle = (flow == 0).astype(np.int64)
    return bool(run(has_cycle, edges + nodes, tail.copy(), head.copy(), idle, *scratch, rows))


def _malformed(problem: Problem, solution: Solution) -> Iterator[Violation]:
    sides = (len(problem.supply), len(problem.demand))
    sizes = {"flow": problem.edges} | {
        name: size for pair in DUALS for name, size in zip(pair, sides, strict=True)
    }
    for field, size in sizes.items():
        array: Any = getattr(solution, field)
        if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.shape != (size,):
            found = f"{array.dtype}{array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            yield Violation("shape", field, None, found, f"int64({size},)")
        elif field != "flow":
            wide = np.flatnonzero((array >= GUARD) | (array <= -GUARD))
            yield from _broken("range", field, wide, array, f"below {GUARD} in size")
    for field, kind in (("welfare", int), ("unique", bool)):
        claim = getattr(solution, field)
        if type(claim) is not kind:
            yield Violation("shape", field, None, type(claim).__name__, kind.__name__)


def _flow_out_of_range(problem: Problem, flow: Int64s) -> Iterator[Violation]:
    most = np.minimum(problem.supply[problem.seller], problem.demand[problem.buyer])
    for edge in np.flatnonzero((flow < 0) | (flow > most))[:VIOLATIONS_PER_RULE_MAX].tolist():
        required = "at least 0" if flow[edge] < 0 else f"at most {most[edge]}"
        yield Violation("range", "flow", edge, int(flow[edge]), required)


def _broken(
    rule: str, field: str, indices: Int64s, found: Int64s, required: str, bounds: Int64s | None = None
) -> Iterator[Violation]:
    """At each of `indices`, with what is found there; `bounds`, if any, are as long as `indices`."""
    for place, index in enumerate(indices[:VIOLATIONS_PER_RULE_MAX].tolist()):
        wanted = required if bounds is None else required.format(int(bounds[place]))
        yield Violation(rule, field, index, int(found[index]), wanted)


def _level_edges(problem: Problem, solution: Solution, level: int) -> Iterator[Violation]:
    edges = _tight(problem, solution, level)
    reached, weight = _reached(problem, solution, level, edges), problem.weight(level, edges)
    for rule, broken, required in (
        ("dual_feasibility", reached < weight, "at least {}"),
        ("complementary_slackness", (reached > weight) & (solution.flow[edges] > 0), "{} where flow"),
    ):
        for place in np.flatnonzero(broken)[:VIOLATIONS_PER_RULE_MAX].tolist():
            wanted = required.format(int(weight[place]))
            yield Violation(rule, " + ".join(DUALS[level]), int(edges[place]), int(reached[place]), wanted)


def _level_orders(field: str, dual: Int64s, faults: list[list[int]]) -> Iterator[Violation]:
    below, loose = faults
    for rule, orders, required in (
        ("dual_feasibility", below, "at least 0"),
        ("complementary_slackness", loose, "0 where not filled"),
    ):
        for order in orders:
            yield Violation(rule, field, order, int(dual[order]), required)


def _unique_claim(problem: Problem, solution: Solution, held: _Held) -> Iterator[Violation]:
    """Flow can go round no cycle of tied edges and of the ways between free orders and the root."""
    sellers, root = len(held.sold), len(held.sold) + len(held.bought)
    sellers_free, buyers_free = held.free
    to_root, from_root = (np.full(len(free), root, dtype=np.int32) for free in held.free)
    tied_seller, tied_buyer, tied_flow = held.tied
    tail = np.concatenate([tied_seller, sellers_free, from_root])
    selling = np.int32(sellers)
    head = np.concatenate([tied_buyer + selling, to_root, buyers_free + selling])
    unsold = problem.supply[sellers_free] - held.sold[sellers_free]
    unbought = problem.demand[buyers_free] - held.bought[buyers_free]
    flow = np.concatenate([tied_flow, unsold, unbought])
    unique = not residual_cycle(tail, head, flow, root + 1, problem.edges)
    if solution.unique != unique:
        yield Violation("unique", "unique", None, str(solution.unique), str(unique))
