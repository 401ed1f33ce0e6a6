"""Declared volumes: declare, correct, withdraw; read them and their history."""

from datetime import date
from functools import partial
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from msgspec import Meta
from msgspec.structs import asdict

from events import volume_terms as words
from events.material_events import VolumeCorrected, VolumeDeclared, VolumeWithdrawn
from events.vocabulary import Instant, ProductForm, ValueChainStage
from events.volume_terms import VolumeDirection
from market.commands import declared_volumes as commands
from market.http.agreements.agreement_views import Evidence
from market.http.materials import volume_warnings
from market.http.wire import lists
from market.http.wire.access import KEEPERS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import DeclaredVolumeId, EventId, OrganisationId, PassportId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, Dated, check_days
from market.http.wire.numbers import PERCENT, VOLUME_KG, Percent, PercentPositive, VolumeKg
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, own
from market.http.wire.receipts import Accepted, Done, Warned
from market.http.wire.steps import given
from market.rules.crma.declared_volumes import CorrectVolume, DeclaredVolume, DeclareVolume, WithdrawVolume
from market.rules.refusing.wording import Code, CountryCode, LongText, Text
from market.rules.twins.capacities import quarter_of, quarter_start
from market.store import declared_volumes as store

TAG: Final = "CRMA"
PATH: Final = "/v1/crma/declared-volumes"
EVENT: Final = "evt_0199b3c2d4e57f60a1b2c3d4e5f60718"
DOCUMENT: Final = {
    "title": "Invoice 2026-0117 with certificate of origin",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "dated_on": "2026-01-20",
}
EXAMPLE: Final[dict[str, Any]] = {
    "direction": "bought",
    "quarter": "2026-01-01",
    "reference": "INV-2026-0117/1",
    "form": "separated_oxide",
    "masses": [
        {"element": "Nd", "contained_kg": "12000.000"},
        {"element": "Pr", "contained_kg": "3000.000"},
    ],
    "counterparty": "A trading house",
    "counterparty_country": "JP",
    "origin": [
        {"stage": "extraction", "country": "AU", "share_percent": "70"},
        {"stage": "extraction", "country": None, "share_percent": "30"},
        {"stage": "processing", "country": "MY", "share_percent": "100", "source": "a separation plant"},
    ],
    "document": DOCUMENT,
}


class DeclaredMass(Body, frozen=True, kw_only=True):
    """Contained mass, as element."""

    element: Code
    contained_kg: VolumeKg

    def inside(self) -> words.DeclaredMass:
        return words.DeclaredMass(element=self.element, contained_mg=VOLUME_KG.decoded(self.contained_kg))

    @classmethod
    def outside(cls, value: words.DeclaredMass) -> Self:
        return cls(element=value.element, contained_kg=VOLUME_KG.text(value.contained_mg))


class DeclaredOrigin(Body, frozen=True, kw_only=True):
    """The part of the material whose stage took place in `country`; null: asked for, and not answered.

    Of what was recycled, `pre_consumer_percent` of the whole is pre-consumer; the rest of the share is
    post-consumer. Shares of a stage add up to 100 % at most.
    """

    stage: ValueChainStage
    country: CountryCode | None = None
    share_percent: PercentPositive
    pre_consumer_percent: Percent = "0"
    source: Text | None = None
    strategic_project: bool = False

    def inside(self) -> words.DeclaredOrigin:
        return words.DeclaredOrigin(
            stage=self.stage,
            country=self.country,
            share_ppb=PERCENT.decoded(self.share_percent),
            pre_consumer_ppb=PERCENT.decoded(self.pre_consumer_percent),
            source=self.source,
            strategic_project=self.strategic_project,
        )

    @classmethod
    def outside(cls, value: words.DeclaredOrigin) -> Self:
        return cls(
            stage=value.stage,
            country=value.country,
            share_percent=PERCENT.text(value.share_ppb),
            pre_consumer_percent=PERCENT.text(value.pre_consumer_ppb),
            source=value.source,
            strategic_project=value.strategic_project,
        )


class VolumeDocument(Dated, frozen=True, kw_only=True):
    """One line of what was bought or sold outside the platform in a quarter, named by its first day.

    `reference`: the line in one's own books; it stands once. `counterparty_country`: where the other side
    is, which makes it an import, an export or neither. `lot_number`, `passport`: of the goods, where they
    have one; goods that were traded here are refused. `recycled_evidence` supports shares of recycling.
    """

    direction: VolumeDirection
    quarter: date
    reference: Code
    form: ProductForm
    masses: Annotated[tuple[DeclaredMass, ...], Meta(min_length=1, max_length=32)]
    counterparty: Text | None = None
    counterparty_country: CountryCode
    origin: Annotated[tuple[DeclaredOrigin, ...], Meta(max_length=64)] = ()
    document: Evidence
    recycled_evidence: Annotated[tuple[Evidence, ...], Meta(max_length=16)] = ()
    lot_number: Code | None = None
    passport: PassportId | None = None

    def inside(self) -> words.VolumeTerms:
        return words.VolumeTerms(
            direction=self.direction,
            quarter=self.quarter,
            reference=self.reference,
            form=self.form,
            masses=tuple(mass.inside() for mass in self.masses),
            counterparty=self.counterparty,
            counterparty_country=self.counterparty_country,
            origin=tuple(line.inside() for line in self.origin),
            document=self.document.inside(),
            recycled_evidence=tuple(each.inside() for each in self.recycled_evidence),
            lot_number=self.lot_number,
            passport=None if self.passport is None else to_uuid(self.passport),
        )

    @classmethod
    def outside(cls, value: words.VolumeTerms) -> "VolumeDocument":
        return VolumeDocument(
            direction=value.direction,
            quarter=value.quarter,
            reference=value.reference,
            form=value.form,
            masses=tuple(map(DeclaredMass.outside, value.masses)),
            counterparty=value.counterparty,
            counterparty_country=value.counterparty_country,
            origin=tuple(map(DeclaredOrigin.outside, value.origin)),
            document=Evidence.outside(value.document),
            recycled_evidence=tuple(map(Evidence.outside, value.recycled_evidence)),
            lot_number=value.lot_number,
            passport=None if value.passport is None else to_text("pass", value.passport),
        )


class DeclaredVolumeView(VolumeDocument, frozen=True, kw_only=True):
    """The current view, with corrections. `stated_by`: the event to which a correction has to refer."""

    id: DeclaredVolumeId
    organisation: OrganisationId
    status: Literal["standing", "withdrawn"]
    version: int
    corrections: int
    stated_by: EventId
    declared_at: Instant

    @classmethod
    def of(cls, value: DeclaredVolume) -> Self:
        return cls(
            id=to_text("vol", value.volume),
            organisation=to_text("org", value.organisation),
            status=value.status,
            version=value.version,
            corrections=value.corrections,
            stated_by=to_text("evt", value.stated_by),
            declared_at=value.declared_at,
            **asdict(VolumeDocument.outside(value.terms)),
        )


class VolumeStepView(Body, frozen=True, kw_only=True):
    """One statement about a volume; `terms` null: it was withdrawn."""

    version: int
    event: EventId
    at: Instant
    said: Literal["declared", "corrected", "withdrawn"]
    corrects: EventId | None
    reason: str | None
    terms: VolumeDocument | None

    @classmethod
    def of(cls, step: store.VolumeStep) -> Self:
        given_: dict[str, Any] = {"version": step.version, "event": to_text("evt", step.event), "at": step.at}
        match fact := step.fact:
            case VolumeDeclared():
                terms = VolumeDocument.outside(fact.terms)
                return cls(said="declared", corrects=None, reason=None, terms=terms, **given_)
            case VolumeCorrected():
                return cls(
                    said="corrected",
                    corrects=to_text("evt", fact.corrects),
                    reason=fact.reason,
                    terms=VolumeDocument.outside(fact.terms),
                    **given_,
                )
            case VolumeWithdrawn():
                return cls(said="withdrawn", corrects=None, reason=fact.reason, terms=None, **given_)


class VolumeAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of a new one."""

    id: DeclaredVolumeId | None
    version: int | None = None


class VolumeCorrection(Body, frozen=True, kw_only=True):
    """`corrects`: the event that made the current statement; `terms`: complete, as they should have been."""

    corrects: EventId
    reason: LongText
    terms: VolumeDocument


class VolumeWithdrawal(Body, frozen=True, kw_only=True):
    """Why it no longer counts."""

    reason: LongText


class VolumesQuery(PageQuery, frozen=True, kw_only=True):
    """Query of the list of declared volumes."""

    quarter: Annotated[date | None, Meta(description="The first day of a quarter: only its volumes.")] = None

    def __post_init__(self) -> None:
        check_days(self)
        if self.quarter is not None and self.quarter != quarter_start(quarter_of(self.quarter)).date():
            raise ValueError("quarter is the first day of one: of January, April, July or October")


step_endpoint: Final = partial(
    endpoint, "POST", roles=KEEPERS, tag=TAG, query=DryRun, status=201, idempotent=True
)


@step_endpoint(
    PATH,
    summary="Declare a volume that was not traded here",
    located=True,
    body=VolumeDocument,
    answer=VolumeAccepted,
    description=(
        "What one bought or sold outside the platform in a quarter, for the CRMA monitor: it counts beside "
        "the trades, and is told apart from them. What was traded here, or declared before, is refused; a "
        "quarter of years ago is warned of, and what looks like a trade of this record by its counterparty's "
        "name, its reference or its masses."
    ),
    example=EXAMPLE,
)
async def declare(call: Call[VolumeDocument, DryRun]) -> Answer:
    argument = DeclareVolume(caller=call.caller, volume=call.door.desk.new_id(), terms=call.body.inside())
    outcome = await given(call, commands.declare, argument)
    found = outcome.made("vol", outcome.fact(VolumeDeclared).volume)
    return outcome.answer(
        VolumeAccepted(
            id=found,
            version=1,
            warnings=await volume_warnings.of_volume(call, argument.terms),
            **outcome.accepted(),
        ),
        version=1,
        location=f"{PATH}/{found}",
    )


@step_endpoint(
    f"{PATH}/{{volume}}/corrections",
    summary="Correct a declared volume",
    body=VolumeCorrection,
    answer=VolumeAccepted,
    versioned=True,
    description="The corrected view is what counts; both are in the history.",
    example={"corrects": EVENT, "reason": "the certificate of origin came later", "terms": EXAMPLE},
)
async def correct(call: Call[VolumeCorrection, DryRun]) -> Answer:
    argument = CorrectVolume(
        caller=call.caller,
        volume=call.ids["volume"],
        expected_version=call.expected_version,
        corrects=to_uuid(call.body.corrects),
        reason=call.body.reason,
        terms=call.body.terms.inside(),
    )
    outcome = await given(call, commands.correct, argument)
    return _stepped(call, outcome, await volume_warnings.of_volume(call, argument.terms, "/terms"))


@step_endpoint(
    f"{PATH}/{{volume}}/withdrawals",
    summary="Withdraw a declared volume",
    body=VolumeWithdrawal,
    answer=VolumeAccepted,
    versioned=True,
    description="It counts as if it had never been declared, and stays readable.",
    example={"reason": "the goods came back"},
)
async def withdraw(call: Call[VolumeWithdrawal, DryRun]) -> Answer:
    argument = WithdrawVolume(
        caller=call.caller,
        volume=call.ids["volume"],
        expected_version=call.expected_version,
        reason=call.body.reason,
    )
    return _stepped(call, await given(call, commands.withdraw, argument))


def _stepped(call: Call[Any, DryRun], outcome: Done, warnings: tuple[Warned, ...] = ()) -> Answer:
    version = call.expected_version + 1
    return outcome.answer(
        VolumeAccepted(
            id=to_text("vol", call.ids["volume"]), version=version, warnings=warnings, **outcome.accepted()
        ),
        version=version,
    )


@endpoint(
    "GET",
    PATH,
    roles=READERS,
    summary="List declared volumes",
    tag=TAG,
    query=VolumesQuery,
    answer=Listing[DeclaredVolumeView],
    description="One's own as they stand now, the newest first; operators and auditors see all.",
)
async def index(call: Call[Nothing, VolumesQuery]) -> Answer:
    async with as_caller(call) as connection:
        page = await store.list_volumes(
            connection,
            own(call.caller),
            quarter=call.query.quarter,
            after=lists.after(call, UUID),
            limit=lists.limit(call),
        )
    return lists.answer(call, page, key=lambda row: row.volume, view=DeclaredVolumeView.of)


@endpoint(
    "GET",
    f"{PATH}/{{volume}}",
    roles=READERS,
    summary="Read a declared volume",
    tag=TAG,
    answer=DeclaredVolumeView,
    etagged=True,
    description="As it stands now: of one's own, for operators and auditors of all.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    async with as_caller(call) as connection:
        row = await store.load_volume(connection, call.ids["volume"])
    if row is None:
        raise not_found()
    return Answer(body=DeclaredVolumeView.of(row), version=row.version)


@endpoint(
    "GET",
    f"{PATH}/{{volume}}/history",
    roles=READERS,
    summary="What was said of a declared volume",
    tag=TAG,
    query=PageQuery,
    answer=Listing[VolumeStepView],
    description="Every statement in its order: what was declared first beside what stands now.",
)
async def history(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_caller(call) as connection:
        if await store.load_volume(connection, call.ids["volume"]) is None:
            raise not_found()
        page = await store.list_steps(
            connection, call.ids["volume"], after=lists.after(call, int), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda step: step.version, view=VolumeStepView.of)


HANDLERS: Final = (declare, index, read, history, correct, withdraw)
