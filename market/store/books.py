"""Reads a market's book from the tables; equal to the fold of its lane's events."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
from msgspec import Struct

from events.connections import Connection
from events.market_events import ClearingPlanned
from market.rules.book import RELIABILITY_WINDOW, Book, PublishedRuleSet
from market.store import clearings, inputs, markets, matches, members, requirements, supplies
from market.store.markets import MarketRow

Rows = Sequence[asyncpg.Record]


class BookRows(Struct, frozen=True, kw_only=True):
    """The rows of a book, of which there may be hundreds of thousands, still undecoded."""

    market: MarketRow
    plan: ClearingPlanned | None
    rule_sets: list[PublishedRuleSet]
    members: Rows
    failings: Rows
    inputs: Rows
    supplies: Rows
    requirements: Rows
    matches: Rows


async def read(connection: Connection, market: UUID) -> BookRows | None:
    """The rows of one market as the tables stand; None when there is no such market.

    Consistent only inside a transaction of one snapshot, or under the market's lane.
    """
    row = await markets.load_market(connection, market)
    if row is None:
        return None
    lane = row.lane
    plan = None if row.plan is None else await clearings.load_clearing(connection, market, row.plan)
    return BookRows(
        market=row,
        plan=None if plan is None else plan.planned,
        rule_sets=(await inputs.load_rule_sets(connection, lane, [market]))[market],
        members=await members.read_all(connection, lane, market),
        failings=await members.read_failings(connection, lane, market, RELIABILITY_WINDOW),
        inputs=await inputs.read_inputs(connection, lane, [market]),
        supplies=await supplies.read_in_book(connection, lane, market),
        requirements=await requirements.read_in_book(connection, lane, market),
        matches=await matches.read_open(connection, lane, market),
    )


def decode(rows: BookRows) -> Book:
    """Takes seconds for a large book: call it neither on an event loop nor inside a transaction."""
    row = rows.market
    known = members.decode_all(rows.members)
    return Book(
        market=row.market,
        terms=row.terms,
        position=row.position,
        last_time=row.last_time,
        members={member.member.organisation: member.member for member in known},
        suspended={member.member.organisation for member in known if member.suspended},
        supplies=supplies.decode_in_book(rows.supplies),
        requirements=requirements.decode_in_book(rows.requirements),
        inputs=inputs.decode_inputs(rows.inputs, [row.market])[row.market],
        rule_sets=rows.rule_sets,
        plan=rows.plan,
        plan_position=row.plan_position,
        last_round=row.last_round,
        last_completed_sha256=None if row.last_completed_sha256 is None else row.last_completed_sha256.hex(),
        matches=matches.decode_open(rows.matches),
        failings=members.decode_failings(rows.failings),
        halt=row.halt,
    )
