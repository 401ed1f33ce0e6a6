"""Warnings about orders so large that the marginality tolerance excludes trades that the order itself would
accept."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from events.fractions import percent_text
from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import Caution
from events.vocabulary import PPB
from market.rules.refusing.ineligibility import kg_text

TOLERANCE_MOST: Final = 10
"""One part in as many is the most that any order is asked about."""


class _Least(NamedTuple):
    """The grams of an order and of the least trade that it states, both wet or both of basis."""

    quantity_g: int
    least_g: int
    pointer: str


def may_pass_over(terms: SupplyTerms | RequirementTerms) -> bool:
    """Whether a tolerance of a tenth would be above the least trade of the order: else none is read."""
    of = _least(terms)
    return of.least_g * TOLERANCE_MOST < of.quantity_g


def tolerance_cautions(terms: SupplyTerms | RequirementTerms, tolerance_ppb: int) -> Iterator[Caution]:
    """`tolerance_ppb` of the rule set in effect."""
    of = _least(terms)
    tolerance_g = -(-of.quantity_g * tolerance_ppb // PPB)
    if tolerance_g <= of.least_g:
        return
    yield Caution(
        code="small_fills_removed",
        text=(
            f"If a round would trade less than {kg_text(tolerance_g)} of this order, "
            f"{percent_text(tolerance_ppb)} of what is left of it, it trades nothing of it at any "
            f"price, although the order's own minimum is {kg_text(of.least_g)}: if the other side's "
            "orders may be smaller, post it as several smaller orders."
        ),
        pointer=of.pointer,
    )


def _least(terms: SupplyTerms | RequirementTerms) -> _Least:
    if isinstance(terms, RequirementTerms):
        least_g = max(terms.minimum_parcel_g, terms.minimum_quantity_g or 0)
        return _Least(terms.basis_g, least_g, "/basis_g")
    if terms.all_or_nothing:
        return _Least(terms.net_wet_g, terms.net_wet_g, "/net_wet_g")
    least_g = max(terms.minimum_parcel_wet_g, terms.minimum_quantity_wet_g or 0)
    return _Least(terms.net_wet_g, least_g, "/net_wet_g")
