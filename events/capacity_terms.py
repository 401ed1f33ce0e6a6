"""What a facility can make, and the result of checking an order against it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.vocabulary import Code, Count, FractionPpb, MassG, ProductForm

CapacityRule = Literal["refuse", "flag"]
"""What happens to an order for more than its facility can make in addition to what is committed."""


class RampStep(Struct, frozen=True, kw_only=True):
    """From this quarter on a facility makes `share_ppb` of its nameplate, until the next step."""

    year: Annotated[int, Meta(ge=2000, le=2200)]
    quarter: Annotated[int, Meta(ge=1, le=4)]
    share_ppb: FractionPpb


class FacilityCapacity(Struct, frozen=True, kw_only=True):
    """Nameplate capacity in grams of product per year, or of `element` contained in it.

    `yield_ppb`: mass of product per mass of input. Without a ramp, the nameplate applies in every quarter;
    with one, nothing is made before its first step.
    """

    form: ProductForm
    nameplate_g_per_year: MassG
    element: Code | None = None
    yield_ppb: FractionPpb | None = None
    ramp: Annotated[tuple[RampStep, ...], Meta(max_length=40)] = ()


class CountedQuarter(Struct, frozen=True, kw_only=True):
    """What a facility makes in a quarter, what of it was already committed, and what the order needs of it.
    Grams of product, or of `element` in it."""

    year: Annotated[int, Meta(ge=2000, le=2200)]
    quarter: Annotated[int, Meta(ge=1, le=4)]
    element: Code | None = None
    capacity_g: MassG
    committed_g: Count
    asked_g: Count


class CapacityCount(Struct, frozen=True, kw_only=True):
    """The check of an order against its facility's capacity, when it was posted or last amended, or of an
    agreement, when its seller signed it as binding; by the rule of that day.

    Without quarters nothing was counted: no facility states a capacity for the form, or an amendment of an
    agreement needs no more in any quarter. `position`: of the copy of the member in its own lane from which
    the capacity was read.
    """

    rule: CapacityRule
    position: Count
    quarters: Annotated[tuple[CountedQuarter, ...], Meta(max_length=4096)] = ()


def passes(each: CountedQuarter) -> bool:
    """Whether the order and what was committed before exceed what the facility makes."""
    return each.committed_g + each.asked_g > each.capacity_g


def product_text(form: ProductForm, element: str | None) -> str:
    return form if element is None else f"{element} in {form}"
