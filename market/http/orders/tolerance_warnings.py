"""Warnings about the tolerance of large orders, only where nobody waits for the reading: not for a POST."""

from uuid import UUID

from events.market_terms import RequirementTerms, SupplyTerms
from market.http.wire.reads import Looking, looking_on
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.book import rule_set_at
from market.rules.orders.tolerance import may_pass_over, tolerance_cautions
from market.store import inputs


async def of_tolerance(
    on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms
) -> tuple[Warned, ...]:
    return await unless_unread(_read(on, market, terms)) if may_pass_over(terms) else ()


async def _read(on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms) -> tuple[Warned, ...]:
    lane = on.desk.lane("market", market).lane
    async with looking_on(on) as connection:
        published = (await inputs.load_rule_sets(connection, lane, [market]))[market]
    rules = rule_set_at(published, on.clock())
    return () if rules is None else warned(tolerance_cautions(terms, rules.marginality_tolerance_ppb))
