"""How an agreement's price is formed: an index over a quotation period, and the five kinds of price clause.

Money is millionths (`micro`) of the agreement's currency per kg of the market's basis unless said otherwise.
"""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from events.clearing_terms import PriceTerm
from events.market_terms import CoProductBid, RuleSet, SustainabilityProfile
from events.vocabulary import (
    Code,
    CountryCode,
    CurrencyCode,
    Days,
    Denominator,
    FractionPpb,
    MicroAmount,
    ProductForm,
    RatioPpb,
    RexRoute,
)

QuotationPeriod = Literal[
    "month_before_shipment",
    "month_of_shipment",
    "month_after_shipment",
    "quarter_of_shipment",
]


class IndexReference(Struct, frozen=True, kw_only=True):
    """A published index: what its kilogram is counted of, its quotation period, and what stands in for a gap.

    A gap is a stretch of more than `stale_days_max` days without a value. `fallback_code` names the index
    that then serves; without it the last value before the period does, if no more days lie after it.
    `fx_code` is the exchange rate into the agreement's currency, read over the same period.
    """

    code: Code
    currency: CurrencyCode
    per: Denominator
    quotation_period: QuotationPeriod
    fallback_code: Code | None = None
    fx_code: Code | None = None
    stale_days_max: Days = 0


class SharingBand(Struct, frozen=True, kw_only=True):
    """Of what the clamped index is above `above_micro_per_kg`, the seller has `seller_ppb`."""

    above_micro_per_kg: MicroAmount
    seller_ppb: FractionPpb


class SustainabilityClause(Struct, frozen=True, kw_only=True):
    """Amounts that the buyer pays for evidence, by the formulas of a market's rule set.

    `concentrated_origins` are the listed countries whose deduction the profile states.
    """

    profile: SustainabilityProfile
    rule_set: RuleSet
    concentrated_origins: Annotated[tuple[CountryCode, ...], Meta(max_length=250)] = ()
    rex_route: RexRoute | None = None


class FormPrice(Struct, frozen=True, kw_only=True):
    """What differs for a form that the buyer may choose; a conversion below zero is a premium."""

    form: ProductForm
    form_factor_ppb: RatioPpb
    conversion_micro_per_kg: MicroAmount = 0


class FlatPrice(Struct, frozen=True, kw_only=True, tag="flat"):
    price_micro_per_kg: MicroAmount


class MatchedPrice(Struct, frozen=True, kw_only=True, tag="matched"):
    """A match's price and terms: only what assay and evidence change moves it, and nothing is paid twice.

    P_final = P + (T_final − T_match). `co_products` have the prices of the cut; a kind of term whose bids
    are not stated here or in the penalties stays as it was matched.
    """

    match: UUID
    price_micro_per_kg: MicroAmount
    terms: tuple[PriceTerm, ...]
    co_products: Annotated[tuple[CoProductBid, ...], Meta(max_length=32)] = ()
    sustainability: SustainabilityClause | None = None


class IndexedPrice(Struct, frozen=True, kw_only=True, tag="indexed"):
    """clamp(index × FX), shared, × payable × form factor − conversion − penalties + S + differential.

    Floor, cap and sharing are in the agreement's currency per kg of the index; all else per kg of basis.
    `form_factor_ppb` is kg of the index's unit in one kg of basis; `by_form` holds what differs by form.
    """

    index: IndexReference
    differential_micro_per_kg: MicroAmount = 0
    floor_micro_per_kg: MicroAmount | None = None
    cap_micro_per_kg: MicroAmount | None = None
    sharing: SharingBand | None = None
    payable_ppb: FractionPpb = 1_000_000_000
    form_factor_ppb: RatioPpb = 1_000_000_000
    conversion_micro_per_kg: MicroAmount = 0
    by_form: Annotated[tuple[FormPrice, ...], Meta(max_length=8)] = ()
    sustainability: SustainabilityClause | None = None


class ContractForDifference(Struct, frozen=True, kw_only=True, tag="contract_for_difference"):
    """Quarterly: the buyer pays what the mean price lacks to the strike, and gets its share above it.

    Strike in the agreement's currency per kg of the index. With `delivered_at_index` a delivery itself is
    paid at the index; without it the product is sold elsewhere and only differences are settled here.
    """

    index: IndexReference
    strike_micro_per_kg: MicroAmount
    upside_ppb: FractionPpb
    form_factor_ppb: RatioPpb = 1_000_000_000
    delivered_at_index: bool = True


class CostPlusPrice(Struct, frozen=True, kw_only=True, tag="cost_plus"):
    """Declared cost plus the seller's share of what the index is above it; never below cost."""

    index: IndexReference
    cost_micro_per_kg: MicroAmount
    margin_ppb: FractionPpb
    form_factor_ppb: RatioPpb = 1_000_000_000


PriceClause = FlatPrice | MatchedPrice | IndexedPrice | ContractForDifference | CostPlusPrice
