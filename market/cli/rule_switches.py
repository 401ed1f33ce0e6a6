"""The rules that came with a later version of the program, which a rule set has, lacks or switches off."""

from typing import Final

from msgspec import UNSET

from events.market_terms import RuleSet

SWITCHES: Final = (
    "conditional_orders_rest",
    "goods_agreed",
    "origins_by_stage",
    "caps_by_benchmark",
    "demands_agreed",
    "demands_in_full",
    "splitting_by_stated",
    "origins_in_full",
)
"""Members that came with a rule of later: true of what is published without them, false of what stands."""


def lacking(rule_set: RuleSet) -> list[str]:
    """Those that a recorded rule set does not speak of: it is of a version that did not know them."""
    return [name for name in SWITCHES if getattr(rule_set, name) is UNSET]


def switched_off(rule_set: RuleSet) -> list[str]:
    """Those that a recorded rule set says `false` of: whoever published it knew them."""
    return [name for name in SWITCHES if getattr(rule_set, name) is False]
