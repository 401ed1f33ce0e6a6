"""What may be told of an initiative's partners together, once for each quarter.

A figure is told where enough groups of companies stand behind it, none with more than half, without the
coordinator's own too: who knows its own part would learn the rest. What is left of a total when all that is
told of it is taken away is a figure like any other, so parts are kept back until that holds of it.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft
from events.initiative_terms import (
    FigureBand,
    FigureCell,
    FigureMeasure,
    FigureRoute,
    FigureShare,
    FigureStage,
)
from events.party_events import InitiativeFiguresStated
from events.refusal import refuse
from events.vocabulary import PPB, REX_HIERARCHY, MarketBasis, ProductForm, RexRoute, ValueChainStage
from market.rules.crma.shares import ElementShares
from market.rules.orders.initiatives import Initiative
from market.rules.refusing.refusals import (
    FiguresStatedBefore,
    FiguresWouldDiffer,
    InitiativeAbsent,
    QuarterNotOver,
)
from market.rules.twins.capacities import quarter_of, quarter_start
from market.rules.viewers import Band, content_band_ppb, mass_band_g
from market.rules.visibility.crowd import is_crowd
from market.rules.visibility.rex_visibility import pieces_band

STAGE_OF: Final[dict[ProductForm, ValueChainStage]] = {
    "ore": "extraction",
    "concentrate": "extraction",
    "mixed_carbonate": "processing",
    "mixed_oxide": "processing",
    "separated_oxide": "processing",
    "metal": "processing",
    "strip_cast_alloy": "processing",
    "magnet_powder": "processing",
    "magnet_block": "manufacturing",
    "finished_magnet": "manufacturing",
    "swarf": "recycling",
    "hard_scrap": "recycling",
    "eol_magnet": "recycling",
    "core": "recycling",
    "shred_fraction": "recycling",
    "residue": "recycling",
}
TOTALS: Final[dict[FigureMeasure, FigureMeasure]] = {
    "offered": "offered",
    "needed": "needed",
    "agreed_inside": "agreed",
    "agreed_across": "agreed",
    "delivered_inside": "delivered",
    "delivered_across": "delivered",
}
"""Of which total each measure is a part."""


class Amount(Struct, frozen=True, kw_only=True):
    """Grams of basis; `groups`: of an order its own, of a trade the seller's and the buyer's."""

    measure: FigureMeasure
    stage: FigureStage
    material: MarketBasis
    groups: tuple[UUID, ...]
    mass_g: int


class RoutedGoods(Struct, frozen=True, kw_only=True):
    """Goods of one match whose buyer runs a Re-X route; seller's group and buyer's. `pieces` 0: not known."""

    route: RexRoute
    groups: tuple[UUID, ...]
    goods_g: int
    pieces: int


class StatedFigures(Struct, frozen=True, kw_only=True):
    """Of an initiative that was stated, of the same quarter. `coordinator_group`: of who led it then."""

    initiative: str
    coordinator_group: UUID | None
    groups: tuple[UUID, ...]


class FiguresState(Struct, frozen=True, kw_only=True):
    """`lane` is that of the initiative's code. `stated`: of the quarter, by any initiative."""

    lane: int
    initiative: Initiative | None
    stated: tuple[StatedFigures, ...] = ()


class StateFigures(Struct, frozen=True, kw_only=True):
    """`since` is the first day of a quarter. `partners`: their groups of companies by their ids.
    `coordinator_group`: None of an initiative that no organisation coordinates."""

    caller: Caller
    initiative: str
    since: date
    partners: Mapping[UUID, UUID]
    coordinator_group: UUID | None
    amounts: tuple[Amount, ...]
    shares: tuple[ElementShares, ...]
    routes: tuple[RoutedGoods, ...]
    groups_min: int


Behind = tuple[dict[UUID, int], ...]
"""Grams by group of companies: one side of an order, two of a trade."""


class Threshold(Struct, frozen=True, kw_only=True):
    groups_min: int
    without: UUID | None

    def passed(self, sides: Iterable[Mapping[UUID, int]]) -> bool:
        """On each side, with the coordinator's own part and without it."""
        return all(self._side(side) for side in sides)

    def _side(self, side: Mapping[UUID, int]) -> bool:
        others = [grams for group, grams in side.items() if group != self.without]
        return is_crowd(side.values(), self.groups_min) and is_crowd(others, self.groups_min)


def state(figures: FiguresState, argument: StateFigures, moment: Moment) -> Decision:
    """By the coordinator or an operator, of a quarter that is over, once. Raises Refusals."""
    initiative = _led(figures, argument.caller)
    quarter = quarter_of(argument.since)
    over = quarter_start(quarter + 1)
    if argument.since != quarter_start(quarter).date() or moment.now < over:
        raise QuarterNotOver(pointer="/since")
    groups = tuple(sorted(set(argument.partners.values())))
    _refuse_differences(figures, argument, groups)
    threshold = Threshold(groups_min=argument.groups_min, without=argument.coordinator_group)
    fact = InitiativeFiguresStated(
        initiative=initiative.initiative,
        coordinated_by=initiative.details.coordinated_by,
        since=argument.since,
        until=over.date(),
        partners=len(argument.partners),
        groups=groups,
        groups_min=argument.groups_min,
        cells=cells_of(argument.amounts, threshold),
        shares=shares_of(argument.shares, threshold),
        routes=routes_of(argument.routes, threshold),
    )
    draft = Draft(stream="parties", lane=figures.lane, subject=initiative.initiative, data=fact)
    return Decision(drafts=(draft,))


def _led(figures: FiguresState, caller: Caller) -> Initiative:
    initiative = figures.initiative
    if initiative is None or initiative.revoked:
        raise InitiativeAbsent
    if "operator" not in caller.roles:
        if initiative.details.coordinated_by != caller.organisation:
            raise InitiativeAbsent
        refuse(role_refusals(caller, "admin", "compliance"))
    return initiative


def _refuse_differences(figures: FiguresState, argument: StateFigures, groups: tuple[UUID, ...]) -> None:
    """Who coordinates two initiatives could take one's figures from the other's. Raises Refusals."""
    for other in figures.stated:
        if other.initiative == argument.initiative:
            raise FiguresStatedBefore(initiative=argument.initiative)
        if other.coordinator_group is None or other.coordinator_group != argument.coordinator_group:
            continue
        for left in (set(groups) - set(other.groups), set(other.groups) - set(groups)):
            if 0 < len(left) < argument.groups_min:
                raise FiguresWouldDiffer(other=other.initiative, least=argument.groups_min)


def cells_of(amounts: Iterable[Amount], threshold: Threshold) -> tuple[FigureCell, ...]:
    """Of each measure and material the stages and the total that may be told, in order."""
    found: dict[tuple[FigureMeasure, MarketBasis], dict[tuple[FigureMeasure, FigureStage], Behind]] = {}
    for each in amounts:
        parts = found.setdefault((TOTALS[each.measure], each.material), {})
        sides = parts.setdefault((each.measure, each.stage), tuple({} for _ in each.groups))
        _add(sides, zip(each.groups, (each.mass_g,) * len(each.groups), strict=True))
    cells = []
    for (total, material), parts in sorted(found.items()):
        told, whole = told_parts(parts, threshold)
        if whole is not None:
            cells.append(_cell(total, None, material, whole))
        cells += [_cell(measure, stage, material, parts[measure, stage]) for measure, stage in told]
    return tuple(cells)


def told_parts(
    parts: Mapping[tuple[FigureMeasure, FigureStage], Behind], threshold: Threshold
) -> tuple[list[tuple[FigureMeasure, FigureStage]], Behind | None]:
    """The parts that may be told, and the total where it may.

    Beside a total that is told, what is kept back is a crowd itself, or nothing is.
    """
    whole = joined(parts.values())
    told = sorted(key for key, sides in parts.items() if threshold.passed(sides))
    if not threshold.passed(whole):
        return told, None
    while len(told) < len(parts):
        if threshold.passed(joined(sides for key, sides in parts.items() if key not in told)):
            break
        told.remove(min(told, key=lambda key: (_grams(parts[key]), key)))
    return told, whole


def joined(several: Iterable[Behind]) -> Behind:
    whole: Behind = ()
    for sides in several:
        whole = whole or tuple({} for _ in sides)
        for one, other in zip(whole, sides, strict=True):
            for group, grams in other.items():
                one[group] = one.get(group, 0) + grams
    return whole


def _add(sides: Behind, parts: Iterable[tuple[UUID, int]]) -> None:
    for side, (group, grams) in zip(sides, parts, strict=True):
        side[group] = side.get(group, 0) + grams


def _grams(sides: Behind) -> int:
    return sum(sides[0].values())


def _cell(
    measure: FigureMeasure, stage: FigureStage | None, material: MarketBasis, sides: Behind
) -> FigureCell:
    return FigureCell(
        measure=measure, stage=stage, material=material, mass_g=_band(mass_band_g(_grams(sides)))
    )


def _band(band: Band) -> FigureBand:
    return FigureBand(low=band.low, high=band.high)


def shares_of(shares: Iterable[ElementShares], threshold: Threshold) -> tuple[FigureShare, ...]:
    """In steps of 10 %; which third country is the largest is not told."""
    return tuple(
        FigureShare(
            element=each.element,
            stage=stage.stage,
            union_ppb=_share(stage.union_ppb),
            undeclared_ppb=_share(stage.undeclared_ppb),
            largest_third_ppb=_share(0 if stage.largest_third is None else stage.largest_third.share_ppb),
            benchmark_ppb=stage.benchmark_ppb,
            benchmark=stage.benchmark,
            ceiling_ppb=stage.ceiling_ppb,
            ceiling=stage.ceiling,
        )
        for each in shares
        if threshold.passed((each.bought_mg, each.sold_mg))
        for stage in each.stages
    )


def _share(part_ppb: int) -> FigureBand:
    return _band(content_band_ppb(part_ppb, PPB))


def routes_of(goods: Collection[RoutedGoods], threshold: Threshold) -> tuple[FigureRoute, ...]:
    """Each by itself: no total is told that one could be taken from."""
    found = []
    for route in REX_HIERARCHY:
        grams: Behind = ({}, {})
        pieces: Behind = ({}, {})
        for each in goods:
            if each.route == route:
                _add(grams, zip(each.groups, (each.goods_g,) * len(grams), strict=True))
                if each.pieces:
                    _add(pieces, zip(each.groups, (each.pieces,) * len(pieces), strict=True))
        if threshold.passed(grams):
            counted = _band(pieces_band(_grams(pieces))) if threshold.passed(pieces) else None
            found.append(FigureRoute(route=route, goods_g=_band(mass_band_g(_grams(grams))), pieces=counted))
    return tuple(found)
