"""Closing an organisation: its admin requests it, an operator of another organisation closes it, and nothing
of it may be open then."""

from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.party_events import (
    ApiKeyRevoked,
    ClosingAsked,
    ClosingWithdrawn,
    OrganisationClosed,
    StreamClosed,
    WebhookRemoved,
)
from events.refusal import refuse
from market.rules.parties.leaving import left
from market.rules.parties.openings import openings_refusals
from market.rules.parties.parties import Organisation, OrganisationState, party_draft, registered
from market.rules.refusing.party_refusals import (
    ClosedByItself,
    ClosingAskedBefore,
    ClosingNotAsked,
    OrganisationUnknown,
)


class AskClosing(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID


class WithdrawClosing(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID


class CloseOrganisation(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID


def ask(state: OrganisationState, argument: AskClosing, moment: Moment) -> Decision:
    """Requests the closing, which only allows an operator to close. Raises Refusals."""
    del moment
    if _own(state, argument).closing_asked_at is not None:
        raise ClosingAskedBefore
    fact = ClosingAsked(organisation=argument.organisation)
    return Decision(drafts=(party_draft(state, argument.organisation, fact),))


def withdraw(state: OrganisationState, argument: WithdrawClosing, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    if _own(state, argument).closing_asked_at is None:
        raise ClosingNotAsked
    fact = ClosingWithdrawn(organisation=argument.organisation)
    return Decision(drafts=(party_draft(state, argument.organisation, fact),))


def _own(state: OrganisationState, argument: AskClosing | WithdrawClosing) -> Organisation:
    """Checks that the caller acts for its own organisation; not even an operator may request it for another.
    Raises Refusals."""
    if argument.caller.organisation != argument.organisation:
        raise OrganisationUnknown
    refuse(role_refusals(argument.caller, "admin"))
    return registered(state)


def close(state: OrganisationState, argument: CloseOrganisation, moment: Moment) -> Decision:
    """Ends keys, webhooks and stream, then the remaining memberships, then the organisation. Raises Refusals.

    `state.openings` is read under the locks of all lanes in which something of it could open.
    """
    del moment
    refuse(role_refusals(argument.caller, "operator"))
    organisation = registered(state)
    reasons = openings_refusals(state.openings)
    if argument.caller.organisation == argument.organisation:
        reasons.append(ClosedByItself())
    if organisation.closing_asked_at is None:
        reasons.append(ClosingNotAsked())
    refuse(reasons)
    own = argument.organisation
    facts = [
        *(ApiKeyRevoked(organisation=own, key=key.key) for key in state.keys if not key.revoked),
        *(
            WebhookRemoved(organisation=own, webhook=each.webhook)
            for each in state.webhooks
            if not each.removed
        ),
        *((StreamClosed(organisation=own),) if state.streaming else ()),
    ]
    memberships = sorted(state.openings.markets, key=lambda found: (found.lane, found.market.bytes))
    return Decision(
        drafts=(
            *(party_draft(state, own, fact) for fact in facts),
            *(left(each, own) for each in memberships if not each.has_left),
            party_draft(state, own, OrganisationClosed(organisation=own)),
        )
    )
