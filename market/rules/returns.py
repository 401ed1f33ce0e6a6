"""The return forecast of a product: EoL(t) = Σ_s POM(s) · [F(t − s) − F(t − s − 1)], F a Weibull life.

Ages are quarters of a year. F is computed in decimals of fixed precision, whose exp and ln are correctly
rounded by their standard, and kept as an integer over SCALE: the same everywhere, and every step after it is
exact. Units are followed over SCALE, masses are rounded down once, to milligrams.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from msgspec import Struct

from contracts.rules.price_terms import round_to
from events.forecast_terms import Bounds, ProductMagnet
from events.vocabulary import BASIS_ELEMENTS, MICRO, PPB, MarketBasis

SCALE = 10**18
DIGITS = 50
QUARTERS = 4
FACTORS = 3
"""Collection, disassembly and recovery."""


class Span(NamedTuple):
    """Least, middle and most of one figure."""

    low: int
    middle: int
    high: int


class Life(Struct, frozen=True, kw_only=True):
    """A Weibull life: characteristic life in millionths of a year, shape in millionths."""

    scale_micro_years: Span
    shape_micro: int


class BillLine(Struct, frozen=True, kw_only=True):
    """Magnets of one unit: milligrams, and parts per billion of each element."""

    mass_mg: int
    fractions_ppb: dict[str, Span]


class Losses(Struct, frozen=True, kw_only=True):
    """Parts per billion that go on at each step."""

    collection_ppb: Span
    disassembly_ppb: Span
    recovery_ppb: Span


class Returned(Struct, frozen=True, kw_only=True):
    """Of a quarter: units that reach their end of life, in millionths, and milligrams recovered by element.

    `until_now` of the same, all quarters from the first on together.
    """

    quarter: int
    units_micro: Span
    recovered_mg: dict[str, Span]
    until_now_mg: dict[str, Span]


def bill_line(magnet: ProductMagnet) -> BillLine:
    return BillLine(
        mass_mg=magnet.pieces * magnet.mass_mg,
        fractions_ppb={each.element: span_of(each.fraction_ppb) for each in magnet.elements},
    )


def span_of(bounds: Bounds) -> Span:
    return Span(bounds.low, bounds.middle, bounds.high)


def weibull_cdf(age_quarters: int, scale_micro_years: int, shape_micro: int) -> int:
    """F = 1 − exp(−(age ÷ life)^shape) over SCALE, rounded half to even. ValueError for no life or shape."""
    if scale_micro_years <= 0 or shape_micro <= 0:
        raise ValueError("a life and its shape are more than zero")
    if age_quarters <= 0:
        return 0
    exact = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
    ratio = exact.divide(Decimal(age_quarters * MICRO), Decimal(QUARTERS * scale_micro_years))
    shape = exact.divide(Decimal(shape_micro), Decimal(MICRO))
    power = exact.exp(exact.multiply(shape, exact.ln(ratio)))
    left = exact.exp(exact.minus(power))
    return SCALE - int(exact.multiply(left, Decimal(SCALE)).to_integral_value(ROUND_HALF_EVEN))


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
    contents = _contents(bill)
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
            )
        )
    return tuple(found)


def by_basis(masses_mg: Mapping[str, Span]) -> dict[MarketBasis, Span]:
    """What a market would count of it: the elements of its basis together."""
    found: dict[MarketBasis, Span] = {}
    for basis, elements in BASIS_ELEMENTS.items():
        there = [masses_mg[element] for element in elements if element in masses_mg]
        if there:
            found[basis] = Span(*(sum(each) for each in zip(*there, strict=True)))
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


def _contents(bill: Sequence[BillLine]) -> dict[str, Span]:
    """Milligrams × PPB of each element in one unit."""
    found: dict[str, Span] = {}
    for line in bill:
        for element, share in line.fractions_ppb.items():
            before = found.get(element, Span(0, 0, 0))
            found[element] = Span(
                *(was + line.mass_mg * part for was, part in zip(before, share, strict=True))
            )
    return found


def _masses(units: Span, contents: Mapping[str, Span], losses: Losses) -> dict[str, Span]:
    factors = zip(units, losses.collection_ppb, losses.disassembly_ppb, losses.recovery_ppb, strict=True)
    kept = [of * collected * taken_out * recovered for of, collected, taken_out, recovered in factors]
    whole = SCALE * PPB**FACTORS * PPB
    return {
        element: Span(*(of * mass // whole for of, mass in zip(kept, content, strict=True)))
        for element, content in contents.items()
    }
