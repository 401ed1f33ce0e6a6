"""The only writer of views: the same steps as for state, on separate rows, at the projector's position."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from events.array_texts import fetch
from events.clearing_terms import waterfall_of
from events.connections import Connection
from events.envelope import Recorded
from events.market_events import ClearingEvidence
from events.writes import Write, send
from market.store import bodies
from market.store.market_facts import Batch, Named
from market.store.matches import MatchChange, MatchKey
from market.store.order_changes import OrderChange, OrderKey

PROJECTOR = "projector"
"""The reader's name, under which its positions stand."""


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """Applies events of the market stream to the views, in a constant number of statements."""
    named = Named(events)
    orders = await _read_orders(
        connection, [*named.supplies.values(), *named.requirements.values()], named.whole
    )
    batch = Batch(
        supplies={order: orders[order] for order in named.supplies},
        requirements={order: orders[order] for order in named.requirements},
        matches=await _read_matches(connection, named.matches.values()),
    )
    for event in events:
        batch.pass_over(event)
    orders_new, orders_moved = _order_writes([*batch.supplies.values(), *batch.requirements.values()])
    matches_new, matches_moved = _match_writes(list(batch.matches.values()))
    waterfalls = _waterfall_write(batch.evidence)
    await send(connection, [orders_new, matches_new, waterfalls, orders_moved, matches_moved])


READ_ORDERS = """
select o.lane, o.market, o.order_id as "order", o.kind, o.organisation, o.status, o.version, o.rank,
       o.position, o.basis_g, o.held_g, o.filled_g, o.tranche_count, o.tranche_committed_g, o.valid_until,
       o.lot_identity, case when a.whole then o.body end as body
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::boolean[]) as a (lane, market, order_id, whole)
join order_entry o on o.lane = a.lane and o.market = a.market and o.order_id = a.order_id
"""


async def _read_orders(
    connection: Connection, keys: Iterable[OrderKey], whole: set[UUID]
) -> dict[UUID, OrderChange]:
    wanted = list(keys)
    if not wanted:
        return {}
    lanes, markets, orders = (list(column) for column in zip(*wanted, strict=True))
    rows = await fetch(connection, READ_ORDERS, lanes, markets, orders, [order in whole for order in orders])
    if len(rows) != len(wanted):
        raise LookupError(f"order_entry: {len(rows)} rows of {len(wanted)} that events name")
    return {row["order"]: _order(row) for row in rows}


def _order(row: asyncpg.Record) -> OrderChange:
    figures = dict(row) | {"tranche_committed_g": tuple(row["tranche_committed_g"])}
    return OrderChange(**figures, was_open=row["status"] == "open")


INSERT_ORDERS = """
insert into order_entry (
    lane, market, order_id, kind, organisation, status, version, rank, position, basis_g, held_g, filled_g,
        tranche_count, tranche_committed_g, valid_until, lot_identity, body
)
select lane, market, id, kind, organisation, 'open', 1, position, position, basis_g, 0, 0,
       tranche_count, '{}', valid_until, lot_identity, body
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::timestamptz[], $10::text[], $11::bytea[]
) as n (
    lane, market, id, kind, organisation, position, basis_g, tranche_count, valid_until, lot_identity, body
)
"""

UPDATE_ORDERS = """
update order_entry o set
    status = n.status, version = n.version, rank = n.rank, position = n.position, basis_g = n.basis_g,
    held_g = n.held_g, filled_g = n.filled_g, tranche_count = n.tranche_count,
    tranche_committed_g = n.tranche_committed_g::bigint[], valid_until = n.valid_until,
    body = coalesce(n.body, o.body)
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::boolean[], $12::bigint[], $13::text[], $14::timestamptz[],
        $15::bytea[]
) as n (
    lane, market, id, status, version, rank, position, basis_g, held_g, filled_g, in_book, tranche_count,
        tranche_committed_g, valid_until, body
)
where o.lane = n.lane and o.market = n.market and o.order_id = n.id
"""


def _order_writes(changes: Sequence[OrderChange]) -> tuple[Write, Write]:
    """Rows as they were opened, then what has become of them and of others."""
    new = [(*change.inserted(), change.body) for change in changes if change.new]
    moved = [(*change.updated(), change.body) for change in changes if not change.as_opened]
    return Write("order_entry", INSERT_ORDERS, new), Write("order_entry", UPDATE_ORDERS, moved)


READ_MATCHES = """
select m.lane, m.market, m.match, m.status, m.version, m.position, m.supply, m.requirement, m.tranche,
       m.seller, m.buyer, m.seller_answer, m.buyer_answer, m.seller_reason, m.buyer_reason, m.decided_time
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as a (lane, market, match)
join match_entry m on m.lane = a.lane and m.market = a.market and m.match = a.match
"""


async def _read_matches(connection: Connection, keys: Iterable[MatchKey]) -> dict[UUID, MatchChange]:
    wanted = list(keys)
    if not wanted:
        return {}
    rows = await fetch(connection, READ_MATCHES, *zip(*wanted, strict=True))
    if len(rows) != len(wanted):
        raise LookupError(f"match_entry: {len(rows)} rows of {len(wanted)} that events name")
    return {row["match"]: MatchChange(**row) for row in rows}


INSERT_MATCHES = """
insert into match_entry (
    lane, market, match, status, version, position, supply, requirement, tranche, seller, buyer,
        seller_answer, buyer_answer, seller_reason, buyer_reason, decided_time, body
)
select lane, market, match, status, version, position, supply, requirement, tranche, seller, buyer,
       seller_answer, buyer_answer, seller_reason, buyer_reason, decided_time, body
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::uuid[], $8::uuid[],
        $9::bigint[], $10::uuid[], $11::uuid[], $12::timestamptz[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::timestamptz[], $18::bytea[]
) as n (
    lane, market, match, status, version, position, supply, requirement, tranche, seller, buyer, confirm_by,
        seller_answer, buyer_answer, seller_reason, buyer_reason, decided_time, body
)
"""

UPDATE_MATCHES = """
update match_entry m set
    status = n.status, version = n.version, position = n.position, seller_answer = n.seller_answer,
    buyer_answer = n.buyer_answer, seller_reason = n.seller_reason, buyer_reason = n.buyer_reason,
    decided_time = n.decided_time
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::timestamptz[]
) as n (
    lane, market, match, status, version, position, seller_answer, buyer_answer, seller_reason, buyer_reason,
        decided_time
)
where m.lane = n.lane and m.market = n.market and m.match = n.match
"""


def _match_writes(changes: Sequence[MatchChange]) -> tuple[Write, Write]:
    """Matches that were struck, then others that moved."""
    new = [change.inserted() for change in changes if change.struck is not None]
    old = [change.updated() for change in changes if change.struck is None]
    return Write("match_entry", INSERT_MATCHES, new), Write("match_entry", UPDATE_MATCHES, old)


INSERT_WATERFALLS = """
insert into waterfall (lane, market, plan, section, supply, tranche, requirement, position, body)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bigint[], $7::uuid[], $8::bigint[],
        $9::bytea[]
)
"""


def _waterfall_write(evidence: Sequence[tuple[Recorded, ClearingEvidence]]) -> Write:
    waterfalls = [
        (
            event.lane,
            fact.market,
            fact.plan,
            fact.section,
            one.supply,
            one.tranche,
            one.requirement,
            event.position,
            bodies.encode(waterfall_of(one, fact.lines)),
        )
        for event, fact in evidence
        for one in fact.waterfalls
    ]
    return Write("waterfall", INSERT_WATERFALLS, waterfalls)
