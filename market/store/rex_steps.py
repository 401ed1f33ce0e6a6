"""Confirmed matches of goods that were offered to Re-X routes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from events.connections import Connection
from events.vocabulary import RexRoute
from market.rules.orders.rex_steps import MatchedGoods
from market.store import bodies
from market.store.reading import Page, page

GOODS_MAX = 20_000
"""Matches of one answer."""


class GoodsRow(Struct, frozen=True, kw_only=True):
    lane: int
    goods: MatchedGoods


# Bodies are canonical, so what is offered to no route is told apart by its bytes, without reading it.
READ_OF_MARKET = """
select m.lane, m.market, m.match, m.supply, m.seller, m.buyer, m.quantity_g, m.struck_time,
       s.body as supplied, r.body as wanted
from match m
join order_terms s on s.lane = m.lane and s.market = m.market and s.order_id = m.supply
join order_terms r on r.lane = m.lane and r.market = m.market and r.order_id = m.requirement
where m.market = $1 and m.status = 'confirmed' and m.struck_time >= $2 and m.struck_time < $3
    and position('"rex_routes":["'::bytea in s.body) > 0
order by m.match limit $4
"""

READ_OWN = """
select m.lane, m.market, m.match, m.supply, m.seller, m.buyer, m.quantity_g, m.struck_time,
       s.body as supplied, r.body as wanted
from match m
join order_terms s on s.lane = m.lane and s.market = m.market and s.order_id = m.supply
join order_terms r on r.lane = m.lane and r.market = m.market and r.order_id = m.requirement
where m.status = 'confirmed' and ($1::uuid is null or $1 in (m.seller, m.buyer))
    and ($2::uuid is null or m.match > $2) and position('"rex_routes":["'::bytea in s.body) > 0
order by m.match limit $3
"""


async def load_goods(
    connection: Connection, market: UUID, since: datetime, until: datetime
) -> list[GoodsRow]:
    """Of rounds cut from `since` to before `until`, at most one more than GOODS_MAX."""
    return _rows(await connection.fetch(READ_OF_MARKET, market, since, until, GOODS_MAX + 1))


async def list_goods(
    connection: Connection, organisation: UUID | None, *, after: UUID | None, limit: int
) -> Page[GoodsRow]:
    """By match, of which the organisation is a side; None: everybody's."""
    return page(_rows(await connection.fetch(READ_OWN, organisation, after, limit + 1)), limit)


class _Wanted(Struct, frozen=True):
    rex_route: RexRoute | None = None


_wanted = msgspec.json.Decoder(_Wanted)


def _rows(rows: Sequence[asyncpg.Record]) -> list[GoodsRow]:
    return [
        GoodsRow(
            lane=row["lane"],
            goods=MatchedGoods(
                match=row["match"],
                supply=row["supply"],
                market=row["market"],
                seller=row["seller"],
                buyer=row["buyer"],
                struck_at=row["struck_time"],
                quantity_g=row["quantity_g"],
                terms=bodies.supply_terms(row["supplied"]),
                wanted=_wanted.decode(row["wanted"]).rex_route,
            ),
        )
        for row in rows
    ]
