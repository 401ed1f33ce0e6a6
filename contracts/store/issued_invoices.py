"""Invoices of every kind with the day that they are due: table `issued_invoice`, a row for each."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.invoices import due_on, total_cents
from contracts.rules.payment import InvoiceStatus
from contracts.store.agreements import load_agreements
from events.connections import Connection
from events.contract_events import InvoiceSettled
from events.contract_terms import Settles
from events.delivery_events import DeliveryShipped
from events.envelope import Recorded
from events.row_counts import expect_rows
from events.vocabulary import Side

Issuing: TypeAlias = DeliveryShipped | InvoiceSettled
"""What issues an invoice; a shipment its provisional one."""
Issued: TypeAlias = Settles | Literal["provisional"]
Order: TypeAlias = Literal["due_on", "issued_at"]
ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
"""Before any instant, and what the table keeps where the journal lacks one."""
FIRST: Final = UUID(int=0)


def known(instant: datetime) -> datetime | None:
    """The driver reads -infinity as an instant without a zone."""
    return None if instant.tzinfo is None else instant


class IssuedInvoice(Struct, frozen=True, kw_only=True):
    """`issued_at` and `due_on` None: the journal lacked the shipment when they came to be kept. `credited_by`
    of a provisional one: what has taken it back. `fact` where it was asked for.

    `received_cents` have been paid, `stated_cents` wait for the payee's word, `set_off_cents` are met by
    others of its delivery; nothing is left of it since `settled_on`.
    """

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
    received_cents: int
    stated_cents: int
    set_off_cents: int
    status: InvoiceStatus
    settled_on: date | None
    fact: Issuing | None

    @property
    def outstanding_cents(self) -> int:
        return self.total_cents - self.received_cents - self.set_off_cents

    def overdue_days(self, today: date) -> int:
        """Since it was due, while something is left of it."""
        if not self.outstanding_cents or self.due_on is None:
            return 0
        return max((today - self.due_on).days, 0)


class Wanted(Struct, frozen=True, kw_only=True):
    """Invoices of an organisation; days and instants are half-open. Without `due_from` also those whose day
    is not known. `overdue`: whether it was due before `today`, and something is left of it."""

    organisation: UUID
    side: Side | None = None
    agreement: UUID | None = None
    contract_year: int | None = None
    due_from: date = date.min
    due_before: date = date.max
    issued_since: datetime = ALWAYS
    status: InvoiceStatus | None = None
    overdue: bool | None = None
    counterparty: UUID | None = None
    today: date = date.min


INSERT = """
insert into issued_invoice (
    lane, market, agreement, invoice, seller, buyer, delivery, contract_year, settles, currency, total_cents,
    issued_time, due_on, received_cents, stated_cents, set_off_cents, status
)
select n.*, 0, 0, 0, 'open' from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::bigint[],
    $9::text[], $10::text[], $11::bigint[], $12::timestamptz[], $13::date[]
) as n
"""

READ_SHIPPED_DAYS = """
select d.delivery, d.shipped_on
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[]) as n (lane, market, agreement, delivery)
join delivery d
    on d.lane = n.lane and d.market = n.market and d.agreement = n.agreement and d.delivery = n.delivery
"""


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, Issuing]]) -> None:
    """A row for each invoice; its agreement and its delivery stand already. A shipment that its index could
    not price has none."""
    steps = [(event, fact) for event, fact in steps if fact.lines or isinstance(fact, InvoiceSettled)]
    if not steps:
        return
    agreements = await load_agreements(
        connection, sorted({(event.lane, fact.market, fact.agreement) for event, fact in steps})
    )
    named = sorted(
        {
            (event.lane, fact.market, fact.agreement, fact.delivery)
            for event, fact in steps
            if fact.delivery is not None
        }
    )
    shipped = (
        await connection.fetch(READ_SHIPPED_DAYS, *(list(column) for column in zip(*named, strict=True)))
        if named
        else []
    )
    days: dict[UUID, date] = {row["delivery"]: row["shipped_on"] for row in shipped}
    rows = []
    for event, fact in steps:
        of = agreements[fact.agreement]
        shipped_on = None if fact.delivery is None else days[fact.delivery]
        settles: Issued = "provisional"
        cents = total_cents(fact.lines)
        if isinstance(fact, InvoiceSettled):
            settles, cents = fact.settles, fact.total_cents
        rows.append(
            (
                event.lane,
                fact.market,
                fact.agreement,
                fact.invoice,
                of.seller,
                of.buyer,
                fact.delivery,
                fact.year,
                settles,
                fact.currency,
                cents,
                event.time,
                due_on(of, event.time, shipped_on),
            )
        )
    status = await connection.execute(INSERT, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "issued_invoice insert")


# Each side has its own index, in the order of the days: a page is read from where it begins.
_PAGE = """
select p.*, i.body as settled, d.body as shipped, c.invoice as credited_by
from (
    (select * from issued_invoice
     where seller = $1 and $2::text is distinct from 'buyer' and (ordered_by, invoice) > ($3, $4)
         and due_on >= $5 and due_on < $6 and issued_time >= $7 and ($8::uuid is null or agreement = $8)
         and ($9::bigint is null or contract_year = $9) and ($10::uuid is null or buyer = $10)
         and ($11::text is null or status = $11)
         and ($12::boolean is null or $12 = (status in ('open', 'part_paid')
             and due_on < $13 and due_on > '-infinity'::date))
     order by ordered_by, invoice limit $14)
    union all
    (select * from issued_invoice
     where buyer = $1 and $2::text is distinct from 'seller' and (ordered_by, invoice) > ($3, $4)
         and due_on >= $5 and due_on < $6 and issued_time >= $7 and ($8::uuid is null or agreement = $8)
         and ($9::bigint is null or contract_year = $9) and ($10::uuid is null or seller = $10)
         and ($11::text is null or status = $11)
         and ($12::boolean is null or $12 = (status in ('open', 'part_paid')
             and due_on < $13 and due_on > '-infinity'::date))
     order by ordered_by, invoice limit $14)
    order by ordered_by, invoice limit $14
) p
left join invoice i on $15 and i.agreement = p.agreement and i.invoice = p.invoice
left join delivery d
    on $15 and p.settles = 'provisional' and d.agreement = p.agreement and d.delivery = p.delivery
left join lateral (
    select f.invoice from invoice f
    where p.settles = 'provisional' and f.lane = p.lane and f.market = p.market
        and f.agreement = p.agreement and f.delivery = p.delivery
        and f.settles in ('final', 'rejection', 'non_arrival', 'withdrawal')
    order by f.position limit 1
) c on true
order by p.ordered_by, p.invoice
"""
READ_BY_DUE = _PAGE.replace("ordered_by", "due_on")
READ_BY_ISSUE = _PAGE.replace("ordered_by", "issued_time")


async def list_by_due(
    connection: Connection, wanted: Wanted, *, after: tuple[date, UUID] | None, limit: int, facts: bool
) -> list[IssuedInvoice]:
    """At most `limit`, what is due first before; whose day is not known before all. `facts`: with lines."""
    mark = after or (date.min, FIRST)
    rows = await connection.fetch(READ_BY_DUE, *_arguments(wanted, mark), limit, facts)
    return [_issued(row) for row in rows]


async def list_by_issue(
    connection: Connection, wanted: Wanted, *, after: tuple[datetime, UUID] | None, limit: int, facts: bool
) -> list[IssuedInvoice]:
    """As `list_by_due`, in the order in which they were issued."""
    mark = after or (ALWAYS, FIRST)
    rows = await connection.fetch(READ_BY_ISSUE, *_arguments(wanted, mark), limit, facts)
    return [_issued(row) for row in rows]


def _arguments(wanted: Wanted, mark: tuple[date | datetime, UUID]) -> tuple[object, ...]:
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
    )


# As a page's rows, of one invoice.
READ_ONE = """
select p.*, i.body as settled, d.body as shipped, c.invoice as credited_by
from issued_invoice p
left join invoice i on i.agreement = p.agreement and i.invoice = p.invoice
left join delivery d
    on p.settles = 'provisional' and d.agreement = p.agreement and d.delivery = p.delivery
left join lateral (
    select f.invoice from invoice f
    where p.settles = 'provisional' and f.lane = p.lane and f.market = p.market
        and f.agreement = p.agreement and f.delivery = p.delivery
        and f.settles in ('final', 'rejection', 'non_arrival', 'withdrawal')
    order by f.position limit 1
) c on true
where p.invoice = $1 and $2 in (p.seller, p.buyer)
"""


async def load_issued(connection: Connection, organisation: UUID, invoice: UUID) -> IssuedInvoice | None:
    """With its lines; None for who is no side of it."""
    row = await connection.fetchrow(READ_ONE, invoice, organisation)
    return None if row is None else _issued(row)


# As a page's rows without their lines, of invoices of one agreement.
READ_STANDINGS = """
select p.*, null as settled, null as shipped, c.invoice as credited_by
from issued_invoice p
left join lateral (
    select f.invoice from invoice f
    where p.settles = 'provisional' and f.lane = p.lane and f.market = p.market
        and f.agreement = p.agreement and f.delivery = p.delivery
        and f.settles in ('final', 'rejection', 'non_arrival', 'withdrawal')
    order by f.position limit 1
) c on true
where p.invoice = any($2::uuid[]) and p.agreement = $1
"""


async def load_standings(
    connection: Connection, agreement: UUID, invoices: Collection[UUID]
) -> dict[UUID, IssuedInvoice]:
    """By invoice, without lines."""
    rows = await connection.fetch(READ_STANDINGS, agreement, list(invoices))
    return {row["invoice"]: _issued(row) for row in rows}


class Total(Struct, frozen=True, kw_only=True):
    """Of one currency, side and standing of the day: what buyers pay, and what sellers pay back, in cents."""

    currency: str
    side: Side
    due: int | None
    invoices: int
    buyers_pay_cents: int
    sellers_pay_cents: int


# `due`: -1 the day is past, 0 it is today, 1 it is to come; null where it is not known.
READ_TOTALS = """
select currency, side, due, count(*) as invoices,
    coalesce(sum(total_cents) filter (where total_cents > 0), 0) as buyers_pay_cents,
    coalesce(-sum(total_cents) filter (where total_cents < 0), 0) as sellers_pay_cents
from (
    select t.currency, t.side, t.total_cents,
        case when t.due_on > '-infinity'::date then sign((t.due_on - $7::date)::numeric)::int end as due
    from (
        select 'seller' as side, currency, total_cents, due_on from issued_invoice
        where seller = $1 and $2::text is distinct from 'buyer' and due_on >= $3 and due_on < $4
            and ($5::uuid is null or agreement = $5) and ($6::bigint is null or contract_year = $6)
            and issued_time >= $8 and ($9::uuid is null or buyer = $9)
            and ($10::text is null or status = $10)
            and ($11::boolean is null or $11 = (status in ('open', 'part_paid')
                and due_on < $7 and due_on > '-infinity'::date))
        union all
        select 'buyer', currency, total_cents, due_on from issued_invoice
        where buyer = $1 and $2::text is distinct from 'seller' and due_on >= $3 and due_on < $4
            and ($5::uuid is null or agreement = $5) and ($6::bigint is null or contract_year = $6)
            and issued_time >= $8 and ($9::uuid is null or seller = $9)
            and ($10::text is null or status = $10)
            and ($11::boolean is null or $11 = (status in ('open', 'part_paid')
                and due_on < $7 and due_on > '-infinity'::date))
    ) t
) s
group by currency, side, due order by currency, side, due nulls first
"""


async def totals(connection: Connection, wanted: Wanted, today: date) -> list[Total]:
    """In order of currency, side and day."""
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


class _Shipped(Struct, frozen=True):
    shipped: DeliveryShipped


_settled = msgspec.json.Decoder(InvoiceSettled)
_shipments = msgspec.json.Decoder(_Shipped)


def _issued(row: asyncpg.Record) -> IssuedInvoice:
    fact: Issuing | None = None
    if row["settled"] is not None:
        fact = _settled.decode(row["settled"])
    elif row["shipped"] is not None:
        fact = _shipments.decode(row["shipped"]).shipped
    return IssuedInvoice(
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
        received_cents=row["received_cents"],
        stated_cents=row["stated_cents"],
        set_off_cents=row["set_off_cents"],
        status=row["status"],
        settled_on=row["settled_on"],
        fact=fact,
    )
