"""Trials of draft rule sets: put on the record before they are computed."""

from collections.abc import Sequence
from uuid import UUID

from events.callers import Caller
from events.connections import Connection
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit_alone
from events.market_terms import RuleSet
from market.commands import inputs
from market.commands.quotes import last_round
from market.rules import rehearsals as rules
from market.rules.inputs import PublishRuleSet
from market.rules.rehearsals import RehearsalState, RehearseRuleSet


async def load(
    connection: Connection, asked: Sequence[InMarket[RehearseRuleSet]], moment: Moment
) -> Sequence[RehearsalState | None]:
    states: list[RehearsalState | None] = []
    for ask in asked:
        argument = PublishRuleSet(caller=ask.argument.caller, rule_set=ask.argument.rule_set, signed_by=())
        published = InMarket(lane=ask.lane, lanes=ask.lanes, market=ask.market, argument=argument)
        (known,) = await inputs.load(connection, [published], moment)
        states.append(
            None
            if known is None
            else RehearsalState(inputs=known, last_round=await last_round(connection, ask.market))
        )
    return states


REHEARSE: Operation[InMarket[RehearseRuleSet], RehearsalState | None] = in_market(
    "rule-set.rehearse", load, rules.rehearse
)


async def rehearse(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    rule_set: RuleSet,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RehearseRuleSet(caller=caller, rule_set=rule_set)
    return await submit_alone(desk, REHEARSE, argument, market=market, request=request, dry_run=dry_run)
