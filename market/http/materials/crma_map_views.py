"""Supplier maps in answers: where bought material comes from, as a body, as rows and as bars."""

from typing import Final, Self

from events.origin_terms import OriginStage
from events.vocabulary import MICRO, ProductForm
from market.http.materials.crma_sheets import noted, scope, told
from market.http.materials.crma_views import PeriodView
from market.http.wire.ids import FacilityId, OrganisationId, Prefix, to_text
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, SUM_KG, Percent, SumKg
from market.http.wire.sheets import Bar, Kind, Sheet
from market.rules.crma.suppliers import MappedStage, Source

PREFIXES: Final[dict[Source, Prefix]] = {
    "passport": "pass",
    "offer": "offer",
    "lot": "lot",
    "delivery": "del",
    "declaration": "vol",
}
MAP_NOTE: Final = (
    "Where what was bought was extracted, processed and recycled: Regulation (EU) 2024/1252, Article 24. An "
    "empty country: the supplier did not answer. An empty supplier: bought elsewhere, as one's own "
    "declaration says. Recycling is at most the recycled share that is claimed of the element. With a form "
    "under `before` it is a step before the last, whose mass stands beside that of the last."
)
MAP_LEGEND: Final[tuple[tuple[Kind, str], ...]] = (
    ("inside", "bought here"),
    ("inside_declared", "declared"),
    ("open", "did not answer, bought here"),
    ("open_declared", "declared"),
)
ANSWERS: Final[dict[bool, tuple[Kind, Kind]]] = {
    True: ("inside", "inside_declared"),
    False: ("open", "open_declared"),
}
"""Bars of what was bought here, and of what was declared: where the supplier answered, and where not."""


class MappedView(Body, frozen=True, kw_only=True):
    """A part of an element of a lot. `country` null with `did_not_answer`: a legal state.

    `source` says what the answer is based on, `reference` which passport, order, delivery or declaration.
    `corrected`: the passport was corrected after the lot was taken. `before`: an earlier step of its stage,
    of a lot of this form, the first in its country; its mass is in addition to that of the last steps.
    `supplier` null: it was bought elsewhere; then `supplier_name` is the declared one, if any, and `document`
    the evidence.
    """

    supplier: OrganisationId | None
    supplier_name: str | None
    element: str
    stage: OriginStage
    did_not_answer: bool
    country: str | None
    share_percent: Percent
    mass_kg: SumKg
    facility: FacilityId | None
    site: str | None
    strategic_project: bool
    source: Source
    reference: str
    document: str | None = None
    corrected: bool = False
    before: ProductForm | None = None

    @classmethod
    def of(cls, value: MappedStage, name: str | None, document: str | None = None) -> Self:
        return cls(
            supplier=None if value.supplier is None else to_text("org", value.supplier),
            supplier_name=name,
            element=value.element,
            stage=value.stage,
            did_not_answer=value.country is None,
            country=value.country,
            share_percent=PERCENT.text(value.share_ppb),
            mass_kg=SUM_KG.text(value.mass_mg),
            facility=None if value.facility is None else to_text("fac", value.facility),
            site=value.site,
            strategic_project=value.strategic_project,
            source=value.source,
            reference=to_text(PREFIXES[value.source], value.reference),
            document=document,
            corrected=value.corrected,
            before=value.before,
        )


class SupplierMapView(PeriodView, frozen=True, kw_only=True):
    """`corrected_passports`: passports on which answers are based and that were corrected after their lot was
    taken."""

    corrected_passports: int
    stages: tuple[MappedView, ...]


def map_sheet(view: SupplierMapView, named: dict[str, str]) -> Sheet:
    """`named`: names by id."""
    names = MappedView.__struct_fields__
    masses: dict[tuple[str, str, str], dict[bool, int]] = {}
    for each in view.stages:
        place = (each.element, each.stage, each.country or "did not answer")
        of = masses.setdefault(place, {})
        declared = each.source == "declaration"
        of[declared] = of.get(declared, 0) + SUM_KG.parse(each.mass_kg)
    return Sheet(
        name="crma-supplier-map",
        title=f"Suppliers from {view.since} to before {view.until}",
        note=noted(view, MAP_NOTE),
        head=names,
        rows=tuple(tuple(told(getattr(each, name)) for name in names) for each in view.stages),
        key="kg of the element, by stage and country",
        legend=MAP_LEGEND,
        scope=scope(view),
        names=named,
        bars=tuple(
            Bar(
                label=f"{element} {stage} {country}",
                parts=tuple(
                    (kind, of.get(declared, 0))
                    for declared, kind in zip(
                        (False, True), ANSWERS[country != "did not answer"], strict=True
                    )
                ),
            )
            for (element, stage, country), of in sorted(masses.items())
        ),
        whole=max((sum(of.values()) for of in masses.values()), default=MICRO),
    )
