"""Reservations of physical lots: table `lot_reservation`, the newest of each lot."""

from collections.abc import Sequence
from typing import assert_never, cast
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.material_events import LotReleased, LotReserved, PassportTransferred
from events.row_counts import expect_rows
from events.vocabulary import PhysicalLot
from market.rules.orders.orders import Reservation
from market.store import bodies

LotFact = LotReserved | LotReleased | PassportTransferred


class ReservationRow(Struct, frozen=True, kw_only=True):
    lane: int
    position: int
    version: int
    physical_lot: PhysicalLot
    reservation: Reservation


# A lot that was released may be reserved again, one that was sold by another organisation, which its passport
# has gone to; otherwise its row is not counted.
RESERVE = """
insert into lot_reservation as r (lane, identity, organisation, market, supply, status, version, position,
    body)
select lane, identity, organisation, market, supply, 'reserved', 1, position, body
from unnest($1::bigint[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bytea[])
    as n (lane, identity, organisation, market, supply, position, body)
on conflict (lane, identity) do update set
    organisation = excluded.organisation, market = excluded.market, supply = excluded.supply,
    status = 'reserved', version = r.version + 1, position = excluded.position, body = excluded.body
where r.status in ('withdrawn', 'expired', 'returned')
    or r.status = 'sold' and r.organisation <> excluded.organisation
"""

RELEASE = """
update lot_reservation r set status = n.reason, version = r.version + 1, position = n.position
from unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[], $5::text[]) as n (lane, identity, supply,
    position, reason)
where r.lane = n.lane and r.identity = n.identity and r.supply = n.supply and r.status = 'reserved'
"""

# Nothing happens to a lot that was never sold, or that goes to anybody else than who sold it.
RETURN = """
update lot_reservation r set status = 'returned', version = r.version + 1, position = n.position
from unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[]) as n (lane, identity, owner, position)
where r.lane = n.lane and r.identity = n.identity and r.status = 'sold' and r.organisation = n.owner
"""


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """In runs of one kind of fact on different lots: a live batch is one run, a rebuild a few."""
    run: list[tuple[Recorded, LotFact]] = []
    for event in events:
        fact = cast(LotFact, event.data)
        if run and (
            type(fact) is not type(run[0][1]) or any(_identity(fact) == _identity(f) for _, f in run)
        ):
            await _write(connection, run)
            run = []
        run.append((event, fact))
    if run:
        await _write(connection, run)


async def _write(connection: Connection, run: Sequence[tuple[Recorded, LotFact]]) -> None:
    rows: list[tuple[object, ...]] = []
    statement = RESERVE
    for event, fact in run:
        match fact:
            case LotReserved():
                body = bodies.encode(fact.physical_lot)
                rows.append(
                    (
                        event.lane,
                        fact.identity,
                        fact.organisation,
                        fact.market,
                        fact.order,
                        event.position,
                        body,
                    )
                )
            case LotReleased():
                statement = RELEASE
                rows.append((event.lane, fact.identity, fact.order, event.position, fact.reason))
            case PassportTransferred():
                statement = RETURN
                if fact.owner != fact.previous_owner:
                    rows.append((event.lane, str(fact.passport), fact.owner, event.position))
            case _:
                assert_never(fact)
    if not rows:
        return
    status = await connection.execute(statement, *zip(*rows, strict=True))
    if statement is not RETURN:
        expect_rows(status, len(rows), f"lot_reservation {type(run[0][1]).__name__}")


def _identity(fact: LotFact) -> str:
    return str(fact.passport) if isinstance(fact, PassportTransferred) else fact.identity


READ_STATES = """
select r.lane, r.position, r.version, r.identity, r.organisation, r.market, r.supply, r.status, r.body
from unnest($1::bigint[], $2::text[]) as a (lane, identity)
join lot_reservation r on r.lane = a.lane and r.identity = a.identity
"""


async def load_reservations(
    connection: Connection, keys: Sequence[tuple[int, str]]
) -> dict[str, ReservationRow]:
    """The newest reservation of each (lane, identity) that ever had one, released ones included."""
    if not keys:
        return {}
    lanes, identities = (list(column) for column in zip(*keys, strict=True))
    rows = await connection.fetch(READ_STATES, lanes, identities)
    return {row["identity"]: _row(row) for row in rows}


# Read without the lanes of the others: two orders of one company at the same moment may both stand.
READ_ALIKE = """
select n.identity as named, r.lane, r.position, r.version, r.identity, r.organisation, r.market, r.supply,
       r.status, r.body
from unnest($1::text[]) as n (identity)
join lot_reservation r on lower(r.identity) = lower(n.identity) and r.identity <> n.identity
where r.status in ('reserved', 'sold')
"""


async def load_alike(connection: Connection, identities: Sequence[str]) -> dict[str, Reservation]:
    """By identity that was asked about: of a lot, offered or sold, that differs from it by case alone."""
    rows = await connection.fetch(READ_ALIKE, identities) if identities else []
    return {row["named"]: _row(row).reservation for row in rows}


# Its site is not known where a lot leaves: each of the seller's is looked at.
READ_OF_NUMBERS = """
select r.lane, r.position, r.version, r.identity, r.organisation, r.market, r.supply, r.status, r.body
from facility f
cross join unnest($2::text[]) as n (number)
join lot_reservation r on lower(r.identity) = lower(f.organisation || '/' || f.facility || '/' || n.number)
where f.organisation = $1 and r.status = 'reserved'
order by r.identity limit $3
"""


async def reserved_of_numbers(
    connection: Connection, organisation: UUID, numbers: Sequence[str], *, limit: int
) -> tuple[ReservationRow, ...]:
    """Lots without a passport in open orders, at any site of the organisation, whatever the case."""
    rows = await connection.fetch(READ_OF_NUMBERS, organisation, numbers, limit)
    return tuple(map(_row, rows))


_lots = msgspec.json.Decoder(PhysicalLot)


def _row(row: asyncpg.Record) -> ReservationRow:
    return ReservationRow(
        lane=row["lane"],
        position=row["position"],
        version=row["version"],
        physical_lot=_lots.decode(row["body"]),
        reservation=Reservation(
            identity=row["identity"],
            organisation=row["organisation"],
            market=row["market"],
            order=row["supply"],
            released=row["status"] != "reserved",
            sold=row["status"] == "sold",
        ),
    )


def holder(rows: dict[str, ReservationRow], identity: str | None) -> Reservation | None:
    row = None if identity is None else rows.get(identity)
    return None if row is None else row.reservation
