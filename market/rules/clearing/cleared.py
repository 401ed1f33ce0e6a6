"""Computes a section's result from its proof: effective capacities, bounds, prices and trades; needs no
solver.

A solver finds a `Proof`, and a certificate contains one; both give the same section.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from contracts.rules.price_terms import MICRO_G_PER_KG_PER_CENT, amount_cents
from market.rules.clearing.columns import half_even, rows
from market.rules.clearing.eligibility import Delivery
from market.rules.clearing.evidence import edges_sha256
from market.rules.clearing.graph import BuyerNode, Edges, SellerNode, delivery_of_each
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
    """The proof of a section. `relaxed` is the problem of attempt `tries` with every edge and whole
    capacities. relaxed_dual and plain_dual prove the bounds with S as bid and with S = 0. `removed`: orders
    that are not in the final problem, and why; `cut`: orders reduced to what they trade, as no package fits
    their rest. `solution`: flow and duals of the remaining edges. `bound`: the problem of the bounds, if
    buyers are split into quotas; None: `relaxed`."""

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
    """One edge with flow, in grams and micro-EUR per basis kg; `remainder` is the remainder of rounding to
    cents.

    seller_index, buyer_index: in the section. term_total is T; value is limit + T − ask with S as bid;
    premium is what the buyer's portfolio limits add to it. packages: number of whole packages; grams of basis
    if the product is not packed.
    """

    seller: SellerNode
    buyer: BuyerNode
    seller_index: int
    buyer_index: int
    delivery: Delivery
    limit_ueur_per_kg: int
    ask_ueur_per_kg: int
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


def chosen(column: Any, mask: Sequence[bool]) -> Any:
    """Of an array or a list."""
    if isinstance(column, np.ndarray):
        return column[np.array(mask, dtype=np.bool_)]
    return list(compress(column, mask))


@dataclass(frozen=True, eq=False, slots=True)
class Trades:
    """Trades as columns, one entry per trade; iterating gives `Trade`s."""

    seller: Sequence[SellerNode]
    buyer: Sequence[BuyerNode]
    seller_index: Int64s
    buyer_index: Int64s
    delivery: Sequence[Delivery]
    limit_ueur_per_kg: Int64s
    ask_ueur_per_kg: Int64s
    term_total: Int64s
    value: Int64s
    premium: Int64s
    quantity_g: Int64s
    packages: Int64s
    seller_surplus: Int64s
    buyer_surplus: Int64s
    price_ueur_per_kg: Int64s
    paid_cents: Int64s
    received_cents: Int64s
    remainder_ueur_g_per_kg: Int64s

    def __len__(self) -> int:
        return len(self.seller)

    def __iter__(self) -> Iterator[Trade]:
        columns = (getattr(self, name) for name in Trade._fields)
        listed = (each.tolist() if isinstance(each, np.ndarray) else each for each in columns)
        return map(Trade._make, zip(*listed, strict=True))

    def part(self, start: int, end: int) -> "Trades":
        return Trades(*(getattr(self, name)[start:end] for name in Trade._fields))

    def kept(self, mask: Sequence[bool]) -> "Trades":
        return Trades(*(chosen(getattr(self, name), mask) for name in Trade._fields))

    def row(self, place: int) -> Trade:
        return next(iter(self.part(place, place + 1)))


@dataclass(frozen=True, eq=False, slots=True)
class ClearedSection:
    """A section with its trades. `problem` is the final one, with effective capacities; `held`: the reasons
    for these.

    quotas: the split of the section, if buyers have portfolio limits; `posed` is then the split one.
    """

    posed: Posed
    proof: Proof
    problem: Problem
    held: Reasons
    bounds: Bounds
    surpluses: Surpluses
    edges_sha256: str
    trades: Trades
    quotas: Quotas | None = None

    @property
    def whole(self) -> Posed:
        """The section with its buyers as in the book, before the split."""
        return self.posed if self.quotas is None else self.quotas.whole

    @property
    def welfare(self) -> int:
        """The welfare of the trades at their own values, without premiums."""
        return self.solution.welfare - exact_dot(self.trades.premium, self.trades.quantity_g)

    @property
    def name(self) -> str:
        return self.posed.section.name

    @property
    def solution(self) -> Solution:
        return self.proof.solution


def dual_total(problem: Problem, dual: Sides) -> int:
    """Σ supply · u + Σ demand · v: an upper bound of the problem's flows, if u + v is at least the value of
    every edge."""
    return exact_dot(problem.supply, dual[0]) + exact_dot(problem.demand, dual[1])


def left_problem(proof: Proof) -> Problem:
    """The problem of which the proof's solution has to be the optimum: without the removed orders, others
    reduced."""
    return with_effective(without_removed(proof.relaxed, proof.removed), proof.solution, proof.cut)


def final_problem(posed: Posed, proof: Proof, left: Problem) -> tuple[Problem, Reasons]:
    """The problem that determines prices: orders whose rest is below the tolerance count as filled, which is
    recorded.

    left: the proof's `left_problem`.
    """
    held = held_to_fill(left, proof.solution, posed.tolerance_g)
    return with_effective(left, proof.solution, held), held


def priced(
    posed: Posed, proof: Proof, at: datetime, quotas: Quotas | None = None, left: Problem | None = None
) -> ClearedSection:
    """Effective capacities, bounds, prices and trades of a valid proof; `at`: the cut.

    left: its `left_problem`, if already computed. AssignmentError or AssertionError when the proof is
    invalid.
    """
    problem, held = final_problem(posed, proof, left or left_problem(proof))
    bounds = price_bounds(problem, proof.solution)
    chosen = surpluses(problem, proof.solution, bounds, posed.anchor)
    worth = posed.edges
    edge = edges_left(proof.relaxed, proof.removed)
    of_book = posed if quotas is None else quotas.whole
    return ClearedSection(
        posed=posed,
        proof=proof,
        problem=problem,
        held=held,
        bounds=bounds,
        surpluses=chosen,
        edges_sha256=edges_sha256(of_book.section, of_book.edges),
        trades=_trades(posed, worth, edge, proof.solution.flow, chosen, at),
        quotas=quotas,
    )


def _trades(
    posed: Posed, worth: Edges, left: Int64s, flow: Int64s, chosen: Surpluses, at: datetime
) -> Trades:
    """Price and amount of both sides are computed separately and have to be equal."""
    section, pairs = posed.section, posed.section.pairs
    traded = used_edges(flow)
    edge = left[traded]
    pair, seller_of, buyer_of = worth.pair[edge], worth.seller[edge], worth.buyer[edge]
    value = pairs.value[pair]
    left_out = np.zeros_like(value) if posed.sustainability else pairs.sustainability[pair]
    premium = worth.value[edge] - (value - left_out)
    u, v, quantity = chosen.seller[seller_of], chosen.buyer[buyer_of], flow[traded]
    sellers = [section.sellers[index] for index in seller_of.tolist()]
    buyers = [section.buyers[index] for index in buyer_of.tolist()]
    asks, limits = section.of_sellers.ueur_per_kg[seller_of], section.of_buyers.ueur_per_kg[buyer_of]
    windows = section.of_sellers.window[seller_of], section.of_buyers.window[buyer_of]
    received = asks + u
    paid = limits + pairs.term_total[pair] + premium - v - left_out
    assert (paid == received).all()
    paid_cents, _ = cents_of(quantity, paid)
    received_cents, remainder = cents_of(quantity, received)
    return Trades(
        seller=sellers,
        buyer=buyers,
        seller_index=seller_of.astype(np.int64),
        buyer_index=buyer_of.astype(np.int64),
        delivery=delivery_of_each(sellers, buyers, windows, at),
        limit_ueur_per_kg=limits,
        ask_ueur_per_kg=asks,
        term_total=pairs.term_total[pair],
        value=value,
        premium=premium,
        quantity_g=quantity,
        packages=section.packed.within(seller_of, quantity),
        seller_surplus=u,
        buyer_surplus=v,
        price_ueur_per_kg=received,
        paid_cents=paid_cents,
        received_cents=received_cents,
        remainder_ueur_g_per_kg=remainder,
    )


def cents_of(quantity_g: Int64s, price_ueur_per_kg: Int64s) -> tuple[Int64s, Int64s]:
    """`amount_cents` of each: cents and remainder."""
    if int(quantity_g.max(initial=0)) * int(np.abs(price_ueur_per_kg).max(initial=0)) >= GUARD:
        pairs = rows((quantity_g, price_ueur_per_kg))
        exactly = np.array([amount_cents(grams, price) for grams, price in pairs], dtype=np.int64)
        return exactly[:, 0], exactly[:, 1]
    exact = quantity_g * price_ueur_per_kg
    cents = half_even(exact, MICRO_G_PER_KG_PER_CENT)
    return cents, exact - cents * MICRO_G_PER_KG_PER_CENT
