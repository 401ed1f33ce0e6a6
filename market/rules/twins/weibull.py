"""The life of a unit, F(age) = 1 − exp(−(age ÷ life)^shape), ages in quarters of a year.

Decimals of fixed precision, whose exp and ln are correctly rounded by their standard: the same everywhere.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache

from events.vocabulary import MICRO
from market.rules.twins.capacities import QUARTERS

SCALE = 10**18
"""Probabilities are integers over it."""
DIGITS = 50
AGES_REMEMBERED = 4096


@lru_cache(maxsize=AGES_REMEMBERED)
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
