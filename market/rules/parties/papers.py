"""Certificates and licences of an organisation's sites: register and revoke."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict, replace

from events.callers import Caller
from events.decision import Decision, Moment
from events.party_events import (
    CertificateRegistered,
    CertificateRevoked,
    LicenceRegistered,
    LicenceRevoked,
)
from events.refusal import Caution, Refusal, refuse
from events.wellformed import duplicate_refusals, malformed
from market.rules.callers import party_refusals
from market.rules.clearing.delivery_papers import SHIPMENT_CONSENT
from market.rules.orders.supplies import is_ewc_code
from market.rules.parties.licence_kinds import counts_as, kind_refusals
from market.rules.parties.parties import (
    Certificate,
    CertificateDetails,
    Licence,
    LicenceDetails,
    OrganisationState,
    decision,
    registered,
)
from market.rules.refusing.defects import ConsentCountriesMissing, FacilityNotOwned, WindowEmpty
from market.rules.refusing.material_defects import EwcCodeMalformed
from market.rules.refusing.party_refusals import CertificateUnknown, EntriesMax, ExpiryPast, LicenceUnknown

PAPERS_MAX = 400


class RegisterCertificate(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    details: CertificateDetails


class RevokeCertificate(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    certificate: UUID


class RegisterLicence(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    details: LicenceDetails


class RevokeLicence(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    licence: UUID


def register_certificate(state: OrganisationState, argument: RegisterCertificate, moment: Moment) -> Decision:
    """Raises Refusals."""
    refuse(party_refusals(argument.caller, argument.organisation, "admin", "compliance"))
    registered(state)
    details = argument.details
    live = sum(not paper.revoked for paper in state.certificates)
    reasons = malformed(details) or _paper_refusals(state, details, moment.now)
    refuse(reasons + _count_refusals(live, "certificates"))
    certificate = Certificate(
        organisation=argument.organisation, certificate=moment.new_id(), details=details, version=1
    )
    fact = CertificateRegistered(
        organisation=argument.organisation, certificate=certificate.certificate, **asdict(details)
    )
    return decision(state, replace(state, certificates=(*state.certificates, certificate)), fact)


def revoke_certificate(state: OrganisationState, argument: RevokeCertificate, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin", "compliance"))
    registered(state)
    kept = tuple(
        paper for paper in state.certificates if paper.certificate != argument.certificate or paper.revoked
    )
    if len(kept) == len(state.certificates):
        raise CertificateUnknown
    fact = CertificateRevoked(organisation=argument.organisation, certificate=argument.certificate)
    return decision(state, replace(state, certificates=kept), fact)


def register_licence(state: OrganisationState, argument: RegisterLicence, moment: Moment) -> Decision:
    """Raises Refusals."""
    refuse(party_refusals(argument.caller, argument.organisation, "admin", "compliance"))
    registered(state)
    details = argument.details
    live = sum(not paper.revoked for paper in state.licences)
    reasons = malformed(details) or [
        *kind_refusals(details.kind),
        *_paper_refusals(state, details, moment.now),
        *_waste_refusals(details),
    ]
    refuse(reasons + _count_refusals(live, "licences"))
    licence = Licence(organisation=argument.organisation, licence=moment.new_id(), details=details, version=1)
    fact = LicenceRegistered(organisation=argument.organisation, licence=licence.licence, **asdict(details))
    return decision(state, replace(state, licences=(*state.licences, licence)), fact)


def revoke_licence(state: OrganisationState, argument: RevokeLicence, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin", "compliance"))
    registered(state)
    kept = tuple(paper for paper in state.licences if paper.licence != argument.licence or paper.revoked)
    if len(kept) == len(state.licences):
        raise LicenceUnknown
    fact = LicenceRevoked(organisation=argument.organisation, licence=argument.licence)
    return decision(state, replace(state, licences=kept), fact)


def licence_cautions(kind: str, ewc_codes: tuple[str, ...]) -> Iterator[Caution]:
    """Pointers are into the paper."""
    counts = counts_as(kind)
    if counts == "nothing":
        yield Caution(
            code="licence_opens_nothing",
            text=f"A document of kind {kind} is stored and shown, but allows no waste: rounds check the "
            "site that takes it for waste_treatment and, across a border, for shipment_consent.",
            pointer="/kind",
        )
    elif not ewc_codes:
        yield Caution(
            code="licence_of_all_codes",
            text="No code is named, so it counts for all codes of the list of waste, also hazardous ones.",
            pointer="/ewc_codes",
        )


def _paper_refusals(
    state: OrganisationState, details: CertificateDetails | LicenceDetails, now: datetime
) -> list[Refusal]:
    """A live site of the organisation, and a validity that is neither empty nor over."""
    reasons: list[Refusal] = []
    if all(site.facility != details.facility or site.revoked for site in state.facilities):
        reasons.append(FacilityNotOwned(pointer="/facility"))
    if details.valid_until <= details.valid_from:
        reasons.append(WindowEmpty(pointer="/valid_until"))
    if details.valid_until <= now:
        reasons.append(ExpiryPast(pointer="/valid_until", until=details.valid_until.isoformat()))
    return reasons


def _waste_refusals(details: LicenceDetails) -> list[Refusal]:
    reasons: list[Refusal] = [
        EwcCodeMalformed(pointer=f"/ewc_codes/{index}", ewc_code=code)
        for index, code in enumerate(details.ewc_codes)
        if not is_ewc_code(code)
    ]
    if details.kind == SHIPMENT_CONSENT and not details.from_countries:
        reasons.append(ConsentCountriesMissing(pointer="/from_countries"))
    reasons += duplicate_refusals("/waste_statuses", details.waste_statuses)
    reasons += duplicate_refusals("/ewc_codes", details.ewc_codes)
    reasons += duplicate_refusals("/from_countries", details.from_countries)
    return reasons + duplicate_refusals("/routes", details.routes or ())


def _count_refusals(live: int, kind: str) -> list[Refusal]:
    return [EntriesMax(kind=kind, most=PAPERS_MAX)] if live >= PAPERS_MAX else []
