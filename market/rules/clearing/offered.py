"""The problem of a section with portfolio limits, whose edges may have negative values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from market.rules.optimum.problem import Int32s, Int64s, Mask
from market.rules.packages import Divisibility
from market.rules.rounding import Ratio


@dataclass(frozen=True, eq=False, slots=True)
class Offered:
    """The arrays of a Problem before it is one: `value` may be negative where the buyer has a ratio.

    Such a buyer may pay more than its limit for one lot as long as all it gets together is worth its limit.
    Each buyer is an order of its own; all edges are tradable.
    """

    supply: Int64s
    demand: Int64s
    seller: Int32s
    buyer: Int32s
    value: Int64s
    ranks: tuple[Int64s, Int64s]
    tiebreak: Int64s
    terms: Divisibility

    def limited(self, ratios: Sequence[Ratio]) -> Mask:
        """Buyers that hold their trades to a ratio."""
        held = {ratio.buyer_order for ratio in ratios}
        return np.array([order in held for order in self.terms.buyer_order], dtype=np.bool_)
