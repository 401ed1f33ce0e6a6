"""What a transformation is told of each element: came in, went out, was lost, and where that is much."""

from datetime import date
from uuid import UUID

import pytest

from events.material_events import PassportTransformed
from events.passport_terms import BatchPart, ElementLoss, ElementMass
from events.vocabulary import PPB
from market.rules.passports.yields import ElementYield, element_yields


def part(*masses: tuple[str, int, int]) -> BatchPart:
    elements = tuple(
        ElementMass(element=element, mass_mg=mass_mg, below_detection_mg=below_mg)
        for element, mass_mg, below_mg in masses
    )
    return BatchPart(passport=UUID(int=1), net_wet_g=1_000, elements=elements)


def test_masses_of_an_element_add_up_over_the_parts() -> None:
    fact = PassportTransformed(
        transformation=UUID(int=2),
        organisation=UUID(int=3),
        facility=UUID(int=4),
        stage="recycling",
        transformed_on=date(2026, 3, 2),
        custody="mass_balance",
        tolerance_ppm=0,
        inputs=(part(("Co", 10, 0), ("Nd", 500, 7)), part(("Nd", 300, 20), ("Dy", 0, 4))),
        outputs=(part(("Nd", 400, 0)), part(("Nd", 101, 0), ("Pr", 3, 0))),
        losses=(ElementLoss(element="Nd", mass_mg=299), ElementLoss(element="B", mass_mg=5)),
    )
    assert [
        ("Pr", 0, 0, 3, 0),
        ("Nd", 800, 27, 501, 299),
        ("Dy", 0, 4, 0, 0),
        ("B", 0, 0, 0, 5),
        ("Co", 10, 0, 0, 0),
    ] == [
        (each.element, each.in_mg, each.below_detection_mg, each.out_mg, each.lost_mg)
        for each in element_yields(fact)
    ]


def of_element(in_mg: int, below_detection_mg: int, out_mg: int, lost_mg: int) -> ElementYield:
    return ElementYield(
        element="Nd", in_mg=in_mg, below_detection_mg=below_detection_mg, out_mg=out_mg, lost_mg=lost_mg
    )


def test_a_yield_is_what_went_out_of_what_was_measured() -> None:
    assert 626_250_000 == of_element(800, 27, 501, 299).yield_ppb
    assert PPB == of_element(1, 0, 1, 0).yield_ppb
    assert None is of_element(0, 4, 1, 0).yield_ppb


@pytest.mark.parametrize(
    ("lost_mg", "unusual"), [(200, False), (201, True)], ids=["a fifth", "more than a fifth"]
)
def test_more_than_a_fifth_lost_is_unusual_of_all_that_may_have_come_in(lost_mg: int, unusual: bool) -> None:
    assert unusual == of_element(990, 10, 0, lost_mg).loss_unusual
