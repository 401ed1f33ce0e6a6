"""Payments and the open rest of each invoice: tables `payment` and `payment_part`, and the columns of
`issued_invoice` that depend on them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.days import day_of
from contracts.rules.invoices import total_cents
from contracts.rules.payment import OfDelivery, Payable, Payment, agreements_of, fold, standings
from contracts.store import bodies
from contracts.store.issued_invoices import Issuing, known
from events.connections import Connection
from events.contract_events import InvoiceSettled
from events.envelope import Recorded
from events.facts import PaymentFact
from events.row_counts import expect_rows

PaymentKey: TypeAlias = tuple[int, UUID, UUID]
"""lane, market, payment."""
InvoiceKey: TypeAlias = tuple[int, UUID, UUID, UUID]
"""lane, market, agreement, invoice."""
AlikeKey: TypeAlias = tuple[int, UUID, UUID, UUID, date, str]
"""lane, market, payer, payee, value date, reference."""


class PaymentPlace(Struct, frozen=True, kw_only=True):
    """What never changes in a payment, or in a payment to be opened."""

    lane: int
    market: UUID
    agreements: tuple[UUID, ...]


def meets_others(fact: Issuing) -> bool:
    """Whether the invoice may be set off against others of its delivery, or has nothing to pay."""
    if isinstance(fact, InvoiceSettled):
        return fact.delivery is not None or not fact.total_cents
    return bool(fact.lines) and not total_cents(fact.lines)


def key_of(event: Recorded, fact: Issuing) -> InvoiceKey:
    return event.lane, fact.market, fact.agreement, fact.invoice


UPSERT = """
insert into payment (
    lane, market, payment, payer, payee, status, value_on, counted_on, reference, version, position,
    changed_time, body
)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::date[], $8::date[],
    $9::text[], $10::bigint[], $11::bigint[], $12::timestamptz[], $13::bytea[]
)
on conflict (lane, market, payment) do update set
    counted_on = excluded.counted_on, status = excluded.status, version = excluded.version,
    position = excluded.position, changed_time = excluded.changed_time, body = excluded.body
"""

# The invoice's row says whether the buyer is the payer: its own sign convention is kept.
UPSERT_PARTS = """
insert into payment_part (
    lane, market, payment, invoice, agreement, payer, payee, stated_cents, received_cents, received_on
)
select n.lane, n.market, n.payment, n.invoice, n.agreement, n.payer, n.payee,
    n.stated_cents * s.sign, n.received_cents * s.sign, n.received_on
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::bigint[],
    $9::bigint[], $10::date[]
) as n (
    lane, market, payment, invoice, agreement, payer, payee, stated_cents, received_cents, received_on
)
join issued_invoice i
    on i.lane = n.lane and i.market = n.market and i.agreement = n.agreement and i.invoice = n.invoice
cross join lateral (select case when i.buyer = n.payer then 1 else -1 end as sign) s
on conflict (lane, market, payment, invoice) do update set
    stated_cents = excluded.stated_cents, received_cents = excluded.received_cents,
    received_on = excluded.received_on
"""


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, PaymentFact]]) -> None:
    """Folds the events into their payments, and writes each payment once, with the rest of its invoices.

    LookupError when a payment is missing, RowCountWrong when an invoice is.
    """
    keys = {fact.payment: (event.lane, fact.market, fact.payment) for event, fact in steps}
    after: dict[UUID, Payment] = dict(await load_payments(connection, sorted(keys.values())))
    times = {}
    for event, fact in steps:
        after[fact.payment] = fold(after.get(fact.payment), event.position, fact)
        times[fact.payment] = event.time
    rows = [
        (
            *keys[payment],
            of.opened.payer,
            of.opened.payee,
            of.status,
            of.opened.value_on,
            of.counts.value_on,
            of.opened.reference,
            of.version,
            of.position,
            times[payment],
            bodies.encode(of),
        )
        for payment, of in after.items()
    ]
    status = await connection.execute(UPSERT, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "payment upsert")
    parts = [row for payment, of in after.items() for row in _parts(keys[payment], of)]
    status = await connection.execute(UPSERT_PARTS, *zip(*parts, strict=True))
    expect_rows(status, len(parts), "payment part upsert")
    named: dict[InvoiceKey, datetime] = {}
    for lane, market, payment in keys.values():
        for part in after[payment].opened.parts:
            key = lane, market, part.agreement, part.invoice
            named[key] = max(times[payment], named.get(key, times[payment]))
    await apply_standings(connection, named)


def _parts(key: PaymentKey, of: Payment) -> list[tuple[object, ...]]:
    opened, announced, paid = of.opened, of.announced, of.paid
    received_on = of.counts.value_on
    return [
        (
            *key,
            part.invoice,
            part.agreement,
            opened.payer,
            opened.payee,
            announced.get(part.invoice, 0),
            paid.get(part.invoice, 0),
            received_on if part.invoice in paid else None,
        )
        for part in opened.parts
    ]


# All invoices of the deliveries concerned; an invoice without a delivery is alone.
READ_GROUPS = """
select i.lane, i.market, i.agreement, i.invoice, i.delivery, i.total_cents, i.issued_time, a.changed_time,
    coalesce(p.received_cents, 0)::bigint as received_cents,
    coalesce(p.stated_cents, 0)::bigint as stated_cents, p.received_on
from (
    select t.lane, t.market, t.agreement, t.invoice, max(t.changed_time) as changed_time
    from (
        select n.lane, n.market, n.agreement, n.invoice, n.changed_time
        from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
            as n (lane, market, agreement, invoice, changed_time)
        union all
        select g.lane, g.market, g.agreement, g.invoice, n.changed_time
        from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
            as n (lane, market, agreement, invoice, changed_time)
        join issued_invoice o
            on o.lane = n.lane and o.market = n.market and o.agreement = n.agreement and o.invoice = n.invoice
        join issued_invoice g
            on g.lane = o.lane and g.market = o.market and g.agreement = o.agreement
            and g.delivery = o.delivery
    ) t
    group by t.lane, t.market, t.agreement, t.invoice
) a
join issued_invoice i
    on i.lane = a.lane and i.market = a.market and i.agreement = a.agreement and i.invoice = a.invoice
left join lateral (
    select sum(received_cents) as received_cents, sum(stated_cents) as stated_cents,
        max(received_on) as received_on
    from payment_part where invoice = i.invoice
) p on true
order by i.lane, i.market, i.agreement, coalesce(i.delivery, i.invoice), i.issued_time, i.invoice
"""

UPDATE_STANDINGS = """
update issued_invoice i set
    received_cents = n.received_cents, stated_cents = n.stated_cents, set_off_cents = n.set_off_cents,
    status = n.status, settled_on = n.settled_on, changed_time = greatest(i.changed_time, n.changed_time)
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
    $9::date[], $10::timestamptz[]
) as n (
    lane, market, agreement, invoice, received_cents, stated_cents, set_off_cents, status, settled_on,
    changed_time
)
where i.lane = n.lane and i.market = n.market and i.agreement = n.agreement and i.invoice = n.invoice
"""


async def apply_standings(connection: Connection, invoices: Mapping[InvoiceKey, datetime]) -> None:
    """Computes again what is paid and set off of these invoices and all others of their deliveries; all get
    the time of the fact that caused it, however many facts are applied at once."""
    if not invoices:
        return
    keys = [(*key, time) for key, time in sorted(invoices.items())]
    found = await connection.fetch(READ_GROUPS, *zip(*keys, strict=True))
    rows: list[tuple[object, ...]] = []
    for _, group in groupby(found, lambda row: row["delivery"] or row["invoice"]):
        members = list(group)
        for row, stands in zip(members, standings([_of_delivery(row) for row in members]), strict=True):
            rows.append(
                (
                    *(row[name] for name in ("lane", "market", "agreement", "invoice")),
                    row["received_cents"],
                    row["stated_cents"],
                    stands.set_off_cents,
                    stands.status,
                    None if stands.settled_on == date.min else stands.settled_on,
                    row["changed_time"],
                )
            )
    status = await connection.execute(UPDATE_STANDINGS, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "issued_invoice standing update")


def _of_delivery(row: asyncpg.Record) -> OfDelivery:
    issued_at = known(row["issued_time"])
    return OfDelivery(
        total_cents=row["total_cents"],
        received_cents=row["received_cents"],
        issued_on=date.min if issued_at is None else day_of(issued_at),
        received_on=row["received_on"],
    )


READ_PAYMENTS = """
select p.payment, p.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as n (lane, market, payment)
join payment p on p.payment = n.payment and p.lane = n.lane and p.market = n.market
"""


async def load_payments(connection: Connection, keys: Sequence[PaymentKey]) -> Mapping[UUID, Payment]:
    """The payments that exist among the keys; under their lane's lock when they are read for a decision."""
    if not keys:
        return {}
    rows = await connection.fetch(READ_PAYMENTS, *zip(*keys, strict=True))
    return {row["payment"]: _payments.decode(row["body"]) for row in rows}


READ_PAYABLES = """
select market, agreement, invoice, seller, buyer, currency, total_cents, received_cents, stated_cents
from issued_invoice where invoice = any($1::uuid[])
"""


async def load_payables(connection: Connection, invoices: Collection[UUID]) -> dict[UUID, Payable]:
    """The invoices that exist, of any market: the rule decides who may pay them."""
    rows = await connection.fetch(READ_PAYABLES, list(invoices))
    return {row["invoice"]: Payable(**row) for row in rows}


READ_ALIKE = """
select n.place, p.payment
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::date[], $6::text[])
    with ordinality as n (lane, market, payer, payee, value_on, reference, place)
join payment p
    on p.lane = n.lane and p.market = n.market and p.payer = n.payer and p.payee = n.payee
    and p.value_on = n.value_on and p.reference = n.reference
where p.status not in ('withdrawn', 'reversed')
"""


async def alike(connection: Connection, keys: Sequence[AlikeKey]) -> Mapping[AlikeKey, UUID]:
    """By key, the payment that is still in effect, if any."""
    if not keys:
        return {}
    rows = await connection.fetch(READ_ALIKE, *zip(*keys, strict=True))
    return {keys[row["place"] - 1]: row["payment"] for row in rows}


LOCATE_INVOICES = """
select lane, market, agreement from issued_invoice
where invoice = any($1::uuid[]) and $2 in (seller, buyer) order by invoice
"""


async def locate_invoices(
    connection: Connection, organisation: UUID, invoices: Sequence[UUID]
) -> PaymentPlace | None:
    """The place where a payment of these invoices is decided: the lane of the first one that is the
    organisation's."""
    rows = await connection.fetch(LOCATE_INVOICES, list(invoices), organisation)
    if not rows:
        return None
    return PaymentPlace(
        lane=rows[0]["lane"],
        market=rows[0]["market"],
        agreements=tuple(sorted({row["agreement"] for row in rows})),
    )


LOCATE = """
select lane, market, body from payment where payment = $1 and $2 in (payer, payee)
"""


async def locate(connection: Connection, organisation: UUID, payment: UUID) -> PaymentPlace | None:
    """The place of a payment; None when it is unknown or the organisation is no side of it."""
    row = await connection.fetchrow(LOCATE, payment, organisation)
    if row is None:
        return None
    parts = _payments.decode(row["body"]).opened.parts
    return PaymentPlace(lane=row["lane"], market=row["market"], agreements=tuple(agreements_of(parts)))


_payments = msgspec.json.Decoder(Payment)
