"""Lineage: where the elements of a lot come from, as exact shares of its sources over the whole chain of
custody."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from itertools import islice
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.material_events import PassportTransformed
from events.passport_terms import BatchPart, ClaimEvidence, ClaimSupported
from events.vocabulary import PPB, ProductForm
from market.rules.element_masses import BALANCED
from market.rules.passport import PassportStatus
from market.rules.quantities import largest_remainder
from market.rules.viewers import OrganisationViewer, Viewer

Direction = Literal["up", "down"]
DEPTH_MAX = 32
NODES_MAX = 5_000
DOCUMENTS_MAX = 1_000
TRACED = 10**18
"""A lot's element is traced as this many indivisible parts, so that rounding loses or adds no share."""


class LineageNode(Struct, frozen=True, kw_only=True):
    """`depth`: number of transformations from the requested lot; `transformation` made it, if any;
    `net_wet_g` without what its deliveries lacked."""

    passport: UUID
    depth: int
    form: ProductForm
    lot_number: str
    organisation: UUID
    owner: UUID
    holder: UUID
    transformation: UUID | None
    net_wet_g: int
    status: PassportStatus
    corrections: int
    evidence: tuple[ClaimEvidence, ...] = ()

    def concerns(self, viewer: Viewer) -> bool:
        """Whether the viewer may see the lot: operators and auditors see all, an organisation those that it
        issued, owns or holds."""
        if isinstance(viewer, OrganisationViewer):
            return viewer.organisation in (self.organisation, self.owner, self.holder)
        return True

    def seen_owner(self, viewer: Viewer) -> UUID | None:
        """The owner, if the viewer may see it: the issuer of a lot does not learn who has it now."""
        if isinstance(viewer, OrganisationViewer) and viewer.organisation not in (self.owner, self.holder):
            return None
        return self.owner


class LineageDocument(Struct, frozen=True, kw_only=True):
    """A document behind a claim of a lot. `title` None: for a lot that is not shown, since the title may name
    its owner."""

    supports: ClaimSupported
    sha256: str
    dated_on: date
    title: str | None


class Lineage(Struct, frozen=True, kw_only=True):
    """`cut`: the maximum number of nodes was reached."""

    root: UUID
    nodes: tuple[LineageNode, ...]
    transformations: tuple[PassportTransformed, ...]
    cut: bool


class SourceShare(Struct, frozen=True, kw_only=True):
    """`share_ppb` of the element comes from this passport; None: from passports that are not shown.
    `further`: its own inputs were not traced."""

    element: str
    passport: UUID | None
    share_ppb: int
    further: bool


def provenance(lineage: Lineage) -> tuple[SourceShare, ...]:
    """Shares of the sources of each element that the lot was made with; those of an element add up to PPB.

    At each transformation a lot's parts are divided by the inputs' mass of the element, by largest remainder,
    in the order of the inputs; so are the final parts per billion. ValueError for a cycle.
    """
    made = {
        part.passport: transformation
        for transformation in lineage.transformations
        for part in transformation.outputs
    }
    roots = {node.passport for node in lineage.nodes if node.transformation is None}
    inputs = {lot: tuple(part.passport for part in of.inputs) for lot, of in made.items()}
    order = in_order(lineage.root, inputs)
    return tuple(
        SourceShare(element=element, passport=passport, share_ppb=share_ppb, further=passport not in roots)
        for element in BALANCED
        for passport, share_ppb in _sources_of(element, lineage.root, order, made).items()
        if share_ppb
    )


def disclosed(shares: Sequence[SourceShare], seen: AbstractSet[UUID]) -> tuple[SourceShare, ...]:
    """The shares, with all lots that are not `seen` as one share per element, after the others."""
    shown: dict[str, list[SourceShare]] = {}
    pooled: defaultdict[str, int] = defaultdict(int)
    for share in shares:
        found = shown.setdefault(share.element, [])
        if share.passport in seen:
            found.append(share)
        else:
            pooled[share.element] += share.share_ppb
    for element, share_ppb in pooled.items():
        rest = SourceShare(element=element, passport=None, share_ppb=share_ppb, further=True)
        shown[element].append(rest)
    return tuple(share for found in shown.values() for share in found)


def documents(lineage: Lineage, shown: AbstractSet[UUID]) -> tuple[LineageDocument, ...]:
    """What was handed in for claims of the lot and of those before it: each document once for each claim,
    nearest lots first, those of lots that are shown before others; DOCUMENTS_MAX at most."""
    found: dict[tuple[ClaimSupported, str], LineageDocument] = {}
    for node in sorted(lineage.nodes, key=lambda node: (node.passport not in shown, node.depth)):
        for each in node.evidence:
            document = LineageDocument(
                supports=each.supports,
                sha256=each.document.sha256,
                dated_on=each.document.dated_on,
                title=each.document.title if node.passport in shown else None,
            )
            found.setdefault((each.supports, each.document.sha256), document)
    return tuple(islice(found.values(), DOCUMENTS_MAX))


def _sources_of(
    element: str, root: UUID, order: Sequence[UUID], made: Mapping[UUID, PassportTransformed]
) -> dict[UUID, int]:
    """Parts per billion by source; empty for an element that no input of the lot carries."""
    parts: defaultdict[UUID, int] = defaultdict(int)
    parts[root] = TRACED
    sources: dict[UUID, int] = {}
    for passport in order:
        inputs = () if passport not in made else made[passport].inputs
        weights = _carried(inputs, element)
        if not any(weights):
            if passport == root:
                return {}
            sources[passport] = parts[passport]
            continue
        for part, share in zip(inputs, largest_remainder(parts[passport], weights), strict=True):
            parts[part.passport] += share
    return dict(zip(sources, largest_remainder(PPB, list(sources.values())), strict=True))


def _carried(inputs: Sequence[BatchPart], element: str) -> tuple[int, ...]:
    """Measured mass of each input; what may be there below detection counts where nothing was measured."""
    found = [next((each for each in part.elements if each.element == element), None) for part in inputs]
    measured = tuple(0 if each is None else each.mass_mg for each in found)
    if any(measured):
        return measured
    return tuple(0 if each is None else each.below_detection_mg for each in found)


def in_order(root: UUID, further: Mapping[UUID, Sequence[UUID]]) -> tuple[UUID, ...]:
    """Every lot before those that `further` names behind it (Kahn's order). ValueError for a cycle."""
    waiting: defaultdict[UUID, int] = defaultdict(int)
    seen, stack = {root}, [root]
    while stack:
        for lot in further.get(stack.pop(), ()):
            waiting[lot] += 1
            if lot not in seen:
                seen.add(lot)
                stack.append(lot)
    order: list[UUID] = []
    ready = [] if waiting[root] else [root]
    while ready:
        passport = ready.pop()
        order.append(passport)
        for lot in further.get(passport, ()):
            waiting[lot] -= 1
            if waiting[lot] == 0:
                ready.append(lot)
    if len(order) != len(seen):
        raise ValueError(f"the lineage of {root} leads back to itself")
    return tuple(order)
