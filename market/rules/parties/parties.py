"""Organisations: registered and changed, with all that belongs to them; a change is copied into each market
they trade in."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, replace

from events.callers import Caller, role_refusals
from events.capacity_terms import FacilityCapacity
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.market_events import MemberChanged
from events.market_terms import Member, MemberCertificate, MemberFacility, MemberLicence
from events.party_events import (
    OrganisationChanged,
    OrganisationRegistered,
    PostalAddress,
)
from events.refusal import NoChange, Refusal, VersionStale, refuse
from events.vocabulary import (
    FACILITY_STAGES_MAX,
    FacilityScale,
    FacilityStage,
    FacilityStatus,
    Instant,
    KeyRole,
    PartyRole,
    RexRoute,
    WasteStatus,
)
from events.wellformed import duplicate_refusals, malformed
from market.rules.orders.initiatives import Initiative, initiative_refusals
from market.rules.parties.licence_kinds import counts_as
from market.rules.parties.openings import Openings
from market.rules.refusing.defects import GroupNotUltimate
from market.rules.refusing.party_refusals import (
    EntriesMax,
    OrganisationExists,
    OrganisationIsClosed,
    OrganisationUnknown,
)
from market.rules.refusing.wording import Code, CountryCode, Sha256Hex, Text
from market.rules.webhook_terms import Webhook

FOLLOWERS_MAX = 50


class OrganisationDetails(Struct, frozen=True, kw_only=True):
    """`group` is the ultimate parent; None for an organisation that is its own."""

    name: Text
    country: CountryCode
    roles: Annotated[tuple[PartyRole, ...], Meta(max_length=8)]
    group: UUID | None = None
    initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    sanctions_screened_until: Instant
    postal_address: PostalAddress | UnsetType = UNSET
    electronic_contact: Text | UnsetType = UNSET
    register_number: Text | UnsetType = UNSET


class FacilityDetails(Struct, frozen=True, kw_only=True):
    name: Text
    country: CountryCode
    place: Text
    stages: Annotated[tuple[FacilityStage, ...], Meta(min_length=1, max_length=FACILITY_STAGES_MAX)]
    scale: FacilityScale
    readiness_level: Annotated[int, Meta(ge=1, le=9)]
    capacities: Annotated[tuple[FacilityCapacity, ...], Meta(max_length=32)] = ()
    strategic_project: Code | None = None
    status: FacilityStatus | None = None


class CertificateDetails(Struct, frozen=True, kw_only=True):
    facility: UUID
    scheme: Code
    reference: Text
    valid_from: Instant
    valid_until: Instant


class LicenceDetails(Struct, frozen=True, kw_only=True):
    facility: UUID
    kind: Code
    waste_statuses: Annotated[tuple[WasteStatus, ...], Meta(min_length=1, max_length=4)]
    ewc_codes: Annotated[tuple[Code, ...], Meta(max_length=64)] = ()
    from_countries: Annotated[tuple[CountryCode, ...], Meta(max_length=64)] = ()
    routes: Annotated[tuple[RexRoute, ...], Meta(min_length=1, max_length=4)] | UnsetType = UNSET
    reference: Text
    valid_from: Instant
    valid_until: Instant


class KeyDetails(Struct, frozen=True, kw_only=True):
    """`issued_by` as the event has it: issuing a key puts it in."""

    label: Text
    secret_sha256: Sha256Hex
    roles: Annotated[tuple[KeyRole, ...], Meta(min_length=1, max_length=6)]
    expires_at: Instant
    issued_by: UUID | UnsetType = UNSET


class Organisation(Struct, frozen=True, kw_only=True):
    organisation: UUID
    name: str
    country: str
    roles: tuple[PartyRole, ...]
    group: UUID
    initiatives: tuple[str, ...]
    sanctions_screened_until: Instant
    postal_address: PostalAddress | UnsetType = UNSET
    electronic_contact: str | UnsetType = UNSET
    register_number: str | UnsetType = UNSET
    version: int
    closing_asked_at: Instant | None = None
    closed_at: Instant | None = None


class Facility(Struct, frozen=True, kw_only=True):
    organisation: UUID
    facility: UUID
    details: FacilityDetails
    version: int
    revoked: bool = False


class Certificate(Struct, frozen=True, kw_only=True):
    organisation: UUID
    certificate: UUID
    details: CertificateDetails
    version: int
    revoked: bool = False


class Licence(Struct, frozen=True, kw_only=True):
    organisation: UUID
    licence: UUID
    details: LicenceDetails
    version: int
    revoked: bool = False


class ApiKey(Struct, frozen=True, kw_only=True):
    organisation: UUID
    key: UUID
    details: KeyDetails
    version: int
    revoked: bool = False


class Membership(Struct, frozen=True, kw_only=True):
    """A market that holds a copy of the organisation, suspended members included."""

    market: UUID
    lane: int


class OrganisationState(Struct, frozen=True, kw_only=True):
    """All data of one organisation, including revoked papers; `position` is that of its newest event in the
    parties lane, 0 before any.

    `organisation` None: not registered. `lane` is its parties lane. `streaming`: its partner topic is on.
    `initiatives`: the named ones that exist and are not revoked. `parent_group`: the group of the
    organisation that it names as its group; None if it names none, or it does not exist. `followers`:
    organisations, by id, that have this one as group, read when the command changes its group. `openings`:
    read to close it. `initiative`: read for a command about it and this organisation; `invited_by`: who
    invited this one.
    """

    lane: int
    position: int
    organisation: Organisation | None
    facilities: tuple[Facility, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    licences: tuple[Licence, ...] = ()
    keys: tuple[ApiKey, ...] = ()
    memberships: tuple[Membership, ...] = ()
    streaming: bool = False
    webhooks: tuple[Webhook, ...] = ()
    initiatives: frozenset[str] = frozenset()
    parent_group: UUID | None = None
    followers: tuple["OrganisationState", ...] = ()
    initiative: Initiative | None = None
    invited_by: UUID | None = None
    openings: Openings = Openings()


class RegisterOrganisation(Struct, frozen=True, kw_only=True):
    """The id is an argument because it names the lane."""

    caller: Caller
    organisation: UUID
    details: OrganisationDetails


class ChangeOrganisation(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    expected_version: int
    details: OrganisationDetails


def register_organisation(
    state: OrganisationState, argument: RegisterOrganisation, moment: Moment
) -> Decision:
    """Raises Refusals."""
    del moment
    reasons = role_refusals(argument.caller, "operator") + _organisation_refusals(state, argument.details)
    if state.organisation is not None:
        reasons.append(OrganisationExists())
    refuse(reasons)
    details = asdict(argument.details) | {"group": argument.details.group or argument.organisation}
    fact = OrganisationRegistered(organisation=argument.organisation, **details)
    return Decision(drafts=(party_draft(state, argument.organisation, fact),))


def change_organisation(state: OrganisationState, argument: ChangeOrganisation, moment: Moment) -> Decision:
    """Replaces the details; organisations that have this one as group get its new group too. Raises
    Refusals."""
    del moment
    refuse(role_refusals(argument.caller, "operator"))
    organisation = registered(state)
    refuse(version_refusals(organisation.version, argument.expected_version))
    details = replace(argument.details, group=argument.details.group or argument.organisation)
    changed = replace(organisation, version=organisation.version + 1, **asdict(details))
    reasons = _organisation_refusals(state, details)
    if changed == replace(organisation, version=changed.version):
        reasons.append(NoChange())
    if len(state.followers) > FOLLOWERS_MAX:
        reasons.append(EntriesMax(kind="organisations that name it as group", most=FOLLOWERS_MAX))
    refuse(reasons)
    own = with_details(state, details)
    along = [
        draft
        for follower in state.followers
        for draft in with_details(
            follower, replace(details_of(registered(follower)), group=changed.group)
        ).drafts
    ]
    return Decision(drafts=(*own.drafts, *along))


def with_details(state: OrganisationState, details: OrganisationDetails) -> Decision:
    """The organisation's change, and what follows in its markets."""
    before = registered(state)
    after = replace(before, version=before.version + 1, **asdict(details))
    fact = OrganisationChanged(organisation=before.organisation, **asdict(details))
    return decision(state, replace(state, organisation=after), fact)


def details_of(organisation: Organisation) -> OrganisationDetails:
    return OrganisationDetails(
        **{name: getattr(organisation, name) for name in OrganisationDetails.__struct_fields__}
    )


def _organisation_refusals(state: OrganisationState, details: OrganisationDetails) -> list[Refusal]:
    reasons = malformed(details) + duplicate_refusals("/roles", details.roles)
    reasons += duplicate_refusals("/initiatives", details.initiatives)
    named, ultimate = details.group, state.parent_group
    if named is not None and ultimate is not None and named != ultimate:
        reasons.append(
            GroupNotUltimate(pointer="/group", parent=f"org_{named.hex}", ultimate=f"org_{ultimate.hex}")
        )
    return reasons + initiative_refusals(details.initiatives, state.initiatives)


def registered(state: OrganisationState) -> Organisation:
    """The organisation, if it is registered and not closed.

    Raises OrganisationUnknown or OrganisationIsClosed.
    """
    if state.organisation is None:
        raise OrganisationUnknown
    if state.organisation.closed_at is not None:
        raise OrganisationIsClosed
    return state.organisation


def version_refusals(current: int, expected: int) -> list[Refusal]:
    return [] if current == expected else [VersionStale(expected=expected, current=current)]


def party_draft(state: OrganisationState, organisation: UUID, fact: Fact) -> Draft:
    return Draft(stream="parties", lane=state.lane, subject=str(organisation), data=fact)


def decision(before: OrganisationState, after: OrganisationState, fact: Fact) -> Decision:
    """The party's own fact, and the new copy for each of its markets if the copy changes, or may still
    contain a revoked licence; markets in ascending order."""
    organisation = registered(after).organisation
    own = party_draft(before, organisation, fact)
    if (member_copy(before), _live_licences(before)) == (member_copy(after), _live_licences(after)):
        return Decision(drafts=(own,))
    member = member_copy(after)
    copies = tuple(
        Draft(
            stream="market",
            lane=membership.lane,
            subject=str(organisation),
            data=MemberChanged(market=membership.market, member=member),
        )
        for membership in sorted(before.memberships, key=lambda found: (found.lane, found.market.bytes))
    )
    return Decision(drafts=(own, *copies))


def _live_licences(state: OrganisationState) -> tuple[Licence, ...]:
    return tuple(paper for paper in state.licences if not paper.revoked)


def member_copy(state: OrganisationState) -> Member:
    """What a market's lane keeps of an organisation: its own figures, live sites, and live papers that
    rounds ask for. Rounds read the copy of their time, so papers of other kinds leave with the next."""
    organisation = registered(state)
    return Member(
        organisation=organisation.organisation,
        name=organisation.name,
        country=organisation.country,
        roles=organisation.roles,
        group=organisation.group,
        initiatives=organisation.initiatives,
        sanctions_screened_until=organisation.sanctions_screened_until,
        facilities=tuple(
            MemberFacility(
                facility=facility.facility,
                country=facility.details.country,
                stages=facility.details.stages,
                scale=facility.details.scale,
                strategic_project=facility.details.strategic_project is not None,
                capacities=facility.details.capacities,
            )
            for facility in state.facilities
            if not facility.revoked
        ),
        certificates=tuple(
            MemberCertificate(
                certificate=paper.certificate,
                facility=paper.details.facility,
                scheme=paper.details.scheme,
                valid_from=paper.details.valid_from,
                valid_until=paper.details.valid_until,
            )
            for paper in state.certificates
            if not paper.revoked
        ),
        licences=tuple(
            MemberLicence(
                licence=paper.licence,
                facility=paper.details.facility,
                kind=paper.details.kind,
                waste_statuses=paper.details.waste_statuses,
                ewc_codes=paper.details.ewc_codes,
                from_countries=paper.details.from_countries,
                routes=paper.details.routes,
                valid_from=paper.details.valid_from,
                valid_until=paper.details.valid_until,
            )
            for paper in _live_licences(state)
            if counts_as(paper.details.kind) != "nothing"
        ),
        source_position=state.position,
    )
