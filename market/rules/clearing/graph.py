"""The sections of a round: the orders in each, and every eligible pair with its price terms, as columns.

A node on the sellers' side is one tranche of a supply (a term order is one node), since a delivery in the
second quarter does not serve a window in the first. Nodes are sorted by rank, id and tranche; pairs by
seller, then buyer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from typing import Literal, NamedTuple
from uuid import UUID

import numpy as np

from contracts.rules.price_terms import MICRO_G_PER_KG_PER_CENT
from market.rules.book import Book, Order, RequirementOrder, SupplyOrder
from market.rules.clearing.assay_columns import AssayColumns
from market.rules.clearing.candidates import Moments, batches, ways, window_moments
from market.rules.clearing.columns import Keys, alike_rows, int64s
from market.rules.clearing.eligibility import Delivery, MarketFacts, deliveries, rests
from market.rules.clearing.node_columns import NodeColumns, buyer_columns, seller_columns
from market.rules.clearing.order_limits import PackedColumns, divisibility, packed_nodes
from market.rules.clearing.paper_columns import PaperColumns, paper_screens
from market.rules.clearing.rex_columns import rex_screens
from market.rules.clearing.screening import Parties, asked_analytes, fit_orders, screens, unopposed
from market.rules.clearing.supply_columns import Nodes, Supplies, nodes_of, read_supplies
from market.rules.clearing.valuation import Valuation, paid_analytes
from market.rules.clearing.waterfalls import Waterfalls
from market.rules.optimum.problem import Int32s, Int64s, Integers, Mask, read_only
from market.rules.packages import Divisibility, carried_g, tradable

INDEX_NAME_MAX = 40
SELLER_KEY = np.dtype([("order", "V16"), ("tranche", ">u4")])

Part = Literal["firm", "all"]

Horizon = tuple[str, int] | None
"""None is spot; a term horizon is its index and start year."""


class SellerNode(NamedTuple):
    order: SupplyOrder
    tranche: int
    capacity_g: int
    group: UUID


class BuyerNode(NamedTuple):
    order: RequirementOrder
    capacity_g: int
    group: UUID


@dataclass(frozen=True, eq=False, slots=True)
class Pairs:
    """Eligible pairs of nodes, one entry per pair in each column, by seller, then buyer, none twice.

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


_NODES, _MONEY = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
NO_PAIRS = Pairs(_NODES, _NODES, _MONEY, _MONEY, _MONEY)


@dataclass(frozen=True, eq=False, slots=True)
class HorizonBook:
    """All orders of one horizon with their available quantities at the cut, and all eligible pairs.

    seller_key, buyer_key: the key of each node, as bytes: order id (16) ‖ tranche (4, big-endian); order id.
    waterfalls: of the pairs; None if there are none.
    """

    horizon: Horizon
    sellers: tuple[SellerNode, ...]
    buyers: tuple[BuyerNode, ...]
    seller_key: Keys
    buyer_key: Keys
    of_sellers: NodeColumns
    of_buyers: NodeColumns
    packed: PackedColumns
    pairs: Pairs
    waterfalls: Waterfalls | None


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """One assignment problem. Pairs index its own sellers and buyers; for each pair at least one whole
    package fits both sides.

    One entry per node: keys as in the HorizonBook, the index there (seller_place, buyer_place: int64), supply
    and demand (int64, grams, at least 1), and in `terms` how it may be divided. A supply is the content of
    the whole packages of its tranche. packed: of the sellers, as at the cut.
    """

    name: str
    sellers: tuple[SellerNode, ...]
    buyers: tuple[BuyerNode, ...]
    seller_key: Keys
    buyer_key: Keys
    seller_place: Int64s
    buyer_place: Int64s
    of_sellers: NodeColumns
    of_buyers: NodeColumns
    supply: Int64s
    demand: Int64s
    terms: Divisibility
    packed: PackedColumns
    pairs: Pairs
    waterfalls: Waterfalls | None


@dataclass(frozen=True, eq=False, slots=True)
class Edges:
    """Pairs worth trading: seller, buyer int32[e], value int64[e], pair: int32[e], in Section.pairs.

    Values are at least 0, except for buyers with portfolio limits, whose bids count together.
    """

    seller: Int32s
    buyer: Int32s
    value: Int64s
    pair: Int32s


def horizons(book: Book, facts: MarketFacts) -> tuple[HorizonBook, ...]:
    """Spot first, then term horizons by index and start year; without expired orders."""
    supplies = _by_horizon(_standing(book.supplies.values(), facts))
    requirements = _by_horizon(_standing(book.requirements.values(), facts))
    found: list[Horizon] = [None, *sorted(h for h in supplies.keys() | requirements.keys() if h is not None)]
    return tuple(_horizon_book(h, supplies.get(h, []), requirements.get(h, []), facts) for h in found)


def section_name(horizon: Horizon, part: Part) -> str:
    """`spot-firm`, `term/<index>/<start year>-all`, …; a long index name is replaced by the start of its
    SHA-256."""
    head = "spot"
    if horizon is not None:
        index, start_year = horizon
        short = index if len(index) <= INDEX_NAME_MAX else sha256(index.encode()).hexdigest()[:INDEX_NAME_MAX]
        head = f"term/{short}/{start_year}"
    return f"{head}-{part}"


def section(
    of: HorizonBook, part: Part, sellers_left_g: Sequence[int] | Int64s, buyers_left_g: Sequence[int] | Int64s
) -> Section:
    """The firm orders alone, or all orders, with their remaining quantities; without orders with nothing left
    and tranches with less than one package."""
    sellers_left, buyers_left = np.asarray(sellers_left_g, np.int64), np.asarray(buyers_left_g, np.int64)
    whole = of.packed.left(sellers_left)
    sellers = _in_part(of.of_sellers, part, whole)
    buyers = _in_part(of.of_buyers, part, buyers_left)
    seller_place, buyer_place = np.flatnonzero(sellers), np.flatnonzero(buyers)
    seller_nodes = tuple(map(of.sellers.__getitem__, seller_place.tolist()))
    buyer_nodes = tuple(map(of.buyers.__getitem__, buyer_place.tolist()))
    demand, packed_of = buyers_left[buyers], of.packed.part(sellers)
    of_sellers, of_buyers = of.of_sellers.part(seller_place), of.of_buyers.part(buyer_place)
    terms = divisibility(
        seller_nodes,
        buyer_nodes,
        (of_sellers.limits, of_buyers.limits),
        whole[sellers],
        of_buyers.capacity_g - demand,
        packed_of.ratios,
    )
    kept = np.flatnonzero(sellers[of.pairs.seller] & buyers[of.pairs.buyer])
    seller, buyer = _ends(of.pairs.seller, kept, sellers), _ends(of.pairs.buyer, kept, buyers)
    fit = np.flatnonzero(tradable(terms, demand, seller, buyer))
    kept = kept[fit]
    return Section(
        name=section_name(of.horizon, part),
        sellers=seller_nodes,
        buyers=buyer_nodes,
        seller_key=of.seller_key[sellers],
        buyer_key=of.buyer_key[buyers],
        seller_place=seller_place,
        buyer_place=buyer_place,
        of_sellers=of_sellers,
        of_buyers=of_buyers,
        supply=carried_g(whole[sellers], terms.ratios).astype(np.int64),
        demand=demand,
        terms=terms,
        packed=packed_of,
        pairs=Pairs(
            seller=_chosen(seller, fit),
            buyer=_chosen(buyer, fit),
            term_total=_chosen(of.pairs.term_total, kept),
            sustainability=_chosen(of.pairs.sustainability, kept),
            value=_chosen(of.pairs.value, kept),
        ),
        waterfalls=of.waterfalls,
    )


def edges(of: Section, *, with_sustainability: bool = True, limited: Mask | None = None) -> Edges:
    """Pairs whose value is not negative, with S as bid or with S = 0, and all pairs of the `limited` buyers,
    which have portfolio limits."""
    pairs = of.pairs
    value = pairs.value if with_sustainability else pairs.value - pairs.sustainability
    kept = np.flatnonzero(value >= 0 if limited is None else (value >= 0) | limited[pairs.buyer])
    return Edges(
        seller=read_only(pairs.seller[kept]),
        buyer=read_only(pairs.buyer[kept]),
        value=read_only(value[kept]),
        pair=kept.astype(np.int32),
    )


def delivery_of_each(
    sellers: Sequence[SellerNode], buyers: Sequence[BuyerNode], windows: tuple[Int64s, Int64s], at: datetime
) -> list[Delivery]:
    """`delivery_between` of eligible pairs, computed once for all with the same NodeColumns.window."""
    _, first, which = np.unique(alike_rows(*windows), return_index=True, return_inverse=True)
    known = [delivery_between(sellers[place], buyers[place], at) for place in first.tolist()]
    return [known[place] for place in which.tolist()]


def delivery_between(seller: SellerNode, buyer: BuyerNode, at: datetime) -> Delivery:
    """When an eligible pair delivers, as at the cut `at`."""
    return next(
        delivery
        for delivery in deliveries(seller.order.terms, buyer.order.terms, at)
        if delivery.tranche == seller.tranche
    )


def _in_part(nodes: NodeColumns, part: Part, left_g: Int64s) -> Mask:
    left: Mask = left_g > 0
    return left if part == "all" else left & nodes.firm


def _chosen(column: Integers, kept: Int64s) -> Integers:
    """The entries at distinct ascending indices; the column itself if these are all."""
    return column if len(kept) == len(column) else column[kept]


def _ends(nodes: Int32s, kept: Int64s, in_part: Mask) -> Int32s:
    """Those of the kept pairs, by their place among the nodes in the part."""
    left = _chosen(nodes, kept)
    return left if in_part.all() else (np.cumsum(in_part) - 1).astype(np.int32)[left]


def _standing(orders: Iterable[Order], facts: MarketFacts) -> list[Order]:
    # an id's integer is hashed in a quarter of the time
    at, trading = facts.at, {each.int for each in facts.members.keys() - facts.suspended}
    standing = [
        order
        for order in orders
        if order.available_g > 0 and order.terms.valid_until > at and order.organisation.int in trading
    ]
    if facts.resting:
        standing = [order for order in standing if not rests(order, facts)]
    standing.sort(key=attrgetter("rank"))
    # hardly ever are two of one rank, and a number is compared faster than a pair
    if len({order.rank for order in standing}) < len(standing):
        standing.sort(key=attrgetter("rank", "order"))
    return standing


def _by_horizon(orders: Sequence[Order]) -> dict[Horizon, list[Order]]:
    spot = [order for order in orders if order.terms.term is None]
    found: dict[Horizon, list[Order]] = {None: spot} if spot else {}
    for order in orders if len(spot) < len(orders) else ():
        term = order.terms.term
        if term is not None:
            found.setdefault((term.index, term.start_year), []).append(order)
    return found


def _horizon_book(
    horizon: Horizon,
    supplies: Sequence[SupplyOrder],
    requirements: Sequence[RequirementOrder],
    facts: MarketFacts,
) -> HorizonBook:
    members = {each.int: member for each, member in facts.members.items()}
    sold_by = [members[order.organisation.int] for order in supplies]
    bought_by = [members[order.organisation.int] for order in requirements]
    read = read_supplies(supplies, facts.rule_set)
    nodes = nodes_of(read)
    packed = packed_nodes(read, nodes)
    of_sellers = seller_columns(read, nodes, packed)
    supply = nodes.supply.tolist()
    sellers = tuple(
        map(
            SellerNode,
            [supplies[place] for place in supply],
            nodes.tranche.tolist(),
            of_sellers.capacity_g.tolist(),
            [sold_by[place].group for place in supply],
        )
    )
    wanted = window_moments(requirements)
    pairs, waterfalls = _pairs(nodes, read, requirements, wanted, (sold_by, bought_by), facts)
    best_bid = _best_bids(pairs, requirements)
    buyers = tuple(
        BuyerNode(order, _within_credit_g(order, best_bid[index]), bought_by[index].group)
        for index, order in enumerate(requirements)
    )
    return HorizonBook(
        horizon=horizon,
        sellers=sellers,
        buyers=buyers,
        seller_key=_seller_keys(read, nodes),
        buyer_key=np.frombuffer(b"".join([node.order.order.bytes for node in buyers]), "V16"),
        of_sellers=of_sellers,
        of_buyers=buyer_columns(buyers, alike_rows(*wanted)),
        packed=packed,
        pairs=pairs,
        waterfalls=waterfalls,
    )


def _seller_keys(read: Supplies, nodes: Nodes) -> Keys:
    found = np.empty(len(nodes.supply), dtype=SELLER_KEY)
    found["order"], found["tranche"] = read.order_key[nodes.supply], nodes.tranche
    return found.view("V20")


def _best_bids(pairs: Pairs, requirements: Sequence[RequirementOrder]) -> list[int]:
    """The most each requirement bids for anyone, micro-EUR per basis kg; at least 0."""
    limit = int64s([order.terms.limit.ueur_per_kg for order in requirements], len(requirements))
    best = np.zeros(len(requirements), dtype=np.int64)
    np.maximum.at(best, pairs.buyer, limit[pairs.buyer] + pairs.term_total)
    best_bids: list[int] = best.tolist()
    return best_bids


def _within_credit_g(order: RequirementOrder, worth_ueur_per_kg: int) -> int:
    """The quantity that the order demands, limited to what its credit can pay at its highest bid."""
    terms = order.terms
    if terms.payment != "credit" or terms.term is not None or worth_ueur_per_kg <= 0:
        return order.available_g
    paid_for_g = (terms.credit_limit_cents_eur or 0) * MICRO_G_PER_KG_PER_CENT // worth_ueur_per_kg
    return max(0, min(order.available_g, paid_for_g - order.held_g - order.filled_g))


def _pairs(
    nodes: Nodes,
    read: Supplies,
    requirements: Sequence[RequirementOrder],
    wanted: Moments,
    parties: Parties,
    facts: MarketFacts,
) -> tuple[Pairs, Waterfalls | None]:
    """Eligible pairs whose figures are within the bounds of a round; consistent with `reasons` for one
    pair."""
    if not len(read) or not requirements:
        return NO_PAIRS, None
    sellers_fit, buyers_fit = fit_orders(read, parties, facts.at)
    fit_nodes = np.flatnonzero(sellers_fit[nodes.supply])
    known = ways(read, requirements, buyers_fit)
    paid = paid_analytes(requirements)
    assays = AssayColumns(read, facts.basis, asked_analytes(requirements) | paid, paid)
    papers = PaperColumns(read, requirements, facts)
    against = [
        *screens(read, requirements, parties, facts, assays),
        *rex_screens(read, requirements, facts),
        *paper_screens(read, requirements, facts, papers),
    ]
    valuation = Valuation(read, requirements, facts, assays, papers, known)
    found = []
    for pairs in batches(nodes, fit_nodes, read, requirements, wanted, known, facts):
        pairs = unopposed(pairs, against)
        worth = valuation.of(pairs)
        found.append(
            [
                column[worth.held]
                for column in (
                    pairs.node.astype(np.int32),
                    pairs.requirement.astype(np.int32),
                    worth.term_total,
                    worth.sustainability,
                    worth.value,
                )
            ]
        )
    if not found:
        return NO_PAIRS, None
    waterfalls = Waterfalls(nodes, read.orders, requirements, facts, assays, papers, known, valuation)
    return Pairs(*(np.concatenate(columns) for columns in zip(*found, strict=True))), waterfalls
