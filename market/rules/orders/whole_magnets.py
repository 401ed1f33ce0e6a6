"""Whole magnets for reuse: what is stated of them, and which need they meet."""

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from events.fractions import decimal_text, ppb_text
from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import Refusal
from events.rex_terms import SHAPE_AXES, MagnetAxis, MagnetDimension, MagnetNeed, WholeMagnets
from events.vocabulary import ProductForm
from events.wellformed import duplicate_refusals
from market.rules.orders.materials import WHOLE_MAGNETS
from market.rules.refusing.defects import (
    DimensionsNotOfShape,
    DimensionUnbounded,
    InnerNotInside,
    MagnetsOfOtherForm,
)
from market.rules.refusing.ineligibility import Ineligibility

UM_PER_MM = 1_000
_INSIDE: tuple[tuple[MagnetAxis, MagnetAxis], ...] = (
    ("inner_diameter", "outer_diameter"),
    ("inner_radius", "outer_radius"),
)


def magnet_refusals(
    stated: WholeMagnets | MagnetNeed | UnsetType, forms: tuple[ProductForm, ...]
) -> list[Refusal]:
    """What cannot be true of magnets that are offered or needed in these forms."""
    if stated is UNSET:
        return []
    reasons: list[Refusal] = [
        MagnetsOfOtherForm(pointer="/magnets", form=form) for form in forms if form not in WHOLE_MAGNETS
    ]
    reasons += _dimension_refusals(stated)
    if isinstance(stated, MagnetNeed):
        reasons += duplicate_refusals("/magnets/grades", stated.grades)
        reasons += duplicate_refusals("/magnets/coatings", stated.coatings)
    return reasons


def _dimension_refusals(stated: WholeMagnets | MagnetNeed) -> Iterator[Refusal]:
    given, needed = [each.axis for each in stated.dimensions], SHAPE_AXES[stated.shape]
    if sorted(given) != sorted(needed):
        yield DimensionsNotOfShape(
            pointer="/magnets/dimensions",
            shape=stated.shape,
            axes=", ".join(needed),
            given=", ".join(given),
        )
    for index, each in enumerate(stated.dimensions):
        if each.tolerance_um >= each.size_um:
            yield DimensionUnbounded(
                pointer=f"/magnets/dimensions/{index}/tolerance_um",
                tolerance=_mm_text(each.tolerance_um),
                size=_mm_text(each.size_um),
            )
    sizes = {each.axis: each.size_um for each in stated.dimensions}
    for inner, outer in _INSIDE:
        if inner in sizes and outer in sizes and sizes[inner] >= sizes[outer]:
            yield InnerNotInside(
                pointer="/magnets/dimensions",
                inner=inner,
                inner_size=_mm_text(sizes[inner]),
                outer=outer,
                outer_size=_mm_text(sizes[outer]),
            )


def magnet_reasons(supply: SupplyTerms, requirement: RequirementTerms) -> Iterator[Ineligibility]:
    """Why these magnets are not those that are needed; nothing where the requirement needs none."""
    need, offered = requirement.magnets, supply.magnets
    if need is UNSET:
        return
    if offered is UNSET:
        yield Ineligibility(code="magnets_not_stated")
        return
    if offered.grade not in need.grades:
        yield Ineligibility(
            code="magnet_grade_not_accepted",
            seller_figure=offered.grade,
            relation="not among",
            buyer_figure=", ".join(need.grades),
        )
    if offered.shape != need.shape:
        yield Ineligibility(
            code="magnet_shape_differs",
            seller_figure=offered.shape,
            relation="≠",
            buyer_figure=need.shape,
        )
    else:
        yield from _size_reasons(offered, need)
    if need.coatings and offered.coating not in need.coatings:
        yield Ineligibility(
            code="magnet_coating_not_accepted",
            seller_figure=offered.coating,
            relation="not among",
            buyer_figure=", ".join(need.coatings),
        )
    if offered.flux_ppb < need.flux_min_ppb:
        yield Ineligibility(
            code="magnet_flux_below_min",
            seller_figure=ppb_text(offered.flux_ppb),
            relation="<",
            buyer_figure=ppb_text(need.flux_min_ppb),
        )


def _size_reasons(offered: WholeMagnets, need: MagnetNeed) -> Iterator[Ineligibility]:
    measured = {each.axis: each for each in offered.dimensions}
    for wanted in need.dimensions:
        found = measured.get(wanted.axis)
        if found is None or not _within(found, wanted):
            yield Ineligibility(
                code="magnet_size_outside",
                subject=wanted.axis,
                seller_figure=None if found is None else _range_text(found),
                relation="outside",
                buyer_figure=_range_text(wanted),
            )


def bounds_um(dimension: MagnetDimension) -> tuple[int, int]:
    return dimension.size_um - dimension.tolerance_um, dimension.size_um + dimension.tolerance_um


def _within(found: MagnetDimension, wanted: MagnetDimension) -> bool:
    (low, high), (least, most) = bounds_um(found), bounds_um(wanted)
    return least <= low and high <= most


def _range_text(dimension: MagnetDimension) -> str:
    if not dimension.tolerance_um:
        return _mm_text(dimension.size_um)
    return f"{decimal_text(dimension.size_um, UM_PER_MM)} ± {_mm_text(dimension.tolerance_um)}"


def _mm_text(um: int) -> str:
    return f"{decimal_text(um, UM_PER_MM)} mm"
