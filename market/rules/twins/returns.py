"""The return forecast of a product: EoL(t) = Σ_s POM(s) · [F(t − s) − F(t − s − 1)], F a Weibull life.

F is an integer over SCALE (`weibull`), and every step after it is exact. Units are followed over SCALE,
masses are rounded down once, to milligrams. These are expected amounts at the bounds of what was stated; what
chance makes of them, unit by unit: `return_chances`.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple, TypeVar

from msgspec import Struct

from contracts.rules.price_terms import round_to
from events.forecast_terms import Bounds, ProductMagnet
from events.vocabulary import BASIS_ELEMENTS, MICRO, PPB, MarketBasis
from market.rules.twins.weibull import SCALE, weibull_cdf

WHOLE_MAGNETS: MarketBasis = "ndfeb-reuse"


class Span(NamedTuple):
    """Least, middle and most of one figure."""

    low: int
    middle: int
    high: int


class Likely(NamedTuple):
    """Quantiles at the middle of what is stated; then the outer interval: the lower at the least of it and
    the upper at the most."""

    p05: int
    p10: int
    p50: int
    p90: int
    p95: int
    p10_least: int
    p90_most: int


Figures = TypeVar("Figures", Span, Likely)


class Life(Struct, frozen=True, kw_only=True):
    """A Weibull life: characteristic life in millionths of a year, shape in millionths."""

    scale_micro_years: Span
    shape_micro: int


class BillLine(Struct, frozen=True, kw_only=True):
    """Magnets of one unit: milligrams, and parts per billion of each element."""

    mass_mg: int
    fractions_ppb: dict[str, Span]


class Losses(Struct, frozen=True, kw_only=True):
    """Parts per billion that go on at each step: of the units up to the disassembly, then of their mass where
    they are recycled. `reuse_ppb`: of the units taken apart, those whose magnets can be used again."""

    collection_ppb: Span
    disassembly_ppb: Span
    recovery_ppb: Span
    reuse_ppb: Span | None = None


class Returned(Struct, frozen=True, kw_only=True):
    """Of a quarter: units that reach their end of life, in millionths, and milligrams recovered by element.

    `until_now` of the same, all quarters from the first on together. `reused_mg`: whole magnets, where a
    share of them is stated; of the same units, which are either reused or recycled.
    """

    quarter: int
    units_micro: Span
    recovered_mg: dict[str, Span]
    until_now_mg: dict[str, Span]
    reused_mg: Span | None = None


def bill_line(magnet: ProductMagnet) -> BillLine:
    return BillLine(
        mass_mg=magnet.pieces * magnet.mass_mg,
        fractions_ppb={each.element: span_of(each.fraction_ppb) for each in magnet.elements},
    )


def span_of(bounds: Bounds) -> Span:
    return Span(bounds.low, bounds.middle, bounds.high)


def end_of_life(
    placed: Mapping[int, int], first: int, quarters: int, scale_micro_years: int, shape_micro: int
) -> list[int]:
    """Units over SCALE that come to their end in each quarter from `first` on.

    `placed`: units by the quarter in which they came on the market. What is placed in a quarter comes back
    from the next one on.
    """
    if not placed:
        return [0] * quarters
    oldest = first + quarters - min(placed)
    cdf = [weibull_cdf(age, scale_micro_years, shape_micro) for age in range(max(0, oldest) + 1)]
    return [
        sum(
            units * (cdf[quarter - placed_in] - cdf[quarter - placed_in - 1])
            for placed_in, units in placed.items()
            if placed_in < quarter
        )
        for quarter in range(first, first + quarters)
    ]


def forecast(
    placed: Mapping[int, int],
    bill: Sequence[BillLine],
    life: Life,
    losses: Losses,
    first: int,
    quarters: int,
) -> tuple[Returned, ...]:
    """Least, middle and most of each quarter from `first` on, and of all of them up to it.

    A quarter's least and most are those of the three lives, with all other figures at their bounds. The sum
    up to a quarter has its exact bounds where it starts with the first unit placed: the longer the life,
    the fewer have come back.
    """
    by_life = [
        end_of_life(placed, first, quarters, scale, life.shape_micro) for scale in life.scale_micro_years
    ]
    contents, magnets_mg = contents_of(bill), magnets_mg_of(bill)
    sums = [0] * len(by_life)
    found = []
    for number in range(quarters):
        now = [units[number] for units in by_life]
        sums = [before + units for before, units in zip(sums, now, strict=True)]
        found.append(
            Returned(
                quarter=first + number,
                units_micro=Span(*(units * MICRO // SCALE for units in _spread(now))),
                recovered_mg=_masses(_spread(now), contents, losses),
                until_now_mg=_masses(_spread(sums), contents, losses),
                reused_mg=_reused_mg(_spread(now), magnets_mg, losses),
            )
        )
    return tuple(found)


def by_basis(
    masses_mg: Mapping[str, Figures], reused_mg: Figures | None = None
) -> dict[MarketBasis, Figures]:
    """What a market would count of it: the elements of its basis together, or whole magnets."""
    found: dict[MarketBasis, Figures] = {}
    for basis, elements in BASIS_ELEMENTS.items():
        there = [masses_mg[element] for element in elements if element in masses_mg]
        if there:
            found[basis] = type(there[0])(*map(sum, zip(*there, strict=True)))
    if reused_mg is not None:
        found[WHOLE_MAGNETS] = reused_mg
    return found


def life_span(scale_micro_years: int, years: tuple[Fraction, Fraction]) -> Span:
    """The published life's bounds around its middle, carried over to the Weibull scale; rounded outwards."""
    low, high = years
    middle = (low + high) / 2
    least, most = (scale_micro_years * years_ / middle for years_ in years)
    return Span(round_to(least, "down"), scale_micro_years, round_to(most, "up"))


def _spread(by_life: Sequence[int]) -> Span:
    """Least of three lives, that of the middle one, most."""
    return Span(min(by_life), by_life[1], max(by_life))


def contents_of(bill: Sequence[BillLine]) -> dict[str, Span]:
    """Milligrams × PPB of each element in one unit."""
    found: dict[str, Span] = {}
    for line in bill:
        for element, share in line.fractions_ppb.items():
            before = found.get(element, Span(0, 0, 0))
            found[element] = Span(
                *(was + line.mass_mg * part for was, part in zip(before, share, strict=True))
            )
    return found


def magnets_mg_of(bill: Sequence[BillLine]) -> int:
    """Of one unit."""
    return sum(line.mass_mg for line in bill)


def _masses(units: Span, contents: Mapping[str, Span], losses: Losses) -> dict[str, Span]:
    steps = (losses.collection_ppb, losses.disassembly_ppb, losses.recovery_ppb)
    return {element: _left(units, content, steps, PPB) for element, content in contents.items()}


def _reused_mg(units: Span, magnets_mg: int, losses: Losses) -> Span | None:
    if losses.reuse_ppb is None:
        return None
    steps = (losses.collection_ppb, losses.disassembly_ppb, losses.reuse_ppb)
    return _left(units, Span(*(magnets_mg,) * len(units)), steps, 1)


def _left(units: Span, content: Span, steps: Sequence[Span], content_scale: int) -> Span:
    """Of units over SCALE, each with this content, what is left after the steps; rounded down."""
    whole = SCALE * PPB ** len(steps) * content_scale
    return Span(*(prod(factors) // whole for factors in zip(units, content, *steps, strict=True)))
