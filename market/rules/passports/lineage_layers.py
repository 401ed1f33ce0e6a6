"""The layout of a lineage as rows of boxes: each lot below all that lead to it, wide rows folded, so that
thousands of lots stay readable."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import count
from uuid import UUID

from msgspec import Struct

from market.rules.passports.lineage import Direction, Lineage, LineageNode, in_order

ROW_MAX = 8
"""Boxes in a row; of more lots the heaviest stand alone and the others together."""
LINES_MAX = 1_000


class Box(Struct, frozen=True, kw_only=True):
    """One lot, or those of a row that are folded."""

    lots: tuple[LineageNode, ...]


class Line(Struct, frozen=True, kw_only=True):
    """From the box at `upper` to that at `lower`, as places in all boxes; `steps` lie between their lots."""

    upper: int
    lower: int
    steps: int


class Layers(Struct, frozen=True, kw_only=True):
    """`lines_left` are those of the fewest steps, for which there was no room."""

    rows: tuple[tuple[Box, ...], ...]
    lines: tuple[Line, ...]
    lines_left: int


def layers(lineage: Lineage, shown: Sequence[LineageNode], direction: Direction) -> Layers:
    """Of what is shown alone: nothing follows from lots between that are not. Empty rows are left out.

    ValueError when a lot comes of itself.
    """
    levels = {node.passport: node.depth for node in shown}
    further = _further(lineage, levels, direction)
    others = tuple(passport for passport in levels if passport != lineage.root)
    for passport in in_order(lineage.root, {**further, lineage.root: others}):
        for lot in further.get(passport, ()):
            levels[lot] = max(levels[lot], levels[passport] + 1)
    by_level: defaultdict[int, list[LineageNode]] = defaultdict(list)
    for node in shown:
        by_level[levels[node.passport]].append(node)
    rows = tuple(tuple(_folded(by_level[level])) for level in sorted(by_level))
    number = count()
    boxes = {
        lot.passport: place for row in rows for box in row for place in (next(number),) for lot in box.lots
    }
    steps = Counter((boxes[passport], boxes[lot]) for passport, lots in further.items() for lot in lots)
    kept = steps.most_common(LINES_MAX)
    return Layers(
        rows=rows,
        lines=tuple(Line(upper=upper, lower=lower, steps=found) for (upper, lower), found in kept),
        lines_left=len(steps) - len(kept),
    )


def _further(lineage: Lineage, shown: Container[UUID], direction: Direction) -> Mapping[UUID, Sequence[UUID]]:
    """What each lot was made of, or what was made of it, of the lots that are shown."""
    found: defaultdict[UUID, dict[UUID, None]] = defaultdict(dict)
    for work in lineage.transformations:
        above, below = (work.outputs, work.inputs) if direction == "up" else (work.inputs, work.outputs)
        lower = [part.passport for part in below if part.passport in shown]
        for part in above:
            if part.passport in shown:
                found[part.passport].update(dict.fromkeys(lower))
    return {passport: tuple(others) for passport, others in found.items()}


def _folded(lots: Sequence[LineageNode]) -> Iterable[Box]:
    ordered = sorted(lots, key=lambda lot: (-lot.net_wet_g, lot.passport))
    alone = len(ordered) if len(ordered) <= ROW_MAX else ROW_MAX - 1
    yield from (Box(lots=(lot,)) for lot in ordered[:alone])
    if ordered[alone:]:
        yield Box(lots=tuple(ordered[alone:]))
