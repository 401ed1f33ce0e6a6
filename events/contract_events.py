"""Facts of the `contracts` stream: agreements, nominations, deliveries, settlements. Lane key: the market.

`IndexPublished` stands in the lane of its index code; an agreement's settlement carries every value it
used, so that its own lane alone gives the same figures again.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.capacity_terms import CapacityCount
from events.contract_terms import (
    AgreementKind,
    AgreementStatus,
    AgreementTerms,
    AnalyteResult,
    BuyerAct,
    Cents,
    ContestOutcome,
    ContractYear,
    DeliveryEvidence,
    Evidence,
    IndexValue,
    InvoiceLine,
    MassFigure,
    NominatedPart,
    NominationLevel,
    SettledAnalyte,
    Settles,
    Survey,
    YearLedger,
)
from events.rex_terms import FoundGoods
from events.vocabulary import (
    Code,
    CurrencyCode,
    Denominator,
    FractionPpb,
    Instant,
    LongText,
    MassG,
    Period,
    ProductForm,
    Sha256Hex,
    Side,
    Text,
    Version,
)

Papers = Annotated[tuple[Evidence, ...], Meta(max_length=16)]


class AgreementDrafted(Struct, frozen=True, kw_only=True):
    """Proposal 1 of an agreement; of a `match` it is nobody's, and a spot contract stands at once."""

    TYPE: ClassVar[str] = "contracts.agreement.drafted.v1"

    market: UUID
    agreement: UUID
    kind: AgreementKind
    seller: UUID
    buyer: UUID
    match: UUID | None = None
    proposed_by: Side | None = None
    terms: AgreementTerms


class AgreementProposed(Struct, frozen=True, kw_only=True):
    """A counter-proposal, or while the agreement stands an amendment; it replaces the open proposal."""

    TYPE: ClassVar[str] = "contracts.agreement.proposed.v1"

    market: UUID
    agreement: UUID
    proposal: Version
    proposed_by: Side
    terms: AgreementTerms
    note: LongText | None = None


class ProposalWithdrawn(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "contracts.proposal.withdrawn.v1"

    market: UUID
    agreement: UUID
    proposal: Version
    by: Side


class AgreementSigned(Struct, frozen=True, kw_only=True):
    """One side signs a proposal, as a term sheet or as binding; `terms_sha256` is what it put its name to.

    `group`: the ultimate parent of the organisation when it signed; None in records of before it was stated.
    `capacity`: how the seller's facility was counted when it bound itself.
    """

    TYPE: ClassVar[str] = "contracts.agreement.signed.v1"

    market: UUID
    agreement: UUID
    proposal: Version
    side: Side
    organisation: UUID
    binding: bool
    terms_sha256: Sha256Hex
    group: UUID | None = None
    capacity: CapacityCount | UnsetType = UNSET


class AgreementAdvanced(Struct, frozen=True, kw_only=True):
    """What follows when enough was signed or met: a status, the proposal that stands, the term it runs.

    `starts_on` fixes the contract years; `ends_on` is the first day after them. `counts_from`: the day that
    the terms of an amendment state.
    """

    TYPE: ClassVar[str] = "contracts.agreement.advanced.v1"

    market: UUID
    agreement: UUID
    status: AgreementStatus
    reason: Code
    proposal: Version
    starts_on: date | None = None
    ends_on: date | None = None
    counts_from: date | UnsetType = UNSET


class ConditionSettled(Struct, frozen=True, kw_only=True):
    """A condition precedent is met with evidence, or waived by the side that it protects."""

    TYPE: ClassVar[str] = "contracts.condition.settled.v1"

    market: UUID
    agreement: UUID
    condition: Code
    outcome: Literal["met", "waived"]
    by: Side
    on: date
    evidence: tuple[Evidence, ...] = ()


class AgreementExtended(Struct, frozen=True, kw_only=True):
    """`extension` counts them from 1; `ends_on` is the first day after the agreement's new term."""

    TYPE: ClassVar[str] = "contracts.agreement.extended.v1"

    market: UUID
    agreement: UUID
    extension: Annotated[int, Meta(ge=1, le=5)]
    by: Side
    ends_on: date


class ForceMajeureDeclared(Struct, frozen=True, kw_only=True):
    """Deliveries rest for the period; its share of the year's ACQ lowers what has to be taken.

    The other side may contest it until `contest_by`; that and `evidence` are absent in records of before.
    """

    TYPE: ClassVar[str] = "contracts.force-majeure.declared.v1"

    market: UUID
    agreement: UUID
    by: Side
    period: Period
    reason: LongText
    evidence: Papers | UnsetType = UNSET
    contest_by: Instant | UnsetType = UNSET


class ForceMajeureEnded(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "contracts.force-majeure.ended.v1"

    market: UUID
    agreement: UUID
    ended_at: Instant


class AgreementTerminated(Struct, frozen=True, kw_only=True):
    """`by` None: the time ran out (`long_stop_passed`); what was delivered before is settled all the same.

    `evidence` is absent then, and in records of before.
    """

    TYPE: ClassVar[str] = "contracts.agreement.terminated.v1"

    market: UUID
    agreement: UUID
    by: Side | None = None
    reason: Code
    note: LongText | None = None
    evidence: Papers | UnsetType = UNSET


class DeclarationContested(Struct, frozen=True, kw_only=True):
    """The side that did not declare it denies force majeure number `suspension`, or the termination (None).

    A contract year that the force majeure lowers is not assessed until the contest is settled.
    """

    TYPE: ClassVar[str] = "contracts.declaration.contested.v1"

    market: UUID
    agreement: UUID
    suspension: Version | None = None
    by: Side
    reason: LongText
    evidence: Papers = ()


class ContestSettled(Struct, frozen=True, kw_only=True):
    """Whether what was contested `stands`, as who contested it grants, or `falls`, as who declared it does.

    `by` None: the operator, by the `evidence` of what a tribunal decided. Force majeure that falls lowers
    nothing; what rested by the seller's word is then its shortfall.
    """

    TYPE: ClassVar[str] = "contracts.contest.settled.v1"

    market: UUID
    agreement: UUID
    suspension: Version | None = None
    outcome: ContestOutcome
    by: Side | None = None
    evidence: Papers = ()


class OutputDeclared(Struct, frozen=True, kw_only=True):
    """The seller's output of a contract year, of which the buyer has its share."""

    TYPE: ClassVar[str] = "contracts.output.declared.v1"

    market: UUID
    agreement: UUID
    year: ContractYear
    output_g: MassG


class QuantityNominated(Struct, frozen=True, kw_only=True):
    """A nomination for one year, quarter or month; `silent`: made by rule when nobody spoke in time."""

    TYPE: ClassVar[str] = "contracts.quantity.nominated.v1"

    market: UUID
    agreement: UUID
    nomination: UUID
    level: NominationLevel
    year: ContractYear
    part: NominatedPart
    silent: bool = False


class ShortfallNotified(Struct, frozen=True, kw_only=True):
    """The seller will not deliver this much of a year: the buyer need not take it."""

    TYPE: ClassVar[str] = "contracts.shortfall.notified.v1"

    market: UUID
    agreement: UUID
    year: ContractYear
    quantity_g: MassG
    reason: LongText


class DeliveryShipped(Struct, frozen=True, kw_only=True):
    """A call-off leaves: its lot, what the seller states of it, and the provisional invoice.

    `replaces`: the rejected delivery that it stands in for, always of a lot that is presented again. Without
    `lines` its index had no value yet: there is no provisional invoice, and the final one is of the whole.
    """

    TYPE: ClassVar[str] = "contracts.delivery.shipped.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    nomination: UUID | None = None
    year: ContractYear
    lot_number: Code
    passport: UUID | None = None
    form: ProductForm
    shipped_on: date
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    stated: tuple[AnalyteResult, ...]
    evidence: DeliveryEvidence = DeliveryEvidence()
    quantity_g: MassG
    invoice: UUID
    currency: CurrencyCode
    lines: tuple[InvoiceLine, ...]
    goods: FoundGoods | UnsetType = UNSET
    replaces: UUID | UnsetType = UNSET


class DeliveryWeighed(Struct, frozen=True, kw_only=True):
    """Net mass as received, or `deemed` so: from here the days of the assay exchange run.

    Farther from the shipped mass than the franchise, the seller may object until `object_by`, and the buyer
    weigh again. `evidence` is absent in records of before, which are final, and of what is deemed.
    """

    TYPE: ClassVar[str] = "contracts.delivery.weighed.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    weighed_on: date
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    exchange_by: Instant
    deemed: bool | UnsetType = UNSET
    evidence: Papers | UnsetType = UNSET
    object_by: Instant | UnsetType = UNSET


class WeighingObjected(Struct, frozen=True, kw_only=True):
    """The mass received is not what the other side says: it counts no longer, and the lot as shipped does
    until it is settled. `net_wet_g` and `moisture_ppb` are what this side holds against it.
    """

    TYPE: ClassVar[str] = "contracts.weighing.objected.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    by: Side
    against: MassFigure
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    reason: LongText
    evidence: Papers = ()


class WeighingSettled(Struct, frozen=True, kw_only=True):
    """The mass received: the other side's figure, which `by` takes, or what a surveyor certified.

    A `survey` that a side hands in may be objected to by the other until `object_by`; without `by` the
    operator did, and it is final.
    """

    TYPE: ClassVar[str] = "contracts.weighing.settled.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    by: Side | UnsetType = UNSET
    survey: Survey | UnsetType = UNSET
    object_by: Instant | UnsetType = UNSET


class NonArrivalDeclared(Struct, frozen=True, kw_only=True):
    """The buyer says that a lot never came; the seller may contest it until `contest_by`, then it is lost.

    `before_handover`: before risk passed to the buyer, whatever the Incoterm.
    """

    TYPE: ClassVar[str] = "contracts.non-arrival.declared.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    before_handover: bool
    evidence: Papers
    contest_by: Instant


class NonArrivalContested(Struct, frozen=True, kw_only=True):
    """The seller says that the lot came, or was not lost before risk passed."""

    TYPE: ClassVar[str] = "contracts.non-arrival.contested.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    evidence: Papers


class NonArrivalSettled(Struct, frozen=True, kw_only=True):
    """That a lot was lost `stands` or `falls`; `risk` is who bears it, by the Incoterm or since it was lost
    `before_handover`. By the side that gives in; without `by` nobody contested it, or the operator settled it
    with `evidence`.

    At the seller's risk `quantity_g` is its shortfall; at the buyer's it is taken, and paid for as shipped.
    `made_good_g` as of an acceptance.
    """

    TYPE: ClassVar[str] = "contracts.non-arrival.settled.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    outcome: ContestOutcome
    quantity_g: MassG
    before_handover: bool
    risk: Side
    by: Side | UnsetType = UNSET
    evidence: Papers
    made_good_g: MassG | UnsetType = UNSET


class BuyerCalled(Struct, frozen=True, kw_only=True):
    """The buyer has not weighed a delivery, or not accepted it: from `act_by` on it is deemed to have."""

    TYPE: ClassVar[str] = "contracts.buyer.called.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    act: BuyerAct
    act_by: Instant


class AssayLodged(Struct, frozen=True, kw_only=True):
    """One side's sealed results; the other sees them only when both are in or the time is out."""

    TYPE: ClassVar[str] = "contracts.assay.lodged.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    side: Side
    laboratory: Text
    reference: Text
    results: tuple[AnalyteResult, ...]


class AssaysExchanged(Struct, frozen=True, kw_only=True):
    """Analytes that the two assays settle; `to_umpire` differ by more than their splitting limit."""

    TYPE: ClassVar[str] = "contracts.assays.exchanged.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    settled: tuple[SettledAnalyte, ...]
    to_umpire: tuple[Code, ...] = ()
    silent: tuple[Side, ...] = ()


class UmpireDecided(Struct, frozen=True, kw_only=True):
    """Handed in with the laboratory's `certificate`, `by` a side to which the other may object until
    `object_by`; both are absent where the operator did, all three in records of before.
    """

    TYPE: ClassVar[str] = "contracts.umpire.decided.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    laboratory: Text
    reference: Text
    settled: tuple[SettledAnalyte, ...]
    cost_cents: Cents
    certificate: Evidence | UnsetType = UNSET
    by: Side | UnsetType = UNSET
    object_by: Instant | UnsetType = UNSET


class UmpireObjected(Struct, frozen=True, kw_only=True):
    """What was handed in as the umpire's counts no longer; from here the operator hands it in."""

    TYPE: ClassVar[str] = "contracts.umpire.objected.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    by: Side
    reason: LongText
    evidence: tuple[Evidence, ...] = ()


class DeliveryAccepted(Struct, frozen=True, kw_only=True):
    """Title passes for the settled quantity, in grams of basis; `deemed`: nobody rejected it in time.

    `made_good_g`: of what was rejected before in the same contract year, and lowers that no longer.
    """

    TYPE: ClassVar[str] = "contracts.delivery.accepted.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    quantity_g: MassG
    title_passed_on: date
    deemed: bool | UnsetType = UNSET
    made_good_g: MassG | UnsetType = UNSET


class DeliveryRejected(Struct, frozen=True, kw_only=True):
    """Off-spec, with what it breaks; the quantity lowers what the year has to take. `found`: of the goods, by
    the buyer's inspection, whose documents are the `evidence`. `made_good_g` as of an acceptance: what is
    rejected once more lowers the year once."""

    TYPE: ClassVar[str] = "contracts.delivery.rejected.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    quantity_g: MassG
    reasons: tuple[Text, ...]
    found: FoundGoods | UnsetType = UNSET
    evidence: Papers | UnsetType = UNSET
    made_good_g: MassG | UnsetType = UNSET


class DeliveryWithdrawn(Struct, frozen=True, kw_only=True):
    """By its seller, before its buyer has said anything of it: nothing has left, or something else. Its lot
    number is free again."""

    TYPE: ClassVar[str] = "contracts.delivery.withdrawn.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    reason: LongText


class ReturnDeclared(Struct, frozen=True, kw_only=True):
    """A side asks that so much of an accepted lot goes back; the other agrees, or contests it.

    `freight`: who pays the way back. `passport`: of what goes back; title to it goes to the seller.
    """

    TYPE: ClassVar[str] = "contracts.return.declared.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    by: Side
    lot_number: Code
    passport: UUID | UnsetType = UNSET
    net_wet_g: MassG
    moisture_ppb: FractionPpb
    freight: Side
    reason: LongText
    evidence: Papers


class ReturnContested(Struct, frozen=True, kw_only=True):
    """The other side does not agree to a return: a side gives in, or the operator settles it."""

    TYPE: ClassVar[str] = "contracts.return.contested.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    reason: LongText
    evidence: Papers


class ReturnSettled(Struct, frozen=True, kw_only=True):
    """A return `stands` or `falls`: by the side that gives in, without `by` by the operator with `evidence`.

    Standing, title to `quantity_g` of basis goes back at the price that was paid, and the contract year lacks
    it as it lacks a rejected quantity, unless it was assessed.
    """

    TYPE: ClassVar[str] = "contracts.return.settled.v1"

    market: UUID
    agreement: UUID
    delivery: UUID
    year: ContractYear
    outcome: ContestOutcome
    quantity_g: MassG
    by: Side | UnsetType = UNSET
    evidence: Papers


class InvoiceSettled(Struct, frozen=True, kw_only=True):
    """A final invoice, a restatement's difference, a quarter's difference to a strike, a year's shortfall.

    Its lines carry every input. It never changes: a restatement makes another, which names the one that it
    `restates`. `period` is the quarter of a difference to a strike.
    """

    TYPE: ClassVar[str] = "contracts.invoice.settled.v1"

    market: UUID
    agreement: UUID
    invoice: UUID
    delivery: UUID | None = None
    year: ContractYear | None = None
    period: Period | None = None
    restates: UUID | None = None
    settles: Settles
    currency: CurrencyCode
    lines: tuple[InvoiceLine, ...]
    total_cents: Cents


class YearAssessed(Struct, frozen=True, kw_only=True):
    """Take or pay of a contract year that has ended, with what is owed by whom."""

    TYPE: ClassVar[str] = "contracts.year.assessed.v1"

    market: UUID
    agreement: UUID
    ledger: YearLedger


class IndexPublished(Struct, frozen=True, kw_only=True):
    """Values of an index; the newest `published_at` of a period is the one that counts from then on.

    In millionths of `currency` per kg of `per`, or for an exchange rate per unit of the currency `rate_of`.
    """

    TYPE: ClassVar[str] = "contracts.index.published.v1"

    index: Code
    currency: CurrencyCode
    per: Denominator | None = None
    rate_of: CurrencyCode | None = None
    values: Annotated[tuple[IndexValue, ...], Meta(max_length=500)]


FACTS: tuple[type[Struct], ...] = (
    AgreementDrafted,
    AgreementProposed,
    ProposalWithdrawn,
    AgreementSigned,
    AgreementAdvanced,
    ConditionSettled,
    AgreementExtended,
    ForceMajeureDeclared,
    ForceMajeureEnded,
    AgreementTerminated,
    DeclarationContested,
    ContestSettled,
    OutputDeclared,
    QuantityNominated,
    ShortfallNotified,
    DeliveryShipped,
    DeliveryWeighed,
    WeighingObjected,
    WeighingSettled,
    NonArrivalDeclared,
    NonArrivalContested,
    NonArrivalSettled,
    BuyerCalled,
    AssayLodged,
    AssaysExchanged,
    UmpireDecided,
    UmpireObjected,
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryWithdrawn,
    ReturnDeclared,
    ReturnContested,
    ReturnSettled,
    InvoiceSettled,
    YearAssessed,
    IndexPublished,
)
