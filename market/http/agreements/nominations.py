"""Volumes of an agreement: nominations by the buyer; output and shortfalls by the seller."""

from typing import Annotated, Final

from msgspec import Meta

from contracts.commands import volumes as commands
from contracts.rules import year_accounts
from contracts.rules.nominations import NominateQuantity, in_order
from contracts.rules.volumes import Nomination
from events.contract_events import OutputDeclared, QuantityNominated, ShortfallNotified
from events.contract_terms import NominatedPart, NominationLevel
from events.vocabulary import ProductForm
from market.http.agreements.agreement_answers import TAG
from market.http.agreements.contract_reads import ReasonQuery, load_with_volumes
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.ids import NominationId, to_text
from market.http.wire.material import Body, Window
from market.http.wire.numbers import KILOGRAMS, Kilograms
from market.http.wire.receipts import Accepted
from market.http.wire.steps import given, step_endpoint
from market.rules.refusing.wording import LongText

ContractYear = Annotated[int, Meta(ge=1, le=60, description="Contract years count from 1.")]


class Nominate(Body, frozen=True, kw_only=True):
    """For one year, quarter or month of the agreement; `make_up_kg` is added to the quantity."""

    level: NominationLevel
    period: Window
    quantity_kg: Kilograms
    make_up_kg: Kilograms = "0"
    form: ProductForm


class DeclareOutput(Body, frozen=True, kw_only=True):
    """The facility's output in the contract year; a new declaration replaces the earlier one."""

    year: ContractYear
    output_kg: Kilograms


class NotifyShortfall(Body, frozen=True, kw_only=True):
    """How much more of the year's quantity the seller will not deliver, and why."""

    year: ContractYear
    quantity_kg: Kilograms
    reason: LongText


class NominationView(Body, frozen=True, kw_only=True):
    """`silent`: made by rule, since the buyer did not nominate in time."""

    id: NominationId
    level: NominationLevel
    year: int
    period: Window
    quantity_kg: Kilograms
    make_up_kg: Kilograms
    form: ProductForm
    silent: bool

    @classmethod
    def of(cls, value: Nomination) -> "NominationView":
        return cls(
            id=to_text("nom", value.nomination),
            level=value.level,
            year=value.year,
            period=Window.outside(value.part.period),
            quantity_kg=KILOGRAMS.text(value.part.quantity_g),
            make_up_kg=KILOGRAMS.text(value.part.make_up_g),
            form=value.part.form,
            silent=value.silent,
        )


class NominationsView(Body, frozen=True, kw_only=True):
    """The newest nomination of each part, in order of time, longer periods first."""

    items: tuple[NominationView, ...]


class NominationAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run."""

    id: NominationId | None
    year: int


class YearAccepted(Accepted, frozen=True, kw_only=True):
    year: int


@step_endpoint(
    "/v1/agreements/{agreement}/nominations",
    summary="Nominate a quantity",
    tag=TAG,
    body=Nominate,
    answer=NominationAccepted,
    description="By the buyer, before notice is over, in the band around its share of the level above.",
    example={
        "level": "annual",
        "period": {"start": "2028-01-01T00:00:00Z", "end": "2029-01-01T00:00:00Z"},
        "quantity_kg": "600000.000",
        "form": "separated_oxide",
    },
)
async def nominate(call: Call[Nominate, DryRun]) -> Answer:
    body = call.body
    argument = NominateQuantity(
        caller=call.caller,
        agreement=call.ids["agreement"],
        level=body.level,
        part=NominatedPart(
            period=body.period.inside(),
            quantity_g=KILOGRAMS.parse(body.quantity_kg),
            make_up_g=KILOGRAMS.parse(body.make_up_kg),
            form=body.form,
        ),
    )
    outcome = await given(call, commands.nominate, argument)
    fact = outcome.fact(QuantityNominated)
    shown = outcome.made("nom", fact.nomination)
    accepted = NominationAccepted(id=shown, year=fact.year, **outcome.accepted())
    return outcome.answer(accepted)


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/nominations",
    roles=READERS,
    summary="List the nominations of an agreement",
    tag=TAG,
    query=ReasonQuery,
    problems=(422,),
    answer=NominationsView,
    description="One for each year, quarter and month that was nominated, by the buyer or by its silence.",
)
async def index(call: Call[Nothing, ReasonQuery]) -> Answer:
    _, volumes = await load_with_volumes(call)
    items = tuple(NominationView.of(nomination) for nomination in in_order(volumes))
    return Answer(body=NominationsView(items=items), hashed=True)


@step_endpoint(
    "/v1/agreements/{agreement}/outputs",
    summary="Declare the output of a contract year",
    tag=TAG,
    body=DeclareOutput,
    answer=YearAccepted,
    description="By the seller, where the buyer has a share of it; until then what was expected counts.",
    example={"year": 1, "output_kg": "1300000.000"},
)
async def declare_output(call: Call[DeclareOutput, DryRun]) -> Answer:
    argument = year_accounts.DeclareOutput(
        caller=call.caller,
        agreement=call.ids["agreement"],
        year=call.body.year,
        output_g=KILOGRAMS.parse(call.body.output_kg),
    )
    outcome = await given(call, commands.declare_output, argument)
    accepted = YearAccepted(year=outcome.fact(OutputDeclared).year, **outcome.accepted())
    return outcome.answer(accepted)


@step_endpoint(
    "/v1/agreements/{agreement}/shortfalls",
    summary="Tell of a shortfall",
    tag=TAG,
    body=NotifyShortfall,
    answer=YearAccepted,
    description="By the seller, as early as the agreement asks; the buyer need not take what is not there.",
    example={"year": 1, "quantity_kg": "50000.000", "reason": "The calciner is down until March"},
)
async def notify_shortfall(call: Call[NotifyShortfall, DryRun]) -> Answer:
    argument = year_accounts.NotifyShortfall(
        caller=call.caller,
        agreement=call.ids["agreement"],
        year=call.body.year,
        quantity_g=KILOGRAMS.parse(call.body.quantity_kg),
        reason=call.body.reason,
    )
    outcome = await given(call, commands.notify_shortfall, argument)
    accepted = YearAccepted(year=outcome.fact(ShortfallNotified).year, **outcome.accepted())
    return outcome.answer(accepted)


HANDLERS: Final = (nominate, index, declare_output, notify_shortfall)
