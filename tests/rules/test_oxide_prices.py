"""Which oxides an ask is per: those that a market counts, or all rare-earth oxides that a lot holds."""

import math
from fractions import Fraction

from msgspec.structs import replace

from events.market_events import SupplyOffered
from events.market_terms import SupplyTerms
from events.vocabulary import RARE_EARTHS, Composition, PriceUnit, StatedPrice
from market.rules.orders import offers
from market.rules.orders.supplies import SupplyDraft, stated_cautions
from tests.desk_support import (
    MILLION,
    TERMS,
    below,
    blotter,
    cell,
    facts,
    moment,
    post_supply,
    posting,
    refusals,
    sample,
    split,
    swarf,
)

REST = cell("La", "30", "La2O3"), cell("Ce", "49.5", "CeO2")
CARBONATE = split("60", cell("Nd", "16", "Nd2O3"), cell("Pr", "4.5", "Pr6O11"), *REST)


def euro(amount_micro: int, per: PriceUnit) -> StatedPrice:
    return StatedPrice(amount_micro=amount_micro, currency="EUR", per=per)


def carbonate(ask: StatedPrice, composition: Composition = CARBONATE) -> SupplyDraft:
    return swarf(form="mixed_carbonate", moisture_ppb=0, ask=ask, composition=composition)


def posted_ask(draft: SupplyDraft) -> SupplyTerms:
    (fact,) = facts(offers.post(posting(), post_supply(draft), moment()))
    assert isinstance(fact, SupplyOffered)
    return fact.terms


def test_a_carbonate_is_priced_per_kilogram_of_all_its_rare_earth_oxides() -> None:
    """9 EUR per kg REO: a tonne holds 600 kg of it, 5,400 EUR, and 600 x (0.16 x 0.8574 + 0.045 x 0.8277) kg
    of Nd and Pr."""
    terms = posted_ask(carbonate(euro(9 * MILLION, "reo")))
    ndpr_kg = 600 * (Fraction("0.16") * Fraction("0.8574") + Fraction("0.045") * Fraction("0.8277"))
    assert math.ceil(5_400 / ndpr_kg * MILLION) == terms.ask.ueur_per_kg
    assert 51_596_000 == terms.ask.ueur_per_kg // 1_000 * 1_000
    assert () == stated_cautions(terms)


def test_per_oxide_of_what_holds_other_rare_earths_is_told_with_both_figures() -> None:
    (found,) = stated_cautions(posted_ask(carbonate(euro(9 * MILLION, "oxide"))))
    assert ("oxide_of_basis_alone", "/ask/per") == (found.code, found.pointer)
    assert "and is 10.577279 EUR/kg of basis" in found.text
    assert "would be about 51.6 EUR/kg of basis" in found.text
    nearly_pure = split("60", cell("Nd", "75", "Nd2O3"), cell("Pr", "16", "Pr6O11"), cell("La", "9", "La2O3"))
    assert () == stated_cautions(posted_ask(carbonate(euro(9 * MILLION, "oxide"), composition=nearly_pure)))
    of_sample = sample(cell("Nd", "9.6", "Nd2O3"), cell("Pr", "2.7", "Pr6O11"), cell("La", "18", "La2O3"))
    (least,) = stated_cautions(posted_ask(carbonate(euro(9 * MILLION, "oxide"), composition=of_sample)))
    assert "would be at least 26.06 EUR/kg of basis" in least.text


def test_per_reo_names_what_the_composition_does_not_state() -> None:
    known = (cell("Nd", "9.6", "Nd2O3"), cell("Pr", "2.7", "Pr6O11"))
    others = [each for each in RARE_EARTHS if each not in ("Nd", "Pr", "Sc")]
    all_but_one = [cell(each, "0.01") for each in others[:-1]]
    open_ones = carbonate(euro(9 * MILLION, "reo"), composition=sample(*known, *all_but_one))
    (found,) = refusals(lambda: offers.post(posting(), post_supply(open_ones), moment()))
    assert ("rare_earth_oxides_unstated", "/ask/per") == (found.code, found.pointer)
    assert found.detail().endswith("or a figure for Y.")
    whole = sample(*known, *all_but_one, below("Y", "0.001"))
    assert [] == blotter(
        lambda: offers.post(posting(), post_supply(replace(open_ones, composition=whole)), moment())
    )
    magnets = swarf(form="eol_magnet", moisture_ppb=0, ask=euro(MILLION, "reo"))
    assert [("denominator_not_convertible", "/ask/per")] == blotter(
        lambda: offers.post(
            posting(terms=replace(TERMS, basis="ndfeb-reuse")), post_supply(magnets), moment()
        )
    )
