"""What the facts of a round carry: waterfalls, the proof of every section, references."""

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
    """One line of a waterfall: what rule, from which figures and evidence, gave how much per basis kg."""

    kind: TermKind
    rule: Code
    ueur_per_kg: ValueUeurPerKg
    reason: Text | None = None
    inputs: dict[str, str] = {}
    evidence: tuple[str, ...] = ()


LimitKind = Literal["recycled_min", "third_country_max", "limit_price"]


class Premium(Struct, frozen=True, kw_only=True):
    """What one limit of a buyer's portfolio adds to its bid for one lot, per basis kg; below 0 it takes.

    `limit_price` is the margin by which all bids of the buyer are lowered, so that what it takes together
    costs no more than it bids for it.
    """

    limit: LimitKind
    stage: ValueChainStage | None = None
    country: CountryCode | None = None
    ueur_per_kg: ValueUeurPerKg


class ListedWaterfall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """limit + terms − ask = value; P = ask + u; per basis kg.

    value + premiums = u + v, the surplus of seller and buyer. Buyers without portfolio limits have no
    premiums. `lines`: where in its part's list each term stands.
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
    """A trade's waterfall with its terms, for whoever has not its part of the evidence."""

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
    """LookupError for a line that the part does not list."""
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
    """An order's competitive surplus at each level, with bounds; `capacity_g` is what it brought along.

    `effective_g` is what the final problem lets it trade: its capacity, or for `effective_reason` its fill
    or nothing; then `forgone` is what one kg more would still gain at the final prices. `dual`, `rank_dual`
    and `tiebreak_dual` prove the final flow, level by level; `relaxed_dual` the bound of the problem with
    every edge and whole capacities, `plain_dual` that bound with S = 0.

    A buyer with portfolio limits stands in the final problem as one node for each lot that it may take, its
    quota: with `supply` set this is such a node, `tranche` that of the supply, `capacity_g` the quota. The
    order's own entry then sums them up: `surplus` is what it gains per kg over all it gets, `low` at the
    sellers' best prices, `high` at the buyers'; its final duals are 0.
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

    `limit` names the limit: `recycled_min`, or `third_country_max` with its stage and country: what a kg of
    a lot that is wholly recycled (that is of another country) is worth more to the buyer than one that is
    not. `limit_price`: the margin of a buyer whose portfolio would else cost more than it bids.
    """

    requirement: UUID
    limit: Code
    country: CountryCode | None = None
    stage: ValueChainStage | None = None
    ueur_per_kg: ValueUeurPerKg


class CutEdge(Struct, frozen=True, kw_only=True):
    """An eligible pair of orders that have a part in the final problem, but none with each other.

    No algorithm so far makes one.
    """

    supply: UUID
    tranche: Count = 0
    requirement: UUID
    reason: Code


class SectionResult(Struct, frozen=True, kw_only=True):
    """One section's totals; sums that may exceed 2**53 are decimal integers in gram·micro-EUR per kg.

    No set of trades within the orders' own limits is worth more than `relaxed_bound`; `gap` is what
    indivisible lots, minimum quantities and the marginality tolerance cost at most: bound − welfare.
    `welfare_without_sustainability` is that bound of the same orders with S = 0, no welfare of trades. With
    portfolio limits both bounds are those of their multipliers, `dual_bound` is welfare and all premiums.
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
    """The dated reference price a trade is shown against."""

    code: Code
    ueur_per_kg: PriceUeurPerKg
    price: StatedPrice
    as_of: date
    fx: InputReference | None = None
    position: Count
