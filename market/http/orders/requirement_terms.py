"""A requirement's terms in requests and answers: trader's units in the API, the record's integers inside."""

from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, field

from events import market_terms as terms
from events.forecast_terms import ForecastSupply
from events.vocabulary import Commitment, Instant, ProductForm, QualificationLevel, RexRoute
from market.http.orders import rex_terms
from market.http.orders.composition import Fraction, to_fraction, to_ppb
from market.http.orders.policy_lines import NamedPolicy, Portfolio
from market.http.orders.rex_terms import MagnetNeed
from market.http.wire.countries import CountryCode
from market.http.wire.ids import FacilityId, OrganisationId, to_text, to_uuid
from market.http.wire.material import Body, NamedPlace, Price, Term, Window, utc
from market.http.wire.numbers import (
    BECQUEREL_PER_GRAM,
    EUR_CENTS,
    EUR_PER_KG,
    EUR_PER_TONNE,
    KG_CO2E_PER_KG,
    KILOGRAMS,
    PERCENT,
    RATIO,
    SIGNED_EUR_PER_KG,
    BecquerelPerGram,
    Eur,
    EurPerKg,
    EurPerTonne,
    KgCo2ePerKg,
    KilogramsPositive,
    Percent,
    Ratio,
    SignedEurPerKg,
)
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.policy_lines import own_lines
from market.rules.refusing.wording import Code

RULE_SET_DEFAULT: Literal["rule-set-default"] = "rule-set-default"


class AcceptedForm(Body, frozen=True, kw_only=True):
    """A form that the buyer accepts, and what it adds to its bid for it, per basis kg."""

    form: ProductForm
    differential_eur_per_kg: SignedEurPerKg = "0.00"


class AnalyteLimit(Body, frozen=True, kw_only=True):
    """Minimum and maximum of an analyte, as element in the dry sample."""

    analyte: Code
    min: Fraction | None = None
    max: Fraction | None = None

    def inside(self) -> terms.AnalyteLimit:
        return terms.AnalyteLimit(
            analyte=self.analyte, min_ppb=_ppb_or_none(self.min), max_ppb=_ppb_or_none(self.max)
        )

    @classmethod
    def outside(cls, value: terms.AnalyteLimit) -> Self:
        return cls(
            analyte=value.analyte, min=_fraction_or_none(value.min_ppb), max=_fraction_or_none(value.max_ppb)
        )


class PurityFloor(Body, frozen=True, kw_only=True):
    """Minimum share of the named rare earths, as traded oxides, in TREO."""

    elements: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=16)]
    min_percent: Percent

    def inside(self) -> terms.PurityFloor:
        return terms.PurityFloor(elements=self.elements, min_ppb=PERCENT.decoded(self.min_percent))

    @classmethod
    def outside(cls, value: terms.PurityFloor) -> Self:
        return cls(elements=value.elements, min_percent=PERCENT.text(value.min_ppb))


class CoProductBid(Body, frozen=True, kw_only=True):
    """What the buyer pays for a co-element: a price per kg of element, or a reference code times
    `payable_percent`."""

    analyte: Code
    price_eur_per_kg: EurPerKg | None = None
    reference_code: Code | None = None
    payable_percent: Percent
    max_ratio: Ratio

    def inside(self) -> terms.CoProductBid:
        return terms.CoProductBid(
            analyte=self.analyte,
            price_ueur_per_kg=EUR_PER_KG.decoded_optional(self.price_eur_per_kg),
            reference_code=self.reference_code,
            payable_ppb=PERCENT.decoded(self.payable_percent),
            max_ratio_ppb=RATIO.decoded(self.max_ratio),
        )

    @classmethod
    def outside(cls, value: terms.CoProductBid) -> Self:
        return cls(
            analyte=value.analyte,
            price_eur_per_kg=EUR_PER_KG.text_optional(value.price_ueur_per_kg),
            reference_code=value.reference_code,
            payable_percent=PERCENT.text(value.payable_ppb),
            max_ratio=RATIO.text(value.max_ratio_ppb),
        )


class PenaltyRule(Body, frozen=True, kw_only=True):
    """A deduction per basis kg for each full or begun `step` of the analyte above `threshold`."""

    analyte: Code
    threshold: Fraction
    step: Fraction
    eur_per_kg_per_step: SignedEurPerKg

    def inside(self) -> terms.PenaltyRule:
        return terms.PenaltyRule(
            analyte=self.analyte,
            threshold_ppb=to_ppb(self.threshold),
            step_ppb=to_ppb(self.step),
            ueur_per_kg_per_step=SIGNED_EUR_PER_KG.decoded(self.eur_per_kg_per_step),
        )

    @classmethod
    def outside(cls, value: terms.PenaltyRule) -> Self:
        return cls(
            analyte=value.analyte,
            threshold=to_fraction(value.threshold_ppb),
            step=to_fraction(value.step_ppb),
            eur_per_kg_per_step=SIGNED_EUR_PER_KG.text(value.ueur_per_kg_per_step),
        )


class Carriage(Body, frozen=True, kw_only=True):
    """The buyer's own cost of transport from a country, per basis kg or per kg of product."""

    country: CountryCode
    per: Literal["basis", "product"]
    eur_per_kg: SignedEurPerKg


class CertificateAmount(Body, frozen=True, kw_only=True):
    scheme: Code
    eur_per_kg: SignedEurPerKg


class RexAmount(Body, frozen=True, kw_only=True):
    route: RexRoute
    eur_per_kg: SignedEurPerKg


class Profile(Body, frozen=True, kw_only=True):
    """The buyer's bids for sustainability: λ in EUR per t CO2e, all else per basis kg. As confidential as the
    limit."""

    carbon_eur_per_t: EurPerTonne = "0.00"
    post_consumer_eur_per_kg: SignedEurPerKg = "0.00"
    pre_consumer_eur_per_kg: SignedEurPerKg = "0.00"
    certificates: Annotated[tuple[CertificateAmount, ...], Meta(max_length=32)] = ()
    eu_origin_eur_per_kg: SignedEurPerKg = "0.00"
    concentrated_origin_deduction_eur_per_kg: SignedEurPerKg = "0.00"
    rex: Annotated[tuple[RexAmount, ...], Meta(max_length=4)] = ()
    floor_eur_per_kg: SignedEurPerKg = "0.00"
    cap_eur_per_kg: SignedEurPerKg = "0.00"

    def inside(self) -> terms.SustainabilityProfile:
        money = SIGNED_EUR_PER_KG.parse
        return terms.SustainabilityProfile(
            carbon_cents_per_t=EUR_PER_TONNE.decoded(self.carbon_eur_per_t),
            post_consumer_ueur_per_kg=money(self.post_consumer_eur_per_kg),
            pre_consumer_ueur_per_kg=money(self.pre_consumer_eur_per_kg),
            certificates=tuple(
                terms.CertificateAmount(scheme=paid.scheme, ueur_per_kg=money(paid.eur_per_kg))
                for paid in self.certificates
            ),
            eu_origin_ueur_per_kg=money(self.eu_origin_eur_per_kg),
            concentrated_origin_deduction_ueur_per_kg=money(self.concentrated_origin_deduction_eur_per_kg),
            rex=tuple(
                terms.RexAmount(route=paid.route, ueur_per_kg=money(paid.eur_per_kg)) for paid in self.rex
            ),
            floor_ueur_per_kg=money(self.floor_eur_per_kg),
            cap_ueur_per_kg=money(self.cap_eur_per_kg),
        )

    @classmethod
    def outside(cls, value: terms.SustainabilityProfile) -> Self:
        money = SIGNED_EUR_PER_KG.text
        return cls(
            carbon_eur_per_t=EUR_PER_TONNE.text(value.carbon_cents_per_t),
            post_consumer_eur_per_kg=money(value.post_consumer_ueur_per_kg),
            pre_consumer_eur_per_kg=money(value.pre_consumer_ueur_per_kg),
            certificates=tuple(
                CertificateAmount(scheme=paid.scheme, eur_per_kg=money(paid.ueur_per_kg))
                for paid in value.certificates
            ),
            eu_origin_eur_per_kg=money(value.eu_origin_ueur_per_kg),
            concentrated_origin_deduction_eur_per_kg=money(value.concentrated_origin_deduction_ueur_per_kg),
            rex=tuple(RexAmount(route=paid.route, eur_per_kg=money(paid.ueur_per_kg)) for paid in value.rex),
            floor_eur_per_kg=money(value.floor_ueur_per_kg),
            cap_eur_per_kg=money(value.cap_ueur_per_kg),
        )


class RequirementTerms(Body, frozen=True, kw_only=True):
    """The requirement itself. `basis_kg` counts what the market counts, per contract year when `term` is
    set.

    Of its own lines and those of its `policies`, the strictest applies, line by line.
    `strategic_project_eur_per_kg` is what it adds to its bid for material of a seller's site that is a
    strategic project under Regulation (EU) 2024/1252; the profile's maximum does not limit it. Without a
    `profile` it bids nothing for sustainability; `rule-set-default` bids the default amounts of whichever
    rule set a round is cleared by. `th_max_bq_per_g` and `u_max_bq_per_g` are only compared with the
    activities of Th-232 and U-238 stated by an assay, which figures of Th or U in the composition do not
    replace. Of `payment`, a round only uses `credit`, whose `credit_limit_eur` limits what it gives; the
    contract says how a match is paid.
    """

    forms: Annotated[tuple[AcceptedForm, ...], Meta(min_length=1, max_length=16)]
    basis_kg: KilogramsPositive
    minimum_parcel_kg: KilogramsPositive
    limit: Price
    limits: Annotated[tuple[AnalyteLimit, ...], Meta(max_length=64)] = ()
    purity: PurityFloor | None = None
    th_max_bq_per_g: BecquerelPerGram | None = None
    u_max_bq_per_g: BecquerelPerGram | None = None
    window: Window
    overlap_min_days: Annotated[int, Meta(ge=0, le=3650)] = 1
    place: NamedPlace
    facility: FacilityId
    valid_until: Instant
    commitment: Commitment
    term: Term | None = None
    visible_to_initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    certificates_required: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    footprint_max_kg_co2e_per_kg: KgCo2ePerKg | None = None
    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=250)] = ()
    recycled_min_percent: Percent | None = None
    recycled_max_percent: Percent | None = None
    qualification_min: QualificationLevel = "none"
    organisations_excluded: Annotated[tuple[OrganisationId, ...], Meta(max_length=256)] = ()
    rex_route: RexRoute | None = None
    co_products: Annotated[tuple[CoProductBid, ...], Meta(max_length=32)] = ()
    penalties: Annotated[tuple[PenaltyRule, ...], Meta(max_length=32)] = ()
    carriage: Annotated[tuple[Carriage, ...], Meta(max_length=250)] = ()
    profile: Profile | Literal["rule-set-default"] = field(default_factory=Profile)
    portfolio: Portfolio | None = None
    payment: Literal["prepayment", "credit"] = "prepayment"
    credit_limit_eur: Eur | None = None
    minimum_quantity_kg: KilogramsPositive | None = None
    forecast_supply: ForecastSupply = "refused"
    magnets: Annotated[MagnetNeed, Meta(examples=[rex_terms.MAGNET_NEED])] | None = None
    strategic_project_eur_per_kg: EurPerKg = "0.00"
    policies: Annotated[tuple[NamedPolicy, ...], Meta(max_length=8)] = ()

    def draft(self) -> RequirementDraft:
        return RequirementDraft(
            forms=tuple(
                terms.AcceptedForm(
                    form=accepted.form,
                    differential_ueur_per_kg=SIGNED_EUR_PER_KG.decoded(accepted.differential_eur_per_kg),
                )
                for accepted in self.forms
            ),
            basis_g=KILOGRAMS.decoded(self.basis_kg),
            minimum_parcel_g=KILOGRAMS.decoded(self.minimum_parcel_kg),
            limit=self.limit.inside(),
            limits=tuple(limit.inside() for limit in self.limits),
            purity=None if self.purity is None else self.purity.inside(),
            th_max_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.th_max_bq_per_g),
            u_max_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.u_max_bq_per_g),
            window=self.window.inside(),
            overlap_min_days=self.overlap_min_days,
            place=self.place.inside(),
            facility=to_uuid(self.facility),
            valid_until=utc(self.valid_until, "/valid_until"),
            commitment=self.commitment,
            term=None if self.term is None else self.term.inside(),
            visible_to_initiatives=self.visible_to_initiatives,
            certificates_required=self.certificates_required,
            footprint_max_g_co2e_per_kg=KG_CO2E_PER_KG.decoded_optional(self.footprint_max_kg_co2e_per_kg),
            origins_excluded=self.origins_excluded,
            recycled_min_ppb=PERCENT.decoded_optional(self.recycled_min_percent),
            recycled_max_ppb=PERCENT.decoded_optional(self.recycled_max_percent),
            qualification_min=self.qualification_min,
            organisations_excluded=tuple(to_uuid(excluded) for excluded in self.organisations_excluded),
            rex_route=self.rex_route,
            co_products=tuple(bid.inside() for bid in self.co_products),
            penalties=tuple(rule.inside() for rule in self.penalties),
            carriage=tuple(
                terms.Carriage(
                    country=cost.country, per=cost.per, ueur_per_kg=SIGNED_EUR_PER_KG.decoded(cost.eur_per_kg)
                )
                for cost in self.carriage
            ),
            profile=self.profile.inside() if isinstance(self.profile, Profile) else None,
            portfolio=None if self.portfolio is None else self.portfolio.inside(),
            payment=self.payment,
            credit_limit_cents_eur=EUR_CENTS.decoded_optional(self.credit_limit_eur),
            minimum_quantity_g=KILOGRAMS.decoded_optional(self.minimum_quantity_kg),
            magnets=UNSET if self.magnets is None else self.magnets.inside(),
            forecast_supply=self.forecast_supply,
            strategic_project_ueur_per_kg=EUR_PER_KG.decoded(self.strategic_project_eur_per_kg),
            policies=tuple(named.inside() for named in self.policies),
        )

    @classmethod
    def outside(cls, value: terms.RequirementTerms) -> Self:
        """The terms as the buyer stated them, and the policies that it named."""
        own = own_lines(value)
        return cls(
            forms=tuple(
                AcceptedForm(
                    form=accepted.form,
                    differential_eur_per_kg=SIGNED_EUR_PER_KG.text(accepted.differential_ueur_per_kg),
                )
                for accepted in value.forms
            ),
            basis_kg=KILOGRAMS.text(value.basis_g),
            minimum_parcel_kg=KILOGRAMS.text(value.minimum_parcel_g),
            limit=Price.outside(value.limit.stated),
            limits=tuple(map(AnalyteLimit.outside, value.limits)),
            purity=None if value.purity is None else PurityFloor.outside(value.purity),
            th_max_bq_per_g=BECQUEREL_PER_GRAM.text_optional(value.th_max_mbq_per_g),
            u_max_bq_per_g=BECQUEREL_PER_GRAM.text_optional(value.u_max_mbq_per_g),
            window=Window.outside(value.window),
            overlap_min_days=value.overlap_min_days,
            place=NamedPlace.outside(value.place),
            facility=to_text("fac", value.facility),
            valid_until=value.valid_until,
            commitment=value.commitment,
            term=None if value.term is None else Term.outside(value.term),
            visible_to_initiatives=value.visible_to_initiatives,
            certificates_required=own.certificates_required,
            footprint_max_kg_co2e_per_kg=KG_CO2E_PER_KG.text_optional(value.footprint_max_g_co2e_per_kg),
            origins_excluded=own.origins_excluded,
            recycled_min_percent=PERCENT.text_optional(own.recycled_min_ppb),
            recycled_max_percent=PERCENT.text_optional(value.recycled_max_ppb),
            qualification_min=value.qualification_min,
            organisations_excluded=tuple(to_text("org", found) for found in value.organisations_excluded),
            rex_route=value.rex_route,
            co_products=tuple(map(CoProductBid.outside, value.co_products)),
            penalties=tuple(map(PenaltyRule.outside, value.penalties)),
            carriage=tuple(
                Carriage(
                    country=cost.country, per=cost.per, eur_per_kg=SIGNED_EUR_PER_KG.text(cost.ueur_per_kg)
                )
                for cost in value.carriage
            ),
            profile=RULE_SET_DEFAULT if value.profile is None else Profile.outside(value.profile),
            portfolio=None if own.portfolio is None else Portfolio.outside(own.portfolio),
            payment=value.payment,
            credit_limit_eur=EUR_CENTS.text_optional(value.credit_limit_cents_eur),
            minimum_quantity_kg=KILOGRAMS.text_optional(value.minimum_quantity_g),
            magnets=MagnetNeed.outside(value.magnets),
            forecast_supply=value.forecast_supply,
            strategic_project_eur_per_kg=EUR_PER_KG.text(own.strategic_project_ueur_per_kg),
            policies=tuple(map(NamedPolicy.outside, value.policies)),
        )


def _ppb_or_none(fraction: Fraction | None) -> int | None:
    return None if fraction is None else to_ppb(fraction)


def _fraction_or_none(ppb: int | None) -> Fraction | None:
    return None if ppb is None else to_fraction(ppb)
