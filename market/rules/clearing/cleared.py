"""A section's result out of what proves it: effective capacities, bounds, prices and trades; no solver.

A solver finds a `Proof`, a certificate carries one; either way the same section comes of it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from contracts.rules.price_terms import MICRO_G_PER_KG_PER_CENT, amount_cents
from market.rules.clearing.columns import int64s, rows
from market.rules.clearing.eligibility import Delivery
from market.rules.clearing.evidence import edges_sha256
from market.rules.clearing.graph import BuyerNode, Deliveries, Edges, Section, SellerNode
from market.rules.clearing.posing import (
    Posed,
    Reasons,
    Sides,
    edges_left,
    held_to_fill,
    with_effective,
    without_removed,
)
from market.rules.clearing.prices import Surpluses, surpluses
from market.rules.clearing.quota_sections import Quotas
from market.rules.optimum.bounds import price_bounds
from market.rules.optimum.problem import (
    GUARD,
    Bounds,
    Int64s,
    Problem,
    Solution,
    exact_dot,
    used_edges,
)


@dataclass(frozen=True, eq=False, slots=True)
class Proof:
    """What proves a section. `relaxed` is the problem of try `tries` with every edge and whole capacities.

    relaxed_dual and plain_dual prove the bounds with S as bid and with S = 0. `removed`: the orders without
    part in the final problem, and why; `cut`: those that count with what they trade, as no package fits
    their rest. `solution`: flow and duals of the edges that are left. `bound`: what the bounds are of, where
    buyers are split into quotas; None: of `relaxed`.
    """

    tries: int
    relaxed: Problem
    relaxed_dual: Sides
    plain_dual: Sides
    removed: Reasons
    cut: Reasons
    solution: Solution
    bound: Problem | None = None

    @property
    def bounded(self) -> Problem:
        return self.bound or self.relaxed

    @property
    def relaxed_bound(self) -> int:
        return dual_total(self.bounded, self.relaxed_dual)

    @property
    def plain_bound(self) -> int:
        return dual_total(self.bounded, self.plain_dual)


class Trade(NamedTuple):
    """One edge with flow, in grams and micro-EUR per basis kg; `remainder` is what rounding to cents left.

    seller_index, buyer_index: in the section. term_total is T, value limit + T − ask with S as it is bid;
    premium is what the buyer's portfolio limits add to it. packages: whole ones; grams of basis where the
    product is not packed.
    """

    seller: SellerNode
    buyer: BuyerNode
    seller_index: int
    buyer_index: int
    delivery: Delivery
    term_total: int
    value: int
    premium: int
    quantity_g: int
    packages: int
    seller_surplus: int
    buyer_surplus: int
    price_ueur_per_kg: int
    paid_cents: int
    received_cents: int
    remainder_ueur_g_per_kg: int


@dataclass(frozen=True, eq=False, slots=True)
class ClearedSection:
    """A section with its trades. `problem` is the final one, with effective capacities; `held` says why.

    quotas: what the section was split by where buyers have portfolio limits; `posed` is then the split one.
    """

    posed: Posed
    proof: Proof
    problem: Problem
    held: Reasons
    bounds: Bounds
    surpluses: Surpluses
    edges_sha256: str
    trades: tuple[Trade, ...]
    quotas: Quotas | None = None

    @property
    def whole(self) -> Posed:
        """The section with its buyers as the book has them."""
        return self.posed if self.quotas is None else self.quotas.whole

    @property
    def welfare(self) -> int:
        """Of the trades at their own values, without premiums."""
        return self.solution.welfare - sum(trade.premium * trade.quantity_g for trade in self.trades)

    @property
    def name(self) -> str:
        return self.posed.section.name

    @property
    def solution(self) -> Solution:
        return self.proof.solution


def dual_total(problem: Problem, dual: Sides) -> int:
    """Σ supply · u + Σ demand · v: no flow of the problem is worth more where u + v covers every edge."""
    return exact_dot(problem.supply, dual[0]) + exact_dot(problem.demand, dual[1])


def left_problem(proof: Proof) -> Problem:
    """What the proof's solution has to be best of: without the orders that were removed, others cut."""
    return with_effective(without_removed(proof.relaxed, proof.removed), proof.solution, proof.cut)


def final_problem(posed: Posed, proof: Proof) -> tuple[Problem, Reasons]:
    """What prices are made from: orders whose rest is below the tolerance count as filled, as is told."""
    left = left_problem(proof)
    held = held_to_fill(left, proof.solution, posed.tolerance_g)
    return with_effective(left, proof.solution, held), held


def priced(posed: Posed, proof: Proof, at: datetime, quotas: Quotas | None = None) -> ClearedSection:
    """Effective capacities, bounds, prices and trades of a proof that stands; `at`: the cut.

    AssignmentError or AssertionError when it does not stand.
    """
    problem, held = final_problem(posed, proof)
    bounds = price_bounds(problem, proof.solution)
    chosen = surpluses(problem, proof.solution, bounds, posed.anchor)
    worth = posed.edges
    left = edges_left(proof.relaxed, proof.removed)
    of_book = posed if quotas is None else quotas.whole
    return ClearedSection(
        posed=posed,
        proof=proof,
        problem=problem,
        held=held,
        bounds=bounds,
        surpluses=chosen,
        edges_sha256=edges_sha256(of_book.section, of_book.edges),
        trades=tuple(_trades(posed, worth, left, proof.solution.flow, chosen, at)),
        quotas=quotas,
    )


def _trades(
    posed: Posed, worth: Edges, left: Int64s, flow: Int64s, chosen: Surpluses, at: datetime
) -> list[Trade]:
    """Both sides' price and amount are computed apart and have to be the same integers."""
    found: list[Trade] = []
    deliveries = Deliveries(at)
    section, pairs = posed.section, posed.section.pairs
    traded = used_edges(flow)
    edge = left[traded]
    pair, seller_of, buyer_of = worth.pair[edge], worth.seller[edge], worth.buyer[edge]
    value = pairs.value[pair]
    left_out = np.zeros_like(value) if posed.sustainability else pairs.sustainability[pair]
    premium = worth.value[edge] - (value - left_out)
    u, v, quantity = chosen.seller[seller_of], chosen.buyer[buyer_of], flow[traded]
    received = _asks(section)[seller_of] + u
    paid = _limits(section)[buyer_of] + pairs.term_total[pair] + premium - v - left_out
    assert (paid == received).all()
    paid_cents, _ = cents_of(quantity, paid)
    received_cents, remainder = cents_of(quantity, received)
    columns = (
        *(seller_of, buyer_of, pairs.term_total[pair], value, premium),
        *(quantity, section.packed.within(seller_of, quantity), u, v),
        *(received, paid_cents, received_cents, remainder),
    )
    for seller_index, buyer_index, *figures in rows(columns):
        seller, buyer = section.sellers[seller_index], section.buyers[buyer_index]
        delivery = deliveries.between(seller, buyer)
        found.append(Trade(seller, buyer, seller_index, buyer_index, delivery, *figures))
    return found


def _asks(section: Section) -> Int64s:
    sellers = section.sellers
    return int64s((node.order.terms.ask.ueur_per_kg for node in sellers), len(sellers))


def _limits(section: Section) -> Int64s:
    buyers = section.buyers
    return int64s((node.order.terms.limit.ueur_per_kg for node in buyers), len(buyers))


def cents_of(quantity_g: Int64s, price_ueur_per_kg: Int64s) -> tuple[Int64s, Int64s]:
    """`amount_cents` of each: cents, and what rounding left."""
    if int(quantity_g.max(initial=0)) * int(np.abs(price_ueur_per_kg).max(initial=0)) >= GUARD:
        pairs = rows((quantity_g, price_ueur_per_kg))
        exactly = np.array([amount_cents(grams, price) for grams, price in pairs], dtype=np.int64)
        return exactly[:, 0], exactly[:, 1]
    exact = quantity_g * price_ueur_per_kg
    cents, rest = np.divmod(exact, MICRO_G_PER_KG_PER_CENT)
    doubled = 2 * rest
    even = (doubled == MICRO_G_PER_KG_PER_CENT) & (cents % 2 == 1)
    cents += (doubled > MICRO_G_PER_KG_PER_CENT) | even
    return cents, exact - cents * MICRO_G_PER_KG_PER_CENT
