"""The state of an agreement: a pure fold of its events, the same for tables, replay and audit."""

from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal, assert_never
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.rules import in_force
from contracts.rules.days import day_of
from contracts.rules.in_force import InForce, Superseded
from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementExtended,
    AgreementProposed,
    AgreementSigned,
    AgreementTerminated,
    ConditionSettled,
    ContestSettled,
    DeclarationContested,
    ForceMajeureDeclared,
    ForceMajeureEnded,
    ProposalWithdrawn,
)
from events.contract_terms import AgreementKind, AgreementStatus, AgreementTerms, ContestOutcome, Evidence
from events.envelope import Recorded
from events.facts import LifecycleFact, LifecycleStep
from events.vocabulary import MarketBasis, Period, Side

SignatureLevel = Literal["term_sheet", "binding"]
SIDES: Final[tuple[Side, Side]] = ("seller", "buyer")
BOUND: Final[frozenset[AgreementStatus]] = frozenset({"binding_subject_to_cp", "effective", "suspended_fm"})
"""Both sides have signed as binding, and the agreement has not ended."""
RUNNING: Final[frozenset[AgreementStatus]] = frozenset({"effective", "suspended_fm"})
"""Statuses in which contract years run."""
ENDED: Final[frozenset[AgreementStatus]] = frozenset({"expired", "terminated"})


class Proposal(Struct, frozen=True, kw_only=True):
    """Proposed terms, and the level at which each side has signed them; `by` None: they come from a match."""

    number: int
    by: Side | None
    terms: AgreementTerms
    note: str | None = None
    seller: SignatureLevel | None = None
    buyer: SignatureLevel | None = None

    def signed(self, side: Side) -> SignatureLevel | None:
        return self.seller if side == "seller" else self.buyer

    @property
    def signed_by_both(self) -> SignatureLevel | None:
        """The level at which both have signed."""
        if self.seller is None or self.buyer is None:
            return None
        return "binding" if self.seller == self.buyer == "binding" else "term_sheet"


class SettledCondition(Struct, frozen=True, kw_only=True):
    code: str
    outcome: Literal["met", "waived"]
    by: Side
    on: date
    evidence: tuple[Evidence, ...] = ()


class Contest(Struct, frozen=True, kw_only=True):
    """The other side's contest of a declaration. `outcome` None: it is open; `settled_by` None: settled by
    the operator."""

    by: Side
    reason: str
    evidence: tuple[Evidence, ...] = ()
    outcome: ContestOutcome | None = None
    settled_by: Side | None = None
    settled_evidence: tuple[Evidence, ...] = ()


class Suspension(Struct, frozen=True, kw_only=True):
    """Force majeure as declared; `ended_at` is set once deliveries were resumed. Without `contest_by` it
    comes from an older event and cannot be contested."""

    by: Side
    period: Period
    reason: str
    ended_at: datetime | None = None
    evidence: tuple[Evidence, ...] | UnsetType = UNSET
    contest_by: datetime | UnsetType = UNSET
    contest: Contest | UnsetType = UNSET

    @property
    def rested(self) -> Period:
        """The period of the suspension, as far as it is known."""
        if self.ended_at is None or self.ended_at <= self.period.start:
            return self.period
        return Period(start=self.period.start, end=self.ended_at)


class Agreement(Struct, frozen=True, kw_only=True):
    """`version` counts its events; `standing` is the proposal that both have signed, `table` the open one.
    `starts_on` and `ends_on` (the first day after) are set once the agreement is effective, `ended_at` when
    it has ended. `superseded` is in order of time. `ended_by` is the side that terminated it, which the other
    may contest."""

    lane: int
    market: UUID
    agreement: UUID
    kind: AgreementKind
    basis: MarketBasis
    seller: UUID
    buyer: UUID
    match: UUID | None
    status: AgreementStatus
    version: int
    position: int
    proposals: int
    table: Proposal | None
    standing: Proposal | None = None
    conditions: tuple[SettledCondition, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None
    extensions: int = 0
    suspensions: tuple[Suspension, ...] = ()
    ended_reason: str | None = None
    ended_at: datetime | None = None
    superseded: tuple[Superseded, ...] = ()
    ended_by: Side | UnsetType = UNSET
    end_evidence: tuple[Evidence, ...] | UnsetType = UNSET
    end_contest: Contest | UnsetType = UNSET

    @property
    def terms(self) -> AgreementTerms:
        """The terms that both have signed. LookupError before that."""
        if self.standing is None:
            raise LookupError(f"agreement {self.agreement}: nothing is signed by both sides")
        return self.standing.terms

    def terms_on(self, day: date) -> AgreementTerms:
        """The terms for a shipment on `day`; signed terms apply from the day after the signature, or from the
        day that they state. LookupError before anything was signed."""
        return in_force.shipped(self.superseded, self.terms, day)

    def read_on(self, day: date) -> AgreementTerms:
        """The terms for other things on `day`, such as a nomination: the last signed ones, unless they state
        a later day.

        LookupError before anything was signed.
        """
        return in_force.read(self.superseded, self.terms, day)

    def paid_on(self, day: date) -> AgreementTerms:
        """The payment terms of an invoice without a shipment, issued on `day`. LookupError as above."""
        return in_force.issued(self.superseded, self.terms, day)

    def in_force(self) -> tuple[InForce, ...]:
        """All terms that apply to some day, in order of time; empty before the agreement is effective."""
        if self.starts_on is None:
            return ()
        return in_force.stretches(self.superseded, self.terms, self.starts_on)

    def side_of(self, organisation: UUID) -> Side | None:
        if organisation == self.seller:
            return "seller"
        return "buyer" if organisation == self.buyer else None


def day_after(day: date) -> date:
    return day + timedelta(days=1)


def counts_from(fact: AgreementAdvanced, time: datetime) -> date | None:
    """The first shipment day to which the terms of a step recorded at `time` apply; None: the agreement is
    not effective."""
    if fact.counts_from is not UNSET:
        return fact.counts_from
    if fact.starts_on is None or fact.reason != "amended":
        return fact.starts_on
    return max(fact.starts_on, day_after(day_of(time)))


def other_side(side: Side) -> Side:
    return "buyer" if side == "seller" else "seller"


_encoder = msgspec.json.Encoder(order="deterministic")


def terms_sha256(terms: AgreementTerms) -> str:
    """SHA-256 of the terms as canonical JSON: members in the order of their names, no spaces."""
    return sha256(_encoder.encode(terms)).hexdigest()


def open_conditions(terms: AgreementTerms, settled: tuple[SettledCondition, ...]) -> tuple[str, ...]:
    """Codes of the conditions precedent that are neither met nor waived, in the order of the terms."""
    done = {condition.code for condition in settled}
    return tuple(condition.code for condition in terms.conditions if condition.code not in done)


def fold(agreement: Agreement | None, event: Recorded, fact: LifecycleFact) -> Agreement:
    """The agreement after `event`, whose data is `fact`.

    LookupError when the event does not fit what came before it: a broken record.
    """
    if isinstance(fact, AgreementDrafted):
        if agreement is not None:
            raise LookupError(f"agreement {fact.agreement} was drafted twice")
        return _drafted(event, fact)
    if agreement is None or agreement.agreement != fact.agreement:
        raise LookupError(f"agreement {fact.agreement} was never drafted")
    after = replace(_after(agreement, fact), version=agreement.version + 1, position=event.position)
    if agreement.starts_on is not None and after.standing != agreement.standing:
        after = replace(after, superseded=_superseded(agreement, event, fact))
    ends = after.status in ENDED and agreement.status not in ENDED
    return replace(after, ended_at=event.time) if ends else after


def _superseded(agreement: Agreement, event: Recorded, fact: LifecycleStep) -> tuple[Superseded, ...]:
    signed_on = day_of(event.time)
    if not isinstance(fact, AgreementAdvanced) or fact.counts_from is UNSET:
        return in_force.superseded_by(agreement.superseded, agreement.terms, signed_on, UNSET)
    last = fact.counts_from - timedelta(days=1)
    return in_force.superseded_by(agreement.superseded, agreement.terms, last, signed_on)


def _drafted(event: Recorded, fact: AgreementDrafted) -> Agreement:
    return Agreement(
        lane=event.lane,
        market=fact.market,
        agreement=fact.agreement,
        kind=fact.kind,
        basis=fact.terms.product.basis,
        seller=fact.seller,
        buyer=fact.buyer,
        match=fact.match,
        status="draft",
        version=1,
        position=event.position,
        proposals=1,
        table=Proposal(number=1, by=fact.proposed_by, terms=fact.terms),
    )


def _after(agreement: Agreement, fact: LifecycleStep) -> Agreement:
    match fact:
        case AgreementProposed():
            proposal = Proposal(number=fact.proposal, by=fact.proposed_by, terms=fact.terms, note=fact.note)
            return replace(agreement, table=proposal, proposals=fact.proposal)
        case ProposalWithdrawn():
            _tabled(agreement, fact.proposal)
            return replace(agreement, table=None)
        case AgreementSigned():
            tabled = _tabled(agreement, fact.proposal)
            if fact.terms_sha256 != terms_sha256(tabled.terms):
                raise LookupError(
                    f"agreement {agreement.agreement}: the terms on the table are not those signed"
                )
            return replace(agreement, table=with_signature(tabled, fact))
        case AgreementAdvanced():
            return _advanced(agreement, fact)
        case ConditionSettled():
            settled = SettledCondition(
                code=fact.condition, outcome=fact.outcome, by=fact.by, on=fact.on, evidence=fact.evidence
            )
            return replace(agreement, conditions=(*agreement.conditions, settled))
        case AgreementExtended():
            return replace(agreement, extensions=fact.extension, ends_on=fact.ends_on)
        case ForceMajeureDeclared() | ForceMajeureEnded():
            return _rested(agreement, fact)
        case AgreementTerminated():
            after = replace(agreement, status="terminated", table=None, ended_reason=fact.reason)
            if fact.by is None or fact.evidence is UNSET:
                return after
            return replace(after, ended_by=fact.by, end_evidence=fact.evidence)
        case DeclarationContested() | ContestSettled():
            return _contested(agreement, fact)
        case _:
            assert_never(fact)


def _rested(agreement: Agreement, fact: ForceMajeureDeclared | ForceMajeureEnded) -> Agreement:
    if isinstance(fact, ForceMajeureEnded):
        ended = replace(agreement.suspensions[-1], ended_at=fact.ended_at)
        return replace(agreement, status="effective", suspensions=(*agreement.suspensions[:-1], ended))
    suspension = Suspension(
        by=fact.by,
        period=fact.period,
        reason=fact.reason,
        evidence=fact.evidence,
        contest_by=fact.contest_by,
    )
    return replace(agreement, status="suspended_fm", suspensions=(*agreement.suspensions, suspension))


def _contested(agreement: Agreement, fact: DeclarationContested | ContestSettled) -> Agreement:
    if isinstance(fact, DeclarationContested):
        contest = Contest(by=fact.by, reason=fact.reason, evidence=fact.evidence)
    else:
        open_contest = contest_of(agreement, fact.suspension)
        if open_contest is None:
            raise LookupError(f"agreement {agreement.agreement}: nothing is contested")
        contest = replace(
            open_contest, outcome=fact.outcome, settled_by=fact.by, settled_evidence=fact.evidence
        )
    number = fact.suspension
    if number is None:
        return replace(agreement, end_contest=contest)
    if number > len(agreement.suspensions):
        raise LookupError(f"agreement {agreement.agreement}: force majeure {number} was never declared")
    after = list(agreement.suspensions)
    after[number - 1] = replace(after[number - 1], contest=contest)
    return replace(agreement, suspensions=tuple(after))


def contest_of(agreement: Agreement, suspension: int | None) -> Contest | None:
    """The contest of force majeure by its number, from 1; for None, of the termination."""
    if suspension is None:
        found = agreement.end_contest
    elif 1 <= suspension <= len(agreement.suspensions):
        found = agreement.suspensions[suspension - 1].contest
    else:
        return None
    return None if found is UNSET else found


def with_signature(proposal: Proposal, fact: AgreementSigned) -> Proposal:
    level: SignatureLevel = "binding" if fact.binding else "term_sheet"
    if fact.side == "seller":
        return replace(proposal, seller=level)
    return replace(proposal, buyer=level)


def _advanced(agreement: Agreement, fact: AgreementAdvanced) -> Agreement:
    """The open proposal is in force from here; a term sheet may still be signed as binding."""
    after = replace(agreement, status=fact.status)
    if fact.starts_on is not None:
        after = replace(after, starts_on=fact.starts_on, ends_on=fact.ends_on)
    if fact.status in ENDED:
        return replace(after, table=None, ended_reason=fact.reason)
    if _stands_untabled(agreement, fact.proposal):
        return after
    standing = _tabled(agreement, fact.proposal)
    return replace(after, standing=standing, table=standing if fact.status == "term_sheet" else None)


def _stands_untabled(agreement: Agreement, number: int) -> bool:
    """Whether the proposal is already in force while another one is open."""
    standing, table = agreement.standing, agreement.table
    return standing is not None and standing.number == number and (table is None or table.number != number)


def _tabled(agreement: Agreement, number: int) -> Proposal:
    if agreement.table is None or agreement.table.number != number:
        raise LookupError(f"agreement {agreement.agreement}: proposal {number} is not on the table")
    return agreement.table
