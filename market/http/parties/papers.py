"""Certificates and licences of an organisation's facilities: register, revoke, read. A paper never
changes."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import UNSET, Meta

from events.party_events import CertificateRegistered, LicenceRegistered
from events.vocabulary import Instant, RexRoute, WasteStatus
from market.commands import parties as commands
from market.http.parties.organisations import load as load_organisation
from market.http.wire import lists
from market.http.wire.access import COMPLIANCE, READERS
from market.http.wire.countries import CountryCode
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import CertificateId, FacilityId, LicenceId, OrganisationId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, utc
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted, warned
from market.http.wire.steps import given
from market.rules.orders.supplies import six_digits
from market.rules.parties.licence_kinds import LICENCE_KINDS, CountsAs, counts_as
from market.rules.parties.papers import (
    RegisterCertificate,
    RegisterLicence,
    RevokeCertificate,
    RevokeLicence,
    licence_cautions,
)
from market.rules.parties.parties import Certificate, CertificateDetails, Licence, LicenceDetails
from market.rules.refusing.wording import Code, EwcCode, Text
from market.store import party_reads

TAG: Final = "Organisations"
CERTIFICATE_EXAMPLE: Final = {
    "facility": "fac_0199b3c2d4e57f60a1b2c3d4e5f60718",
    "scheme": "iso14001",
    "reference": "EMS-2291",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2029-01-01T00:00:00Z",
}
LICENCE_EXAMPLE: Final = {
    "facility": "fac_0199b3c2d4e57f60a1b2c3d4e5f60718",
    "kind": "waste_treatment",
    "waste_statuses": ["waste"],
    "ewc_codes": ["160216"],
    "reference": "permit 7/2026",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2031-01-01T00:00:00Z",
}


class Valid(Body, frozen=True, kw_only=True):
    """Half-open: includes `valid_from`, excludes `valid_until`."""

    facility: FacilityId
    reference: Text
    valid_from: Instant
    valid_until: Instant

    def __post_init__(self) -> None:
        if self.valid_until <= self.valid_from:
            raise ValueError("a paper has to be valid for some time: valid_until after valid_from")


class CertificateTerms(Valid, frozen=True, kw_only=True):
    """A certificate of one site under a scheme."""

    scheme: Code


class LicenceTerms(Valid, frozen=True, kw_only=True):
    """A paper of one site for a waste status. `waste_treatment` is a permit to treat or store it,
    `shipment_consent` the consent to ship it from `from_countries`, which it has to name (for a permit, none
    means any). `collection`, `transport` and `dealer_broker` are registrations that allow a site no waste;
    `radioactive_material`, a permission to take it, is not checked. No `ewc_codes`: all. `routes`: those of
    the waste hierarchy that a permit allows; none: any."""

    kind: Annotated[Code, Meta(examples=list(LICENCE_KINDS))]
    waste_statuses: Annotated[tuple[WasteStatus, ...], Meta(min_length=1, max_length=4)]
    ewc_codes: Annotated[tuple[EwcCode, ...], Meta(max_length=64)] = ()
    from_countries: Annotated[tuple[CountryCode, ...], Meta(max_length=64)] = ()
    routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()


class CertificateView(CertificateTerms, frozen=True, kw_only=True):
    id: CertificateId
    organisation: OrganisationId
    version: int
    revoked: bool

    @classmethod
    def of(cls, row: Certificate) -> Self:
        return cls(
            id=to_text("cert", row.certificate),
            organisation=to_text("org", row.organisation),
            version=row.version,
            revoked=row.revoked,
            facility=to_text("fac", row.details.facility),
            scheme=row.details.scheme,
            reference=row.details.reference,
            valid_from=row.details.valid_from,
            valid_until=row.details.valid_until,
        )


class LicenceView(LicenceTerms, frozen=True, kw_only=True):
    """`counts_as`: how markets treat it. Older papers may have kinds outside the closed list, which do not
    count; a revoked paper does not count either."""

    id: LicenceId
    counts_as: CountsAs
    organisation: OrganisationId
    version: int
    revoked: bool

    @classmethod
    def of(cls, row: Licence) -> Self:
        return cls(
            id=to_text("lic", row.licence),
            organisation=to_text("org", row.organisation),
            version=row.version,
            revoked=row.revoked,
            facility=to_text("fac", row.details.facility),
            kind=row.details.kind,
            waste_statuses=row.details.waste_statuses,
            ewc_codes=row.details.ewc_codes,
            from_countries=row.details.from_countries,
            routes=row.details.routes or (),
            counts_as=counts_as(row.details.kind),
            reference=row.details.reference,
            valid_from=row.details.valid_from,
            valid_until=row.details.valid_until,
        )


class CertificateAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of a registration."""

    id: CertificateId | None


class LicenceAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of a registration."""

    id: LicenceId | None


@endpoint(
    "POST",
    "/v1/organisations/{organisation}/certificates",
    roles=COMPLIANCE,
    summary="Register a certificate",
    tag=TAG,
    body=CertificateTerms,
    query=DryRun,
    answer=CertificateAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="Of one site under a scheme, for a time. A certificate never changes: register its "
    "successor, and revoke it.",
    example=CERTIFICATE_EXAMPLE,
)
async def register_certificate(call: Call[CertificateTerms, DryRun]) -> Answer:
    body = call.body
    outcome = await given(
        call,
        commands.register_certificate,
        RegisterCertificate(
            caller=call.caller,
            organisation=call.ids["organisation"],
            details=CertificateDetails(
                facility=to_uuid(body.facility),
                scheme=body.scheme,
                reference=body.reference,
                valid_from=utc(body.valid_from, "/valid_from"),
                valid_until=utc(body.valid_until, "/valid_until"),
            ),
        ),
    )
    fact = outcome.fact(CertificateRegistered)
    found = outcome.made("cert", fact.certificate)
    accepted = CertificateAccepted(id=found, **outcome.accepted())
    return outcome.answer(accepted, location=_address(call, "certificates", found))


@endpoint(
    "POST",
    "/v1/organisations/{organisation}/licences",
    roles=COMPLIANCE,
    summary="Register a licence",
    tag=TAG,
    body=LicenceTerms,
    query=DryRun,
    answer=LicenceAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="What a site may do with waste, for a time. A licence never changes: register its "
    "successor, and revoke it. Markets ask for waste_treatment and shipment_consent; a kind that is not on "
    "the list is refused, and all codes are warned of.",
    example=LICENCE_EXAMPLE,
)
async def register_licence(call: Call[LicenceTerms, DryRun]) -> Answer:
    body = call.body
    outcome = await given(
        call,
        commands.register_licence,
        RegisterLicence(
            caller=call.caller,
            organisation=call.ids["organisation"],
            details=LicenceDetails(
                facility=to_uuid(body.facility),
                kind=body.kind,
                waste_statuses=body.waste_statuses,
                ewc_codes=tuple(map(six_digits, body.ewc_codes)),
                from_countries=body.from_countries,
                routes=body.routes or UNSET,
                reference=body.reference,
                valid_from=utc(body.valid_from, "/valid_from"),
                valid_until=utc(body.valid_until, "/valid_until"),
            ),
        ),
    )
    fact = outcome.fact(LicenceRegistered)
    found = outcome.made("lic", fact.licence)
    warnings = warned(licence_cautions(body.kind, body.ewc_codes))
    accepted = LicenceAccepted(id=found, warnings=warnings, **outcome.accepted())
    return outcome.answer(accepted, location=_address(call, "licences", found))


def _address(call: Call[Any, Any], kind: str, found: str | None) -> str:
    return f"/v1/organisations/{to_text('org', call.ids['organisation'])}/{kind}/{found}"


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/certificates",
    roles=READERS,
    summary="List certificates",
    tag=TAG,
    query=PageQuery,
    answer=Listing[CertificateView],
    description="Revoked ones too.",
)
async def list_certificates(call: Call[Nothing, PageQuery]) -> Answer:
    await load_organisation(call)
    async with as_caller(call) as connection:
        page = await party_reads.list_certificates(
            connection, call.ids["organisation"], after=lists.after(call, UUID), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda row: row.certificate, view=CertificateView.of)


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/licences",
    roles=READERS,
    summary="List licences",
    tag=TAG,
    query=PageQuery,
    answer=Listing[LicenceView],
    description="Revoked ones too.",
)
async def list_licences(call: Call[Nothing, PageQuery]) -> Answer:
    await load_organisation(call)
    async with as_caller(call) as connection:
        page = await party_reads.list_licences(
            connection, call.ids["organisation"], after=lists.after(call, UUID), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda row: row.licence, view=LicenceView.of)


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/certificates/{certificate}",
    roles=READERS,
    summary="Read a certificate",
    tag=TAG,
    answer=CertificateView,
    etagged=True,
    description="As it was registered, a revoked one too.",
)
async def read_certificate(call: Call[Nothing, Nothing]) -> Answer:
    async with as_caller(call) as connection:
        row = await party_reads.load_certificate(
            connection, call.ids["organisation"], call.ids["certificate"]
        )
    if row is None:
        raise not_found()
    return Answer(body=CertificateView.of(row), version=row.version)


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/licences/{licence}",
    roles=READERS,
    summary="Read a licence",
    tag=TAG,
    answer=LicenceView,
    etagged=True,
    description="As it was registered, a revoked one too.",
)
async def read_licence(call: Call[Nothing, Nothing]) -> Answer:
    async with as_caller(call) as connection:
        row = await party_reads.load_licence(connection, call.ids["organisation"], call.ids["licence"])
    if row is None:
        raise not_found()
    return Answer(body=LicenceView.of(row), version=row.version)


@endpoint(
    "DELETE",
    "/v1/organisations/{organisation}/certificates/{certificate}",
    roles=COMPLIANCE,
    summary="Revoke a certificate",
    tag=TAG,
    query=DryRun,
    answer=CertificateAccepted,
    description="No market counts it any more. It stays readable.",
)
async def revoke_certificate(call: Call[Nothing, DryRun]) -> Answer:
    outcome = await given(
        call,
        commands.revoke_certificate,
        RevokeCertificate(
            caller=call.caller, organisation=call.ids["organisation"], certificate=call.ids["certificate"]
        ),
    )
    found = to_text("cert", call.ids["certificate"])
    return Answer(body=CertificateAccepted(id=found, **outcome.accepted()))


@endpoint(
    "DELETE",
    "/v1/organisations/{organisation}/licences/{licence}",
    roles=COMPLIANCE,
    summary="Revoke a licence",
    tag=TAG,
    query=DryRun,
    answer=LicenceAccepted,
    description="No market counts it any more. It stays readable.",
)
async def revoke_licence(call: Call[Nothing, DryRun]) -> Answer:
    outcome = await given(
        call,
        commands.revoke_licence,
        RevokeLicence(caller=call.caller, organisation=call.ids["organisation"], licence=call.ids["licence"]),
    )
    found = to_text("lic", call.ids["licence"])
    return Answer(body=LicenceAccepted(id=found, **outcome.accepted()))


HANDLERS: Final = (
    register_certificate,
    list_certificates,
    read_certificate,
    revoke_certificate,
    register_licence,
    list_licences,
    read_licence,
    revoke_licence,
)
