"""Questions about a round: table `quote`, one row each, so that those of a day can be counted."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from events.connections import Connection
from events.envelope import Recorded
from events.market_events import QuoteAsked
from events.writes import Write


class QuoteRow(Struct, frozen=True, kw_only=True):
    """`company_group` is the asker's group of companies when it asked."""

    lane: int
    market: UUID
    quote: UUID
    organisation: UUID
    company_group: UUID
    position: int
    asked_time: datetime


def quote_row(event: Recorded, fact: QuoteAsked) -> QuoteRow:
    return QuoteRow(
        lane=event.lane,
        market=fact.market,
        quote=fact.quote,
        organisation=fact.organisation,
        company_group=fact.group,
        position=event.position,
        asked_time=event.time,
    )


INSERT = """
insert into quote (lane, market, quote, organisation, company_group, position, asked_time)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::timestamptz[]
)
"""


def writes(rows: Sequence[QuoteRow]) -> list[Write]:
    values = [
        (
            row.lane,
            row.market,
            row.quote,
            row.organisation,
            row.company_group,
            row.position,
            row.asked_time,
        )
        for row in rows
    ]
    return [Write("quote", INSERT, values)]


COUNT = """
select count(*) from quote
where lane = $1 and market = $2 and company_group = $3 and asked_time >= $4
"""


async def count_since(
    connection: Connection, lane: int, market: UUID, company_group: UUID, since: datetime
) -> int:
    """How many questions a group of companies has asked in a market from a time on, under its lane."""
    count: int = await connection.fetchval(COUNT, lane, market, company_group, since)
    return count
