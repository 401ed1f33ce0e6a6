"""Commands that record dated inputs and rule sets in a market's lane."""

from collections.abc import Sequence
from uuid import UUID

from events.callers import Caller
from events.connections import Connection
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit_alone
from events.market_terms import MarketInput, Qualification, RuleSet
from market.rules import inputs as rules
from market.rules.inputs import InputState, PublishRuleSet, RecordInput
from market.store import inputs, markets, members, party_reads


async def load(
    connection: Connection, asked: Sequence[InMarket[RecordInput] | InMarket[PublishRuleSet]], moment: Moment
) -> Sequence[InputState | None]:
    """Alone on its lane, so one at a time; of the members those that the input names."""
    del moment
    states: list[InputState | None] = []
    for ask in asked:
        found = await markets.load_markets(connection, [(ask.lane, ask.market)])
        if not found:
            states.append(None)
            continue
        known = await members.load_some(connection, ask.lane, ask.market, _named(ask.argument))
        states.append(
            InputState(
                market=ask.market,
                lane=ask.lane,
                terms=found[ask.market].terms,
                inputs=(await inputs.load_inputs(connection, ask.lane, [ask.market]))[ask.market],
                rule_sets=(await inputs.load_rule_sets(connection, ask.lane, [ask.market]))[ask.market],
                members={organisation: row.member for organisation, row in known.items()},
                first_keys=await party_reads.first_keys(connection, _signing(ask.argument)),
            )
        )
    return states


def _named(argument: RecordInput | PublishRuleSet) -> list[UUID]:
    named = [argument.caller.organisation]
    if isinstance(argument, RecordInput) and isinstance(argument.input, Qualification):
        named += [argument.input.buyer, argument.input.seller]
    return named


def _signing(argument: RecordInput | PublishRuleSet) -> Sequence[UUID]:
    return argument.signed_by if isinstance(argument, PublishRuleSet) else ()


RECORD: Operation[InMarket[RecordInput], InputState | None] = in_market("input.record", load, rules.record)
PUBLISH: Operation[InMarket[PublishRuleSet], InputState | None] = in_market(
    "rule-set.publish", load, rules.publish_rule_set
)


async def record_input(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    value: MarketInput,
    source_id: str,
    source_position: int | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RecordInput(caller=caller, input=value, source_id=source_id, source_position=source_position)
    return await submit_alone(desk, RECORD, argument, market=market, request=request, dry_run=dry_run)


async def publish_rule_set(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    rule_set: RuleSet,
    signed_by: tuple[UUID, ...],
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = PublishRuleSet(caller=caller, rule_set=rule_set, signed_by=signed_by)
    return await submit_alone(desk, PUBLISH, argument, market=market, request=request, dry_run=dry_run)
