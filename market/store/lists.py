"""Lists and explanations from the views: newest first, at the views' position."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from events.clearing_terms import Waterfall
from events.connections import Connection
from events.market_events import MatchStruck
from events.vocabulary import OrderKind
from market.rules.book import OrderStatus
from market.rules.matches import MatchStatus
from market.store.matches import MatchRow, match_row
from market.store.reading import Page, page
from market.store.requirements import RequirementRow, requirement_row
from market.store.supplies import SupplyRow, supply_row
from market.store.views import PROJECTOR

POSITION = """
select c.position from market m join record.consumer c on c.lane = m.lane
where m.market = $1 and c.stream = 'market' and c.name = $2
"""


async def position_of(connection: Connection, market: UUID) -> int:
    """The lane position of a market's views; 0 before the projector ever ran."""
    return await connection.fetchval(POSITION, market, PROJECTOR) or 0


# By organisation, kind and id, newest first; the other filters are narrow beside them.
OWN_ORDERS = """
select lane, market, order_id, kind, organisation, status, version, rank, position, held_g, filled_g,
       tranche_committed_g, lot_identity, body
from order_entry
where organisation = $1 and kind = $2 and ($3::uuid is null or order_id < $3)
    and ($4::uuid is null or market = $4)
    and ($5::text is null or status = $5)
order by order_id desc limit $6
"""

ALL_ORDERS = """
select lane, market, order_id, kind, organisation, status, version, rank, position, held_g, filled_g,
       tranche_committed_g, lot_identity, body
from order_entry
where kind = $1 and ($2::uuid is null or order_id < $2) and ($3::uuid is null or market = $3)
    and ($4::text is null or status = $4)
order by order_id desc limit $5
"""

# Open orders are few compared with all and have partial indexes, which need the status in the query.
OWN_OPEN_ORDERS = OWN_ORDERS.replace("order by", "and status = 'open' order by")
ALL_OPEN_ORDERS = ALL_ORDERS.replace("order by", "and status = 'open' order by")


async def list_supplies(
    connection: Connection,
    organisation: UUID | None,
    kind: OrderKind,
    *,
    market: UUID | None = None,
    status: OrderStatus | None = None,
    after: UUID | None = None,
    limit: int,
) -> Page[SupplyRow]:
    """Offers or lots of an organisation, of all for None; `after` is the last id of the page before."""
    rows = await _orders(connection, organisation, kind, market, status, after, limit)
    return page([supply_row(row, row["order_id"]) for row in rows], limit)


async def list_requirements(
    connection: Connection,
    organisation: UUID | None,
    *,
    market: UUID | None = None,
    status: OrderStatus | None = None,
    after: UUID | None = None,
    limit: int,
) -> Page[RequirementRow]:
    """Requirements of an organisation, of all for None; `after` is the last id of the page before."""
    rows = await _orders(connection, organisation, "requirement", market, status, after, limit)
    return page([requirement_row(row, row["order_id"]) for row in rows], limit)


async def _orders(
    connection: Connection,
    organisation: UUID | None,
    kind: OrderKind,
    market: UUID | None,
    status: OrderStatus | None,
    after: UUID | None,
    limit: int,
) -> Sequence[asyncpg.Record]:
    is_open = status == "open"
    if organisation is None:
        every = ALL_OPEN_ORDERS if is_open else ALL_ORDERS
        return await connection.fetch(every, kind, after, market, status, limit + 1)
    own = OWN_OPEN_ORDERS if is_open else OWN_ORDERS
    return await connection.fetch(own, organisation, kind, after, market, status, limit + 1)


# Each side has its own index; a match is never of one organisation on both sides.
OWN_MATCHES = """
select * from (
    (select lane, market, match, position, version, status, seller, buyer, seller_answer, buyer_answer,
        seller_reason, buyer_reason, decided_time, body
     from match_entry
     where seller = $1 and ($2::uuid is null or match < $2) and ($3::uuid is null or market = $3)
         and ($4::text is null or status = $4)
     order by match desc limit $5)
    union all
    (select lane, market, match, position, version, status, seller, buyer, seller_answer, buyer_answer,
        seller_reason, buyer_reason, decided_time, body
     from match_entry
     where buyer = $1 and ($2::uuid is null or match < $2) and ($3::uuid is null or market = $3)
         and ($4::text is null or status = $4)
     order by match desc limit $5)
) sides
order by match desc limit $5
"""

ALL_MATCHES = """
select lane, market, match, position, version, status, seller, buyer, seller_answer, buyer_answer,
       seller_reason, buyer_reason, decided_time, body
from match_entry
where ($1::uuid is null or match < $1) and ($2::uuid is null or market = $2) and ($3::text is null or status
    = $3)
order by match desc limit $4
"""

OWN_OPEN_MATCHES = OWN_MATCHES.replace("     order by", "     and status = 'open' order by")
ALL_OPEN_MATCHES = ALL_MATCHES.replace("order by", "and status = 'open' order by")


async def list_matches(
    connection: Connection,
    organisation: UUID | None,
    *,
    market: UUID | None = None,
    status: MatchStatus | None = None,
    after: UUID | None = None,
    limit: int,
) -> Page[MatchRow]:
    """Matches of an organisation, of all for None, including sealed answers: show them only through
    `rules.visibility`."""
    is_open = status == "open"
    if organisation is None:
        every = ALL_OPEN_MATCHES if is_open else ALL_MATCHES
        rows = await connection.fetch(every, after, market, status, limit + 1)
    else:
        own = OWN_OPEN_MATCHES if is_open else OWN_MATCHES
        rows = await connection.fetch(own, organisation, after, market, status, limit + 1)
    return page([match_row(row) for row in rows], limit)


WATERFALL = """
select body from waterfall
where lane = (select lane from market where market = $1) and market = $1 and plan = $2 and section = $3
    and supply = $4 and tranche = $5 and requirement = $6
"""

_waterfalls = msgspec.json.Decoder(Waterfall)


async def load_waterfall(connection: Connection, struck: MatchStruck) -> Waterfall | None:
    """The waterfall of a match, with both sides: never for a tenant's session. None until the projector has
    reached it."""
    body = await connection.fetchval(
        WATERFALL,
        struck.market,
        struck.plan,
        struck.section,
        struck.supply,
        struck.tranche,
        struck.requirement,
    )
    return None if body is None else _waterfalls.decode(body)
