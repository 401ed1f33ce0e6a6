"""Who asks: an organisation, with the roles of the key it used."""

from uuid import UUID

from msgspec import Struct

from events.refusal import Refusal
from events.vocabulary import KeyRole
from market.rules.refusals import OrganisationUnknown, RoleMissing


class Caller(Struct, frozen=True, kw_only=True):
    """`operator` acts for the market as a whole; every other role reaches its own organisation only."""

    organisation: UUID
    roles: frozenset[KeyRole]
    key: UUID | None = None


def role_refusals(caller: Caller, *accepted: KeyRole) -> list[Refusal]:
    """Empty when the caller has one of the accepted roles."""
    if caller.roles.intersection(accepted):
        return []
    return [RoleMissing(role=" or ".join(accepted))]


def party_refusals(caller: Caller, organisation: UUID, *accepted: KeyRole) -> list[Refusal]:
    """Empty when the caller may act for it: an operator for any, the accepted roles for their own."""
    if "operator" in caller.roles:
        return []
    if caller.organisation != organisation:
        return [OrganisationUnknown()]
    return role_refusals(caller, *accepted)
