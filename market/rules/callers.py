"""For which organisations a caller may act."""

from uuid import UUID

from events.callers import Caller, role_refusals
from events.refusal import Refusal
from events.vocabulary import KeyRole
from market.rules.refusing.party_refusals import OrganisationUnknown


def party_refusals(caller: Caller, organisation: UUID, *accepted: KeyRole) -> list[Refusal]:
    """Empty when the caller may act for the organisation: an operator for any, the accepted roles for their
    own."""
    if "operator" in caller.roles:
        return []
    if caller.organisation != organisation:
        return [OrganisationUnknown()]
    return role_refusals(caller, *accepted)
