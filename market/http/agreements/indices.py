"""Published indices: values as a body or as a file, and what the record holds of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from contracts.commands import indices as commands
from contracts.rules.indices import IndexUnit, PublishIndex
from contracts.store import indices as store
from events.contract_terms import IndexValue
from events.refusal import Refusals
from events.vocabulary import Denominator
from market.http.agreements.index_files import read_values
from market.http.agreements.index_values import VALUES_MAX, ValueBody
from market.http.agreements.index_warnings import of_values
from market.http.wire import lists
from market.http.wire.access import OPERATORS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.problems import refusal_faults
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.steps import given
from market.rules.refusing.wording import Code, CurrencyCode
from market.store.reading import page

TAG: Final = "Indices"
VALUE: Final = {
    "first_day": "2026-10-01",
    "last_day": "2026-10-31",
    "amount": "69.00",
    "as_of": "2026-10-31",
    "published_at": "2026-11-02T09:00:00Z",
    "source": "entered under the operator's own licence",
}
EXAMPLE: Final = {"currency": "USD", "per": "oxide", "values": [VALUE]}


class PublishValues(Body, frozen=True, kw_only=True):
    """Values in units of `currency` per kg of `per`; of an exchange rate per unit of `rate_of`."""

    currency: CurrencyCode
    per: Denominator | None = None
    rate_of: CurrencyCode | None = None
    values: Annotated[tuple[ValueBody, ...], Meta(min_length=1, max_length=VALUES_MAX)]


class FileQuery(DryRun, frozen=True, kw_only=True):
    """What the values of the file are counted in."""

    currency: CurrencyCode
    per: Denominator | None = None
    rate_of: CurrencyCode | None = None


class IndexAccepted(Accepted, frozen=True, kw_only=True):
    index: Code
    values: int


class IndexView(Body, frozen=True, kw_only=True):
    """The unit of an index, and the place of its newest values in the record."""

    index: Code
    currency: CurrencyCode
    per: Denominator | None
    rate_of: CurrencyCode | None
    position: int

    @classmethod
    def outside(cls, row: store.IndexRow) -> Self:
        unit = row.unit
        return cls(
            index=row.code,
            currency=unit.currency,
            per=unit.per,
            rate_of=unit.rate_of,
            position=row.position,
        )


class ListedIndexView(IndexView, frozen=True, kw_only=True):
    """`newest`: the last published value of the last period; its `source` says who published it. `values`
    also counts restatements."""

    values: int
    newest: ValueBody

    @classmethod
    def listed(cls, row: store.ListedIndex) -> Self:
        counts = asdict(IndexView.outside(row.index))
        return cls(**counts, values=row.values, newest=ValueBody.outside(row.newest))


@endpoint(
    "POST",
    "/v1/indices/{code}/values",
    roles=OPERATORS,
    summary="Publish values of an index",
    tag=TAG,
    body=PublishValues,
    query=DryRun,
    answer=IndexAccepted,
    status=201,
    idempotent=True,
    description="All or none. A value of a period that is known restates it when it is published later. "
    "One that is published before the last day of its period is warned of, as is one of more than twice or "
    "less than half the value of the period before, a restatement or an exchange rate that changes by more "
    "than a tenth, and a code that differs from another by its case alone.",
    example=EXAMPLE,
)
async def publish(call: Call[PublishValues, DryRun]) -> Answer:
    body = call.body
    unit = IndexUnit(currency=body.currency, per=body.per, rate_of=body.rate_of)
    return await _publish(call, unit, tuple(value.inside() for value in body.values))


@endpoint(
    "POST",
    "/v1/indices/{code}/files",
    roles=OPERATORS,
    summary="Publish values of an index from a file",
    tag=TAG,
    query=FileQuery,
    answer=IndexAccepted,
    status=201,
    idempotent=True,
    takes=(CSV, XLSX),
    description=(
        "CSV (UTF-8; comma, semicolon or tab) or the first sheet of an XLSX workbook, with the columns "
        "first_day, last_day, amount, as_of, published_at and source. All rows or none; every fault names "
        "its row and column."
    ),
)
async def publish_file(call: Call[Nothing, FileQuery]) -> Answer:
    query = call.query
    unit = IndexUnit(currency=query.currency, per=query.per, rate_of=query.rate_of)
    values = read_values(call.raw_body, call.media_type)
    try:
        return await _publish(call, unit, tuple(values.values()), [f"/rows/{row}" for row in values])
    except Refusals as error:
        faults = refusal_faults(error.refusals)
        if not any((fault.pointer or "").startswith("/values/") for fault in faults):
            raise
        raise InvalidInputError([_in_file(fault, list(values)) for fault in faults]) from error


def _in_file(fault: Fault, numbers: list[int]) -> Fault:
    """A fault of a value, by the row of the file that holds it."""
    parts = (fault.pointer or "").split("/")
    if parts[1:2] != ["values"] or len(parts) < 3:
        return fault
    column = "/".join(parts[3:])
    return Fault(code=fault.code, detail=fault.detail, pointer=f"/rows/{numbers[int(parts[2])]}/{column}")


async def _publish(
    call: Call[Any, Any], unit: IndexUnit, values: tuple[IndexValue, ...], rows: Sequence[str] = ()
) -> Answer:
    """`rows`: where each value stands, if not in `/values`."""
    index = _code(call)
    argument = PublishIndex(caller=call.caller, index=index, unit=unit, values=values)
    outcome = await given(call, commands.publish, argument)
    told = await of_values(call.door, index, unit, values, rows)
    body = IndexAccepted(index=index, values=len(values), warnings=told, **outcome.accepted())
    return outcome.answer(body)


def _code(call: Call[Any, Any]) -> str:
    """The index of the path. DoorError `not_found` for what cannot be a code."""
    try:
        return msgspec.convert(call.text_parameter["code"], Code)
    except msgspec.ValidationError:
        raise not_found() from None


@endpoint(
    "GET",
    "/v1/indices",
    roles=READERS,
    summary="List indices",
    tag=TAG,
    query=PageQuery,
    answer=Listing[ListedIndexView],
    description="By code: what each counts, and how far it is published. A code that is not here has no "
    "values, and prices nothing.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    limit = lists.limit(call)
    async with as_caller(call) as connection:
        rows = await store.list_indices(connection, after=lists.after(call, str), limit=limit + 1)
    return lists.answer(
        call,
        page(rows, limit),
        key=lambda row: row.index.code,
        view=ListedIndexView.listed,
    )


@endpoint(
    "GET",
    "/v1/indices/{code}",
    roles=READERS,
    summary="Read what an index counts",
    tag=TAG,
    answer=IndexView,
    description="Its currency and unit, or the currency whose rate it is. Its values have a list of "
    "their own.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    index = _code(call)
    async with as_caller(call) as connection:
        row = await store.load_index(connection, call.door.desk.lane("contracts", index).lane, index)
    if row is None:
        raise not_found()
    return Answer(body=IndexView.outside(row))


@endpoint(
    "GET",
    "/v1/indices/{code}/values",
    roles=READERS,
    summary="List the values of an index",
    tag=TAG,
    query=PageQuery,
    answer=Listing[ValueBody],
    description="By first day and time of publication: a restatement stands after what it restates.",
)
async def values(call: Call[Nothing, PageQuery]) -> Answer:
    index, limit = _code(call), lists.limit(call)
    async with as_caller(call) as connection:
        rows = await store.list_values(
            connection,
            call.door.desk.lane("contracts", index).lane,
            index,
            after=lists.after(call, tuple[datetime, datetime]),
            limit=limit + 1,
        )
    return lists.answer(
        call,
        page(rows, limit),
        key=lambda value: (value.period.start, value.published_at),
        view=ValueBody.outside,
    )


HANDLERS: Final = (publish, publish_file, index, read, values)
