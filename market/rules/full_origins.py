"""Where a supply went through each stage, as the rules of its market go by it: the last steps that it states,
or all that its passport tells."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from contracts.rules.price_terms import origin_in_full, stages_unstated, steps_unnamed
from events.market_terms import RuleSet, SupplyTerms
from events.origin_terms import StepShare
from events.vocabulary import OriginStep, ValueChainStage


def steps_of(terms: SupplyTerms) -> Sequence[StepShare] | UnsetType:
    """What the passport of its lot told when it was posted; UNSET where its origin says all."""
    return UNSET if terms.passport_evidence is None else terms.passport_evidence.steps


def origin_of(terms: SupplyTerms, rule_set: RuleSet) -> tuple[OriginStep, ...]:
    return origin_in_full(terms.origin, steps_of(terms), rule_set)


def asks_for_stages(rule_set: RuleSet) -> bool:
    """Whether `open_stages` may name any."""
    return rule_set.origins_by_stage is True or rule_set.origins_in_full is True


def open_stages(terms: SupplyTerms, rule_set: RuleSet) -> tuple[ValueChainStage, ...]:
    """Stages that the origin leaves out, or of which nobody states every step."""
    origin, steps = origin_of(terms, rule_set), steps_of(terms)
    return stages_unstated(terms.form, origin, terms.recycled, rule_set, steps)


def steps_before(terms: SupplyTerms, rule_set: RuleSet) -> tuple[StepShare, ...]:
    """Of what the rules go by, what the stated origin does not name."""
    if rule_set.origins_in_full is not True:
        return ()
    return tuple(steps_unnamed(terms.origin, steps_of(terms) or ()))
