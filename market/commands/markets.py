"""Markets: open one."""

from collections.abc import Sequence
from uuid import UUID

from events.callers import Caller
from events.connections import Connection
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit_alone
from events.market_terms import MarketTerms
from market.rules.parties import members as rules
from market.rules.parties.members import OpeningState, OpenMarket
from market.store import markets


async def load(
    connection: Connection, asked: Sequence[InMarket[OpenMarket]], moment: Moment
) -> Sequence[OpeningState]:
    del moment
    found = await markets.load_markets(connection, [(ask.lane, ask.market) for ask in asked])
    return [OpeningState(lane=ask.lane, exists=ask.market in found) for ask in asked]


OPEN = in_market("market.open", load, rules.open_market)


async def open_market(
    desk: Desk,
    caller: Caller,
    *,
    terms: MarketTerms,
    market: UUID | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """A new id unless one is given."""
    market = market or desk.new_id()
    argument = OpenMarket(caller=caller, market=market, terms=terms)
    return await submit_alone(desk, OPEN, argument, market=market, request=request, dry_run=dry_run)
