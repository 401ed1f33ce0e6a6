"""Exact contained masses of elements: integers in 1/SCALE_PER_MG milligrams, rounded only for display."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contracts.rules.price_terms import Rounding, divide
from events.fractions import decimal_text
from events.market_terms import SupplyTerms
from events.passport_terms import ElementMass, PassportContent
from events.vocabulary import PPB, RARE_EARTHS
from market.rules.quantities import SHARE_SCALE, figure_shares

BALANCED: tuple[str, ...] = (*RARE_EARTHS, "B", "Ni", "Co")
"""Rare earths and what CRMA Article 29 counts besides them. Oxygen, iron and reagents come from outside."""
MG_PER_G = 1_000
SCALE_PER_MG = SHARE_SCALE * PPB // MG_PER_G


class Contained(NamedTuple):
    """Between `least` and `most`, over SCALE_PER_MG; they differ where an assay found less than its limit."""

    least: int
    most: int


def contained(content: PassportContent | SupplyTerms, net_wet_g: int) -> dict[str, Contained]:
    """Balanced elements with a figure in `net_wet_g` of the material; what was not measured is absent."""
    composition = content.composition
    part = PPB - content.moisture_ppb if composition.basis == "dry" else PPB
    masses = {}
    for element, (share, below) in figure_shares(composition).items():
        if element in BALANCED:
            whole = net_wet_g * share * part
            masses[element] = Contained(least=0 if below else whole, most=whole)
    return masses


def summed(parts: Iterable[Mapping[str, Contained]]) -> dict[str, Contained]:
    """Elements in the order of BALANCED."""
    least: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for part in parts:
        for element, mass in part.items():
            least[element] += mass.least
            most[element] += mass.most
    return {each: Contained(least[each], most[each]) for each in BALANCED if each in most}


def in_mg(scaled: int, rounding: Rounding) -> int:
    return divide(scaled, SCALE_PER_MG, rounding)


def shown(masses: Mapping[str, Contained]) -> tuple[ElementMass, ...]:
    """As the record holds them, rounded down to milligrams."""
    return tuple(
        ElementMass(
            element=element,
            mass_mg=in_mg(masses[element].least, "down"),
            below_detection_mg=in_mg(masses[element].most, "down") - in_mg(masses[element].least, "down"),
        )
        for element in BALANCED
        if element in masses
    )


def grams_text(scaled: int) -> str:
    """Exact to a milligram, rounded down."""
    return decimal_text(in_mg(scaled, "down"), MG_PER_G)
