"""Partners of an initiative: invited and removed by its coordinator or an operator; they accept and leave
themselves. An organisation's details contain its initiatives."""

from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.party_events import InvitationEnded, InvitationOutcome, PartnerInvited
from events.refusal import refuse
from market.rules.orders.initiatives import Initiative
from market.rules.parties.parties import (
    Organisation,
    OrganisationState,
    details_of,
    party_draft,
    registered,
    with_details,
)
from market.rules.refusing.party_refusals import (
    AlreadyPartner,
    EntriesMax,
    InitiativeAbsent,
    InvitationUnknown,
    InvitedBefore,
    NotAPartner,
    OrganisationUnknown,
)

INITIATIVES_MAX = 32


class InvitePartner(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    initiative: str


class WithdrawInvitation(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    initiative: str


class AnswerInvitation(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    initiative: str
    accepted: bool


class LeaveInitiative(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    initiative: str


class RemovePartner(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    initiative: str


def coordinates(caller: Caller, initiative: Initiative) -> bool:
    """Whether the caller's organisation coordinates it; others do not see its partners."""
    return initiative.details.coordinated_by == caller.organisation


def invite(state: OrganisationState, argument: InvitePartner, moment: Moment) -> Decision:
    """Invites an organisation, which can then accept. Raises Refusals."""
    del moment
    _led(state, argument.caller)
    organisation = registered(state)
    if argument.initiative in organisation.initiatives:
        raise AlreadyPartner(initiative=argument.initiative)
    if state.invited_by is not None:
        raise InvitedBefore(initiative=argument.initiative)
    fact = PartnerInvited(
        organisation=argument.organisation,
        initiative=argument.initiative,
        invited_by=argument.caller.organisation,
    )
    return Decision(drafts=(party_draft(state, argument.organisation, fact),))


def withdraw(state: OrganisationState, argument: WithdrawInvitation, moment: Moment) -> Decision:
    """Withdraws an invitation, whoever made it. Raises Refusals."""
    del moment
    _led(state, argument.caller)
    return _ended(state, argument.initiative, "withdrawn")


def answer(state: OrganisationState, argument: AnswerInvitation, moment: Moment) -> Decision:
    """Answers an invitation; not even an operator may answer for another organisation. Raises Refusals."""
    del moment
    organisation = _own(state, argument)
    ended = _ended(state, argument.initiative, "accepted" if argument.accepted else "declined")
    if not argument.accepted:
        return ended
    _standing(state)
    if len(organisation.initiatives) >= INITIATIVES_MAX:
        raise EntriesMax(kind="initiatives", most=INITIATIVES_MAX)
    joined = _named(state, (*organisation.initiatives, argument.initiative))
    return Decision(drafts=(*ended.drafts, *joined.drafts))


def leave(state: OrganisationState, argument: LeaveInitiative, moment: Moment) -> Decision:
    """Leaves an initiative, also a revoked one; orders visible to the initiative stay visible to it. Raises
    Refusals."""
    del moment
    _own(state, argument)
    return _without(state, argument.initiative)


def remove(state: OrganisationState, argument: RemovePartner, moment: Moment) -> Decision:
    """Removes a partner, by whoever may invite. Raises Refusals."""
    del moment
    _led(state, argument.caller)
    return _without(state, argument.initiative)


def _led(state: OrganisationState, caller: Caller) -> None:
    """The initiative; unknown for callers that neither coordinate it nor are operators. Raises Refusals."""
    initiative = _standing(state)
    if "operator" in caller.roles:
        return
    if not coordinates(caller, initiative):
        raise InitiativeAbsent
    refuse(role_refusals(caller, "admin", "compliance"))


def _standing(state: OrganisationState) -> Initiative:
    if state.initiative is None or state.initiative.revoked:
        raise InitiativeAbsent
    return state.initiative


def _own(state: OrganisationState, argument: AnswerInvitation | LeaveInitiative) -> Organisation:
    if argument.caller.organisation != argument.organisation:
        raise OrganisationUnknown
    refuse(role_refusals(argument.caller, "admin"))
    return registered(state)


def _ended(state: OrganisationState, initiative: str, outcome: InvitationOutcome) -> Decision:
    organisation = registered(state).organisation
    if state.invited_by is None:
        raise InvitationUnknown(initiative=initiative)
    fact = InvitationEnded(
        organisation=organisation, initiative=initiative, invited_by=state.invited_by, outcome=outcome
    )
    return Decision(drafts=(party_draft(state, organisation, fact),))


def _without(state: OrganisationState, initiative: str) -> Decision:
    named = registered(state).initiatives
    if initiative not in named:
        raise NotAPartner(initiative=initiative)
    return _named(state, tuple(code for code in named if code != initiative))


def _named(state: OrganisationState, initiatives: tuple[str, ...]) -> Decision:
    return with_details(state, replace(details_of(registered(state)), initiatives=initiatives))
