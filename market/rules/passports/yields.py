"""What a transformation did with each element: what came in, went out and was lost of it."""

from collections import Counter

from msgspec import Struct

from contracts.rules.price_terms import round_half_even
from events.material_events import PassportTransformed
from events.vocabulary import PPB
from market.rules.element_masses import BALANCED

USUAL_LOSS_PPB = 200_000_000
"""The lowest recovery among the routes of market/data/recycling_routes.csv, but for shredded electronics, is
80 %. More goes into slag where a plant keeps no residue, as of lanthanum and cerium."""


class ElementYield(Struct, frozen=True, kw_only=True):
    """Measured masses; `below_detection_mg` may have come in besides."""

    element: str
    in_mg: int
    below_detection_mg: int
    out_mg: int
    lost_mg: int

    @property
    def yield_ppb(self) -> int | None:
        """None where nothing of it was measured in the inputs."""
        return round_half_even(self.out_mg * PPB, self.in_mg) if self.in_mg else None

    @property
    def loss_unusual(self) -> bool:
        return self.lost_mg * PPB > (self.in_mg + self.below_detection_mg) * USUAL_LOSS_PPB


def element_yields(fact: PassportTransformed) -> tuple[ElementYield, ...]:
    """Of every element that any part or loss names, in the order of BALANCED."""
    came: Counter[str] = Counter()
    below: Counter[str] = Counter()
    went: Counter[str] = Counter()
    for part in fact.inputs:
        came.update({each.element: each.mass_mg for each in part.elements})
        below.update({each.element: each.below_detection_mg for each in part.elements})
    for part in fact.outputs:
        went.update({each.element: each.mass_mg for each in part.elements})
    lost = Counter({each.element: each.mass_mg for each in fact.losses})
    return tuple(
        ElementYield(
            element=each,
            in_mg=came[each],
            below_detection_mg=below[each],
            out_mg=went[each],
            lost_mg=lost[each],
        )
        for each in BALANCED
        if each in came or each in went or each in lost
    )
