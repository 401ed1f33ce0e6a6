"""The caller of a command: an organisation, with the roles of the key it used."""

from typing import Protocol
from uuid import UUID

from msgspec import Struct

from events.refusal import Refusal, RoleMissing
from events.vocabulary import KeyRole


class Caller(Struct, frozen=True, kw_only=True):
    """`operator` acts for the market as a whole; all other roles give access to the own organisation only."""

    organisation: UUID
    roles: frozenset[KeyRole]
    key: UUID | None = None


class OfCaller(Protocol):
    """What somebody asks."""

    @property
    def caller(self) -> Caller: ...


def role_refusals(caller: Caller, *accepted: KeyRole) -> list[Refusal]:
    """Empty when the caller has one of the accepted roles."""
    if caller.roles.intersection(accepted):
        return []
    return [RoleMissing(role=" or ".join(accepted))]
