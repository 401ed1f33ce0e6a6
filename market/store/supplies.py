"""Supply offers and recovered lots: table `supply`."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.array_texts import fetch
from events.connections import Connection
from events.writes import Write
from market.rules.book import SupplyOrder
from market.store import bodies
from market.store.order_changes import OrderChange, OrderKey, order_writes


class SupplyRow(Struct, frozen=True, kw_only=True):
    """`position` is of the last event that changed the row, holds included; `order.version` counts the
    owner's changes."""

    order: SupplyOrder
    lane: int
    position: int
    lot_identity: str | None


# By the primary key; the terms only where an event reads them, since a clearing touches thousands of rows.
READ_CHANGES = """
select s.lane, s.market, s.supply, s.kind, s.organisation, s.status, s.version, s.rank, s.position, s.basis_g,
       s.held_g, s.filled_g, s.tranche_count, s.tranche_committed_g, s.valid_until, s.lot_identity,
       case when a.whole then (
           select t.body from order_terms t
           where t.lane = s.lane and t.market = s.market and t.order_id = s.supply
       ) end as body
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::boolean[]) as a (lane, market, supply, whole)
join supply s on s.lane = a.lane and s.market = a.market and s.supply = a.supply
"""


# Of the same orders those that an event has changed since.
READ_CHANGED = READ_CHANGES + "where s.position >= $5"


async def read_changes(
    connection: Connection, keys: Iterable[OrderKey], whole: set[UUID]
) -> dict[UUID, OrderChange]:
    """Rows that events are about to change; those of `whole` with their terms. LookupError when one is
    missing."""
    wanted = list(keys)
    if not wanted:
        return {}
    rows = await fetch(connection, READ_CHANGES, *_asked(wanted, whole))
    if len(rows) != len(wanted):
        raise LookupError(f"supply: {len(rows)} rows of {len(wanted)} that events name")
    return {row["supply"]: _change(row) for row in rows}


async def read_changed(
    connection: Connection, keys: Iterable[OrderKey], whole: set[UUID], *, since: int
) -> dict[UUID, OrderChange]:
    """Those of the rows that an event has changed at this position of their lane or after it."""
    wanted = list(keys)
    if not wanted:
        return {}
    rows = await fetch(connection, READ_CHANGED, *_asked(wanted, whole), shared=(since,))
    return {row["supply"]: _change(row) for row in rows}


def _asked(wanted: Sequence[OrderKey], whole: set[UUID]) -> tuple[Sequence[object], ...]:
    lanes, markets, orders = zip(*wanted, strict=True)
    return lanes, markets, orders, [order in whole for order in orders]


def _change(row: asyncpg.Record) -> OrderChange:
    return OrderChange(
        lane=row["lane"],
        market=row["market"],
        order=row["supply"],
        kind=row["kind"],
        organisation=row["organisation"],
        status=row["status"],
        version=row["version"],
        rank=row["rank"],
        position=row["position"],
        basis_g=row["basis_g"],
        held_g=row["held_g"],
        filled_g=row["filled_g"],
        tranche_count=row["tranche_count"],
        tranche_committed_g=tuple(row["tranche_committed_g"]),
        valid_until=row["valid_until"],
        lot_identity=row["lot_identity"],
        body=row["body"],
        was_open=row["status"] == "open",
    )


# An order as it is opened; few columns, since a client encodes arrays value by value.
INSERT = """
insert into supply (
    lane, market, supply, kind, organisation, status, version, rank, position, basis_g, held_g, filled_g,
        in_book, tranche_count, tranche_committed_g, valid_until, lot_identity
)
select lane, market, id, kind, organisation, 'open', 1, position, position, basis_g, 0, 0,
       true, tranche_count, '{}', valid_until, lot_identity
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::timestamptz[], $10::text[]
) as n (lane, market, id, kind, organisation, position, basis_g, tranche_count, valid_until, lot_identity)
"""

UPDATE = """
update supply s set
    status = n.status, version = n.version, rank = n.rank, position = n.position, basis_g = n.basis_g,
    held_g = n.held_g, filled_g = n.filled_g, in_book = n.in_book, tranche_count = n.tranche_count,
    tranche_committed_g = n.tranche_committed_g::bigint[], valid_until = n.valid_until
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::boolean[], $12::bigint[], $13::text[], $14::timestamptz[]
) as n (
    lane, market, id, status, version, rank, position, basis_g, held_g, filled_g, in_book, tranche_count,
        tranche_committed_g, valid_until
)
where s.lane = n.lane and s.market = n.market and s.supply = n.id
"""

# What a round does to thousands of orders at once.
MOVE = """
update supply s set
    status = n.status, position = n.position, held_g = n.held_g, filled_g = n.filled_g,
    in_book = n.status = 'open' or n.held_g > 0, tranche_committed_g = n.tranche_committed_g::bigint[]
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]
) as n (lane, market, id, status, position, held_g, filled_g, tranche_committed_g)
where s.lane = n.lane and s.market = n.market and s.supply = n.id
"""


def writes(changes: Iterable[OrderChange]) -> list[Write]:
    """New rows as they were opened, then those to which more happened; each exactly once."""
    return order_writes(changes, "supply", INSERT, UPDATE, MOVE)


READ_ONE = """
select s.lane, s.market, s.supply, s.kind, s.organisation, s.status, s.version, s.rank, s.position, s.held_g,
       s.filled_g, s.tranche_committed_g, s.lot_identity, t.body
from supply s join order_terms t on t.lane = s.lane and t.market = s.market and t.order_id = s.supply
where s.supply = $1 and ($2::uuid is null or s.organisation = $2)
"""


async def load_supply(connection: Connection, organisation: UUID | None, order: UUID) -> SupplyRow | None:
    """The order as it stands; None when it is unknown or another organisation's. `organisation` None:
    anyone's."""
    row = await connection.fetchrow(READ_ONE, order, organisation)
    return None if row is None else supply_row(row, order)


# What a market's book holds: open orders, and closed ones as long as a match holds part of them.
READ_BOOK = """
select s.lane, s.market, s.supply, s.kind, s.organisation, s.status, s.version, s.rank, s.position, s.held_g,
       s.filled_g, s.tranche_committed_g, s.lot_identity, t.body
from supply s join order_terms t on t.lane = s.lane and t.market = s.market and t.order_id = s.supply
where s.lane = $1 and s.market = $2 and s.in_book
"""


async def read_in_book(connection: Connection, lane: int, market: UUID) -> list[asyncpg.Record]:
    return await connection.fetch(READ_BOOK, lane, market)


def decode_in_book(rows: Iterable[asyncpg.Record]) -> dict[UUID, SupplyOrder]:
    return {row["supply"]: _order(row, row["supply"]) for row in rows}


READ_STATES = """
select s.lane, s.market, s.supply, s.kind, s.organisation, s.status, s.version, s.rank, s.position, s.held_g,
       s.filled_g, s.tranche_committed_g, s.lot_identity, t.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, supply)
join supply s on s.lane = a.lane and s.market = a.market and s.supply = a.supply
join order_terms t on t.lane = a.lane and t.market = a.market and t.order_id = a.supply
"""


async def load_orders(connection: Connection, keys: Sequence[OrderKey]) -> dict[UUID, SupplyRow]:
    """The orders of a batch of commands, under their lane."""
    lanes, markets, orders = (list(column) for column in zip(*keys, strict=True))
    return {
        row["supply"]: supply_row(row, row["supply"])
        for row in await fetch(connection, READ_STATES, lanes, markets, orders)
    }


def _order(row: asyncpg.Record, order: UUID) -> SupplyOrder:
    return SupplyOrder(
        order=order,
        kind=row["kind"],
        market=row["market"],
        organisation=row["organisation"],
        rank=row["rank"],
        version=row["version"],
        status=row["status"],
        held_g=row["held_g"],
        filled_g=row["filled_g"],
        tranche_committed_g=tuple(row["tranche_committed_g"]),
        terms=bodies.supply_terms(row["body"]),
    )


def supply_row(row: asyncpg.Record, order: UUID) -> SupplyRow:
    return SupplyRow(
        order=_order(row, order), lane=row["lane"], position=row["position"], lot_identity=row["lot_identity"]
    )
