"""Published figures of an initiative: bands, each over a sufficient number of groups of companies."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.origin_terms import OriginStage
from events.vocabulary import INTEGER_MAX, PPB, Code, MarketBasis, RexRoute, ValueChainStage

FigureMeasure = Literal[
    "offered",
    "needed",
    "agreed",
    "agreed_inside",
    "agreed_across",
    "delivered",
    "delivered_inside",
    "delivered_across",
]
FigureStage = ValueChainStage | Literal["several"]
FigureVerdict = Literal["met", "not_met", "undetermined", "no_rule"]


class FigureBand(Struct, frozen=True, kw_only=True, gc=False):
    """`low` ≤ figure < `high`, in the unit its name says."""

    low: Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
    high: Annotated[int, Meta(ge=0, le=INTEGER_MAX)]


class FigureCell(Struct, frozen=True, kw_only=True):
    """Grams of a market's basis; `stage` None: all stages together. `inside`: both sides are partners;
    `across`: only one is."""

    measure: FigureMeasure
    stage: FigureStage | None
    material: MarketBasis
    mass_g: FigureBand


class FigureShare(Struct, frozen=True, kw_only=True):
    """Shares of the partners' consumption of an element at a stage: the Union's, the unknown one and the
    largest third country's; with the benchmark and the ceiling of a day."""

    element: Code
    stage: OriginStage
    union_ppb: FigureBand
    undeclared_ppb: FigureBand
    largest_third_ppb: FigureBand
    benchmark_ppb: Annotated[int, Meta(ge=0, le=PPB)] | None
    benchmark: FigureVerdict
    ceiling_ppb: Annotated[int, Meta(ge=0, le=PPB)] | None
    ceiling: FigureVerdict


class FigureRoute(Struct, frozen=True, kw_only=True):
    """Net wet grams, and pieces, of goods for a Re-X route in the partners' matches; `pieces` None: too few
    state the number."""

    route: RexRoute
    goods_g: FigureBand
    pieces: FigureBand | None
