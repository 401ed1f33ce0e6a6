"""What the facts of a market carry: the terms of its orders, its members, its inputs and its rule sets."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.capacity_terms import CapacityCount, CapacityRule, FacilityCapacity
from events.forecast_terms import ForecastSupply, SupplyForecast
from events.origin_terms import STEP_SHARES_MAX, StepShare
from events.policy_terms import (
    CERTIFICATES_MAX,
    COUNTRIES_MAX,
    AppliedPolicy,
    PolicyTerms,
    PortfolioLimits,
)
from events.rex_terms import Core, MagnetNeed, RouteCeilings, StepDown, WholeMagnets
from events.vocabulary import (
    Assay,
    Code,
    Commitment,
    Composition,
    ConditionGrade,
    ConvertedPrice,
    Count,
    CountryCode,
    CurrencyCode,
    Denominator,
    ExportLicenceStatus,
    FacilityScale,
    FacilityStage,
    Footprint,
    FractionPpb,
    Incoterm,
    Instant,
    LongText,
    MarketBasis,
    MassG,
    OriginStep,
    Packaging,
    PartyRole,
    Period,
    PhysicalLot,
    Place,
    Position,
    PriceUeurPerKg,
    ProductForm,
    QualificationLevel,
    RatioPpb,
    RecycledContent,
    RexRoute,
    Seconds,
    StatedPrice,
    TermHorizon,
    Text,
    Tranche,
    ValueUeurPerKg,
    WasteStatus,
)


class MarketTerms(Struct, frozen=True, kw_only=True):
    """How a market runs; every limit of it is a number here.

    `clearing_interval_seconds` 0: on demand only. Rule sets are published `rule_notice_seconds` before they
    take effect. `tick_ueur_per_kg` is the width of the price bands that leave the market. `umpire` is the
    laboratory that contracts of its matches begin with.
    """

    name: Text
    basis: MarketBasis
    sandbox: bool
    clearing_interval_seconds: Seconds
    clearing_jitter_seconds: Seconds = 0
    demand_notice_seconds: Seconds = 0
    rule_notice_seconds: Seconds
    confirmation_seconds: Seconds
    least_basis_ppb: FractionPpb
    orders_max: Annotated[int, Meta(ge=1, le=200_000)]
    tick_ueur_per_kg: Annotated[int, Meta(ge=1, le=10**9)]
    public_organisations_min: Annotated[int, Meta(ge=1, le=100)] = 5
    quotes_per_day: Annotated[int, Meta(ge=0, le=100)] = 5
    umpire: Text | UnsetType = UNSET


class MemberFacility(Struct, frozen=True, kw_only=True):
    facility: UUID
    country: CountryCode
    stages: tuple[FacilityStage, ...]
    scale: FacilityScale
    strategic_project: bool = False
    capacities: tuple[FacilityCapacity, ...] = ()


class MemberCertificate(Struct, frozen=True, kw_only=True):
    certificate: UUID
    facility: UUID
    scheme: Code
    valid_from: Instant
    valid_until: Instant


class MemberLicence(Struct, frozen=True, kw_only=True):
    licence: UUID
    facility: UUID
    kind: Code
    waste_statuses: tuple[WasteStatus, ...]
    ewc_codes: tuple[Code, ...] = ()
    from_countries: tuple[CountryCode, ...] = ()
    routes: tuple[RexRoute, ...] | UnsetType = UNSET
    valid_from: Instant
    valid_until: Instant


class Member(Struct, frozen=True, kw_only=True):
    """An organisation as the market's lane knows it: the only copy that eligibility and pricing read."""

    organisation: UUID
    name: Text
    country: CountryCode
    roles: tuple[PartyRole, ...]
    group: UUID
    initiatives: tuple[Code, ...] = ()
    sanctions_screened_until: Instant
    facilities: tuple[MemberFacility, ...] = ()
    certificates: tuple[MemberCertificate, ...] = ()
    licences: tuple[MemberLicence, ...] = ()
    source_position: Count


class CertifiedPeriod(Struct, frozen=True, kw_only=True):
    """A certificate of a material, as its passport states it."""

    scheme: Code
    valid_from: Instant
    valid_until: Instant


class PassportEvidence(Struct, frozen=True, kw_only=True):
    """What the passport of an order's lot proved when it was posted, at this position of the passport's lane.

    `recycled` is of the market's basis elements; `certificates` are schemes, `certified` when each was valid;
    `steps`: all that the passport tells, also before the last of a stage, which `origin` names alone.
    """

    passport: UUID
    position: Position
    stated_by: UUID
    form: ProductForm
    remaining_wet_g: MassG
    moisture_ppb: FractionPpb
    composition: Composition
    recycled: RecycledContent
    footprint: Footprint | None = None
    origin: Annotated[tuple[OriginStep, ...], Meta(max_length=768)] = ()
    certificates: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    certified: Annotated[tuple[CertifiedPeriod, ...], Meta(max_length=32)] = ()
    steps: Annotated[tuple[StepShare, ...], Meta(max_length=STEP_SHARES_MAX)] | UnsetType = UNSET


class SupplyTerms(Struct, frozen=True, kw_only=True, gc=False):
    """What a supply offer or a recovered lot states, as posted, with the basis grams and ask computed once.

    `basis_g` is per contract year at plateau when `term` is set. `facility` is the seller's site. What has a
    `forecast` is not there yet; without one the supply is firm. A round sells whole packages, at least
    `minimum_quantity_wet_g` of the order, or all that fills packages where `all_or_nothing` is set, or
    nothing.
    """

    form: ProductForm
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    composition: Composition
    assay: Assay
    basis_g: MassG
    packaging: Packaging
    minimum_parcel_wet_g: MassG
    tranches: Annotated[tuple[Tranche, ...], Meta(min_length=1, max_length=60)]
    incoterm: Incoterm
    place: Place
    ask: ConvertedPrice
    valid_until: Instant
    payment_terms: Text
    facility: UUID
    origin: Annotated[tuple[OriginStep, ...], Meta(min_length=1, max_length=12)]
    waste_status: WasteStatus
    ewc_code: Code | None = None
    cn_code: Code | None = None
    export_licence: ExportLicenceStatus = "not_required"
    commitment: Commitment
    term: TermHorizon | None = None
    visible_to_initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    certificates: Annotated[tuple[UUID, ...], Meta(max_length=32)] = ()
    footprint: Footprint | None = None
    recycled: RecycledContent | None = None
    physical_lot: PhysicalLot | None = None
    rex_routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()
    condition: ConditionGrade | None = None
    all_or_nothing: bool = False
    minimum_quantity_wet_g: MassG | None = None
    passport_evidence: PassportEvidence | None = None
    core: Core | UnsetType = UNSET
    magnets: WholeMagnets | UnsetType = UNSET
    step_down: StepDown | UnsetType = UNSET
    capacity: CapacityCount | None = None
    forecast: SupplyForecast | UnsetType = UNSET


class AcceptedForm(Struct, frozen=True, kw_only=True, gc=False):
    """A product form the buyer takes, and what it adds to its bid for it."""

    form: ProductForm
    differential_ueur_per_kg: ValueUeurPerKg = 0


class AnalyteLimit(Struct, frozen=True, kw_only=True, gc=False):
    """Least and most of an analyte, as element, ppb of the dry sample."""

    analyte: Code
    min_ppb: FractionPpb | None = None
    max_ppb: FractionPpb | None = None


class PurityFloor(Struct, frozen=True, kw_only=True):
    """Least share of the named rare earths (as traded oxides) in TREO."""

    elements: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=16)]
    min_ppb: FractionPpb


class CoProductBid(Struct, frozen=True, kw_only=True, gc=False):
    """What the buyer pays for a co-element: its own price per kg of element, or that of a reference code.

    Counted per basis kg up to `max_ratio_ppb` (kg of co-element per kg of basis) and paid at `payable_ppb`.
    """

    analyte: Code
    price_ueur_per_kg: PriceUeurPerKg | None = None
    reference_code: Code | None = None
    payable_ppb: FractionPpb
    max_ratio_ppb: RatioPpb


class PenaltyRule(Struct, frozen=True, kw_only=True, gc=False):
    """`ueur_per_kg_per_step` per basis kg for each full or begun `step_ppb` above `threshold_ppb`."""

    analyte: Code
    threshold_ppb: FractionPpb
    step_ppb: Annotated[int, Meta(ge=1, le=10**9)]
    ueur_per_kg_per_step: ValueUeurPerKg


class Carriage(Struct, frozen=True, kw_only=True):
    """The buyer's own cost of fetching from a country, per basis kg or per kg of product."""

    country: CountryCode
    per: Literal["basis", "product"]
    ueur_per_kg: ValueUeurPerKg


class CertificateAmount(Struct, frozen=True, kw_only=True):
    scheme: Code
    ueur_per_kg: ValueUeurPerKg


class RexAmount(Struct, frozen=True, kw_only=True):
    route: RexRoute
    ueur_per_kg: ValueUeurPerKg


class SustainabilityProfile(Struct, frozen=True, kw_only=True):
    """The amounts a buyer bids for sustainability, per basis kg; λ is EUR cents per tonne CO2e."""

    carbon_cents_per_t: Annotated[int, Meta(ge=0, le=10**9)] = 0
    post_consumer_ueur_per_kg: ValueUeurPerKg = 0
    pre_consumer_ueur_per_kg: ValueUeurPerKg = 0
    certificates: Annotated[tuple[CertificateAmount, ...], Meta(max_length=32)] = ()
    eu_origin_ueur_per_kg: ValueUeurPerKg = 0
    concentrated_origin_deduction_ueur_per_kg: ValueUeurPerKg = 0
    rex: Annotated[tuple[RexAmount, ...], Meta(max_length=4)] = ()
    floor_ueur_per_kg: ValueUeurPerKg = 0
    cap_ueur_per_kg: ValueUeurPerKg = 0


class RequirementTerms(Struct, frozen=True, kw_only=True, gc=False):
    """What a buyer requires and bids, as posted, with the limit converted once.

    `basis_g` is per contract year at plateau when `term` is set. `profile` None takes the rule set's amounts.
    A round gives at least `minimum_quantity_g`, counting what earlier ones gave, or nothing. Under `policies`
    the lines of `PolicyTerms` stand here as the strictest of them and of `own`, what the buyer stated itself.
    """

    forms: Annotated[tuple[AcceptedForm, ...], Meta(min_length=1, max_length=16)]
    basis_g: MassG
    minimum_parcel_g: MassG
    limit: ConvertedPrice
    limits: Annotated[tuple[AnalyteLimit, ...], Meta(max_length=64)] = ()
    purity: PurityFloor | None = None
    th_max_mbq_per_g: Count | None = None
    u_max_mbq_per_g: Count | None = None
    window: Period
    overlap_min_days: Annotated[int, Meta(ge=0, le=3650)] = 1
    place: Place
    facility: UUID
    valid_until: Instant
    commitment: Commitment
    term: TermHorizon | None = None
    visible_to_initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    certificates_required: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    footprint_max_g_co2e_per_kg: Count | None = None
    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    recycled_min_ppb: FractionPpb | None = None
    recycled_max_ppb: FractionPpb | None = None
    qualification_min: QualificationLevel = "none"
    organisations_excluded: Annotated[tuple[UUID, ...], Meta(max_length=256)] = ()
    rex_route: RexRoute | None = None
    co_products: Annotated[tuple[CoProductBid, ...], Meta(max_length=32)] = ()
    penalties: Annotated[tuple[PenaltyRule, ...], Meta(max_length=32)] = ()
    carriage: Annotated[tuple[Carriage, ...], Meta(max_length=250)] = ()
    profile: SustainabilityProfile | None = None
    portfolio: PortfolioLimits | None = None
    payment: Literal["prepayment", "credit"] = "prepayment"
    credit_limit_cents_eur: Count | None = None
    minimum_quantity_g: MassG | None = None
    magnets: MagnetNeed | UnsetType = UNSET
    strategic_project_ueur_per_kg: ValueUeurPerKg = 0
    policies: Annotated[tuple[AppliedPolicy, ...], Meta(max_length=8)] = ()
    own: PolicyTerms | None = None
    forecast_supply: ForecastSupply = "refused"


class ReferencePrice(Struct, frozen=True, kw_only=True, tag="reference_price"):
    """A dated price of one product; `oxide_or_element` names what a kilogram is counted of."""

    code: Code
    analyte: Code
    price: StatedPrice
    description: Text
    as_of: date
    published_at: Instant
    source: LongText


class FxRate(Struct, frozen=True, kw_only=True, tag="fx_rate"):
    """Millionths of a euro for one unit of `currency`."""

    currency: CurrencyCode
    ueur_per_unit: Annotated[int, Meta(ge=1, le=10**12)]
    as_of: date
    published_at: Instant
    source: LongText


class Qualification(Struct, frozen=True, kw_only=True, tag="qualification"):
    """How far a buyer has qualified a seller's site for a form."""

    buyer: UUID
    seller: UUID
    facility: UUID
    form: ProductForm
    level: QualificationLevel


class ConcentratedOrigins(Struct, frozen=True, kw_only=True, tag="concentrated_origins"):
    """Third countries above 65 % of supply at a stage: a dated list, never computed from the book."""

    countries: Annotated[tuple[CountryCode, ...], Meta(max_length=250)]
    as_of: date
    source: LongText


MarketInput = ReferencePrice | FxRate | Qualification | ConcentratedOrigins


class FootprintBenchmark(Struct, frozen=True, kw_only=True):
    """What a form's footprint is measured against, and the worst value that a seller may declare."""

    form: ProductForm
    declared_unit: Denominator
    boundary: Code
    allocation: Code
    benchmark_g_co2e_per_kg: Count
    worst_g_co2e_per_kg: Count
    source: LongText


class RuleSet(Struct, frozen=True, kw_only=True):
    """Formulas, benchmarks, evidence rules and default amounts of a market; immutable once published.

    `route_ceilings`: the Re-X routes that a lot's condition allows, of the forms that have an entry.
    Without `capacity` no order is held against its facility. `conditional_orders_rest`: orders subject to
    confirmation of a group that declined or let lapse two matches within 90 days meet nobody. `goods_agreed`:
    contracts of its matches state magnets, cores and condition as they were offered. `origins_by_stage`: a
    stage that an origin leaves out is neither European nor of a country that is taken. `caps_by_benchmark`: a
    footprint is held against a cap only as the benchmark of the form says what it is of.
    `demands_agreed`: contracts of its matches state what the buyer demanded of origins, footprint,
    certificates and activities; by `demands_in_full` also of the recycled share, and of what a highest
    footprint is. `splitting_by_stated`: their splitting limits follow what the seller states of what is paid
    for. `origins_in_full`: a lot was extracted, processed and recycled wherever its passport tells, also
    before the last step of a stage, and steps that nobody states may be of any country.
    """

    version: Annotated[int, Meta(ge=1, le=10**6)]
    algorithm: Code
    benchmarks: Annotated[tuple[FootprintBenchmark, ...], Meta(max_length=64)] = ()
    default_profile: SustainabilityProfile
    self_declared_improvement_ppb: FractionPpb = 500_000_000
    only_larger_of_recycled_and_rex: bool = True
    recognised_certificates: Annotated[tuple[Code, ...], Meta(max_length=64)] = ()
    eu_countries: Annotated[tuple[CountryCode, ...], Meta(max_length=64)] = ()
    min_value_share_ppb: FractionPpb = 500_000_000
    marginality_tolerance_ppb: FractionPpb = 10_000_000
    thin_component_groups: Annotated[int, Meta(ge=1, le=100)] = 3
    route_ceilings: Annotated[tuple[RouteCeilings, ...], Meta(max_length=16)] | UnsetType = UNSET
    effective_from: Instant
    capacity: CapacityRule | UnsetType = UNSET
    conditional_orders_rest: bool | UnsetType = UNSET
    goods_agreed: bool | UnsetType = UNSET
    origins_by_stage: bool | UnsetType = UNSET
    caps_by_benchmark: bool | UnsetType = UNSET
    demands_agreed: bool | UnsetType = UNSET
    demands_in_full: bool | UnsetType = UNSET
    splitting_by_stated: bool | UnsetType = UNSET
    origins_in_full: bool | UnsetType = UNSET
