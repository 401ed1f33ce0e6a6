"""Organisations, their facilities, certificates, licences, keys and streams."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from events.connections import Connection
from events.decision import Moment
from market.commands.party_steps import Asked, PartyStep, load_organisation
from market.rules.parties import keys, papers
from market.rules.parties import parties as rules
from market.rules.parties.parties import ChangeOrganisation, OrganisationState, RegisterOrganisation
from market.rules.streams import streams
from market.store import initiatives

Naming = TypeVar("Naming", RegisterOrganisation, ChangeOrganisation)


async def load_with_initiatives(
    connection: Connection, asked: Sequence[Asked[Naming]], moment: Moment
) -> Sequence[OrganisationState]:
    """Also which of the initiatives that are named stand; the transaction holds their lanes."""
    states = await load_organisation(connection, asked, moment)
    return [
        replace(state, initiatives=await initiatives.standing(connection, named_by(ask.argument)))
        for state, ask in zip(states, asked, strict=True)
    ]


def named_by(argument: Naming) -> Sequence[str]:
    return argument.details.initiatives


register_organisation = PartyStep(
    "organisation.register", rules.register_organisation, load_with_initiatives, named_by
)
change_organisation = PartyStep(
    "organisation.change", rules.change_organisation, load_with_initiatives, named_by
)
register_facility = PartyStep("facility.register", rules.register_facility)
change_facility = PartyStep("facility.change", rules.change_facility)
revoke_facility = PartyStep("facility.revoke", rules.revoke_facility)
register_certificate = PartyStep("certificate.register", papers.register_certificate)
revoke_certificate = PartyStep("certificate.revoke", papers.revoke_certificate)
register_licence = PartyStep("licence.register", papers.register_licence)
revoke_licence = PartyStep("licence.revoke", papers.revoke_licence)
issue_key = PartyStep("api-key.issue", keys.issue_key)
revoke_key = PartyStep("api-key.revoke", keys.revoke_key)
open_stream = PartyStep("stream.open", streams.open_stream)
close_stream = PartyStep("stream.close", streams.close_stream)
