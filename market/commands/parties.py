"""Organisations, their facilities, certificates, licences, keys and streams."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from msgspec.structs import replace

from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from market.commands import openings
from market.commands.party_steps import Asked, PartyStep, load_organisation
from market.rules.parties import closings, facilities, keys, papers
from market.rules.parties import parties as rules
from market.rules.parties.closings import CloseOrganisation
from market.rules.parties.parties import (
    FOLLOWERS_MAX,
    ChangeOrganisation,
    OrganisationState,
    RegisterOrganisation,
)
from market.rules.streams import streams
from market.store import initiatives, party_reads

Naming = TypeVar("Naming", RegisterOrganisation, ChangeOrganisation)


async def load_with_named(
    connection: Connection, asked: Sequence[Asked[Naming]], moment: Moment
) -> Sequence[OrganisationState]:
    """Also reads which named initiatives are valid, the named parent's group, and the followers; all their
    lanes are locked."""
    states = await load_organisation(connection, asked, moment)
    return [
        replace(
            state,
            initiatives=await initiatives.standing(connection, ask.argument.details.initiatives),
            parent_group=await _parent_group(connection, ask.argument),
            followers=tuple(
                [
                    await party_reads.load_state(connection, lane, follower)
                    for lane, follower in await followers_of(connection, ask.argument)
                ]
            ),
        )
        for state, ask in zip(states, asked, strict=True)
    ]


async def _parent_group(
    connection: Connection, argument: RegisterOrganisation | ChangeOrganisation
) -> UUID | None:
    parent = _parent(argument)
    if parent is None:
        return None
    row = await party_reads.load_organisation(connection, parent)
    return None if row is None else row.group


def named_by(argument: RegisterOrganisation | ChangeOrganisation) -> Sequence[UUID | str]:
    parent = _parent(argument)
    return [*argument.details.initiatives, *([] if parent is None else [parent])]


def _parent(argument: RegisterOrganisation | ChangeOrganisation) -> UUID | None:
    """The group, where that is another organisation."""
    group = argument.details.group
    return None if group == argument.organisation else group


async def followers_of(
    connection: Connection, argument: RegisterOrganisation | ChangeOrganisation
) -> Sequence[tuple[int, UUID]]:
    """Organisations that have this one as group, if it gets another group."""
    if _parent(argument) is None:
        return ()
    return await party_reads.followers(connection, argument.organisation, limit=FOLLOWERS_MAX + 1)


async def load_with_openings(
    connection: Connection, asked: Sequence[Asked[CloseOrganisation]], moment: Moment
) -> Sequence[OrganisationState]:
    """Also reads everything that is open."""
    states = await load_organisation(connection, asked, moment)
    return [
        replace(state, openings=await openings.load(connection, ask.argument.organisation))
        for state, ask in zip(states, asked, strict=True)
    ]


def where_it_may_open(desk: Desk, markets: Sequence[LaneKey]) -> Sequence[LaneKey]:
    """Lanes of its markets' agreements, and of all lots and policies, since anybody may transfer a lot to
    it."""
    return [
        *(LaneKey("contracts", market.lane) for market in markets),
        *(LaneKey(stream, lane) for stream in ("materials", "parties") for lane in range(desk.lanes)),
    ]


register_organisation = PartyStep(
    "organisation.register", rules.register_organisation, load_with_named, named_by
)
ask_closing = PartyStep("organisation.ask-closing", closings.ask)
withdraw_closing = PartyStep("organisation.withdraw-closing", closings.withdraw)
close_organisation = PartyStep(
    "organisation.close", closings.close, load_with_openings, beside=where_it_may_open
)
change_organisation = PartyStep(
    "organisation.change", rules.change_organisation, load_with_named, named_by, followers_of
)
register_facility = PartyStep("facility.register", facilities.register_facility)
change_facility = PartyStep("facility.change", facilities.change_facility)
revoke_facility = PartyStep("facility.revoke", facilities.revoke_facility)
register_certificate = PartyStep("certificate.register", papers.register_certificate)
revoke_certificate = PartyStep("certificate.revoke", papers.revoke_certificate)
register_licence = PartyStep("licence.register", papers.register_licence)
revoke_licence = PartyStep("licence.revoke", papers.revoke_licence)
issue_key = PartyStep("api-key.issue", keys.issue_key)
revoke_key = PartyStep("api-key.revoke", keys.revoke_key)
open_stream = PartyStep("stream.open", streams.open_stream)
close_stream = PartyStep("stream.close", streams.close_stream)
