"""Goods agreed by the piece, such as whole magnets for reuse: refusals for the clause, and how a shipped lot
differs from it."""

from collections.abc import Iterator
from typing import Final

from msgspec import UNSET, UnsetType

from contracts.rules.price_terms import round_half_even
from contracts.rules.refusals import GoodsSizesNotOfShape
from events.contract_terms import AgreementTerms, FixedVolume
from events.fractions import decimal_text, percent_text
from events.refusal import Refusal
from events.rex_terms import SHAPE_AXES, AgreedGoods, FoundGoods, MagnetDimension, WholeMagnets
from events.vocabulary import PPB
from events.wellformed import duplicate_refusals

UNSTATED_TOLERANCE_PPB: Final = 100_000_000
"""Tolerance for the contract of a match, which states none: moisture and assay change the basis between offer
and shipment, and the number of pieces with it."""
_UM_PER_MM: Final = 1_000


def clause_refusals(agreed: AgreedGoods | UnsetType) -> Iterator[Refusal]:
    """Pointers are into the terms."""
    if agreed is UNSET:
        return
    yield from duplicate_refusals("/product/goods/rex_routes", agreed.rex_routes)
    magnets = agreed.magnets
    if magnets is UNSET:
        return
    needed = SHAPE_AXES[magnets.shape]
    if sorted(each.axis for each in magnets.dimensions) != sorted(needed):
        yield GoodsSizesNotOfShape(
            pointer="/product/goods/magnets/dimensions", shape=magnets.shape, axes=", ".join(needed)
        )


def unlike_agreed(terms: AgreementTerms, found: FoundGoods | UnsetType, net_wet_g: int) -> tuple[str, ...]:
    """Findings about a lot of `net_wet_g` that differ from the agreement, with both values; what was not
    examined is not judged."""
    agreed = terms.product.goods
    if agreed is UNSET or found is UNSET:
        return ()
    told = list(_pieces(terms, agreed, found, net_wet_g))
    if agreed.condition is not UNSET and found.condition is not UNSET and found.condition > agreed.condition:
        told.append(f"condition:{found.condition}, agreed {agreed.condition}")
    if agreed.magnets is not UNSET:
        told += _magnets(agreed.magnets, found)
    return tuple(told)


def spelt(grade: str) -> str:
    """A grade in the spelling used for comparison: N42SH for n42sh and N42-SH."""
    return "".join(filter(str.isalnum, grade)).upper()


def _pieces(terms: AgreementTerms, agreed: AgreedGoods, found: FoundGoods, net_wet_g: int) -> Iterator[str]:
    if agreed.pieces is UNSET or found.pieces is UNSET:
        return
    volume = terms.volume
    stated_ppb = volume.tolerance_ppb if isinstance(volume, FixedVolume) else 0
    tolerance_ppb = stated_ppb or UNSTATED_TOLERANCE_PPB
    expected = round_half_even(agreed.pieces * net_wet_g, terms.delivery.lot_wet_g)
    if abs(found.pieces - expected) * PPB > expected * tolerance_ppb:
        yield f"pieces:{found.pieces}, agreed {expected} of this mass within {percent_text(tolerance_ppb)}"


def _magnets(agreed: WholeMagnets, found: FoundGoods) -> Iterator[str]:
    if found.grade is not UNSET and spelt(found.grade) != spelt(agreed.grade):
        yield f"grade:{found.grade}, agreed {agreed.grade}"
    if found.shape is not UNSET and found.shape != agreed.shape:
        yield f"shape:{found.shape}, agreed {agreed.shape}"
    if found.coating is not UNSET and found.coating != agreed.coating:
        yield f"coating:{found.coating}, agreed {agreed.coating}"
    if found.flux_ppb is not UNSET and found.flux_ppb < agreed.flux_ppb:
        yield f"flux:{percent_text(found.flux_ppb)}, agreed at least {percent_text(agreed.flux_ppb)}"
    measured = {each.axis: each for each in found.dimensions}
    for each in agreed.dimensions:
        size = measured.get(each.axis)
        if size is not None and not _within(size, each):
            yield f"{each.axis}:{_range_text(size)}, agreed {_range_text(each)}"


def _within(found: MagnetDimension, agreed: MagnetDimension) -> bool:
    farthest_um = abs(found.size_um - agreed.size_um) + found.tolerance_um
    return farthest_um <= agreed.tolerance_um


def _range_text(dimension: MagnetDimension) -> str:
    size = decimal_text(dimension.size_um, _UM_PER_MM)
    if not dimension.tolerance_um:
        return f"{size} mm"
    return f"{size} ± {decimal_text(dimension.tolerance_um, _UM_PER_MM)} mm"
