"""Facts of the `market` stream: members, orders, inputs, rules, clearings, matches. Lane key: the market."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.clearing_terms import (
    CutEdge,
    ListedWaterfall,
    Multiplier,
    OrderDual,
    PriceTerm,
    SectionResult,
    TradeReference,
)
from events.demand_terms import AgreedDemands
from events.forecast_terms import ForecastMark
from events.market_terms import MarketInput, MarketTerms, Member, RequirementTerms, RuleSet, SupplyTerms
from events.match_terms import MatchTerms
from events.rex_terms import StepDown
from events.vocabulary import (
    BigInteger,
    CentsEur,
    Code,
    ConditionGrade,
    Count,
    Incoterm,
    Instant,
    MassG,
    OrderKind,
    Period,
    Place,
    Position,
    ProductForm,
    Round,
    Sha256Hex,
    Side,
    Text,
    ValueUeurPerKg,
)


class MarketOpened(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.market.opened.v1"

    market: UUID
    terms: MarketTerms


class MarketHalted(Struct, frozen=True, kw_only=True):
    """From here on no round is planned and no order posted or changed; it may be withdrawn, matches answered.

    A round that was open then is abandoned right before.
    """

    TYPE: ClassVar[str] = "market.market.halted.v1"

    market: UUID
    reason: Text


class MarketResumed(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.market.resumed.v1"

    market: UUID
    reason: Text


class MemberAdmitted(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.member.admitted.v1"

    market: UUID
    member: Member


class MemberChanged(Struct, frozen=True, kw_only=True):
    """The member after a change of the party, copied into each of its markets in the same transaction."""

    TYPE: ClassVar[str] = "market.member.changed.v1"

    market: UUID
    member: Member


class MemberSuspended(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.member.suspended.v1"

    market: UUID
    organisation: UUID
    reason: Text


class MemberLeft(Struct, frozen=True, kw_only=True):
    """With nothing open in the market; by its own word, or as it is closed. It may be admitted again."""

    TYPE: ClassVar[str] = "market.member.left.v1"

    market: UUID
    organisation: UUID


class InputRecorded(Struct, frozen=True, kw_only=True):
    """A dated fact from elsewhere, copied into the market's lane before any clearing may use it."""

    TYPE: ClassVar[str] = "market.input.recorded.v1"

    market: UUID
    input: MarketInput
    source_id: Text
    source_position: Count | None = None


class RuleSetPublished(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.rule-set.published.v1"

    market: UUID
    rule_set: RuleSet
    signed_by: tuple[UUID, ...]


class RuleSetRehearsed(Struct, frozen=True, kw_only=True):
    """A draft rule set tried on a completed round; what it would have changed follows from the record."""

    TYPE: ClassVar[str] = "market.rule-set.rehearsed.v1"

    market: UUID
    rehearsal: UUID
    plan: UUID
    round: Round
    rule_set: RuleSet
    rule_set_sha256: Sha256Hex


class QuoteAsked(Struct, frozen=True, kw_only=True):
    """What if this order had stood in a completed round: one of `supply` and `requirement` is given.

    `group` is the asker's group of companies, whose questions of a day are counted together. The answer
    follows from the record, and nothing else does: no order is opened.
    """

    TYPE: ClassVar[str] = "market.quote.asked.v1"

    market: UUID
    quote: UUID
    organisation: UUID
    group: UUID
    plan: UUID
    round: Round
    supply: SupplyTerms | None = None
    requirement: RequirementTerms | None = None


class SupplyOffered(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.supply-offer.offered.v1"

    market: UUID
    offer: UUID
    organisation: UUID
    terms: SupplyTerms


class SupplyOfferAmended(Struct, frozen=True, kw_only=True):
    """The whole terms after the change; `keeps_rank` only for a pure reduction."""

    TYPE: ClassVar[str] = "market.supply-offer.amended.v1"

    market: UUID
    offer: UUID
    organisation: UUID
    terms: SupplyTerms
    keeps_rank: bool


class SupplyOfferWithdrawn(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.supply-offer.withdrawn.v1"

    market: UUID
    offer: UUID
    organisation: UUID


class SupplyOfferExpired(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.supply-offer.expired.v1"

    market: UUID
    offer: UUID
    organisation: UUID


class RecoveredLotListed(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.recovered-lot.listed.v1"

    market: UUID
    lot: UUID
    organisation: UUID
    terms: SupplyTerms


class RecoveredLotGraded(Struct, frozen=True, kw_only=True):
    """A condition grade given after inspection; the other terms stay, but for a new reason to step down."""

    TYPE: ClassVar[str] = "market.recovered-lot.graded.v1"

    market: UUID
    lot: UUID
    organisation: UUID
    condition: ConditionGrade
    inspector: Text
    step_down: StepDown | UnsetType = UNSET


class RecoveredLotAmended(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.recovered-lot.amended.v1"

    market: UUID
    lot: UUID
    organisation: UUID
    terms: SupplyTerms
    keeps_rank: bool


class RecoveredLotWithdrawn(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.recovered-lot.withdrawn.v1"

    market: UUID
    lot: UUID
    organisation: UUID


class RecoveredLotExpired(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.recovered-lot.expired.v1"

    market: UUID
    lot: UUID
    organisation: UUID


class RequirementPosted(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.requirement.posted.v1"

    market: UUID
    requirement: UUID
    organisation: UUID
    terms: RequirementTerms


class RequirementAmended(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.requirement.amended.v1"

    market: UUID
    requirement: UUID
    organisation: UUID
    terms: RequirementTerms
    keeps_rank: bool


class RequirementWithdrawn(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.requirement.withdrawn.v1"

    market: UUID
    requirement: UUID
    organisation: UUID


class RequirementExpired(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.requirement.expired.v1"

    market: UUID
    requirement: UUID
    organisation: UUID


class ClearingPlanned(Struct, frozen=True, kw_only=True):
    """The cut of a round is the lane position of this very event; the rule set stands here whole."""

    TYPE: ClassVar[str] = "market.clearing.planned.v1"

    market: UUID
    plan: UUID
    round: Round
    cut_time: Instant
    rule_set: RuleSet
    rule_set_sha256: Sha256Hex
    algorithm: Code
    trigger: Literal["interval", "demand"]


class ClearingEvidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Part `part` of `parts` of a round's evidence, in canonical order.

    `lines`: the terms of its waterfalls, each once. `quotas` and `multipliers` are of buyers with portfolio
    limits.
    """

    TYPE: ClassVar[str] = "market.clearing.evidence.v2"

    market: UUID
    plan: UUID
    round: Round
    part: Annotated[int, Meta(ge=1, le=10**6)]
    parts: Annotated[int, Meta(ge=1, le=10**6)]
    section: Code
    lines: tuple[PriceTerm, ...] = ()
    waterfalls: tuple[ListedWaterfall, ...] = ()
    duals: tuple[OrderDual, ...] = ()
    cut_edges: tuple[CutEdge, ...] = ()
    multipliers: tuple[Multiplier, ...] = ()
    quotas: tuple[OrderDual, ...] = ()


class ClearingCompleted(Struct, frozen=True, kw_only=True):
    """The last event of a round; `cut` is the plan's lane position."""

    TYPE: ClassVar[str] = "market.clearing.completed.v1"

    market: UUID
    plan: UUID
    round: Round
    cut: Position
    rule_set_sha256: Sha256Hex
    algorithm: Code
    sections: tuple[SectionResult, ...]
    evidence_sha256: tuple[Sha256Hex, ...]
    matches_sha256: Sha256Hex
    match_count: Count
    buyers_pay_cents_eur: BigInteger
    sellers_receive_cents_eur: BigInteger
    previous_sha256: Sha256Hex | None = None


class ClearingAbandoned(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.clearing.abandoned.v1"

    market: UUID
    plan: UUID
    round: Round
    code: Code
    reason: Text


class MatchStruck(Struct, frozen=True, kw_only=True):
    """A trade of the round with what both sides may know: no limit, ask, weight, dual or name stands here.

    The buyer pays the seller `amount_cents_eur`, the product of quantity and price rounded half to even;
    `remainder_ueur_g_per_kg` is what rounding left, in gram·micro-EUR per kg. `tranche`
    is the index of the one that delivers, 0 for a term order. With `forecast` the supply was not there yet.
    With `goods_agreed` its contract states magnets, cores and condition as they were offered, with `demands`
    these, which the supply met at the cut, with `splitting_by_stated` splitting limits by what is stated.
    """

    TYPE: ClassVar[str] = "market.match.struck.v1"

    market: UUID
    match: UUID
    plan: UUID
    round: Round
    section: Code
    supply: UUID
    supply_kind: OrderKind
    tranche: Count = 0
    requirement: UUID
    form: ProductForm
    quantity_basis_g: MassG
    product_wet_g: MassG
    product_dry_g: MassG
    packages_thousandths: Count
    price_ueur_per_kg: ValueUeurPerKg
    amount_cents_eur: CentsEur
    remainder_ueur_g_per_kg: int
    delivery: Period
    incoterm: Incoterm
    place: Place
    reference: TradeReference | None = None
    confirm_by: Instant
    seller_must_confirm: bool
    buyer_must_confirm: bool
    forecast: ForecastMark | UnsetType = UNSET
    goods_agreed: bool | UnsetType = UNSET
    demands: AgreedDemands | UnsetType = UNSET
    splitting_by_stated: bool | UnsetType = UNSET


class MatchAnswered(Struct, frozen=True, kw_only=True):
    """One side's sealed answer; the other side learns of it only when the match is decided."""

    TYPE: ClassVar[str] = "market.match.answered.v1"

    market: UUID
    match: UUID
    side: Side
    organisation: UUID
    answer: Literal["confirmed", "declined"]
    reason: Code | None = None


class MatchConfirmed(Struct, frozen=True, kw_only=True):
    """Both sides stand by the match: names are exchanged, the hold becomes a sale.

    `contract` is what their agreement begins with; records of before there were agreements have none.
    """

    TYPE: ClassVar[str] = "market.match.confirmed.v1"

    market: UUID
    match: UUID
    supply: UUID
    requirement: UUID
    seller: UUID
    buyer: UUID
    quantity_basis_g: MassG
    contract: MatchTerms | None = None


class MatchDeclined(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.match.declined.v1"

    market: UUID
    match: UUID
    supply: UUID
    requirement: UUID
    quantity_basis_g: MassG
    declined_by: tuple[Side, ...]
    reasons: tuple[Code, ...]


class MatchLapsed(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "market.match.lapsed.v1"

    market: UUID
    match: UUID
    supply: UUID
    requirement: UUID
    quantity_basis_g: MassG
    silent: tuple[Side, ...]
