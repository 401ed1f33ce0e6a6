"""What timers look for: expired orders, unanswered matches, lots to release, scheduled rounds."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct

from events.connections import Connection
from events.market_terms import MarketTerms
from events.timetable import BEGINNING, START, Found, Mark
from market.rules.passport import Passport
from market.rules.passports.returned_lots import may_go_back
from market.store import bodies
from market.store.matches import MatchPlace
from market.store.orders import OrderPlace

END: Final = UUID(int=2**128 - 1)


class MarketClock(Struct, frozen=True, kw_only=True):
    """`plan` is the open plan, if there is one; `last_time` of the newest event of the market."""

    lane: int
    market: UUID
    terms: MarketTerms
    plan: UUID | None
    last_round: int
    last_cut_time: datetime | None
    last_time: datetime


# Orders of a market with an open plan, and of a stopped lane, are left out: their commands would only be
# refused.
EXPIRIES = """
with stopped as (select lane from record.lane where stream = 'market' and stopped_reason is not null)
(select s.lane, s.market, s.supply as "order", s.kind, s.organisation, s.lot_identity, s.valid_until
 from supply s join market m on m.lane = s.lane and m.market = s.market
 where s.status = 'open' and s.valid_until <= $1 and (m.plan_position is null or s.rank > m.plan_position)
   and (s.valid_until, s.supply) > ($3, $4) and s.lane not in (select lane from stopped)
 order by s.valid_until, s.supply limit $2)
union all
(select r.lane, r.market, r.requirement, 'requirement', r.organisation, null, r.valid_until
 from requirement r join market m on m.lane = r.lane and m.market = r.market
 where r.status = 'open' and r.valid_until <= $1 and (m.plan_position is null or r.rank > m.plan_position)
   and (r.valid_until, r.requirement) > ($3, $4) and r.lane not in (select lane from stopped)
 order by r.valid_until, r.requirement limit $2)
order by valid_until, "order" limit $2
"""


async def due_expiries(
    connection: Connection, now: datetime, limit: int, *, after: Mark = START
) -> Found[OrderPlace]:
    """Open orders whose validity is over."""
    rows = await connection.fetch(EXPIRIES, now, limit, *after)
    places = tuple(
        OrderPlace(
            lane=row["lane"],
            market=row["market"],
            order=row["order"],
            kind=row["kind"],
            organisation=row["organisation"],
            lot_identity=row["lot_identity"],
        )
        for row in rows
    )
    more = len(rows) == limit
    return Found(places=places, reached=Mark(rows[-1]["valid_until"], rows[-1]["order"]) if more else START)


LAPSES = """
select lane, market, match, supply, requirement, seller, buyer, confirm_by
from match
where status = 'open' and confirm_by <= $1 and (confirm_by, match) > ($3, $4)
  and lane not in (select lane from record.lane where stream = 'market' and stopped_reason is not null)
order by confirm_by, match limit $2
"""


async def due_lapses(
    connection: Connection, now: datetime, limit: int, *, after: Mark = START
) -> Found[MatchPlace]:
    """Open matches whose time to answer is over."""
    rows = await connection.fetch(LAPSES, now, limit, *after)
    places = tuple(
        MatchPlace(
            lane=row["lane"],
            market=row["market"],
            match=row["match"],
            supply=row["supply"],
            requirement=row["requirement"],
            seller=row["seller"],
            buyer=row["buyer"],
        )
        for row in rows
    )
    more = len(rows) == limit
    return Found(places=places, reached=Mark(rows[-1]["confirm_by"], rows[-1]["match"]) if more else START)


class Releases(Struct, frozen=True, kw_only=True):
    """`looked_at` is the last reservation examined, after which the next look continues; BEGINNING at the
    end."""

    places: tuple[OrderPlace, ...]
    looked_at: UUID


LOOK_UP_TO = """
select supply from lot_reservation where status = 'reserved' and supply > $1
order by supply offset $2::bigint - 1 limit 1
"""

# A reservation has no mark that its order has closed, since they are in different lanes: each order is looked
# up.
RELEASES = """
select s.lane, s.market, s.supply as "order", s.kind, s.organisation, s.lot_identity
from lot_reservation r cross join lateral (
    select lane, market, supply, kind, organisation, lot_identity from supply o
    where o.supply = r.supply and o.market = r.market and not o.in_book
    limit 1
) s
where r.status = 'reserved' and r.supply > $1 and r.supply <= $2
order by r.supply
"""


async def due_releases(connection: Connection, limit: int, *, after: UUID = BEGINNING) -> Releases:
    """Closed orders that hold nothing and still reserve their lot, among the next `limit` reservations."""
    upto = await connection.fetchval(LOOK_UP_TO, after, limit)
    rows = await connection.fetch(RELEASES, after, END if upto is None else upto)
    return Releases(
        places=tuple(OrderPlace(**row) for row in rows), looked_at=BEGINNING if upto is None else upto
    )


LOOK_UP_TO_DELIVERY = """
select delivery from delivery where status = 'accepted' and passport is not null and delivery > $1
order by delivery offset $2::bigint - 1 limit 1
"""

# A delivery has no mark that its passport was transferred, since they are in different lanes.
PASSPORTS = """
select p.passport, d.delivery, case when p.owner = d.seller then null else p.body end as short
from delivery d
join passport p on p.passport = d.passport and (
    (p.owner = d.seller and p.status = 'live')
    or (p.owner = d.buyer and p.short_seller = d.seller and p.status <> 'retired')
)
where d.status = 'accepted' and d.passport is not null and d.delivery > $1 and d.delivery <= $2
    and (d.returned_passports is null or d.passport <> all(d.returned_passports))
order by d.delivery
"""

RETURNS = """
select p.passport, d.delivery, p.body
from (
    select delivery, buyer, returned_passports from delivery
    where returned_passports is not null and delivery > $1 order by delivery limit $2
) d
cross join unnest(d.returned_passports) as r (passport)
join passport p on p.passport = r.passport and p.owner = d.buyer and p.status = 'live'
order by d.delivery
"""

LOOK_UP_TO_RETURN = """
select delivery from delivery where returned_passports is not null and delivery > $1
order by delivery offset $2::bigint - 1 limit 1
"""


class Delivered(Struct, frozen=True, kw_only=True):
    passport: UUID
    delivery: UUID


class Deliveries(Struct, frozen=True, kw_only=True):
    """`looked_at` is the last delivery examined, after which the next look continues; BEGINNING at the
    end."""

    places: tuple[Delivered, ...]
    looked_at: UUID


async def due_passports(connection: Connection, limit: int, *, after: UUID = BEGINNING) -> Deliveries:
    """Accepted deliveries whose passport still belongs to the seller, or lacks what they brought, among the
    next `limit` deliveries."""
    upto = await connection.fetchval(LOOK_UP_TO_DELIVERY, after, limit)
    rows = await connection.fetch(PASSPORTS, after, END if upto is None else upto)
    return Deliveries(
        places=tuple(
            Delivered(passport=row["passport"], delivery=row["delivery"])
            for row in rows
            if row["short"] is None or _may_follow(row["short"], row["delivery"])
        ),
        looked_at=BEGINNING if upto is None else upto,
    )


async def due_returns(connection: Connection, limit: int, *, after: UUID = BEGINNING) -> Deliveries:
    """Returned lots whose passport still belongs to the buyer, among the next `limit` returns."""
    upto = await connection.fetchval(LOOK_UP_TO_RETURN, after, limit)
    rows = await connection.fetch(RETURNS, after, limit)
    return Deliveries(
        places=tuple(
            Delivered(passport=row["passport"], delivery=row["delivery"])
            for row in rows
            if may_go_back(_passports.decode(row["body"]), row["delivery"])
        ),
        looked_at=BEGINNING if upto is None else upto,
    )


def _may_follow(body: bytes, delivery: UUID) -> bool:
    """Whether it is none of those that the passport has followed."""
    received = _passports.decode(body).received
    return received is not UNSET and delivery not in received.deliveries


# Those that are halted plan no round.
CLOCKS = """
select lane, market, plan, last_round, last_cut_time, last_time, body from market
where halted_time is null order by lane, market
"""


async def clearing_clocks(connection: Connection) -> list[MarketClock]:
    """Of markets that may plan a round."""
    return [
        MarketClock(
            lane=row["lane"],
            market=row["market"],
            terms=bodies.market_terms(row["body"]),
            plan=row["plan"],
            last_round=row["last_round"],
            last_cut_time=row["last_cut_time"],
            last_time=row["last_time"],
        )
        for row in await connection.fetch(CLOCKS)
    ]


_passports = msgspec.json.Decoder(Passport)
