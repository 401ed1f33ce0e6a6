"""Is this flow the best, level by level? Checked from the numbers alone; no solver in here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.rules.assignment_problem import GUARD, Int64s, Mask, Problem, Solution, exact_dot
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
    sold = np.zeros(len(problem.supply), dtype=np.int64)
    bought = np.zeros(len(problem.demand), dtype=np.int64)
    np.add.at(sold, problem.seller, solution.flow)
    np.add.at(bought, problem.buyer, solution.flow)
    violations += _broken(
        "capacity", "flow of supply", sold > problem.supply, sold, "at most {}", problem.supply
    )
    violations += _broken(
        "capacity", "flow of demand", bought > problem.demand, bought, "at most {}", problem.demand
    )
    edge_open = np.ones(problem.edges, dtype=np.bool_)
    seller_open = np.ones(len(sold), dtype=np.bool_)
    buyer_open = np.ones(len(bought), dtype=np.bool_)
    for level, weight in enumerate(problem.level_weights()):
        seller_field, buyer_field = DUALS[level]
        seller_dual, buyer_dual = getattr(solution, seller_field), getattr(solution, buyer_field)
        reached = seller_dual[problem.seller] + buyer_dual[problem.buyer]
        violations += _level_edges(
            f"{seller_field} + {buyer_field}", solution.flow, weight, reached, edge_open
        )
        violations += _level_side(seller_field, seller_dual, sold < problem.supply, seller_open)
        violations += _level_side(buyer_field, buyer_dual, bought < problem.demand, buyer_open)
        primal = exact_dot(solution.flow, weight)
        dual = exact_dot(problem.supply, seller_dual) + exact_dot(problem.demand, buyer_dual)
        if primal != dual:
            fields = f"flow, {seller_field}, {buyer_field}"
            violations.append(Violation("strong_duality", fields, None, primal, dual))
        if level == 0 and solution.welfare != primal:
            violations.append(Violation("welfare", "welfare", None, solution.welfare, primal))
        edge_open &= reached == weight
        seller_open &= seller_dual == 0
        buyer_open &= buyer_dual == 0
    if violations:
        return violations
    return list(_unique_claim(problem, solution, sold, bought, edge_open, seller_open, buyer_open))


def residual_cycle(tail: Int64s, head: Int64s, flow: Int64s, nodes: int, size: int) -> bool:
    """Whether flow can go round some cycle of these arcs; `size` of the problem decides on compiling."""
    scratch = [np.zeros(nodes, dtype=np.int64) for _ in range(3)]
    rows = np.zeros(nodes + 2, dtype=np.int64), np.zeros(len(tail), dtype=np.int64)
    idle = (flow == 0).astype(np.int64)
    return bool(run(has_cycle, size, tail.astype(np.int64), head.astype(np.int64), idle, *scratch, rows))


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
            most = np.minimum(problem.supply[problem.seller], problem.demand[problem.buyer])
            yield from _broken("range", field, array < 0, array, "at least {}", np.zeros_like(array))
            yield from _broken("range", field, array > most, array, "at most {}", most)
        else:
            wide = (array >= GUARD) | (array <= -GUARD)
            yield from _broken("range", field, wide, array, "below {} in size", np.full_like(array, GUARD))
    for field, kind in (("welfare", int), ("unique", bool)):
        claim = getattr(solution, field)
        if type(claim) is not kind:
            yield Violation("shape", field, None, type(claim).__name__, kind.__name__)


def _broken(
    rule: str, field: str, where: Mask, found: Int64s, required: str, bound: Int64s
) -> Iterator[Violation]:
    for index in np.flatnonzero(where)[:VIOLATIONS_PER_RULE_MAX].tolist():
        yield Violation(rule, field, index, int(found[index]), required.format(int(bound[index])))


def _level_edges(
    field: str, flow: Int64s, weight: Int64s, reached: Int64s, edge_open: Mask
) -> Iterator[Violation]:
    yield from _broken(
        "dual_feasibility", field, edge_open & (reached < weight), reached, "at least {}", weight
    )
    loose = edge_open & (flow > 0) & (reached > weight)
    yield from _broken("complementary_slackness", field, loose, reached, "{} where flow", weight)


def _level_side(field: str, dual: Int64s, slack: Mask, is_open: Mask) -> Iterator[Violation]:
    zero = np.zeros_like(dual)
    yield from _broken("dual_feasibility", field, is_open & (dual < 0), dual, "at least {}", zero)
    loose = is_open & slack & (dual > 0)
    yield from _broken("complementary_slackness", field, loose, dual, "{} where not filled", zero)


def _unique_claim(
    problem: Problem,
    solution: Solution,
    sold: Int64s,
    bought: Int64s,
    edge_open: Mask,
    seller_open: Mask,
    buyer_open: Mask,
) -> Iterator[Violation]:
    sellers, root = len(sold), len(sold) + len(bought)
    idle_sellers, idle_buyers = np.flatnonzero(seller_open), np.flatnonzero(buyer_open)
    to_root, from_root = np.full(len(idle_sellers), root), np.full(len(idle_buyers), root)
    tail = np.concatenate([problem.seller[edge_open], idle_sellers, from_root])
    head = np.concatenate([problem.buyer[edge_open] + np.int64(sellers), to_root, idle_buyers + sellers])
    unsold, unbought = (problem.supply - sold)[seller_open], (problem.demand - bought)[buyer_open]
    flow = np.concatenate([solution.flow[edge_open], unsold, unbought])
    unique = not residual_cycle(tail, head, flow, root + 1, problem.edges)
    if solution.unique != unique:
        yield Violation("unique", "unique", None, str(solution.unique), str(unique))
