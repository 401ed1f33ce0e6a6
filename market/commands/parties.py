"""Organisations, their facilities, certificates, licences and keys. A change is copied into each of their
markets."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.callers import Caller
from events.connections import Connection
from events.decision import Decision, LaneKey, Moment, Request
from events.desk import Answer, Desk, Operation, submit
from events.refusal import LaneBusy
from market.rules.parties import keys, papers
from market.rules.parties import parties as rules
from market.rules.parties.keys import IssueKey, RevokeKey
from market.rules.parties.papers import RegisterCertificate, RegisterLicence, RevokeCertificate, RevokeLicence
from market.rules.parties.parties import (
    CertificateDetails,
    ChangeFacility,
    ChangeOrganisation,
    FacilityDetails,
    KeyDetails,
    LicenceDetails,
    OrganisationDetails,
    OrganisationState,
    RegisterFacility,
    RegisterOrganisation,
    RevokeFacility,
)
from market.rules.streams import streams
from market.rules.streams.streams import CloseStream, OpenStream
from market.store import initiatives, members, party_reads

TRIES_MAX = 5


class OfOrganisation(Protocol):
    @property
    def caller(self) -> Caller: ...

    @property
    def organisation(self) -> UUID: ...


A = TypeVar("A", bound=OfOrganisation)
Naming = TypeVar("Naming", RegisterOrganisation, ChangeOrganisation)


class MembershipsMoved(Exception):
    """The organisation joined a market between the look at its memberships and the lock of their lanes."""


class Asked(Struct, Generic[A], frozen=True, kw_only=True):
    """`lanes` are those that the transaction holds."""

    lanes: frozenset[LaneKey]
    lane: int
    argument: A


async def load(
    connection: Connection, asked: Sequence[Asked[A]], moment: Moment
) -> Sequence[OrganisationState]:
    """Alone on its lanes, so one at a time."""
    del moment
    return [await party_reads.load_state(connection, a.lane, a.argument.organisation) for a in asked]


async def load_with_initiatives(
    connection: Connection, asked: Sequence[Asked[Naming]], moment: Moment
) -> Sequence[OrganisationState]:
    """Also which of the initiatives that are named stand; the transaction holds their lanes."""
    states = await load(connection, asked, moment)
    named = [a.argument.details.initiatives for a in asked]
    return [
        replace(state, initiatives=await initiatives.standing(connection, codes))
        for state, codes in zip(states, named, strict=True)
    ]


def of_organisation(
    name: str,
    decide: Callable[[OrganisationState, A, Moment], Decision],
    load: Callable[[Connection, Sequence[Asked[A]], Moment], Awaitable[Sequence[OrganisationState]]] = load,
) -> Operation[Asked[A], OrganisationState]:
    def decided(state: OrganisationState, asked: Asked[A], moment: Moment) -> Decision:
        if not asked.lanes.issuperset(LaneKey("market", m.lane) for m in state.memberships):
            raise MembershipsMoved
        return decide(state, asked.argument, moment)

    return Operation(name, load, decided)


REGISTER = of_organisation("organisation.register", rules.register_organisation, load_with_initiatives)
CHANGE = of_organisation("organisation.change", rules.change_organisation, load_with_initiatives)
REGISTER_FACILITY = of_organisation("facility.register", rules.register_facility)
CHANGE_FACILITY = of_organisation("facility.change", rules.change_facility)
REVOKE_FACILITY = of_organisation("facility.revoke", rules.revoke_facility)
REGISTER_CERTIFICATE = of_organisation("certificate.register", papers.register_certificate)
REVOKE_CERTIFICATE = of_organisation("certificate.revoke", papers.revoke_certificate)
REGISTER_LICENCE = of_organisation("licence.register", papers.register_licence)
REVOKE_LICENCE = of_organisation("licence.revoke", papers.revoke_licence)
ISSUE_KEY = of_organisation("api-key.issue", keys.issue_key)
REVOKE_KEY = of_organisation("api-key.revoke", keys.revoke_key)
OPEN_STREAM = of_organisation("stream.open", streams.open_stream)
CLOSE_STREAM = of_organisation("stream.close", streams.close_stream)


async def submit_for_party(
    desk: Desk,
    operation: Operation[Asked[A], OrganisationState],
    argument: A,
    *,
    request: Request | None,
    dry_run: bool,
    named: tuple[str, ...] = (),
) -> Answer:
    """The organisation's lane, those of its markets and those of initiatives that it names.

    Memberships are looked up again when it joins a market meanwhile.
    """
    own = desk.lane("parties", argument.organisation)
    read = [desk.lane("parties", code) for code in named]
    for _ in range(TRIES_MAX):
        async with desk.looking() as connection:
            markets = await members.markets_of(connection, argument.organisation)
        lanes = frozenset([own, *read, *(LaneKey("market", lane) for lane, _ in markets)])
        try:
            return await submit(
                desk,
                operation,
                Asked(lanes=lanes, lane=own.lane, argument=argument),
                caller=argument.caller,
                lanes=sorted(lanes),
                touches=None,
                request=request,
                dry_run=dry_run,
            )
        except MembershipsMoved:
            continue
    raise LaneBusy


async def register_organisation(
    desk: Desk,
    caller: Caller,
    *,
    details: OrganisationDetails,
    organisation: UUID | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """A new id unless one is given."""
    argument = RegisterOrganisation(
        caller=caller, organisation=organisation or desk.new_id(), details=details
    )
    return await submit_for_party(
        desk, REGISTER, argument, request=request, dry_run=dry_run, named=details.initiatives
    )


async def change_organisation(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    details: OrganisationDetails,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = ChangeOrganisation(
        caller=caller, organisation=organisation, expected_version=expected_version, details=details
    )
    return await submit_for_party(
        desk, CHANGE, argument, request=request, dry_run=dry_run, named=details.initiatives
    )


async def register_facility(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    details: FacilityDetails,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RegisterFacility(caller=caller, organisation=organisation, details=details)
    return await submit_for_party(desk, REGISTER_FACILITY, argument, request=request, dry_run=dry_run)


async def change_facility(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    facility: UUID,
    details: FacilityDetails,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = ChangeFacility(
        caller=caller,
        organisation=organisation,
        facility=facility,
        expected_version=expected_version,
        details=details,
    )
    return await submit_for_party(desk, CHANGE_FACILITY, argument, request=request, dry_run=dry_run)


async def revoke_facility(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    facility: UUID,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RevokeFacility(caller=caller, organisation=organisation, facility=facility)
    return await submit_for_party(desk, REVOKE_FACILITY, argument, request=request, dry_run=dry_run)


async def register_certificate(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    details: CertificateDetails,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RegisterCertificate(caller=caller, organisation=organisation, details=details)
    return await submit_for_party(desk, REGISTER_CERTIFICATE, argument, request=request, dry_run=dry_run)


async def revoke_certificate(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    certificate: UUID,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RevokeCertificate(caller=caller, organisation=organisation, certificate=certificate)
    return await submit_for_party(desk, REVOKE_CERTIFICATE, argument, request=request, dry_run=dry_run)


async def register_licence(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    details: LicenceDetails,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RegisterLicence(caller=caller, organisation=organisation, details=details)
    return await submit_for_party(desk, REGISTER_LICENCE, argument, request=request, dry_run=dry_run)


async def revoke_licence(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    licence: UUID,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RevokeLicence(caller=caller, organisation=organisation, licence=licence)
    return await submit_for_party(desk, REVOKE_LICENCE, argument, request=request, dry_run=dry_run)


async def issue_key(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    details: KeyDetails,
    key: UUID | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """The door makes the id, since it stands inside the secret text."""
    argument = IssueKey(caller=caller, organisation=organisation, key=key or desk.new_id(), details=details)
    return await submit_for_party(desk, ISSUE_KEY, argument, request=request, dry_run=dry_run)


async def revoke_key(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    key: UUID,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RevokeKey(caller=caller, organisation=organisation, key=key)
    return await submit_for_party(desk, REVOKE_KEY, argument, request=request, dry_run=dry_run)


async def open_stream(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = OpenStream(caller=caller, organisation=organisation)
    return await submit_for_party(desk, OPEN_STREAM, argument, request=request, dry_run=dry_run)


async def close_stream(
    desk: Desk,
    caller: Caller,
    *,
    organisation: UUID,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = CloseStream(caller=caller, organisation=organisation)
    return await submit_for_party(desk, CLOSE_STREAM, argument, request=request, dry_run=dry_run)
