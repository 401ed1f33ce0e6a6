"""Commands of matches: a side's answer, and the lapse of a match that was not answered in time."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from events.callers import Caller
from events.connections import Connection
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit
from market.commands.orders import failings
from market.rules import matches as rules
from market.rules.matches import AnswerMatch, LapseMatch, MatchGround, MatchState
from market.rules.refusing.refusals import MatchUnknown
from market.store import evidence, inputs, markets, matches, members, requirements, supplies
from market.store.matches import MatchRow


async def load(
    connection: Connection, asked: Sequence[InMarket[AnswerMatch] | InMarket[LapseMatch]], moment: Moment
) -> Sequence[MatchState]:
    del moment
    rows = await matches.load_matches(connection, [(a.lane, a.market, a.argument.match) for a in asked])
    grounds: dict[UUID, MatchGround] = {}
    for lane in {ask.lane for ask in asked}:
        grounds |= await _grounds(
            connection, lane, [row for row in rows.values() if row.lane == lane and row.status == "open"]
        )
    suspended = await members.suspended_of(
        connection,
        [
            (row.lane, row.match.struck.market, party)
            for row in rows.values()
            if row.status == "open"
            for party in (row.match.seller, row.match.buyer)
        ],
    )
    states = []
    for ask in asked:
        row = rows.get(ask.argument.match)
        states.append(
            MatchState(
                lane=ask.lane,
                match=None if row is None else row.match,
                status="open" if row is None else row.status,
                ground=grounds.get(ask.argument.match),
                suspended=frozenset()
                if row is None
                else frozenset({row.match.seller, row.match.buyer} & suspended[row.match.struck.market]),
            )
        )
    return states


async def _grounds(connection: Connection, lane: int, rows: Sequence[MatchRow]) -> dict[UUID, MatchGround]:
    """The grounds (orders and waterfall) of open matches of a lane."""
    if not rows:
        return {}
    struck = [row.match.struck for row in rows]
    homes = {fact.market for fact in struck}
    sold = await supplies.load_orders(connection, [(lane, fact.market, fact.supply) for fact in struck])
    bought = await requirements.load_orders(
        connection, [(lane, fact.market, fact.requirement) for fact in struck]
    )
    lines = await evidence.load_lines(connection, lane, struck)
    opened = await markets.load_markets(connection, [(lane, market) for market in homes])
    given = await inputs.load_inputs(connection, lane, list(homes))
    return {
        fact.match: MatchGround(
            supply=sold[fact.supply].order.terms,
            requirement=bought[fact.requirement].order.terms,
            lines=lines[fact.match],
            basis=opened[fact.market].terms.basis,
            inputs=given[fact.market],
            umpire=opened[fact.market].terms.umpire,
        )
        for fact in struck
    }


ANSWER: Operation[InMarket[AnswerMatch], MatchState] = in_market("match.answer", load, rules.answer)
LAPSE: Operation[InMarket[LapseMatch], MatchState] = in_market("match.lapse", load, rules.lapse)


async def answer(
    desk: Desk,
    caller: Caller,
    *,
    match: UUID,
    answer: Literal["confirmed", "declined"],
    reason: str | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    place, concerned = await _find(desk, caller, match)
    return await submit(
        desk,
        ANSWER,
        InMarket(
            lane=place.lane,
            lanes=desk.lanes,
            market=place.market,
            argument=AnswerMatch(caller=caller, match=match, answer=answer, reason=reason),
        ),
        caller=caller,
        lanes=[LaneKey("market", place.lane)],
        touches=_touches(place),
        adds=concerned,
        request=request,
        dry_run=dry_run,
    )


async def lapse(
    desk: Desk, caller: Caller, *, match: UUID, request: Request | None = None, dry_run: bool = False
) -> Answer:
    place, concerned = await _find(desk, caller, match)
    return await submit(
        desk,
        LAPSE,
        InMarket(
            lane=place.lane,
            lanes=desk.lanes,
            market=place.market,
            argument=LapseMatch(caller=caller, match=match),
        ),
        caller=caller,
        lanes=[LaneKey("market", place.lane)],
        touches=_touches(place),
        adds=concerned,
        request=request,
        dry_run=dry_run,
    )


async def _find(desk: Desk, caller: Caller, match: UUID) -> tuple[matches.MatchPlace, frozenset[str]]:
    """The match's place, and the keys of all organisations to whose failings its end may add: the groups of
    both sides."""
    party = None if "operator" in caller.roles else caller.organisation
    async with desk.looking() as connection:
        place = await matches.locate(connection, party, match)
        if place is None:
            raise MatchUnknown
        sides = (place.seller, place.buyer)
        concerned = await members.load_groups(connection, place.lane, place.market, sides)
    return place, frozenset(failings(place.market, each) for each in concerned)


def _touches(place: matches.MatchPlace) -> frozenset[str]:
    """Also both orders, since a decision changes their held quantities, which an amendment in the same batch
    would read."""
    return frozenset({f"match:{place.match}", f"order:{place.supply}", f"order:{place.requirement}"})
