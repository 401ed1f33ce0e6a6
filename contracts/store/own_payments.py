"""Payments as their sides read them: one, those of an invoice, the newest, or what changed since."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.payment import Payment
from contracts.store.issued_invoices import ALWAYS, FIRST
from events.connections import Connection


class KeptPayment(Struct, frozen=True, kw_only=True):
    """`changed_at`: the time of its newest fact."""

    payment: Payment
    changed_at: datetime


class WantedPayments(Struct, frozen=True, kw_only=True):
    """A query for payments of an organisation; the range of value dates is half-open, and the payee's date
    counts if it stated one."""

    organisation: UUID
    side: str | None = None
    status: str | None = None
    counterparty: UUID | None = None
    value_from: date = date.min
    value_before: date = date.max


READ_ONE = """
select body, changed_time from payment where payment = $1 and ($2::uuid is null or $2 in (payer, payee))
"""


async def load_payment(
    connection: Connection, organisation: UUID | None, payment: UUID
) -> KeptPayment | None:
    """The payment, if row-level security shows it to the reader."""
    row = await connection.fetchrow(READ_ONE, payment, organisation)
    return None if row is None else _kept(row)


# Each side has its own index, so that only the page is read.
_SIDE = """(select payment, body, changed_time from payment
     where OWN = $1 and $2::text is distinct from 'OTHER' and AFTER
         and ($4::text is null or status = $4) and ($5::uuid is null or OTHER = $5)
         and counted_on >= $7 and counted_on < $8
     order by ORDERED limit $6)"""
_PAYER = _SIDE.replace("OWN", "payer").replace("OTHER", "payee")
_PAYEE = _SIDE.replace("OWN", "payee").replace("OTHER", "payer")
_PAGE = """
select body, changed_time from (
    PAYER
    union all
    PAYEE
) p
order by ORDERED limit $6
""".replace("PAYER", _PAYER).replace("PAYEE", _PAYEE)
LAST = UUID(int=2**128 - 1)
READ_PAGE = _PAGE.replace("AFTER", "payment < $3").replace("ORDERED", "payment desc")
READ_CHANGED = _PAGE.replace("AFTER", "changed_time >= $9 and (changed_time, payment) > ($10, $3)").replace(
    "ORDERED", "changed_time, payment"
)


async def list_payments(
    connection: Connection, wanted: WantedPayments, *, after: UUID | None, limit: int
) -> list[KeptPayment]:
    """At most `limit` payments, the newest first."""
    rows = await connection.fetch(READ_PAGE, *_arguments(wanted, after or LAST, limit))
    return [_kept(row) for row in rows]


async def list_changed(
    connection: Connection,
    wanted: WantedPayments,
    since: datetime,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[KeptPayment]:
    """At most `limit` payments that changed at `since` or later, in order of their change."""
    time, payment = after or (ALWAYS, FIRST)
    rows = await connection.fetch(READ_CHANGED, *_arguments(wanted, payment, limit), since, time)
    return [_kept(row) for row in rows]


def _arguments(wanted: WantedPayments, payment: UUID, limit: int) -> tuple[object, ...]:
    return (
        wanted.organisation,
        wanted.side,
        payment,
        wanted.status,
        wanted.counterparty,
        limit,
        wanted.value_from,
        wanted.value_before,
    )


READ_OF_INVOICE = """
select p.body, p.changed_time from payment_part t
join payment p on p.lane = t.lane and p.market = t.market and p.payment = t.payment
where t.invoice = $1 order by t.payment desc limit $2
"""


async def payments_of(connection: Connection, invoice: UUID, *, limit: int) -> list[KeptPayment]:
    """The newest `limit` payments that name the invoice, the oldest first, if row-level security shows them
    to the reader."""
    rows = await connection.fetch(READ_OF_INVOICE, invoice, limit)
    return [_kept(row) for row in reversed(rows)]


def _kept(row: asyncpg.Record) -> KeptPayment:
    return KeptPayment(payment=_payments.decode(row["body"]), changed_at=row["changed_time"])


_payments: Final = msgspec.json.Decoder(Payment)
