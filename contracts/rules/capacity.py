"""Whether a seller may bind itself to a volume: what was counted of its facility refuses or flags it."""

from collections.abc import Iterator
from typing import Final

from contracts.rules.refusals import CapacityOvercommitted
from events.capacity_terms import CapacityCount, CountedQuarter
from events.fractions import decimal_text
from events.refusal import Refusal
from events.vocabulary import ProductForm

G_PER_TONNE: Final = 10**6


def overcommitted(count: CapacityCount, form: ProductForm) -> Iterator[Refusal]:
    """For each quarter that passes the capacity, where the rule of the day refuses it."""
    if count.rule == "refuse":
        yield from exceeded(count, form)


def exceeded(count: CapacityCount, form: ProductForm) -> Iterator[CapacityOvercommitted]:
    for each in count.quarters:
        if each.committed_g + each.asked_g > each.capacity_g:
            yield _exceeded(each, form)


def _exceeded(each: CountedQuarter, form: ProductForm) -> CapacityOvercommitted:
    return CapacityOvercommitted(
        pointer="/proposal",
        quarter=f"{each.year}-Q{each.quarter}",
        product=form if each.element is None else f"{each.element} in {form}",
        capacity=_tonnes_text(each.capacity_g),
        committed=_tonnes_text(each.committed_g),
        asked=_tonnes_text(each.asked_g),
    )


def _tonnes_text(grams: int) -> str:
    return f"{decimal_text(grams, G_PER_TONNE)} t"
