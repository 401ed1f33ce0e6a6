"""Requirements: table `requirement`."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.array_texts import fetch
from events.connections import Connection
from events.writes import Write
from market.rules.book import RequirementOrder
from market.store import bodies
from market.store.order_changes import OrderChange, OrderKey, order_writes


class RequirementRow(Struct, frozen=True, kw_only=True):
    """`position` is of the last event that changed the row, holds included; `order.version` counts the
    owner's changes."""

    order: RequirementOrder
    lane: int
    position: int


READ_CHANGES = """
select r.lane, r.market, r.requirement, r.organisation, r.status, r.version, r.rank, r.position, r.basis_g,
       r.held_g, r.filled_g, r.valid_until
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, requirement)
join requirement r on r.lane = a.lane and r.market = a.market and r.requirement = a.requirement
"""


# Of the same orders those that an event has changed since.
READ_CHANGED = READ_CHANGES + "where r.position >= $4"


async def read_changes(connection: Connection, keys: Iterable[OrderKey]) -> dict[UUID, OrderChange]:
    """Rows that events are about to change. LookupError when one is missing."""
    wanted = list(keys)
    if not wanted:
        return {}
    rows = await fetch(connection, READ_CHANGES, *zip(*wanted, strict=True))
    if len(rows) != len(wanted):
        raise LookupError(f"requirement: {len(rows)} rows of {len(wanted)} that events name")
    return {row["requirement"]: _change(row) for row in rows}


async def read_changed(
    connection: Connection, keys: Iterable[OrderKey], *, since: int
) -> dict[UUID, OrderChange]:
    """Those of the rows that an event has changed at this position of their lane or after it."""
    wanted = list(keys)
    if not wanted:
        return {}
    rows = await fetch(connection, READ_CHANGED, *zip(*wanted, strict=True), shared=(since,))
    return {row["requirement"]: _change(row) for row in rows}


def _change(row: asyncpg.Record) -> OrderChange:
    return OrderChange(
        lane=row["lane"],
        market=row["market"],
        order=row["requirement"],
        kind="requirement",
        organisation=row["organisation"],
        status=row["status"],
        version=row["version"],
        rank=row["rank"],
        position=row["position"],
        basis_g=row["basis_g"],
        held_g=row["held_g"],
        filled_g=row["filled_g"],
        tranche_count=0,
        tranche_committed_g=(),
        valid_until=row["valid_until"],
        lot_identity=None,
        body=None,
        was_open=row["status"] == "open",
    )


INSERT = """
insert into requirement (
    lane, market, requirement, organisation, status, version, rank, position, basis_g, held_g, filled_g,
        in_book, valid_until
)
select lane, market, id, organisation, 'open', 1, position, position, basis_g, 0, 0, true, valid_until
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::timestamptz[], $10::text[]
) as n (lane, market, id, kind, organisation, position, basis_g, tranche_count, valid_until, lot_identity)
"""

UPDATE = """
update requirement r set
    status = n.status, version = n.version, rank = n.rank, position = n.position, basis_g = n.basis_g,
    held_g = n.held_g, filled_g = n.filled_g, in_book = n.in_book, valid_until = n.valid_until
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::boolean[], $12::bigint[], $13::text[], $14::timestamptz[]
) as n (
    lane, market, id, status, version, rank, position, basis_g, held_g, filled_g, in_book, tranche_count,
        tranche_committed_g, valid_until
)
where r.lane = n.lane and r.market = n.market and r.requirement = n.id
"""

# What a round does to thousands of orders at once.
MOVE = """
update requirement r set
    status = n.status, position = n.position, held_g = n.held_g, filled_g = n.filled_g,
    in_book = n.status = 'open' or n.held_g > 0
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]
) as n (lane, market, id, status, position, held_g, filled_g, no_tranches)
where r.lane = n.lane and r.market = n.market and r.requirement = n.id
"""


def writes(changes: Iterable[OrderChange]) -> list[Write]:
    """New rows as they were opened, then those to which more happened; each exactly once."""
    return order_writes(changes, "requirement", INSERT, UPDATE, MOVE)


READ_ONE = """
select r.lane, r.market, r.requirement, r.organisation, r.status, r.version, r.rank, r.position, r.held_g,
       r.filled_g, t.body
from requirement r
join order_terms t on t.lane = r.lane and t.market = r.market and t.order_id = r.requirement
where r.requirement = $1 and ($2::uuid is null or r.organisation = $2)
"""


async def load_requirement(
    connection: Connection, organisation: UUID | None, order: UUID
) -> RequirementRow | None:
    """The order as it stands; None when it is unknown or another organisation's. `organisation` None:
    anyone's."""
    row = await connection.fetchrow(READ_ONE, order, organisation)
    return None if row is None else requirement_row(row, order)


# What a market's book holds: open orders, and closed ones as long as a match holds part of them.
READ_BOOK = """
select r.lane, r.market, r.requirement, r.organisation, r.status, r.version, r.rank, r.position, r.held_g,
       r.filled_g, t.body
from requirement r
join order_terms t on t.lane = r.lane and t.market = r.market and t.order_id = r.requirement
where r.lane = $1 and r.market = $2 and r.in_book
"""


async def read_in_book(connection: Connection, lane: int, market: UUID) -> list[asyncpg.Record]:
    return await connection.fetch(READ_BOOK, lane, market)


def decode_in_book(rows: Iterable[asyncpg.Record]) -> dict[UUID, RequirementOrder]:
    return {row["requirement"]: _order(row, row["requirement"]) for row in rows}


READ_STATES = """
select r.lane, r.market, r.requirement, r.organisation, r.status, r.version, r.rank, r.position, r.held_g,
       r.filled_g, t.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, requirement)
join requirement r on r.lane = a.lane and r.market = a.market and r.requirement = a.requirement
join order_terms t on t.lane = a.lane and t.market = a.market and t.order_id = a.requirement
"""


async def load_orders(connection: Connection, keys: Sequence[OrderKey]) -> dict[UUID, RequirementRow]:
    """The orders of a batch of commands, under their lane."""
    lanes, markets, orders = (list(column) for column in zip(*keys, strict=True))
    return {
        row["requirement"]: requirement_row(row, row["requirement"])
        for row in await fetch(connection, READ_STATES, lanes, markets, orders)
    }


def _order(row: asyncpg.Record, order: UUID) -> RequirementOrder:
    return RequirementOrder(
        order=order,
        market=row["market"],
        organisation=row["organisation"],
        rank=row["rank"],
        version=row["version"],
        status=row["status"],
        held_g=row["held_g"],
        filled_g=row["filled_g"],
        terms=bodies.requirement_terms(row["body"]),
    )


def requirement_row(row: asyncpg.Record, order: UUID) -> RequirementRow:
    return RequirementRow(order=_order(row, order), lane=row["lane"], position=row["position"])
