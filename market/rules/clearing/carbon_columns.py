"""What bids pay for emissions below the benchmark, for many pairs, and what a waterfall shows of it."""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import gcd

import numpy as np

from contracts.rules.price_terms import CENTS_G_PER_T_KG_PER_UEUR, effective_g_ppb
from events.market_terms import FootprintBenchmark, SustainabilityProfile
from events.vocabulary import INTEGER_MAX, PPB, Footprint
from market.rules.clearing.assay_columns import AssayColumns
from market.rules.clearing.candidates import Candidates
from market.rules.clearing.columns import among, int64s
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.exact_floors import FLOOR_MAX, FloorSums, Ratio
from market.rules.clearing.paper_columns import PaperColumns
from market.rules.clearing.supply_columns import Supplies
from market.rules.optimum.problem import Int64s, Mask

NOTHING: Ratio = (0, 1)
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
        gains = list(_gains_g_ppb(supplies, self._facts)) if cents_max else []
        self._unit = gcd(*chain.from_iterable(gains)) or 1
        most = FLOOR_MAX // cents_max if cents_max else 0
        held = [gain // self._unit for gain in chain.from_iterable(gains)]
        huge = sorted({place // 2 for place, gain in enumerate(held) if not -most <= gain <= most})
        self._huge, self._beyond = np.array(huge, dtype=np.int64), {place: gains[place] for place in huge}
        for place in huge:
            held[2 * place : 2 * place + 2] = 0, 0
        self._declared, self._silent = np.array(held, dtype=np.int64).reshape(-1, 2).T.copy()
        kg = list(self._kg(np.arange(len(gains))))
        ppb = (NO_KG if each is None else each[0] * PPB // each[1] for each in kg)
        self._kg_ppb = int64s([each if each <= INTEGER_MAX else _LARGER for each in ppb], len(kg))
        most_factor = cents_max * max(map(abs, held), default=0)
        # of a hundred thousand supplies the fractions are more than the columns, and asked for again of few
        self._paid = FloorSums([(self._worth(each),) for each in kg], most_factor, self._again)

    def of(self, pairs: Candidates) -> Int64s:
        """`amounts.Amounts.carbon` of each pair."""
        supply = pairs.supply
        if not len(self._declared):
            return np.zeros(len(pairs), dtype=np.int64)
        cents, counts = self._cents.take(pairs.requirement), self._counts(pairs)
        found = self._paid.floors([cents * self._gain(supply, counts)], supply)
        for pair in np.flatnonzero(among(supply, self._huge)).tolist():
            gain = self._beyond[int(supply[pair])][0 if counts[pair] else 1]
            (((numerator, denominator),),) = self._again(supply[pair : pair + 1])
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
        """Kilograms of the benchmark's unit per basis kg of each supply; None where that cannot be said."""
        units = {each.form: each.declared_unit for each in reversed(self._facts.rule_set.benchmarks)}
        kg = {unit: self._assays.per_basis_kg(unit, places) for unit in set(units.values())}
        forms = [self._forms[place] for place in places.tolist()]
        if len(kg) == 1 and units.keys() >= set(forms):
            yield from kg.popitem()[1]
            return
        for index, form in enumerate(forms):
            unit = units.get(form)
            yield None if unit is None else kg[unit][index]

    def _worth(self, ratio: Ratio | None) -> Ratio:
        """What each cent of λ and each unit of gain is worth in micro-EUR per basis kg."""
        if ratio is None:
            return NOTHING
        return ratio[0] * self._unit, ratio[1] * CENTS_G_PER_T_KG_PER_UEUR * PPB

    def _again(self, places: Int64s) -> Iterator[tuple[Ratio]]:
        for ratio in self._kg(places):
            yield (self._worth(ratio),)


def _gains_g_ppb(supplies: Supplies, facts: MarketFacts) -> Iterator[tuple[int, int]]:
    """Below the benchmark: by the declared footprint, and by silence."""
    benchmarks = {each.form: each for each in reversed(facts.rule_set.benchmarks)}
    silent = {form: _gain_g_ppb(None, benchmark, facts) for form, benchmark in benchmarks.items()}
    for form, footprint in zip(supplies.form, supplies.footprint, strict=True):
        benchmark = benchmarks.get(form)
        if benchmark is None:
            yield 0, 0
        elif footprint is None:
            yield silent[benchmark.form], silent[benchmark.form]
        else:
            yield _gain_g_ppb(footprint, benchmark, facts), silent[benchmark.form]


def _gain_g_ppb(footprint: Footprint | None, benchmark: FootprintBenchmark, facts: MarketFacts) -> int:
    return benchmark.benchmark_g_co2e_per_kg * PPB - effective_g_ppb(footprint, benchmark, facts.rule_set)
