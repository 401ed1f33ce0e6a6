"""Deliveries of an organisation over all its agreements, with the agreement of each."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.agreement import Agreement
from contracts.rules.delivery import Delivery, DeliveryStatus
from contracts.store.issued_invoices import ALWAYS, FIRST, known
from events.connections import Connection
from events.vocabulary import Side


class OwnDelivery(Struct, frozen=True, kw_only=True):
    """`changed_at` None: unknown, since the journal no longer had its newest event when the column was
    added."""

    market: UUID
    seller: UUID
    buyer: UUID
    changed_at: datetime | None
    agreement: Agreement
    delivery: Delivery


class Wanted(Struct, frozen=True, kw_only=True):
    """A query for deliveries of an organisation; its range of days is half-open."""

    organisation: UUID
    side: Side | None = None
    agreement: UUID | None = None
    contract_year: int | None = None
    status: DeliveryStatus | None = None
    shipped_from: date = date.min
    shipped_before: date = date.max


# Each side has its own index; newest first, since ids grow with time.
READ_NEWEST = """
select p.*, a.body as agreed
from (
    (select market, agreement, delivery, seller, buyer, changed_time, body from delivery
     where seller = $1 and $2::text is distinct from 'buyer' and ($3::uuid is null or delivery < $3)
         and ($4::uuid is null or agreement = $4) and ($5::text is null or status = $5)
         and ($6::bigint is null or contract_year = $6) and shipped_on >= $7 and shipped_on < $8
     order by delivery desc limit $9)
    union all
    (select market, agreement, delivery, seller, buyer, changed_time, body from delivery
     where buyer = $1 and $2::text is distinct from 'seller' and ($3::uuid is null or delivery < $3)
         and ($4::uuid is null or agreement = $4) and ($5::text is null or status = $5)
         and ($6::bigint is null or contract_year = $6) and shipped_on >= $7 and shipped_on < $8
     order by delivery desc limit $9)
    order by delivery desc limit $9
) p
join agreement a on a.agreement = p.agreement
order by p.delivery desc
"""

# Deliveries that may wait for somebody: undecided, without a final invoice, or with a return. A superset,
# since the time for objections ends by the clock. Each side has an index of these alone.
READ_WAITING = READ_NEWEST.replace(" and shipped_on < $8", " and shipped_on < $8 and may_wait")

READ_CHANGED = """
select p.*, a.body as agreed
from (
    (select market, agreement, delivery, seller, buyer, changed_time, body from delivery
     where seller = $1 and $2::text is distinct from 'buyer' and changed_time >= $10
         and (changed_time, delivery) > ($11, $3)
         and ($4::uuid is null or agreement = $4) and ($5::text is null or status = $5)
         and ($6::bigint is null or contract_year = $6) and shipped_on >= $7 and shipped_on < $8
     order by changed_time, delivery limit $9)
    union all
    (select market, agreement, delivery, seller, buyer, changed_time, body from delivery
     where buyer = $1 and $2::text is distinct from 'seller' and changed_time >= $10
         and (changed_time, delivery) > ($11, $3)
         and ($4::uuid is null or agreement = $4) and ($5::text is null or status = $5)
         and ($6::bigint is null or contract_year = $6) and shipped_on >= $7 and shipped_on < $8
     order by changed_time, delivery limit $9)
    order by changed_time, delivery limit $9
) p
join agreement a on a.agreement = p.agreement
order by p.changed_time, p.delivery
"""


async def list_newest(
    connection: Connection, wanted: Wanted, *, after: UUID | None, limit: int
) -> list[OwnDelivery]:
    """At most `limit`, the newest first."""
    rows = await connection.fetch(READ_NEWEST, *_arguments(wanted, after), limit)
    return _own(rows)


async def list_waiting(
    connection: Connection, wanted: Wanted, *, after: UUID | None, limit: int
) -> list[OwnDelivery]:
    """As `list_newest`, for those that may wait for a side or the operator."""
    rows = await connection.fetch(READ_WAITING, *_arguments(wanted, after), limit)
    return _own(rows)


READ_INVOICED = """
select distinct delivery from invoice where agreement = any($1::uuid[]) and delivery = any($2::uuid[])
"""


async def invoiced(connection: Connection, deliveries: Iterable[Delivery]) -> frozenset[UUID]:
    """The deliveries that have an invoice besides the provisional one."""
    asked = [each.shipped for each in deliveries if each.status in ("accepted", "lost")]
    if not asked:
        return frozenset()
    agreements = list({each.agreement for each in asked})
    rows = await connection.fetch(READ_INVOICED, agreements, [each.delivery for each in asked])
    return frozenset(row["delivery"] for row in rows)


# Returns are few: only their bodies are read.
READ_RETURNED = """
select contract_year, body from delivery
where agreement = $1 and status = 'accepted' and position('"returns"'::bytea in body) > 0
"""


async def returned_by_year(connection: Connection, agreement: UUID) -> dict[int, int]:
    """Returned grams of basis of accepted deliveries, by contract year."""
    sums: dict[int, int] = {}
    for row in await connection.fetch(READ_RETURNED, agreement):
        year = row["contract_year"]
        sums[year] = sums.get(year, 0) + _deliveries.decode(row["body"]).returned_g
    return sums


async def list_changed(
    connection: Connection,
    wanted: Wanted,
    since: datetime,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[OwnDelivery]:
    """At most `limit` that changed at `since` or later, in that order."""
    time, delivery = after or (ALWAYS, FIRST)
    rows = await connection.fetch(READ_CHANGED, *_arguments(wanted, delivery), limit, since, time)
    return _own(rows)


def _arguments(wanted: Wanted, delivery: UUID | None) -> tuple[object, ...]:
    return (
        wanted.organisation,
        wanted.side,
        delivery,
        wanted.agreement,
        wanted.status,
        wanted.contract_year,
        wanted.shipped_from,
        wanted.shipped_before,
    )


_deliveries = msgspec.json.Decoder(Delivery)
_agreements = msgspec.json.Decoder(Agreement)


def _own(rows: Sequence[asyncpg.Record]) -> list[OwnDelivery]:
    """Decodes each agreement once, since most deliveries of a page are of a few."""
    agreed = {row["agreement"]: row["agreed"] for row in rows}
    agreements = {each: _agreements.decode(body) for each, body in agreed.items()}
    return [_of(row, agreements[row["agreement"]]) for row in rows]


def _of(row: asyncpg.Record, agreement: Agreement) -> OwnDelivery:
    return OwnDelivery(
        market=row["market"],
        seller=row["seller"],
        buyer=row["buyer"],
        changed_at=known(row["changed_time"]),
        agreement=agreement,
        delivery=_deliveries.decode(row["body"]),
    )
