"""The carbon term for many pairs, and the figures that a waterfall shows for it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.rules.price_terms import CENTS_G_PER_T_KG_PER_UEUR
from events.market_terms import SustainabilityProfile
from events.vocabulary import INTEGER_MAX, PPB, Denominator, ProductForm
from market.rules.clearing.assay_columns import AssayColumns
from market.rules.clearing.candidates import Candidates
from market.rules.clearing.columns import alike, among, int64s
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.exact_floors import ABOUT, FLOOR_MAX, NOTHING, AboutFloors, Floats, Ratio
from market.rules.clearing.paper_columns import PaperColumns
from market.rules.clearing.supply_columns import NO_KIND, Supplies
from market.rules.optimum.problem import Int64s, Mask

NO_KG = -1
_LARGER = -2


class Carbon:
    def __init__(
        self,
        supplies: Supplies,
        profiles: Sequence[SustainabilityProfile],
        facts: MarketFacts,
        papers: PaperColumns,
        assays: AssayColumns,
    ) -> None:
        self._forms, self._facts, self._assays = supplies.form, facts, assays
        self._until = papers.footprint
        self._cents = int64s([profile.carbon_cents_per_t for profile in profiles], len(profiles))
        self._read(supplies)

    def _read(self, supplies: Supplies) -> None:
        cents_max = int(self._cents.max(initial=0))
        count = len(supplies) if cents_max else 0
        gains = _gains_g_ppb(supplies, self._facts)[:, :count]
        self._unit = int(np.gcd.reduce(gains.ravel(), initial=0)) or 1
        most = FLOOR_MAX // cents_max if cents_max else 0
        held = gains // self._unit
        huge = ((held < -most) | (held > most)).any(axis=0)
        self._huge = np.flatnonzero(huge)
        self._beyond = dict(zip(self._huge.tolist(), gains[:, huge].T.tolist(), strict=True))
        held[:, huge] = 0
        of_declared, of_silence = held.astype(np.int64)
        self._declared: Int64s = of_declared
        self._silent: Int64s = of_silence
        kg = self._rough_kg()[:count]
        self._kg_ppb = self._in_ppb(kg)
        self._paid = AboutFloors(kg * (self._unit / (CENTS_G_PER_T_KG_PER_UEUR * PPB)), self._worth)

    def _in_ppb(self, kg: Floats) -> Int64s:
        """Parts per billion, rounded down: exactly, where rounding of `kg` leaves that open."""
        found = np.full(len(kg), NO_KG, dtype=np.int64)
        low, high = np.floor(kg * (PPB * (1 - ABOUT))), np.floor(kg * (PPB * (1 + ABOUT)))
        sure = (low == high) & (high <= INTEGER_MAX)
        found[sure] = low[sure].astype(np.int64)
        doubtful = np.flatnonzero(~sure & ~np.isnan(kg))
        for place, ratio in zip(doubtful.tolist(), self._kg(doubtful), strict=True):
            assert ratio is not None
            exact = ratio[0] * PPB // ratio[1]
            found[place] = exact if exact <= INTEGER_MAX else _LARGER
        return found

    def of(self, pairs: Candidates) -> Int64s:
        """`amounts.Amounts.carbon` of each pair."""
        supply = pairs.supply
        if not len(self._declared):
            return np.zeros(len(pairs), dtype=np.int64)
        cents, counts = self._cents.take(pairs.requirement), self._counts(pairs)
        found = self._paid.floors(cents * self._gain(supply, counts), supply)
        for pair in np.flatnonzero(among(supply, self._huge)).tolist():
            gain = self._beyond[int(supply[pair])][0 if counts[pair] else 1]
            ((numerator, denominator),) = self._worth(supply[pair : pair + 1])
            exact = int(cents[pair]) * gain // self._unit * numerator // denominator
            found[pair] = max(-FLOOR_MAX, min(exact, FLOOR_MAX))
        return found

    def shown(self, pairs: Candidates) -> tuple[list[bool], list[int], list[int]]:
        """Of each pair: whether the footprint counts, grams by which what counts is below the benchmark,
        rounded down, and parts per billion of a kg of the benchmark's unit per basis kg (NO_KG: unknown)."""
        if not len(self._declared):
            return [False] * len(pairs), [0] * len(pairs), [NO_KG] * len(pairs)
        supply, counts = pairs.supply, self._counts(pairs)
        gains: list[int] = [gain * self._unit // PPB for gain in self._gain(supply, counts).tolist()]
        for pair in np.flatnonzero(among(supply, self._huge)).tolist():
            gains[pair] = self._beyond[int(supply[pair])][0 if counts[pair] else 1] // PPB
        kg_ppb = self._kg_ppb.take(supply)
        shown: list[int] = kg_ppb.tolist()
        for pair in np.flatnonzero(kg_ppb == _LARGER).tolist():
            (ratio,) = self._kg(supply[pair : pair + 1])
            assert ratio is not None
            shown[pair] = ratio[0] * PPB // ratio[1]
        return counts.tolist(), gains, shown

    def _counts(self, pairs: Candidates) -> Mask:
        found: Mask = self._until.take(pairs.supply) >= pairs.papers_until
        return found

    def _gain(self, supply: Int64s, counts: Mask) -> Int64s:
        return np.where(counts, self._declared.take(supply), self._silent.take(supply))

    def _kg(self, places: Int64s) -> Iterator[Ratio | None]:
        """Kilograms of the benchmark's unit per basis kg of each supply; None if unknown."""
        units = _units(self._facts)
        kg = {unit: self._assays.per_basis_kg(unit, places) for unit in set(units.values())}
        for index, place in enumerate(places.tolist()):
            unit = units.get(self._forms[place])
            yield None if unit is None else kg[unit][index]

    def _rough_kg(self) -> Floats:
        """`_kg` of every supply, approximately; NaN for None."""
        forms, which = alike(self._forms)
        units = _units(self._facts)
        of_form = [units.get(form) for form in forms]
        found = np.full(len(which), np.nan)
        for unit in {unit for unit in of_form if unit is not None}:
            own = np.array([each == unit for each in of_form], dtype=np.bool_)[which]
            found[own] = self._assays.about_per_basis_kg(unit)[own]
        return found

    def _worth(self, places: Int64s) -> Iterator[Ratio]:
        """What each cent of λ and each unit of gain is worth in micro-EUR per basis kg."""
        for kg in self._kg(places):
            yield (NOTHING if kg is None else (kg[0] * self._unit, kg[1] * CENTS_G_PER_T_KG_PER_UEUR * PPB))


def _units(facts: MarketFacts) -> dict[ProductForm, Denominator]:
    return {each.form: each.declared_unit for each in reversed(facts.rule_set.benchmarks)}


def _gains_g_ppb(supplies: Supplies, facts: MarketFacts) -> NDArray[Any]:
    """Grams below the benchmark, with the declared footprint and without any; [2, n], 0 without a benchmark.

    As `effective_g_ppb` for each; int64, or Python integers if benchmarks exceed that.
    """
    benchmarks = {each.form: each for each in reversed(facts.rule_set.benchmarks)}
    forms, which = alike(supplies.form)
    of_form = [benchmarks.get(form) for form in forms]
    base = [0 if each is None else each.benchmark_g_co2e_per_kg for each in of_form]
    worst = [
        0 if each is None else max(each.worst_g_co2e_per_kg, each.benchmark_g_co2e_per_kg) for each in of_form
    ]
    kind = np.int64 if max(worst, default=0) * PPB < FLOOR_MAX else object
    base_g, worst_g = np.array(base, dtype=kind)[which], np.array(worst, dtype=kind)[which]
    silent = (base_g - worst_g) * PPB
    improvement_g = base_g - np.minimum(supplies.footprint_g, worst_g)
    counted_ppb = np.where(
        (improvement_g > 0) & ~supplies.footprint_verified, facts.rule_set.self_declared_improvement_ppb, PPB
    )
    declared = np.where(supplies.footprint_kind == NO_KIND, silent, improvement_g * counted_ppb)
    has_benchmark = np.array([each is not None for each in of_form], dtype=np.bool_)[which]
    return np.stack([np.where(has_benchmark, each, 0) for each in (declared, silent)])
