"""Where the elements of a lot come from: shares of its sources, exact, over the whole chain of custody."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.material_events import PassportTransformed
from events.passport_terms import BatchPart
from events.vocabulary import PPB
from market.rules.element_masses import BALANCED
from market.rules.quantities import largest_remainder

Direction = Literal["up", "down"]
DEPTH_MAX = 32
NODES_MAX = 5_000
TRACED = 10**18
"""A lot's element is followed as so many parts, each of them whole: no share is lost or made by rounding."""


class LineageNode(Struct, frozen=True, kw_only=True):
    """`depth`: transformations away from the lot that was asked for."""

    passport: UUID
    depth: int


class Lineage(Struct, frozen=True, kw_only=True):
    """`cut`: more lies beyond the depth or the number of nodes that were asked for."""

    root: UUID
    direction: Direction
    nodes: tuple[LineageNode, ...]
    transformations: tuple[PassportTransformed, ...]
    cut: bool


class SourceShare(Struct, frozen=True, kw_only=True):
    """`share_ppb` of the element comes of this passport; `further`: it was made of others, not followed."""

    element: str
    passport: UUID
    share_ppb: int
    further: bool


def provenance(
    lineage: Lineage, made_by: Mapping[UUID, UUID | None], elements: Sequence[str] = BALANCED
) -> tuple[SourceShare, ...]:
    """Shares of the sources of each element that the lot was made with; those of an element add up to PPB.

    `made_by`: the transformation of every node, None for a lot that no passport went into. At each
    transformation a lot's parts are dealt out by what the inputs carried of the element, by largest
    remainder, the input that was named first first; so are the parts per billion in the end.
    """
    made = {
        part.passport: transformation
        for transformation in lineage.transformations
        for part in transformation.outputs
    }
    order = _downwards(lineage.root, made)
    found: list[SourceShare] = []
    for element in elements:
        parts: defaultdict[UUID, int] = defaultdict(int)
        parts[lineage.root] = TRACED
        sources: dict[UUID, int] = {}
        for passport in order:
            amount = parts[passport]
            transformation = made.get(passport)
            weights = () if transformation is None else _carried(transformation.inputs, element)
            if transformation is None or not any(weights):
                sources[passport] = amount
                continue
            dealt = largest_remainder(amount, weights)
            for part, share in zip(transformation.inputs, dealt, strict=True):
                parts[part.passport] += share
        if set(sources) == {lineage.root} and not _carries(lineage.root, made, element):
            continue
        shares = largest_remainder(PPB, list(sources.values()))
        found += [
            SourceShare(
                element=element,
                passport=passport,
                share_ppb=share_ppb,
                further=made_by.get(passport) is not None,
            )
            for passport, share_ppb in zip(sources, shares, strict=True)
            if share_ppb
        ]
    return tuple(found)


def _carried(inputs: Sequence[BatchPart], element: str) -> tuple[int, ...]:
    """Measured mass of each input; what was only below detection counts where nothing else does."""
    measured = tuple(
        next((each.mass_mg for each in part.elements if each.element == element), 0) for part in inputs
    )
    if any(measured):
        return measured
    return tuple(
        next((each.below_detection_mg for each in part.elements if each.element == element), 0)
        for part in inputs
    )


def _carries(passport: UUID, made: Mapping[UUID, PassportTransformed], element: str) -> bool:
    transformation = made.get(passport)
    return transformation is not None and any(_carried(transformation.inputs, element))


def _downwards(root: UUID, made: Mapping[UUID, PassportTransformed]) -> tuple[UUID, ...]:
    """Every lot before the lots that it was made of (Kahn). ValueError when a lot comes of itself."""
    waiting: defaultdict[UUID, int] = defaultdict(int)
    seen, stack = {root}, [root]
    while stack:
        for source in _sources(stack.pop(), made):
            waiting[source] += 1
            if source not in seen:
                seen.add(source)
                stack.append(source)
    order, ready = [], [root]
    while ready:
        passport = ready.pop()
        order.append(passport)
        for source in _sources(passport, made):
            waiting[source] -= 1
            if waiting[source] == 0:
                ready.append(source)
    if len(order) != len(seen):
        raise ValueError(f"the lineage of {root} leads back to itself")
    return tuple(order)


def _sources(passport: UUID, made: Mapping[UUID, PassportTransformed]) -> tuple[UUID, ...]:
    transformation = made.get(passport)
    return () if transformation is None else tuple(part.passport for part in transformation.inputs)
