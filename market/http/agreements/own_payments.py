"""One's own payments, made and received: the newest first, or what changed since; as JSON and as files."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from msgspec import Meta

from contracts.rules.payment import PaymentStatus
from contracts.store import own_payments as store
from contracts.store.own_payments import KeptPayment, WantedPayments
from events.vocabulary import Instant
from market.http.agreements import own_lists
from market.http.agreements.contract_reads import as_party
from market.http.agreements.own_lists import FILE_ROWS_MAX
from market.http.agreements.payment_views import PaymentPartView, PaymentSide, PaymentView
from market.http.agreements.payments import TAG
from market.http.agreements.sides import names_of
from market.http.wire import lists
from market.http.wire.access import LEDGER_READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.loading import COST
from market.http.wire.paging import Listing
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.row_tables import Column, FileFormat


class PaymentsQuery(PageQuery, frozen=True, kw_only=True):
    """Ranges of days are half-open; the payee's value date counts if it stated one."""

    status: PaymentStatus | None = None
    side: PaymentSide | None = None
    counterparty: OrganisationId | None = None
    value_from: date | None = None
    value_before: date | None = None
    updated_since: Annotated[
        Instant | None, Meta(description="What was said of at this instant or later, in that order.")
    ] = None
    format: Annotated[
        FileFormat, Meta(description="A file has a row for each invoice that a payment is for.")
    ] = "json"


class PaymentRow(NamedTuple):
    """A part of a payment in a file: `amount` is of the whole, `stated` and `received` of the part."""

    of: PaymentView
    part: PaymentPartView


def _whole(name: str, member: str | None = None, *, number: bool = False) -> Column:
    return Column(name, attrgetter(f"of.{member or name}"), number)


def _part(name: str, *, number: bool = False) -> Column:
    return Column(name, attrgetter(f"part.{name}"), number)


COLUMNS: Final = (
    _whole("payment", "id"),
    _whole("status"),
    _whole("side"),
    _whole("counterparty"),
    _whole("counterparty_name"),
    _whole("currency"),
    _whole("amount", number=True),
    _whole("value_on"),
    _whole("reference"),
    _whole("stated_amount", number=True),
    _whole("stated_value_on"),
    _part("invoice"),
    _part("agreement"),
    _part("stated", number=True),
    _part("received", number=True),
    _whole("reason"),
    _whole("market"),
    _whole("updated_at"),
)


@endpoint(
    "GET",
    "/v1/payments",
    roles=LEDGER_READERS,
    summary="List the own payments",
    tag=TAG,
    query=PaymentsQuery,
    problems=(422,),
    answer=Listing[PaymentView],
    shapes=(CSV, XLSX),
    description="Made and received, the newest first; with `updated_since` what changed first before. "
    f"`format=csv` and `format=xlsx` answer a file of at most {FILE_ROWS_MAX:,} payments from the cursor on, "
    "a row for each invoice of each; where there are more, its Link header names the next one. A file "
    f"counts as {COST} requests in the organisation's rate.",
)
async def index(call: Call[Nothing, PaymentsQuery]) -> Answer:
    query, limit = call.query, own_lists.rows_wanted(call)
    own_lists.check_order(query.value_from, query.value_before, "value_before")
    wanted = WantedPayments(
        organisation=call.caller.organisation,
        side=query.side,
        status=query.status,
        counterparty=None if query.counterparty is None else to_uuid(query.counterparty),
        value_from=query.value_from or date.min,
        value_before=query.value_before or date.max,
    )
    async with as_party(call) as (connection, _):
        if query.updated_since is None:
            rows = await store.list_payments(connection, wanted, after=lists.after(call, UUID), limit=limit)
        else:
            since = own_lists.since(query.updated_since, "updated_since")
            after = lists.after(call, tuple[datetime, UUID])
            rows = await store.list_changed(connection, wanted, since, after=after, limit=limit)
    names = await _names(call, rows)
    return await own_lists.answer(
        call,
        rows,
        key=_key if query.updated_since is not None else lambda row: row.payment.opened.payment,
        view=lambda row: PaymentView.of(row, call.caller.organisation, names),
        name="payments",
        columns=COLUMNS,
        rows_of=_rows,
    )


def _key(row: KeptPayment) -> tuple[datetime, UUID]:
    return row.changed_at, row.payment.opened.payment


async def _names(call: Call[Any, Any], rows: Sequence[KeptPayment]) -> Mapping[UUID, str]:
    opened = [row.payment.opened for row in rows]
    return await names_of(call, (party for each in opened for party in (each.payer, each.payee)))


def _rows(view: PaymentView) -> Iterator[PaymentRow]:
    return (PaymentRow(view, part) for part in view.parts)


@endpoint(
    "GET",
    "/v1/payments/{payment}",
    roles=LEDGER_READERS,
    summary="Read a payment",
    tag=TAG,
    answer=PaymentView,
    etagged=True,
    description="For its payer and its payee.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    async with as_party(call) as (connection, organisation):
        found = await store.load_payment(connection, organisation, call.ids["payment"])
    if found is None:
        raise not_found()
    shown = PaymentView.of(found, call.caller.organisation, await _names(call, [found]))
    return Answer(body=shown, version=found.payment.version)


HANDLERS: Final = (index, read)
