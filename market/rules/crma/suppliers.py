"""Where bought material was extracted, processed and recycled: Regulation (EU) 2024/1252, Article 24."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.origin_terms import OriginStage, StagePath
from events.passport_terms import ORIGIN_STAGES
from events.vocabulary import MICRO, PPB, ProductForm
from market.rules.crma.taken import SILENCE_IS_NONE, Taken
from market.rules.stage_paths import step_shares

Source = Literal["passport", "offer", "lot", "delivery", "declaration"]


class Bought(Struct, frozen=True, kw_only=True):
    """A lot, and the passport, the order, the shipment or one's own declaration that says where it comes
    from."""

    taken: Taken
    source: Source
    reference: UUID


class MappedStage(Struct, frozen=True, kw_only=True):
    """A part of an element of a lot. `country` None: the supplier did not answer, which is a legal state;
    `supplier` None: it is nobody of the platform.

    `facility` and `site` if the buyer may see them. `corrected`: the passport was corrected after the lot was
    taken. `before`: an earlier step, of a lot of this form, whose share is in addition to those of the last
    steps. Milligrams are rounded down.
    """

    supplier: UUID | None
    source: Source
    reference: UUID
    element: str
    stage: OriginStage
    country: str | None
    share_ppb: int
    mass_mg: int
    facility: UUID | None = None
    site: str | None = None
    strategic_project: bool = False
    corrected: bool = False
    before: ProductForm | None = None


def supplier_map(bought: Iterable[Bought]) -> tuple[MappedStage, ...]:
    """In the order of suppliers, lots, elements and stages; what was not traded here comes last."""
    lots = sorted(
        bought, key=lambda each: (each.taken.declared, each.taken.seller.organisation, each.reference)
    )
    return tuple(
        part
        for lot in lots
        for element, mass_mg in lot.taken.elements.items()
        if mass_mg
        for stage in ORIGIN_STAGES
        for part in _parts(lot, element, mass_mg, stage)
    )


def _parts(lot: Bought, element: str, mass_mg: int, stage: OriginStage) -> Iterable[MappedStage]:
    answered_ppb = 0
    supplier = None if lot.taken.declared else lot.taken.seller.organisation
    for share in lot.taken.origin_of(element):
        if share.stage == stage:
            answered_ppb += share.share_ppb
            yield MappedStage(
                supplier=supplier,
                source=lot.source,
                reference=lot.reference,
                element=element,
                stage=stage,
                country=share.country,
                share_ppb=share.share_ppb,
                mass_mg=mass_mg * share.share_ppb // PPB,
                facility=share.facility,
                site=share.source,
                strategic_project=share.strategic_project,
                corrected=lot.taken.corrected,
            )
    yield from _before(lot, element, mass_mg, stage)
    if answered_ppb < PPB and stage not in SILENCE_IS_NONE:
        silent_ppb = PPB - answered_ppb
        yield MappedStage(
            supplier=supplier,
            source=lot.source,
            reference=lot.reference,
            element=element,
            stage=stage,
            country=None,
            share_ppb=silent_ppb,
            mass_mg=mass_mg * silent_ppb // PPB,
            corrected=lot.taken.corrected,
        )


def _before(lot: Bought, element: str, mass_mg: int, stage: OriginStage) -> Iterable[MappedStage]:
    """Countries of steps before the last of each part, which the origin names; of recycling the last ones
    alone count."""
    if stage in SILENCE_IS_NONE:
        return
    named = {share.country for share in lot.taken.origin if share.stage == stage}
    parts = [_before_last(part, named) for part in lot.taken.paths if part.stage == stage]
    for step in step_shares(parts):
        if step.country is not None:
            share_ppb = step.share_ppm * (PPB // MICRO)
            yield MappedStage(
                supplier=None if lot.taken.declared else lot.taken.seller.organisation,
                source=lot.source,
                reference=lot.reference,
                element=element,
                stage=stage,
                country=step.country,
                share_ppb=share_ppb,
                mass_mg=mass_mg * share_ppb // PPB,
                strategic_project=step.strategic_project,
                corrected=lot.taken.corrected,
                before=step.form,
            )


def _before_last(part: StagePath, named: AbstractSet[str]) -> StagePath:
    """The first step in each country but that of the last, so that no country has any mass twice."""
    last = part.steps[-1].country if part.steps and part.steps[-1].country in named else None
    first = {step.country: step for step in reversed(part.steps) if step.country != last}
    return replace(part, steps=tuple(first.values()))
