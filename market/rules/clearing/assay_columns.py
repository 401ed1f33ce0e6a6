"""The assays of all supplies for the requested analytes, as columns; `readings` has the same for one
supply."""

from collections.abc import Collection
from math import lcm

import numpy as np

from events.vocabulary import (
    BASIS_ELEMENTS,
    INTEGER_MAX,
    OXIDES,
    PPB,
    TRADED_OXIDE,
    Composition,
    Denominator,
    MarketBasis,
)
from market.rules.clearing.columns import BEYOND
from market.rules.clearing.exact_floors import NOTHING, AboutFloors, Floats, Ratio
from market.rules.clearing.material_reasons import carries_treo
from market.rules.clearing.supply_columns import Supplies
from market.rules.optimum.problem import Int64s
from market.rules.quantities import METAL_PPB, kg_per_basis_kg, purity_ppb

NO_FIGURE = -1


class AssayColumns:
    """Row `row[analyte]` of each table, one column a supply.

    low_ppb, high_ppb: of the dry sample, rounded outwards; NO_FIGURE and BEYOND where there is no figure.
    ratio_ppb: kg per kg of basis, rounded down, at most INTEGER_MAX; 0 where there is none.
    """

    def __init__(
        self,
        supplies: Supplies,
        basis: MarketBasis,
        analytes: Collection[str],
        paid: Collection[str],
    ) -> None:
        """`analytes` get a row; those of them in `paid` also a ratio."""
        elements = BASIS_ELEMENTS[basis]
        self.row = {analyte: place for place, analyte in enumerate(dict.fromkeys([*analytes, *elements]))}
        self._terms, self._basis, count = supplies.terms, basis, len(supplies)
        self._treo, self._moisture, self._dry = supplies.treo_ppb, supplies.moisture_ppb, supplies.dry
        shape = len(self.row), count
        self.low_ppb = np.full(shape, NO_FIGURE, dtype=np.int64)
        self.high_ppb = np.full(shape, BEYOND, dtype=np.int64)
        self.ratio_ppb = np.zeros(shape, dtype=np.int64)
        self._metal = np.zeros((len(elements), count), dtype=np.int64)
        self._oxides = np.zeros((len(elements), count), dtype=np.int64)
        self._oxide_scale = lcm(*(METAL_PPB[oxide] for oxide, (of, _) in OXIDES.items() if of in elements))
        self._read(supplies, elements)
        if paid:
            of_dry = AboutFloors(self.about_per_basis_kg("dry"), self._exactly_dry)
            for place in {self.row[analyte] for analyte in paid}:
                ratio_ppb = of_dry.floors(np.maximum(self.low_ppb[place], 0), np.arange(count))
                self.ratio_ppb[place] = np.minimum(ratio_ppb, INTEGER_MAX)

    def _exactly_dry(self, places: Int64s) -> list[Ratio]:
        """Marks where 0 kg means unknown."""
        return [NOTHING if kg is None else kg for kg in self.per_basis_kg("dry", places)]

    def per_basis_kg(self, per: Denominator, places: Int64s | None = None) -> list[Ratio | None]:
        """`kg_per_basis_kg` of every supply, or of those at indices `places`."""
        if places is None:
            places = np.arange(len(self._terms))
        elements, terms = BASIS_ELEMENTS[self._basis], [self._terms[place] for place in places.tolist()]
        if not elements or per == "element":
            return [kg_per_basis_kg(per, self._basis, each.moisture_ppb, each.composition) for each in terms]
        metals, treo = self._metal[:, places], self._treo[places]
        metal = metals.sum(axis=0).tolist()
        if per == "oxide":
            oxides = self._oxides[:, places].T.tolist()
            found: list[Ratio | None] = [
                (sum(map(int.__mul__, each, of_supply)) * PPB, total * self._oxide_scale) if total else None
                for each, of_supply, total in zip(metals.T.tolist(), oxides, metal, strict=True)
            ]
        else:
            of_dry = PPB - self._moisture[places]
            scale = np.where(self._dry[places], of_dry, PPB).tolist()
            mass = [PPB] * len(terms) if per == "wet" else of_dry.tolist()
            found = [
                (PPB**2 * of_mass, total * of_scale) if total else None
                for of_mass, total, of_scale in zip(mass, metal, scale, strict=True)
            ]
        # a share of TREO has one factor more than an int64 holds
        for place in np.flatnonzero(treo != PPB).tolist():
            of_treo = terms[place]
            found[place] = kg_per_basis_kg(per, self._basis, of_treo.moisture_ppb, of_treo.composition)
        return found

    def about_per_basis_kg(self, per: Denominator) -> Floats:
        """`per_basis_kg` of every supply, to within ABOUT of it; NaN for None."""
        elements = BASIS_ELEMENTS[self._basis]
        found = np.full(len(self._terms), np.nan)
        exactly = self._treo != PPB
        if not elements or per == "element":
            exactly = np.ones(len(found), dtype=np.bool_)
        else:
            metal = self._metal.sum(axis=0).astype(np.float64)
            carrying = metal > 0
            if per == "oxide":
                oxide = (self._metal.astype(np.float64) * self._oxides).sum(axis=0) * PPB
                mass, scale = oxide, np.full(len(found), float(self._oxide_scale))
            else:
                of_dry = (PPB - self._moisture).astype(np.float64)
                mass = PPB**2 * (np.full(len(found), float(PPB)) if per == "wet" else of_dry)
                scale = np.where(self._dry, of_dry, float(PPB))
            found[carrying] = mass[carrying] / (metal[carrying] * scale[carrying])
        places = np.flatnonzero(exactly)
        for place, ratio in zip(places.tolist(), self.per_basis_kg(per, places), strict=True):
            found[place] = np.nan if ratio is None else ratio[0] / ratio[1]
        return found

    def _read(self, supplies: Supplies, elements: tuple[str, ...]) -> None:
        rows, kinds, kind = self.row, supplies.cell_kinds, supplies.cell_kind
        asked = np.array(
            [name in rows and state != "not_available" for name, _, state in kinds], dtype=np.bool_
        )[kind]
        supply = np.repeat(np.arange(len(supplies)), supplies.cells)[asked]
        fraction = supplies.fraction_ppb[asked]
        kind = kind[asked]
        row = np.array([rows.get(name, 0) for name, _, _ in kinds], dtype=np.int64)[kind]
        metal = np.array([METAL_PPB.get(reported, PPB) for _, reported, _ in kinds], dtype=np.int64)[kind]
        measured = np.array([state == "value" for _, _, state in kinds], dtype=np.bool_)[kind]
        # figure × metal × TREO share needs 90 bits: the upper and the lower half of the first product apart
        upper, lower = np.divmod(fraction * metal, PPB)
        carried = lower * self._treo[supply]
        share, rest = upper * self._treo[supply] + carried // PPB, carried % PPB
        of_dry = np.where(self._dry, PPB, PPB - self._moisture)[supply]
        low = share // of_dry
        self.low_ppb[row, supply] = np.where(measured, low, 0)
        self.high_ppb[row, supply] = low + ((share % of_dry > 0) | (rest > 0))
        oxides = [
            self._oxide_scale // _oxide_metal_ppb(name, reported) if name in elements else 0
            for name, reported, _ in kinds
        ]
        for place, element in enumerate(elements):
            own = np.flatnonzero((row == rows[element]) & measured)
            self._metal[place, supply[own]] = share[own]
            self._oxides[place, supply[own]] = np.array(oxides, dtype=np.int64)[kind[own]]


def purity_or_no_figure(composition: Composition, elements: tuple[str, ...]) -> int:
    """`purity_ppb` where the assay carries TREO, else NO_FIGURE."""
    share_ppb = purity_ppb(composition, elements)
    return NO_FIGURE if share_ppb is None or not carries_treo(composition) else share_ppb


def _oxide_metal_ppb(analyte: str, reported_as: str) -> int:
    return METAL_PPB.get(reported_as) or METAL_PPB[TRADED_OXIDE[analyte]]
