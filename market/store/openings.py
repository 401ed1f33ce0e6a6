"""What an organisation still has open: in its markets, policies and passports."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from events.connections import Connection
from market.rules.parties.openings import MarketOpenings
from market.rules.passport import Passport
from market.rules.passports.delivered_lots import may_follow
from market.rules.passports.returned_lots import may_go_back
from market.store import requirements, supplies

READ_MARKETS = """
select m.lane, m.market, m.left_time is not null as has_left, k.plan_position
from member m join market k on k.lane = m.lane and k.market = m.market
where m.organisation = $1 and ($2::uuid is null or m.market = $2) order by m.lane, m.market
"""

READ_SUPPLIES = """
select supply from supply
where lane = $1 and market = $2 and organisation = $3 and in_book and status = 'open' order by supply
"""

READ_REQUIREMENTS = """
select requirement from requirement
where lane = $1 and market = $2 and organisation = $3 and in_book and status = 'open' order by requirement
"""

READ_MATCHES = """
select match from match
where lane = $1 and market = $2 and status = 'open' and $3 in (seller, buyer) order by match
"""

# The follower makes the contract of a match in a transaction of its own, a moment after it is confirmed. Of
# one that carries no terms, as before there were any, it makes none when it passes it.
READ_UNCONTRACTED = """
select m.match from (
    select lane, market, match, status, position from match where seller = $3
    union all
    select lane, market, match, status, position from match where buyer = $3
) m
where m.lane = $1 and m.market = $2 and m.status = 'confirmed'
    and not exists (select from agreement a where a.lane = m.lane and a.match = m.match)
    and not exists (
        select from record.consumer c
        where c.name = 'follower' and c.stream = 'market' and c.lane = m.lane and c.position >= m.position
    )
order by m.match
"""


async def of_markets(
    connection: Connection, organisation: UUID, market: UUID | None = None
) -> tuple[MarketOpenings, ...]:
    """Of every market that admitted the organisation once, or of one, by lane and market."""
    rows = await connection.fetch(READ_MARKETS, organisation, market)
    return tuple(
        [
            await _of_market(
                connection,
                MarketOpenings(
                    market=row["market"],
                    lane=row["lane"],
                    has_left=row["has_left"],
                    plan_cut=row["plan_position"],
                ),
                organisation,
            )
            for row in rows
        ]
    )


async def _of_market(connection: Connection, of: MarketOpenings, organisation: UUID) -> MarketOpenings:
    key = (of.lane, of.market, organisation)
    offered = await _ids(connection, READ_SUPPLIES, key)
    wanted = await _ids(connection, READ_REQUIREMENTS, key)
    sold = await supplies.load_orders(connection, [(*key[:2], each) for each in offered]) if offered else {}
    bought = (
        await requirements.load_orders(connection, [(*key[:2], each) for each in wanted]) if wanted else {}
    )
    return replace(
        of,
        supplies=tuple(sold[each].order for each in offered),
        requirements=tuple(bought[each].order for each in wanted),
        matches=await _ids(connection, READ_MATCHES, key),
        uncontracted=await _ids(connection, READ_UNCONTRACTED, key),
    )


READ_POLICIES = "select policy from policy where organisation = $1 and not retired order by policy"

READ_PASSPORTS = """
select passport from passport where owner = $1 and status = 'live'
union
select passport from passport where holder = $1 and status = 'live'
"""

# Of accepted deliveries to it, and of what went back to it.
READ_COMING = """
select p.body, d.delivery, d.shipped_on, d.seller, false as returns
from delivery d join passport p on p.passport = d.passport and p.owner = d.seller and p.status = 'live'
where d.buyer = $1 and d.status = 'accepted'
    and (d.returned_passports is null or d.passport <> all(d.returned_passports))
union all
select p.body, d.delivery, d.shipped_on, d.seller, true
from delivery d cross join unnest(d.returned_passports) as r (passport)
join passport p on p.passport = r.passport and p.owner = d.buyer and p.status = 'live'
where d.seller = $1 and d.returned_passports is not null
"""


async def policies(connection: Connection, organisation: UUID) -> tuple[UUID, ...]:
    """Its own that are not retired."""
    return await _ids(connection, READ_POLICIES, (organisation,))


async def passports(connection: Connection, organisation: UUID) -> tuple[UUID, ...]:
    """Live ones that it owns or holds, or that a delivery or a return still brings it."""
    found = set(await _ids(connection, READ_PASSPORTS, (organisation,)))
    for row in await connection.fetch(READ_COMING, organisation):
        passport = _passports.decode(row["body"])
        if row["returns"]:
            comes = may_go_back(passport, row["delivery"])
        else:
            comes = may_follow(passport, row["delivery"], row["seller"], row["shipped_on"])
        if comes:
            found.add(passport.passport)
    return tuple(sorted(found))


async def _ids(connection: Connection, statement: str, arguments: Sequence[object]) -> tuple[UUID, ...]:
    return tuple(row[0] for row in await connection.fetch(statement, *arguments))


_passports = msgspec.json.Decoder(Passport)
