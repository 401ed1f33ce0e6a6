"""Is this flow the best, level by level? Checked from the numbers alone; no solver in here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.rules.optimum.compiled import run
from market.rules.optimum.levels import ORDER_KINDS, hold_flow, hold_orders, tied_on_every_level
from market.rules.optimum.problem import (
    GUARD,
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
    before; the claimed welfare; the uniqueness claim. Where all slackness holds, primal and dual totals are
    equal and need no adding up: there the dual total is the welfare. Elsewhere they are compared as well.
    Totals are Python integers. At most VIOLATIONS_PER_RULE_MAX of each rule; arrays of a wrong shape or
    range stop the check there.
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
    if violations or held.faults or any(map(any, held.order_faults)):
        violations += _by_level(problem, solution, held)
    else:
        violations += _welfare_claim(solution, _bound(problem, solution, 0))
    return violations or list(_unique_claim(problem, solution, held))


def _by_level(problem: Problem, solution: Solution, held: "_Held") -> Iterator[Violation]:
    used = used_edges(solution.flow)
    flow = solution.flow[used]
    for level, fields in enumerate(DUALS):
        if held.faults:
            yield from _level_edges(problem, solution, level)
        for field, faults in zip(fields, held.order_faults, strict=True):
            yield from _level_orders(field, getattr(solution, field), faults[2 * level : 2 * level + 2])
        primal, bound = exact_dot(flow, problem.weight(level, used)), _bound(problem, solution, level)
        if primal != bound:
            yield Violation("strong_duality", f"flow, {', '.join(fields)}", None, primal, bound)
        if level == 0:
            yield from _welfare_claim(solution, primal)


def _bound(problem: Problem, solution: Solution, level: int) -> int:
    seller_dual, buyer_dual = (getattr(solution, field) for field in DUALS[level])
    return exact_dot(problem.supply, seller_dual) + exact_dot(problem.demand, buyer_dual)


def _welfare_claim(solution: Solution, welfare: int) -> Iterator[Violation]:
    if solution.welfare != welfare:
        yield Violation("welfare", "welfare", None, solution.welfare, welfare)


@dataclass(frozen=True, eq=False, slots=True)
class _Held:
    """What was found of edges and orders: see `tied_on_every_level`, `hold_flow`, `hold_orders`.

    ways: tail, head and grams of the edges tight on every level, of the ways of sellers with duals of 0 on
    every level to the root, and from there to such buyers. Nodes are sellers, then buyers; the root is last.
    faults: whether any edge has one. order_faults: orders by kind, side by side.
    """

    sold: Int64s
    bought: Int64s
    ways: tuple[Int32s, Int32s, Int64s]
    faults: bool
    order_faults: list[list[list[int]]]


def _held(problem: Problem, solution: Solution) -> _Held:
    # first, so that its column is near when some of it is asked for
    trading = np.count_nonzero(solution.flow)
    # unsigned: compiled, an index that may be below 0 is looked at once more
    ends = _fixed(problem.seller).view(np.uint32), _fixed(problem.buyer).view(np.uint32)
    capacities = _fixed(problem.supply), _fixed(problem.demand)
    duals = [tuple(_fixed(getattr(solution, pair[side])) for pair in DUALS) for side in (0, 1)]
    edges, sellers, orders = problem.edges, len(problem.supply), len(problem.supply) + len(problem.demand)
    tied, below = _tied(problem, ends, duals)
    fills = np.zeros_like(problem.supply), np.zeros_like(problem.demand)
    most = len(tied) + orders
    tail, head = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)
    grams = np.empty(most, dtype=np.int64)
    used, wrong = run(
        hold_flow, edges, tied, ends, capacities, _fixed(solution.flow), fills, (tail, head, grams)
    )
    faults = bool(below or wrong or used < trading)
    if faults:
        fills = fills_g(problem, solution.flow)
    ways, order_faults = len(tied), []
    for side, outward in enumerate(((tail, head), (head, tail))):
        noted = _noted(ORDER_KINDS)
        ways = run(
            hold_orders,
            edges,
            capacities[side],
            _fixed(fills[side]),
            duals[side],
            noted,
            (*outward, grams),
            (ways, side * sellers, orders),
        )
        order_faults.append(_by_kind(noted))
    return _Held(
        *fills, ways=(tail[:ways], head[:ways], grams[:ways]), faults=faults, order_faults=order_faults
    )


def _tied(problem: Problem, ends: tuple[Any, Any], duals: list[tuple[Int64s, ...]]) -> tuple[Any, int]:
    """Edges tight on every level, and how many have a weight that is not reached."""
    (sellers, of_sellers, sellers_tie), (buyers, of_buyers, buyers_tie) = duals
    sellers_first, buyers_first = problem.priorities
    value, tiebreak = problem.value, problem.tiebreak
    listed = np.empty(problem.edges, dtype=np.uint32)
    count, below = run(
        tied_on_every_level,
        problem.edges,
        ends,
        _fixed(value),
        _fixed(np.zeros_like(value) if tiebreak is None else tiebreak),
        (sellers, buyers),
        (_fixed(of_sellers - sellers_first), _fixed(buyers_first - of_buyers)),
        (sellers_tie, buyers_tie),
        listed,
    )
    return _fixed(listed[:count]), below


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
    """Whether flow can go round some cycle of these arcs; `edges` of the problem decide on compiling.

    tail and head are changed.
    """
    scratch = np.empty((3, nodes), dtype=np.int64)
    rows = np.empty(nodes + 2, dtype=np.int64), np.empty(len(tail), dtype=np.int64)
    return bool(run(has_cycle, edges + nodes, tail, head, flow == 0, *scratch, rows))


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
        elif field != "flow" and size and not -GUARD < array.min() <= array.max() < GUARD:
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
    nodes = len(held.sold) + len(held.bought) + 1
    unique = not residual_cycle(*held.ways, nodes, problem.edges)
    if solution.unique != unique:
        yield Violation("unique", "unique", None, str(solution.unique), str(unique))
