"""Figures of an initiative as they leave the market: bands that enough groups of companies stand behind."""

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
    """Grams of a market's basis; `stage` None: of all stages together. `inside`: both sides are partners,
    `across`: one is."""

    measure: FigureMeasure
    stage: FigureStage | None
    material: MarketBasis
    mass_g: FigureBand


class FigureShare(Struct, frozen=True, kw_only=True):
    """Of what partners consumed of an element, which part the Union did at a stage, where nobody says, and
    the largest third country; against the benchmark and the ceiling of a day."""

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
    """Net wet grams, and pieces, of goods that partners' matches sent a Re-X route; `pieces` None: too few
    have told how many."""

    route: RexRoute
    goods_g: FigureBand
    pieces: FigureBand | None
