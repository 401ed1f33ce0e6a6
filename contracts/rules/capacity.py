"""Whether a seller may sign a volume as binding: the check of its facility's capacity refuses or flags it."""

from collections.abc import Iterator

from contracts.rules.refusals import CapacityOvercommitted
from events.capacity_terms import CapacityCount, CountedQuarter, passes, product_text
from events.fractions import tonnes_text
from events.refusal import Refusal
from events.vocabulary import ProductForm


def overcommitted(count: CapacityCount, form: ProductForm) -> Iterator[Refusal]:
    """One refusal per quarter above the capacity, if the rule of the day refuses it."""
    if count.rule == "refuse":
        yield from exceeded(count, form)


def exceeded(count: CapacityCount, form: ProductForm) -> Iterator[CapacityOvercommitted]:
    for each in count.quarters:
        if passes(each):
            yield _exceeded(each, form)


def _exceeded(each: CountedQuarter, form: ProductForm) -> CapacityOvercommitted:
    return CapacityOvercommitted(
        pointer="/proposal",
        quarter=f"{each.year}-Q{each.quarter}",
        product=product_text(form, each.element),
        capacity=tonnes_text(each.capacity_g),
        committed=tonnes_text(each.committed_g),
        asked=tonnes_text(each.asked_g),
    )
