"""Shares of the elements in a magnet of a product: together no more than all of it."""

from collections.abc import Iterable, Iterator

from events.forecast_terms import Bounds, ProductMagnet
from events.fractions import ppb_text
from events.twin_terms import TwinMagnet
from events.vocabulary import PPB
from market.rules.refusing.forecast_defects import SharesAboveMagnet


def share_refusals(
    magnets: Iterable[ProductMagnet | TwinMagnet], pointer: str, *, at_least: bool = False
) -> Iterator[SharesAboveMagnet]:
    """`pointer`: of the magnets. `at_least`: by the lower bounds alone, as was asked of them before."""
    for line, magnet in enumerate(magnets):
        bounds: list[Bounds] = [each.fraction_ppb for each in magnet.elements]
        if sum(each.low if at_least else each.middle for each in bounds) > PPB:
            share = ppb_text(sum(each.middle for each in bounds))
            yield SharesAboveMagnet(pointer=f"{pointer}/{line}/elements", share=share)
