"""Warnings about prices per kg of oxide: only of the elements that the market counts, or of all rare-earth
oxides."""

from collections.abc import Iterator

from contracts.rules.price_terms import round_half_even
from events.fractions import decimal_text
from events.market_terms import SupplyTerms
from events.refusal import Caution
from events.vocabulary import MICRO, PPB
from market.rules.quantities import OXIDE_SCALE, reo_unstated, stated_reo
from market.rules.refusing.ineligibility import eur_per_kg_text

CENTS, UEUR_PER_CENT = 100, 10_000
OTHERS_TOLD_PPB = 100_000_000
"""Share of other rare earths in all rare-earth oxides above which the two prices differ enough for a
warning."""


def oxide_price_cautions(terms: SupplyTerms) -> Iterator[Caution]:
    """Warns about an ask per kg of oxide if the same amount per kg of all rare-earth oxides would be a
    different price."""
    stated = terms.ask.stated
    if stated.per != "oxide" or terms.basis_g == 0:
        return
    counted, of_all = terms.ask.ueur_per_kg, _ueur_per_basis_kg_of_reo(terms)
    if abs(counted) * PPB >= abs(of_all) * (PPB - OTHERS_TOLD_PPB):
        return
    near = "at least" if reo_unstated(terms.composition) else "about"
    yield Caution(
        code="oxide_of_basis_alone",
        text="A price per kg of oxide refers only to the oxides of what this market counts, and is "
        f"{eur_per_kg_text(counted)} of basis. The lot holds other rare earths: the same amount per kg "
        f"of all rare-earth oxides (reo) would be {near} "
        f"{decimal_text(round_half_even(of_all, UEUR_PER_CENT), CENTS)} EUR/kg of basis.",
        pointer="/ask/per",
    )


def _ueur_per_basis_kg_of_reo(terms: SupplyTerms) -> int:
    of_wet = PPB - terms.moisture_ppb if terms.composition.basis == "dry" else PPB
    rate = MICRO if terms.ask.fx is None else terms.ask.fx.value_micro
    amount = terms.ask.stated.amount_micro * rate * terms.net_wet_g * of_wet * stated_reo(terms.composition)
    return round_half_even(amount, MICRO * PPB * OXIDE_SCALE * terms.basis_g)
