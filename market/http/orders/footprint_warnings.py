"""What an accepted order says of a footprint, beside the benchmarks of its market: read after it."""

from uuid import UUID

from contracts.rules.price_terms import benchmark_for
from events.market_terms import RuleSet, SupplyTerms
from market.http.wire.reads import Looking, looking_on
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.book import rule_set_at
from market.rules.footprints import benchmark_cautions, footprint_cautions, validity_cautions
from market.rules.orders.horizons import papers_span
from market.store import inputs


async def of_footprint(on: Looking, market: UUID, terms: SupplyTerms) -> tuple[Warned, ...]:
    return () if terms.footprint is None else await unless_unread(_of_footprint(on, market, terms))


async def _of_footprint(on: Looking, market: UUID, terms: SupplyTerms) -> tuple[Warned, ...]:
    assert terms.footprint is not None
    rules = await _rule_set(on, market)
    span = papers_span(terms)
    benchmark = None if rules is None else benchmark_for(terms.form, rules)
    return warned(
        [
            *footprint_cautions(terms.footprint, terms.form, on.clock()),
            *validity_cautions(terms.footprint, span.start, span.end),
            *benchmark_cautions(terms.footprint, benchmark),
        ]
    )


async def _rule_set(on: Looking, market: UUID) -> RuleSet | None:
    lane = on.desk.lane("market", market).lane
    async with looking_on(on) as connection:
        published = (await inputs.load_rule_sets(connection, lane, [market]))[market]
    return rule_set_at(published, on.clock())
