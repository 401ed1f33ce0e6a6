"""Becquerel of thorium and uranium against the mass of them in the same assay."""

import math
from datetime import date

import pytest

from events.vocabulary import Assay, Cell
from market.rules.orders.activities import MBQ_PER_G, activity_cautions
from market.rules.orders.supplies import stated_cautions
from tests.desk_support import below, cell, sample, swarf

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
            "0.400 Bq/g of Th-232 is stated, and 0.2 % of Th is about 8.114 Bq/g",
        ),
        (
            cell("U", "0.03"),
            {"u": 200},
            "0.200 Bq/g of U-238 is stated, and 300 ppm of U is about 3.704 Bq/g",
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
