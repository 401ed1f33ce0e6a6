"""Organisations and what belongs to them: tables `organisation`, `facility`, `certificate`, `licence`,
`api_key`, `partner_stream`."""

from collections.abc import Sequence
from typing import TypeAlias, assert_never, cast

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.party_events import (
    ApiKeyIssued,
    ApiKeyRevoked,
    CertificateRegistered,
    CertificateRevoked,
    ClosingAsked,
    ClosingWithdrawn,
    FacilityChanged,
    FacilityRegistered,
    FacilityRevoked,
    LicenceRegistered,
    LicenceRevoked,
    OrganisationChanged,
    OrganisationClosed,
    OrganisationRegistered,
    StreamClosed,
    StreamOpened,
)
from events.row_counts import expect_rows
from market.rules.parties.parties import (
    ApiKey,
    Certificate,
    CertificateDetails,
    Facility,
    FacilityDetails,
    KeyDetails,
    Licence,
    LicenceDetails,
    Organisation,
    OrganisationDetails,
)
from market.store import bodies

ClosingFact: TypeAlias = ClosingAsked | ClosingWithdrawn | OrganisationClosed
DetailedFact: TypeAlias = (
    OrganisationRegistered
    | OrganisationChanged
    | FacilityRegistered
    | FacilityChanged
    | FacilityRevoked
    | CertificateRegistered
    | CertificateRevoked
    | LicenceRegistered
    | LicenceRevoked
    | ApiKeyIssued
    | ApiKeyRevoked
    | StreamOpened
    | StreamClosed
)
PartyFact: TypeAlias = ClosingFact | DetailedFact

INSERT_ORGANISATION = """
insert into organisation (lane, organisation, version, position, body) values ($1, $2, 1, $3, $4)
"""

UPDATE_ORGANISATION = """
update organisation set version = version + 1, position = $3, body = $4 where lane = $1 and organisation = $2
"""

ASK_CLOSING = """
update organisation set version = version + 1, position = $3, closing_asked_time = $4
where lane = $1 and organisation = $2 and closed_time is null
"""

CLOSE = """
update organisation set version = version + 1, position = $3, closed_time = $4
where lane = $1 and organisation = $2 and closed_time is null
"""

INSERT_FACILITY = """
insert into facility (lane, organisation, facility, version, position, revoked, body)
values ($1, $2, $3, 1, $4, false, $5)
"""

UPDATE_FACILITY = """
update facility set version = version + 1, position = $4, body = $5
where lane = $1 and organisation = $2 and facility = $3 and not revoked
"""

REVOKE_FACILITY = """
update facility set version = version + 1, position = $4, revoked = true
where lane = $1 and organisation = $2 and facility = $3 and not revoked
"""

INSERT_CERTIFICATE = """
insert into certificate (lane, organisation, certificate, version, position, revoked, body)
values ($1, $2, $3, 1, $4, false, $5)
"""

REVOKE_CERTIFICATE = """
update certificate set version = version + 1, position = $4, revoked = true
where lane = $1 and organisation = $2 and certificate = $3 and not revoked
"""

INSERT_LICENCE = """
insert into licence (lane, organisation, licence, version, position, revoked, body)
values ($1, $2, $3, 1, $4, false, $5)
"""

REVOKE_LICENCE = """
update licence set version = version + 1, position = $4, revoked = true
where lane = $1 and organisation = $2 and licence = $3 and not revoked
"""

INSERT_KEY = """
insert into api_key (lane, organisation, api_key, version, position, revoked, body)
values ($1, $2, $3, 1, $4, false, $5)
"""

REVOKE_KEY = """
update api_key set version = version + 1, position = $4, revoked = true
where lane = $1 and organisation = $2 and api_key = $3 and not revoked
"""

OPEN_STREAM = """
insert into partner_stream as s (lane, organisation, version, position, is_open) values ($1, $2, 1, $3, true)
on conflict (lane, organisation) do update
set version = s.version + 1, position = excluded.position, is_open = true
where not s.is_open
"""

CLOSE_STREAM = """
update partner_stream set version = version + 1, position = $3, is_open = false
where lane = $1 and organisation = $2 and is_open
"""


def holds(event: Recorded) -> bool:
    """Whether an event of the parties stream is about an organisation or what belongs to one."""
    return isinstance(event.data, PartyFact)


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """One statement an event: parties change rarely, and each change is alone in its transaction."""
    for event in events:
        fact = cast(PartyFact, event.data)
        if isinstance(fact, ClosingFact):
            statement, arguments = _closing(event, fact)
        else:
            statement, arguments = _statement(event.position, fact)
        status = await connection.execute(statement, event.lane, fact.organisation, *arguments)
        expect_rows(status, 1, type(fact).__name__)


def _closing(event: Recorded, fact: ClosingFact) -> tuple[str, tuple[object, ...]]:
    if isinstance(fact, OrganisationClosed):
        return CLOSE, (event.position, event.time)
    return ASK_CLOSING, (event.position, event.time if isinstance(fact, ClosingAsked) else None)


def _statement(position: int, fact: DetailedFact) -> tuple[str, tuple[object, ...]]:
    """The SQL of a fact and its arguments after lane and organisation."""
    match fact:
        case OrganisationRegistered() | OrganisationChanged():
            new = isinstance(fact, OrganisationRegistered)
            statement = INSERT_ORGANISATION if new else UPDATE_ORGANISATION
            return statement, (position, _details(fact, OrganisationDetails))
        case FacilityRegistered():
            return INSERT_FACILITY, (fact.facility, position, _details(fact, FacilityDetails))
        case FacilityChanged():
            return UPDATE_FACILITY, (fact.facility, position, _details(fact, FacilityDetails))
        case FacilityRevoked():
            return REVOKE_FACILITY, (fact.facility, position)
        case CertificateRegistered():
            return INSERT_CERTIFICATE, (fact.certificate, position, _details(fact, CertificateDetails))
        case CertificateRevoked():
            return REVOKE_CERTIFICATE, (fact.certificate, position)
        case LicenceRegistered():
            return INSERT_LICENCE, (fact.licence, position, _details(fact, LicenceDetails))
        case LicenceRevoked():
            return REVOKE_LICENCE, (fact.licence, position)
        case ApiKeyIssued():
            return INSERT_KEY, (fact.key, position, _details(fact, KeyDetails))
        case ApiKeyRevoked():
            return REVOKE_KEY, (fact.key, position)
        case StreamOpened() | StreamClosed():
            return OPEN_STREAM if isinstance(fact, StreamOpened) else CLOSE_STREAM, (position,)
        case _:
            assert_never(fact)


def _details(fact: DetailedFact, details: type[Struct]) -> bytes:
    return bodies.encode(details(**{name: getattr(fact, name) for name in details.__struct_fields__}))


def organisation(row: asyncpg.Record) -> Organisation:
    details = _organisations.decode(row["body"])
    assert details.group is not None
    return Organisation(
        organisation=row["organisation"],
        name=details.name,
        country=details.country,
        roles=details.roles,
        group=details.group,
        initiatives=details.initiatives,
        sanctions_screened_until=details.sanctions_screened_until,
        postal_address=details.postal_address,
        electronic_contact=details.electronic_contact,
        register_number=details.register_number,
        version=row["version"],
        closing_asked_at=row["closing_asked_time"],
        closed_at=row["closed_time"],
    )


def facility(row: asyncpg.Record) -> Facility:
    return Facility(
        organisation=row["organisation"],
        facility=row["id"],
        details=_facilities.decode(row["body"]),
        version=row["version"],
        revoked=row["revoked"],
    )


def certificate(row: asyncpg.Record) -> Certificate:
    return Certificate(
        organisation=row["organisation"],
        certificate=row["id"],
        details=_certificates.decode(row["body"]),
        version=row["version"],
        revoked=row["revoked"],
    )


def licence(row: asyncpg.Record) -> Licence:
    return Licence(
        organisation=row["organisation"],
        licence=row["id"],
        details=_licences.decode(row["body"]),
        version=row["version"],
        revoked=row["revoked"],
    )


def api_key(row: asyncpg.Record) -> ApiKey:
    return ApiKey(
        organisation=row["organisation"],
        key=row["id"],
        details=_keys.decode(row["body"]),
        version=row["version"],
        revoked=row["revoked"],
    )


_organisations = msgspec.json.Decoder(OrganisationDetails)
_facilities = msgspec.json.Decoder(FacilityDetails)
_certificates = msgspec.json.Decoder(CertificateDetails)
_licences = msgspec.json.Decoder(LicenceDetails)
_keys = msgspec.json.Decoder(KeyDetails)
