"""Dated inputs of a market: reference prices, exchange rates, qualifications, concentrated origins."""

from datetime import date
from typing import Annotated, Any, Final, TypeAlias, assert_never

from msgspec import Meta

from events import market_terms as terms
from events.vocabulary import Count, Instant, KeyRole, ProductForm, QualificationLevel
from market.commands import inputs as commands
from market.http.rounds.markets import load as load_market
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.countries import CountryCode
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.ids import FacilityId, OrganisationId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, Price, utc
from market.http.wire.numbers import EUR_PER_CURRENCY, EurPerCurrency
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, as_desk
from market.http.wire.receipts import Accepted, Warned, done, warned
from market.rules.input_changes import change_cautions
from market.rules.refusing.wording import Code, CurrencyCode, LongText, Text
from market.store import inputs as store
from market.store.inputs import InputRow

TAG: Final = "Markets"
WRITERS: Final[frozenset[KeyRole]] = frozenset({"operator", "trader"})
EXAMPLE: Final = {
    "kind": "fx_rate",
    "currency": "USD",
    "eur_per_unit": "0.862",
    "as_of": "2026-11-20",
    "published_at": "2026-11-20T15:00:00Z",
    "source": "ECB euro foreign exchange reference rates",
    "source_id": "ecb-2026-11-20",
}


class Sourced(Body, frozen=True, kw_only=True):
    """`source_id` names the input at its source; `source_position` its place in another lane, if it comes
    from one."""

    source_id: Text
    source_position: Count | None = None


class ReferencePrice(Sourced, frozen=True, kw_only=True, tag_field="kind", tag="reference_price"):
    """A dated price of one product. `analyte`: an element, NdPr, or NdFeB for whole magnets."""

    code: Code
    analyte: Code
    price: Price
    description: Text
    as_of: date
    published_at: Instant
    source: LongText


class FxRate(Sourced, frozen=True, kw_only=True, tag_field="kind", tag="fx_rate"):
    """EUR for one unit of `currency`."""

    currency: CurrencyCode
    eur_per_unit: EurPerCurrency
    as_of: date
    published_at: Instant
    source: LongText


class Qualification(Sourced, frozen=True, kw_only=True, tag_field="kind", tag="qualification"):
    """How far a buyer has qualified a seller's site for a form. A buyer states its own."""

    buyer: OrganisationId
    seller: OrganisationId
    facility: FacilityId
    form: ProductForm
    level: QualificationLevel


class ConcentratedOrigins(Sourced, frozen=True, kw_only=True, tag_field="kind", tag="concentrated_origins"):
    """Third countries above 65 % of supply at a stage: a dated list."""

    countries: Annotated[tuple[CountryCode, ...], Meta(max_length=250)]
    as_of: date
    source: LongText


Input: TypeAlias = ReferencePrice | FxRate | Qualification | ConcentratedOrigins


class RecordedInput(Body, frozen=True, kw_only=True):
    """An input, and where the market's lane took it in."""

    input: Input
    position: int
    recorded_time: Instant


class InputAccepted(Accepted, frozen=True, kw_only=True):
    """The position of the receipt is what conversions and clearings name."""


def _inside(value: Input) -> terms.MarketInput:
    match value:
        case ReferencePrice():
            return terms.ReferencePrice(
                code=value.code,
                analyte=value.analyte,
                price=value.price.inside(),
                description=value.description,
                as_of=value.as_of,
                published_at=utc(value.published_at),
                source=value.source,
            )
        case FxRate():
            return terms.FxRate(
                currency=value.currency,
                ueur_per_unit=EUR_PER_CURRENCY.parse(value.eur_per_unit),
                as_of=value.as_of,
                published_at=utc(value.published_at),
                source=value.source,
            )
        case Qualification():
            return terms.Qualification(
                buyer=to_uuid(value.buyer),
                seller=to_uuid(value.seller),
                facility=to_uuid(value.facility),
                form=value.form,
                level=value.level,
            )
        case ConcentratedOrigins():
            return terms.ConcentratedOrigins(
                countries=value.countries, as_of=value.as_of, source=value.source
            )
        case _:
            assert_never(value)


def _outside(row: InputRow) -> Input:
    source: dict[str, Any] = {"source_id": row.source_id, "source_position": row.source_position}
    match row.input:
        case terms.ReferencePrice() as value:
            return ReferencePrice(
                code=value.code,
                analyte=value.analyte,
                price=Price.outside(value.price),
                description=value.description,
                as_of=value.as_of,
                published_at=value.published_at,
                source=value.source,
                **source,
            )
        case terms.FxRate() as value:
            return FxRate(
                currency=value.currency,
                eur_per_unit=EUR_PER_CURRENCY.text(value.ueur_per_unit),
                as_of=value.as_of,
                published_at=value.published_at,
                source=value.source,
                **source,
            )
        case terms.Qualification() as value:
            return Qualification(
                buyer=to_text("org", value.buyer),
                seller=to_text("org", value.seller),
                facility=to_text("fac", value.facility),
                form=value.form,
                level=value.level,
                **source,
            )
        case terms.ConcentratedOrigins() as value:
            return ConcentratedOrigins(
                countries=value.countries, as_of=value.as_of, source=value.source, **source
            )
        case _:
            assert_never(row.input)


@endpoint(
    "POST",
    "/v1/markets/{market}/inputs",
    roles=WRITERS,
    summary="Record a dated input",
    tag=TAG,
    body=Input,  # type: ignore[arg-type]
    query=DryRun,
    answer=InputAccepted,
    status=201,
    idempotent=True,
    description="Prices, rates and lists are the operator's; a qualification is its buyer's. A price of "
    "more than twice or less than half the one before is warned of, and a rate more than a tenth from it.",
    example=EXAMPLE,
)
async def record(call: Call[Input, DryRun]) -> Answer:
    value = _inside(call.body)
    told = await _changes(call, value)
    result = await commands.record_input(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        value=value,
        source_id=call.body.source_id,
        source_position=call.body.source_position,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    body = InputAccepted(warnings=told, **outcome.accepted())
    return outcome.answer(body)


async def _changes(call: Call[Input, DryRun], value: terms.MarketInput) -> tuple[Warned, ...]:
    """Against what the lane holds yet: the table keeps the newest of each input alone."""
    if not isinstance(value, terms.FxRate | terms.ReferencePrice):
        return ()
    market = call.ids["market"]
    lane = call.door.desk.lane("market", market).lane
    async with as_desk(call) as connection:
        before = (await store.load_inputs(connection, lane, [market]))[market]
    return warned(change_cautions(value, before))


@endpoint(
    "GET",
    "/v1/markets/{market}/inputs",
    roles=READERS,
    summary="List the newest of each dated input",
    tag=TAG,
    query=PageQuery,
    answer=Listing[RecordedInput],
    description="Qualifications are shown to their buyer, to operators and to auditors only.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    await load_market(call)
    async with as_caller(call) as connection:
        page = await store.list_inputs(
            connection,
            call.ids["market"],
            after=lists.after(call, tuple[str, str]),
            limit=lists.limit(call),
        )
    return lists.answer(call, page, key=lambda row: (row.kind, row.key), view=_recorded)


def _recorded(row: InputRow) -> RecordedInput:
    return RecordedInput(input=_outside(row), position=row.position, recorded_time=row.recorded_time)


HANDLERS: Final = (record, index)
