"""Invoices of all of one's agreements, by the day that they are due, and what falls due together."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, structs

from contracts.commands.deliveries import restatement
from contracts.rules.days import day_of
from contracts.rules.payment import InvoiceStatus
from contracts.rules.settlements import Restate
from contracts.store import issued_invoices as store
from contracts.store.issued_invoices import ALWAYS, Issued, IssuedInvoice, Total, Wanted
from contracts.store.payments import payments_of
from events.connections import Connection
from events.contract_events import InvoiceSettled
from events.decision import Moment
from events.desk import InMarket
from events.vocabulary import Instant, Side
from market.http.agreements import own_lists
from market.http.agreements.contract_reads import as_party
from market.http.agreements.delivery_views import InvoiceView, IssueView
from market.http.agreements.invoice_standings import PAID, StandingInvoiceView, standing
from market.http.agreements.own_lists import FILES, OwnQuery, names_of_others, own_side
from market.http.agreements.payment_views import PaymentView
from market.http.agreements.sides import PartiesView, parties_of
from market.http.wire import lists, row_tables
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import (
    AgreementId,
    DeliveryId,
    InvoiceId,
    MarketId,
    OrganisationId,
    to_text,
    to_uuid,
)
from market.http.wire.material import Body
from market.http.wire.numbers import SIGNED_CENTS, SIGNED_PRICE, SignedAmount, SignedCents
from market.http.wire.paging import Listing
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.row_tables import Column, member

TAG: Final = "Invoices"
Falls = Literal["past_due", "due_today", "not_yet_due"]
FALLS: Final[dict[int, Falls]] = {-1: "past_due", 0: "due_today", 1: "not_yet_due"}
DAY: Final = timedelta(days=1)
PAYMENTS_SHOWN_MAX: Final = 500
STATES: Final = f"`state` says how the day lies to today. {PAID}"


class DueQuery(OwnQuery, frozen=True, kw_only=True):
    """Days are of UTC, `due_before` and instants half-open."""

    state: Annotated[Falls | None, Meta(description="How `due_on` lies to today, by UTC.")] = None
    due_from: date | None = None
    due_before: date | None = None
    issued_since: Instant | None = None
    status: Annotated[
        InvoiceStatus | None,
        Meta(description="`set_off`: met by credits of its delivery alone."),
    ] = None
    overdue: Annotated[bool | None, Meta(description="Due before today, and not settled.")] = None
    counterparty: OrganisationId | None = None


class OwnInvoicesQuery(DueQuery, frozen=True, kw_only=True):
    sort: Annotated[
        store.Order, Meta(description="What is due, or was issued, first before; each invoice comes once.")
    ] = "due_on"


class OwnInvoiceView(StandingInvoiceView, frozen=True, kw_only=True):
    """As it stands for the caller: `own_total` is below zero where the caller pays it, `state` null where the
    day is not known."""

    market: MarketId
    side: Side
    counterparty: OrganisationId
    counterparty_name: str
    state: Falls | None
    own_total: SignedCents


class RestatementView(Body, frozen=True, kw_only=True):
    """What index values that were published since add to what was settled: below zero the seller pays."""

    price_per_kg: SignedAmount
    amount: SignedCents


class InvoiceRead(OwnInvoiceView, frozen=True, kw_only=True):
    """With who its sides are, and the payments that name it, those too that were denied, withdrawn or
    reversed. `restatement`: of a final invoice or one that restated it, what `POST
    /v1/deliveries/{delivery}/restatements` would invoice now; null where it would be refused."""

    parties: PartiesView
    payments: tuple[PaymentView, ...]
    restatement: RestatementView | None


class InvoiceRow(Body, frozen=True, kw_only=True):
    """As `OwnInvoiceView` in a file."""

    invoice: InvoiceId
    due_on: date | None
    state: Falls | None
    issued_at: Instant | None
    settles: Issued
    side: Side
    counterparty: OrganisationId
    counterparty_name: str
    currency: str
    total: SignedCents
    own_total: SignedCents
    market: MarketId
    agreement: AgreementId
    contract_year: int | None
    delivery: DeliveryId | None
    credited_by: InvoiceId | None
    status: InvoiceStatus
    overdue_days: int
    paid: SignedCents
    set_off: SignedCents
    outstanding: SignedCents
    announced: SignedCents
    settled_on: date | None


FIGURES: Final = frozenset(
    {"total", "own_total", "contract_year", "paid", "set_off", "outstanding", "announced", "overdue_days"}
)
COLUMNS: Final[tuple[Column, ...]] = tuple(
    member(name, number=name in FIGURES) for name in InvoiceRow.__struct_fields__
)


class TotalView(Body, frozen=True, kw_only=True):
    """Of a currency and a state of the day: what invoices say that the caller receives and pays, also where
    it is paid by now; `own_total` is the first less the second."""

    currency: str
    state: Falls | None
    invoices: int
    receive_total: SignedCents
    pay_total: SignedCents
    own_total: SignedCents


TOTALS: Final[tuple[Column, ...]] = tuple(
    member(name, number=name not in ("currency", "state")) for name in TotalView.__struct_fields__
)


class TotalsView(Body, frozen=True, kw_only=True):
    """`on`: the day of UTC that the states are of."""

    on: date
    items: tuple[TotalView, ...]


@endpoint(
    "GET",
    "/v1/invoices",
    roles=READERS,
    summary="List the invoices of all own agreements",
    tag=TAG,
    query=OwnInvoicesQuery,
    problems=(422,),
    answer=Listing[OwnInvoiceView],
    shapes=(CSV, XLSX),
    description="Where the caller's organisation buys or sells: all kinds of them, the provisional ones of "
    "shipments too, by `due_on` or, with `sort=issued_at`, in the order in which they were issued: who keeps "
    "the newest `issued_at` asks for what came since with `issued_since`, an overlap of minutes for markets "
    f"that record side by side. {STATES} {FILES}",
)
async def index(call: Call[Nothing, OwnInvoicesQuery]) -> Answer:
    wanted, limit = _wanted(call), own_lists.page_limit(call) + 1
    facts = call.query.format == "json"
    async with as_party(call) as (connection, _):
        if call.query.sort == "due_on":
            by_day = lists.after(call, tuple[date, UUID])
            rows = await store.list_by_due(connection, wanted, after=by_day, limit=limit, facts=facts)
        else:
            by_time = lists.after(call, tuple[datetime, UUID])
            rows = await store.list_by_issue(connection, wanted, after=by_time, limit=limit, facts=facts)
    names = await names_of_others(call, rows)
    return await own_lists.answer(
        call,
        rows,
        key=lambda row: _key(row, call.query.sort),
        view=lambda row: (_view if facts else _row)(call, row, names),
        name="invoices",
        columns=COLUMNS,
    )


@endpoint(
    "GET",
    "/v1/invoices/totals",
    roles=READERS,
    summary="Add up what invoices say",
    tag=TAG,
    query=DueQuery,
    problems=(422,),
    answer=TotalsView,
    shapes=(CSV, XLSX),
    description="Of the invoices that the same parameters list, by currency and state: what they say, "
    f"whether paid or not. `/v1/invoices/ageing` adds up what is outstanding. {STATES}",
)
async def totals(call: Call[Nothing, DueQuery]) -> Answer:
    today = day_of(call.door.clock())
    async with as_party(call) as (connection, _):
        found = await store.totals(connection, _wanted(call), today)
    items, asked = _summed(found), call.query.format
    if asked == "json":
        return Answer(body=TotalsView(on=today, items=items))
    file, media_type, headers = row_tables.content(asked, "totals", "totals", TOTALS, items, frozen=2)
    return Answer(body=file, media_type=media_type, headers=headers)


def _wanted(call: Call[Any, Any]) -> Wanted:
    """DoorError for days that hold none."""
    query: DueQuery = call.query
    today = day_of(call.door.clock())
    own_lists.check_order(query.due_from, query.due_before, "due_before")
    begins = {"past_due": date.min + DAY, "due_today": today, "not_yet_due": today + DAY, None: date.min}
    ends = {"past_due": today, "due_today": today + DAY, "not_yet_due": date.max, None: date.max}
    since = query.issued_since
    return Wanted(
        organisation=call.caller.organisation,
        side=query.side,
        agreement=None if query.agreement is None else to_uuid(query.agreement),
        contract_year=query.contract_year,
        due_from=max(begins[query.state], query.due_from or date.min),
        due_before=min(ends[query.state], query.due_before or date.max),
        issued_since=ALWAYS if since is None else own_lists.since(since, "issued_since"),
        status=query.status,
        overdue=query.overdue,
        counterparty=None if query.counterparty is None else to_uuid(query.counterparty),
        today=today,
    )


def _key(row: IssuedInvoice, sort: store.Order) -> tuple[date | datetime, UUID]:
    if sort == "due_on":
        return row.due_on or date.min, row.invoice
    return row.issued_at or ALWAYS, row.invoice


def _standing(call: Call[Any, Any], row: IssuedInvoice, names: Mapping[UUID, str]) -> dict[str, Any]:
    side, today = own_side(call, row, names), day_of(call.door.clock())
    past = None if row.due_on is None else (row.due_on > today) - (row.due_on < today)
    return {
        "market": to_text("mkt", row.market),
        **structs.asdict(side),
        "state": None if past is None else FALLS[past],
        "own_total": SIGNED_CENTS.text(row.total_cents if side.side == "seller" else -row.total_cents),
        **standing(row, today),
    }


def _view(call: Call[Any, Any], row: IssuedInvoice, names: Mapping[UUID, str]) -> OwnInvoiceView:
    if row.fact is None:
        raise LookupError(f"invoice {row.invoice} has no fact")
    issue = None
    if row.issued_at is not None and row.due_on is not None:
        issue = IssueView(row.issued_at, row.due_on)
    if isinstance(row.fact, InvoiceSettled):
        shown = InvoiceView.outside(row.fact, issue)
    else:
        shown = InvoiceView.provisional(row.fact, issue)
    return OwnInvoiceView(**structs.asdict(shown), **_standing(call, row, names))


def _row(call: Call[Any, Any], row: IssuedInvoice, names: Mapping[UUID, str]) -> InvoiceRow:
    return InvoiceRow(
        invoice=to_text("inv", row.invoice),
        due_on=row.due_on,
        issued_at=row.issued_at,
        settles=row.settles,
        currency=row.currency,
        total=SIGNED_CENTS.text(row.total_cents),
        agreement=to_text("agr", row.agreement),
        contract_year=row.contract_year,
        delivery=None if row.delivery is None else to_text("del", row.delivery),
        **_standing(call, row, names),
    )


def _summed(found: list[Total]) -> tuple[TotalView, ...]:
    """Both sides together, in the order of the currencies and of the days."""
    sums: dict[tuple[str, int], list[int]] = {}
    for each in found:
        of = sums.setdefault((each.currency, -2 if each.due is None else each.due), [0, 0, 0])
        pays = (each.buyers_pay_cents, each.sellers_pay_cents)
        received, paid = pays if each.side == "seller" else pays[::-1]
        of[0], of[1], of[2] = of[0] + each.invoices, of[1] + received, of[2] + paid
    return tuple(
        TotalView(
            currency=currency,
            state=FALLS.get(due),
            invoices=invoices,
            receive_total=SIGNED_CENTS.text(received),
            pay_total=SIGNED_CENTS.text(paid),
            own_total=SIGNED_CENTS.text(received - paid),
        )
        for (currency, due), (invoices, received, paid) in sorted(sums.items())
    )


@endpoint(
    "GET",
    "/v1/invoices/{invoice}",
    roles=READERS,
    summary="Read an invoice",
    tag=TAG,
    answer=InvoiceRead,
    etagged=True,
    description=f"For its two sides, with the newest {PAYMENTS_SHOWN_MAX} payments that name it, the "
    f"oldest of them first, and what index values that were restated since change of it. {STATES}",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    own = call.caller.organisation
    async with as_party(call) as (connection, _):
        row = await store.load_issued(connection, own, call.ids["invoice"])
        found = await payments_of(connection, call.ids["invoice"], limit=PAYMENTS_SHOWN_MAX)
        changed = None if row is None else await _restatement(call, connection, row)
    if row is None:
        raise not_found()
    parties = await parties_of(call, row.seller, row.buyer)
    names = {row.seller: parties.seller.name, row.buyer: parties.buyer.name}
    shown = tuple(PaymentView.of(each, own, names) for each in found)
    body = InvoiceRead(
        **structs.asdict(_view(call, row, names)), parties=parties, payments=shown, restatement=changed
    )
    return Answer(body=body, hashed=True)


async def _restatement(
    call: Call[Any, Any], connection: Connection, row: IssuedInvoice
) -> RestatementView | None:
    """As both sides would be told by a rehearsal, without taking the lane for it."""
    if row.delivery is None or row.settles not in ("final", "restatement"):
        return None
    desk = call.door.desk
    asked = InMarket(
        lane=desk.lane("contracts", row.market).lane,
        lanes=desk.lanes,
        market=row.market,
        argument=Restate(caller=call.caller, delivery=row.delivery),
    )
    line = await restatement(connection, asked, Moment(call.door.clock(), desk.new_id))
    if line is None:
        return None
    return RestatementView(
        price_per_kg=SIGNED_PRICE.text(line.price_micro_per_kg), amount=SIGNED_CENTS.text(line.amount_cents)
    )


HANDLERS: Final = (index, totals, read)
