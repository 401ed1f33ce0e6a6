"""A supply's material, read once for all requirements that it meets."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from events.market_terms import SupplyTerms
from events.vocabulary import Composition, Denominator, MarketBasis
from market.rules.quantities import DryAnalyte, dry_analytes, kg_per_basis_kg, supply_kg_per_basis_kg

SUPPLIES_REMEMBERED = 8_192


@dataclass(frozen=True, slots=True)
class Reading:
    """Not to be changed by its reader. An analyte without a figure has no entry.

    kg_per_basis_kg: of each denominator, None where that cannot be said. ratio_ppb: kg of an analyte per kg
    of basis, rounded down, below detection 0; empty where the material carries no basis.
    """

    analytes: dict[str, DryAnalyte]
    kg_per_basis_kg: Mapping[Denominator, Fraction | None]
    ratio_ppb: dict[str, int]


class _KgPerBasisKg(dict[Denominator, Fraction | None]):
    """Each denominator reckoned when it is first asked for: a pair is paid by two of them at most."""

    def __init__(self, composition: Composition, moisture_ppb: int, basis: MarketBasis) -> None:
        super().__init__()
        self._material = basis, moisture_ppb, composition

    def __missing__(self, per: Denominator) -> Fraction | None:
        found = self[per] = supply_kg_per_basis_kg(per, *self._material)
        return found


def reading_of(terms: SupplyTerms, basis: MarketBasis) -> Reading:
    """Moisture below 100 %."""
    return _reading(terms.composition, terms.moisture_ppb, basis)


@lru_cache(maxsize=SUPPLIES_REMEMBERED)
def _reading(composition: Composition, moisture_ppb: int, basis: MarketBasis) -> Reading:
    analytes = dry_analytes(composition, moisture_ppb)
    kg = _KgPerBasisKg(composition, moisture_ppb, basis)
    dry_kg = kg_per_basis_kg("dry", basis, moisture_ppb, composition)
    if dry_kg is None:
        return Reading(analytes, kg, {})
    dry, basis_kg = dry_kg
    return Reading(analytes, kg, {name: found.low_ppb * dry // basis_kg for name, found in analytes.items()})
