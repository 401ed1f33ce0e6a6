"""The steps of a supply that the market's rules count: the last step of each stage as stated, or all steps in
its passport."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from contracts.rules.price_terms import origin_in_full, stages_unstated, steps_unnamed
from events.market_terms import RuleSet, SupplyTerms
from events.origin_terms import StepShare
from events.vocabulary import OriginStep, ValueChainStage


def steps_of(terms: SupplyTerms) -> Sequence[StepShare] | UnsetType:
    """The steps in its lot's passport at posting; UNSET if its origin states all."""
    return UNSET if terms.passport_evidence is None else terms.passport_evidence.steps


def origin_of(terms: SupplyTerms, rule_set: RuleSet) -> tuple[OriginStep, ...]:
    return origin_in_full(terms.origin, steps_of(terms), rule_set)


def asks_for_stages(rule_set: RuleSet) -> bool:
    """Whether `open_stages` may name any."""
    return rule_set.origins_by_stage is True or rule_set.origins_in_full is True


def open_stages(terms: SupplyTerms, rule_set: RuleSet) -> tuple[ValueChainStage, ...]:
    """Stages that the origin does not state, or of which not every step is stated."""
    origin, steps = origin_of(terms, rule_set), steps_of(terms)
    return stages_unstated(terms.form, origin, terms.recycled, rule_set, steps)


def steps_before(terms: SupplyTerms, rule_set: RuleSet) -> tuple[StepShare, ...]:
    """Steps that the rules count and the stated origin does not name."""
    if rule_set.origins_in_full is not True:
        return ()
    return tuple(steps_unnamed(terms.origin, steps_of(terms) or ()))
