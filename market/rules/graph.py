"""The sections of a round: who stands in each, and every eligible pair with its price terms, in columns.

A node on the sellers' side is one tranche of a supply (a term order is one node): what the second quarter
delivers does not serve a window in the first. Nodes go by rank, id and tranche; pairs by seller, then buyer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from events.vocabulary import INTEGER_MAX
from market.rules.amounts import Amounts, amounts
from market.rules.assignment_problem import Int32s, Int64s, Mask
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.eligibility import Delivery, MarketFacts, deliveries, eligible_deliveries
from market.rules.ineligibility import Ineligibility
from market.rules.quantities import UEUR_G_PER_KG_PER_CENT

VALUE_UEUR_PER_KG_MAX = 10**12
INDEX_NAME_MAX = 40

Order = TypeVar("Order", SupplyOrder, RequirementOrder)
Part = Literal["firm", "all"]
Keys = NDArray[np.void]

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


@dataclass(frozen=True, eq=False, slots=True)
class Pairs:
    """Eligible pairs of nodes, one entry a pair in each column, by seller, then buyer, none twice.

    seller, buyer: int32[p], indices of nodes. term_total (T), sustainability (S) and value (limit + T − ask):
    int64[p], micro-EUR per basis kg, at most VALUE_UEUR_PER_KG_MAX per term. The terms one by one, and the
    delivery (`delivery_between`), are computed again for the few pairs that trade.
    """

    seller: Int32s
    buyer: Int32s
    term_total: Int64s
    sustainability: Int64s
    value: Int64s

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, eq=False, slots=True)
class HorizonBook:
    """All orders of one horizon with what they have to give at the cut, and all eligible pairs.

    seller_key, buyer_key: what names each node, as bytes: order id (16) ‖ tranche (4, big-endian); order id.
    """

    horizon: Horizon
    sellers: tuple[SellerNode, ...]
    buyers: tuple[BuyerNode, ...]
    seller_key: Keys
    buyer_key: Keys
    pairs: Pairs


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """One assignment. Pairs index its own sellers and buyers.

    One entry a node: keys as in the HorizonBook, where each stands in it (seller_place, buyer_place: int64),
    and supply and demand, int64, grams, at least 1.
    """

    name: str
    sellers: tuple[SellerNode, ...]
    buyers: tuple[BuyerNode, ...]
    seller_key: Keys
    buyer_key: Keys
    seller_place: Int64s
    buyer_place: Int64s
    supply: Int64s
    demand: Int64s
    pairs: Pairs


@dataclass(frozen=True, eq=False, slots=True)
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
    of: HorizonBook, part: Part, sellers_left_g: Sequence[int] | Int64s, buyers_left_g: Sequence[int] | Int64s
) -> Section:
    """The firm orders alone, or all, with what is left of them; those with nothing left are not in it."""
    sellers_left, buyers_left = np.asarray(sellers_left_g, np.int64), np.asarray(buyers_left_g, np.int64)
    sellers, buyers = _in_part(of.sellers, part, sellers_left), _in_part(of.buyers, part, buyers_left)
    kept = sellers[of.pairs.seller] & buyers[of.pairs.buyer]
    seller_place, buyer_place = np.flatnonzero(sellers), np.flatnonzero(buyers)
    return Section(
        name=section_name(of.horizon, part),
        sellers=tuple(of.sellers[place] for place in seller_place.tolist()),
        buyers=tuple(of.buyers[place] for place in buyer_place.tolist()),
        seller_key=of.seller_key[sellers],
        buyer_key=of.buyer_key[buyers],
        seller_place=seller_place,
        buyer_place=buyer_place,
        supply=sellers_left[sellers],
        demand=buyers_left[buyers],
        pairs=Pairs(
            seller=_renumbered(sellers)[of.pairs.seller[kept]],
            buyer=_renumbered(buyers)[of.pairs.buyer[kept]],
            term_total=of.pairs.term_total[kept],
            sustainability=of.pairs.sustainability[kept],
            value=of.pairs.value[kept],
        ),
    )


def edges(of: Section, *, with_sustainability: bool = True) -> Edges:
    """Pairs whose value is not negative, as it is bid or as it would be with S = 0."""
    pairs = of.pairs
    value = pairs.value if with_sustainability else pairs.value - pairs.sustainability
    kept = np.flatnonzero(value >= 0)
    return Edges(seller=pairs.seller[kept], buyer=pairs.buyer[kept], value=value[kept], pair=kept)


def delivery_between(seller: SellerNode, buyer: BuyerNode, at: datetime) -> Delivery:
    """When an eligible pair delivers, as at the cut `at`."""
    return next(
        delivery
        for delivery in deliveries(seller.order.terms, buyer.order.terms, at)
        if delivery.tranche == seller.tranche
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


def _in_part(nodes: Sequence[SellerNode] | Sequence[BuyerNode], part: Part, left_g: Int64s) -> Mask:
    firm = (part == "all" or node.order.terms.commitment == "firm" for node in nodes)
    return np.fromiter(firm, np.bool_, len(nodes)) & (left_g > 0)


def _renumbered(kept: Mask) -> Int32s:
    return (np.cumsum(kept) - 1).astype(np.int32)


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
    pairs = _pairs(sellers, supplies, requirements, facts)
    best_bid = _best_bids(pairs, requirements)
    buyers = tuple(
        BuyerNode(order, _within_credit_g(order, best_bid[index]), facts.members[order.organisation].group)
        for index, order in enumerate(requirements)
    )
    return HorizonBook(
        horizon=horizon,
        sellers=sellers,
        buyers=buyers,
        seller_key=np.frombuffer(
            b"".join(node.order.order.bytes + node.tranche.to_bytes(4, "big") for node in sellers), "V20"
        ),
        buyer_key=np.frombuffer(b"".join(node.order.order.bytes for node in buyers), "V16"),
        pairs=pairs,
    )


def _best_bids(pairs: Pairs, requirements: Sequence[RequirementOrder]) -> list[int]:
    """The most each requirement bids for anyone, micro-EUR per basis kg; at least 0."""
    limit = np.fromiter(
        (order.terms.limit.ueur_per_kg for order in requirements), np.int64, len(requirements)
    )
    best = np.zeros(len(requirements), dtype=np.int64)
    np.maximum.at(best, pairs.buyer, limit[pairs.buyer] + pairs.term_total)
    best_bids: list[int] = best.tolist()
    return best_bids


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
) -> Pairs:
    places: dict[UUID, dict[int, int]] = {}
    for place, node in enumerate(sellers):
        places.setdefault(node.order.order, {})[node.tranche] = place
    buyers_of_form: dict[str, list[int]] = {}
    for buyer, requirement in enumerate(requirements):
        for form in dict.fromkeys(accepted.form for accepted in requirement.terms.forms):
            buyers_of_form.setdefault(form, []).append(buyer)
    rows = sorted(
        row
        for supply in supplies
        for buyer in buyers_of_form.get(supply.terms.form, ())
        for row in _pairs_of(supply, requirements[buyer], buyer, places.get(supply.order, {}), facts)
    )
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return Pairs(
        seller=columns[:, 0].astype(np.int32),
        buyer=columns[:, 1].astype(np.int32),
        term_total=columns[:, 2].copy(),
        sustainability=columns[:, 3].copy(),
        value=columns[:, 4].copy(),
    )


def _pairs_of(
    supply: SupplyOrder,
    requirement: RequirementOrder,
    buyer: int,
    places: dict[int, int],
    facts: MarketFacts,
) -> Iterator[tuple[int, int, int, int, int]]:
    for delivery in eligible_deliveries(supply, requirement, facts):
        if delivery.tranche not in places:
            continue
        priced = price_pair(supply, requirement, facts, delivery)
        if isinstance(priced, Ineligibility):
            continue
        bid, term_total, value = priced
        yield places[delivery.tranche], buyer, term_total, bid.sustainability_total, value
