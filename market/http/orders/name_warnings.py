"""Warnings about names in an accepted order: read after the order, and only if there are any."""

from uuid import UUID

from events.market_terms import RequirementTerms, SupplyTerms
from events.vocabulary import ConditionGrade
from market.http.wire.reads import Looking, looking_on
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.orders.rex import graded_cautions
from market.rules.orders.unknown_names import Known, name_cautions, names_any
from market.store import initiatives, inputs, members


async def of_names(on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms) -> tuple[Warned, ...]:
    return await unless_unread(_read(on, market, terms)) if names_any(terms) else ()


async def _read(on: Looking, market: UUID, terms: SupplyTerms | RequirementTerms) -> tuple[Warned, ...]:
    lane = on.desk.lane("market", market).lane
    excluded = terms.organisations_excluded if isinstance(terms, RequirementTerms) else ()
    async with looking_on(on) as connection:
        *_, newest = (await inputs.load_rule_sets(connection, lane, [market]))[market]
        known = Known(
            initiatives=await initiatives.standing(connection, terms.visible_to_initiatives),
            schemes=newest.rule_set.recognised_certificates,
            members=frozenset(await members.load_some(connection, lane, market, excluded)),
        )
    return warned(name_cautions(terms, known))


async def of_routes(
    on: Looking, market: UUID, terms: SupplyTerms, condition: ConditionGrade | None
) -> tuple[Warned, ...]:
    """Routes that nobody gets the lot for, by the rule set in force."""
    return await unless_unread(_routes(on, market, terms, condition)) if terms.rex_routes else ()


async def _routes(
    on: Looking, market: UUID, terms: SupplyTerms, condition: ConditionGrade | None
) -> tuple[Warned, ...]:
    lane = on.desk.lane("market", market).lane
    async with looking_on(on) as connection:
        *_, newest = (await inputs.load_rule_sets(connection, lane, [market]))[market]
    return warned(graded_cautions(terms, condition, newest.rule_set))
