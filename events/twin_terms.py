"""What a product twin states of one unit: its magnets, how it is taken apart, how long it lives."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from events.forecast_terms import ElementShare, LifeBounds
from events.rex_terms import CoreMagnet, DisassemblyStep
from events.vocabulary import Code, Text

ToolClass = Literal["none", "basic", "supplied", "commercially_available", "proprietary"]
"""What a step needs: nothing, tools that everybody has, one that comes with the product, one that is on sale,
one that only its maker has."""


class TwinMagnet(CoreMagnet, frozen=True, kw_only=True):
    """As the bill of a core has it, and what it is made of."""

    elements: Annotated[tuple[ElementShare, ...], Meta(min_length=1, max_length=16)]


class TwinStep(DisassemblyStep, frozen=True, kw_only=True):
    """One step on the way to the magnets."""

    tool_class: ToolClass


class ProductTwinTerms(Struct, frozen=True, kw_only=True):
    """`application`: what the product is for, as reference data of lives names it.

    A Weibull life in millionths of a year, its shape in millionths. `passport`: of the product, whose record
    of magnets (CRMA, Article 28) the bill was held against.
    """

    name: Text
    application: Code
    magnets: Annotated[tuple[TwinMagnet, ...], Meta(min_length=1, max_length=64)]
    steps: Annotated[tuple[TwinStep, ...], Meta(min_length=1, max_length=64)]
    scale_micro_years: LifeBounds
    shape_micro: Annotated[int, Meta(ge=1, le=10**8)]
    passport: UUID | None = None
