"""What the facts of an agreement carry: its clauses, and the figures of deliveries, invoices and ledgers.

Quantities are grams of the market's basis. Money is millionths (`micro`) of the agreement's currency per kg
of basis, and whole cents of it on invoices.
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.demand_terms import AgreedDemands
from events.market_terms import (
    AnalyteLimit,
    CertifiedPeriod,
    MemberCertificate,
    PenaltyRule,
    PurityFloor,
)
from events.origin_terms import STEP_SHARES_MAX, StepShare
from events.price_clauses import PriceClause
from events.rex_terms import AgreedGoods
from events.vocabulary import (
    PPB,
    Code,
    Count,
    CurrencyCode,
    Days,
    Footprint,
    FractionPpb,
    Incoterm,
    Instant,
    LongText,
    MarketBasis,
    MassG,
    MicroAmount,
    OriginStep,
    Packaging,
    Period,
    Place,
    ProductForm,
    RecycledContent,
    RexRoute,
    Sha256Hex,
    Side,
    Text,
    WasteStatus,
)

AgreementKind = Literal["spot", "offtake"]
AgreementStatus = Literal[
    "draft",
    "term_sheet",
    "binding_subject_to_cp",
    "effective",
    "suspended_fm",
    "expired",
    "terminated",
]
LineKind = Literal[
    "provisional",
    "final",
    "provisional_credit",
    "difference",
    "contract_for_difference",
    "deficiency",
    "make_up_credit",
    "deliver_or_pay",
    "umpire_cost",
    "return_credit",
]
Settles = Literal[
    "final",
    "rejection",
    "non_arrival",
    "withdrawal",
    "restatement",
    "contract_for_difference",
    "shortfall",
    "return",
]
NominationLevel = Literal["annual", "quarterly", "monthly"]
NOMINATION_LADDER: tuple[NominationLevel, ...] = ("annual", "quarterly", "monthly")
BuyerAct = Literal["weighing", "acceptance"]
MassFigure = Literal["weighing", "survey"]
"""What a side objects to: the buyer's own weighing, or what was handed in as a surveyor's."""
ConditionKind = Literal["fid", "financing", "permit", "qualification", "other"]
Years = Annotated[int, Meta(ge=1, le=40)]
Cents = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
ContestOutcome = Literal["stands", "falls"]
"""Of a declaration that was contested."""
SPLITTING_LIMITS_MAX = 64
ContractYear = Annotated[int, Meta(ge=1, le=60)]


class WasteClause(Struct, frozen=True, kw_only=True):
    """Whether the goods are waste when they leave, and by which code of the list of waste; `facility` is the
    buyer's site that takes them, for `rex_route`."""

    status: WasteStatus
    ewc_code: Code | None = None
    facility: UUID | None = None
    rex_route: RexRoute | None = None


class ProductClause(Struct, frozen=True, kw_only=True):
    """What is delivered; the buyer may nominate one of `buyer_option_forms` instead. `waste` where the terms
    say more of it than a match does."""

    basis: MarketBasis
    form: ProductForm
    buyer_option_forms: Annotated[tuple[ProductForm, ...], Meta(max_length=8)] = ()
    limits: Annotated[tuple[AnalyteLimit, ...], Meta(max_length=64)] = ()
    purity: PurityFloor | None = None
    post_consumer_min_ppb: FractionPpb = 0
    goods: AgreedGoods | UnsetType = UNSET
    waste: WasteClause | UnsetType = UNSET
    demands: AgreedDemands | UnsetType = UNSET


class TermClause(Struct, frozen=True, kw_only=True):
    """Contract years run from the later of `starts_on` and the day the last condition is met.

    Up to `extensions_max` times `extended_by` (None: either side) may add `extension_years`, at least
    `extension_notice_days` before the end. Days are UTC.
    """

    starts_on: date | None = None
    years: Years
    extension_years: Annotated[int, Meta(ge=0, le=20)] = 0
    extensions_max: Annotated[int, Meta(ge=0, le=5)] = 0
    extended_by: Side | None = None
    extension_notice_days: Days = 0
    long_stop_on: date | None = None


class FixedVolume(Struct, frozen=True, kw_only=True, tag="fixed"):
    """Annual contract quantity (ACQ) of each contract year, those of extensions too: a ramp is this table.

    `tolerance_ppb` bounds what may be nominated of a year to either side of it; 0: its band alone does.
    """

    acq_g: Annotated[tuple[MassG, ...], Meta(min_length=1, max_length=60)]
    tolerance_ppb: FractionPpb = 0


class ShareOfOutput(Struct, frozen=True, kw_only=True, tag="share_of_output"):
    """A share of what the seller's facility puts out; the ACQ is declared for each contract year.

    `tolerance_ppb` as of a fixed volume.
    """

    share_ppb: FractionPpb
    expected_output_g: Annotated[tuple[MassG, ...], Meta(min_length=1, max_length=60)]
    tolerance_ppb: FractionPpb = 0


VolumeClause = FixedVolume | ShareOfOutput


class SourceClause(Struct, frozen=True, kw_only=True):
    """Where the seller's product comes from, of which `basis_ppb` as it is delivered is the basis."""

    facility: UUID
    basis_ppb: Annotated[int, Meta(ge=1, le=PPB)]


class NominationRule(Struct, frozen=True, kw_only=True):
    """How early a level is nominated, and how far it may move from its share of the level above."""

    level: NominationLevel
    notice_days: Days
    band_ppb: FractionPpb


class TakeOrPayClause(Struct, frozen=True, kw_only=True):
    """`top_ppb` of the ACQ is paid for, taken or not; what lacks to `deliver_ppb` the seller pays for.

    A deficiency is paid at `deficiency_price_ppb` of the year's price and made up within `makeup_years`.
    What is taken above the ACQ is carried forward for `carry_forward_years`, in a year at most
    `carry_forward_max_ppb` of its ACQ.
    """

    top_ppb: FractionPpb
    deficiency_price_ppb: FractionPpb
    makeup_years: Annotated[int, Meta(ge=0, le=20)] = 0
    carry_forward_years: Annotated[int, Meta(ge=0, le=20)] = 0
    carry_forward_max_ppb: FractionPpb = 0
    deliver_ppb: FractionPpb = 0
    deliver_price_ppb: FractionPpb = 0


class ConditionPrecedent(Struct, frozen=True, kw_only=True):
    code: Code
    kind: ConditionKind
    description: LongText
    due_on: date
    by: Side


class DeliveryClause(Struct, frozen=True, kw_only=True):
    incoterm: Incoterm
    place: Place
    lot_wet_g: MassG
    packaging: Packaging
    delivery: Period | None = None


class SplittingLimit(Struct, frozen=True, kw_only=True):
    """How far the two assays of an analyte may differ and still be averaged, ppb of the dry sample."""

    analyte: Code
    limit_ppb: FractionPpb


class AssayClause(Struct, frozen=True, kw_only=True):
    """Analytes that are exchanged, by when after the weighing, and who decides when they differ too far."""

    splitting: Annotated[tuple[SplittingLimit, ...], Meta(max_length=SPLITTING_LIMITS_MAX)] = ()
    exchange_days: Days = 14
    umpire: Text


class WeighingClause(Struct, frozen=True, kw_only=True):
    """How far the dry mass received may be from the dry mass shipped and still be final, and who weighs when
    the sides differ; until both have named a `surveyor`, nobody does.
    """

    franchise_ppb: FractionPpb
    surveyor: Text | UnsetType = UNSET


class PaymentClause(Struct, frozen=True, kw_only=True):
    currency: CurrencyCode
    provisional_ppb: FractionPpb
    due_days: Days


class AgreementTerms(Struct, frozen=True, kw_only=True):
    """All clauses of an agreement, as one side proposes them or as both have signed them.

    `effective_from`: the first day of shipment that an amendment is for, where it states one.
    """

    product: ProductClause
    term: TermClause
    volume: VolumeClause
    nominations: Annotated[tuple[NominationRule, ...], Meta(max_length=3)] = ()
    take_or_pay: TakeOrPayClause | None = None
    price: PriceClause
    penalties: Annotated[tuple[PenaltyRule, ...], Meta(max_length=32)] = ()
    conditions: Annotated[tuple[ConditionPrecedent, ...], Meta(max_length=32)] = ()
    delivery: DeliveryClause
    assay: AssayClause
    payment: PaymentClause
    shortfall_notice_days: Days = 0
    source: SourceClause | UnsetType = UNSET
    weighing: WeighingClause | UnsetType = UNSET
    effective_from: date | UnsetType = UNSET


class IndexValue(Struct, frozen=True, kw_only=True):
    """What a publisher assessed for a day or a period; a restatement is a later `published_at`."""

    period: Period
    amount_micro: MicroAmount
    as_of: date
    published_at: Instant
    source: LongText


class FormulaTerm(Struct, frozen=True, kw_only=True):
    """One line of a price: the rule, its inputs in words and numbers, and the price after it, per kg."""

    rule: Code
    micro_per_kg: MicroAmount
    after_micro_per_kg: MicroAmount
    inputs: dict[str, str] = {}
    evidence: tuple[str, ...] = ()


class InvoiceLine(Struct, frozen=True, kw_only=True):
    """quantity × price = amount, rounded half to even to cents; a flat amount has no quantity.

    `remainder_micro_g_per_kg` is what rounding left, in gram·micro per kg. Below zero the seller pays.
    """

    kind: LineKind
    quantity_g: MassG = 0
    price_micro_per_kg: MicroAmount = 0
    amount_cents: Cents
    remainder_micro_g_per_kg: MicroAmount = 0
    terms: tuple[FormulaTerm, ...] = ()


StatedClaim = Literal["footprint", "recycled", "origin", "certificates"]
"""What of a delivery's evidence a price pays for."""


class DeliveryEvidence(Struct, frozen=True, kw_only=True):
    """What is stated of a delivered lot beside its assay; certificates as the seller's site held them.

    `certified`: what its passport states of certificates, where the terms demand any; `steps`: all that its
    passport tells of where it was extracted, processed and recycled, also before the last step of a stage.
    """

    footprint: Footprint | None = None
    recycled: RecycledContent | None = None
    origin: Annotated[tuple[OriginStep, ...], Meta(max_length=16)] = ()
    certificates: Annotated[tuple[MemberCertificate, ...], Meta(max_length=32)] = ()
    rex_routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()
    th_mbq_per_g: Count | UnsetType = UNSET
    u_mbq_per_g: Count | UnsetType = UNSET
    certified: Annotated[tuple[CertifiedPeriod, ...], Meta(max_length=32)] | UnsetType = UNSET
    steps: Annotated[tuple[StepShare, ...], Meta(max_length=STEP_SHARES_MAX)] | UnsetType = UNSET


FractionUnit = Literal["percent", "ppm"]


class AnalyteResult(Struct, frozen=True, kw_only=True):
    """An analyte as element, ppb of the dry sample. `unit`: the one that it was stated in; absent in records
    of before."""

    analyte: Code
    fraction_ppb: FractionPpb
    unit: FractionUnit | UnsetType = UNSET


class SettledAnalyte(Struct, frozen=True, kw_only=True):
    """How an analyte's figure came about; a side's figure is None where it kept silent."""

    analyte: Code
    seller_ppb: FractionPpb | None
    buyer_ppb: FractionPpb | None
    umpire_ppb: FractionPpb | None = None
    settled_ppb: FractionPpb
    by: Literal["mean", "umpire", "nearer_party", "silence_binds"]
    pays_umpire: Side | None = None


class BalanceLot(Struct, frozen=True, kw_only=True):
    """What is left of one contract year's deficiency or surplus, and the last year that may draw on it.

    `paid_cents` is what was paid for it and not credited yet.
    """

    from_year: ContractYear
    through_year: Annotated[int, Meta(ge=1, le=100)]
    quantity_g: MassG
    paid_cents: Cents = 0


class YearLedger(Struct, frozen=True, kw_only=True):
    """One contract year of take or pay, in grams and cents; balances and their lots are those at its end.

    A credit is what the buyer had paid for the make-up that it drew; what expired is lost to it.
    """

    year: ContractYear
    acq_g: MassG
    taken_g: MassG
    force_majeure_g: MassG = 0
    seller_shortfall_g: MassG = 0
    off_spec_g: MassG = 0
    take_or_pay_g: MassG
    price_micro_per_kg: MicroAmount = 0
    carry_forward_used_g: MassG = 0
    carry_forward_earned_g: MassG = 0
    carry_forward_expired_g: MassG = 0
    carry_forward_balance_g: MassG = 0
    carry_forward: Annotated[tuple[BalanceLot, ...], Meta(max_length=64)] = ()
    deficiency_g: MassG
    deficiency_price_micro_per_kg: MicroAmount = 0
    deficiency_cents: Cents = 0
    make_up_drawn_g: MassG = 0
    make_up_credit_cents: Cents = 0
    make_up_expired_g: MassG = 0
    make_up_expired_cents: Cents = 0
    make_up_balance_g: MassG = 0
    make_up_balance_cents: Cents = 0
    make_up: Annotated[tuple[BalanceLot, ...], Meta(max_length=64)] = ()
    deliver_or_pay_g: MassG = 0
    deliver_or_pay_price_micro_per_kg: MicroAmount = 0
    deliver_or_pay_cents: Cents = 0


class Evidence(Struct, frozen=True, kw_only=True):
    """A document that stays with its owner; the record holds what it is and its hash."""

    title: Text
    sha256: Sha256Hex
    dated_on: date


Papers = Annotated[tuple[Evidence, ...], Meta(max_length=16)]


class Survey(Struct, frozen=True, kw_only=True):
    """What an independent weigher certified of a mass received."""

    surveyor: Text
    reference: Text
    certificate: Evidence


class NominatedPart(Struct, frozen=True, kw_only=True):
    """A quantity for a half-open period, in the form that the buyer chose.

    `make_up_g` comes on top of it, from what earlier years have paid for.
    """

    period: Period
    quantity_g: MassG
    make_up_g: MassG = 0
    form: ProductForm
