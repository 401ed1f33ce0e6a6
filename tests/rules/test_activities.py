"""Becquerel of thorium and uranium against the mass of them in the same assay."""

import math
from datetime import date

import pytest

from events.market_terms import AcceptedForm
from events.vocabulary import Assay, Cell
from market.rules.orders.activities import (
    MBQ_PER_G,
    activity_cautions,
    radioactive_cautions,
    unbounded_cautions,
)
from market.rules.orders.requirement_drafts import cautions
from market.rules.orders.supplies import stated_cautions
from tests.desk_support import below, cell, need, sample, swarf

ND = cell("Nd", "0.04")
AVOGADRO = 6.02214076e23
SECONDS_OF_YEAR = 365.25 * 86_400


def assay(**activities: int) -> Assay:
    return Assay(laboratory="L", reference="R", sampled_on=date(2026, 1, 1), **activities)


@pytest.mark.parametrize(
    ("element", "half_life_years", "molar_g", "of_element"),
    [("Th", 1.405e10, 232.038, 1.0), ("U", 4.468e9, 238.0508, 0.99275)],
)
def test_activities_follow_from_half_lives(
    element: str, half_life_years: float, molar_g: float, of_element: float
) -> None:
    bq = math.log(2) / (half_life_years * SECONDS_OF_YEAR) * AVOGADRO / molar_g * of_element
    assert math.isclose(bq * 1000, MBQ_PER_G[element][1], rel_tol=1e-3)


@pytest.mark.parametrize(
    ("figure", "activities", "told"),
    [
        (
            cell("Th", "0.2"),
            {"th": 400},
            "0.400 Bq/g of Th-232 is stated, but 0.2 % of Th is about 8.114 Bq/g",
        ),
        (
            cell("U", "0.03"),
            {"u": 200},
            "0.200 Bq/g of U-238 is stated, but 300 ppm of U is about 3.704 Bq/g",
        ),
        (cell("U", "0.0001"), {"u": 400_000_000}, "1 ppm of U is about 0.012 Bq/g"),
        (below("Th", "0.001"), {"th": 500}, "Th below detection is below 0.040 Bq/g"),
        (cell("Th", "0.2"), {"th": 8_000}, None),
        (cell("U", "0.03"), {"u": 1_900}, None),
        (cell("U", "0.00001"), {"u": 2}, None),
        (below("Th", "0.001"), {"th": 1}, None),
        (cell("Th", "0.2"), {"u": 1}, None),
        (cell("U", "0.2"), {}, None),
    ],
)
def test_a_factor_of_two_between_both_is_told(
    figure: Cell, activities: dict[str, int], told: str | None
) -> None:
    stated = {f"{name}_mbq_per_g": mbq_per_g for name, mbq_per_g in activities.items()}
    found = list(activity_cautions(sample(ND, figure), assay(**stated)))
    assert (told is not None) == bool(found)
    for each in found:
        assert told is not None
        assert told in each.text
        assert ("activity_unlike_assay", f"/assay/{next(iter(stated))}") == (each.code, each.pointer)


def test_whoever_offers_is_told() -> None:
    of_lot = sample(cell("Nd", "21"), cell("Pr", "7"), cell("Th", "0.2"))
    lot = swarf(composition=of_lot, assay=assay(th_mbq_per_g=400))
    assert "activity_unlike_assay" in [each.code for each in stated_cautions(lot)]


@pytest.mark.parametrize(
    ("cells", "activities", "told", "pointer"),
    [
        ((), {"th": 1_000, "u": 1_000}, None, ""),
        ((), {"th": 1_001}, "1.001 Bq/g of Th-232: above 1 Bq/g", "/assay/th_mbq_per_g"),
        ((), {"u": 1_001, "th": 2}, "0.002 Bq/g of Th-232, 1.001 Bq/g of U-238: above", "/assay/u_mbq_per_g"),
        ((cell("Th", "5.45"),), {}, "221.106 Bq/g of Th-232: above 1 Bq/g", "/composition/cells"),
        ((cell("Th", "0.02"),), {}, None, ""),
        ((below("Th", "0.1"),), {}, None, ""),
        ((cell("Th", "5"),), {"th": 900}, None, ""),
    ],
)
def test_radioactive_goods_are_told_from_1_bq_per_g_on(
    cells: tuple[Cell, ...], activities: dict[str, int], told: str | None, pointer: str
) -> None:
    stated = {f"{name}_mbq_per_g": mbq_per_g for name, mbq_per_g in activities.items()}
    found = list(radioactive_cautions(sample(ND, *cells), assay(**stated)))
    assert ([] if told is None else [("radioactive_material", pointer)]) == [
        (each.code, each.pointer) for each in found
    ]
    assert told is None or told in found[0].text


@pytest.mark.parametrize(("u_mbq_per_g", "carried"), [(4_000, False), (4_001, True)])
def test_both_nuclides_together_make_it_class_7(u_mbq_per_g: int, carried: bool) -> None:
    (told,) = radioactive_cautions(sample(ND), assay(th_mbq_per_g=6_000, u_mbq_per_g=u_mbq_per_g))
    assert carried == ("class 7" in told.text)


def test_a_requirement_of_minerals_without_a_limit_is_told() -> None:
    assert [] == list(unbounded_cautions(["separated_oxide", "swarf"], None, None))
    assert [] == list(unbounded_cautions(["concentrate"], 1, 1))
    (both,) = unbounded_cautions(["swarf", "ore"], None, None)
    assert ("activity_unbounded", "/th_max_mbq_per_g") == (both.code, both.pointer)
    assert "Without th_max_bq_per_g and u_max_bq_per_g any activity of ore fits" in both.text
    (one,) = unbounded_cautions(["residue"], 1, None)
    assert "/u_max_mbq_per_g" == one.pointer
    assert [] == list(cautions(need()))
    assert ["activity_unbounded"] == [each.code for each in cautions(need(forms=(AcceptedForm(form="ore"),)))]
