"""Warnings about an accepted order by its market's rule set: footprints, stages of origin, maxima.

Read after the order, and only if there is something to compare.
"""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from contracts.rules.price_terms import benchmark_for, stages_unstated
from events.market_terms import RequirementTerms, RuleSet, SupplyTerms
from events.refusal import Caution
from events.vocabulary import Footprint
from market.http.wire.reads import Looking
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.book import rule_set_at
from market.rules.footprints import (
    benchmark_cautions,
    cap_cautions,
    footprint_cautions,
    validity_cautions,
)
from market.rules.full_origins import origin_of, steps_before, steps_of
from market.rules.orders.horizons import papers_span
from market.rules.orders.materials import stage_cautions, step_cautions


async def of_claims(on: Looking, market: UUID, terms: SupplyTerms, *, unhurried: bool) -> tuple[Warned, ...]:
    """`unhurried`: no posting waits for it, so that missing stages are checked too."""
    if terms.footprint is None and steps_of(terms) is UNSET and not unhurried:
        return ()
    fresh = on.recent.rule_sets.fresh(market)
    if fresh is not None:
        now = on.clock()
        return _claimed(terms, rule_set_at(fresh.found, now), now)
    return await unless_unread(_of_claims(on, market, terms))


async def of_cap(on: Looking, market: UUID, terms: RequirementTerms) -> tuple[Warned, ...]:
    return (
        () if terms.footprint_max_g_co2e_per_kg is None else await unless_unread(_of_cap(on, market, terms))
    )


async def _of_claims(on: Looking, market: UUID, terms: SupplyTerms) -> tuple[Warned, ...]:
    return _claimed(terms, await _rule_set(on, market), on.clock())


def _claimed(terms: SupplyTerms, rules: RuleSet | None, now: datetime) -> tuple[Warned, ...]:
    if rules is None:
        return ()
    found = [] if terms.footprint is None else _of_footprint(terms, terms.footprint, rules, now)
    if stages := stages_unstated(terms.form, origin_of(terms, rules), terms.recycled, rules):
        found += stage_cautions(stages)
    if before := steps_before(terms, rules):
        found += step_cautions(before)
    return warned(found)


def _of_footprint(terms: SupplyTerms, footprint: Footprint, rules: RuleSet, now: datetime) -> list[Caution]:
    span = papers_span(terms)
    return [
        *footprint_cautions(footprint, terms.form, now),
        *validity_cautions(footprint, span.start, span.end),
        *benchmark_cautions(footprint, benchmark_for(terms.form, rules)),
    ]


async def _of_cap(on: Looking, market: UUID, terms: RequirementTerms) -> tuple[Warned, ...]:
    rules = await _rule_set(on, market)
    if rules is None:
        return ()
    forms = tuple(accepted.form for accepted in terms.forms if benchmark_for(accepted.form, rules) is None)
    return warned(cap_cautions(forms, by_benchmark=rules.caps_by_benchmark is True))


async def _rule_set(on: Looking, market: UUID) -> RuleSet | None:
    """No posting waits for it but the first of its market in some seconds."""
    return rule_set_at(await on.recent.rule_sets.of(on.reader, market), on.clock())
