"""Organisations: register and change (operators), read (one's own; operators and auditors all)."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import UNSET, Meta

from events.party_events import OrganisationChanged, OrganisationRegistered
from events.vocabulary import Instant, PartyRole
from market.commands import parties as commands
from market.http.parties.organisation_warnings import moved_along, of_organisation
from market.http.wire import lists
from market.http.wire.access import OPERATORS, READERS
from market.http.wire.addresses import ElectronicContact, PostalAddress
from market.http.wire.countries import CountryCode
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, utc
from market.http.wire.paging import Listing
from market.http.wire.patching import patch_of, patched
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted
from market.http.wire.steps import given
from market.rules.parties.parties import (
    ChangeOrganisation,
    Organisation,
    OrganisationDetails,
    RegisterOrganisation,
)
from market.rules.refusing.wording import Code, Name
from market.store import party_reads

TAG: Final = "Organisations"
EXAMPLE: Final = {
    "name": "refiner-fr-1",
    "country": "FR",
    "roles": ["refiner"],
    "sanctions_screened_until": "2027-06-30T00:00:00Z",
    "postal_address": {
        "street": "12 rue des Forges",
        "postal_code": "38000",
        "town": "Grenoble",
        "country": "FR",
    },
    "electronic_contact": "trading@refiner.example",
}


class OrganisationTerms(Body, frozen=True, kw_only=True):
    """A legal entity. `group` is its ultimate parent, itself when absent; `initiatives` it takes part in.

    `roles` state its place in the value chain. They are shown and searchable, but give no rights, which only
    keys do; the CRMA monitor counts a `magnet_producer` in the Union as a consumer. Organisations of one
    group never trade with each other and count as one wherever groups are counted. `postal_address` and
    `electronic_contact` (an e-mail address or a link https://…) are shown on the public labels of magnets for
    which it is responsible, as Article 28 of Regulation (EU) 2024/1252 requires. `register_number`: from its
    business register, or its LEI; it is included in proofs of its deals.
    """

    name: Name
    country: CountryCode
    roles: Annotated[tuple[PartyRole, ...], Meta(min_length=1, max_length=8)]
    group: OrganisationId | None = None
    initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    sanctions_screened_until: Instant
    postal_address: PostalAddress | None = None
    electronic_contact: ElectronicContact | None = None
    register_number: Name | None = None

    def details(self) -> OrganisationDetails:
        return OrganisationDetails(
            name=self.name,
            country=self.country,
            roles=self.roles,
            group=None if self.group is None else to_uuid(self.group),
            initiatives=self.initiatives,
            sanctions_screened_until=utc(self.sanctions_screened_until, "/sanctions_screened_until"),
            postal_address=UNSET if self.postal_address is None else self.postal_address.inside(),
            electronic_contact=UNSET if self.electronic_contact is None else self.electronic_contact,
            register_number=UNSET if self.register_number is None else self.register_number,
        )


OrganisationPatch: Any = patch_of(
    "OrganisationPatch", OrganisationTerms, "Members of an organisation that change; what is absent stays."
)


class OrganisationView(OrganisationTerms, frozen=True, kw_only=True):
    """An organisation in its current state; `version` is in its ETag. A closed one cannot change any more."""

    id: OrganisationId
    version: int
    closing_asked_at: Instant | None = None
    closed_at: Instant | None = None

    @classmethod
    def of(cls, row: Organisation) -> Self:
        return cls(
            id=to_text("org", row.organisation),
            version=row.version,
            name=row.name,
            country=row.country,
            roles=row.roles,
            group=to_text("org", row.group),
            initiatives=row.initiatives,
            sanctions_screened_until=row.sanctions_screened_until,
            postal_address=PostalAddress.outside(row.postal_address) if row.postal_address else None,
            electronic_contact=row.electronic_contact or None,
            register_number=row.register_number or None,
            closing_asked_at=row.closing_asked_at,
            closed_at=row.closed_at,
        )


class OrganisationQuery(PageQuery, frozen=True, kw_only=True):
    """Query of the list of organisations."""

    role: Annotated[PartyRole | None, Meta(description="Only those that state this role.")] = None
    name: Annotated[Name | None, Meta(description="Only those whose name holds this, in whatever case.")] = (
        None
    )


class OrganisationAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of a registration."""

    id: OrganisationId | None
    version: int | None = None


@endpoint(
    "POST",
    "/v1/organisations",
    roles=OPERATORS,
    summary="Register an organisation",
    tag=TAG,
    body=OrganisationTerms,
    query=DryRun,
    answer=OrganisationAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="A legal entity that may then have sites, papers and keys; it trades in the markets "
    "that admit it. A name that reads like another's, a group that is no organisation, and a day of "
    "screening that is over are warned of.",
    example=EXAMPLE,
)
async def register(call: Call[OrganisationTerms, DryRun]) -> Answer:
    outcome = await given(
        call,
        commands.register_organisation,
        RegisterOrganisation(
            caller=call.caller, details=call.body.details(), organisation=call.door.desk.new_id()
        ),
    )
    fact = outcome.fact(OrganisationRegistered)
    found = outcome.made("org", fact.organisation)
    return outcome.answer(
        OrganisationAccepted(
            id=found, version=1, warnings=await of_organisation(call.door, fact), **outcome.accepted()
        ),
        version=1,
        location=f"/v1/organisations/{found}",
    )


@endpoint(
    "GET",
    "/v1/organisations",
    roles=READERS,
    summary="List organisations",
    tag=TAG,
    query=OrganisationQuery,
    answer=Listing[OrganisationView],
    description="Operators and auditors see all, everybody else their own; with `role` those that "
    "state it, with `name` those whose name holds it.",
)
async def index(call: Call[Nothing, OrganisationQuery]) -> Answer:
    async with as_caller(call) as connection:
        page = await party_reads.list_organisations(
            connection,
            after=lists.after(call, UUID),
            limit=lists.limit(call),
            role=call.query.role,
            name=call.query.name,
        )
    return lists.answer(call, page, key=lambda row: row.organisation, view=OrganisationView.of)


async def load(call: Call[Any, Any]) -> Organisation:
    """The organisation of the path, when it is the caller's to see. DoorError `not_found`."""
    async with as_caller(call) as connection:
        row = await party_reads.load_organisation(connection, call.ids["organisation"])
    if row is None:
        raise not_found()
    return row


@endpoint(
    "GET",
    "/v1/organisations/{organisation}",
    roles=READERS,
    summary="Read an organisation",
    tag=TAG,
    answer=OrganisationView,
    etagged=True,
    description="One's own; operators and auditors read every one.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    row = await load(call)
    return Answer(body=OrganisationView.of(row), version=row.version)


@endpoint(
    "PATCH",
    "/v1/organisations/{organisation}",
    roles=OPERATORS,
    summary="Change an organisation",
    tag=TAG,
    body=OrganisationPatch,
    query=DryRun,
    answer=OrganisationAccepted,
    versioned=True,
    description="The change is copied into each market of which it is a member, in one transaction. A group "
    "that belongs to another is refused (`group_not_ultimate`). Where the organisation gets a group, those "
    "that name it as theirs, 50 at most, get the same one with it and are listed in a warning.",
    example={"roles": ["refiner", "recycler"]},
)
async def change(call: Call[Any, DryRun]) -> Answer:
    row = await load(call)
    view = OrganisationView.of(row)
    members = {name: getattr(view, name) for name in OrganisationTerms.__struct_fields__}
    outcome = await given(
        call,
        commands.change_organisation,
        ChangeOrganisation(
            caller=call.caller,
            organisation=row.organisation,
            details=patched(
                OrganisationTerms(**members), call.body, read=row.version, expected=call.expected_version
            ).details(),
            expected_version=call.expected_version,
        ),
    )
    warnings = (
        *moved_along(outcome.facts, row.organisation),
        *await of_organisation(call.door, outcome.fact(OrganisationChanged), row),
    )
    version = call.expected_version + 1
    return outcome.answer(
        OrganisationAccepted(
            id=to_text("org", row.organisation), version=version, warnings=warnings, **outcome.accepted()
        ),
        version=version,
    )


HANDLERS: Final = (register, index, read, change)
