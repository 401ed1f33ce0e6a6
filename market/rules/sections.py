"""One section of a round: its unique optimum, proved, with prices and trades."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal

import numpy as np

from events.market_events import ClearingPlanned
from events.market_terms import RuleSet
from market.rules.assignment import Bounds, Problem, Solution, price_bounds, solve, verify
from market.rules.assignment_problem import GUARD, Int64s
from market.rules.eligibility import Delivery
from market.rules.evidence import edges_sha256
from market.rules.graph import BuyerNode, Edges, Section, SellerNode, delivery_between, edges
from market.rules.prices import Anchor, Surpluses, surpluses
from market.rules.quantities import amount_cents

TRIES_MAX = 8
TIEBREAK_BITS = 44


ImpossibleCode = Literal["algorithm_unknown", "assignment_refused", "not_unique"]
"""Of rounds that have no result on any machine."""


class ClearingImpossible(Exception):
    """The round has no result: `code` and `reason` go into its ClearingAbandoned."""

    def __init__(self, code: ImpossibleCode, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trade:
    """One edge with flow, in grams and micro-EUR per basis kg; `remainder` is what rounding to cents left.

    seller_index, buyer_index: in the section. term_total is T, value limit + T − ask with S as it is bid.
    """

    seller: SellerNode
    buyer: BuyerNode
    seller_index: int
    buyer_index: int
    delivery: Delivery
    term_total: int
    value: int
    quantity_g: int
    seller_surplus: int
    buyer_surplus: int
    price_ueur_per_kg: int
    paid_cents: int
    received_cents: int
    remainder_ueur_g_per_kg: int


@dataclass(frozen=True, slots=True)
class ClearedSection:
    """A section with its optimum and proof; `welfare_without_sustainability` is the optimum with S = 0."""

    section: Section
    edges: Edges
    problem: Problem
    solution: Solution
    bounds: Bounds
    surpluses: Surpluses
    tries: int
    edges_sha256: str
    welfare_without_sustainability: int
    trades: tuple[Trade, ...]


def clear_section(
    posed: Section, planned: ClearingPlanned, anchor_ueur_per_kg: int | None, *, sustainability: bool
) -> ClearedSection:
    """Solve, verify, price. AssignmentError or ClearingImpossible when there is no unique optimum.

    `anchor_ueur_per_kg` is the price that thin components move towards; None leaves them at the middle.
    """
    worth = edges(posed, with_sustainability=sustainability)
    problem, solution, tries = _unique_optimum(posed, worth, planned.round)
    violations = verify(problem, solution)
    assert violations == [], str(violations[0])
    bounds = price_bounds(problem, solution)
    chosen = surpluses(problem, solution, bounds, _anchor(posed, planned.rule_set, anchor_ueur_per_kg))
    return ClearedSection(
        section=posed,
        edges=worth,
        problem=problem,
        solution=solution,
        bounds=bounds,
        surpluses=chosen,
        tries=tries,
        edges_sha256=edges_sha256(posed, worth),
        welfare_without_sustainability=_welfare_without_sustainability(posed, problem, solution),
        trades=tuple(
            _trades(posed, worth, solution, chosen, planned.cut_time, sustainability=sustainability)
        ),
    )


def _unique_optimum(posed: Section, worth: Edges, round_number: int) -> tuple[Problem, Solution, int]:
    ranks = (
        np.array([node.order.rank for node in posed.sellers], dtype=np.int64),
        np.array([node.order.rank for node in posed.buyers], dtype=np.int64),
    )
    for attempt in range(1, TRIES_MAX + 1):
        problem = Problem(
            posed.supply,
            posed.demand,
            worth.seller,
            worth.buyer,
            worth.value,
            ranks,
            _tiebreak(posed, worth, round_number, attempt),
        )
        solution = solve(problem)
        if solution.unique:
            return problem, solution, attempt
    raise ClearingImpossible("not_unique", f"{posed.name} is not unique after {TRIES_MAX} tie-breaks.")


def _tiebreak(posed: Section, worth: Edges, round_number: int, attempt: int) -> Int64s:
    """First 44 bits of BLAKE2b(round (8) ‖ try (4) ‖ seller ‖ tranche (4) ‖ buyer), fewer when huge."""
    nodes = len(posed.sellers) + len(posed.buyers) + 1
    bits = min(TIEBREAK_BITS, (GUARD // nodes).bit_length() - 1)
    head = round_number.to_bytes(8, "big") + attempt.to_bytes(4, "big")
    sellers = [key.tobytes() for key in posed.seller_key]
    buyers = [key.tobytes() for key in posed.buyer_key]
    return np.array(
        [
            int.from_bytes(blake2b(head + sellers[seller] + buyers[buyer]).digest()[:8], "big") >> (64 - bits)
            for seller, buyer in zip(worth.seller.tolist(), worth.buyer.tolist(), strict=True)
        ],
        dtype=np.int64,
    )


def _welfare_without_sustainability(posed: Section, problem: Problem, solution: Solution) -> int:
    without = edges(posed, with_sustainability=False)
    plain = Problem(posed.supply, posed.demand, without.seller, without.buyer, without.value)
    same = all(
        np.array_equal(getattr(plain, name), getattr(problem, name)) for name in ("seller", "buyer", "value")
    )
    return solution.welfare if same else solve(plain).welfare


def _anchor(posed: Section, rule_set: RuleSet, ueur_per_kg: int | None) -> Anchor:
    return Anchor(
        seller_groups=[node.group for node in posed.sellers],
        buyer_groups=[node.group for node in posed.buyers],
        asks=[node.order.terms.ask.ueur_per_kg for node in posed.sellers],
        groups_min=rule_set.thin_component_groups,
        ueur_per_kg=ueur_per_kg,
    )


def _trades(
    posed: Section,
    worth: Edges,
    solution: Solution,
    chosen: Surpluses,
    at: datetime,
    *,
    sustainability: bool,
) -> list[Trade]:
    """Both sides' price and amount are computed apart and have to be the same integers."""
    found = []
    pairs = posed.pairs
    for edge in np.flatnonzero(solution.flow).tolist():
        pair = int(worth.pair[edge])
        seller_index, buyer_index = int(worth.seller[edge]), int(worth.buyer[edge])
        seller, buyer = posed.sellers[seller_index], posed.buyers[buyer_index]
        u, v = int(chosen.seller[seller_index]), int(chosen.buyer[buyer_index])
        quantity_g, term_total = int(solution.flow[edge]), int(pairs.term_total[pair])
        bid = buyer.order.terms.limit.ueur_per_kg + term_total
        received = seller.order.terms.ask.ueur_per_kg + u
        paid = bid - v - (0 if sustainability else int(pairs.sustainability[pair]))
        assert paid == received
        paid_cents, _ = amount_cents(quantity_g, paid)
        received_cents, remainder = amount_cents(quantity_g, received)
        found.append(
            Trade(
                seller=seller,
                buyer=buyer,
                seller_index=seller_index,
                buyer_index=buyer_index,
                delivery=delivery_between(seller, buyer, at),
                term_total=term_total,
                value=int(pairs.value[pair]),
                quantity_g=quantity_g,
                seller_surplus=u,
                buyer_surplus=v,
                price_ueur_per_kg=received,
                paid_cents=paid_cents,
                received_cents=received_cents,
                remainder_ueur_g_per_kg=remainder,
            )
        )
    return found
