"""Warnings about customs: whether CN code and export licence fit the product.

Headings of Annex I to Regulation (EEC) No 2658/87: 2612 uranium and thorium ores (monazite), 2530 other
mineral substances, 2617 other ores, 2805 rare-earth metals, 2846 their compounds, 7202 ferro-alloys, 8505
magnets. Of forms that have a heading of their own; which one scrap and alloys take depends on what they are.
Elements and kinds of goods as in Announcement No. 18 of 2025 of the Ministry of Commerce and the General
Administration of Customs of China, of 4 April 2025.
"""

from collections.abc import Iterator
from typing import Final

from events.refusal import Caution
from events.vocabulary import Composition, ExportLicenceStatus, Place, ProductForm

_COMPOUNDS: Final = ("2846",)
_ORES: Final = ("2530", "2612", "2617")
HEADINGS: Final[dict[ProductForm, tuple[str, ...]]] = {
    "ore": _ORES,
    "concentrate": _ORES,
    "mixed_carbonate": _COMPOUNDS,
    "mixed_oxide": _COMPOUNDS,
    "separated_oxide": _COMPOUNDS,
    "metal": ("2805", "7202"),
    "magnet_block": ("8505",),
    "finished_magnet": ("8505",),
}
CONTROLLED: Final = ("Sm", "Gd", "Tb", "Dy", "Lu", "Sc", "Y")
CONTROLLED_FORMS: Final[frozenset[ProductForm]] = frozenset(
    {
        "mixed_carbonate",
        "mixed_oxide",
        "separated_oxide",
        "metal",
        "strip_cast_alloy",
        "magnet_powder",
        "magnet_block",
        "finished_magnet",
    }
)
ADDED_PPB_MIN: Final = 1_000_000
"""0.1 % of the material: less is an impurity. The announcement names no threshold."""


def customs_cautions(
    form: ProductForm,
    cn_code: str | None,
    place: Place,
    composition: Composition,
    export_licence: ExportLicenceStatus,
) -> Iterator[Caution]:
    """`place`: where the goods are handed over, or brought to."""
    expected = HEADINGS.get(form)
    if cn_code is not None and expected is not None and cn_code[:4] not in expected:
        yield Caution(
            code="cn_code_of_other_goods",
            text=f"{cn_code} belongs to heading {cn_code[:4]}; {form} usually belongs to "
            f"{' or '.join(expected)}.",
            pointer="/cn_code",
        )
    if place.country != "CN" or export_licence != "not_required" or form not in CONTROLLED_FORMS:
        return
    found = [
        cell.analyte
        for cell in composition.cells
        if cell.analyte in CONTROLLED and cell.state == "value" and (cell.fraction_ppb or 0) >= ADDED_PPB_MIN
    ]
    if found:
        yield Caution(
            code="export_licence_usual",
            text=f"{', '.join(found)} in {form} has needed a licence to leave China since 4 April 2025 "
            "(Announcement No. 18 of 2025), but `export_licence` is not_required, which is also its "
            "default.",
            pointer="/export_licence",
        )
