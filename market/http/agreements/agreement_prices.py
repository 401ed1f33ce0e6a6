"""The price clause of an agreement on the wire: formulas in the agreement's currency per kg, and back."""

from typing import Annotated, Self, TypeAlias, assert_never

from msgspec import Meta, field

from events import price_clauses as clauses
from events.clearing_terms import PriceTerm, TermKind
from events.market_terms import CoProductBid
from events.price_clauses import QuotationPeriod
from events.vocabulary import Days, Denominator, ProductForm, RexRoute
from market.http.orders.requirement_terms import Profile
from market.http.rounds.rule_sets import RuleSetTerms
from market.http.wire.countries import CountryCode
from market.http.wire.ids import MatchId, to_text, to_uuid
from market.http.wire.material import Body
from market.http.wire.numbers import (
    PERCENT,
    RATIO,
    SIGNED_EUR_PER_KG,
    SIGNED_PRICE,
    Percent,
    Ratio,
    SignedAmount,
    SignedEurPerKg,
)
from market.http.wire.term_inputs import in_traders_units
from market.rules.refusing.wording import Code, CurrencyCode, Text


class IndexReference(Body, frozen=True, kw_only=True):
    """A published index. Without a fallback, the last value before the period is used, if it is not too old.
    `fx_code` is the exchange rate into the agreement's currency, if that is different."""

    code: Code
    currency: CurrencyCode
    per: Denominator
    quotation_period: QuotationPeriod
    fallback_code: Code | None = None
    fx_code: Code | None = None
    stale_days_max: Days = 0

    def inside(self) -> clauses.IndexReference:
        return clauses.IndexReference(
            code=self.code,
            currency=self.currency,
            per=self.per,
            quotation_period=self.quotation_period,
            fallback_code=self.fallback_code,
            fx_code=self.fx_code,
            stale_days_max=self.stale_days_max,
        )

    @classmethod
    def outside(cls, value: clauses.IndexReference) -> Self:
        return cls(
            code=value.code,
            currency=value.currency,
            per=value.per,
            quotation_period=value.quotation_period,
            fallback_code=value.fallback_code,
            fx_code=value.fx_code,
            stale_days_max=value.stale_days_max,
        )


class FlatPrice(Body, frozen=True, kw_only=True, tag="flat", tag_field="kind"):
    """One price per kg of basis."""

    price_per_kg: SignedAmount

    def inside(self) -> clauses.FlatPrice:
        return clauses.FlatPrice(price_micro_per_kg=SIGNED_PRICE.parse(self.price_per_kg))

    @classmethod
    def outside(cls, value: clauses.FlatPrice) -> Self:
        return cls(price_per_kg=SIGNED_PRICE.text(value.price_micro_per_kg))


class SustainabilityClause(Body, frozen=True, kw_only=True):
    """Amounts that the buyer pays for evidence, by the formulas of the rule set that is included here.
    `concentrated_origins`: the listed countries to which the profile's deduction applies."""

    profile: Profile
    rule_set: RuleSetTerms
    concentrated_origins: Annotated[tuple[CountryCode, ...], Meta(max_length=250)] = ()
    rex_route: RexRoute | None = None

    def inside(self) -> clauses.SustainabilityClause:
        return clauses.SustainabilityClause(
            profile=self.profile.inside(),
            rule_set=self.rule_set.inside(),
            concentrated_origins=self.concentrated_origins,
            rex_route=self.rex_route,
        )

    @classmethod
    def outside(cls, value: clauses.SustainabilityClause) -> Self:
        return cls(
            profile=Profile.outside(value.profile),
            rule_set=RuleSetTerms.outside(value.rule_set),
            concentrated_origins=value.concentrated_origins,
            rex_route=value.rex_route,
        )


class MatchedCoProduct(Body, frozen=True, kw_only=True):
    """A co-element that the match pays for, at the price of its cut."""

    analyte: Code
    price_per_kg: SignedAmount
    payable_percent: Percent
    max_ratio: Ratio

    def inside(self) -> CoProductBid:
        return CoProductBid(
            analyte=self.analyte,
            price_ueur_per_kg=SIGNED_PRICE.parse(self.price_per_kg),
            payable_ppb=PERCENT.parse(self.payable_percent),
            max_ratio_ppb=RATIO.parse(self.max_ratio),
        )

    @classmethod
    def outside(cls, value: CoProductBid) -> Self:
        return cls(
            analyte=value.analyte,
            price_per_kg=SIGNED_PRICE.text(value.price_ueur_per_kg or 0),
            payable_percent=PERCENT.text(value.payable_ppb),
            max_ratio=RATIO.text(value.max_ratio_ppb),
        )


class MatchedTerm(Body, frozen=True, kw_only=True):
    """A line of the match's price that a final assay can change.

    `inputs` are as in the record, since prices are computed from them again. `figures` are the same in the
    units that their names state, as the match shows them; they are only shown: a proposal omits them or
    repeats them unchanged.
    """

    kind: TermKind
    rule: Code
    eur_per_kg: SignedEurPerKg
    reason: Text | None = None
    inputs: Annotated[dict[Code, Text], Meta(max_length=256)] = field(default_factory=dict)
    evidence: Annotated[tuple[Text, ...], Meta(max_length=256)] = ()
    figures: Annotated[dict[Text, Text], Meta(max_length=256)] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.figures and self.figures != in_traders_units(self.rule, self.inputs):
            raise ValueError("figures are told of inputs and not stated: leave them out, or as they were")


class MatchedPrice(Body, frozen=True, kw_only=True, tag="matched", tag_field="kind"):
    """The price of the match, adjusted by what final assays change in `terms`; nothing is paid twice."""

    match: MatchId
    price_per_kg: SignedAmount
    terms: Annotated[tuple[MatchedTerm, ...], Meta(max_length=16)] = ()
    co_products: Annotated[tuple[MatchedCoProduct, ...], Meta(max_length=32)] = ()
    sustainability: SustainabilityClause | None = None

    def inside(self) -> clauses.MatchedPrice:
        return clauses.MatchedPrice(
            match=to_uuid(self.match),
            price_micro_per_kg=SIGNED_PRICE.parse(self.price_per_kg),
            terms=tuple(
                PriceTerm(
                    kind=line.kind,
                    rule=line.rule,
                    ueur_per_kg=SIGNED_EUR_PER_KG.parse(line.eur_per_kg),
                    reason=line.reason,
                    inputs=line.inputs,
                    evidence=line.evidence,
                )
                for line in self.terms
            ),
            co_products=tuple(each.inside() for each in self.co_products),
            sustainability=None if self.sustainability is None else self.sustainability.inside(),
        )

    @classmethod
    def outside(cls, value: clauses.MatchedPrice) -> Self:
        paid = value.sustainability
        return cls(
            match=to_text("match", value.match),
            price_per_kg=SIGNED_PRICE.text(value.price_micro_per_kg),
            terms=tuple(
                MatchedTerm(
                    kind=line.kind,
                    rule=line.rule,
                    eur_per_kg=SIGNED_EUR_PER_KG.text(line.ueur_per_kg),
                    reason=line.reason,
                    inputs=line.inputs,
                    evidence=line.evidence,
                    figures=in_traders_units(line.rule, line.inputs),
                )
                for line in value.terms
            ),
            co_products=tuple(map(MatchedCoProduct.outside, value.co_products)),
            sustainability=None if paid is None else SustainabilityClause.outside(paid),
        )


class SharingBand(Body, frozen=True, kw_only=True):
    """The seller gets its share of the part of the index above `above_per_kg`."""

    above_per_kg: SignedAmount
    seller_percent: Percent


class FormPrice(Body, frozen=True, kw_only=True):
    """What differs for a form that the buyer may choose; a negative conversion is a premium."""

    form: ProductForm
    form_factor: Ratio
    conversion_per_kg: SignedAmount = "0.00"

    def inside(self) -> clauses.FormPrice:
        return clauses.FormPrice(
            form=self.form,
            form_factor_ppb=RATIO.parse(self.form_factor),
            conversion_micro_per_kg=SIGNED_PRICE.parse(self.conversion_per_kg),
        )

    @classmethod
    def outside(cls, value: clauses.FormPrice) -> Self:
        return cls(
            form=value.form,
            form_factor=RATIO.text(value.form_factor_ppb),
            conversion_per_kg=SIGNED_PRICE.text(value.conversion_micro_per_kg),
        )


class IndexedPrice(Body, frozen=True, kw_only=True, tag="indexed", tag_field="kind"):
    """clamp(index × FX), shared, × payable × form factor − conversion − penalties + S + differential.

    Floor, cap and band are per kg of the index, all else per kg of basis; `form_factor` is kg of the index's
    unit in one kg of basis; `by_form` holds what differs by form.
    """

    index: IndexReference
    differential_per_kg: SignedAmount = "0.00"
    floor_per_kg: SignedAmount | None = None
    cap_per_kg: SignedAmount | None = None
    sharing: SharingBand | None = None
    payable_percent: Percent = "100"
    form_factor: Ratio = "1"
    conversion_per_kg: SignedAmount = "0.00"
    by_form: Annotated[tuple[FormPrice, ...], Meta(max_length=8)] = ()
    sustainability: SustainabilityClause | None = None

    def inside(self) -> clauses.IndexedPrice:
        money, sharing = SIGNED_PRICE.parse, self.sharing
        return clauses.IndexedPrice(
            index=self.index.inside(),
            differential_micro_per_kg=money(self.differential_per_kg),
            floor_micro_per_kg=SIGNED_PRICE.parse_optional(self.floor_per_kg),
            cap_micro_per_kg=SIGNED_PRICE.parse_optional(self.cap_per_kg),
            sharing=None
            if sharing is None
            else clauses.SharingBand(
                above_micro_per_kg=money(sharing.above_per_kg),
                seller_ppb=PERCENT.parse(sharing.seller_percent),
            ),
            payable_ppb=PERCENT.parse(self.payable_percent),
            form_factor_ppb=RATIO.parse(self.form_factor),
            conversion_micro_per_kg=money(self.conversion_per_kg),
            by_form=tuple(each.inside() for each in self.by_form),
            sustainability=None if self.sustainability is None else self.sustainability.inside(),
        )

    @classmethod
    def outside(cls, value: clauses.IndexedPrice) -> Self:
        money, sharing, paid = SIGNED_PRICE.text, value.sharing, value.sustainability
        return cls(
            index=IndexReference.outside(value.index),
            differential_per_kg=money(value.differential_micro_per_kg),
            floor_per_kg=SIGNED_PRICE.text_optional(value.floor_micro_per_kg),
            cap_per_kg=SIGNED_PRICE.text_optional(value.cap_micro_per_kg),
            sharing=None
            if sharing is None
            else SharingBand(
                above_per_kg=money(sharing.above_micro_per_kg),
                seller_percent=PERCENT.text(sharing.seller_ppb),
            ),
            payable_percent=PERCENT.text(value.payable_ppb),
            form_factor=RATIO.text(value.form_factor_ppb),
            conversion_per_kg=money(value.conversion_micro_per_kg),
            by_form=tuple(map(FormPrice.outside, value.by_form)),
            sustainability=None if paid is None else SustainabilityClause.outside(paid),
        )


class ContractForDifference(Body, frozen=True, kw_only=True, tag="contract_for_difference", tag_field="kind"):
    """Quarterly: the buyer pays the difference if the mean price is below the strike, and gets its share of
    what is above it.

    `delivered_at_index` false: the product is sold elsewhere, and only differences are settled here.
    """

    index: IndexReference
    strike_per_kg: SignedAmount
    upside_percent: Percent
    form_factor: Ratio = "1"
    delivered_at_index: bool = True

    def inside(self) -> clauses.ContractForDifference:
        return clauses.ContractForDifference(
            index=self.index.inside(),
            strike_micro_per_kg=SIGNED_PRICE.parse(self.strike_per_kg),
            upside_ppb=PERCENT.parse(self.upside_percent),
            form_factor_ppb=RATIO.parse(self.form_factor),
            delivered_at_index=self.delivered_at_index,
        )

    @classmethod
    def outside(cls, value: clauses.ContractForDifference) -> Self:
        return cls(
            index=IndexReference.outside(value.index),
            strike_per_kg=SIGNED_PRICE.text(value.strike_micro_per_kg),
            upside_percent=PERCENT.text(value.upside_ppb),
            form_factor=RATIO.text(value.form_factor_ppb),
            delivered_at_index=value.delivered_at_index,
        )


class CostPlusPrice(Body, frozen=True, kw_only=True, tag="cost_plus", tag_field="kind"):
    """Declared cost plus the seller's share of what the index is above it; never below cost."""

    index: IndexReference
    cost_per_kg: SignedAmount
    margin_percent: Percent
    form_factor: Ratio = "1"

    def inside(self) -> clauses.CostPlusPrice:
        return clauses.CostPlusPrice(
            index=self.index.inside(),
            cost_micro_per_kg=SIGNED_PRICE.parse(self.cost_per_kg),
            margin_ppb=PERCENT.parse(self.margin_percent),
            form_factor_ppb=RATIO.parse(self.form_factor),
        )

    @classmethod
    def outside(cls, value: clauses.CostPlusPrice) -> Self:
        return cls(
            index=IndexReference.outside(value.index),
            cost_per_kg=SIGNED_PRICE.text(value.cost_micro_per_kg),
            margin_percent=PERCENT.text(value.margin_ppb),
            form_factor=RATIO.text(value.form_factor_ppb),
        )


PriceBody: TypeAlias = FlatPrice | MatchedPrice | IndexedPrice | ContractForDifference | CostPlusPrice


def price_outside(value: clauses.PriceClause) -> PriceBody:
    match value:
        case clauses.FlatPrice():
            return FlatPrice.outside(value)
        case clauses.MatchedPrice():
            return MatchedPrice.outside(value)
        case clauses.IndexedPrice():
            return IndexedPrice.outside(value)
        case clauses.ContractForDifference():
            return ContractForDifference.outside(value)
        case clauses.CostPlusPrice():
            return CostPlusPrice.outside(value)
        case _:
            assert_never(value)
