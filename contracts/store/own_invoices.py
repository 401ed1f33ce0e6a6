"""Invoices of an organisation over all its agreements, by due day, issue or change, with their deliveries."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.delivery import Delivery
from contracts.rules.payment import InvoiceStatus
from contracts.store.issued_invoices import ALWAYS, FIRST, FOR_EVER, Issued, Issuing, known
from events.connections import Connection
from events.contract_events import InvoiceSettled
from events.vocabulary import Side

Order: TypeAlias = Literal["due_on", "issued_at", "updated_at"]


class IssuedInvoice(Struct, frozen=True, kw_only=True):
    """`issued_at` and `due_on` None: unknown, since the journal no longer had the shipment when the columns
    were added. `credited_by`: the invoice that credits a provisional one. `corrects`: the provisional invoice
    that it credits, or the final one of returned material. It has the lot and body of its delivery, if any,
    and its own body, except for a provisional one.

    `received_cents` are paid, `stated_cents` wait for the payee's confirmation, `set_off_cents` are set off
    against others of its delivery; nothing is open since `settled_on`. `changed_at`: the time of the newest
    fact about it, about a payment that names it, or about another invoice of its delivery.
    """

    lane: int
    market: UUID
    agreement: UUID
    invoice: UUID
    seller: UUID
    buyer: UUID
    delivery: UUID | None
    contract_year: int | None
    settles: Issued
    currency: str
    total_cents: int
    issued_at: datetime | None
    due_on: date | None
    credited_by: UUID | None
    corrects: UUID | None
    received_cents: int
    stated_cents: int
    set_off_cents: int
    status: InvoiceStatus
    settled_on: date | None
    changed_at: datetime | None
    seller_reference: str | None
    seller_dated_on: date | None
    buyer_reference: str | None
    buyer_dated_on: date | None
    lot_number: str | None
    shipped_on: date | None
    settled_body: bytes | None
    delivery_body: bytes | None

    @property
    def delivered(self) -> Delivery | None:
        """Its delivery, decoded at each call; None for an invoice without one."""
        return None if self.delivery_body is None else _deliveries.decode(self.delivery_body)

    def fact(self, delivered: Delivery | None) -> Issuing:
        """The fact that issued it, decoded at each call; the shipment for a provisional one. LookupError if
        it was not read."""
        if self.settled_body is not None:
            return _settled.decode(self.settled_body)
        if self.settles != "provisional" or delivered is None:
            raise LookupError(f"invoice {self.invoice} has no fact")
        return delivered.shipped

    @property
    def outstanding_cents(self) -> int:
        return self.total_cents - self.received_cents - self.set_off_cents

    def overdue_days(self, today: date) -> int:
        """Days since it was due, while something is open."""
        if not self.outstanding_cents or self.due_on is None:
            return 0
        return max((today - self.due_on).days, 0)


class Wanted(Struct, frozen=True, kw_only=True):
    """A query for invoices of an organisation; ranges of days and instants are half-open. Without `due_from`,
    also those with an unknown due day. `overdue`: only those due before `today` of which something is open,
    or only the others."""

    organisation: UUID
    side: Side | None = None
    agreement: UUID | None = None
    contract_year: int | None = None
    due_from: date = date.min
    due_before: date = date.max
    issued_since: datetime = ALWAYS
    issued_before: datetime = FOR_EVER
    updated_since: datetime = ALWAYS
    status: InvoiceStatus | None = None
    overdue: bool | None = None
    counterparty: UUID | None = None
    reference: str | None = None
    today: date = date.min


# The credit of a provisional invoice.
_CREDITED = """left join lateral (
    select f.invoice from invoice f
    where p.settles = 'provisional' and f.lane = p.lane and f.market = p.market
        and f.agreement = p.agreement and f.delivery = p.delivery
        and f.settles in ('final', 'rejection', 'non_arrival', 'withdrawal')
    order by f.position limit 1
) c on true"""

# Joined to an invoice: its body, its delivery, the credit of a provisional one, and what it corrects.
_SHOWN = """
select p.*, i.body as settled_body, d.body as delivery_body, d.lot_number, d.shipped_on,
    c.invoice as credited_by, o.invoice as corrects
from (
    ROWS
) p
left join invoice i on i.agreement = p.agreement and i.invoice = p.invoice
left join delivery d on d.agreement = p.agreement and d.delivery = p.delivery
CREDITED
left join lateral (
    select f.invoice from issued_invoice f
    where f.lane = p.lane and f.market = p.market and f.agreement = p.agreement and f.delivery = p.delivery
        and f.settles = case
            when p.settles in ('final', 'rejection', 'non_arrival', 'withdrawal') then 'provisional'
            when p.settles = 'return' then 'final'
        end
    limit 1
) o on true
order by p.ordered_by, p.invoice
""".replace("CREDITED", _CREDITED)

_SIDES: Final = (("seller", "buyer"), ("buyer", "seller"))


def _of_sides(rows: str) -> str:
    """Rows with the organisation as OWN, and as OTHER side, separately, since each side has its own
    indexes."""
    return "\n    union all\n    ".join(
        rows.replace("OWN", own).replace("OTHER", other) for own, other in _SIDES
    )


# In index order by due day, so that only the page is read.
_ROWS = """(select * from issued_invoice
     where OWN = $1 and $2::text is distinct from 'OTHER' and (ordered_by, invoice) > ($3, $4)
         and due_on >= $5 and due_on < $6 and issued_time >= $7 and issued_time < $15
         and changed_time >= $16
         and ($8::uuid is null or agreement = $8)
         and ($9::bigint is null or contract_year = $9) and ($10::uuid is null or OTHER = $10)
         and ($11::text is null or status = $11)
         and ($12::boolean is null or $12 = (status in ('open', 'part_paid')
             and due_on < $13 and due_on > '-infinity'::date))
     order by ordered_by, invoice limit $14)"""
_PAGE = _SHOWN.replace("ROWS", f"{_of_sides(_ROWS)}\n    order by ordered_by, invoice limit $14")
READ_BY_DUE = _PAGE.replace("ordered_by", "due_on")
READ_BY_ISSUE = _PAGE.replace("ordered_by", "issued_time")
READ_BY_CHANGE = _PAGE.replace("ordered_by", "changed_time")

# First the few invoices with this reference of either side, each once, then a page of them.
_CALLED = """(
         select * from issued_invoice where OWN = $1 and seller_calls = lower($17)
         union all
         select * from issued_invoice where OWN = $1 and buyer_calls = lower($17)
             and seller_calls is distinct from lower($17)
     ) called"""
_PAGE_CALLED = _SHOWN.replace(
    "ROWS",
    f"{_of_sides(_ROWS.replace('issued_invoice', _CALLED))}\n    order by ordered_by, invoice limit $14",
)
READ_CALLED_BY_DUE = _PAGE_CALLED.replace("ordered_by", "due_on")
READ_CALLED_BY_ISSUE = _PAGE_CALLED.replace("ordered_by", "issued_time")
READ_CALLED_BY_CHANGE = _PAGE_CALLED.replace("ordered_by", "changed_time")


async def list_by_due(
    connection: Connection, wanted: Wanted, *, after: tuple[date, UUID] | None, limit: int
) -> list[IssuedInvoice]:
    """At most `limit`, the earliest due first; unknown due days before all others."""
    mark = after or (date.min, FIRST)
    return await _page(connection, (READ_BY_DUE, READ_CALLED_BY_DUE), wanted, mark, limit)


async def list_by_issue(
    connection: Connection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[IssuedInvoice]:
    """As `list_by_due`, in order of issue."""
    mark = after or (ALWAYS, FIRST)
    return await _page(connection, (READ_BY_ISSUE, READ_CALLED_BY_ISSUE), wanted, mark, limit)


async def list_by_change(
    connection: Connection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[IssuedInvoice]:
    """As `list_by_due`, in order of their last change."""
    mark = after or (ALWAYS, FIRST)
    return await _page(connection, (READ_BY_CHANGE, READ_CALLED_BY_CHANGE), wanted, mark, limit)


async def _page(
    connection: Connection,
    statements: tuple[str, str],
    wanted: Wanted,
    mark: tuple[date | datetime, UUID],
    limit: int,
) -> list[IssuedInvoice]:
    """A page; uses the second statement if the query has a reference."""
    of_all, called = statements
    arguments = _arguments(wanted, mark, limit)
    if wanted.reference is None:
        rows = await connection.fetch(of_all, *arguments)
    else:
        rows = await connection.fetch(called, *arguments, wanted.reference)
    return [_issued(row) for row in rows]


def _arguments(wanted: Wanted, mark: tuple[date | datetime, UUID], limit: int) -> tuple[object, ...]:
    return (
        wanted.organisation,
        wanted.side,
        *mark,
        wanted.due_from,
        wanted.due_before,
        wanted.issued_since,
        wanted.agreement,
        wanted.contract_year,
        wanted.counterparty,
        wanted.status,
        wanted.overdue,
        wanted.today,
        limit,
        wanted.issued_before,
        wanted.updated_since,
    )


_ONE = "select * from issued_invoice where invoice = $1 and ($2::uuid is null or $2 in (seller, buyer))"
READ_ONE = _SHOWN.replace("ROWS", _ONE).replace("ordered_by", "due_on")


async def load_issued(
    connection: Connection, organisation: UUID | None, invoice: UUID
) -> IssuedInvoice | None:
    """One invoice; None for an organisation that is no side of it."""
    row = await connection.fetchrow(READ_ONE, invoice, organisation)
    return None if row is None else _issued(row)


# Like the rows of a page, without bodies, for invoices of one agreement.
READ_STANDINGS = """
select p.*, null as settled_body, null as delivery_body, null as lot_number, null as shipped_on,
    c.invoice as credited_by, null as corrects
from issued_invoice p
CREDITED
where p.invoice = any($2::uuid[]) and p.agreement = $1
""".replace("CREDITED", _CREDITED)


async def load_standings(
    connection: Connection, agreement: UUID, invoices: Collection[UUID]
) -> dict[UUID, IssuedInvoice]:
    """The invoices by id, without the facts that issued them."""
    rows = await connection.fetch(READ_STANDINGS, agreement, list(invoices))
    return {row["invoice"]: _issued(row) for row in rows}


READ_BOOKED = """
(select invoice from issued_invoice
 where seller = $1 and seller_calls = lower($2) and invoice <> $3 limit 1)
union all
(select invoice from issued_invoice
 where buyer = $1 and buyer_calls = lower($2) and invoice <> $3 limit 1)
"""


async def booked_alike(
    connection: Connection, organisation: UUID, reference: str, *, other_than: UUID
) -> list[UUID]:
    """Other invoices with the same reference in the organisation's books, at most one per side."""
    rows = await connection.fetch(READ_BOOKED, organisation, reference, other_than)
    return [row["invoice"] for row in rows]


class Total(Struct, frozen=True, kw_only=True):
    """Totals in cents for one currency, side and due state: what buyers pay, and what sellers pay back."""

    currency: str
    side: Side
    due: int | None
    invoices: int
    buyers_pay_cents: int
    sellers_pay_cents: int


_TOTALLED = """select 'OWN' as side, currency, total_cents, due_on from issued_invoice
        where OWN = $1 and $2::text is distinct from 'OTHER' and due_on >= $3 and due_on < $4
            and ($5::uuid is null or agreement = $5) and ($6::bigint is null or contract_year = $6)
            and issued_time >= $8 and issued_time < $12 and ($9::uuid is null or OTHER = $9)
            and ($10::text is null or status = $10)
            and ($11::boolean is null or $11 = (status in ('open', 'part_paid')
                and due_on < $7 and due_on > '-infinity'::date))"""

# `due`: -1 past, 0 today, 1 in the future; null if unknown.
READ_TOTALS = """
select currency, side, due, count(*) as invoices,
    coalesce(sum(total_cents) filter (where total_cents > 0), 0) as buyers_pay_cents,
    coalesce(-sum(total_cents) filter (where total_cents < 0), 0) as sellers_pay_cents
from (
    select t.currency, t.side, t.total_cents,
        case when t.due_on > '-infinity'::date then sign((t.due_on - $7::date)::numeric)::int end as due
    from (
        SIDES
    ) t
) s
group by currency, side, due order by currency, side, due nulls first
""".replace("SIDES", _of_sides(_TOTALLED))


async def totals(connection: Connection, wanted: Wanted, today: date) -> list[Total]:
    """Totals ordered by currency, side and due state."""
    rows = await connection.fetch(
        READ_TOTALS,
        wanted.organisation,
        wanted.side,
        wanted.due_from,
        wanted.due_before,
        wanted.agreement,
        wanted.contract_year,
        today,
        wanted.issued_since,
        wanted.counterparty,
        wanted.status,
        wanted.overdue,
        wanted.issued_before,
    )
    return [
        Total(
            currency=row["currency"],
            side=row["side"],
            due=row["due"],
            invoices=row["invoices"],
            buyers_pay_cents=int(row["buyers_pay_cents"]),
            sellers_pay_cents=int(row["sellers_pay_cents"]),
        )
        for row in rows
    ]


_settled: Final = msgspec.json.Decoder(InvoiceSettled)
_deliveries: Final = msgspec.json.Decoder(Delivery)


def _issued(row: asyncpg.Record) -> IssuedInvoice:
    return IssuedInvoice(
        lane=row["lane"],
        market=row["market"],
        agreement=row["agreement"],
        invoice=row["invoice"],
        seller=row["seller"],
        buyer=row["buyer"],
        delivery=row["delivery"],
        contract_year=row["contract_year"],
        settles=row["settles"],
        currency=row["currency"],
        total_cents=row["total_cents"],
        issued_at=known(row["issued_time"]),
        due_on=None if row["due_on"] == date.min else row["due_on"],
        credited_by=row["credited_by"],
        corrects=row["corrects"],
        received_cents=row["received_cents"],
        stated_cents=row["stated_cents"],
        set_off_cents=row["set_off_cents"],
        status=row["status"],
        settled_on=row["settled_on"],
        changed_at=known(row["changed_time"]),
        seller_reference=row["seller_reference"],
        seller_dated_on=row["seller_dated_on"],
        buyer_reference=row["buyer_reference"],
        buyer_dated_on=row["buyer_dated_on"],
        lot_number=row["lot_number"],
        shipped_on=row["shipped_on"],
        settled_body=row["settled_body"],
        delivery_body=row["delivery_body"],
    )
