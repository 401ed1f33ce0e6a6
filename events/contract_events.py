"""Facts of the `contracts` stream: agreements, nominations, settlements; those of deliveries and payments
have modules of their own. Lane key: the market.

`IndexPublished` is in the lane of its index code; an agreement's settlement contains every index value that
it used, so that its figures can be computed again from its own lane alone.
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
    """Proposal 1 of an agreement. One that comes from a `match` has no proposing side; a spot contract is in
    force at once."""

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
    """A counter-proposal, or an amendment of an agreement in force; it replaces the open proposal."""

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
    """One side signs a proposal, as a term sheet or as binding; `terms_sha256` is the hash of the signed
    terms.

    `group`: the ultimate parent of the organisation when it signed; None in older events. `capacity`: the
    check of the seller's facility when the seller signed as binding.
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
    """A new status, after enough signatures or conditions: the status, the proposal in force and its term.

    `starts_on` fixes the contract years; `ends_on` is the first day after them. `counts_from`: the day from
    which an amendment applies, as its terms state.
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
    """A condition precedent was met, with evidence, or waived by the side that it protects."""

    TYPE: ClassVar[str] = "contracts.condition.settled.v1"

    market: UUID
    agreement: UUID
    condition: Code
    outcome: Literal["met", "waived"]
    by: Side
    on: date
    evidence: tuple[Evidence, ...] = ()


class AgreementExtended(Struct, frozen=True, kw_only=True):
    """`extension` numbers the extensions from 1; `ends_on` is the first day after the new term."""

    TYPE: ClassVar[str] = "contracts.agreement.extended.v1"

    market: UUID
    agreement: UUID
    extension: Annotated[int, Meta(ge=1, le=5)]
    by: Side
    ends_on: date


class ForceMajeureDeclared(Struct, frozen=True, kw_only=True):
    """Deliveries are suspended for the period; its share of the year's ACQ reduces what has to be taken. The
    other side may contest it until `contest_by`, which older events lack, as they lack `evidence`."""

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
    """`by` None: the long-stop date passed (`long_stop_passed`). Earlier deliveries are still settled.
    `evidence` is absent then, and in older events."""

    TYPE: ClassVar[str] = "contracts.agreement.terminated.v1"

    market: UUID
    agreement: UUID
    by: Side | None = None
    reason: Code
    note: LongText | None = None
    evidence: Papers | UnsetType = UNSET


class DeclarationContested(Struct, frozen=True, kw_only=True):
    """The other side contests force majeure number `suspension`, or the termination (None). A contract year
    whose quantity the force majeure reduces is not assessed until the contest is settled."""

    TYPE: ClassVar[str] = "contracts.declaration.contested.v1"

    market: UUID
    agreement: UUID
    suspension: Version | None = None
    by: Side
    reason: LongText
    evidence: Papers = ()


class ContestSettled(Struct, frozen=True, kw_only=True):
    """The contested declaration `stands`, if the contesting side gives in, or `falls`, if the declaring side
    does. `by` None: the operator recorded it, with a tribunal's decision as `evidence`. Force majeure that
    falls reduces nothing; quantities that the seller suspended by it are then its shortfall."""

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
    """A nomination for one year, quarter or month; `silent`: made by rule because no side nominated in
    time."""

    TYPE: ClassVar[str] = "contracts.quantity.nominated.v1"

    market: UUID
    agreement: UUID
    nomination: UUID
    level: NominationLevel
    year: ContractYear
    part: NominatedPart
    silent: bool = False


class ShortfallNotified(Struct, frozen=True, kw_only=True):
    """The seller will not deliver this quantity of a year, so the buyer does not have to take it."""

    TYPE: ClassVar[str] = "contracts.shortfall.notified.v1"

    market: UUID
    agreement: UUID
    year: ContractYear
    quantity_g: MassG
    reason: LongText


class InvoiceSettled(Struct, frozen=True, kw_only=True):
    """A final invoice, a restatement's difference, a quarter's difference to a strike, a year's shortfall.

    Its lines contain every input. It never changes: a restatement leads to another invoice, which names the
    one that it `restates`. `period` is the quarter of a difference to a strike.
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
    """Take or pay of a contract year that has ended, with the amount and who owes it."""

    TYPE: ClassVar[str] = "contracts.year.assessed.v1"

    market: UUID
    agreement: UUID
    ledger: YearLedger


class IndexPublished(Struct, frozen=True, kw_only=True):
    """Values of an index; of each period the value with the newest `published_at` applies from then on.

    In millionths of `currency` per kg of `per`, or for an exchange rate per unit of the currency `rate_of`.
    `restates`: indices in `values`, from 0, of those that replace an earlier published value; absent if there
    is none, and in older events.
    """

    TYPE: ClassVar[str] = "contracts.index.published.v1"

    index: Code
    currency: CurrencyCode
    per: Denominator | None = None
    rate_of: CurrencyCode | None = None
    values: Annotated[tuple[IndexValue, ...], Meta(max_length=500)]
    restates: Annotated[tuple[Count, ...], Meta(max_length=500)] | UnsetType = UNSET
