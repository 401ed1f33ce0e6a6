"""Is this flow the best, level by level? Checked from the numbers alone; no solver in here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.rules.optimum.compiled import run
from market.rules.optimum.levels import EDGE_KINDS, ORDER_KINDS, hold_edges, hold_orders
from market.rules.optimum.problem import GUARD, Int32s, Int64s, Problem, Solution, exact_dot
from market.rules.optimum.transport_graph import has_cycle

VIOLATIONS_PER_RULE_MAX = 100
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
    if held.edge_faults[-1]:
        return list(_flow_out_of_range(problem, solution.flow, held.edge_faults[-1]))
    for field, filled, capacity in (
        ("flow of supply", held.sold, problem.supply),
        ("flow of demand", held.bought, problem.demand),
    ):
        over = np.flatnonzero(filled > capacity)
        violations += _broken("capacity", field, over, filled, "at most {}", capacity[over])
    for level, fields in enumerate(DUALS):
        duals = [getattr(solution, field) for field in fields]
        violations += _level_edges(problem, solution, level, held)
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

    flow, weights: of the edges with flow, level by level. tied, free: edges tight, and orders of each side
    with duals of 0, on every level. faults: edges and, side by side, orders, by kind.
    """

    sold: Int64s
    bought: Int64s
    flow: Int64s
    weights: tuple[Int64s, Int64s, Int64s]
    tied: Int32s
    free: tuple[Int32s, Int32s]
    edge_faults: list[list[int]]
    order_faults: tuple[list[list[int]], list[list[int]]]


def _held(problem: Problem, solution: Solution) -> _Held:
    edges, capacities = problem.edges, (_fixed(problem.supply), _fixed(problem.demand))
    sold, bought = fills = np.zeros_like(problem.supply), np.zeros_like(problem.demand)
    traded, tied = (np.empty(edges, dtype=np.int32) for _ in range(2))
    tiebreak = np.zeros(edges, dtype=np.int64) if problem.tiebreak is None else problem.tiebreak
    priorities = problem.priorities
    duals = [_fixed(np.concatenate([getattr(solution, pair[side]) for pair in DUALS])) for side in (0, 1)]
    noted = _noted(EDGE_KINDS)
    trades, ties = run(
        hold_edges,
        edges,
        (_fixed(problem.seller), _fixed(problem.buyer)),
        capacities,
        _fixed(solution.flow),
        tuple(map(_fixed, (problem.value, *priorities, tiebreak))),
        tuple(duals),
        fills,
        (traded, tied),
        noted,
    )
    free, order_faults = [], []
    for capacity, filled, dual in zip(capacities, fills, duals, strict=True):
        listed, of_side = np.empty(len(filled), dtype=np.int32), _noted(ORDER_KINDS)
        count = run(hold_orders, edges, capacity, _fixed(filled), dual, listed, of_side)
        free.append(listed[:count])
        order_faults.append(_by_kind(of_side))
    used = traded[:trades]
    priority = priorities[0][problem.seller[used]] + priorities[1][problem.buyer[used]]
    return _Held(
        sold=sold,
        bought=bought,
        flow=solution.flow[used],
        weights=(problem.value[used], priority, tiebreak[used]),
        tied=tied[:ties],
        free=(free[0], free[1]),
        edge_faults=_by_kind(noted),
        order_faults=(order_faults[0], order_faults[1]),
    )


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
    tied: Int64s | slice = slice(None)
    for level, (seller_field, buyer_field) in enumerate(DUALS[:2]):
        seller_dual, buyer_dual = getattr(solution, seller_field), getattr(solution, buyer_field)
        reached = seller_dual[problem.seller[tied]] + buyer_dual[problem.buyer[tied]]
        tight = reached == problem.weight(level, tied)
        tied = np.flatnonzero(tight) if isinstance(tied, slice) else tied[tight]
    assert not isinstance(tied, slice)
    return tied


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


def _flow_out_of_range(problem: Problem, flow: Int64s, edges: list[int]) -> Iterator[Violation]:
    for edge in edges:
        most = min(int(problem.supply[problem.seller[edge]]), int(problem.demand[problem.buyer[edge]]))
        required = "at least 0" if flow[edge] < 0 else f"at most {most}"
        yield Violation("range", "flow", edge, int(flow[edge]), required)


def _broken(
    rule: str, field: str, indices: Int64s, found: Int64s, required: str, bounds: Int64s | None = None
) -> Iterator[Violation]:
    """At each of `indices`, with what is found there; `bounds`, if any, are as long as `indices`."""
    for place, index in enumerate(indices[:VIOLATIONS_PER_RULE_MAX].tolist()):
        wanted = required if bounds is None else required.format(int(bounds[place]))
        yield Violation(rule, field, index, int(found[index]), wanted)


def _level_edges(problem: Problem, solution: Solution, level: int, held: _Held) -> Iterator[Violation]:
    seller_field, buyer_field = DUALS[level]
    for rule, edges, required in (
        ("dual_feasibility", held.edge_faults[2 * level], "at least {}"),
        ("complementary_slackness", held.edge_faults[2 * level + 1], "{} where flow"),
    ):
        if edges:
            places = np.array(edges)
            weights = problem.weight(level, places).tolist()
            sums = getattr(solution, seller_field)[problem.seller[places]]
            sums = sums + getattr(solution, buyer_field)[problem.buyer[places]]
            for edge, found, weight in zip(edges, sums.tolist(), weights, strict=True):
                field = f"{seller_field} + {buyer_field}"
                yield Violation(rule, field, edge, found, required.format(weight))


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
    tail = np.concatenate([problem.seller[held.tied], sellers_free, from_root])
    selling = np.int32(sellers)
    head = np.concatenate([problem.buyer[held.tied] + selling, to_root, buyers_free + selling])
    unsold = problem.supply[sellers_free] - held.sold[sellers_free]
    unbought = problem.demand[buyers_free] - held.bought[buyers_free]
    flow = np.concatenate([solution.flow[held.tied], unsold, unbought])
    unique = not residual_cycle(tail, head, flow, root + 1, problem.edges)
    if solution.unique != unique:
        yield Violation("unique", "unique", None, str(solution.unique), str(unique))
