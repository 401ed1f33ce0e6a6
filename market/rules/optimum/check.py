"""Checks that a flow is optimal, level by level, from the numbers alone. Needs no solver."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.rules.optimum.compiled import run
from market.rules.optimum.levels import LOW_BITS, hold, reach
from market.rules.optimum.problem import (
    GUARD,
    Int32s,
    Int64s,
    Mask,
    Problem,
    Solution,
    exact_dot,
    fills_g,
    read_only,
    used_edges,
)
from market.rules.optimum.transport_graph import has_cycle

VIOLATIONS_PER_RULE_MAX = 100
DUALS = (
    ("seller_dual", "buyer_dual"),
    ("seller_dual_rank", "buyer_dual_rank"),
    ("seller_dual_tiebreak", "buyer_dual_tiebreak"),
)
COLUMNS = (("flow", 0), *((name, side) for pair in DUALS for side, name in enumerate(pair, 1)))
"""Of a solution, each with whose entries it has: edges, sellers or buyers."""
INT64 = np.dtype(np.int64)


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
    """All reasons why `solution` is not proved optimal, or not what it claims; empty when it is proved.

    Capacities; at each level dual feasibility and complementary slackness on the arcs tight in all levels
    before; the claimed welfare; the uniqueness claim. Where all slackness holds, primal and dual totals are
    equal and need no adding up: there the dual total is the welfare. Elsewhere they are compared as well.
    Totals are Python integers. At most VIOLATIONS_PER_RULE_MAX of each rule; arrays of a wrong shape or range
    stop the check there.
    """
    violations = list(_misshapen(problem, solution))
    if violations:
        return violations
    held = _held(problem, solution)
    if held.faults:
        return _all_faults(problem, solution)
    violations += _welfare_claim(solution, held.welfare)
    return violations or list(_unique_claim(problem, solution, held))


def _all_faults(problem: Problem, solution: Solution) -> list[Violation]:
    """What is wrong where something is, other than claims about the whole."""
    violations = list(_out_of_range(solution)) or list(_flow_out_of_range(problem, solution.flow))
    if violations:
        return violations
    fills = fills_g(problem, solution.flow)
    for field, filled, capacity in (
        ("flow of supply", fills[0], problem.supply),
        ("flow of demand", fills[1], problem.demand),
    ):
        over = np.flatnonzero(filled > capacity)
        violations += _broken("capacity", field, over, filled, "at most {}", capacity[over])
    violations += _by_level(problem, solution, fills)
    assert violations
    return violations


def _by_level(problem: Problem, solution: Solution, fills: tuple[Int64s, Int64s]) -> Iterator[Violation]:
    used = used_edges(solution.flow)
    flow = solution.flow[used]
    # of each side, orders with duals of 0 on all levels so far
    free = [np.ones(len(filled), dtype=np.bool_) for filled in fills]
    slack = fills[0] < problem.supply, fills[1] < problem.demand
    for level, fields in enumerate(DUALS):
        yield from _level_edges(problem, solution, level)
        for side, field in enumerate(fields):
            dual = getattr(solution, field)
            yield from _level_orders(field, dual, free[side], slack[side])
            free[side] &= dual == 0
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
    """What `reach` and `hold` found.

    tied: edges tight on every level. fills_g: of sellers, then buyers. welfare: the dual total. is_forest: no
    way is on a cycle of ways. Complete where there are no faults.
    """

    tied: Int32s
    fills_g: Int64s
    faults: int
    welfare: int
    is_forest: bool


def _held(problem: Problem, solution: Solution) -> _Held:
    edges, root = problem.edges, len(problem.supply) + len(problem.demand)
    duals = tuple((_fixed(getattr(solution, one)), _fixed(getattr(solution, other))) for one, other in DUALS)
    # unsigned: compiled, an index that may be below 0 is looked at once more
    ends = _fixed(problem.seller.view(np.uint32)), _fixed(problem.buyer.view(np.uint32))
    listed = np.empty(edges, dtype=np.uint32)
    reached, below = run(reach, edges, ends, _fixed(problem.value), duals[0], listed)
    fills = np.zeros(root, dtype=np.int64)
    tied, faults, left, (high, low, fits) = run(
        hold,
        edges,
        ends,
        _fixed(problem.weight(2, slice(None))),
        _fixed(solution.flow),
        duals,
        problem.priorities,
        (_fixed(problem.supply), _fixed(problem.demand)),
        (reached, listed),
        np.empty(2 * root, dtype=np.int64),
        fills,
        np.zeros((3, root + 2), dtype=np.uint32),
    )
    welfare = (high << LOW_BITS) + low if fits else _bound(problem, solution, 0)
    return _Held(listed[:tied].view(np.int32), fills, below + faults, welfare, is_forest=left == 0)


def _fixed(array: Any) -> Any:
    """Itself or a view or a copy: read-only and contiguous."""
    flags = array.flags
    if flags.c_contiguous and not flags.writeable:
        return array
    return read_only(np.ascontiguousarray(array).view())


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


def _misshapen(problem: Problem, solution: Solution) -> Iterator[Violation]:
    shapes = problem.value.shape, problem.supply.shape, problem.demand.shape
    for field, column in COLUMNS:
        array: Any = getattr(solution, field)
        if not isinstance(array, np.ndarray) or array.dtype != INT64 or array.shape != shapes[column]:
            found = f"{array.dtype}{array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            yield Violation("shape", field, None, found, f"int64{shapes[column]}")
    for field, kind in (("welfare", int), ("unique", bool)):
        claim = getattr(solution, field)
        if type(claim) is not kind:
            yield Violation("shape", field, None, type(claim).__name__, kind.__name__)


def _out_of_range(solution: Solution) -> Iterator[Violation]:
    for field in (name for pair in DUALS for name in pair):
        dual = getattr(solution, field)
        wide = np.flatnonzero((dual >= GUARD) | (dual <= -GUARD))
        yield from _broken("range", field, wide, dual, f"below {GUARD} in size")


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


def _level_orders(field: str, dual: Int64s, free: Mask, slack: Mask) -> Iterator[Violation]:
    """Of the orders that have a part in the level; slack: those that trade less than they could."""
    for rule, broken, required in (
        ("dual_feasibility", dual < 0, "at least 0"),
        ("complementary_slackness", (dual > 0) & slack, "0 where not filled"),
    ):
        yield from _broken(rule, field, np.flatnonzero(free & broken), dual, required)


def _unique_claim(problem: Problem, solution: Solution, held: _Held) -> Iterator[Violation]:
    """Flow can go round no cycle of tied edges and of the ways between free orders and the root."""
    nodes = len(problem.supply) + len(problem.demand) + 1
    unique = held.is_forest or not residual_cycle(*_ways(problem, solution, held), nodes, problem.edges)
    if solution.unique != unique:
        yield Violation("unique", "unique", None, str(solution.unique), str(unique))


def _ways(problem: Problem, solution: Solution, held: _Held) -> tuple[Int32s, Int32s, Int64s]:
    """Tail, head and grams: of edges tight on every level, then of orders with duals of 0 on every level."""
    sellers, root = len(problem.supply), len(problem.supply) + len(problem.demand)
    sold, bought = (
        np.flatnonzero(np.logical_and.reduce([getattr(solution, name) == 0 for name in names]))
        for names in zip(*DUALS, strict=True)
    )
    left_g = np.concatenate([problem.supply, problem.demand]) - held.fills_g
    tails = problem.seller[held.tied], sold, np.full(len(bought), root)
    heads = problem.buyer[held.tied] + sellers, np.full(len(sold), root), bought + sellers
    return (
        np.concatenate(tails).astype(np.int32),
        np.concatenate(heads).astype(np.int32),
        np.concatenate([solution.flow[held.tied], left_g[sold], left_g[bought + sellers]]),
    )
