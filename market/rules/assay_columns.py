"""What supplies' assays say of the analytes that somebody asks for, as columns; `readings` says it of one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from events.market_terms import SupplyTerms
from events.vocabulary import INTEGER_MAX, Composition, Denominator, MarketBasis
from market.rules.assignment_problem import Int64s
from market.rules.columns import BEYOND
from market.rules.eligibility import carries_treo
from market.rules.exact_floors import Ratio
from market.rules.quantities import dry_scale, figure_shares, kg_per_basis_kg, purity_ppb

NO_FIGURE = -1


@dataclass(frozen=True, eq=False, slots=True)
class AssayColumns:
    """Row `row[analyte]` of each table, one column a supply.

    low_ppb, high_ppb: of the dry sample, rounded outwards; NO_FIGURE and BEYOND where there is no figure.
    ratio_ppb: kg per kg of basis, rounded down, at most INTEGER_MAX; 0 where there is none.
    """

    row: dict[str, int]
    low_ppb: Int64s
    high_ppb: Int64s
    ratio_ppb: Int64s


def assay_columns(
    terms: Sequence[SupplyTerms], basis: MarketBasis, analytes: Collection[str]
) -> AssayColumns:
    row = {analyte: place for place, analyte in enumerate(analytes)}
    low = np.full((len(row), len(terms)), NO_FIGURE, dtype=np.int64)
    high = np.full((len(row), len(terms)), BEYOND, dtype=np.int64)
    ratio = np.zeros((len(row), len(terms)), dtype=np.int64)
    for supply, each in enumerate(terms) if row else ():
        composition, moisture_ppb = each.composition, each.moisture_ppb
        per_kg = kg_per_basis_kg("dry", basis, moisture_ppb, composition)
        dry, of_dry = dry_scale(composition, moisture_ppb)
        for analyte, (share, below) in figure_shares(composition).items():
            place = row.get(analyte)
            if place is None:
                continue
            least = 0 if below else share * dry // of_dry
            low[place, supply] = least
            high[place, supply] = -(-share * dry // of_dry)
            if per_kg is not None:
                ratio[place, supply] = min(least * per_kg[0] // per_kg[1], INTEGER_MAX)
    return AssayColumns(row, low, high, ratio)


def purity_or_no_figure(composition: Composition, elements: tuple[str, ...]) -> int:
    """`purity_ppb` where the assay carries TREO, else NO_FIGURE."""
    share_ppb = purity_ppb(composition, elements)
    return NO_FIGURE if share_ppb is None or not carries_treo(composition) else share_ppb


def per_basis_kg(per: Denominator, basis: MarketBasis, terms: Sequence[SupplyTerms]) -> list[Ratio | None]:
    return [kg_per_basis_kg(per, basis, each.moisture_ppb, each.composition) for each in terms]
