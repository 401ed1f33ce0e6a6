"""Warnings about unusual rule sets that are accepted."""

from datetime import datetime, timedelta
from typing import Final

from events.market_terms import RuleSet
from events.refusal import Caution
from market.rules.countries import EU_MEMBERS
from market.rules.footprints import word_cautions

PAST_MAX: Final = timedelta(days=1)
AHEAD_MAX: Final = timedelta(days=366)
_FROM: Final = "/effective_from"


def rule_set_cautions(rule_set: RuleSet, now: datetime) -> list[Caution]:
    """`now`: when it is published, or tried. Pointers are relative to the rule set."""
    return [
        *_of_countries(rule_set),
        *_of_resting(rule_set),
        *_of_goods(rule_set),
        *_of_claims(rule_set),
        *_of_demands(rule_set),
        *_of_splitting(rule_set),
        *_of_effect(rule_set.effective_from, now),
    ]


def _of_countries(rule_set: RuleSet) -> list[Caution]:
    named = rule_set.eu_countries
    found = [
        Caution(
            code="country_outside_union",
            text=f"{country} is not a member state of the European Union: lots from there count as European.",
            pointer=f"/eu_countries/{index}",
        )
        for index, country in enumerate(named)
        if country not in EU_MEMBERS
    ]
    if EU_MEMBERS.isdisjoint(named):
        text = "No member state of the European Union is named: no lot from there counts as European."
        found.append(Caution(code="union_without_members", text=text, pointer="/eu_countries"))
    return found


def _of_resting(rule_set: RuleSet) -> list[Caution]:
    if rule_set.conditional_orders_rest is True:
        return []
    text = (
        "Organisations that decline again and again are still matched through their posted conditional "
        "orders."
    )
    return [Caution(code="conditional_orders_never_rest", text=text, pointer="/conditional_orders_rest")]


def _of_goods(rule_set: RuleSet) -> list[Caution]:
    if rule_set.goods_agreed is True:
        return []
    text = (
        "Contracts of matches state nothing of magnets, cores and condition: the buyer has to take "
        "whatever comes."
    )
    return [Caution(code="goods_never_agreed", text=text, pointer="/goods_agreed")]


def _of_claims(rule_set: RuleSet) -> list[Caution]:
    found = []
    if rule_set.origins_by_stage is not True:
        text = "A stage that an origin does not state counts as European, and as no excluded country."
        found.append(Caution(code="stages_never_asked", text=text, pointer="/origins_by_stage"))
    if rule_set.origins_in_full is not True:
        text = (
            "Of a lot made here only the last step of a stage counts, which hides the countries of "
            "earlier steps."
        )
        found.append(Caution(code="steps_before_never_counted", text=text, pointer="/origins_in_full"))
    if rule_set.caps_by_benchmark is not True:
        text = (
            "For forms without a benchmark a maximum footprint is compared with a bare number, whatever "
            "its unit."
        )
        found.append(Caution(code="caps_of_no_unit", text=text, pointer="/caps_by_benchmark"))
    for index, benchmark in enumerate(rule_set.benchmarks):
        for member in ("boundary", "allocation"):
            found += word_cautions(getattr(benchmark, member), f"/benchmarks/{index}/{member}")
    return found


def _of_demands(rule_set: RuleSet) -> list[Caution]:
    if rule_set.demands_agreed is True:
        if rule_set.demands_in_full is True:
            return []
        text = (
            "Contracts of matches have no maximum recycled share, require a minimum only of "
            "post-consumer content, and compare a maximum footprint with a bare number."
        )
        return [Caution(code="demands_agreed_in_part", text=text, pointer="/demands_in_full")]
    text = (
        "Contracts of matches state nothing of excluded origins, maximum footprint, certificates and "
        "activities: the buyer has to take whatever comes."
    )
    return [Caution(code="demands_never_agreed", text=text, pointer="/demands_agreed")]


def _of_splitting(rule_set: RuleSet) -> list[Caution]:
    if rule_set.splitting_by_stated is True:
        return []
    text = (
        "Contracts of matches average two assays that are 0.5 % apart, whatever the grade: for ore or "
        "scrap with 3 % of an element each side can move a twelfth of what is paid for it."
    )
    return [Caution(code="splitting_by_no_grade", text=text, pointer="/splitting_by_stated")]


def _of_effect(effective_from: datetime, now: datetime) -> list[Caution]:
    if effective_from < now - PAST_MAX:
        text = "That is long past: it takes effect at its publication, and no earlier round is cleared again."
        return [Caution(code="effective_long_past", text=text, pointer=_FROM)]
    if effective_from > now + AHEAD_MAX:
        text = "That is more than a year ahead: until then rounds are cleared by the earlier rule set."
        return [Caution(code="effective_far_ahead", text=text, pointer=_FROM)]
    return []
