"""Figures of a lot as they are handed in: of elements, or of oxides, counted as the element in them."""

from collections.abc import Iterable

from contracts.rules.price_terms import round_half_even
from events.analytes import reported_names
from events.contract_terms import AnalyteResult
from events.refusal import Refusal, refuse
from events.vocabulary import PPB, REPORTED
from market.http.orders.composition import Fraction, to_ppb, unit_of
from market.http.wire.material import Body
from market.rules.refusing.material_defects import OxideNotOfElement, OxideUnknown
from market.rules.refusing.wording import Code


class ReportedResult(Body, frozen=True, kw_only=True):
    """An analyte in the dry sample: as element, or as the oxide named in `reported_as`, which is converted to
    the element."""

    analyte: Code
    reported_as: Code | None = None
    fraction: Fraction


def results_of(reported: Iterable[ReportedResult], pointer: str) -> tuple[AnalyteResult, ...]:
    """As elements, half to even. Raises Refusals for what is no oxide, or one of another element."""
    refused: list[Refusal] = []
    found: list[AnalyteResult] = []
    for index, each in enumerate(reported):
        ppb, oxide = to_ppb(each.fraction), each.reported_as
        if oxide is not None and oxide != each.analyte:
            place = f"{pointer}/{index}/reported_as"
            element, metal_ppb = REPORTED.get(oxide, (None, PPB))
            if element is None:
                known = reported_names(each.analyte)
                refused.append(
                    OxideUnknown(pointer=place, reported_as=oxide, analyte=each.analyte, known=known)
                )
            elif element != each.analyte:
                refused.append(
                    OxideNotOfElement(pointer=place, reported_as=oxide, element=element, analyte=each.analyte)
                )
            ppb = round_half_even(ppb * metal_ppb, PPB)
        found.append(AnalyteResult(analyte=each.analyte, fraction_ppb=ppb, unit=unit_of(each.fraction)))
    refuse(refused)
    return tuple(found)
