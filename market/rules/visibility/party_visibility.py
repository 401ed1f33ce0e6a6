"""What a viewer may see of a fact of the parties stream, as `visibility` of markets."""

from typing import assert_never
from uuid import UUID

from msgspec import Struct

from events.envelope import Recorded
from events.facts import PartyFact
from events.party_events import ApiKeyIssued
from events.vocabulary import Instant, KeyRole, Text
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
)
from market.rules.visibility.audience import concerns, party_audience


class KeyIssued(Struct, frozen=True, kw_only=True):
    """An issued API key without the hash of its secret."""

    organisation: UUID
    key: UUID
    label: Text
    roles: tuple[KeyRole, ...]
    expires_at: Instant


def see_party(event: Recorded, viewer: Viewer) -> Struct | None:
    """An organisation sees its own register entries and those of initiatives, operators everybody's, the
    public none. Only auditors see the hash of a key's secret."""
    fact: PartyFact = event.data  # type: ignore[assignment]
    shown: Struct = fact
    if isinstance(fact, ApiKeyIssued) and not isinstance(viewer, AuditorViewer):
        shown = KeyIssued(
            organisation=fact.organisation,
            key=fact.key,
            label=fact.label,
            roles=fact.roles,
            expires_at=fact.expires_at,
        )
    match viewer:
        case AuditorViewer() | OperatorViewer():
            return shown
        case OrganisationViewer():
            return shown if concerns(party_audience(fact), viewer.organisation) else None
        case PublicViewer() | InitiativeViewer():
            return None
        case _:
            assert_never(viewer)
