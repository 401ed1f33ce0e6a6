"""Whole magnets for reuse: checks of their statements, and which needs they meet."""

from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from events.fractions import decimal_text, ppb_text
from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import Caution, Refusal
from events.rex_terms import SHAPE_AXES, MagnetAxis, MagnetDimension, MagnetNeed, WholeMagnets
from events.vocabulary import PPB, Composition, Packaging, ProductForm
from events.wellformed import duplicate_refusals
from market.rules.element_masses import MG_PER_G
from market.rules.orders.magnet_grades import grade_reasons, ranked, spelt
from market.rules.orders.materials import WHOLE_MAGNETS
from market.rules.refusing.ineligibility import Ineligibility
from market.rules.refusing.material_defects import (
    DimensionsNotOfShape,
    DimensionUnbounded,
    GradeWithoutOrder,
    InnerNotInside,
    MagnetsOfOtherForm,
)

UM_PER_MM = 1_000
UG_PER_MG: Final = 1_000
UG_PER_MM3: Final = 7_500
"""Sintered NdFeB has 7.4 to 7.7 g/cm³."""
APART_PPB: Final = 200_000_000
_PI: Final = (355, 113)
_INSIDE: tuple[tuple[MagnetAxis, MagnetAxis], ...] = (
    ("inner_diameter", "outer_diameter"),
    ("inner_radius", "outer_radius"),
)


class Offered(Protocol):
    """An offer or a lot, drafted or posted."""

    @property
    def magnets(self) -> WholeMagnets | UnsetType: ...

    @property
    def composition(self) -> Composition: ...

    @property
    def packaging(self) -> Packaging: ...


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
        if stated.or_better is True:
            reasons += [
                GradeWithoutOrder(pointer=f"/magnets/grades/{place}", grade=each)
                for place, each in enumerate(stated.grades)
                if ranked(each) is None
            ]
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


def as_compared(stated: WholeMagnets | MagnetNeed | UnsetType) -> WholeMagnets | MagnetNeed | UnsetType:
    """The statement with normalised grades: older orders have them as they were stated, amended ones
    `spelt`."""
    match stated:
        case WholeMagnets():
            return replace(stated, grade=spelt(stated.grade))
        case MagnetNeed():
            return replace(stated, grades=tuple(map(spelt, stated.grades)))
        case _:
            return stated


def magnet_cautions(terms: Offered) -> Iterator[Caution]:
    """What looks odd in magnets that can be true all the same."""
    magnets = terms.magnets
    if magnets is UNSET:
        return
    samarium = any(each.analyte == "Sm" and each.fraction_ppb for each in terms.composition.cells)
    if not samarium and ranked(magnets.grade) is None:
        yield Caution(
            code="magnet_grade_unusual",
            text=f"{magnets.grade} does not look like a grade of NdFeB magnets, such as N42 or N38UH: no "
            "buyer can find it by its grade.",
            pointer="/magnets/grade",
        )
    yield from _packed_cautions(magnets, terms.packaging)
    piece_mg, volume_um3 = _piece_mg(magnets, terms.packaging), _volume_um3(magnets)
    if piece_mg is None or volume_um3 is None:
        return
    expected_mg = volume_um3 * UG_PER_MM3 // (UM_PER_MM**3 * UG_PER_MG)
    if abs(piece_mg - expected_mg) * PPB > expected_mg * APART_PPB:
        yield Caution(
            code="magnet_mass_unlike_size",
            text=f"A {magnets.shape} of this size weighs about {_g_text(expected_mg)} at 7.5 g/cm³, but "
            f"{_g_text(piece_mg)} a piece are stated.",
            pointer="/packaging/package_wet_g" if magnets.mass_mg is UNSET else "/magnets/mass_mg",
        )


def _packed_cautions(magnets: WholeMagnets, packaging: Packaging) -> Iterator[Caution]:
    """A package weighs what its pieces do, to the gram that it is stated in."""
    if magnets.mass_mg is UNSET or packaging.pieces is UNSET:
        return
    pieces_mg = packaging.pieces * magnets.mass_mg
    if abs(packaging.package_wet_g * MG_PER_G - pieces_mg) >= MG_PER_G:
        yield Caution(
            code="package_unlike_pieces",
            text=f"{packaging.pieces} pieces of {_g_text(magnets.mass_mg)} weigh {_g_text(pieces_mg)}, but "
            f"a package is stated with {_g_text(packaging.package_wet_g * MG_PER_G)}. Pieces are "
            "counted by the mass of one.",
            pointer="/packaging/pieces",
        )


def _piece_mg(magnets: WholeMagnets, packaging: Packaging) -> int | None:
    if magnets.mass_mg is not UNSET:
        return magnets.mass_mg
    if packaging.pieces is not UNSET:
        return packaging.package_wet_g * MG_PER_G // packaging.pieces
    return packaging.package_wet_g * MG_PER_G if packaging.unit == "piece" else None


def _volume_um3(magnets: WholeMagnets) -> int | None:
    """None of an arc segment, which can be cut in several ways."""
    size = {each.axis: each.size_um for each in magnets.dimensions}
    match magnets.shape:
        case "block":
            return size["length"] * size["width"] * size["height"]
        case "disc" | "ring":
            across_um2 = size["outer_diameter"] ** 2 - size.get("inner_diameter", 0) ** 2
            over, under = _PI
            return across_um2 * size["height"] * over // (4 * under)
        case _:
            return None


def _g_text(mg: int) -> str:
    return f"{decimal_text(mg, MG_PER_G)} g"


def magnet_reasons(supply: SupplyTerms, requirement: RequirementTerms) -> Iterator[Ineligibility]:
    """Reasons why these magnets do not meet the need; none if the requirement states none."""
    need, offered = requirement.magnets, supply.magnets
    if need is UNSET:
        return
    if offered is UNSET:
        yield Ineligibility(code="magnets_not_stated")
        return
    yield from grade_reasons(need, offered.grade)
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
