"""Compares stated figures of oxides, carbonates and ores with what these can contain.

Only new statements are checked, not recorded facts, so audits do not use it.
"""

from contracts.rules.oxides import (
    RICHEST_PPB,
    WHOLE_MOST_PPB,
    WITHOUT_METAL,
    about,
    as_elements,
    least_oxide_ppb,
)
from events.refusal import Refusal
from events.vocabulary import TRADED_OXIDE, Composition, ProductForm, form_text
from market.rules.refusing.material_defects import ElementsOverOxide


def composition_refusals(form: ProductForm, composition: Composition, moisture_ppb: int) -> list[Refusal]:
    """Refusals for a composition with valid cells; a split of TREO is already limited to 105 %."""
    if form not in WITHOUT_METAL or composition.of == "treo":
        return []
    cells = [cell for cell in composition.cells if cell.state == "value" and cell.analyte in RICHEST_PPB]
    elements = [(cell.analyte, cell.fraction_ppb or 0) for cell in cells if cell.reported_as == cell.analyte]
    sum_ppb = sum([cell.fraction_ppb or 0 for cell in cells if cell.reported_as != cell.analyte])
    sum_ppb += sum([least_oxide_ppb(element, fraction_ppb) for element, fraction_ppb in elements])
    sum_ppb += moisture_ppb if composition.basis == "as_received" else 0
    if sum_ppb <= WHOLE_MOST_PPB:
        return []
    return [
        ElementsOverOxide(
            pointer="/composition/cells",
            form=form_text(form),
            sum=about(sum_ppb),
            oxides=", ".join(TRADED_OXIDE[element] for element, _ in elements),
            elements=as_elements(elements),
        )
    ]
