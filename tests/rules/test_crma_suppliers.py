"""The supplier map: who says where each part of an element comes from, and who does not."""

from uuid import UUID

from msgspec.structs import replace

from events.origin_terms import StagePath, StepTaken
from events.passport_terms import OriginShare
from events.vocabulary import PPB, ProductForm
from market.rules.crma.suppliers import Bought, supplier_map
from market.rules.crma.taken import Taken
from tests.rules.test_crma import MAKER, MINE, REFINER, origin

LOT = UUID(int=11)


def bought(seller: object, *where: OriginShare) -> Bought:
    taken = Taken(seller=seller, buyer=MAKER, elements={"Nd": 1_001, "Dy": 0}, origin=where, documented=True)  # type: ignore[arg-type]
    return Bought(taken=taken, source="passport", reference=LOT)


def test_what_is_not_answered_stands_as_such_and_recycling_is_no_question() -> None:
    found = supplier_map([bought(REFINER, origin("extraction", "AU", 100), origin("processing", "EE", 60))])
    assert [
        ("extraction", "AU", PPB, 1_001),
        ("processing", "EE", 600_000_000, 600),
        ("processing", None, 400_000_000, 400),
    ] == [(each.stage, each.country, each.share_ppb, each.mass_mg) for each in found]
    assert {(REFINER.organisation, "Nd", LOT)} == {
        (each.supplier, each.element, each.reference) for each in found
    }


def test_suppliers_come_in_their_order_with_sites_as_far_as_they_are_shown() -> None:
    found = supplier_map([bought(REFINER, origin("recycling", "FR", 100)), bought(MINE)])
    assert [MINE.organisation] * 2 + [REFINER.organisation] * 3 == [each.supplier for each in found]
    assert ("FR", "a site") == (found[-1].country, found[-1].site)


def test_steps_before_the_last_stand_beside_it() -> None:
    steps = tuple(StepTaken(country=country, form="metal") for country in ("CN", "EE"))
    paths = (
        StagePath(stage="processing", share_ppm=600_000, steps=steps),
        StagePath(stage="processing", share_ppm=400_000, steps=steps[1:], untold=True),
    )
    lot = bought(REFINER, origin("extraction", "AU", 100), origin("processing", "EE", 100))
    found = supplier_map([replace(lot, taken=replace(lot.taken, paths=paths))])
    assert [
        ("extraction", "AU", PPB, 1_001, None),
        ("processing", "EE", PPB, 1_001, None),
        ("processing", "CN", 600_000_000, 600, "metal"),
    ] == [(each.stage, each.country, each.share_ppb, each.mass_mg, each.before) for each in found]


def test_a_step_before_the_last_stands_beside_a_last_step_of_its_country() -> None:
    steps = tuple(StepTaken(country=country, form="metal") for country in ("CN", "EE"))
    paths = (
        StagePath(stage="processing", share_ppm=600_000, steps=steps),
        StagePath(stage="processing", share_ppm=400_000, steps=steps[:1]),
    )
    lot = bought(REFINER, origin("processing", "EE", 60), origin("processing", "CN", 40))
    found = supplier_map([replace(lot, taken=replace(lot.taken, paths=paths))])
    assert [("EE", 600, None), ("CN", 400, None), ("CN", 600, "metal")] == [
        (each.country, each.mass_mg, each.before) for each in found if each.stage == "processing"
    ]


def test_a_country_that_a_part_went_through_twice_has_its_mass_once() -> None:
    forms: tuple[ProductForm, ...] = ("separated_oxide", "metal", "strip_cast_alloy")
    oxide, of_metal, alloy = (StepTaken(country="CN", form=form) for form in forms)
    paths = (
        StagePath(
            stage="processing",
            share_ppm=600_000,
            steps=(oxide, of_metal, StepTaken(country="EE", form="strip_cast_alloy")),
        ),
        StagePath(stage="processing", share_ppm=400_000, steps=(oxide, of_metal, alloy)),
    )
    lot = bought(REFINER, origin("processing", "EE", 60), origin("processing", "CN", 40))
    found = supplier_map([replace(lot, taken=replace(lot.taken, paths=paths))])
    assert [("EE", 600, None), ("CN", 400, None), ("CN", 600, "separated_oxide")] == [
        (each.country, each.mass_mg, each.before) for each in found if each.stage == "processing"
    ]
