"""A supply's material read once: one supply meets many requirements."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from events.market_terms import SupplyTerms
from events.vocabulary import Composition, Denominator, MarketBasis
from market.rules.quantities import DryAnalyte, dry_analytes, supply_kgs_per_basis_kg

SUPPLIES_REMEMBERED = 8_192


@dataclass(frozen=True, slots=True)
class Reading:
    """Not to be changed by its reader. An analyte without a figure has no entry.

    kg_per_basis_kg: of each denominator, None where that cannot be said. ratio_ppb: kg of an analyte per kg
    of basis, rounded down, below detection 0; empty where the material carries no basis.
    """

    analytes: dict[str, DryAnalyte]
    kg_per_basis_kg: dict[Denominator, Fraction | None]
    ratio_ppb: dict[str, int]


def reading_of(terms: SupplyTerms, basis: MarketBasis) -> Reading:
    """Moisture below 100 %."""
    return _reading(terms.composition, terms.moisture_ppb, basis)


@lru_cache(maxsize=SUPPLIES_REMEMBERED)
def _reading(composition: Composition, moisture_ppb: int, basis: MarketBasis) -> Reading:
    analytes = dry_analytes(composition, moisture_ppb)
    kg = supply_kgs_per_basis_kg(basis, moisture_ppb, composition)
    dry_kg = kg["dry"]
    if dry_kg is None:
        return Reading(analytes, kg, {})
    dry, basis_kg = dry_kg.as_integer_ratio()
    return Reading(analytes, kg, {name: found.low_ppb * dry // basis_kg for name, found in analytes.items()})
