"""What whoever rehearses a large order is told of the tolerance: a posting would wait for the reading."""

from typing import Any
from uuid import UUID

from events.market_terms import RequirementTerms, SupplyTerms
from market.http.wire.endpoint import Call
from market.http.wire.reads import as_desk
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.book import rule_set_at
from market.rules.orders.tolerance import may_pass_over, tolerance_cautions
from market.store import inputs


async def of_tolerance(
    call: Call[Any, Any], market: UUID, terms: SupplyTerms | RequirementTerms
) -> tuple[Warned, ...]:
    asked = call.query.validate_only and may_pass_over(terms)
    return await unless_unread(_read(call, market, terms)) if asked else ()


async def _read(
    call: Call[Any, Any], market: UUID, terms: SupplyTerms | RequirementTerms
) -> tuple[Warned, ...]:
    lane = call.door.desk.lane("market", market).lane
    async with as_desk(call) as connection:
        published = (await inputs.load_rule_sets(connection, lane, [market]))[market]
    rules = rule_set_at(published, call.door.clock())
    return () if rules is None else warned(tolerance_cautions(terms, rules.marginality_tolerance_ppb))
