"""Agreements as their parties and auditors read them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from msgspec import UNSET, UnsetType

from contracts.rules.agreement import (
    Agreement,
    Contest,
    Proposal,
    SignatureLevel,
    Suspension,
    terms_sha256,
)
from contracts.rules.agreement_times import AgreementTimes, last_ends_on
from contracts.rules.in_force import InForce
from contracts.rules.standing import phase
from contracts.store.agreements import ProposalRow
from events import contract_terms as clauses
from events.contract_terms import AgreementKind, AgreementStatus, ContestOutcome
from events.vocabulary import Instant, Side
from market.http.agreements.agreement_terms import AgreementTerms
from market.http.agreements.sides import PartiesView
from market.http.wire.ids import AgreementId, MarketId, MatchId, OrganisationId, to_text
from market.http.wire.material import Body, Window
from market.rules.refusing.wording import Sha256Hex, Text


class Evidence(Body, frozen=True, kw_only=True):
    """A document that stays with its owner: what it is, and its hash."""

    title: Text
    sha256: Sha256Hex
    dated_on: date

    def inside(self) -> clauses.Evidence:
        return clauses.Evidence(title=self.title, sha256=self.sha256, dated_on=self.dated_on)

    @classmethod
    def outside(cls, value: clauses.Evidence) -> Self:
        return cls(title=value.title, sha256=value.sha256, dated_on=value.dated_on)


def evidence_view(documents: tuple[clauses.Evidence, ...] | UnsetType) -> tuple[Evidence, ...]:
    return () if documents is UNSET else tuple(map(Evidence.outside, documents))


class SettledView(Body, frozen=True, kw_only=True):
    """A condition that is met or waived."""

    code: str
    outcome: Literal["met", "waived"]
    by: Side
    on: date
    evidence: tuple[Evidence, ...]


class ContestView(Body, frozen=True, kw_only=True):
    """The other side's contest of a declaration, and whether the declaration `stands` or `falls`; null while
    that is open. `settled_by` is null then, and if the operator settled it. `contested_at` and `settled_at`:
    when each was recorded."""

    by: Side
    contested_at: Instant | None
    reason: str
    evidence: tuple[Evidence, ...]
    outcome: ContestOutcome | None
    settled_by: Side | None
    settled_at: Instant | None
    settled_evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, value: Contest | UnsetType, times: AgreementTimes, number: int | None) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            by=value.by,
            contested_at=times.contested.get(number),
            reason=value.reason,
            evidence=evidence_view(value.evidence),
            outcome=value.outcome,
            settled_by=value.settled_by,
            settled_at=times.settled.get(number),
            settled_evidence=evidence_view(value.settled_evidence),
        )


class SuspensionView(Body, frozen=True, kw_only=True):
    """Force majeure as a side declared it at `declared_at`; `ended_at` is set once deliveries were resumed.

    `number` identifies it in a contest, which is possible until the instant `contest_by`, 30 days after the
    declaration; null: an older declaration, which cannot be contested.
    """

    number: int
    by: Side
    declared_at: Instant | None
    period: Window
    reason: str
    evidence: tuple[Evidence, ...]
    contest_by: Instant | None
    contest: ContestView | None
    ended_at: Instant | None

    @classmethod
    def of(cls, number: int, value: Suspension, times: AgreementTimes) -> Self:
        declared = times.declared
        return cls(
            number=number,
            by=value.by,
            declared_at=declared[number - 1] if number <= len(declared) else None,
            period=Window.outside(value.period),
            reason=value.reason,
            evidence=evidence_view(value.evidence),
            contest_by=None if value.contest_by is UNSET else value.contest_by,
            contest=ContestView.of(value.contest, times, number),
            ended_at=value.ended_at,
        )


class ProposalView(Body, frozen=True, kw_only=True):
    """Terms, and the level and time at which each side has signed them; `by` is null if they come from a
    match, which nobody signs."""

    proposal: int
    by: Side | None
    note: str | None
    seller: SignatureLevel | None
    seller_signed_at: Instant | None
    buyer: SignatureLevel | None
    buyer_signed_at: Instant | None
    terms: AgreementTerms
    terms_sha256: str

    @classmethod
    def of(cls, value: Proposal, times: AgreementTimes) -> Self:
        return cls(
            proposal=value.number,
            by=value.by,
            note=value.note,
            seller=value.seller,
            seller_signed_at=_signed_at(value, "seller", times),
            buyer=value.buyer,
            buyer_signed_at=_signed_at(value, "buyer", times),
            terms=AgreementTerms.outside(value.terms),
            terms_sha256=terms_sha256(value.terms),
        )


def _signed_at(value: Proposal, side: Side, times: AgreementTimes) -> datetime | None:
    return None if value.signed(side) is None else times.signed.get((value.number, side))


class SupersededView(Body, frozen=True, kw_only=True):
    """Replaced terms, and the days of shipment (UTC, both inclusive) to which they apply."""

    counts_from: date
    counts_to: date
    terms: AgreementTerms
    terms_sha256: str

    @classmethod
    def of(cls, value: InForce) -> Self:
        assert value.last is not None
        return cls(
            counts_from=value.first,
            counts_to=value.last,
            terms=AgreementTerms.outside(value.terms),
            terms_sha256=terms_sha256(value.terms),
        )


class ProposedView(Body, frozen=True, kw_only=True):
    """Terms as they were proposed, whatever became of them."""

    proposal: int
    by: Side | None
    note: str | None
    proposed_time: Instant
    terms: AgreementTerms
    terms_sha256: str

    @classmethod
    def of(cls, row: ProposalRow) -> Self:
        return cls(
            proposal=row.proposal,
            by=row.proposed_by,
            note=row.note,
            proposed_time=row.proposed_time,
            terms=AgreementTerms.outside(row.terms),
            terms_sha256=terms_sha256(row.terms),
        )


class DifferenceView(Body, frozen=True, kw_only=True):
    """A member that differs, as JSON Pointer into the terms; null where a proposal has none."""

    pointer: str
    old: Any
    new: Any


class DifferencesView(Body, frozen=True, kw_only=True):
    """What changes from one proposal to another, in the order of the terms."""

    old_proposal: int
    new_proposal: int
    differences: tuple[DifferenceView, ...]


class AgreementSummary(Body, frozen=True, kw_only=True):
    """An agreement in a list; `side` is null for an auditor. `term_ends_on` is the day after its signed term;
    `ends_on` the same, or if it has ended earlier, the day after that."""

    id: AgreementId
    market: MarketId
    kind: AgreementKind
    status: AgreementStatus
    phase: Literal["ramp_up", "steady"] | None
    version: int
    side: Side | None
    seller: OrganisationId
    seller_name: str
    buyer: OrganisationId
    buyer_name: str
    match: MatchId | None
    starts_on: date | None
    ends_on: date | None
    term_ends_on: date | None
    ended_at: Instant | None


class AgreementView(AgreementSummary, frozen=True, kw_only=True):
    """`standing` is what both have signed, `on_table` the open proposal.

    `standing` is for shipments from the day `counts_from` on, null before the agreement is effective: its
    first day, and after an amendment the day that it states in `effective_from`, or the day after the second
    signature, by UTC. Earlier shipments follow the terms of their day, which are in `superseded`, the oldest
    first; before `counts_from`, the last of these are in force. Force majeure and a termination are
    declarations of one side; contests by the other side are shown with them. `parties`: as registered now.
    `effective_at` and `ended_at`: when that was recorded; `ended_by` is null if no side ended it.
    """

    parties: PartiesView
    extensions: int
    standing: ProposalView | None
    counts_from: date | None
    superseded: tuple[SupersededView, ...]
    on_table: ProposalView | None
    conditions: tuple[SettledView, ...]
    suspensions: tuple[SuspensionView, ...]
    effective_at: Instant | None
    ended_reason: str | None
    ended_by: Side | None
    end_note: str | None
    end_evidence: tuple[Evidence, ...]
    end_contest: ContestView | None


def _summary(of: Agreement, side: Side | None, day: date, names: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "id": to_text("agr", of.agreement),
        "market": to_text("mkt", of.market),
        "kind": of.kind,
        "status": of.status,
        "phase": phase(of, day),
        "version": of.version,
        "side": side,
        "seller": to_text("org", of.seller),
        "seller_name": names[of.seller],
        "buyer": to_text("org", of.buyer),
        "buyer_name": names[of.buyer],
        "match": None if of.match is None else to_text("match", of.match),
        "starts_on": of.starts_on,
        "ends_on": last_ends_on(of),
        "term_ends_on": of.ends_on,
        "ended_at": of.ended_at,
    }


def summary_view(of: Agreement, side: Side | None, day: date, names: Mapping[UUID, str]) -> AgreementSummary:
    return AgreementSummary(**_summary(of, side, day, names))


def agreement_view(
    of: Agreement, side: Side | None, day: date, times: AgreementTimes, parties: PartiesView
) -> AgreementView:
    in_force = of.in_force()
    names = {of.seller: parties.seller.name, of.buyer: parties.buyer.name}
    return AgreementView(
        **_summary(of, side, day, names),
        parties=parties,
        extensions=of.extensions,
        standing=None if of.standing is None else ProposalView.of(of.standing, times),
        counts_from=in_force[-1].first if in_force else None,
        superseded=tuple(map(SupersededView.of, in_force[:-1])),
        on_table=None if of.table is None else ProposalView.of(of.table, times),
        conditions=tuple(
            SettledView(
                code=settled.code,
                outcome=settled.outcome,
                by=settled.by,
                on=settled.on,
                evidence=evidence_view(settled.evidence),
            )
            for settled in of.conditions
        ),
        suspensions=tuple(
            SuspensionView.of(number, suspension, times)
            for number, suspension in enumerate(of.suspensions, 1)
        ),
        effective_at=times.effective_at,
        ended_reason=of.ended_reason,
        ended_by=times.ended_by,
        end_note=times.end_note,
        end_evidence=evidence_view(of.end_evidence),
        end_contest=ContestView.of(of.end_contest, times, None),
    )
