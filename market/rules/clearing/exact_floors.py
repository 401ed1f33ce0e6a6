"""Sums of integer × fraction, rounded down, for whole columns: in int64 where it decides, else exactly.

Fractions that int64 holds are multiplied as they are. Any other is enclosed between two neighbours on a
binary grid as fine as int64 allows: where both ends of the sum have the same floor, that is the floor; the
few entries where they differ are computed in Python integers.
"""

from collections.abc import Callable, Iterable, Sequence
from math import lcm

import numpy as np
from numpy.typing import NDArray

from market.rules.optimum.problem import Int64s

SUM_BITS = 61
FLOOR_MAX = 1 << 60
WHOLE_FLOATS_MAX = 2.0**52
"""Below it floats tell whole numbers from halves."""
ABOUT = 2.0**-44
"""Of what is reckoned in floats, products and quotients of positive numbers: each step is off by 2**-53."""
Floats = NDArray[np.float64]
Ratio = tuple[int, int]
"""Numerator and positive denominator, not necessarily in lowest terms."""
NOTHING: Ratio = (0, 1)


class FloorSums:
    """For each of n orders up to k fractions; `floors` multiplies them by factors, adds, rounds down.

    factor_max: no factor's size exceeds it.
    """

    def __init__(self, ratios: Sequence[Sequence[Ratio]], factor_max: int) -> None:
        self._ratios = ratios
        self._slots = max(map(len, ratios), default=0)
        self._bits = SUM_BITS - factor_max.bit_length() - self._slots.bit_length()
        if self._slots == 1:
            divisors, low, high = self._alone(ratios)
            self._hold(
                np.array(divisors, dtype=np.int64),
                *(np.array([each], dtype=np.int64) for each in (low, high)),
            )
        else:
            # orders of one template bid the same
            keys = list(map(tuple, ratios))
            alike = {fractions: self._enclosed(fractions) for fractions in set(keys)}
            enclosed = [alike[fractions] for fractions in keys]
            self._hold(
                np.array([divisor for divisor, _, _ in enclosed], dtype=np.int64),
                self._columns([low for _, low, _ in enclosed]),
                self._columns([high for _, _, high in enclosed]),
            )

    def _hold(self, divisor: Int64s, low: Int64s, high: Int64s) -> None:
        self._divisor, self._low, self._high = divisor, low, high
        self._unknown = divisor == 0
        divisor[self._unknown] = 1
        self._exact = not self._unknown.any() and np.array_equal(low, high)
        distinct = np.unique(divisor)
        self._only = int(distinct[0]) if len(distinct) == 1 else None
        bits = np.frexp(divisor.astype(np.float64))[1].astype(np.int64) - 1
        self._shift = bits if (np.left_shift(1, bits) == divisor).all() else None

    def floors(self, factors: Sequence[Int64s], order: Int64s) -> Int64s:
        """⌊Σ factor · fraction⌋ of each entry, at most FLOOR_MAX in size.

        factors: k columns of int64[p]; order: int64[p]. Entries of a column beyond an order's fractions do
        not count.
        """
        low, high = np.zeros(len(order), dtype=np.int64), np.zeros(len(order), dtype=np.int64)
        for slot, factor in enumerate(factors[: self._slots]):
            first = factor * self._low[slot].take(order)
            if self._exact:
                low += first
                continue
            second = factor * self._high[slot].take(order)
            if factor.min(initial=0) < 0:
                first, second = np.minimum(first, second), np.maximum(first, second)
            low += first
            high += second
        if self._exact:
            return self._divided(low, order)
        low, high = self._divided(low, order), self._divided(high, order)
        unsure = np.flatnonzero((low != high) | self._unknown.take(order))
        for entry in unsure.tolist():
            low[entry] = _exact([int(factor[entry]) for factor in factors], self._ratios[order[entry]])
        return low

    def _divided(self, sums: Int64s, order: Int64s) -> Int64s:
        """Rounded down; by shifts and by one integer that goes a good deal faster than by a column."""
        if self._only is not None:
            return sums if self._only == 1 else sums // self._only
        found: Int64s = (
            sums // self._divisor.take(order) if self._shift is None else sums >> self._shift.take(order)
        )
        return found

    def _columns(self, rows: Sequence[Sequence[int]]) -> Int64s:
        padding = (0,) * self._slots
        return np.array([(*row, *padding)[: self._slots] for row in rows], dtype=np.int64).T.copy()

    def _alone(self, ratios: Sequence[Sequence[Ratio]]) -> tuple[list[int], list[int], list[int]]:
        """`_enclosed` of single fractions, which is what most orders have."""
        divisors, lows, highs = [], [], []
        for each in ratios:
            over, under = each[0] if each else (0, 1)
            over_bits, under_bits = over.bit_length(), under.bit_length()
            divisor, low, high = under, over, over
            if over_bits > self._bits or under_bits > SUM_BITS:
                shift = min(SUM_BITS, self._bits - over_bits + under_bits - 1)
                divisor = low = high = 0
                if shift >= 0:
                    low, rest = divmod(over << shift, under)
                    divisor, high = 1 << shift, low + (rest > 0)
            divisors.append(divisor)
            lows.append(low)
            highs.append(high)
        return divisors, lows, highs

    def _enclosed(self, fractions: Sequence[Ratio]) -> tuple[int, Sequence[int], Sequence[int]]:
        """A divisor, and numerators over it just below and just above; divisor 0 where int64 is too small."""
        divisor = lcm(*(under for _, under in fractions))
        over = [numerator * (divisor // under) for numerator, under in fractions]
        if max(map(abs, over), default=0).bit_length() <= self._bits and divisor.bit_length() <= SUM_BITS:
            return divisor, over, over
        size = max(map(abs, over)).bit_length() - divisor.bit_length() + 1
        shift = min(SUM_BITS, self._bits - size)
        if shift < 0:
            return 0, (), ()
        low = [(numerator << shift) // divisor for numerator in over]
        high = [-((-numerator << shift) // divisor) for numerator in over]
        return 1 << shift, low, high


class AboutFloors:
    """For each of n orders one fraction, known to within ABOUT; `floors` multiplies it and rounds down.

    fractions: at least 0, NaN for 0. again: the fractions of some orders exactly, by their places.
    """

    def __init__(self, fractions: Floats, again: Callable[[Int64s], Iterable[Ratio]]) -> None:
        self._fractions, self._again = np.nan_to_num(fractions), again

    def floors(self, factor: Int64s, order: Int64s) -> Int64s:
        """`FloorSums.floors` with one factor: in floats where these decide, else exactly."""
        product = factor * self._fractions.take(order)
        off = np.abs(product) * (2 * ABOUT)
        low = np.floor(product - off)
        unsure = np.flatnonzero((low != np.floor(product + off)) | (off > WHOLE_FLOATS_MAX * ABOUT))
        low[unsure] = 0
        found = low.astype(np.int64)
        if len(unsure):
            for entry, fraction in zip(unsure.tolist(), self._again(order[unsure]), strict=True):
                found[entry] = _exact([int(factor[entry])], [fraction])
        return found


def _exact(factors: Sequence[int], fractions: Sequence[Ratio]) -> int:
    total, scale = 0, 1
    for factor, (numerator, denominator) in zip(factors, fractions, strict=False):
        total = total * denominator + factor * numerator * scale
        scale *= denominator
    return max(-FLOOR_MAX, min(total // scale, FLOOR_MAX))
