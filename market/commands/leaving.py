"""A member leaves a market."""

from collections.abc import Sequence
from uuid import UUID

from events.callers import Caller
from events.connections import Connection
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, in_market, submit_alone
from market.commands import openings
from market.rules.parties import leaving as rules
from market.rules.parties.leaving import LeaveMarket, LeavingState
from market.rules.parties.openings import MarketOpenings
from market.store import markets


async def load(
    connection: Connection, asked: Sequence[InMarket[LeaveMarket]], moment: Moment
) -> Sequence[LeavingState | None]:
    """Alone on its lanes, so one at a time."""
    del moment
    states: list[LeavingState | None] = []
    for ask in asked:
        if not await markets.load_markets(connection, [(ask.lane, ask.market)]):
            states.append(None)
            continue
        found = await openings.of_markets(connection, ask.argument.organisation, ask.market)
        of = found[0] if found else MarketOpenings(market=ask.market, lane=ask.lane)
        states.append(LeavingState(lanes=ask.lanes, is_member=bool(found) and not of.has_left, openings=of))
    return states


LEAVE = in_market("member.leave", load, rules.leave)


async def leave(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    organisation: UUID,
    withdraw_orders: bool = False,
    dry_run: bool = False,
    request: Request | None = None,
) -> Answer:
    """Also locks the lane of the market's agreements; with orders to withdraw, the lanes of all lots too,
    since only under the market's lock it is known which lots they name."""
    lots = [LaneKey("materials", each) for each in range(desk.lanes)] if withdraw_orders else []
    argument = LeaveMarket(caller=caller, organisation=organisation, withdraw_orders=withdraw_orders)
    return await submit_alone(
        desk,
        LEAVE,
        argument,
        market=market,
        beside=[desk.lane("contracts", market), *lots],
        request=request,
        dry_run=dry_run,
    )
