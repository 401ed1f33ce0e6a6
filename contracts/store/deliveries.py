"""Deliveries: table `delivery`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct

from contracts.rules.calls import next_due
from contracts.rules.days import midnight
from contracts.rules.delivery import Delivery, fold
from contracts.store import bodies
from contracts.store.agreements import AgreementKey, load_agreements
from events.connections import Connection
from events.delivery_events import DeliveryShipped
from events.envelope import Recorded
from events.facts import DeliveryFact
from events.row_counts import expect_rows

DeliveryKey: TypeAlias = tuple[int, UUID, UUID]
"""lane, market, delivery."""


class DeliveryPlace(Struct, frozen=True, kw_only=True):
    """What never changes in a delivery."""

    lane: int
    market: UUID
    agreement: UUID
    delivery: UUID
    shipped_on: date


async def apply(connection: Connection, steps: Sequence[tuple[Recorded, DeliveryFact]]) -> None:
    """Folds the events into their deliveries, and writes each delivery once. LookupError when one is
    missing."""
    named = {key_of(event, fact) for event, fact in steps}
    shipped = {key_of(event, fact) for event, fact in steps if isinstance(fact, DeliveryShipped)}
    before = await load_deliveries(connection, sorted(named - shipped))
    after = dict(before)
    keys: dict[UUID, DeliveryKey] = {}
    for event, fact in steps:
        keys[fact.delivery] = key_of(event, fact)
        after[fact.delivery] = fold(after.get(fact.delivery), event.position, fact)
    shipped_times = {fact.delivery: event.time for event, fact in steps if isinstance(fact, DeliveryShipped)}
    times = {fact.delivery: event.time for event, fact in steps}
    new = [(keys[each], after[each]) for each in keys if each not in before]
    # rejected ones first, since that makes their lot numbers free
    await _update(connection, [(keys[each], after[each]) for each in keys if each in before], times)
    await _insert(connection, new, shipped_times, times)
    await _update(connection, [each for each in new if each[1].returned], times)


def key_of(event: Recorded, fact: DeliveryFact) -> DeliveryKey:
    return event.lane, fact.market, fact.delivery


INSERT = """
insert into delivery (
    lane, market, agreement, delivery, seller, buyer, lot_number, shipped_on, passport, status, version,
    position, due_time, body, shipped_time, contract_year,
    changed_time, replaces, invoiced
)
select *, false from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::date[],
    $9::uuid[], $10::text[], $11::bigint[], $12::bigint[], $13::timestamptz[], $14::bytea[],
    $15::timestamptz[], $16::bigint[], $17::timestamptz[], $18::uuid[]
)
"""


async def _insert(
    connection: Connection,
    new: Sequence[tuple[DeliveryKey, Delivery]],
    shipped_times: Mapping[UUID, datetime],
    times: Mapping[UUID, datetime],
) -> None:
    if not new:
        return
    named = sorted({(lane, market, of.shipped.agreement) for (lane, market, _), of in new})
    agreements = await load_agreements(connection, named)
    rows = [
        (
            lane,
            market,
            of.shipped.agreement,
            delivery,
            agreements[of.shipped.agreement].seller,
            agreements[of.shipped.agreement].buyer,
            of.shipped.lot_number,
            of.shipped.shipped_on,
            of.shipped.passport,
            *_changing(of),
            shipped_times[delivery],
            of.shipped.year,
            times[delivery],
            None if of.shipped.replaces is UNSET else of.shipped.replaces,
        )
        for (lane, market, delivery), of in new
    ]
    status = await connection.execute(INSERT, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "delivery insert")


UPDATE = """
update delivery d set
    status = n.status, version = n.version, position = n.position, due_time = n.due_time, body = n.body,
    changed_time = n.changed_time, returned_passports = n.returned_passports::uuid[]
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[],
    $8::timestamptz[], $9::bytea[], $10::timestamptz[], $11::text[]
) as n (
    lane, market, agreement, delivery, status, version, position, due_time, body, changed_time,
    returned_passports
)
where d.lane = n.lane and d.market = n.market and d.agreement = n.agreement and d.delivery = n.delivery
"""


async def _update(
    connection: Connection,
    old: Sequence[tuple[DeliveryKey, Delivery]],
    times: Mapping[UUID, datetime],
) -> None:
    if not old:
        return
    rows = [
        (lane, market, of.shipped.agreement, delivery, *_changing(of), times[delivery], _returned(of))
        for (lane, market, delivery), of in old
    ]
    status = await connection.execute(UPDATE, *zip(*rows, strict=True))
    expect_rows(status, len(rows), "delivery update")


def _returned(of: Delivery) -> str | None:
    """Passports of returned material, as the text of an array, since unnest would flatten an array of
    arrays."""
    found = sorted({str(each.declared.passport) for each in of.returned if each.declared.passport})
    return "{" + ",".join(found) + "}" if found else None


def _changing(of: Delivery) -> tuple[object, ...]:
    return of.status, of.version, of.position, next_due(of), bodies.encode(of)


READ_STATES = """
select d.delivery, d.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as n (lane, market, delivery)
join delivery d on d.delivery = n.delivery and d.lane = n.lane and d.market = n.market
"""


async def load_deliveries(connection: Connection, keys: Sequence[DeliveryKey]) -> dict[UUID, Delivery]:
    """The deliveries that exist among the keys; under their lane's lock when they are read for a decision."""
    if not keys:
        return {}
    rows = await connection.fetch(READ_STATES, *(list(column) for column in zip(*keys, strict=True)))
    return {row["delivery"]: _deliveries.decode(row["body"]) for row in rows}


READ_LOTS = """
select d.agreement, d.lot_number
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[]) as n (lane, market, agreement, lot_number)
join delivery d
    on d.lane = n.lane and d.market = n.market and d.agreement = n.agreement and d.lot_number = n.lot_number
where d.status not in ('rejected', 'withdrawn')
"""


async def known_lots(
    connection: Connection, lots: Sequence[tuple[int, UUID, UUID, str]]
) -> set[tuple[UUID, str]]:
    """The (agreement, lot number) pairs that were shipped, and neither rejected nor withdrawn."""
    if not lots:
        return set()
    rows = await connection.fetch(READ_LOTS, *(list(column) for column in zip(*lots, strict=True)))
    return {(row["agreement"], row["lot_number"]) for row in rows}


READ_REJECTED_LAST = """
select delivery from delivery
where lane = $1 and market = $2 and agreement = $3 and lot_number = $4 and status = 'rejected'
order by position desc limit 1
"""


async def rejected_last(connection: Connection, key: AgreementKey, lot_number: str) -> UUID | None:
    """The lot's last rejected delivery under the agreement."""
    found: UUID | None = await connection.fetchval(READ_REJECTED_LAST, *key, lot_number)
    return found


READ_SENT_FOR = """
select body from delivery
where lane = $1 and market = $2 and agreement = $3 and (delivery = $4 or replaces = $4)
order by delivery
"""


async def sent_for(connection: Connection, key: AgreementKey, delivery: UUID) -> tuple[Delivery, ...]:
    """A delivery under the agreement, and the deliveries shipped to replace it."""
    rows = await connection.fetch(READ_SENT_FOR, *key, delivery)
    return tuple(_deliveries.decode(row["body"]) for row in rows)


# Whatever was rejected has come back to its seller, and what was withdrawn never left it.
READ_OF_NUMBER = """
select body from delivery
where seller = $1 and lower(lot_number) = lower($2) and delivery <> $3
    and status not in ('rejected', 'withdrawn')
order by delivery desc limit $4
"""


async def shipped_of_number(
    connection: Connection, seller: UUID, lot_number: str, but_for: UUID, *, limit: int
) -> tuple[Delivery, ...]:
    """Deliveries with this lot number, in any case, under any agreement of the seller; the newest first."""
    rows = await connection.fetch(READ_OF_NUMBER, seller, lot_number, but_for, limit)
    return tuple(_deliveries.decode(row["body"]) for row in rows)


READ_SHIPPED = """
select body from delivery
where lane = $1 and market = $2 and agreement = $3 and shipped_on >= $4 and shipped_on < $5
order by shipped_on, delivery
"""


async def shipped_between(
    connection: Connection, key: AgreementKey, start: date, end: date
) -> tuple[Delivery, ...]:
    rows = await connection.fetch(READ_SHIPPED, *key, start, end)
    return tuple(_deliveries.decode(row["body"]) for row in rows)


READ_LAST_SHIPPED = """
select delivery, shipped_on from delivery
where lane = $1 and market = $2 and agreement = $3
order by shipped_on desc, delivery desc limit 1
"""

READ_LAST_QUARTER = """
select period_start from invoice
where lane = $1 and market = $2 and agreement = $3 and period_start is not null
order by period_start desc limit 1
"""


async def last_settled(
    connection: Connection, key: AgreementKey
) -> tuple[tuple[UUID, date] | None, datetime | None]:
    """The last shipped delivery, with its day, and the start of the last settled quarter."""
    row = await connection.fetchrow(READ_LAST_SHIPPED, *key)
    quarter: datetime | None = await connection.fetchval(READ_LAST_QUARTER, *key)
    return None if row is None else (row["delivery"], row["shipped_on"]), quarter


READ_ACCEPTED = """
select d.seller, d.buyer, d.shipped_on, d.shipped_time, d.body, a.match from (
    select lane, market, agreement, delivery, shipped_on, shipped_time, seller, buyer, body from delivery
    where status = 'accepted' and shipped_on >= $2 and shipped_on < $3
        and ($1::uuid is null or market = $1) and ($4::uuid is null or $4 in (seller, buyer))
    order by shipped_on, delivery limit $5
) d
join agreement a on a.lane = d.lane and a.market = d.market and a.agreement = d.agreement
order by d.shipped_on, d.delivery
"""


class ShippedLot(Struct, frozen=True, kw_only=True):
    """`match`: the match of its contract; `shipped_at`: the day, if the record has no time. Both None if they
    were not read."""

    match: UUID | None = None
    shipped_at: datetime | None = None
    seller: UUID
    buyer: UUID
    delivery: Delivery


async def accepted_between(
    connection: Connection,
    market: UUID | None,
    since: date,
    until: date,
    organisation: UUID | None,
    *,
    limit: int,
) -> list[ShippedLot]:
    """Deliveries shipped from `since` to before `until` and accepted; None: of all markets, of all
    organisations."""
    rows = await connection.fetch(READ_ACCEPTED, market, since, until, organisation, limit)
    return [
        ShippedLot(
            match=row["match"],
            shipped_at=row["shipped_time"] or midnight(row["shipped_on"]),
            seller=row["seller"],
            buyer=row["buyer"],
            delivery=_deliveries.decode(row["body"]),
        )
        for row in rows
    ]


# Whatever was rejected has come back to its seller, and what was withdrawn never left it.
READ_OF_PASSPORTS = """
select seller, buyer, body from delivery
where passport is not null and passport = any($1::uuid[]) and status not in ('rejected', 'withdrawn')
order by delivery
"""


async def shipped_of_passports(connection: Connection, passports: Sequence[UUID]) -> list[ShippedLot]:
    """Deliveries of any agreement that name one of the passports, neither rejected nor withdrawn."""
    rows = await connection.fetch(READ_OF_PASSPORTS, passports) if passports else []
    return [
        ShippedLot(seller=row["seller"], buyer=row["buyer"], delivery=_deliveries.decode(row["body"]))
        for row in rows
    ]


READ_JOURNEYS = """
select body from delivery where passport is not null and passport = $1 order by delivery desc limit $2
"""


async def journeys_of(connection: Connection, passport: UUID, *, limit: int) -> list[Delivery]:
    """The newest deliveries that name the passport and that row-level security shows to the reader, in
    order."""
    rows = await connection.fetch(READ_JOURNEYS, passport, limit)
    return [_deliveries.decode(row["body"]) for row in reversed(rows)]


LOCATE = """
select lane, market, agreement, delivery, shipped_on from delivery
where delivery = $1 and ($2::uuid is null or $2 in (seller, buyer))
"""


async def locate(connection: Connection, organisation: UUID | None, delivery: UUID) -> DeliveryPlace | None:
    """None when the delivery is unknown or the organisation is no party to it; `organisation` None: any
    party's."""
    row = await connection.fetchrow(LOCATE, delivery, organisation)
    return None if row is None else DeliveryPlace(**row)


READ_ONE = """
select body from delivery where delivery = $1
"""


async def load_delivery(connection: Connection, delivery: UUID) -> Delivery | None:
    """The delivery, if row-level security shows it to the reader."""
    body = await connection.fetchval(READ_ONE, delivery)
    return None if body is None else _deliveries.decode(body)


READ_PAGE = """
select body from delivery where agreement = $1 and ($2::uuid is null or delivery < $2)
order by delivery desc limit $3
"""


async def list_deliveries(
    connection: Connection, agreement: UUID, *, after: UUID | None, limit: int
) -> list[Delivery]:
    """At most `limit`, the newest first."""
    rows = await connection.fetch(READ_PAGE, agreement, after, limit)
    return [_deliveries.decode(row["body"]) for row in rows]


_deliveries = msgspec.json.Decoder(Delivery)
