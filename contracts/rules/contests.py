"""How the other side contests force majeure or a termination, and how a contest is settled.

A declaration is recorded without proof. If force majeure is contested, the contract year that it reduces is
not assessed until a side gives in, or the operator records a tribunal's decision.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from contracts.rules.agreement import Agreement, Suspension, contest_of, other_side
from contracts.rules.contract_years import rested_ppb, year_period
from contracts.rules.price_terms import round_half_even
from contracts.rules.refusals import (
    ContestedBefore,
    ContestOver,
    DateInFuture,
    DeclarationFinal,
    DeclarationUnknown,
    EvidenceMissing,
    NothingContested,
)
from contracts.rules.steps import AgreementState, decision, party, party_or_operator, side_refusals
from events.callers import Caller
from events.contract_events import ContestSettled, DeclarationContested, ForceMajeureEnded
from events.contract_terms import ContestOutcome, Evidence
from events.decision import Decision, Moment
from events.envelope import Fact
from events.local_days import latest_day
from events.refusal import Refusal, refuse
from events.vocabulary import PPB, Period, Side
from events.wellformed import malformed

CONTEST_DAYS: Final = 30
"""Days for the other side to contest it, from the instant of the declaration of force majeure."""


class ContestDeclaration(Struct, frozen=True, kw_only=True):
    """`suspension`: the number of the force majeure; None: the termination."""

    caller: Caller
    agreement: UUID
    suspension: int | None
    reason: str
    evidence: tuple[Evidence, ...] = ()


class SettleContest(Struct, frozen=True, kw_only=True):
    """The contesting side may state `stands`, the declaring side `falls`, the operator either."""

    caller: Caller
    agreement: UUID
    suspension: int | None
    outcome: ContestOutcome
    evidence: tuple[Evidence, ...] = ()


def contest(state: AgreementState, argument: ContestDeclaration, moment: Moment) -> Decision:
    """Contests a declaration, once, by the side that did not make it. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    fact = DeclarationContested(
        market=agreement.market,
        agreement=agreement.agreement,
        suspension=argument.suspension,
        by=side,
        reason=argument.reason,
        evidence=argument.evidence,
    )
    refuse(malformed(fact))
    declared = _declared_by(agreement, argument.suspension)
    reasons: list[Refusal] = side_refusals(side, other_side(declared))
    if contest_of(agreement, argument.suspension) is not None:
        reasons.append(ContestedBefore())
    elif argument.suspension is not None:
        reasons += _window_refusals(agreement.suspensions[argument.suspension - 1], moment.now)
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    return decision(agreement, fact)


def settle(state: AgreementState, argument: SettleContest, moment: Moment) -> Decision:
    """Settles a contest; force majeure that falls ends at once, if it still lasts. Raises Refusals or
    AgreementUnknown."""
    agreement, side = party_or_operator(state, argument.caller)
    fact = ContestSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        suspension=argument.suspension,
        outcome=argument.outcome,
        by=side,
        evidence=argument.evidence,
    )
    refuse(malformed(fact))
    found = contest_of(agreement, argument.suspension)
    if found is None or found.outcome is not None:
        raise NothingContested
    reasons: list[Refusal] = []
    if side is None and not argument.evidence:
        reasons.append(EvidenceMissing(pointer="/evidence"))
    elif side is not None:
        reasons += side_refusals(side, found.by if argument.outcome == "stands" else other_side(found.by))
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    facts: list[Fact] = [fact]
    lasts = agreement.status == "suspended_fm" and argument.suspension == len(agreement.suspensions)
    if argument.outcome == "falls" and lasts:
        # a late timer may not have ended it yet
        ended_at = min(moment.now, agreement.suspensions[-1].period.end)
        facts.append(
            ForceMajeureEnded(market=agreement.market, agreement=agreement.agreement, ended_at=ended_at)
        )
    return decision(agreement, *facts)


def is_contested(agreement: Agreement) -> bool:
    """Whether a contest waits to be settled, by a side or, with a tribunal's decision, by the operator."""
    numbers: list[int | None] = [None, *range(1, len(agreement.suspensions) + 1)]
    found = [contest_of(agreement, number) for number in numbers]
    return any(each is not None and each.outcome is None for each in found)


def decided_again(
    state: AgreementState, fact: DeclarationContested | ContestSettled, caller: Caller, moment: Moment
) -> Decision:
    """Decides again from the fact's inputs. Raises Refusals or AgreementUnknown."""
    named: dict[str, Any] = {
        "caller": caller,
        "agreement": fact.agreement,
        "suspension": fact.suspension,
        "evidence": fact.evidence,
    }
    if isinstance(fact, DeclarationContested):
        return contest(state, ContestDeclaration(**named, reason=fact.reason), moment)
    return settle(state, SettleContest(**named, outcome=fact.outcome), moment)


def assessed_from(agreement: Agreement, year: int) -> datetime | None:
    """When a contract year can be assessed: at its end, but not while force majeure that reduces it may still
    be contested. None: it is contested."""
    assert agreement.starts_on is not None
    period = year_period(agreement.starts_on, year)
    at = period.end
    for suspension in _within(agreement, period):
        if suspension.contest is not UNSET:
            if suspension.contest.outcome is None:
                return None
        elif suspension.contest_by is not UNSET:
            at = max(at, suspension.contest_by)
    return at


def force_majeure_g(agreement: Agreement, year: int, acq_g: int) -> int:
    """The part of a year's ACQ suspended by force majeure, without declarations that fell."""
    return _share_g(agreement, year, acq_g, lambda each: _outcome(each) != "falls")


def contested_g(agreement: Agreement, year: int, acq_g: int) -> int:
    """The contested part of `force_majeure_g`."""
    return _share_g(
        agreement, year, acq_g, lambda each: each.contest is not UNSET and each.contest.outcome is None
    )


def fallen_g(agreement: Agreement, year: int, acq_g: int) -> int:
    """What the seller suspended by declarations that fell."""
    return _share_g(agreement, year, acq_g, lambda each: each.by == "seller" and _outcome(each) == "falls")


def _share_g(agreement: Agreement, year: int, acq_g: int, counts: Callable[[Suspension], bool]) -> int:
    assert agreement.starts_on is not None
    rested = [each.rested for each in agreement.suspensions if counts(each)]
    return round_half_even(acq_g * rested_ppb(rested, year_period(agreement.starts_on, year)), PPB)


def _within(agreement: Agreement, period: Period) -> Iterator[Suspension]:
    for each in agreement.suspensions:
        if each.rested.start < period.end and period.start < each.rested.end:
            yield each


def _outcome(suspension: Suspension) -> ContestOutcome | None:
    return None if suspension.contest is UNSET else suspension.contest.outcome


def _declared_by(agreement: Agreement, suspension: int | None) -> Side:
    """The declaring side. Raises DeclarationUnknown, or DeclarationFinal for older events that cannot be
    contested."""
    if suspension is None:
        if agreement.status != "terminated":
            raise DeclarationUnknown(pointer="/suspension")
        if agreement.ended_by is UNSET:
            raise DeclarationFinal
        return agreement.ended_by
    if suspension > len(agreement.suspensions):
        raise DeclarationUnknown(pointer="/suspension")
    return agreement.suspensions[suspension - 1].by


def _window_refusals(suspension: Suspension, now: datetime) -> list[Refusal]:
    if suspension.contest_by is UNSET:
        return [DeclarationFinal()]
    if now >= suspension.contest_by:
        return [ContestOver(contest_by=suspension.contest_by.isoformat())]
    return []


def evidence_refusals(
    evidence: Sequence[Evidence] | UnsetType, now: datetime, pointer: str = "/evidence"
) -> list[Refusal]:
    today = latest_day(now)
    return [
        DateInFuture(
            pointer=f"{pointer}/{place}/dated_on", day=each.dated_on.isoformat(), today=today.isoformat()
        )
        for place, each in enumerate(() if evidence is UNSET else evidence)
        if each.dated_on > today
    ]
