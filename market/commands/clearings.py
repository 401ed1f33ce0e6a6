"""Commands of clearings: plan a round, abandon one, halt and resume a market. The matcher records the result
of a round."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from events.callers import Caller
from events.connections import Connection
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit_alone
from events.vocabulary import Instant
from market.rules.clearing import clearings as rules
from market.rules.clearing.clearings import (
    AbandonClearing,
    HaltMarket,
    PlanClearing,
    PlanState,
    ResumeMarket,
)
from market.store import inputs, markets


async def load(
    connection: Connection,
    asked: Sequence[
        InMarket[PlanClearing] | InMarket[AbandonClearing] | InMarket[HaltMarket] | InMarket[ResumeMarket]
    ],
    moment: Moment,
) -> Sequence[PlanState | None]:
    """`last_time` is the moment's time, which is never before the lane's newest event."""
    found = await markets.load_markets(connection, [(ask.lane, ask.market) for ask in asked])
    states: list[PlanState | None] = []
    for ask in asked:
        row = found.get(ask.market)
        if row is None:
            states.append(None)
            continue
        published = await inputs.load_rule_sets(connection, ask.lane, [ask.market])
        states.append(
            PlanState(
                market=ask.market,
                lane=ask.lane,
                terms=row.terms,
                rule_sets=published[ask.market],
                plan=row.plan,
                last_round=row.last_round,
                last_time=max(moment.now, row.last_time),
                last_cut_time=row.last_cut_time,
                halt=row.halt,
            )
        )
    return states


PLAN: Operation[InMarket[PlanClearing], PlanState | None] = in_market("clearing.plan", load, rules.plan)
ABANDON: Operation[InMarket[AbandonClearing], PlanState | None] = in_market(
    "clearing.abandon", load, rules.abandon
)
HALT: Operation[InMarket[HaltMarket], PlanState | None] = in_market("market.halt", load, rules.halt)
RESUME: Operation[InMarket[ResumeMarket], PlanState | None] = in_market("market.resume", load, rules.resume)


async def plan(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    trigger: Literal["interval", "demand"],
    announced_at: Instant | None = None,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """Plans a round; the position of its event is the cut."""
    argument = PlanClearing(caller=caller, trigger=trigger, announced_at=announced_at)
    return await submit_alone(desk, PLAN, argument, market=market, request=request, dry_run=dry_run)


async def abandon(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    plan: UUID,
    code: str,
    reason: str,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = AbandonClearing(caller=caller, plan=plan, code=code, reason=reason)
    return await submit_alone(desk, ABANDON, argument, market=market, request=request, dry_run=dry_run)


async def halt(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    reason: str,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """Halts a market; if a round was open, the first event is its abandonment."""
    argument = HaltMarket(caller=caller, reason=reason)
    return await submit_alone(desk, HALT, argument, market=market, request=request, dry_run=dry_run)


async def resume(
    desk: Desk,
    caller: Caller,
    *,
    market: UUID,
    reason: str,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = ResumeMarket(caller=caller, reason=reason)
    return await submit_alone(desk, RESUME, argument, market=market, request=request, dry_run=dry_run)
