"""Invoices of all of one's agreements: by the day that they are due, as they were issued, or what changed."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import structs

from contracts.commands.deliveries import restatement
from contracts.rules.settlements import Restate
from contracts.store import own_invoices as store
from contracts.store.agreements import AgreementKey, load_agreements
from contracts.store.issued_invoices import ALWAYS
from contracts.store.own_invoices import IssuedInvoice
from contracts.store.own_payments import payments_of
from events.connections import Connection
from events.decision import Moment
from events.desk import InMarket
from market.http.agreements import own_lists
from market.http.agreements.contract_reads import ReasonQuery, as_party
from market.http.agreements.invoice_queries import STATES, TAG, OwnInvoicesQuery, wanted
from market.http.agreements.invoice_rows import COLUMNS
from market.http.agreements.own_invoice_views import OwnInvoiceView, own_invoice
from market.http.agreements.own_lists import FILES, names_of_others
from market.http.agreements.payment_views import PaymentView
from market.http.agreements.sides import PartiesView, parties_of
from market.http.wire import lists
from market.http.wire.access import LEDGER_READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.material import Body
from market.http.wire.numbers import SIGNED_CENTS, SIGNED_PRICE, SignedAmount, SignedCents
from market.http.wire.paging import Listing
from market.http.wire.row_files import CSV, XLSX

PAYMENTS_SHOWN_MAX: Final = 500
_NOT_BOTH: Final = Fault(
    code="inconsistent",
    detail="what changed is listed by `updated_at`: ask with that `sort`, or without one",
    parameter="sort",
)


class RestatementView(Body, frozen=True, kw_only=True):
    """The difference by index values published later: if negative, the seller pays."""

    price_per_kg: SignedAmount
    amount: SignedCents


class InvoiceRead(OwnInvoiceView, frozen=True, kw_only=True):
    """An invoice with its sides and the payments that name it, including denied, withdrawn or reversed ones.
    `restatement`: for a final invoice or a restatement, what `POST /v1/deliveries/{delivery}/restatements`
    would invoice now; null if it would be refused."""

    parties: PartiesView
    payments: tuple[PaymentView, ...]
    restatement: RestatementView | None


@endpoint(
    "GET",
    "/v1/invoices",
    roles=LEDGER_READERS,
    summary="List the invoices of all own agreements",
    tag=TAG,
    query=OwnInvoicesQuery,
    problems=(422,),
    answer=Listing[OwnInvoiceView],
    shapes=(CSV, XLSX),
    description=f"""Where the caller's organisation buys or sells: all kinds of them, the provisional
ones of shipments too, by `due_on` or, with `sort=issued_at`, in the order in which they were issued.

Who keeps the newest `issued_at` asks with `issued_since` for what came since; who keeps the newest
`updated_at`, with `updated_since` for what changed since: paid, set off or credited. Both with an
overlap of minutes, for markets that record side by side.

{STATES}

{FILES}""",
)
async def index(call: Call[Nothing, OwnInvoicesQuery]) -> Answer:
    query, limit = call.query, own_lists.rows_wanted(call)
    if query.updated_since is not None and query.order != "updated_at":
        raise InvalidInputError([_NOT_BOTH])
    since = query.updated_since
    asked = structs.replace(
        wanted(call),
        reference=query.reference,
        updated_since=ALWAYS if since is None else own_lists.since(since, "updated_since"),
    )
    async with as_party(call) as (connection, _):
        if query.order == "due_on":
            by_day = lists.after(call, tuple[date, UUID])
            rows = await store.list_by_due(connection, asked, after=by_day, limit=limit)
        else:
            by_time = lists.after(call, tuple[datetime, UUID])
            listed = store.list_by_issue if query.order == "issued_at" else store.list_by_change
            rows = await listed(connection, asked, after=by_time, limit=limit)
        agreements = await load_agreements(connection, sorted({_agreement(row) for row in rows}))
    names = await names_of_others(call, rows)
    return await own_lists.answer(
        call,
        rows,
        key=lambda row: _key(row, query.order),
        view=lambda row: own_invoice(call, call.caller.organisation, row, agreements[row.agreement], names),
        name="invoices",
        columns=COLUMNS,
    )


def _agreement(row: IssuedInvoice) -> AgreementKey:
    return row.lane, row.market, row.agreement


def _key(row: IssuedInvoice, order: store.Order) -> tuple[date | datetime, UUID]:
    if order == "due_on":
        return row.due_on or date.min, row.invoice
    return (row.issued_at if order == "issued_at" else row.changed_at) or ALWAYS, row.invoice


@endpoint(
    "GET",
    "/v1/invoices/{invoice}",
    roles=LEDGER_READERS,
    summary="Read an invoice",
    tag=TAG,
    query=ReasonQuery,
    problems=(422,),
    answer=InvoiceRead,
    etagged=True,
    description="For its two sides, and for an auditor with a reason, who reads it as the seller does; with "
    f"the newest {PAYMENTS_SHOWN_MAX} payments that name it, the oldest of them first, and what index values "
    f"that were restated since change of it. {STATES}",
)
async def read(call: Call[Nothing, ReasonQuery]) -> Answer:
    async with as_party(call) as (connection, organisation):
        row = await store.load_issued(connection, organisation, call.ids["invoice"])
        if row is None:
            raise not_found()
        agreements = await load_agreements(connection, [_agreement(row)])
        found = await payments_of(connection, call.ids["invoice"], limit=PAYMENTS_SHOWN_MAX)
        changed = await _restatement(call, connection, row)
    parties = await parties_of(call, row.seller, row.buyer)
    names = {row.seller: parties.seller.name, row.buyer: parties.buyer.name}
    own = row.seller if organisation is None else organisation
    shown = tuple(PaymentView.of(each, own, names) for each in found)
    stands = own_invoice(call, own, row, agreements[row.agreement], names)
    body = InvoiceRead(**structs.asdict(stands), parties=parties, payments=shown, restatement=changed)
    return Answer(body=body, hashed=True)


async def _restatement(
    call: Call[Any, Any], connection: Connection, row: IssuedInvoice
) -> RestatementView | None:
    """As in a dry run for both sides, but without locking the lane."""
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


HANDLERS: Final = (index, read)
