"""Ageing of own open invoices by currency, and on request by counterparty."""

from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from contracts.rules.days import day_of
from contracts.store.ageing import BUCKETS, Aged, read_ageing
from market.http.agreements.contract_reads import as_party
from market.http.agreements.invoice_queries import TAG
from market.http.agreements.sides import names_of
from market.http.wire import row_tables
from market.http.wire.access import LEDGER_READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.ids import OrganisationId, to_text, to_uuid
from market.http.wire.material import Body
from market.http.wire.numbers import SIGNED_CENTS, SignedCents
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.row_tables import Column, FileFormat, member

Direction = Literal["receivable", "payable"]


class AgeingQuery(Struct, frozen=True, kw_only=True):
    counterparty: OrganisationId | None = None
    by_counterparty: Annotated[bool, Meta(description="A row for each of them.")] = False
    format: FileFormat = "json"


class AgeingRow(Body, frozen=True, kw_only=True):
    """Open amounts in one currency, by days since they were due; the columns of days add up to `total`.
    `payable` is what the caller pays: as a buyer invoices, as a seller the rest of its credits. An unknown
    due day counts as not due. `counterparty` is null for the sum of all."""

    currency: str
    direction: Direction
    counterparty: OrganisationId | None
    counterparty_name: str | None
    invoices: int
    not_due: SignedCents
    days_1_30: SignedCents
    days_31_60: SignedCents
    days_61_90: SignedCents
    days_over_90: SignedCents
    total: SignedCents


class AgeingView(Body, frozen=True, kw_only=True):
    """`on`: the day of UTC that the ages are of."""

    on: date
    items: tuple[AgeingRow, ...]


COLUMNS: Final[tuple[Column, ...]] = tuple(
    member(name, number=name not in ("currency", "direction", "counterparty", "counterparty_name"))
    for name in AgeingRow.__struct_fields__
)


@endpoint(
    "GET",
    "/v1/invoices/ageing",
    roles=LEDGER_READERS,
    summary="Tell how old is what is open",
    tag=TAG,
    query=AgeingQuery,
    answer=AgeingView,
    shapes=(CSV, XLSX),
    description="Of all own invoices that are not settled, what is left: by currency and by who pays, "
    "with `by_counterparty` for each counterparty. What waits for its payee's word is open. Nothing of one "
    "direction is set off against the other.",
)
async def ageing(call: Call[Nothing, AgeingQuery]) -> Answer:
    query, today = call.query, day_of(call.door.clock())
    async with as_party(call) as (connection, _):
        found = await read_ageing(
            connection,
            call.caller.organisation,
            today,
            counterparty=None if query.counterparty is None else to_uuid(query.counterparty),
            by_counterparty=query.by_counterparty,
        )
    names = await names_of(call, (each.counterparty for each in found if each.counterparty is not None))
    rows = tuple(_row(list(group), names) for _, group in groupby(found, _of_row))
    if query.format == "json":
        return Answer(body=AgeingView(on=today, items=rows))
    file, media_type, headers = row_tables.content(query.format, "ageing", "ageing", COLUMNS, rows, frozen=3)
    return Answer(body=file, media_type=media_type, headers=headers)


def _of_row(aged: Aged) -> tuple[str, bool, UUID | None]:
    return aged.currency, aged.receivable, aged.counterparty


def _row(group: list[Aged], names: Mapping[UUID, str]) -> AgeingRow:
    first = group[0]
    other = first.counterparty
    cents = {BUCKETS[each.bucket]: each.cents for each in group}
    return AgeingRow(
        currency=first.currency,
        direction="receivable" if first.receivable else "payable",
        counterparty=None if other is None else to_text("org", other),
        counterparty_name=None if other is None else names[other],
        invoices=sum(each.invoices for each in group),
        **{name: SIGNED_CENTS.text(cents.get(name, 0)) for name in BUCKETS},
        total=SIGNED_CENTS.text(sum(cents.values())),
    )


HANDLERS: Final = (ageing,)
