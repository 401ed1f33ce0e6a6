"""Warnings about a submitted assay: figures that look like a wrong unit or a wrong cell."""

from collections.abc import Iterator
from typing import Final

from contracts.rules.delivery import Delivery
from contracts.rules.materials import figures
from events.contract_terms import AgreementTerms
from events.delivery_events import AssayLodged
from events.fractions import ppb_text
from events.refusal import Caution
from events.vocabulary import BASIS_ELEMENTS, OXIDES, PPB, TRADED_OXIDE

FAR_LIMITS: Final = 10
"""Distance from the stated figure, in splitting limits."""
FAR_FACTOR: Final = 2
NEAR_PART: Final = 100
ANEW: Final = "Until the other side has submitted its own assay, you can submit yours again."


def assay_cautions(terms: AgreementTerms, delivery: Delivery, fact: AssayLodged) -> Iterator[Caution]:
    """`terms` are those of the day of shipment; compared with the figures that the seller stated at shipment,
    which both sides know."""
    stated = figures(delivery.shipped.stated)
    limits = {each.analyte: each.limit_ppb for each in terms.assay.splitting}
    payable = BASIS_ELEMENTS[terms.product.basis]
    for place, each in enumerate(fact.results):
        pointer = f"/results/{place}/fraction"
        before_ppb, limit_ppb = stated.get(each.analyte, 0), limits.get(each.analyte, 0)
        if each.fraction_ppb == 0 and each.analyte in payable:
            yield Caution(
                code="result_zero",
                text=f"No {each.analyte} is reported, for which the price is paid, and "
                f"{ppb_text(before_ppb)} was stated. {ANEW}",
                pointer=pointer,
            )
        elif _of_oxide(each.analyte, each.fraction_ppb, before_ppb, limit_ppb):
            yield Caution(
                code="result_as_oxide",
                text=f"{each.analyte} {ppb_text(each.fraction_ppb)} is reported and {ppb_text(before_ppb)} "
                f"was stated, which is the same amount {TRADED_OXIDE[each.analyte]}. Results are of "
                f"elements: state those, or name the oxide in `reported_as`. {ANEW}",
                pointer=pointer,
            )
        elif _far(each.fraction_ppb, before_ppb, limit_ppb, paid=each.analyte in payable):
            yield Caution(
                code="result_far_from_stated",
                text=f"{each.analyte} {ppb_text(each.fraction_ppb)} is reported, {ppb_text(before_ppb)} was "
                f"stated; the splitting limit is {ppb_text(limit_ppb)}. 1 % is 10,000 ppm: check the "
                f"unit. {ANEW}",
                pointer=pointer,
            )


def _of_oxide(analyte: str, lodged_ppb: int, stated_ppb: int, limit_ppb: int) -> bool:
    """Whether it is the stated figure as oxide, and too far from it for the other side."""
    if analyte not in TRADED_OXIDE or abs(lodged_ppb - stated_ppb) <= limit_ppb:
        return False
    as_element_ppb = lodged_ppb * OXIDES[TRADED_OXIDE[analyte]][1] // PPB
    return abs(as_element_ppb - stated_ppb) <= max(limit_ppb, stated_ppb // NEAR_PART)


def _far(lodged_ppb: int, stated_ppb: int, limit_ppb: int, *, paid: bool) -> bool:
    """Whether a figure is far from the stated one; traces that are not paid for vary a lot."""
    apart_ppb = abs(lodged_ppb - stated_ppb)
    least, most = sorted((lodged_ppb, stated_ppb))
    if apart_ppb <= limit_ppb:
        return paid and most > FAR_FACTOR * least
    return apart_ppb > FAR_LIMITS * limit_ppb or most > FAR_FACTOR * least
