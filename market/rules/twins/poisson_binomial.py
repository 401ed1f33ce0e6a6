"""How many of independent units do something: a sum of binomials, one per cohort, and its quantiles.

Below EXACT_VARIANCE the whole distribution is convolved, in integers over 2^BITS. Every step rounds down, so
what a cumulated probability lacks is no more than what all of them lack of one, below 10^-14 for 240 cohorts;
that is granted to each, so that one which stands on its quantile to the last digit counts. Above it, Cornish
and Fisher's expansion to the fourth cumulant is taken of the sum and an independent uniform variable on (−½,
½), whose distribution function is the sum's wherever that steps (the correction for continuity): one unit off
at most wherever it was held against the exact sum.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from itertools import accumulate
from typing import NamedTuple

from events.forecast_terms import Percentile
from market.rules.twins.weibull import SCALE

PERCENTILES: tuple[Percentile, ...] = (5, 10, 50, 90, 95)
PERCENT = 100
EXACT_VARIANCE = 9
BITS = 64
SLOT_BYTES = 2 * BITS // 8 + 1
"""Room for a product of two probabilities over 2^BITS, sums of such included."""
START_BITS = 32
DIGITS = 50
_NORMAL: dict[Percentile, Decimal] = {
    5: Decimal("-1.6448536269514727148638489079916321"),
    10: Decimal("-1.2815515655446004669651033294487428"),
    50: Decimal(0),
    90: Decimal("1.2815515655446004669651033294487428"),
    95: Decimal("1.6448536269514727148638489079916321"),
}
"""Quantiles of the standard normal distribution."""
_SLOT_BITS = 8 * SLOT_BYTES
_LATTICE_VARIANCE = Decimal(12)
_LATTICE_FOURTH = Decimal(120)
"""Variance and fourth cumulant of the uniform variable are 1/12 and −1/120."""


class Cohort(NamedTuple):
    """Units alike, each with a chance over SCALE."""

    units: int
    chance: int


def quantiles(cohorts: Iterable[Cohort], of: Sequence[Percentile] = PERCENTILES) -> tuple[int, ...]:
    """The least count that is not passed with each probability, in the order of `of`: that ascends.

    ValueError for units or a chance that cannot be.
    """
    counted = [cohort for cohort in cohorts if cohort.units and cohort.chance]
    if any(units < 0 or not 0 <= chance <= SCALE for units, chance in counted):
        raise ValueError("units are not negative, a chance is between none and SCALE")
    if sum(n * p * (SCALE - p) for n, p in counted) < EXACT_VARIANCE * SCALE**2:
        return tuple(_exact(counted, of))
    return _expanded(counted, of)


def _exact(cohorts: Iterable[Cohort], of: Sequence[Percentile]) -> Iterator[int]:
    first, probabilities = _distribution(cohorts)
    lost = (1 << BITS) - sum(probabilities)
    cumulated = [each + lost for each in accumulate(probabilities)]
    number = 0
    for percentile in of:
        while cumulated[number] * PERCENT < percentile << BITS:
            number += 1
        yield first + number


def _distribution(cohorts: Iterable[Cohort]) -> tuple[int, list[int]]:
    """The least count, and from it on the probabilities over 2^BITS.

    Probabilities stand in the slots of one integer: one multiplication convolves them all.
    """
    first, packed = 0, 1 << BITS
    for cohort in cohorts:
        least, probabilities = _binomial(*cohort)
        packed *= int.from_bytes(
            b"".join(each.to_bytes(SLOT_BYTES, "little") for each in probabilities), "little"
        )
        packed = (packed >> BITS) & _slots_mask(packed.bit_length() // _SLOT_BITS + 1)
        empty = ((packed & -packed).bit_length() - 1) // _SLOT_BITS
        packed >>= empty * _SLOT_BITS
        first += least + empty
    data = packed.to_bytes(-(-packed.bit_length() // _SLOT_BITS) * SLOT_BYTES, "little")
    slots = range(0, len(data), SLOT_BYTES)
    return first, [int.from_bytes(data[at : at + SLOT_BYTES], "little") for at in slots]


def _slots_mask(slots: int) -> int:
    """What of each slot is left of a product, once it is over 2^BITS again."""
    return int.from_bytes(((1 << BITS + 1) - 1).to_bytes(SLOT_BYTES, "little") * slots, "little")


def _binomial(units: int, chance: int) -> tuple[int, list[int]]:
    """The least count that does not vanish, and the probabilities over 2^BITS from it on: out of the mode,
    each by its ratio to the one before, then by their sum."""
    mode = min(units, (units + 1) * chance // SCALE)
    over, rest = 1 << (BITS + START_BITS), SCALE - chance
    above, term, count = [], over, mode
    while count < units and term:
        term = term * (units - count) * chance // ((count + 1) * rest)
        count += 1
        above.append(term)
    below, term, count = [], over, mode
    while count and term:
        term = term * count * rest // ((units - count + 1) * chance)
        count -= 1
        below.append(term)
    terms = [*reversed(below), over, *above]
    whole = sum(terms)
    return count, [(each << BITS) // whole for each in terms]


def _expanded(cohorts: Iterable[Cohort], of: Sequence[Percentile]) -> tuple[int, ...]:
    exact = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
    first = second = third = fourth = units = 0
    for n, p in cohorts:
        spread = n * p * (SCALE - p)
        units += n
        first += n * p
        second += spread
        third += spread * (SCALE - 2 * p)
        fourth += spread * (SCALE**2 - 6 * p * (SCALE - p))
    mean, variance, third_, fourth_ = (
        exact.divide(Decimal(moment), Decimal(SCALE**power))
        for power, moment in enumerate((first, second, third, fourth), 1)
    )
    variance = exact.add(variance, exact.divide(Decimal(1), _LATTICE_VARIANCE))
    fourth_ = exact.subtract(fourth_, exact.divide(Decimal(1), _LATTICE_FOURTH))
    deviation = exact.sqrt(variance)
    skewness = exact.divide(third_, exact.multiply(variance, deviation))
    kurtosis = exact.divide(fourth_, exact.multiply(variance, variance))
    found = (exact.fma(deviation, _corrected(exact, _NORMAL[each], skewness, kurtosis), mean) for each in of)
    half = Decimal("0.5")
    return tuple(
        min(units, max(0, int(exact.subtract(each, half).to_integral_value(ROUND_CEILING)))) for each in found
    )


def _corrected(exact: Context, z: Decimal, skewness: Decimal, kurtosis: Decimal) -> Decimal:
    """z + γ₁(z² − 1)/6 + γ₂(z³ − 3z)/24 − γ₁²(2z³ − 5z)/36 (Cornish and Fisher, 1938)."""
    z2 = exact.multiply(z, z)
    z3 = exact.multiply(z2, z)
    terms = (
        (exact.multiply(skewness, exact.subtract(z2, Decimal(1))), 6),
        (exact.multiply(kurtosis, exact.subtract(z3, exact.multiply(z, Decimal(3)))), 24),
        (
            exact.multiply(
                exact.multiply(skewness, skewness),
                exact.subtract(exact.multiply(z, Decimal(5)), exact.multiply(z3, Decimal(2))),
            ),
            36,
        ),
    )
    for term, part in terms:
        z = exact.add(z, exact.divide(term, Decimal(part)))
    return z
