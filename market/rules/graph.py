"""The sections of a round: who stands in each, and every eligible pair with its price terms, sorted.

A node on the sellers' side is one tranche of a supply (a term order is one node): what the second quarter
delivers does not serve a window in the first. Nodes go by rank, id and tranche; edges by seller, then buyer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, TypeVar
from uuid import UUID

import numpy as np

from events.vocabulary import INTEGER_MAX
from market.rules.amounts import Amounts, amounts
from market.rules.assignment_problem import Int32s, Int64s
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.eligibility import Delivery, MarketFacts, eligible_deliveries
from market.rules.ineligibility import Ineligibility
from market.rules.quantities import UEUR_G_PER_KG_PER_CENT

VALUE_UEUR_PER_KG_MAX = 10**12
INDEX_NAME_MAX = 40

Order = TypeVar("Order", SupplyOrder, RequirementOrder)
Part = Literal["firm", "all"]

Horizon = tuple[str, int] | None
"""None is spot; a term horizon is its index and start year."""


@dataclass(frozen=True, slots=True)
class SellerNode:
    order: SupplyOrder
    tranche: int
    capacity_g: int
    group: UUID


@dataclass(frozen=True, slots=True)
class BuyerNode:
    order: RequirementOrder
    capacity_g: int
    group: UUID


@dataclass(frozen=True, slots=True)
class Pair:
    """An eligible pair of nodes. value = limit + T − ask, micro-EUR per basis kg; `sustainability` is S.

    The price terms themselves are computed again for the few pairs that trade.
    """

    seller: int
    buyer: int
    delivery: Delivery
    term_total: int
    sustainability: int
    value: int


@dataclass(frozen=True, slots=True)
class HorizonBook:
    """All orders of one horizon with what they have to give at the cut, and all eligible pairs."""

    horizon: Horizon
    sellers: tuple[SellerNode, ...]
    buyers: tuple[BuyerNode, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One assignment. supply, demand: grams, at least 1. Pairs index its own sellers and buyers."""

    name: str
    sellers: tuple[SellerNode, ...]
    buyers: tuple[BuyerNode, ...]
    supply: Int64s
    demand: Int64s
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Edges:
    """Pairs worth trading: seller, buyer int32[e], value int64[e] at least 0, pair: in Section.pairs."""

    seller: Int32s
    buyer: Int32s
    value: Int64s
    pair: Int64s


def horizons(book: Book, facts: MarketFacts) -> tuple[HorizonBook, ...]:
    """Spot first, then term horizons by index and start year; without orders that have expired by then."""
    supplies = _standing(book.supplies.values(), facts)
    requirements = _standing(book.requirements.values(), facts)
    terms = {_horizon(supply) for supply in supplies} | {_horizon(wanted) for wanted in requirements}
    found: list[Horizon] = [None, *sorted(horizon for horizon in terms if horizon is not None)]
    return tuple(
        _horizon_book(
            horizon,
            [order for order in supplies if _horizon(order) == horizon],
            [order for order in requirements if _horizon(order) == horizon],
            facts,
        )
        for horizon in found
    )


def section_name(horizon: Horizon, part: Part) -> str:
    """`spot-firm`, `term/<index>/<start year>-all`, …; a long index by the start of its SHA-256."""
    head = "spot"
    if horizon is not None:
        index, start_year = horizon
        short = index if len(index) <= INDEX_NAME_MAX else sha256(index.encode()).hexdigest()[:INDEX_NAME_MAX]
        head = f"term/{short}/{start_year}"
    return f"{head}-{part}"


def section(
    of: HorizonBook, part: Part, sellers_left_g: Sequence[int], buyers_left_g: Sequence[int]
) -> Section:
    """The firm orders alone, or all, with what is left of them; those with nothing left are not in it."""
    sellers = [
        index
        for index, node in enumerate(of.sellers)
        if sellers_left_g[index] > 0 and (part == "all" or node.order.terms.commitment == "firm")
    ]
    buyers = [
        index
        for index, node in enumerate(of.buyers)
        if buyers_left_g[index] > 0 and (part == "all" or node.order.terms.commitment == "firm")
    ]
    seller_place = {index: place for place, index in enumerate(sellers)}
    buyer_place = {index: place for place, index in enumerate(buyers)}
    pairs = tuple(
        Pair(
            seller=seller_place[pair.seller],
            buyer=buyer_place[pair.buyer],
            delivery=pair.delivery,
            term_total=pair.term_total,
            sustainability=pair.sustainability,
            value=pair.value,
        )
        for pair in of.pairs
        if pair.seller in seller_place and pair.buyer in buyer_place
    )
    return Section(
        name=section_name(of.horizon, part),
        sellers=tuple(of.sellers[index] for index in sellers),
        buyers=tuple(of.buyers[index] for index in buyers),
        supply=np.array([sellers_left_g[index] for index in sellers], dtype=np.int64),
        demand=np.array([buyers_left_g[index] for index in buyers], dtype=np.int64),
        pairs=pairs,
    )


def edges(of: Section, *, with_sustainability: bool = True) -> Edges:
    """Pairs whose value is not negative, as it is bid or as it would be with S = 0."""
    values = [pair.value if with_sustainability else pair.value - pair.sustainability for pair in of.pairs]
    kept = [index for index, value in enumerate(values) if value >= 0]
    return Edges(
        seller=np.array([of.pairs[index].seller for index in kept], dtype=np.int32),
        buyer=np.array([of.pairs[index].buyer for index in kept], dtype=np.int32),
        value=np.array([values[index] for index in kept], dtype=np.int64),
        pair=np.array(kept, dtype=np.int64),
    )


def price_pair(
    supply: SupplyOrder, requirement: RequirementOrder, facts: MarketFacts, delivery: Delivery
) -> tuple[Amounts, int, int] | Ineligibility:
    """Amounts, T and value of an eligible pair, or `value_out_of_range` beyond what a round can hold."""
    bid = amounts(supply, requirement, facts, delivery)
    term_total = sum(bid)
    worth = requirement.terms.limit.ueur_per_kg + term_total
    ask = supply.terms.ask.ueur_per_kg
    largest = max(abs(worth - ask), *map(abs, bid))
    quantity_g = min(supply.terms.basis_g, requirement.terms.basis_g)
    amount = quantity_g * max(abs(worth), abs(ask))
    if largest > VALUE_UEUR_PER_KG_MAX or amount > INTEGER_MAX * UEUR_G_PER_KG_PER_CENT:
        return Ineligibility(code="value_out_of_range", compares_price_of=("seller", "buyer"))
    return bid, term_total, worth - ask


def _standing(orders: Iterable[Order], facts: MarketFacts) -> list[Order]:
    standing = [
        order
        for order in orders
        if order.available_g > 0
        and order.terms.valid_until > facts.at
        and order.organisation in facts.members
        and order.organisation not in facts.suspended
    ]
    return sorted(standing, key=lambda order: (order.rank, order.order))


def _horizon(order: SupplyOrder | RequirementOrder) -> Horizon:
    term = order.terms.term
    return None if term is None else (term.index, term.start_year)


def _horizon_book(
    horizon: Horizon,
    supplies: Sequence[SupplyOrder],
    requirements: Sequence[RequirementOrder],
    facts: MarketFacts,
) -> HorizonBook:
    sellers = tuple(
        SellerNode(order, tranche, left_g, facts.members[order.organisation].group)
        for order in supplies
        for tranche, left_g in enumerate(order.tranche_left_g)
        if left_g > 0
    )
    pairs = tuple(_pairs(sellers, supplies, requirements, facts))
    worth: dict[int, int] = {}
    for pair in pairs:
        bid = requirements[pair.buyer].terms.limit.ueur_per_kg + pair.term_total
        worth[pair.buyer] = max(bid, worth.get(pair.buyer, bid))
    buyers = tuple(
        BuyerNode(
            order, _within_credit_g(order, worth.get(index, 0)), facts.members[order.organisation].group
        )
        for index, order in enumerate(requirements)
    )
    return HorizonBook(horizon, sellers, buyers, pairs)


def _within_credit_g(order: RequirementOrder, worth_ueur_per_kg: int) -> int:
    """What the order has to ask for, no more than its credit pays for at the most it bids for anyone."""
    terms = order.terms
    if terms.payment != "credit" or terms.term is not None or worth_ueur_per_kg <= 0:
        return order.available_g
    paid_for_g = (terms.credit_limit_cents_eur or 0) * UEUR_G_PER_KG_PER_CENT // worth_ueur_per_kg
    return max(0, min(order.available_g, paid_for_g - order.held_g - order.filled_g))


def _pairs(
    sellers: Sequence[SellerNode],
    supplies: Sequence[SupplyOrder],
    requirements: Sequence[RequirementOrder],
    facts: MarketFacts,
) -> Iterator[Pair]:
    places: dict[UUID, dict[int, int]] = {}
    for place, node in enumerate(sellers):
        places.setdefault(node.order.order, {})[node.tranche] = place
    buyers_of_form: dict[str, list[int]] = {}
    for buyer, requirement in enumerate(requirements):
        for form in dict.fromkeys(accepted.form for accepted in requirement.terms.forms):
            buyers_of_form.setdefault(form, []).append(buyer)
    for supply in supplies:
        found = [
            pair
            for buyer in buyers_of_form.get(supply.terms.form, ())
            for pair in _pairs_of(supply, requirements[buyer], buyer, places.get(supply.order, {}), facts)
        ]
        yield from sorted(found, key=lambda pair: (pair.seller, pair.buyer))


def _pairs_of(
    supply: SupplyOrder,
    requirement: RequirementOrder,
    buyer: int,
    places: dict[int, int],
    facts: MarketFacts,
) -> Iterator[Pair]:
    for delivery in eligible_deliveries(supply, requirement, facts):
        if delivery.tranche not in places:
            continue
        priced = price_pair(supply, requirement, facts, delivery)
        if isinstance(priced, Ineligibility):
            continue
        bid, term_total, value = priced
        yield Pair(
            seller=places[delivery.tranche],
            buyer=buyer,
            delivery=delivery,
            term_total=term_total,
            sustainability=bid.sustainability_total,
            value=value,
        )
