"""Is this flow the best, level by level? Checked from the numbers alone; no solver in here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.rules.assignment_problem import GUARD, Int64s, Mask, Problem, Solution, added_up, exact_dot
from market.rules.compiled import run
from market.rules.transport_graph import has_cycle

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
    traded = np.flatnonzero(solution.flow)
    sold = added_up(problem.seller[traded], solution.flow[traded], len(problem.supply))
    bought = added_up(problem.buyer[traded], solution.flow[traded], len(problem.demand))
    for field, filled, capacity in (
        ("flow of supply", sold, problem.supply),
        ("flow of demand", bought, problem.demand),
    ):
        over = np.flatnonzero(filled > capacity)
        violations += _broken("capacity", field, over, filled, "at most {}", capacity[over])
    seller_open, buyer_open = np.arange(len(sold)), np.arange(len(bought))
    edge_open: Int64s | slice = slice(None)
    seller_slack, buyer_slack = sold < problem.supply, bought < problem.demand
    for level, (seller_field, buyer_field) in enumerate(DUALS):
        seller_dual, buyer_dual = getattr(solution, seller_field), getattr(solution, buyer_field)
        weight = problem.weight(level, edge_open)
        reached = seller_dual[problem.seller[edge_open]] + buyer_dual[problem.buyer[edge_open]]
        edge_field = f"{seller_field} + {buyer_field}"
        tight, used = reached == weight, solution.flow[edge_open] > 0
        if np.any(used & ~tight) or np.any(reached < weight):
            places = np.arange(problem.edges)[edge_open]
            violations += _level_edges(edge_field, used, weight, reached, places)
        violations += _level_side(seller_field, seller_dual, seller_slack, seller_open)
        violations += _level_side(buyer_field, buyer_dual, buyer_slack, buyer_open)
        primal = exact_dot(solution.flow[traded], problem.weight(level, traded))
        dual = exact_dot(problem.supply, seller_dual) + exact_dot(problem.demand, buyer_dual)
        if primal != dual:
            fields = f"flow, {seller_field}, {buyer_field}"
            violations.append(Violation("strong_duality", fields, None, primal, dual))
        if level == 0 and solution.welfare != primal:
            violations.append(Violation("welfare", "welfare", None, solution.welfare, primal))
        edge_open = np.flatnonzero(tight) if isinstance(edge_open, slice) else edge_open[tight]
        seller_open = seller_open[seller_dual[seller_open] == 0]
        buyer_open = buyer_open[buyer_dual[buyer_open] == 0]
    if violations:
        return violations
    tied = np.arange(problem.edges)[edge_open]
    return list(_unique_claim(problem, solution, sold, bought, tied, seller_open, buyer_open))


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


def residual_cycle(tail: Int64s, head: Int64s, flow: Int64s, nodes: int, edges: int) -> bool:
    """Whether flow can go round some cycle of these arcs; `edges` of the problem decide on compiling."""
    scratch = [np.zeros(nodes, dtype=np.int64) for _ in range(3)]
    rows = np.zeros(nodes + 2, dtype=np.int64), np.zeros(len(tail), dtype=np.int64)
    idle = (flow == 0).astype(np.int64)
    return bool(
        run(has_cycle, edges + nodes, tail.astype(np.int64), head.astype(np.int64), idle, *scratch, rows)
    )


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
        elif field == "flow":
            used = np.flatnonzero(array)
            most = np.minimum(problem.supply[problem.seller[used]], problem.demand[problem.buyer[used]])
            yield from _broken("range", field, used[array[used] < 0], array, "at least 0")
            beyond = array[used] > most
            yield from _broken("range", field, used[beyond], array, "at most {}", most[beyond])
        else:
            wide = np.flatnonzero((array >= GUARD) | (array <= -GUARD))
            yield from _broken("range", field, wide, array, f"below {GUARD} in size")
    for field, kind in (("welfare", int), ("unique", bool)):
        claim = getattr(solution, field)
        if type(claim) is not kind:
            yield Violation("shape", field, None, type(claim).__name__, kind.__name__)


def _broken(
    rule: str,
    field: str,
    indices: Int64s,
    found: Int64s | dict[int, int],
    required: str,
    bounds: Int64s | None = None,
) -> Iterator[Violation]:
    """At each of `indices`, with what is found there; `bounds`, if any, are as long as `indices`."""
    for place, index in enumerate(indices[:VIOLATIONS_PER_RULE_MAX].tolist()):
        wanted = required if bounds is None else required.format(int(bounds[place]))
        yield Violation(rule, field, index, int(found[index]), wanted)


def _level_edges(
    field: str, used: Mask, weight: Int64s, reached: Int64s, edge_open: Int64s
) -> Iterator[Violation]:
    for rule, wrong, required in (
        ("dual_feasibility", reached < weight, "at least {}"),
        ("complementary_slackness", used & (reached > weight), "{} where flow"),
    ):
        if wrong.any():
            found = dict(zip(edge_open[wrong].tolist(), reached[wrong].tolist(), strict=True))
            yield from _broken(rule, field, edge_open[wrong], found, required, weight[wrong])


def _level_side(field: str, dual: Int64s, slack: Mask, is_open: Int64s) -> Iterator[Violation]:
    of_open = dual[is_open]
    yield from _broken("dual_feasibility", field, is_open[of_open < 0], dual, "at least 0")
    loose = is_open[slack[is_open] & (of_open > 0)]
    yield from _broken("complementary_slackness", field, loose, dual, "0 where not filled")


def _unique_claim(
    problem: Problem,
    solution: Solution,
    sold: Int64s,
    bought: Int64s,
    edge_open: Int64s,
    seller_open: Int64s,
    buyer_open: Int64s,
) -> Iterator[Violation]:
    sellers, root = len(sold), len(sold) + len(bought)
    to_root, from_root = np.full(len(seller_open), root), np.full(len(buyer_open), root)
    tail = np.concatenate([problem.seller[edge_open], seller_open, from_root])
    head = np.concatenate([problem.buyer[edge_open] + np.int64(sellers), to_root, buyer_open + sellers])
    unsold, unbought = (problem.supply - sold)[seller_open], (problem.demand - bought)[buyer_open]
    flow = np.concatenate([solution.flow[edge_open], unsold, unbought])
    unique = not residual_cycle(tail, head, flow, root + 1, problem.edges)
    if solution.unique != unique:
        yield Violation("unique", "unique", None, str(solution.unique), str(unique))
