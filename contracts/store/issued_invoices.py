"""All invoices as they are issued, with their due days: table `issued_invoice`."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET

from contracts.rules.invoices import due_on, total_cents
from contracts.store.agreements import load_agreements
from events.connections import Connection
from events.contract_events import InvoiceSettled
from events.contract_terms import Settles
from events.delivery_events import DeliveryShipped
from events.envelope import Recorded
from events.payment_events import InvoiceReferenced
from events.row_counts import expect_rows

Issuing: TypeAlias = DeliveryShipped | InvoiceSettled
"""The facts that issue an invoice; a shipment issues its provisional one."""
Issued: TypeAlias = Settles | Literal["provisional"]
ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
"""Before any instant; the table contains it where the journal has no time."""
FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)
FIRST: Final = UUID(int=0)


def known(instant: datetime) -> datetime | None:
    """None for an unknown instant; asyncpg reads -infinity as an instant without a zone."""
    return None if instant.tzinfo is None else instant


INSERT = """
insert into issued_invoice (
    lane, market, agreement, invoice, seller, buyer, delivery, contract_year, settles, currency, total_cents,
    issued_time, changed_time, due_on, received_cents, stated_cents, set_off_cents, status
)
select n.*, 0, 0, 0, 'open' from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::bigint[],
    $9::text[], $10::text[], $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::date[]
) as n
"""

READ_SHIPPED_DAYS = """
select d.delivery, d.shipped_on
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[]) as n (lane, market, agreement, delivery)
join delivery d
    on d.lane = n.lane and d.market = n.market and d.agreement = n.agreement and d.delivery = n.delivery
"""


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, Issuing]]) -> None:
    """Writes a row per invoice; its agreement and delivery must be written before. A shipment whose index had
    no value has none."""
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
                event.time,
                due_on(of, event.time, shipped_on),
            )
        )
    status = await connection.execute(INSERT, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "issued_invoice insert")


# The newest reference of a side replaces its earlier one, not the other side's.
UPDATE_REFERENCES = """
update issued_invoice i set
    seller_reference = coalesce(s.reference, i.seller_reference),
    seller_dated_on = case when s.reference is null then i.seller_dated_on else s.dated_on end,
    buyer_reference = coalesce(b.reference, i.buyer_reference),
    buyer_dated_on = case when b.reference is null then i.buyer_dated_on else b.dated_on end,
    changed_time = greatest(i.changed_time, s.said_time, b.said_time)
from (
    select distinct lane, market, agreement, invoice
    from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[]) as n (lane, market, agreement, invoice)
) k
left join unnest($4::uuid[], $5::text[], $6::text[], $7::date[], $8::timestamptz[])
    as s (invoice, side, reference, dated_on, said_time) on s.invoice = k.invoice and s.side = 'seller'
left join unnest($4::uuid[], $5::text[], $6::text[], $7::date[], $8::timestamptz[])
    as b (invoice, side, reference, dated_on, said_time) on b.invoice = k.invoice and b.side = 'buyer'
where i.lane = k.lane and i.market = k.market and i.agreement = k.agreement and i.invoice = k.invoice
"""


async def apply_references(
    connection: Connection, steps: Sequence[tuple[Recorded, InvoiceReferenced]]
) -> None:
    """RowCountWrong where an invoice is missing."""
    said = {(fact.invoice, fact.by): (event, fact) for event, fact in steps}
    rows = [
        (
            event.lane,
            fact.market,
            fact.agreement,
            fact.invoice,
            fact.by,
            fact.reference,
            None if fact.dated_on is UNSET else fact.dated_on,
            event.time,
        )
        for event, fact in said.values()
    ]
    status = await connection.execute(UPDATE_REFERENCES, *zip(*rows, strict=True))
    expect_rows(status, len({fact.invoice for _, fact in said.values()}), "issued_invoice reference update")
