"""Tables by form, basis and element name every word of the vocabulary, or say here that they leave it out."""

from typing import get_args

from contracts.rules.oxides import WITHOUT_METAL
from events.vocabulary import BASIS_ELEMENTS, OXIDES, RARE_EARTHS, TRADED_OXIDE, MarketBasis, ProductForm
from market.rules.orders.materials import WHOLE_MAGNETS
from market.rules.orders.rex import GIVEN_BACK, STANDARD_CEILINGS
from market.rules.references import BASIS_REFERENCE

FORMS = frozenset(get_args(ProductForm))
BASES = frozenset(get_args(MarketBasis))
MAY_HOLD_METAL = {
    "metal", "strip_cast_alloy", "magnet_powder", "magnet_block", "finished_magnet", "swarf", "hard_scrap",
    "eol_magnet", "core", "shred_fraction", "residue",
}  # fmt: skip
NO_GRADES = {
    "ore", "concentrate", "mixed_carbonate", "mixed_oxide", "separated_oxide", "metal", "strip_cast_alloy",
    "magnet_powder", "swarf", "hard_scrap", "shred_fraction", "residue",
}  # fmt: skip
NO_WHOLE_MAGNETS = NO_GRADES | {"core"}


def test_every_basis_has_its_elements_and_its_reference() -> None:
    assert BASES == set(BASIS_ELEMENTS)
    assert BASES == set(BASIS_REFERENCE)


def test_every_form_is_a_compound_or_may_hold_metal() -> None:
    assert FORMS == WITHOUT_METAL | MAY_HOLD_METAL
    assert not WITHOUT_METAL & MAY_HOLD_METAL


def test_every_form_is_graded_for_routes_or_is_not() -> None:
    graded = {each.form for each in STANDARD_CEILINGS}
    assert FORMS == graded | NO_GRADES
    assert graded >= set(GIVEN_BACK)
    assert FORMS == WHOLE_MAGNETS | NO_WHOLE_MAGNETS


def test_every_rare_earth_has_the_oxide_that_it_is_traded_as() -> None:
    assert set(RARE_EARTHS) == set(TRADED_OXIDE)
    assert set(RARE_EARTHS) == {element for element, _ in OXIDES.values()}
