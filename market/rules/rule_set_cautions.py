"""What a rule set says that is unusual and accepted all the same."""

from datetime import datetime, timedelta
from typing import Final

from events.market_terms import RuleSet
from events.refusal import Caution
from market.rules.countries import EU_MEMBERS

PAST_MAX: Final = timedelta(days=1)
AHEAD_MAX: Final = timedelta(days=366)
_FROM: Final = "/effective_from"


def rule_set_cautions(rule_set: RuleSet, now: datetime) -> list[Caution]:
    """`now`: when it is published, or tried. Pointers are relative to the rule set."""
    return [
        *_of_countries(rule_set),
        *_of_resting(rule_set),
        *_of_goods(rule_set),
        *_of_effect(rule_set.effective_from, now),
    ]


def _of_countries(rule_set: RuleSet) -> list[Caution]:
    named = rule_set.eu_countries
    found = [
        Caution(
            code="country_outside_union",
            text=f"{country} is no member state of the European Union: lots from there count as European.",
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
    text = "Who declines again and again goes on being matched by the conditional orders that it has posted."
    return [Caution(code="conditional_orders_never_rest", text=text, pointer="/conditional_orders_rest")]


def _of_goods(rule_set: RuleSet) -> list[Caution]:
    if rule_set.goods_agreed is True:
        return []
    text = "Contracts of matches say nothing of magnets, cores and condition: whatever comes has to be taken."
    return [Caution(code="goods_never_agreed", text=text, pointer="/goods_agreed")]


def _of_effect(effective_from: datetime, now: datetime) -> list[Caution]:
    if effective_from < now - PAST_MAX:
        text = "That is long past: it holds from its publication on, and no round of before is cleared again."
        return [Caution(code="effective_long_past", text=text, pointer=_FROM)]
    if effective_from > now + AHEAD_MAX:
        text = "That is more than a year ahead: until then rounds are cleared by the rule set of before."
        return [Caution(code="effective_far_ahead", text=text, pointer=_FROM)]
    return []
