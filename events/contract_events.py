"""Facts of the `contracts` stream: agreements, nominations, settlements; those of deliveries and payments are
beside it. Lane key: the market.

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
    Cents,
    ContestOutcome,
    ContractYear,
    Evidence,
    IndexValue,
    InvoiceLine,
    NominatedPart,
    NominationLevel,
    Papers,
    Settles,
    YearLedger,
)
from events.vocabulary import (
    Code,
    Count,
    CurrencyCode,
    Denominator,
    Instant,
    LongText,
    MassG,
    Period,
    Sha256Hex,
    Side,
    Version,
)


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
    `restates`: places in `values`, from 0, of those that take the place of one published before; without it
    none does, or the event is older than the member.
    """

    TYPE: ClassVar[str] = "contracts.index.published.v1"

    index: Code
    currency: CurrencyCode
    per: Denominator | None = None
    rate_of: CurrencyCode | None = None
    values: Annotated[tuple[IndexValue, ...], Meta(max_length=500)]
    restates: Annotated[tuple[Count, ...], Meta(max_length=500)] | UnsetType = UNSET
