"""The rules that came with a later version of the program, which a rule set has or lacks."""

from typing import Final

from msgspec import Struct

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


def lacking(rule_set: Struct) -> list[str]:
    """Those of a rule set, as it is recorded or as it is posted, that it is without."""
    return [name for name in SWITCHES if not getattr(rule_set, name)]
