"""Facilities of an organisation: register, change, revoke, read."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import Meta

from events import capacity_terms as terms
from events.party_events import FacilityRegistered
from events.vocabulary import FACILITY_STAGES_MAX, FacilityScale, FacilityStage, FacilityStatus, ProductForm
from market.commands import parties as commands
from market.http.parties.organisations import load as load_organisation
from market.http.wire import lists
from market.http.wire.access import COMPLIANCE, READERS
from market.http.wire.countries import CountryCode
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import FacilityId, OrganisationId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, TONNES, Percent, TonnesPositive
from market.http.wire.paging import Listing
from market.http.wire.patching import patch_of, patched
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted
from market.http.wire.steps import given
from market.rules.parties.facilities import ChangeFacility, RegisterFacility, RevokeFacility
from market.rules.parties.parties import Facility, FacilityDetails
from market.rules.refusing.wording import Code, Name
from market.store import party_reads

TAG: Final = "Organisations"
EXAMPLE: Final = {
    "name": "separation plant north",
    "country": "FR",
    "place": "La Rochelle",
    "stages": ["processing"],
    "scale": "industrial",
    "readiness_level": 9,
    "status": "operating",
    "capacities": [
        {"form": "separated_oxide", "nameplate_t_per_year": "4000", "yield_percent": "92"},
        {
            "form": "separated_oxide",
            "element": "Dy",
            "nameplate_t_per_year": "40",
            "ramp": [
                {"year": 2027, "quarter": 1, "share_percent": "25"},
                {"year": 2028, "quarter": 1, "share_percent": "100"},
            ],
        },
    ],
}


class RampStep(Body, frozen=True, kw_only=True):
    """From this quarter on, the facility makes `share_percent` of the nameplate, until the next step."""

    year: Annotated[int, Meta(ge=2000, le=2200)]
    quarter: Annotated[int, Meta(ge=1, le=4)]
    share_percent: Percent


class Capacity(Body, frozen=True, kw_only=True):
    """Nameplate capacity in tonnes of product per year, or of `element` contained in it.

    `yield_percent`: mass of product per mass of input. A pilot or planned facility states a `ramp`; before
    its first step nothing is made.
    """

    form: ProductForm
    nameplate_t_per_year: TonnesPositive
    element: Code | None = None
    yield_percent: Percent | None = None
    ramp: Annotated[tuple[RampStep, ...], Meta(max_length=40)] = ()

    def inside(self) -> terms.FacilityCapacity:
        return terms.FacilityCapacity(
            form=self.form,
            nameplate_g_per_year=TONNES.parse(self.nameplate_t_per_year),
            element=self.element,
            yield_ppb=None if self.yield_percent is None else PERCENT.parse(self.yield_percent),
            ramp=tuple(
                terms.RampStep(
                    year=step.year, quarter=step.quarter, share_ppb=PERCENT.parse(step.share_percent)
                )
                for step in self.ramp
            ),
        )

    @classmethod
    def outside(cls, value: terms.FacilityCapacity) -> Self:
        return cls(
            form=value.form,
            nameplate_t_per_year=TONNES.text(value.nameplate_g_per_year),
            element=value.element,
            yield_percent=None if value.yield_ppb is None else PERCENT.text(value.yield_ppb),
            ramp=tuple(
                RampStep(year=step.year, quarter=step.quarter, share_percent=PERCENT.text(step.share_ppb))
                for step in value.ramp
            ),
        )


class FacilityTerms(Body, frozen=True, kw_only=True):
    """A site: its stages in the words of the CRMA, and what else is done there; its scale, its technology
    readiness level.

    A stage gives no rights: an organisation that stores goods for others has a site of `storage`, and so has
    a trader for goods in a warehouse. An origin names only the first four stages.
    """

    name: Name
    country: CountryCode
    place: Name
    stages: Annotated[tuple[FacilityStage, ...], Meta(min_length=1, max_length=FACILITY_STAGES_MAX)]
    scale: FacilityScale
    readiness_level: Annotated[int, Meta(ge=1, le=9)]
    capacities: Annotated[tuple[Capacity, ...], Meta(max_length=32)] = ()
    strategic_project: Code | None = None
    status: FacilityStatus | None = None

    def details(self) -> FacilityDetails:
        return FacilityDetails(
            name=self.name,
            country=self.country,
            place=self.place,
            stages=self.stages,
            scale=self.scale,
            readiness_level=self.readiness_level,
            capacities=tuple(stated.inside() for stated in self.capacities),
            strategic_project=self.strategic_project,
            status=self.status,
        )

    @classmethod
    def outside(cls, value: FacilityDetails) -> "FacilityTerms":
        return FacilityTerms(**_members(value))


FacilityPatch: Any = patch_of(
    "FacilityPatch", FacilityTerms, "Members of a facility that change; what is absent stays."
)


class FacilityView(FacilityTerms, frozen=True, kw_only=True):
    """A facility in its current state; a revoked one cannot be used in new orders."""

    id: FacilityId
    organisation: OrganisationId
    version: int
    revoked: bool

    @classmethod
    def of(cls, row: Facility) -> Self:
        return cls(
            id=to_text("fac", row.facility),
            organisation=to_text("org", row.organisation),
            version=row.version,
            revoked=row.revoked,
            **_members(row.details),
        )


def _members(value: FacilityDetails) -> dict[str, Any]:
    return {
        "name": value.name,
        "country": value.country,
        "place": value.place,
        "stages": value.stages,
        "scale": value.scale,
        "readiness_level": value.readiness_level,
        "capacities": tuple(map(Capacity.outside, value.capacities)),
        "strategic_project": value.strategic_project,
        "status": value.status,
    }


class FacilityAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of a registration."""

    id: FacilityId | None
    version: int | None = None


@endpoint(
    "POST",
    "/v1/organisations/{organisation}/facilities",
    roles=COMPLIANCE,
    summary="Register a facility",
    tag=TAG,
    body=FacilityTerms,
    query=DryRun,
    answer=FacilityAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="A site, which offers, requirements and passports name by its id. Each market of the "
    "organisation has it at once.",
    example=EXAMPLE,
)
async def register(call: Call[FacilityTerms, DryRun]) -> Answer:
    outcome = await given(
        call,
        commands.register_facility,
        RegisterFacility(
            caller=call.caller, organisation=call.ids["organisation"], details=call.body.details()
        ),
    )
    fact = outcome.fact(FacilityRegistered)
    found = outcome.made("fac", fact.facility)
    parent = to_text("org", fact.organisation)
    return outcome.answer(
        FacilityAccepted(id=found, version=1, **outcome.accepted()),
        version=1,
        location=f"/v1/organisations/{parent}/facilities/{found}",
    )


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/facilities",
    roles=READERS,
    summary="List facilities",
    tag=TAG,
    query=PageQuery,
    answer=Listing[FacilityView],
    description="Revoked ones too.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    await load_organisation(call)
    async with as_caller(call) as connection:
        page = await party_reads.list_facilities(
            connection, call.ids["organisation"], after=lists.after(call, UUID), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda row: row.facility, view=FacilityView.of)


async def _load(call: Call[Any, Any]) -> Facility:
    async with as_caller(call) as connection:
        row = await party_reads.load_facility(connection, call.ids["organisation"], call.ids["facility"])
    if row is None:
        raise not_found()
    return row


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/facilities/{facility}",
    roles=READERS,
    summary="Read a facility",
    tag=TAG,
    answer=FacilityView,
    etagged=True,
    description="As it stands, a revoked one too.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    row = await _load(call)
    return Answer(body=FacilityView.of(row), version=row.version)


@endpoint(
    "PATCH",
    "/v1/organisations/{organisation}/facilities/{facility}",
    roles=COMPLIANCE,
    summary="Change a facility",
    tag=TAG,
    body=FacilityPatch,
    query=DryRun,
    answer=FacilityAccepted,
    versioned=True,
    description="The change is copied into each market of the organisation, in one transaction.",
    example={"readiness_level": 9},
)
async def change(call: Call[Any, DryRun]) -> Answer:
    row = await _load(call)
    outcome = await given(
        call,
        commands.change_facility,
        ChangeFacility(
            caller=call.caller,
            organisation=row.organisation,
            facility=row.facility,
            details=patched(
                FacilityTerms.outside(row.details),
                call.body,
                read=row.version,
                expected=call.expected_version,
            ).details(),
            expected_version=call.expected_version,
        ),
    )
    version = call.expected_version + 1
    return outcome.answer(
        FacilityAccepted(id=to_text("fac", row.facility), version=version, **outcome.accepted()),
        version=version,
    )


@endpoint(
    "DELETE",
    "/v1/organisations/{organisation}/facilities/{facility}",
    roles=COMPLIANCE,
    summary="Revoke a facility",
    tag=TAG,
    query=DryRun,
    answer=FacilityAccepted,
    description="Its certificates and licences have to be revoked first. A revoked facility stays readable.",
)
async def revoke(call: Call[Nothing, DryRun]) -> Answer:
    outcome = await given(
        call,
        commands.revoke_facility,
        RevokeFacility(
            caller=call.caller, organisation=call.ids["organisation"], facility=call.ids["facility"]
        ),
    )
    return Answer(body=FacilityAccepted(id=to_text("fac", call.ids["facility"]), **outcome.accepted()))


HANDLERS: Final = (register, index, read, change, revoke)
