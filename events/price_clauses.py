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
    """A published index: what its kilogram refers to, its quotation period, and what replaces missing values.

    A gap is a period of more than `stale_days_max` days without a value. `fallback_code` names the index that
    is used then; without it, the last value before the period is used, if it is no older than that at the
    period's end. `fx_code` is the exchange rate into the agreement's currency, read over the same period.
    """

    code: Code
    currency: CurrencyCode
    per: Denominator
    quotation_period: QuotationPeriod
    fallback_code: Code | None = None
    fx_code: Code | None = None
    stale_days_max: Days = 0


class SharingBand(Struct, frozen=True, kw_only=True):
    """The seller gets `seller_ppb` of the part of the clamped index above `above_micro_per_kg`."""

    above_micro_per_kg: MicroAmount
    seller_ppb: FractionPpb


class SustainabilityClause(Struct, frozen=True, kw_only=True):
    """Amounts that the buyer pays for evidence, by the formulas of a market's rule set.

    `concentrated_origins` are the listed countries to which the profile's deduction applies.
    """

    profile: SustainabilityProfile
    rule_set: RuleSet
    concentrated_origins: Annotated[tuple[CountryCode, ...], Meta(max_length=250)] = ()
    rex_route: RexRoute | None = None


class FormPrice(Struct, frozen=True, kw_only=True):
    """What differs for a form that the buyer may choose; a negative conversion is a premium."""

    form: ProductForm
    form_factor_ppb: RatioPpb
    conversion_micro_per_kg: MicroAmount = 0


class FlatPrice(Struct, frozen=True, kw_only=True, tag="flat"):
    price_micro_per_kg: MicroAmount


class MatchedPrice(Struct, frozen=True, kw_only=True, tag="matched"):
    """A match's price and terms: only differences in assay and evidence change it, and nothing is paid twice.

    P_final = P + (T_final − T_match). `co_products` have the prices of the cut; kinds of terms that are
    stated neither here nor in the penalties stay as matched.
    """

    match: UUID
    price_micro_per_kg: MicroAmount
    terms: tuple[PriceTerm, ...]
    co_products: Annotated[tuple[CoProductBid, ...], Meta(max_length=32)] = ()
    sustainability: SustainabilityClause | None = None


class IndexedPrice(Struct, frozen=True, kw_only=True, tag="indexed"):
    """clamp(index × FX), shared, × payable × form factor − conversion − penalties + S + differential.

    Floor, cap and sharing are in the agreement's currency per kg of the index; all else per kg of basis.
    `form_factor_ppb` is kg of the index's unit in one kg of basis; `by_form` has what differs by form.
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
    """Quarterly: the buyer pays the difference if the mean price is below the strike, and gets its share of
    what is above it. The strike is in the agreement's currency per kg of the index. With
    `delivered_at_index`, deliveries are paid at the index; without it, the product is sold elsewhere and only
    differences are settled here."""

    index: IndexReference
    strike_micro_per_kg: MicroAmount
    upside_ppb: FractionPpb
    form_factor_ppb: RatioPpb = 1_000_000_000
    delivered_at_index: bool = True


class CostPlusPrice(Struct, frozen=True, kw_only=True, tag="cost_plus"):
    """Declared cost plus the seller's share of the index's excess over it; never below cost."""

    index: IndexReference
    cost_micro_per_kg: MicroAmount
    margin_ppb: FractionPpb
    form_factor_ppb: RatioPpb = 1_000_000_000


PriceClause = FlatPrice | MatchedPrice | IndexedPrice | ContractForDifference | CostPlusPrice
