"""What a viewer may see of the Re-X routes of a market's goods: operators and auditors the sums, everybody
else bands of routes with enough groups of companies on both sides."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.vocabulary import REX_HIERARCHY, RexRoute
from market.rules.orders.rex_steps import Routed, RouteSum, sums
from market.rules.viewers import AuditorViewer, Band, OperatorViewer, Viewer, mass_band_g
from market.rules.visibility.crowd import is_crowd

PER_PIECE: Final = 1_000
"""Bands of pieces have the steps of those of kilograms."""


class BandedRoute(Struct, frozen=True, kw_only=True):
    """`pieces` None: of too few is it known how many."""

    route: RexRoute
    goods_g: Band
    pieces: Band | None


def see_routes(
    lots: Sequence[Routed], groups: Mapping[UUID, UUID], viewer: Viewer, groups_min: int
) -> tuple[RouteSum, ...] | tuple[BandedRoute, ...]:
    """`groups`: groups of companies by organisation of either side. No total is shown with the routes."""
    if isinstance(viewer, OperatorViewer | AuditorViewer):
        return sums(lots)
    return tuple(
        BandedRoute(
            route=route,
            goods_g=mass_band_g(sum(each.goods_g for each in of_route)),
            pieces=pieces_band(sum(each.pieces for each in of_route))
            if crowded([(each, each.pieces) for each in of_route], groups, groups_min)
            else None,
        )
        for route in REX_HIERARCHY
        for of_route in ([each for each in lots if each.route == route],)
        if crowded([(each, each.goods_g) for each in of_route], groups, groups_min)
    )


def crowded(parts: Sequence[tuple[Routed, int]], groups: Mapping[UUID, UUID], groups_min: int) -> bool:
    """Whether enough groups of companies contribute to the sum, as sellers and as buyers."""
    sold: dict[UUID, int] = {}
    bought: dict[UUID, int] = {}
    for each, figure in parts:
        if figure:
            for side, who in ((sold, each.seller), (bought, each.buyer)):
                side[groups[who]] = side.get(groups[who], 0) + figure
    return is_crowd(sold.values(), groups_min) and is_crowd(bought.values(), groups_min)


def pieces_band(pieces: int) -> Band:
    """0, 1, 2, 5, 10, 20 … pieces."""
    band = mass_band_g(pieces * PER_PIECE)
    return Band(low=band.low // PER_PIECE, high=-(-band.high // PER_PIECE))
