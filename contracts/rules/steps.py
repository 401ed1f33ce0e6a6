"""What all steps of an agreement share: checks of parties, roles, status and version, and how facts are
recorded."""

from uuid import UUID

from msgspec import Struct

from contracts.rules.agreement import ENDED, Agreement
from contracts.rules.refusals import AgreementEnded, AgreementUnknown, SideWrong
from events.callers import Caller, role_refusals
from events.decision import Decision
from events.envelope import Draft, Fact
from events.refusal import Refusal, VersionStale, refuse
from events.vocabulary import KeyRole, Side


class AgreementState(Struct, frozen=True, kw_only=True):
    """An agreement in its lane; None when there is none, or none for this match yet."""

    lane: int
    agreement: Agreement | None = None


def party(state: AgreementState, caller: Caller, *accepted: KeyRole) -> tuple[Agreement, Side]:
    """The agreement and the caller's side. Callers that are not a party get AgreementUnknown. `accepted`:
    further roles besides `trader`.

    Raises Refusals or AgreementUnknown.
    """
    refuse(role_refusals(caller, "trader", *accepted))
    side = None if state.agreement is None else state.agreement.side_of(caller.organisation)
    if state.agreement is None or side is None:
        raise AgreementUnknown
    return state.agreement, side


def party_or_operator(
    state: AgreementState, caller: Caller, *accepted: KeyRole
) -> tuple[Agreement, Side | None]:
    """The agreement, and the side; None for the operator. Raises Refusals or AgreementUnknown."""
    agreement = state.agreement
    if agreement is None or "operator" not in caller.roles or agreement.side_of(caller.organisation):
        return party(state, caller, *accepted)
    return agreement, None


def of_timer(state: AgreementState, caller: Caller) -> Agreement:
    """The agreement of a timer's command, which has the operator's role. Raises Refusals or
    AgreementUnknown."""
    refuse(role_refusals(caller, "operator"))
    if state.agreement is None:
        raise AgreementUnknown
    return state.agreement


def side_refusals(side: Side, needed: Side) -> list[Refusal]:
    return [] if side == needed else [SideWrong(side=needed)]


def step_refusals(agreement: Agreement, expected_version: int) -> list[Refusal]:
    """Refusals if the agreement takes no further steps, or its version has changed."""
    reasons: list[Refusal] = []
    if agreement.status in ENDED:
        reasons.append(AgreementEnded(status=agreement.status))
    if agreement.version != expected_version:
        reasons.append(VersionStale(expected=expected_version, current=agreement.version))
    return reasons


def decision(agreement: Agreement, *facts: Fact) -> Decision:
    return Decision(drafts=tuple(fact_draft(agreement.lane, agreement.agreement, fact) for fact in facts))


def fact_draft(lane: int, agreement: UUID, fact: Fact) -> Draft:
    return Draft(stream="contracts", lane=lane, subject=str(agreement), data=fact)
