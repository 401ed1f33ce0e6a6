"""What an organisation still has open in its markets, and of policies and passports."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from events.connections import Connection
from market.rules.parties.openings import MarketOpenings
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

# The follower makes the contract of a match in a transaction of its own, a moment after it is confirmed.
READ_UNCONTRACTED = """
select m.match from (
    select lane, market, match, status from match where seller = $3
    union all
    select lane, market, match, status from match where buyer = $3
) m
where m.lane = $1 and m.market = $2 and m.status = 'confirmed'
    and not exists (select from agreement a where a.lane = m.lane and a.match = m.match)
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

# With those that an accepted delivery still has to bring.
READ_PASSPORTS = """
select passport from passport where owner = $1 and status = 'live'
union
select passport from passport where holder = $1 and status = 'live'
union
select p.passport
from delivery d join passport p on p.passport = d.passport and p.owner = d.seller and p.status = 'live'
where d.buyer = $1 and d.status = 'accepted'
order by passport
"""


async def policies(connection: Connection, organisation: UUID) -> tuple[UUID, ...]:
    """Its own that are not retired."""
    return await _ids(connection, READ_POLICIES, (organisation,))


async def passports(connection: Connection, organisation: UUID) -> tuple[UUID, ...]:
    return await _ids(connection, READ_PASSPORTS, (organisation,))


async def _ids(connection: Connection, statement: str, arguments: Sequence[object]) -> tuple[UUID, ...]:
    return tuple(row[0] for row in await connection.fetch(statement, *arguments))
