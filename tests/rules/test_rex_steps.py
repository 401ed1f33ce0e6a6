"""Which route goods went, how it compares with their condition, and who sees what of a market's routes."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.vocabulary import ConditionGrade, RexRoute
from market.rules.orders.rex import STANDARD_CEILINGS
from market.rules.orders.rex_steps import MatchedGoods, Routed, RouteSum, routed, sums
from market.rules.viewers import AuditorViewer, Band, OperatorViewer, OrganisationViewer, PublicViewer
from market.rules.visibility.rex_visibility import BandedRoute, pieces_band, see_routes
from tests.desk_support import BUYER, MARKET, NOW, RULE_SET, SELLER, supply_order

RULES = replace(RULE_SET, route_ceilings=STANDARD_CEILINGS)
TERMS = replace(supply_order().terms, form="eol_magnet", condition="A", rex_routes=("reuse", "recycle"))
GOODS = MatchedGoods(
    match=UUID(int=1),
    supply=UUID(int=2),
    market=MARKET,
    seller=SELLER,
    buyer=BUYER,
    struck_at=NOW,
    quantity_g=TERMS.basis_g,
    terms=TERMS,
    wanted="recycle",
)
LOT = routed(GOODS, RULES)
FIRMS = tuple(UUID(int=100 + number) for number in range(12))
OWN = {firm: firm for firm in FIRMS}


@pytest.mark.parametrize(
    ("condition", "offered", "wanted", "went", "lower"),
    [
        ("A", ("reuse", "recycle"), "recycle", "recycle", True),
        ("A", ("reuse", "recycle"), "reuse", "reuse", False),
        ("C", ("repurpose", "recycle"), "repurpose", "repurpose", False),
        ("C", ("recycle",), None, "recycle", True),
        ("D", ("recycle",), None, "recycle", False),
        (None, ("recycle",), None, "recycle", False),
        ("A", ("reuse", "recycle"), None, None, False),
    ],
)
def test_lower_than_its_condition_allows(
    condition: ConditionGrade | None,
    offered: tuple[RexRoute, ...],
    wanted: RexRoute | None,
    went: RexRoute | None,
    lower: bool,
) -> None:
    """What nobody has graded, or nobody names a route for, is not said to have gone lower."""
    terms = replace(TERMS, condition=condition, rex_routes=offered)
    found = routed(replace(GOODS, terms=terms, wanted=wanted), RULES)
    assert (went, lower, TERMS.net_wet_g) == (found.route, found.stepped_down, found.goods_g)
    assert not routed(replace(GOODS, terms=terms, wanted=wanted), None).stepped_down


def test_sums_by_route_say_what_of_them_went_lower() -> None:
    lots = [LOT, replace(LOT, route="reuse", goods_g=5, pieces=7), replace(LOT, route=None, goods_g=3)]
    assert (
        RouteSum(route="reuse", matches=1, goods_g=5, pieces=7, stepped_down_matches=0, stepped_down_g=0),
        RouteSum(
            route="recycle",
            matches=1,
            goods_g=LOT.goods_g,
            pieces=LOT.pieces,
            stepped_down_matches=1,
            stepped_down_g=LOT.goods_g,
        ),
        RouteSum(
            route=None, matches=1, goods_g=3, pieces=LOT.pieces, stepped_down_matches=0, stepped_down_g=0
        ),
    ) == sums(lots)


def trades(*pairs: tuple[int, int], **changes: Any) -> list[Routed]:
    given: dict[str, Any] = {"goods_g": 1_000, "pieces": 10} | changes
    return [replace(LOT, seller=FIRMS[one], buyer=FIRMS[other], **given) for one, other in pairs]


def test_everybody_sees_bands_of_a_crowd_on_both_sides_and_overseers_sums() -> None:
    public, firm = PublicViewer(key=b"k" * 32), OrganisationViewer(organisation=FIRMS[0])
    crowd = trades(*zip(range(5), range(5, 10), strict=True))
    band = BandedRoute(route="recycle", goods_g=Band(low=5_000, high=10_000), pieces=Band(low=50, high=100))
    for viewer in (public, firm):
        assert (band,) == see_routes(crowd, OWN, viewer, 5)
        assert () == see_routes(crowd[1:], OWN, viewer, 5)
        assert () == see_routes([*crowd, *trades((0, 9), goods_g=5_000)], OWN, viewer, 5)
        assert () == see_routes(trades(*((seller, 9) for seller in range(5))), OWN, viewer, 5)
        assert () == see_routes(crowd, OWN | {FIRMS[1]: FIRMS[0]}, viewer, 5)
        assert (replace(band, pieces=None),) == see_routes(
            [replace(crowd[0], pieces=0), *crowd[1:]], OWN, viewer, 5
        )
    for overseer in (OperatorViewer(cut=0), AuditorViewer()):
        assert sums(crowd[1:]) == see_routes(crowd[1:], OWN, overseer, 5)


def test_bands_of_pieces_hold_their_figure() -> None:
    for pieces in (0, 1, 2, 4, 5, 9, 10, 199, 200, 12_345):
        band = pieces_band(pieces)
        assert band.low <= pieces < band.high
