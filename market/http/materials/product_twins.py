"""Product twins: state one or a further version; read them with figures derived from them."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import asdict

from contracts.rules.days import day_of
from events.forecast_terms import ElementShare, LifeBounds
from events.material_events import ProductTwinStated
from events.refusal import Caution
from events.twin_terms import ProductTwinTerms, ToolClass
from events.twin_terms import TwinMagnet as RecordedMagnet
from events.twin_terms import TwinStep as RecordedStep
from events.vocabulary import Instant, TwinReference
from market import data
from market.commands import product_twins as commands
from market.http.orders.return_terms import BillTerms, ElementContent, LifeTerms
from market.http.orders.rex_terms import CoreMagnet, DisassemblyStep
from market.http.wire import lists
from market.http.wire.access import KEEPERS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, PassportId, ProductTwinId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, check_days
from market.http.wire.numbers import GRAMS, MINUTES, DecimalKind, DecimalText
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, own
from market.http.wire.receipts import Accepted, warned
from market.http.wire.steps import given
from market.rules.orders.twin_references import product_magnets
from market.rules.orders.unlikely_magnets import share_cautions
from market.rules.refusing.wording import Code, Name
from market.rules.twins.dated_rules import DatedRule, read_rules
from market.rules.twins.disassembly import disassembly_minutes_tenths, score_on
from market.rules.twins.product_twins import StateTwin, bill_of, magnets_mg
from market.store import product_twins as store
from market.store.product_twins import ProductTwinRow

TAG: Final = "Product twins"
VERSION_DIGITS_MAX: Final = 5
SCORE: Final = DecimalKind(unit="points", digits=1, decimals=2, shown=2, example="3.72")
EXAMPLE: Final[dict[str, Any]] = {
    "name": "traction motor M4",
    "application": "ev-traction-motor",
    "magnets": [
        {
            "pieces": 8,
            "grade": "N42SH",
            "mass_g": "25.000",
            "coating": "epoxy",
            "fixing": "embedded",
            "elements": [
                {"element": "Nd", "low": "20.5", "middle": "21.5", "high": "22.5"},
                {"element": "Pr", "low": "5", "middle": "5", "high": "5"},
            ],
        }
    ],
    "steps": [
        {"action": "pull the shaft", "tool": "bearing puller", "minutes": "2.5", "tool_class": "basic"},
        {
            "action": "heat and push out the magnets",
            "tool": "oven at 220 °C, mandrel",
            "minutes": "6",
            "tool_class": "commercially_available",
        },
    ],
    "life": {"least_years": "12", "years": "16", "most_years": "20", "shape": "3.5"},
}


class TwinMagnet(CoreMagnet, frozen=True, kw_only=True):
    """As the bill of a core states it, and of what elements, in per cent of the magnet's mass."""

    elements: Annotated[tuple[ElementContent, ...], Meta(min_length=1, max_length=16)]

    def inside(self) -> RecordedMagnet:
        elements = tuple(ElementShare(element=e.element, fraction_ppb=e.inside()) for e in self.elements)
        return RecordedMagnet(**asdict(super().inside()), elements=elements)

    @classmethod
    def shown(cls, value: RecordedMagnet) -> Self:
        (bill,) = (BillTerms.outside(each) for each in product_magnets([value]))
        return cls(**asdict(CoreMagnet.outside(value)), elements=bill.elements)


class TwinStep(DisassemblyStep, frozen=True, kw_only=True):
    """One disassembly step. `tool_class`: the simplest sufficient tools."""

    tool_class: ToolClass

    def inside(self) -> RecordedStep:
        return RecordedStep(**asdict(super().inside()), tool_class=self.tool_class)

    @classmethod
    def shown(cls, value: RecordedStep) -> Self:
        return cls(**asdict(DisassemblyStep.outside(value)), tool_class=value.tool_class)


class ProductTwinDocument(Body, frozen=True, kw_only=True):
    """One unit of a product: its magnets, disassembly steps and lifetime.

    `application`: the use of the product. `passport`: of the product, if it has one; the bill of magnets then
    has to equal the passport's magnets, piece by piece.
    """

    name: Name
    application: Code
    magnets: Annotated[tuple[TwinMagnet, ...], Meta(min_length=1, max_length=64)]
    steps: Annotated[tuple[TwinStep, ...], Meta(min_length=1, max_length=64)]
    life: LifeTerms
    passport: PassportId | None = None

    def inside(self) -> ProductTwinTerms:
        life = self.life.inside()
        return ProductTwinTerms(
            name=self.name,
            application=self.application,
            magnets=tuple(magnet.inside() for magnet in self.magnets),
            steps=tuple(step.inside() for step in self.steps),
            scale_micro_years=LifeBounds(**life.scale_micro_years._asdict()),
            shape_micro=life.shape_micro,
            passport=None if self.passport is None else to_uuid(self.passport),
        )


class DisassemblyView(Body, frozen=True, kw_only=True):
    """One to five points each, five is best. `score`: the weighted mean by the rules of `rules_as_of`; all
    null on a day without rules."""

    rules_as_of: date
    depth: int | None
    fixing: int | None
    tools: int | None
    score: str | None

    @classmethod
    def of(cls, terms: ProductTwinTerms, day: date) -> Self:
        found = score_on(dated_rules(), day, terms)
        return cls(
            rules_as_of=day,
            depth=None if found is None else found.depth,
            fixing=None if found is None else found.fixing,
            tools=None if found is None else found.tools,
            score=None if found is None else SCORE.text(found.score_hundredths),
        )


class ProductTwinView(ProductTwinDocument, frozen=True, kw_only=True):
    """A version as it was stated; none ever changes. What follows from it: `magnets_g` and `minutes` of one
    unit, as a lot of cores tells them of one core, and how well it comes apart."""

    id: ProductTwinId
    organisation: OrganisationId
    version: int
    stated_time: Instant
    magnets_g: DecimalText
    minutes: str
    disassembly: DisassemblyView

    @classmethod
    def of(cls, row: ProductTwinRow, day: date) -> Self:
        twin, terms = row.twin, row.twin.terms
        return cls(
            id=to_text("twin", twin.twin),
            organisation=to_text("org", twin.organisation),
            version=twin.version,
            stated_time=row.stated_time,
            name=terms.name,
            application=terms.application,
            magnets=tuple(map(TwinMagnet.shown, terms.magnets)),
            steps=tuple(map(TwinStep.shown, terms.steps)),
            life=LifeTerms.outside(terms.scale_micro_years, terms.shape_micro),
            passport=None if terms.passport is None else to_text("pass", terms.passport),
            magnets_g=GRAMS.text(magnets_mg(bill_of(terms.magnets))),
            minutes=MINUTES.text(disassembly_minutes_tenths(terms)),
            disassembly=DisassemblyView.of(terms, day),
        )


class ProductTwinAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run of a new one."""

    id: ProductTwinId | None
    version: int | None = None


class ScoreQuery(Struct, frozen=True, kw_only=True):
    on: Annotated[
        date | None, Meta(description="The day whose rules score disassembly; today where none is named.")
    ] = None

    def __post_init__(self) -> None:
        check_days(self)


@cache
def dated_rules() -> tuple[DatedRule, ...]:
    return read_rules(data.rows("disassembly_rules.csv"))


@endpoint(
    "POST",
    "/v1/product-twins",
    roles=KEEPERS,
    summary="State a product twin",
    tag=TAG,
    body=ProductTwinDocument,
    query=DryRun,
    answer=ProductTwinAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="Return forecasts and lots of cores may rest on it.",
    example=EXAMPLE,
)
async def state(call: Call[ProductTwinDocument, DryRun]) -> Answer:
    return await _stated(call, call.door.desk.new_id(), 0)


@endpoint(
    "POST",
    "/v1/product-twins/{twin}/versions",
    roles=KEEPERS,
    summary="State a further version of a product twin",
    tag=TAG,
    body=ProductTwinDocument,
    query=DryRun,
    answer=ProductTwinAccepted,
    status=201,
    located=True,
    idempotent=True,
    versioned=True,
    description="Whole. What rests on an earlier version stays so until it is amended to name this.",
    example=EXAMPLE,
)
async def revise(call: Call[ProductTwinDocument, DryRun]) -> Answer:
    return await _stated(call, call.ids["twin"], call.expected_version)


async def _stated(call: Call[ProductTwinDocument, DryRun], twin: UUID, expected_version: int) -> Answer:
    argument = StateTwin(
        caller=call.caller, twin=twin, expected_version=expected_version, terms=call.body.inside()
    )
    outcome = await given(call, commands.state, argument)
    fact = outcome.fact(ProductTwinStated)
    new = outcome.validated_only and expected_version == 0
    found = to_text("twin", fact.twin)
    of_version = f"/versions/{fact.version}" if expected_version else ""
    return outcome.answer(
        ProductTwinAccepted(
            id=None if new else found,
            version=fact.version,
            warnings=warned([*share_cautions(fact.terms.magnets, "/magnets"), *_cautions(fact.terms)]),
            **outcome.accepted(),
        ),
        version=fact.version,
        location=f"/v1/product-twins/{found}{of_version}",
    )


def _cautions(terms: ProductTwinTerms) -> Iterator[Caution]:
    names = [row["application"] for row in data.rows("lifetimes.csv")]
    if terms.application not in names:
        text = f"No reference data of lives name {terms.application}; they have {', '.join(names)}."
        yield Caution(code="application_unknown", text=text, pointer="/application")


@endpoint(
    "GET",
    "/v1/product-twins",
    roles=READERS,
    summary="List product twins",
    tag=TAG,
    query=PageQuery,
    answer=Listing[ProductTwinView],
    description="One's own at their newest versions, newest twin first; operators and auditors see all.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    today = day_of(call.door.clock())
    async with as_caller(call) as connection:
        page = await store.list_twins(
            connection, own(call.caller), after=lists.after(call, UUID), limit=lists.limit(call)
        )
    return lists.answer(
        call,
        page,
        key=lambda row: row.twin.twin,
        view=lambda row: ProductTwinView.of(row, today),
    )


@endpoint(
    "GET",
    "/v1/product-twins/{twin}",
    roles=READERS,
    summary="Read a product twin",
    tag=TAG,
    query=ScoreQuery,
    answer=ProductTwinView,
    etagged=True,
    problems=(422,),
    description="At its newest version.",
)
async def read(call: Call[Nothing, ScoreQuery]) -> Answer:
    async with as_caller(call) as connection:
        row = await store.load_newest(connection, call.ids["twin"])
    if row is None:
        raise not_found()
    return Answer(body=ProductTwinView.of(row, _day(call)), version=row.twin.version)


@endpoint(
    "GET",
    "/v1/product-twins/{twin}/versions/{version}",
    roles=READERS,
    summary="Read a version of a product twin",
    tag=TAG,
    query=ScoreQuery,
    answer=ProductTwinView,
    problems=(422,),
    description="As it was stated. What rests on it stays so until it is amended.",
)
async def read_version(call: Call[Nothing, ScoreQuery]) -> Answer:
    text = call.text_parameter["version"]
    if not (text.isascii() and text.isdecimal() and len(text) <= VERSION_DIGITS_MAX):
        raise not_found()
    row = await load_version(call, TwinReference(twin=call.ids["twin"], version=int(text)))
    if row is None:
        raise not_found()
    return Answer(body=ProductTwinView.of(row, _day(call)))


async def load_version(call: Call[Any, Any], named: TwinReference) -> ProductTwinRow | None:
    """None for one that the caller may not see."""
    async with as_caller(call) as connection:
        return (await store.load_versions(connection, [named])).get(named)


def _day(call: Call[Nothing, ScoreQuery]) -> date:
    return call.query.on or day_of(call.door.clock())


HANDLERS: Final = (state, index, read, read_version, revise)
