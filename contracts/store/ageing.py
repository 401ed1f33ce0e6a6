"""Ageing of an organisation's open invoices: sums over `issued_invoice`, by currency and days overdue."""

from datetime import date
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.connections import Connection

BUCKETS: Final = ("not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90")
"""Days since the due day; an unknown due day counts as not due."""


class Aged(Struct, frozen=True, kw_only=True):
    """Cents that the organisation will receive, or pay if not `receivable`. `bucket` is an index into
    `BUCKETS`; without `counterparty`, the sum over all."""

    currency: str
    receivable: bool
    counterparty: UUID | None
    bucket: int
    invoices: int
    cents: int


READ = """
select currency, receivable, counterparty, bucket, count(*) as invoices, sum(abs(own_cents)) as cents
from (
    select t.currency, t.own_cents, t.own_cents > 0 as receivable,
        case when $4 then t.other end as counterparty,
        case
            when t.due_on >= $2 or t.due_on = '-infinity'::date then 0
            else least(($2 - t.due_on - 1) / 30, 3) + 1
        end as bucket
    from (
        select buyer as other, currency, due_on, total_cents - received_cents - set_off_cents as own_cents
        from issued_invoice where seller = $1 and status in ('open', 'part_paid')
        union all
        select seller, currency, due_on, received_cents + set_off_cents - total_cents
        from issued_invoice where buyer = $1 and status in ('open', 'part_paid')
    ) t
    where $3::uuid is null or t.other = $3
) s
group by currency, receivable, counterparty, bucket
order by currency, counterparty, receivable desc, bucket
"""


async def read_ageing(
    connection: Connection,
    organisation: UUID,
    today: date,
    *,
    counterparty: UUID | None,
    by_counterparty: bool,
) -> list[Aged]:
    """Open amounts by their age on `today`, ordered by currency, counterparty and who pays."""
    rows = await connection.fetch(READ, organisation, today, counterparty, by_counterparty)
    return [
        Aged(
            currency=row["currency"],
            receivable=row["receivable"],
            counterparty=row["counterparty"],
            bucket=row["bucket"],
            invoices=row["invoices"],
            cents=int(row["cents"]),
        )
        for row in rows
    ]
