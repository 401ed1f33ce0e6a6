"""Which Re-X routes goods took, and which of them were lower than their condition allows."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct, UnsetType

from events.market_terms import RuleSet, SupplyTerms
from events.rex_terms import StepDown
from events.vocabulary import REX_HIERARCHY, ConditionGrade, ProductForm, RexRoute
from market.rules.goods import pieces_of
from market.rules.orders.rex import best_route
from market.rules.quantities import product_g


class Routed(Struct, frozen=True, kw_only=True):
    """Goods of a confirmed match. `route`: the one that the buyer named, or the only one offered; None: not
    stated. `allowed`: the highest for the lot's graded condition; None: not graded, or no ceiling for its
    form. `pieces` 0: unknown."""

    match: UUID
    supply: UUID
    market: UUID
    seller: UUID
    buyer: UUID
    struck_at: datetime
    form: ProductForm
    condition: ConditionGrade | None
    route: RexRoute | None
    allowed: RexRoute | None
    goods_g: int
    pieces: int
    step_down: StepDown | UnsetType

    @property
    def stepped_down(self) -> bool:
        """Whether it went lower than its condition allows."""
        if self.route is None or self.allowed is None:
            return False
        return REX_HIERARCHY.index(self.route) > REX_HIERARCHY.index(self.allowed)


class MatchedGoods(Struct, frozen=True, kw_only=True):
    """A confirmed match of goods that are offered to routes, as tables have it; `wanted` is its buyer's."""

    match: UUID
    supply: UUID
    market: UUID
    seller: UUID
    buyer: UUID
    struck_at: datetime
    quantity_g: int
    terms: SupplyTerms
    wanted: RexRoute | None


class RouteSum(Struct, frozen=True, kw_only=True):
    """`route` None: nobody says. `stepped_down_g` of `goods_g` went lower than their condition allows."""

    route: RexRoute | None
    matches: int
    goods_g: int
    pieces: int
    stepped_down_matches: int
    stepped_down_g: int


def routed(goods: MatchedGoods, rule_set: RuleSet | None) -> Routed:
    """By the rule set of its round."""
    terms = goods.terms
    only = terms.rex_routes[0] if len(terms.rex_routes) == 1 else None
    net_wet_g = product_g(goods.quantity_g, terms.basis_g, terms.net_wet_g)
    return Routed(
        match=goods.match,
        supply=goods.supply,
        market=goods.market,
        seller=goods.seller,
        buyer=goods.buyer,
        struck_at=goods.struck_at,
        form=terms.form,
        condition=terms.condition,
        route=goods.wanted or only,
        allowed=best_route(terms, rule_set),
        goods_g=net_wet_g,
        pieces=pieces_of(terms, net_wet_g),
        step_down=terms.step_down,
    )


def sums(lots: Iterable[Routed]) -> tuple[RouteSum, ...]:
    """By route from the highest step down, what nobody says of last."""
    found: dict[RexRoute | None, list[Routed]] = {}
    for each in lots:
        found.setdefault(each.route, []).append(each)
    return tuple(
        RouteSum(
            route=route,
            matches=len(found[route]),
            goods_g=sum(each.goods_g for each in found[route]),
            pieces=sum(each.pieces for each in found[route]),
            stepped_down_matches=sum(each.stepped_down for each in found[route]),
            stepped_down_g=sum(each.goods_g for each in found[route] if each.stepped_down),
        )
        for route in (*REX_HIERARCHY, None)
        if route in found
    )
