"""What an offer is told of its CN code and of the licence for its export."""

from typing import Any, get_args

import pytest

from events.vocabulary import Cell, Composition, Place, ProductForm
from market.rules.orders.customs import ADDED_PPB_MIN, HEADINGS, customs_cautions

CHINA = Place(country="CN", name="Shanghai")


def told(form: ProductForm, cn_code: str | None = None, **changes: Any) -> list[tuple[str, str]]:
    cell = {"analyte": "Dy", "reported_as": "Dy", "state": "value", "fraction_ppb": ADDED_PPB_MIN}
    cell |= {name: value for name, value in changes.items() if name in cell}
    made = Composition(basis="dry", of="sample", cells=(Cell(**cell),))  # type: ignore[arg-type]
    place = changes.get("place", Place(country="FR", name="La Rochelle"))
    licence = changes.get("export_licence", "not_required")
    return [(each.code, each.pointer) for each in customs_cautions(form, cn_code, place, made, licence)]


@pytest.mark.parametrize(
    ("form", "code", "other"),
    [
        ("separated_oxide", "28469090", False),
        ("separated_oxide", "02031110", True),
        ("separated_oxide", "85051110", True),
        ("finished_magnet", "85051110", False),
        ("finished_magnet", "28469090", True),
        ("metal", "28053029", False),
        ("metal", "72029980", False),
        ("concentrate", "25309070", False),
        ("swarf", "02031110", False),
        ("separated_oxide", None, False),
    ],
)
def test_a_code_is_of_the_heading_of_its_form(form: ProductForm, code: str | None, other: bool) -> None:
    assert ([("cn_code_of_other_goods", "/cn_code")] if other else []) == told(form, code)


def test_every_heading_is_of_a_form_that_there_is() -> None:
    assert set(get_args(ProductForm)) >= set(HEADINGS)
    assert {4} == {len(heading) for headings in HEADINGS.values() for heading in headings}


def test_what_leaves_china_with_a_licence_is_told_unless_one_is_stated() -> None:
    usual = [("export_licence_usual", "/export_licence")]
    assert usual == told("separated_oxide", place=CHINA)
    for licence in ("pending", "granted"):
        assert [] == told("separated_oxide", place=CHINA, export_licence=licence)
    assert [] == told("separated_oxide")
    assert [] == told("separated_oxide", place=CHINA, analyte="Nd")
    assert [] == told("separated_oxide", place=CHINA, fraction_ppb=ADDED_PPB_MIN - 1)
    assert [] == told("separated_oxide", place=CHINA, state="below_detection")
    assert [] == told("concentrate", place=CHINA)
