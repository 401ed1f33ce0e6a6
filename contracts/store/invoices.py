"""Invoices of agreements: table `invoice`."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from contracts.store import bodies
from contracts.store.agreements import AgreementKey, load_agreements
from events.connections import Connection
from events.contract_events import InvoiceSettled
from events.envelope import Recorded
from events.row_counts import expect_rows

INSERT = """
insert into invoice (
    lane, market, agreement, invoice, seller, buyer, delivery, period_start, settles, position, settled_time,
    body
)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::timestamptz[],
    $9::text[], $10::bigint[], $11::timestamptz[], $12::bytea[]
)
"""


# Several may be of one delivery; the first says that it has one.
MARK_DELIVERIES = """
update delivery d set invoiced = true
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[]) as n (lane, market, agreement, delivery)
where d.lane = n.lane and d.market = n.market and d.agreement = n.agreement and d.delivery = n.delivery
    and not d.invoiced
"""


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, InvoiceSettled]]) -> None:
    keys = sorted({(event.lane, fact.market, fact.agreement) for event, fact in steps})
    agreements = await load_agreements(connection, keys)
    rows = [
        (
            event.lane,
            fact.market,
            fact.agreement,
            fact.invoice,
            agreements[fact.agreement].seller,
            agreements[fact.agreement].buyer,
            fact.delivery,
            None if fact.period is None else fact.period.start,
            fact.settles,
            event.position,
            event.time,
            bodies.encode(fact),
        )
        for event, fact in steps
    ]
    status = await connection.execute(INSERT, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "invoice insert")
    delivered = sorted(
        {
            (event.lane, fact.market, fact.agreement, fact.delivery)
            for event, fact in steps
            if fact.delivery is not None
        }
    )
    if delivered:
        await connection.execute(MARK_DELIVERIES, *(list(column) for column in zip(*delivered, strict=True)))


READ_INVOICES = """
select i.delivery, i.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[]) as n (lane, market, agreement, delivery)
join invoice i
    on i.lane = n.lane and i.market = n.market and i.agreement = n.agreement and i.delivery = n.delivery
order by i.position
"""


async def load_invoices(
    connection: Connection, keys: Sequence[tuple[int, UUID, UUID, UUID]]
) -> dict[UUID, list[InvoiceSettled]]:
    """The invoices of the deliveries (lane, market, agreement, delivery), in the order of the record."""
    found: dict[UUID, list[InvoiceSettled]] = {key[3]: [] for key in keys}
    if keys:
        for row in await connection.fetch(READ_INVOICES, *(list(col) for col in zip(*keys, strict=True))):
            found[row["delivery"]].append(_invoices.decode(row["body"]))
    return found


READ_PERIOD_INVOICES = """
select body from invoice where lane = $1 and market = $2 and agreement = $3 and period_start = $4
order by position
"""


async def invoices_of_period(
    connection: Connection, key: AgreementKey, start: datetime
) -> tuple[InvoiceSettled, ...]:
    rows = await connection.fetch(READ_PERIOD_INVOICES, *key, start)
    return tuple(_invoices.decode(row["body"]) for row in rows)


READ_INVOICE_PAGE = """
select body from invoice where agreement = $1 and ($2::uuid is null or invoice < $2)
order by invoice desc limit $3
"""


async def list_invoices(
    connection: Connection, agreement: UUID, *, after: UUID | None, limit: int
) -> list[InvoiceSettled]:
    """At most `limit`, the newest first."""
    rows = await connection.fetch(READ_INVOICE_PAGE, agreement, after, limit)
    return [_invoices.decode(row["body"]) for row in rows]


class Issue(Struct, frozen=True, kw_only=True):
    """When an invoice was recorded; `shipped_on` is None for an invoice without a delivery."""

    issued_at: datetime
    shipped_on: date | None


READ_ISSUES = """
select i.invoice, i.settled_time, d.shipped_on
from invoice i
left join delivery d
    on d.lane = i.lane and d.market = i.market and d.agreement = i.agreement and d.delivery = i.delivery
where i.agreement = $1 and i.invoice = any($2::uuid[])
"""


# Null if the journal was trimmed before this column existed and no longer had the shipment.
READ_SHIPPED_TIMES = """
select delivery, shipped_time, shipped_on from delivery
where agreement = $1 and delivery = any($2::uuid[]) and shipped_time is not null
"""


async def issues(
    connection: Connection, agreement: UUID, invoices: Collection[UUID], deliveries: Collection[UUID]
) -> dict[UUID, Issue]:
    """The issue of each invoice by its id, and of each provisional one by its delivery's id."""
    found: dict[UUID, Issue] = {}
    if invoices:
        for row in await connection.fetch(READ_ISSUES, agreement, list(invoices)):
            found[row["invoice"]] = Issue(issued_at=row["settled_time"], shipped_on=row["shipped_on"])
    if deliveries:
        for row in await connection.fetch(READ_SHIPPED_TIMES, agreement, list(deliveries)):
            found[row["delivery"]] = Issue(issued_at=row["shipped_time"], shipped_on=row["shipped_on"])
    return found


_invoices = msgspec.json.Decoder(InvoiceSettled)
