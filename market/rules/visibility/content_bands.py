"""Steps of content as they are shown: widened until nobody stands alone, or for the most part, in one."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from market.rules.viewers import Band
from market.rules.visibility.crowd import is_crowd


class Part(Struct, kw_only=True):
    """Neighbouring steps, and how many lines each group of companies has in them."""

    steps: list[Band] = []
    groups: Counter[UUID] = Counter()


def widened(contents: Iterable[tuple[UUID, Band]], groups_min: int) -> dict[Band, Band]:
    """The band in which each step is shown, of the group and the step of every line that is shown together.

    Steps are joined from the lowest up until enough groups have lines in them, none more than half; what is
    left above joins the band below it. Leaving the band out of the few would point at them as well.
    """
    lines: dict[Band, Counter[UUID]] = defaultdict(Counter)
    for group, step in contents:
        lines[step][group] += 1
    parts: list[Part] = []
    part = Part()
    for step in sorted(lines, key=lambda step: step.low):
        part = Part(steps=[*part.steps, step], groups=part.groups + lines[step])
        if is_crowd(part.groups.values(), groups_min):
            parts.append(part)
            part = Part()
    while parts and part.steps and not is_crowd(part.groups.values(), groups_min):
        below = parts.pop()
        part = Part(steps=below.steps + part.steps, groups=below.groups + part.groups)
    if part.steps:
        parts.append(part)
    return {
        step: Band(low=part.steps[0].low, high=part.steps[-1].high) for part in parts for step in part.steps
    }
