"""Rows by which an operator takes companies in: each is the body of its POST, with what its path names."""

from typing import Any, Final

from events.callers import Caller
from events.decision import Request
from events.desk import Answer, Desk
from events.envelope import Recorded
from events.market_events import MemberAdmitted
from events.party_events import FacilityRegistered, OrganisationRegistered
from market.commands import members, parties
from market.http.parties.facilities import FacilityTerms
from market.http.parties.organisations import OrganisationTerms
from market.http.rounds.members import Admission
from market.http.wire import screening_warnings
from market.http.wire.ids import MarketId, OrganisationId, to_text, to_uuid
from market.http.wire.reads import Looking
from market.http.wire.receipts import Warned
from market.rules.parties.facilities import RegisterFacility
from market.rules.parties.parties import RegisterOrganisation

ORGANISATION: Final = "org_0199b3c2d4e57f60a1b2c3d4e5f60718"
MARKET: Final = "mkt_0199b3c2d4e57f60a1b2c3d4e5f60718"


class FacilityRow(FacilityTerms, frozen=True, kw_only=True):
    """A site, and whose it is."""

    organisation: OrganisationId


class MembershipRow(Admission, frozen=True, kw_only=True):
    """An organisation, and the market that admits it; `readmit` where it was suspended there, or has left."""

    market: MarketId
    readmit: bool = False


async def register(
    desk: Desk, caller: Caller, row: OrganisationTerms, *, request: Request | None, dry_run: bool
) -> Answer:
    argument = RegisterOrganisation(caller=caller, details=row.details(), organisation=desk.new_id())
    return await parties.register_organisation(desk, argument, request=request, dry_run=dry_run)


async def register_facility(
    desk: Desk, caller: Caller, row: FacilityRow, *, request: Request | None, dry_run: bool
) -> Answer:
    organisation = to_uuid(row.organisation)
    argument = RegisterFacility(caller=caller, organisation=organisation, details=row.details())
    return await parties.register_facility(desk, argument, request=request, dry_run=dry_run)


async def admit(
    desk: Desk, caller: Caller, row: MembershipRow, *, request: Request | None, dry_run: bool
) -> Answer:
    return await members.admit(
        desk,
        caller,
        market=to_uuid(row.market),
        organisation=to_uuid(row.organisation),
        readmits=row.readmit,
        request=request,
        dry_run=dry_run,
    )


def made_organisation(event: Recorded) -> str:
    assert isinstance(event.data, OrganisationRegistered)
    return to_text("org", event.data.organisation)


def made_facility(event: Recorded) -> str:
    assert isinstance(event.data, FacilityRegistered)
    return to_text("fac", event.data.facility)


def made_member(event: Recorded) -> str:
    assert isinstance(event.data, MemberAdmitted)
    return to_text("org", event.data.member.organisation)


async def warn_of_member(on: Looking, fact: Any) -> tuple[Warned, ...]:
    assert isinstance(fact, MemberAdmitted)
    return screening_warnings.of_member(fact.member, on.clock())


def no_subject(_caller: Caller, _row: OrganisationTerms) -> None:
    """Each is a new organisation."""
    return


def owner_of(_caller: Caller, row: FacilityRow) -> str:
    """Each market has one copy of an organisation with all its sites."""
    return row.organisation


def membership(_caller: Caller, row: MembershipRow) -> str:
    return f"{row.market}/{row.organisation}"
