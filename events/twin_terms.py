"""What a product twin states about one unit: its magnets, disassembly and lifetime."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from events.forecast_terms import ElementShare, LifeBounds
from events.rex_terms import CoreMagnet, DisassemblyStep
from events.vocabulary import Code, Text

ToolClass = Literal["none", "basic", "supplied", "commercially_available", "proprietary"]
"""The tools of a step: none, common tools, a tool that comes with the product, one that can be bought, or one
that only the manufacturer has."""


class TwinMagnet(CoreMagnet, frozen=True, kw_only=True):
    """A magnet as in a core's bill of magnets, with its composition."""

    elements: Annotated[tuple[ElementShare, ...], Meta(min_length=1, max_length=16)]


class TwinStep(DisassemblyStep, frozen=True, kw_only=True):
    """One step on the way to the magnets."""

    tool_class: ToolClass


class ProductTwinTerms(Struct, frozen=True, kw_only=True):
    """`application`: the use of the product, as named in the reference data of lifetimes.

    The scale of the Weibull lifetime is in millionths of a year, its shape in millionths. `passport`: that of
    the product, with whose magnets (CRMA, Article 28) the bill was compared.
    """

    name: Text
    application: Code
    magnets: Annotated[tuple[TwinMagnet, ...], Meta(min_length=1, max_length=64)]
    steps: Annotated[tuple[TwinStep, ...], Meta(min_length=1, max_length=64)]
    scale_micro_years: LifeBounds
    shape_micro: Annotated[int, Meta(ge=1, le=10**8)]
    passport: UUID | None = None
