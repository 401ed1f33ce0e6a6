"""How an agreement comes into force: draft, propose and counter-propose, withdraw, sign, amend."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from contracts.rules.agreed_analytes import analyte_refusals
from contracts.rules.agreement import (
    BOUND,
    Agreement,
    Proposal,
    open_conditions,
    other_side,
    terms_sha256,
    with_signature,
)
from contracts.rules.capacity import overcommitted
from contracts.rules.clauses import clause_refusals
from contracts.rules.currencies import currency_refusals
from contracts.rules.days import day_of, years_later
from contracts.rules.effective_days import AmendingState, Settled, day_refusals, last_former_day
from contracts.rules.refusals import (
    AlreadySigned,
    BasisNotOfMarket,
    BindingOnly,
    CounterpartySame,
    DayStatedEarly,
    FieldFixed,
    NothingProposed,
    OtherSideSigns,
    OwnProposal,
    PartyNotInMarket,
    PriceOfMatchOnly,
    ProposalOfOther,
    ProposalReplaced,
    ProposalsMax,
    ProposalStands,
    TermOver,
)
from contracts.rules.steps import AgreementState, decision, fact_draft, party, step_refusals
from events.callers import Caller, role_refusals
from events.capacity_terms import CapacityCount
from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementProposed,
    AgreementSigned,
    ProposalWithdrawn,
)
from events.contract_terms import (
    AgreementKind,
    AgreementStatus,
    AgreementTerms,
    FixedVolume,
    ShareOfOutput,
    VolumeClause,
)
from events.decision import Decision, Moment
from events.price_clauses import MatchedPrice
from events.refusal import NoChange, Refusal, refuse
from events.vocabulary import MarketBasis, Side
from events.wellformed import malformed

PROPOSALS_MAX: Final = 200


class DraftAgreement(Struct, frozen=True, kw_only=True):
    """The caller's organisation is `side`. `basis` and `members` are the market's at the time of the request.
    `at_door`: a new request, checked for unknown analytes and for a currency without cents; recorded events
    are not, when an audit decides them again."""

    caller: Caller
    market: UUID
    kind: AgreementKind
    side: Side
    counterparty: UUID
    basis: MarketBasis
    members: frozenset[UUID]
    terms: AgreementTerms
    at_door: bool = False


class ProposeTerms(Struct, frozen=True, kw_only=True):
    """All clauses, as a counter-proposal or as an amendment of an agreement in force. `at_door` as in a
    draft; an amendment may keep the currency and the analytes that the agreement has."""

    caller: Caller
    agreement: UUID
    expected_version: int
    terms: AgreementTerms
    note: str | None = None
    at_door: bool = False


class WithdrawProposal(Struct, frozen=True, kw_only=True):
    caller: Caller
    agreement: UUID
    expected_version: int
    proposal: int


class SignProposal(Struct, frozen=True, kw_only=True):
    """`side`: the side for which the caller intends to sign; None: its own. `group` is the caller's;
    `capacity`: the check of the facility, if the seller signs as binding."""

    caller: Caller
    agreement: UUID
    expected_version: int
    proposal: int
    binding: bool
    side: Side | None = None
    group: UUID | None = None
    capacity: CapacityCount | UnsetType = UNSET


def draft(state: AgreementState, argument: DraftAgreement, moment: Moment) -> Decision:
    """Proposal 1, unsigned. Raises Refusals."""
    refuse(role_refusals(argument.caller, "trader"))
    parties = {argument.side: argument.caller.organisation}
    parties[other_side(argument.side)] = argument.counterparty
    reasons: list[Refusal] = []
    if argument.counterparty == argument.caller.organisation:
        reasons.append(CounterpartySame(pointer="/counterparty"))
    reasons += _absent(argument)
    reasons += in_terms(clause_refusals(argument.terms, argument.kind, day_of(moment.now)))
    if argument.terms.effective_from is not UNSET:
        reasons.append(DayStatedEarly(pointer="/terms/effective_from"))
    if argument.at_door:
        reasons += in_terms(currency_refusals(argument.terms))
        reasons += in_terms(analyte_refusals(argument.terms, None))
    if argument.terms.product.basis != argument.basis:
        reasons.append(
            BasisNotOfMarket(
                pointer="/terms/product/basis", expected=argument.basis, basis=argument.terms.product.basis
            )
        )
    if isinstance(argument.terms.price, MatchedPrice):
        reasons.append(PriceOfMatchOnly(pointer="/terms/price"))
    refuse(reasons)
    fact = AgreementDrafted(
        market=argument.market,
        agreement=moment.new_id(),
        kind=argument.kind,
        seller=parties["seller"],
        buyer=parties["buyer"],
        proposed_by=argument.side,
        terms=argument.terms,
    )
    return Decision(drafts=(fact_draft(state.lane, fact.agreement, fact),))


def _absent(argument: DraftAgreement) -> list[Refusal]:
    """A caller that is not a member learns nothing about other members."""
    if argument.caller.organisation not in argument.members:
        return [PartyNotInMarket(side=argument.side)]
    if argument.counterparty not in argument.members:
        return [PartyNotInMarket(pointer="/counterparty", side=other_side(argument.side))]
    return []


def propose(state: AmendingState, argument: ProposeTerms, moment: Moment) -> Decision:
    """Replaces the open proposal and its signatures. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = step_refusals(agreement, argument.expected_version)
    if agreement.proposals >= PROPOSALS_MAX:
        reasons.append(ProposalsMax(most=PROPOSALS_MAX))
    reasons += _proposable(agreement, argument.terms, state.settled, day_of(moment.now))
    if argument.at_door:
        reasons += in_terms(_door_refusals(agreement, argument.terms))
    compared = agreement.table or agreement.standing
    if compared is not None and compared.terms == argument.terms:
        reasons.append(NoChange(pointer="/terms"))
    fact = AgreementProposed(
        market=agreement.market,
        agreement=agreement.agreement,
        proposal=agreement.proposals + 1,
        proposed_by=side,
        terms=argument.terms,
        note=argument.note,
    )
    refuse(reasons or malformed(fact))
    return decision(agreement, fact)


def _door_refusals(agreement: Agreement, terms: AgreementTerms) -> list[Refusal]:
    standing = None if agreement.standing is None else agreement.standing.terms
    keeps = standing is not None and standing.payment.currency == terms.payment.currency
    return [*([] if keeps else currency_refusals(terms)), *analyte_refusals(terms, standing)]


def withdraw(state: AgreementState, argument: WithdrawProposal, moment: Moment) -> Decision:
    """Withdraws the open proposal. Raises Refusals."""
    del moment
    agreement, side = party(state, argument.caller)
    reasons = step_refusals(agreement, argument.expected_version)
    proposal, missing = _on_table(agreement, argument.proposal)
    reasons += missing
    if proposal is not None and proposal.by != side:
        reasons.append(ProposalOfOther())
    if proposal is not None and agreement.standing == proposal:
        reasons.append(ProposalStands())
    refuse(reasons)
    fact = ProposalWithdrawn(
        market=agreement.market, agreement=agreement.agreement, proposal=argument.proposal, by=side
    )
    return decision(agreement, fact)


def sign(state: AmendingState, argument: SignProposal, moment: Moment) -> Decision:
    """The second signature at a level brings the agreement to it. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = step_refusals(agreement, argument.expected_version)
    if argument.side not in (None, side):
        reasons.append(OtherSideSigns(pointer="/side", side=side))
    if agreement.status in BOUND and not argument.binding:
        reasons.append(BindingOnly(pointer="/binding"))
    proposal, missing = _on_table(agreement, argument.proposal)
    reasons += missing
    if proposal is not None:
        reasons += _signature_refusals(proposal, side, binding=argument.binding)
        reasons += _proposable(agreement, proposal.terms, state.settled, day_of(moment.now))
        if argument.capacity is not UNSET:
            reasons += overcommitted(argument.capacity, proposal.terms.product.form)
    refuse(reasons)
    assert proposal is not None
    fact = AgreementSigned(
        market=agreement.market,
        agreement=agreement.agreement,
        proposal=proposal.number,
        side=side,
        organisation=argument.caller.organisation,
        binding=argument.binding,
        terms_sha256=terms_sha256(proposal.terms),
        group=argument.group,
        capacity=argument.capacity,
    )
    followed = _what_follows(agreement, with_signature(proposal, fact), day_of(moment.now))
    return decision(agreement, fact, *followed)


def _signature_refusals(proposal: Proposal, side: Side, *, binding: bool) -> list[Refusal]:
    signed = proposal.signed(side)
    if signed is None or (signed == "term_sheet" and binding):
        return []
    if proposal.by == side:
        return [OwnProposal(pointer="/proposal", side=side)]
    return [AlreadySigned(pointer="/proposal", side=side, proposal=proposal.number)]


def _what_follows(agreement: Agreement, proposal: Proposal, day: date) -> Sequence[AgreementAdvanced]:
    """The events after a signature: none until both have signed at a level that the agreement has not reached
    with this proposal."""
    level = proposal.signed_by_both
    standing = None if agreement.standing is None else agreement.standing.number
    if level is None or (level == "term_sheet" and standing == proposal.number):
        return ()
    if level == "term_sheet":
        return (advanced(agreement, "term_sheet", "signed_by_both", proposal=proposal.number),)
    if agreement.starts_on is not None:
        ends_on = end_of(proposal.terms, agreement.starts_on, agreement.extensions)
        return (
            advanced(
                agreement,
                agreement.status,
                "amended",
                proposal=proposal.number,
                starts_on=agreement.starts_on,
                ends_on=ends_on,
                counts_from=proposal.terms.effective_from,
            ),
        )
    if open_conditions(proposal.terms, agreement.conditions):
        reason = "signed_by_both" if agreement.status not in BOUND else "amended"
        return (advanced(agreement, "binding_subject_to_cp", reason, proposal=proposal.number),)
    return (effective(agreement, proposal.terms, "signed_by_both", day, proposal=proposal.number),)


def effective(
    agreement: Agreement, terms: AgreementTerms, reason: str, day: date, *, proposal: int
) -> AgreementAdvanced:
    """The agreement becomes effective: contract years run from `day`, or from the later start that the terms
    state."""
    starts_on = max(terms.term.starts_on or day, day)
    return advanced(
        agreement,
        "effective",
        reason,
        proposal=proposal,
        starts_on=starts_on,
        ends_on=end_of(terms, starts_on, agreement.extensions),
    )


def end_of(terms: AgreementTerms, starts_on: date, extensions: int) -> date:
    """The first day after the term with that many extensions."""
    return years_later(starts_on, terms.term.years + extensions * terms.term.extension_years)


def advanced(
    agreement: Agreement,
    status: AgreementStatus,
    reason: str,
    *,
    proposal: int,
    starts_on: date | None = None,
    ends_on: date | None = None,
    counts_from: date | UnsetType = UNSET,
) -> AgreementAdvanced:
    return AgreementAdvanced(
        market=agreement.market,
        agreement=agreement.agreement,
        status=status,
        reason=reason,
        proposal=proposal,
        starts_on=starts_on,
        ends_on=ends_on,
        counts_from=counts_from,
    )


def in_terms(reasons: Sequence[Refusal]) -> list[Refusal]:
    """The refusals of clauses, their pointers prefixed with the body's member `terms`."""
    for reason in reasons:
        reason.pointer = f"/terms{reason.pointer or ''}"
    return list(reasons)


def _on_table(agreement: Agreement, number: int) -> tuple[Proposal | None, list[Refusal]]:
    if agreement.table is None:
        return None, [NothingProposed()]
    if agreement.table.number != number:
        return None, [ProposalReplaced(pointer="/proposal", given=number, current=agreement.table.number)]
    return agreement.table, []


def _proposable(agreement: Agreement, terms: AgreementTerms, settled: Settled, day: date) -> list[Refusal]:
    """Why terms cannot be proposed or signed in the agreement's state on `day`."""
    done = {condition.code for condition in agreement.conditions}
    starts_on = agreement.starts_on
    reasons = clause_refusals(terms, agreement.kind, day if starts_on is None else None, done)
    reasons += _fixed(agreement, terms, day)
    ends_on = None if starts_on is None else end_of(terms, starts_on, agreement.extensions)
    if starts_on is not None and ends_on is not None:
        if ends_on <= day:
            reasons.append(TermOver(pointer="/term/years", ends_on=ends_on.isoformat()))
        begun = max(day, last_former_day(terms, day))
        reasons += _begun_years(agreement.terms.volume, terms.volume, starts_on, begun)
    reasons += day_refusals(agreement, terms, ends_on, settled, day)
    return in_terms(reasons)


def _fixed(agreement: Agreement, terms: AgreementTerms, day: date) -> list[Refusal]:
    """Refusals for what a proposal may not change: the basis; once both are bound, the currency; once
    effective, the start."""
    reasons: list[Refusal] = []
    if terms.product.basis != agreement.basis:
        reasons.append(FieldFixed(pointer="/product/basis", why="it is the market's"))
    if isinstance(terms.price, MatchedPrice) and not _is_price_of(agreement, terms.price, day):
        reasons.append(PriceOfMatchOnly(pointer="/price"))
    if agreement.match is not None and terms.source is not UNSET:
        reasons.append(FieldFixed(pointer="/source", why="the order of its match names the facility"))
    if agreement.standing is None or agreement.status not in BOUND:
        return reasons
    if terms.payment.currency != agreement.terms.payment.currency:
        reasons.append(FieldFixed(pointer="/payment/currency", why="both are bound"))
    if agreement.starts_on is not None and terms.term.starts_on != agreement.terms.term.starts_on:
        reasons.append(FieldFixed(pointer="/term/starts_on", why="the contract years run"))
    if agreement.starts_on is not None and terms.conditions != agreement.terms.conditions:
        reasons.append(FieldFixed(pointer="/conditions", why="the agreement is effective"))
    return reasons


def _is_price_of(agreement: Agreement, price: MatchedPrice, day: date) -> bool:
    """Whether it equals the price that the agreement already has, or has on `day`."""
    known = [
        proposal.terms.price for proposal in (agreement.standing, agreement.table) if proposal is not None
    ]
    if agreement.standing is not None:
        known.append(agreement.read_on(day).price)
    return price.match == agreement.match and price in known


def _begun_years(before: VolumeClause, after: VolumeClause, starts_on: date, day: date) -> list[Refusal]:
    """Contract years that have begun by `day` keep their quantities."""
    if type(before) is not type(after):
        return [FieldFixed(pointer="/volume", why="the contract years run")]
    fixed = sum(years_later(starts_on, year) <= day for year in range(len(_grams(before))))
    if _grams(before)[:fixed] == _grams(after)[:fixed]:
        return []
    return [FieldFixed(pointer="/volume", why=f"{fixed} contract years have begun")]


def _grams(volume: FixedVolume | ShareOfOutput) -> tuple[int, ...]:
    return volume.acq_g if isinstance(volume, FixedVolume) else volume.expected_output_g
