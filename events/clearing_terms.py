"""The parts of a round's events: waterfalls, the proof of each section, reference prices."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.vocabulary import (
    BigInteger,
    Code,
    Count,
    CountryCode,
    InputReference,
    MassG,
    PriceUeurPerKg,
    StatedPrice,
    Text,
    ValueChainStage,
    ValueUeurPerKg,
)

TermKind = Literal[
    "form",
    "co_product",
    "carbon",
    "recycled",
    "certificates",
    "origin",
    "rex",
    "sustainability",
    "strategic_project",
    "penalties",
    "logistics",
]


class PriceTerm(Struct, frozen=True, kw_only=True):
    """One line of a waterfall: the rule, its input figures and evidence, and the amount per basis kg."""

    kind: TermKind
    rule: Code
    ueur_per_kg: ValueUeurPerKg
    reason: Text | None = None
    inputs: dict[str, str] = {}
    evidence: tuple[str, ...] = ()


LimitKind = Literal["recycled_min", "third_country_max", "limit_price"]


class Premium(Struct, frozen=True, kw_only=True):
    """What one portfolio limit adds to the buyer's bid for one lot, per basis kg; may be negative.
    `limit_price` is the margin by which all bids of the buyer are lowered, so that all its lots together cost
    no more than it bids for them."""

    limit: LimitKind
    stage: ValueChainStage | None = None
    country: CountryCode | None = None
    ueur_per_kg: ValueUeurPerKg


class ListedWaterfall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """limit + terms − ask = value; P = ask + u; per basis kg.

    value + premiums = u + v, the surplus of seller and buyer. Buyers without portfolio limits have no
    premiums. `lines`: the indices of its terms in the list of its evidence part.
    """

    supply: UUID
    tranche: Count = 0
    requirement: UUID
    quantity_basis_g: MassG
    limit_ueur_per_kg: PriceUeurPerKg
    ask_ueur_per_kg: PriceUeurPerKg
    lines: tuple[Count, ...]
    term_total_ueur_per_kg: ValueUeurPerKg
    value_ueur_per_kg: ValueUeurPerKg
    seller_surplus_ueur_per_kg: ValueUeurPerKg
    buyer_surplus_ueur_per_kg: ValueUeurPerKg
    price_ueur_per_kg: ValueUeurPerKg
    premiums: tuple[Premium, ...] = ()


class Waterfall(Struct, frozen=True, kw_only=True):
    """A trade's waterfall including its terms, for readers who do not have the evidence part."""

    supply: UUID
    tranche: Count = 0
    requirement: UUID
    quantity_basis_g: MassG
    limit_ueur_per_kg: PriceUeurPerKg
    ask_ueur_per_kg: PriceUeurPerKg
    terms: tuple[PriceTerm, ...]
    term_total_ueur_per_kg: ValueUeurPerKg
    value_ueur_per_kg: ValueUeurPerKg
    seller_surplus_ueur_per_kg: ValueUeurPerKg
    buyer_surplus_ueur_per_kg: ValueUeurPerKg
    price_ueur_per_kg: ValueUeurPerKg
    premiums: tuple[Premium, ...] = ()


def waterfall_of(listed: ListedWaterfall, lines: Sequence[PriceTerm]) -> Waterfall:
    """The waterfall with its terms. LookupError for a line that the part does not list."""
    return Waterfall(
        supply=listed.supply,
        tranche=listed.tranche,
        requirement=listed.requirement,
        quantity_basis_g=listed.quantity_basis_g,
        limit_ueur_per_kg=listed.limit_ueur_per_kg,
        ask_ueur_per_kg=listed.ask_ueur_per_kg,
        terms=tuple(lines[place] for place in listed.lines),
        term_total_ueur_per_kg=listed.term_total_ueur_per_kg,
        value_ueur_per_kg=listed.value_ueur_per_kg,
        seller_surplus_ueur_per_kg=listed.seller_surplus_ueur_per_kg,
        buyer_surplus_ueur_per_kg=listed.buyer_surplus_ueur_per_kg,
        price_ueur_per_kg=listed.price_ueur_per_kg,
        premiums=listed.premiums,
    )


class OrderDual(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order's competitive surplus at each level, with bounds; `capacity_g` is what it offered.
    `effective_g` is its quantity in the final problem: its capacity, or, for `effective_reason`, what it
    trades or nothing; then `forgone` is what one kg more would gain at the final prices. `dual`, `rank_dual`
    and `tiebreak_dual` prove the final flow, level by level; `relaxed_dual` the bound of the problem with
    every edge and whole capacities, `plain_dual` that bound with S = 0.

    A buyer with portfolio limits has one node in the final problem for each lot that it may take. With
    `supply` set this is such a node, `tranche` that of the supply, `capacity_g` the quota. The order's own
    entry then has the totals: `surplus` is what it gains per kg over all it gets, `low` at the prices best
    for sellers, `high` at those best for buyers; its final duals are 0.
    """

    order: UUID
    tranche: Count = 0
    side: Literal["seller", "buyer"]
    capacity_g: MassG
    filled_g: MassG
    surplus_ueur_per_kg: ValueUeurPerKg
    low_ueur_per_kg: ValueUeurPerKg
    high_ueur_per_kg: ValueUeurPerKg
    rank_dual: BigInteger
    tiebreak_dual: BigInteger
    marginal: bool
    effective_g: MassG | None = None
    effective_reason: Code | None = None
    dual_ueur_per_kg: ValueUeurPerKg | None = None
    relaxed_dual_ueur_per_kg: ValueUeurPerKg | None = None
    plain_dual_ueur_per_kg: ValueUeurPerKg | None = None
    forgone_ueur_per_kg: ValueUeurPerKg | None = None
    supply: UUID | UnsetType = UNSET


class Multiplier(Struct, frozen=True, kw_only=True):
    """The price of one portfolio limit of a buyer, micro-EUR per kg of basis, at least 0.

    `limit` names the limit: `recycled_min`, or `third_country_max` with its stage and country: how much more
    a kg of a fully recycled lot (a lot from another country) is worth to the buyer than a kg that is not.
    `limit_price`: the margin of a buyer whose portfolio would otherwise cost more than it bids.
    """

    requirement: UUID
    limit: Code
    country: CountryCode | None = None
    stage: ValueChainStage | None = None
    ueur_per_kg: ValueUeurPerKg


class CutEdge(Struct, frozen=True, kw_only=True):
    """An eligible pair of orders that are both in the final problem while the edge between them is not. No
    algorithm so far creates one."""

    supply: UUID
    tranche: Count = 0
    requirement: UUID
    reason: Code


class SectionResult(Struct, frozen=True, kw_only=True):
    """One section's totals; sums that may exceed 2**53 are decimal integers in gram·micro-EUR per kg.

    No set of trades within the orders' own limits is worth more than `relaxed_bound`; `gap` = bound − welfare
    is the most that indivisible lots, minimum quantities and the marginality tolerance can have cost.
    `welfare_without_sustainability` is the same bound for the same orders with S = 0, not the welfare of any
    trades. With portfolio limits both bounds follow from the multipliers, and `dual_bound` is welfare plus
    all premiums.
    """

    section: Code
    edge_count: Count
    edges_hash: str
    welfare: BigInteger
    dual_bound: BigInteger
    welfare_without_sustainability: BigInteger
    traded_basis_g: BigInteger
    unique: bool
    tries: Annotated[int, Meta(ge=1, le=8)]
    trades: Count
    relaxed_bound: BigInteger | None = None
    gap: BigInteger | None = None
    removed_orders: Count | None = None


class TradeReference(Struct, frozen=True, kw_only=True):
    """The dated reference price with which a trade is compared."""

    code: Code
    ueur_per_kg: PriceUeurPerKg
    price: StatedPrice
    as_of: date
    fx: InputReference | None = None
    position: Count
