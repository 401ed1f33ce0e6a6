"""Upper bounds for figures of oxides, carbonates and ores: they contain no metal, so the rare earths,
converted to oxides, cannot exceed the whole. Figures of oxides that were entered as elements exceed it, since
their oxygen is counted twice."""

from collections.abc import Iterable, Sequence
from typing import Final

from contracts.rules.delivery_refusals import ResultsOverOxide
from contracts.rules.price_terms import divide
from events.contract_terms import AnalyteResult
from events.fractions import percent_text
from events.refusal import Refusal
from events.vocabulary import OXIDES, PPB, RARE_EARTHS, TRADED_OXIDE, ProductForm, form_text

WITHOUT_METAL: Final[frozenset[ProductForm]] = frozenset(
    {"ore", "concentrate", "mixed_carbonate", "mixed_oxide", "separated_oxide"}
)
RICHEST_PPB: Final[dict[str, int]] = {
    element: max(metal_ppb for of, metal_ppb in OXIDES.values() if of == element) for element in RARE_EARTHS
}
"""Rare earth → metal in the oxide with the highest metal share."""
WHOLE_MOST_PPB: Final = 1_050_000_000
"""The whole, plus the errors of laboratories."""
SHOWN_PPB: Final = 10_000


def result_refusals(form: ProductForm, results: Sequence[AnalyteResult], pointer: str) -> list[Refusal]:
    """Refusals for figures of a dry sample, stated as elements."""
    if form not in WITHOUT_METAL:
        return []
    figures = [(each.analyte, each.fraction_ppb) for each in results if each.analyte in RICHEST_PPB]
    sum_ppb = sum(least_oxide_ppb(element, fraction_ppb) for element, fraction_ppb in figures)
    if sum_ppb <= WHOLE_MOST_PPB:
        return []
    return [
        ResultsOverOxide(
            pointer=pointer, form=form_text(form), sum=about(sum_ppb), elements=as_elements(figures)
        )
    ]


def least_oxide_ppb(element: str, fraction_ppb: int) -> int:
    return fraction_ppb * PPB // RICHEST_PPB[element]


def as_elements(figures: Iterable[tuple[str, int]]) -> str:
    """The figures as elements, if they were of traded oxides."""
    return ", ".join(
        f"{element} {about(fraction_ppb * OXIDES[TRADED_OXIDE[element]][1] // PPB)}"
        for element, fraction_ppb in figures
    )


def about(ppb: int) -> str:
    return percent_text(divide(ppb, SHOWN_PPB, "down") * SHOWN_PPB)
