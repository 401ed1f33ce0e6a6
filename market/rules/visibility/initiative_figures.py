"""Which figures of an initiative's partners together may be published, once per quarter.

A figure is published if enough groups of companies contribute to it, none with more than half; this has to
hold without the coordinator's own group too, since it could subtract its own part. The rest of a total after
subtracting all published parts is a figure as well, so parts are withheld until the condition also holds for
the rest.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import Struct, UnsetType

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
from events.vocabulary import (
    BASIS_ELEMENTS,
    PPB,
    REX_HIERARCHY,
    MarketBasis,
    ProductForm,
    RexRoute,
    ValueChainStage,
)
from market.rules.crma.shares import ElementShares
from market.rules.orders.initiatives import Initiative
from market.rules.refusing.party_refusals import (
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
    """Of an initiative that was stated, of the same quarter. `coordinator_group`: of who led it then;
    `partners` by their ids, with their groups of companies."""

    initiative: str
    coordinator_group: UUID | None
    partners: Mapping[UUID, UUID]


class FiguresState(Struct, frozen=True, kw_only=True):
    """`lane` is that of the initiative's code. `stated`: of the quarter, by any initiative."""

    lane: int
    initiative: Initiative | None
    stated: tuple[StatedFigures, ...] = ()


class StateFigures(Struct, frozen=True, kw_only=True):
    """`since` is the first day of a quarter. `partners`: their groups of companies by their ids.
    `coordinator_group`: of `coordinated_by`. `others_shares`: of what that group was no side of."""

    caller: Caller
    initiative: str
    since: date
    partners: Mapping[UUID, UUID]
    coordinated_by: UUID | UnsetType
    coordinator_group: UUID | None
    amounts: tuple[Amount, ...]
    shares: tuple[ElementShares, ...]
    others_shares: tuple[ElementShares, ...]
    routes: tuple[RoutedGoods, ...]
    groups_min: int


_Grams = dict[tuple[UUID, ...], int]
Behind = Mapping[tuple[UUID, ...], int]
"""Grams by groups of companies: of an order one, of a trade the seller's and the buyer's."""


class Threshold(Struct, frozen=True, kw_only=True):
    groups_min: int
    without: UUID | None

    def passed(self, behind: Behind) -> bool:
        """On each side, of all and of what the coordinator's group is no side of."""
        others = {groups: grams for groups, grams in behind.items() if self.without not in groups}
        return self.crowded(_sides(behind)) and self.crowded(_sides(others))

    def crowded(self, sides: Collection[Mapping[UUID, int]]) -> bool:
        return bool(sides) and all(is_crowd(side.values(), self.groups_min) for side in sides)


def _sides(behind: Behind) -> tuple[dict[UUID, int], ...]:
    sides: tuple[dict[UUID, int], ...] = tuple({} for _ in next(iter(behind), ()))
    for groups, grams in behind.items():
        for side, group in zip(sides, groups, strict=True):
            side[group] = side.get(group, 0) + grams
    return sides


def state(figures: FiguresState, argument: StateFigures, moment: Moment) -> Decision:
    """By the coordinator or an operator, of a quarter that is over, once. Raises Refusals."""
    initiative = _led(figures, argument.caller)
    quarter = quarter_of(argument.since)
    over = quarter_start(quarter + 1)
    if argument.since != quarter_start(quarter).date() or moment.now < over:
        raise QuarterNotOver(pointer="/since")
    _refuse_differences(figures, argument)
    threshold = Threshold(groups_min=argument.groups_min, without=argument.coordinator_group)
    routes = routes_of(argument.routes, threshold)
    fact = InitiativeFiguresStated(
        initiative=initiative.initiative,
        coordinated_by=argument.coordinated_by,
        since=argument.since,
        until=over.date(),
        partners=len(argument.partners),
        groups=tuple(sorted(set(argument.partners.values()))),
        organisations=tuple(sorted(argument.partners)),
        groups_min=argument.groups_min,
        cells=cells_of(_beside(routes, argument.amounts), threshold),
        shares=shares_of(argument.shares, argument.others_shares, threshold),
        routes=routes,
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


def _refuse_differences(figures: FiguresState, argument: StateFigures) -> None:
    """Who coordinates two initiatives could take one's figures from the other's. Raises Refusals."""
    for other in figures.stated:
        if other.initiative == argument.initiative:
            raise FiguresStatedBefore(initiative=argument.initiative)
        if other.coordinator_group is None or other.coordinator_group != argument.coordinator_group:
            continue
        for these, those in ((argument.partners, other.partners), (other.partners, argument.partners)):
            left = {group for organisation, group in these.items() if organisation not in those}
            if 0 < len(left) < argument.groups_min:
                raise FiguresWouldDiffer(other=other.initiative, least=argument.groups_min)


def _beside(routes: Collection[FigureRoute], amounts: Iterable[Amount]) -> Iterator[Amount]:
    """Whole magnets count by net mass: of a total of those agreed, told routes would leave what few sent."""
    for each in amounts:
        if BASIS_ELEMENTS[each.material] or TOTALS[each.measure] != "agreed" or not routes:
            yield each


def cells_of(amounts: Iterable[Amount], threshold: Threshold) -> tuple[FigureCell, ...]:
    """Of each measure and material the stages and the total that may be told, in order."""
    found: dict[tuple[FigureMeasure, MarketBasis], dict[tuple[FigureMeasure, FigureStage], _Grams]] = {}
    for each in amounts:
        parts = found.setdefault((TOTALS[each.measure], each.material), {})
        _add(parts.setdefault((each.measure, each.stage), {}), each.groups, each.mass_g)
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
    """The parts that may be published, and the total if it may.

    If a total is published, the withheld parts together must themselves satisfy the condition, or nothing is
    withheld.
    """
    whole = joined(parts.values())
    told = sorted(key for key, behind in parts.items() if threshold.passed(behind))
    if not threshold.passed(whole):
        return told, None
    while len(told) < len(parts):
        if threshold.passed(joined(behind for key, behind in parts.items() if key not in told)):
            break
        told.remove(min(told, key=lambda key: (_grams(parts[key]), key)))
    return told, whole


def joined(several: Iterable[Behind]) -> Behind:
    whole: _Grams = {}
    for behind in several:
        for groups, grams in behind.items():
            _add(whole, groups, grams)
    return whole


def _add(behind: _Grams, groups: tuple[UUID, ...], grams: int) -> None:
    behind[groups] = behind.get(groups, 0) + grams


def _grams(behind: Behind) -> int:
    return sum(behind.values())


def _cell(
    measure: FigureMeasure, stage: FigureStage | None, material: MarketBasis, behind: Behind
) -> FigureCell:
    return FigureCell(
        measure=measure, stage=stage, material=material, mass_g=_band(mass_band_g(_grams(behind)))
    )


def _band(band: Band) -> FigureBand:
    return FigureBand(low=band.low, high=band.high)


def shares_of(
    shares: Iterable[ElementShares], others: Iterable[ElementShares], threshold: Threshold
) -> tuple[FigureShare, ...]:
    """In steps of 10 %; which third country is the largest is not told. `others`: without the coordinator's
    own."""
    without = {each.element: each for each in others}
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
        if each.element in without
        and all(threshold.crowded((of.bought_mg, of.sold_mg)) for of in (each, without[each.element]))
        for stage in each.stages
    )


def _share(part_ppb: int) -> FigureBand:
    return _band(content_band_ppb(part_ppb, PPB))


def routes_of(goods: Collection[RoutedGoods], threshold: Threshold) -> tuple[FigureRoute, ...]:
    """Each route separately: no total is published from which one could be subtracted."""
    found = []
    for route in REX_HIERARCHY:
        grams: _Grams = {}
        pieces: _Grams = {}
        for each in goods:
            if each.route == route:
                _add(grams, each.groups, each.goods_g)
                if each.pieces:
                    _add(pieces, each.groups, each.pieces)
        if threshold.passed(grams):
            counted = _band(pieces_band(_grams(pieces))) if threshold.passed(pieces) else None
            found.append(FigureRoute(route=route, goods_g=_band(mass_band_g(_grams(grams))), pieces=counted))
    return tuple(found)
