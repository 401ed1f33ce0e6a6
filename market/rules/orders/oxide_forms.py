"""What oxides, carbonates and ores can hold: nothing in them is metal, so that as oxides the rare earths are
part of the whole. Figures of oxides that were entered as elements pass it by the oxygen counted twice.

Asked of what is stated now; facts that stand are not judged by it, so no audit asks.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from contracts.rules.price_terms import divide
from events.contract_terms import AnalyteResult
from events.fractions import percent_text
from events.refusal import Refusal
from events.vocabulary import OXIDES, PPB, RARE_EARTHS, TRADED_OXIDE, Composition, ProductForm, form_text
from market.rules.orders.materials import WHOLE_MOST_PPB
from market.rules.refusing.defects import ElementsOverOxide, ResultsOverOxide

WITHOUT_METAL: frozenset[ProductForm] = frozenset(
    {"ore", "concentrate", "mixed_carbonate", "mixed_oxide", "separated_oxide"}
)
RICHEST_PPB: dict[str, int] = {
    element: max(metal_ppb for of, metal_ppb in OXIDES.values() if of == element) for element in RARE_EARTHS
}
"""Rare earth → metal in the oxide of it that holds the most."""
SHOWN_PPB = 10_000


class _Figure(Struct, frozen=True):
    """A rare earth that was measured, as a share of the sample; `oxide` where it was reported as one."""

    element: str
    fraction_ppb: int
    oxide: bool

    @property
    def least_oxide_ppb(self) -> int:
        return self.fraction_ppb if self.oxide else self.fraction_ppb * PPB // RICHEST_PPB[self.element]


def composition_refusals(form: ProductForm, composition: Composition, moisture_ppb: int) -> list[Refusal]:
    """Of a composition whose cells are not refused; a split of TREO is held against 105 % already."""
    if form not in WITHOUT_METAL or composition.of == "treo":
        return []
    figures = [
        _Figure(cell.analyte, cell.fraction_ppb or 0, cell.reported_as != cell.analyte)
        for cell in composition.cells
        if cell.state == "value" and cell.analyte in RICHEST_PPB
    ]
    water_ppb = moisture_ppb if composition.basis == "as_received" else 0
    sum_ppb = _sum_ppb(figures) + water_ppb
    if sum_ppb <= WHOLE_MOST_PPB:
        return []
    elements = [figure for figure in figures if not figure.oxide]
    return [
        ElementsOverOxide(
            pointer="/composition/cells",
            form=form_text(form),
            sum=_about(sum_ppb),
            oxides=", ".join(TRADED_OXIDE[figure.element] for figure in elements),
            elements=_as_elements(elements),
        )
    ]


def result_refusals(form: ProductForm, results: Sequence[AnalyteResult], pointer: str) -> list[Refusal]:
    """Of figures of a dry sample, which count as elements."""
    if form not in WITHOUT_METAL:
        return []
    figures = [
        _Figure(each.analyte, each.fraction_ppb, oxide=False)
        for each in results
        if each.analyte in RICHEST_PPB
    ]
    sum_ppb = _sum_ppb(figures)
    if sum_ppb <= WHOLE_MOST_PPB:
        return []
    return [
        ResultsOverOxide(
            pointer=pointer, form=form_text(form), sum=_about(sum_ppb), elements=_as_elements(figures)
        )
    ]


def _sum_ppb(figures: Iterable[_Figure]) -> int:
    return sum(figure.least_oxide_ppb for figure in figures)


def _as_elements(figures: Iterable[_Figure]) -> str:
    """What the figures come to if they are of traded oxides."""
    return ", ".join(
        f"{figure.element} {_about(figure.fraction_ppb * OXIDES[TRADED_OXIDE[figure.element]][1] // PPB)}"
        for figure in figures
    )


def _about(ppb: int) -> str:
    return percent_text(divide(ppb, SHOWN_PPB, "down") * SHOWN_PPB)
