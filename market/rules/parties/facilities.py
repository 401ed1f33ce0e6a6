"""Facilities of an organisation: register, change, revoke."""

from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict, replace

from events.callers import Caller
from events.decision import Decision, Moment
from events.party_events import (
    FacilityChanged,
    FacilityRegistered,
    FacilityRevoked,
)
from events.refusal import NoChange, Refusal, refuse
from events.wellformed import duplicate_refusals, malformed
from market.rules.callers import party_refusals
from market.rules.parties.parties import (
    Facility,
    FacilityDetails,
    OrganisationState,
    decision,
    member_copy,
    registered,
    version_refusals,
)
from market.rules.refusing.party_refusals import EntriesMax, FacilityInUse, FacilityUnknown
from market.rules.twins.capacities import capacity_refusals

FACILITIES_MAX = 200


class RegisterFacility(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    details: FacilityDetails


class ChangeFacility(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    facility: UUID
    expected_version: int
    details: FacilityDetails


class RevokeFacility(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    facility: UUID


def register_facility(state: OrganisationState, argument: RegisterFacility, moment: Moment) -> Decision:
    """Raises Refusals."""
    refuse(party_refusals(argument.caller, argument.organisation, "admin", "compliance"))
    registered(state)
    live = [facility for facility in state.facilities if not facility.revoked]
    reasons = _facility_refusals(argument.details)
    if len(live) >= FACILITIES_MAX:
        reasons.append(EntriesMax(kind="facilities", most=FACILITIES_MAX))
    refuse(reasons)
    facility = Facility(
        organisation=argument.organisation, facility=moment.new_id(), details=argument.details, version=1
    )
    fact = FacilityRegistered(
        organisation=argument.organisation, facility=facility.facility, **asdict(argument.details)
    )
    return decision(state, replace(state, facilities=(*state.facilities, facility)), fact)


def change_facility(state: OrganisationState, argument: ChangeFacility, moment: Moment) -> Decision:
    """Replaces the details. Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin", "compliance"))
    facility = live_facility(state, argument.facility)
    refuse(version_refusals(facility.version, argument.expected_version))
    reasons = _facility_refusals(argument.details)
    if argument.details == facility.details:
        reasons.append(NoChange())
    refuse(reasons)
    fact = FacilityChanged(
        organisation=argument.organisation, facility=argument.facility, **asdict(argument.details)
    )
    changed = replace(facility, details=argument.details, version=facility.version + 1)
    return decision(state, _with_facility(state, changed), fact)


def revoke_facility(state: OrganisationState, argument: RevokeFacility, moment: Moment) -> Decision:
    """Revokes a facility, after its certificates and licences were revoked. Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin", "compliance"))
    facility = live_facility(state, argument.facility)
    certified = any(paper.facility == facility.facility for paper in member_copy(state).certificates)
    if certified or any(paper.facility == facility.facility for paper in member_copy(state).licences):
        raise FacilityInUse
    fact = FacilityRevoked(organisation=argument.organisation, facility=argument.facility)
    revoked = replace(facility, revoked=True, version=facility.version + 1)
    return decision(state, _with_facility(state, revoked), fact)


def _facility_refusals(details: FacilityDetails) -> list[Refusal]:
    unreadable = malformed(details)
    reasons = unreadable + duplicate_refusals("/stages", details.stages)
    return reasons if unreadable else reasons + capacity_refusals(details.capacities, details.status)


def _with_facility(state: OrganisationState, changed: Facility) -> OrganisationState:
    facilities = tuple(
        changed if facility.facility == changed.facility else facility for facility in state.facilities
    )
    return replace(state, facilities=facilities)


def live_facility(state: OrganisationState, facility: UUID) -> Facility:
    """Raises FacilityUnknown."""
    registered(state)
    for found in state.facilities:
        if found.facility == facility and not found.revoked:
            return found
    raise FacilityUnknown
