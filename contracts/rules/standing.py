"""What happens to an agreement after both have signed: conditions, extension, force majeure, end."""

from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from contracts.rules.agreement import (
    BOUND,
    RUNNING,
    Agreement,
    Suspension,
    open_conditions,
    other_side,
)
from contracts.rules.agreements import advanced, effective, end_of
from contracts.rules.contests import CONTEST_DAYS, evidence_refusals
from contracts.rules.days import day_of, midnight, years_later
from contracts.rules.refusals import (
    BeforeEffect,
    ConditionDone,
    ConditionOfOther,
    ConditionOverdue,
    ConditionUnknown,
    DateInFuture,
    DatesOutOfOrder,
    EvidenceMissing,
    ExtensionLate,
    ExtensionOfOther,
    ExtensionsUsed,
    LongStopPassed,
    OwnForceMajeure,
    PeriodNotNow,
    PeriodsOverlap,
    ReasonUnfit,
    StatusUnfit,
    SuspensionOfOther,
)
from contracts.rules.steps import AgreementState, decision, of_timer, party, step_refusals
from events.callers import Caller
from events.contract_events import (
    AgreementAdvanced,
    AgreementExtended,
    AgreementTerminated,
    ConditionSettled,
    ForceMajeureDeclared,
    ForceMajeureEnded,
)
from events.contract_terms import AgreementStatus, ConditionPrecedent, Evidence, FixedVolume
from events.decision import Decision, Moment
from events.local_days import latest_day
from events.refusal import NotDue, Refusal, refuse
from events.vocabulary import Period, Side
from events.wellformed import malformed

TerminationReason = Literal[
    "negotiation_failed",
    "condition_failed",
    "breach",
    "insolvency",
    "prolonged_force_majeure",
    "sanctions",
]
REASONS: Final[dict[TerminationReason, frozenset[AgreementStatus]]] = {
    "negotiation_failed": frozenset({"draft", "term_sheet"}),
    "condition_failed": frozenset({"binding_subject_to_cp"}),
    "breach": BOUND,
    "insolvency": BOUND,
    "prolonged_force_majeure": frozenset({"suspended_fm"}),
    "sanctions": frozenset({"draft", "term_sheet", *BOUND}),
}
"""The statuses in which a side may terminate for each reason. Whether it was entitled to is for the
courts."""


class SettleCondition(Struct, frozen=True, kw_only=True):
    """`on`: the day on which the condition was met or waived."""

    caller: Caller
    agreement: UUID
    expected_version: int
    condition: str
    outcome: Literal["met", "waived"]
    on: date
    evidence: tuple[Evidence, ...] = ()


class Extend(Struct, frozen=True, kw_only=True):
    caller: Caller
    agreement: UUID
    expected_version: int


class Suspend(Struct, frozen=True, kw_only=True):
    """Without `evidence` (not even an empty tuple), as in older events, the other side cannot contest it."""

    caller: Caller
    agreement: UUID
    expected_version: int
    period: Period
    reason: str
    evidence: tuple[Evidence, ...] | UnsetType = UNSET


class Resume(Struct, frozen=True, kw_only=True):
    caller: Caller
    agreement: UUID
    expected_version: int


class Terminate(Struct, frozen=True, kw_only=True):
    """`evidence` as in `Suspend`. `at_door`: a new request; recorded events are not checked for whose force
    majeure it was."""

    caller: Caller
    agreement: UUID
    expected_version: int
    reason: TerminationReason
    note: str | None = None
    evidence: tuple[Evidence, ...] | UnsetType = UNSET
    at_door: bool = False


class PassTime(Struct, frozen=True, kw_only=True):
    """Given by a timer with the operator's role: does what is due of an agreement."""

    caller: Caller
    agreement: UUID


def settle_condition(state: AgreementState, argument: SettleCondition, moment: Moment) -> Decision:
    """Settles a condition; the last one makes the agreement effective. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    day = day_of(moment.now)
    reasons = step_refusals(agreement, argument.expected_version)
    reasons += _status_refusals(agreement, "binding_subject_to_cp")
    if not reasons:
        reasons += _condition_refusals(agreement, argument, side, moment.now)
    fact = ConditionSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        condition=argument.condition,
        outcome=argument.outcome,
        by=side,
        on=argument.on,
        evidence=argument.evidence,
    )
    refuse(reasons or malformed(fact))
    if set(open_conditions(agreement.terms, agreement.conditions)) - {argument.condition}:
        return decision(agreement, fact)
    assert agreement.standing is not None
    proposal = agreement.standing.number
    return decision(
        agreement, fact, effective(agreement, agreement.terms, "conditions_met", day, proposal=proposal)
    )


def _condition_refusals(
    agreement: Agreement, argument: SettleCondition, side: Side, now: datetime
) -> list[Refusal]:
    named = {condition.code: condition for condition in agreement.terms.conditions}
    condition = named.get(argument.condition)
    if condition is None:
        return [ConditionUnknown(condition=argument.condition)]
    reasons: list[Refusal] = []
    if condition.code not in open_conditions(agreement.terms, agreement.conditions):
        reasons.append(ConditionDone(condition=condition.code))
    if side != (condition.by if argument.outcome == "met" else other_side(condition.by)):
        reasons.append(ConditionOfOther(side=condition.by, condition=condition.code))
    long_stop = agreement.terms.term.long_stop_on
    if long_stop is not None and day_of(now) > long_stop:
        reasons.append(LongStopPassed(long_stop_on=long_stop.isoformat()))
    today = latest_day(now)
    if argument.on > today:
        reasons.append(DateInFuture(pointer="/on", day=argument.on.isoformat(), today=today.isoformat()))
    return reasons + (_met_refusals(condition, argument) if argument.outcome == "met" else [])


def _met_refusals(condition: ConditionPrecedent, argument: SettleCondition) -> list[Refusal]:
    reasons: list[Refusal] = []
    if not argument.evidence:
        reasons.append(EvidenceMissing(pointer="/evidence"))
    if argument.on > condition.due_on:
        reasons.append(
            ConditionOverdue(pointer="/on", condition=condition.code, due_on=condition.due_on.isoformat())
        )
    for place, evidence in enumerate(argument.evidence):
        if evidence.dated_on > argument.on:
            reasons.append(
                DatesOutOfOrder(
                    pointer=f"/evidence/{place}/dated_on",
                    later="the day that the condition was met",
                    earlier="its evidence",
                )
            )
    return reasons


def extend(state: AgreementState, argument: Extend, moment: Moment) -> Decision:
    """Extends the term once, by the side whose option it is. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = step_refusals(agreement, argument.expected_version)
    reasons += _status_refusals(agreement, *RUNNING)
    refuse(reasons)
    term = agreement.terms.term
    assert agreement.starts_on is not None
    assert agreement.ends_on is not None
    if agreement.extensions >= term.extensions_max:
        reasons.append(ExtensionsUsed(most=term.extensions_max))
    if term.extended_by not in (None, side):
        reasons.append(ExtensionOfOther(side=term.extended_by))
    last_day = agreement.ends_on - timedelta(days=term.extension_notice_days + 1)
    if day_of(moment.now) > last_day:
        reasons.append(ExtensionLate(last_day=last_day.isoformat()))
    refuse(reasons)
    extension = agreement.extensions + 1
    fact = AgreementExtended(
        market=agreement.market,
        agreement=agreement.agreement,
        extension=extension,
        by=side,
        ends_on=end_of(agreement.terms, agreement.starts_on, extension),
    )
    return decision(agreement, fact)


def suspend(state: AgreementState, argument: Suspend, moment: Moment) -> Decision:
    """Declares force majeure while it lasts; if it lasts longer, it is declared again. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = step_refusals(agreement, argument.expected_version)
    reasons += _status_refusals(agreement, "effective")
    fact = ForceMajeureDeclared(
        market=agreement.market,
        agreement=agreement.agreement,
        by=side,
        period=argument.period,
        reason=argument.reason,
        evidence=argument.evidence,
        contest_by=UNSET if argument.evidence is UNSET else moment.now + timedelta(days=CONTEST_DAYS),
    )
    reasons += malformed(fact)
    refuse(reasons)
    period, starts_on = argument.period, agreement.starts_on
    assert starts_on is not None
    if not period.start <= moment.now < period.end:
        reasons.append(
            PeriodNotNow(pointer="/period", start=period.start.isoformat(), end=period.end.isoformat())
        )
    if day_of(period.start) < starts_on:
        reasons.append(BeforeEffect(pointer="/period/start", starts_on=starts_on.isoformat()))
    reasons += [_overlap(before.rested) for before in agreement.suspensions if _shared(before, period)]
    reasons += evidence_refusals(argument.evidence, moment.now)
    refuse(reasons)
    return decision(agreement, fact)


def _shared(suspension: Suspension, period: Period) -> bool:
    return suspension.rested.start < period.end and period.start < suspension.rested.end


def _overlap(period: Period) -> Refusal:
    return PeriodsOverlap(pointer="/period", start=period.start.isoformat(), end=period.end.isoformat())


def resume(state: AgreementState, argument: Resume, moment: Moment) -> Decision:
    """Ends force majeure before its declared period is over. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = step_refusals(agreement, argument.expected_version)
    reasons += _status_refusals(agreement, "suspended_fm")
    if not reasons and agreement.suspensions[-1].by != side:
        reasons.append(SuspensionOfOther())
    refuse(reasons)
    return decision(agreement, _resumed(agreement, moment.now))


def terminate(state: AgreementState, argument: Terminate, moment: Moment) -> Decision:
    """Raises Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = step_refusals(agreement, argument.expected_version)
    if not reasons and agreement.status not in REASONS[argument.reason]:
        reasons.append(ReasonUnfit(pointer="/reason", reason=argument.reason, status=agreement.status))
    elif not reasons and argument.at_door and argument.reason == "prolonged_force_majeure":
        reasons += [OwnForceMajeure(pointer="/reason")] if agreement.suspensions[-1].by == side else []
    fact = AgreementTerminated(
        market=agreement.market,
        agreement=agreement.agreement,
        by=side,
        reason=argument.reason,
        note=argument.note,
        evidence=argument.evidence,
    )
    refuse(reasons or malformed(fact) or evidence_refusals(argument.evidence, moment.now))
    return decision(agreement, fact)


def pass_time(state: AgreementState, argument: PassTime, moment: Moment) -> Decision:
    """The next status by the clock alone: long-stop date, end of a suspension, end of the term.

    `clock.pass_time` does what has to come first. Raises Refusals, or NotDue when nothing is due.
    """
    agreement = of_timer(state, argument.caller)
    due = next_due(agreement)
    if due is None or moment.now < due:
        raise NotDue(due="an event" if due is None else due.isoformat())
    return decision(agreement, _by_the_clock(agreement))


def next_due(agreement: Agreement) -> datetime | None:
    """When `pass_time` next changes the agreement; None: never."""
    if agreement.status == "binding_subject_to_cp":
        long_stop = agreement.terms.term.long_stop_on
        return None if long_stop is None else midnight(long_stop + timedelta(days=1))
    if agreement.status not in RUNNING or agreement.ends_on is None:
        return None
    ends = midnight(agreement.ends_on)
    return min(ends, agreement.suspensions[-1].period.end) if agreement.status == "suspended_fm" else ends


def phase(agreement: Agreement, day: date) -> Literal["ramp_up", "steady"] | None:
    """`ramp_up` before the first year with the largest quantity, `steady` from then on, while contract years
    run."""
    if agreement.status not in RUNNING or agreement.starts_on is None:
        return None
    volume = agreement.terms.volume
    grams = volume.acq_g if isinstance(volume, FixedVolume) else volume.expected_output_g
    full = years_later(agreement.starts_on, grams.index(max(grams)))
    return "ramp_up" if day < full else "steady"


def _by_the_clock(agreement: Agreement) -> AgreementTerminated | AgreementAdvanced | ForceMajeureEnded:
    assert agreement.standing is not None
    if agreement.status == "binding_subject_to_cp":
        return AgreementTerminated(
            market=agreement.market, agreement=agreement.agreement, reason="long_stop_passed"
        )
    assert agreement.ends_on is not None
    if agreement.status == "suspended_fm" and agreement.suspensions[-1].period.end <= midnight(
        agreement.ends_on
    ):
        return _resumed(agreement, agreement.suspensions[-1].period.end)
    return advanced(agreement, "expired", "term_over", proposal=agreement.standing.number)


def _resumed(agreement: Agreement, at: datetime) -> ForceMajeureEnded:
    return ForceMajeureEnded(market=agreement.market, agreement=agreement.agreement, ended_at=at)


def _status_refusals(agreement: Agreement, *needed: AgreementStatus) -> list[Refusal]:
    if agreement.status in needed:
        return []
    return [StatusUnfit(status=agreement.status, needed=" or ".join(sorted(needed)))]


def decided_again(
    state: AgreementState,
    fact: ConditionSettled
    | AgreementExtended
    | ForceMajeureDeclared
    | ForceMajeureEnded
    | AgreementTerminated,
    caller: Caller,
    expected_version: int,
    moment: Moment,
) -> Decision:
    """Decides again from the inputs of a side's fact. Raises Refusals, LookupError for a reason that no side
    can state."""
    named: dict[str, Any] = {
        "caller": caller,
        "agreement": fact.agreement,
        "expected_version": expected_version,
    }
    match fact:
        case ConditionSettled():
            met = SettleCondition(
                **named, condition=fact.condition, outcome=fact.outcome, on=fact.on, evidence=fact.evidence
            )
            return settle_condition(state, met, moment)
        case AgreementExtended():
            return extend(state, Extend(**named), moment)
        case ForceMajeureDeclared():
            declared = Suspend(**named, period=fact.period, reason=fact.reason, evidence=fact.evidence)
            return suspend(state, declared, moment)
        case ForceMajeureEnded():
            return resume(state, Resume(**named), moment)
        case AgreementTerminated():
            ended = Terminate(**named, reason=_reason(fact), note=fact.note, evidence=fact.evidence)
            return terminate(state, ended, moment)
        case _:
            assert_never(fact)


def _reason(fact: AgreementTerminated) -> TerminationReason:
    for reason in REASONS:
        if reason == fact.reason:
            return reason
    raise LookupError(f"no side ends an agreement for {fact.reason}")
