"""Disassembly score: how easily the magnets of a product can be removed, by the dated rules of a day.

One to five points for depth (steps to the magnets), fixing (the worst of any magnet) and tools (the worst of
any step), weighted; rows of `market/data/disassembly_rules.csv`.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct

from events.twin_terms import ProductTwinTerms
from market.rules.twins.dated_rules import DatedRule, applying

HUNDREDTHS = 100
MORE = "more"


class DisassemblyScore(Struct, frozen=True, kw_only=True):
    """Points of each part, and their weighted mean in hundredths, rounded down."""

    depth: int
    fixing: int
    tools: int
    score_hundredths: int


def score_on(dated: Iterable[DatedRule], day: date, terms: ProductTwinTerms) -> DisassemblyScore | None:
    """None on a day without rules. ValueError where the rules of the day leave something unscored."""
    rules = applying(dated, day)
    if not rules:
        return None
    points = {
        "depth": _depth_points(_values(rules, "depth"), len(terms.steps)),
        "fixing": min(_one(rules, "fixing", magnet.fixing) for magnet in terms.magnets),
        "tools": min(_one(rules, "tool", step.tool_class) for step in terms.steps),
    }
    weights = {name: _one(rules, "weight", name) for name in points}
    weighted = sum(weights[name] * each for name, each in points.items())
    return DisassemblyScore(**points, score_hundredths=weighted * HUNDREDTHS // sum(weights.values()))


def disassembly_minutes_tenths(terms: ProductTwinTerms) -> int:
    """All steps one after another."""
    return sum(step.minutes_tenths for step in terms.steps)


def _depth_points(by_most: Mapping[str, int], steps: int) -> int:
    reached = [int(most) for most in by_most if most != MORE and steps <= int(most)]
    return by_most[str(min(reached)) if reached else MORE]


def _values(rules: Mapping[str, Mapping[str, int | None]], rule: str) -> dict[str, int]:
    found = {key: value for key, value in rules.get(rule, {}).items() if value is not None}
    if MORE not in found:
        raise ValueError(f"rules of {rule} have no row for {MORE}")
    return found


def _one(rules: Mapping[str, Mapping[str, int | None]], rule: str, key: str) -> int:
    found = rules.get(rule, {}).get(key)
    if found is None:
        raise ValueError(f"no {rule} has points for {key}")
    return found
