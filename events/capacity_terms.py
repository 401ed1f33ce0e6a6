"""What a facility can make, and how an order was held against it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.vocabulary import Code, Count, FractionPpb, MassG, ProductForm

CapacityRule = Literal["refuse", "flag"]
"""What becomes of an order that its facility cannot make beside what it has committed."""


class RampStep(Struct, frozen=True, kw_only=True):
    """From this quarter on a facility makes `share_ppb` of its nameplate, until the next step."""

    year: Annotated[int, Meta(ge=2000, le=2200)]
    quarter: Annotated[int, Meta(ge=1, le=4)]
    share_ppb: FractionPpb


class FacilityCapacity(Struct, frozen=True, kw_only=True):
    """Nameplate capacity in grams of product per year, or of `element` contained in it.

    `yield_ppb`: mass of that made for mass of that fed. Without a ramp the nameplate holds in every quarter,
    with one nothing is made before its first step.
    """

    form: ProductForm
    nameplate_g_per_year: MassG
    element: Code | None = None
    yield_ppb: FractionPpb | None = None
    ramp: Annotated[tuple[RampStep, ...], Meta(max_length=40)] = ()


class CountedQuarter(Struct, frozen=True, kw_only=True):
    """What a facility makes in a quarter, what was committed of it before, and what the order asks of it.

    Grams of product, or of `element` in it.
    """

    year: Annotated[int, Meta(ge=2000, le=2200)]
    quarter: Annotated[int, Meta(ge=1, le=4)]
    element: Code | None = None
    capacity_g: MassG
    committed_g: Count
    asked_g: Count


class CapacityCount(Struct, frozen=True, kw_only=True):
    """An order held against its facility when it was posted or last amended, an agreement when its seller
    signed it as binding, by the rule of that day.

    No quarters: no facility that states a capacity for the form, or an amendment of an agreement that asks no
    quarter for more; nothing was counted. `position`: of the member's copy in its own lane that the capacity
    was read from.
    """

    rule: CapacityRule
    position: Count
    quarters: Annotated[tuple[CountedQuarter, ...], Meta(max_length=4096)] = ()


def passes(each: CountedQuarter) -> bool:
    """Whether more is asked of the facility than it makes beside what was committed."""
    return each.committed_g + each.asked_g > each.capacity_g


def product_text(form: ProductForm, element: str | None) -> str:
    return form if element is None else f"{element} in {form}"
