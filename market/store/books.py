"""A market's book out of the tables: the same as the fold of its lane's events."""

from uuid import UUID

from events.connections import Connection
from market.rules.book import RELIABILITY_WINDOW, Book, Books
from market.store import clearings, inputs, markets, matches, members, requirements, supplies
from market.store.markets import MarketRow


async def load(connection: Connection, market: UUID) -> Book | None:
    """The book of one market as the tables stand; None when there is no such market.

    Consistent only inside a transaction of one snapshot, or under the market's lane.
    """
    row = await markets.load_market(connection, market)
    return None if row is None else await _book(connection, row)


async def load_lane(connection: Connection, lane: int) -> Books:
    """The books of all markets of a lane; the same condition."""
    rows = await markets.markets_of_lane(connection, lane)
    return {row.market: await _book(connection, row) for row in rows}


async def _book(connection: Connection, row: MarketRow) -> Book:
    lane, market = row.lane, row.market
    plan = None if row.plan is None else await clearings.load_clearing(connection, market, row.plan)
    known = await members.load_all(connection, lane, market)
    return Book(
        market=market,
        terms=row.terms,
        position=row.position,
        last_time=row.last_time,
        members={member.member.organisation: member.member for member in known},
        suspended={member.member.organisation for member in known if member.suspended},
        supplies=await supplies.load_in_book(connection, lane, market),
        requirements=await requirements.load_in_book(connection, lane, market),
        inputs=(await inputs.load_inputs(connection, lane, [market]))[market],
        rule_sets=(await inputs.load_rule_sets(connection, lane, [market]))[market],
        plan=None if plan is None else plan.planned,
        plan_position=row.plan_position,
        last_round=row.last_round,
        last_completed_sha256=None if row.last_completed_sha256 is None else row.last_completed_sha256.hex(),
        matches=await matches.load_open(connection, lane, market),
        failings=await members.load_failings(connection, lane, market, RELIABILITY_WINDOW),
    )
