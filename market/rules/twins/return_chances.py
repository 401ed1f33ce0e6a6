"""Probabilities of a return forecast: quantiles of the units that come back, and of their content.

A unit ends its life in a quarter, is collected, and is taken apart or not, each independently of all others:
of a quarter's sales as many come back as a binomial says, of all sales together a sum of binomials. Quarters
together are one step longer for each unit, so a year and the whole have a sum of binomials again. Recovery
and content are shares of mass, the same of every unit: a quantile of mass is that of the units times what one
leaves. Whole magnets are counted by units too: those of one unit are fit for reuse together or not at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from msgspec import Struct

from contracts.rules.price_terms import round_half_even
from events.forecast_terms import Percentile, Quantile
from events.vocabulary import BASIS_ELEMENTS, PPB, MarketBasis
from market.rules.twins.capacities import QUARTERS
from market.rules.twins.poisson_binomial import PERCENTILES, Cohort, quantiles
from market.rules.twins.returns import (
    WHOLE_MAGNETS,
    BillLine,
    Life,
    Likely,
    Losses,
    Span,
    contents_of,
    magnets_mg_of,
)
from market.rules.twins.weibull import weibull_cdf

LEAST: Percentile = 10
MOST: Percentile = 90


class Fleet(Struct, frozen=True, kw_only=True):
    """Units by the quarter in which they came on the market, one unit's magnets, and what becomes of them."""

    placed: Mapping[int, int]
    bill: Sequence[BillLine]
    life: Life
    losses: Losses


class Chances(Struct, frozen=True, kw_only=True):
    """Of the quarters from `first` to `last`: units taken apart, milligrams recovered of them; of them too,
    as magnets fit for reuse, units and milligrams where a share is stated."""

    first: int
    last: int
    units: Likely
    recovered_mg: dict[str, Likely]
    reused_units: Likely | None
    reused_mg: Likely | None


def chances(fleet: Fleet, first: int, last: int) -> Chances:
    losses, by_life = fleet.losses, ended(fleet, first, last)
    units = _likely(by_life, taken_apart(losses))
    reused = None if losses.reuse_ppb is None else _likely(by_life, made_fit(losses))
    magnets_mg = magnets_mg_of(fleet.bill)
    return Chances(
        first=first,
        last=last,
        units=units,
        recovered_mg={
            element: Likely(*_masses(units, content, losses.recovery_ppb))
            for element, content in contents_of(fleet.bill).items()
        },
        reused_units=reused,
        reused_mg=None if reused is None else Likely(*(each * magnets_mg for each in reused)),
    )


def calendar_years(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The quarters of each year, as far as they are among those from `first` to `last`."""
    for year in range(first // QUARTERS, last // QUARTERS + 1):
        yield max(first, year * QUARTERS), min(last, year * QUARTERS + QUARTERS - 1)


def taken_apart(losses: Losses) -> tuple[Span, ...]:
    return losses.collection_ppb, losses.disassembly_ppb


def made_fit(losses: Losses) -> tuple[Span, ...]:
    """Steps to whole magnets. ValueError without a share of reuse."""
    if losses.reuse_ppb is None:
        raise ValueError("no share of reuse is stated")
    return *taken_apart(losses), losses.reuse_ppb


def likely_mg(fleet: Fleet, basis: MarketBasis, quarter: int, bound: Quantile, percentile: Percentile) -> int:
    """Of a market's basis, in one quarter: the percentile at one bound of all that is stated; rounded down.

    Nothing of a basis that no magnet holds, or of whole magnets without a share of reuse.
    """
    losses, index, by_life = fleet.losses, Span._fields.index(bound), ended(fleet, quarter, quarter)
    if basis == WHOLE_MAGNETS:
        if losses.reuse_ppb is None:
            return 0
        (count,) = at_bound(by_life, made_fit(losses), bound, (percentile,))
        return count * magnets_mg_of(fleet.bill)
    (count,) = at_bound(by_life, taken_apart(losses), bound, (percentile,))
    contents, recovery_ppb = contents_of(fleet.bill), losses.recovery_ppb[index]
    there = [contents[element][index] for element in BASIS_ELEMENTS[basis] if element in contents]
    return sum(count * content * recovery_ppb // PPB**2 for content in there)


def ended(fleet: Fleet, first: int, last: int) -> tuple[list[Cohort], ...]:
    """Each sale with the chance that a unit of it ends its life from `first` to `last`, by each life."""
    shape = fleet.life.shape_micro
    return tuple(
        [
            Cohort(
                units,
                weibull_cdf(last - placed_in, scale, shape)
                - weibull_cdf(first - 1 - placed_in, scale, shape),
            )
            for placed_in, units in fleet.placed.items()
            if placed_in < last
        ]
        for scale in fleet.life.scale_micro_years
    )


def at_bound(
    by_life: Sequence[Sequence[Cohort]], steps: Sequence[Span], bound: Quantile, of: Sequence[Percentile]
) -> tuple[int, ...]:
    """Percentiles of the units that go through all steps, each at its bound: of the middle life, or the least
    or the most of those of all three."""
    index = Span._fields.index(bound)
    if bound == "middle":
        return quantiles(_thinned(by_life[index], steps, index), of)
    lives = {tuple(cohorts): cohorts for cohorts in by_life}.values()
    found = [quantiles(_thinned(cohorts, steps, index), of) for cohorts in lives]
    return tuple(map(min if bound == "low" else max, zip(*found, strict=True)))


def _thinned(cohorts: Sequence[Cohort], steps: Sequence[Span], index: int) -> list[Cohort]:
    kept, whole = prod(step[index] for step in steps), PPB ** len(steps)
    return [Cohort(units, round_half_even(chance * kept, whole)) for units, chance in cohorts]


def _likely(by_life: Sequence[Sequence[Cohort]], steps: Sequence[Span]) -> Likely:
    return Likely(
        *at_bound(by_life, steps, "middle", PERCENTILES),
        *at_bound(by_life, steps, "low", (LEAST,)),
        *at_bound(by_life, steps, "high", (MOST,)),
    )


def _masses(units: Likely, content: Span, recovery_ppb: Span) -> Iterator[int]:
    """`content`: milligrams × PPB of one unit."""
    middle = (1,) * len(PERCENTILES)
    for count, index in zip(units, (*middle, 0, 2), strict=True):
        yield count * content[index] * recovery_ppb[index] // PPB**2
