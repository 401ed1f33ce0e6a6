"""Bands of content as shown: widened until no group of companies is alone in one, or has most of it."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from market.rules.viewers import Band
from market.rules.visibility.crowd import is_crowd


class Part(Struct, kw_only=True):
    """Neighbouring steps, and how many lines each group of companies, by its id's integer, has in them."""

    steps: list[Band] = []
    groups: dict[int, int] = {}

    def join(self, other: "Part") -> None:
        self.steps += other.steps
        for group, count in other.groups.items():
            self.groups[group] = self.groups.get(group, 0) + count


def widened(contents: Iterable[tuple[UUID, Band]], groups_min: int) -> dict[int, Band]:
    """The band in which a step is shown, by where it begins, of the group and the step of every line that is
    shown together.

    Steps are joined from the lowest up until enough groups have lines in them, none more than half; what is
    left above joins the band below it. Leaving the band out of the few would point at them as well.
    """
    lines: dict[int, Part] = {}
    for group, step in contents:
        alone = lines.get(step.low)
        if alone is None:
            alone = lines[step.low] = Part(steps=[step])
        of_group, number = alone.groups, group.int
        of_group[number] = of_group.get(number, 0) + 1
    parts: list[Part] = []
    part = Part()
    for low in sorted(lines):
        alone = lines[low]
        if part.steps:
            part.join(alone)
        else:
            part = alone
        if is_crowd(part.groups.values(), groups_min):
            parts.append(part)
            part = Part()
    while parts and part.steps and not is_crowd(part.groups.values(), groups_min):
        below = parts.pop()
        below.join(part)
        part = below
    if part.steps:
        parts.append(part)
    found: dict[int, Band] = {}
    for part in parts:
        lowest, highest = part.steps[0], part.steps[-1]
        band = lowest if lowest is highest else Band(low=lowest.low, high=highest.high)
        for step in part.steps:
            found[step.low] = band
    return found
