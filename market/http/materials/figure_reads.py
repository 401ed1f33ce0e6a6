"""What the figures of an initiative are made of, read from orders, matches and deliveries of its partners."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import UNSET, Struct

from events.connections import Connection
from events.initiative_terms import FigureMeasure, FigureStage
from events.market_terms import SupplyTerms
from events.party_events import PARTNERS_MAX
from events.vocabulary import MarketBasis, ProductForm
from market.http.materials.crma import PUBLIC_MIN, dated_rules
from market.http.materials.crma_lots import Asked, check_size, load_delivered, load_lots
from market.http.wire.endpoint import Call
from market.http.wire.reads import as_desk
from market.rules.crma.dated import CrmaRules, rules_on
from market.rules.crma.resales import less_resold
from market.rules.crma.shares import consumed, shares
from market.rules.crma.taken import Taken
from market.rules.goods import pieces_of
from market.rules.orders.initiatives import Initiative
from market.rules.quantities import product_g
from market.rules.twins.capacities import quarter_of, quarter_start
from market.rules.visibility.initiative_figures import STAGE_OF, Amount, RoutedGoods, StateFigures
from market.store import crma, initiative_amounts
from market.store.initiative_amounts import AMOUNTS_MAX, Agreed, Ordered

ONE_DAY: Final = timedelta(days=1)
Groups = Mapping[UUID, UUID]
MEASURES: Final[dict[tuple[str, bool], FigureMeasure]] = {
    ("agreed", True): "agreed_inside",
    ("agreed", False): "agreed_across",
    ("delivered", True): "delivered_inside",
    ("delivered", False): "delivered_across",
}


class Trade(Struct, frozen=True, kw_only=True):
    """Grams of basis that went from one side to the other, at least one of them a partner."""

    how: Literal["agreed", "delivered"]
    seller: UUID
    buyer: UUID
    market: UUID
    form: ProductForm
    mass_g: int

    @classmethod
    def of(cls, lot: Agreed) -> "Trade":
        return cls(
            how="agreed",
            seller=lot.seller,
            buyer=lot.buyer,
            market=lot.market,
            form=lot.supplied.form,
            mass_g=lot.quantity_g,
        )


async def load_figures(call: Call[Any, Any], initiative: Initiative, since: date) -> StateFigures:
    """Of the quarter that `since` lies in, whole. DoorError when there is too much for one statement."""
    quarter = quarter_of(since)
    first, until = quarter_start(quarter), quarter_start(quarter + 1)
    by = initiative.details.coordinated_by
    async with as_desk(call) as connection:
        members = await initiative_amounts.load_members(connection, initiative.initiative, PARTNERS_MAX)
        check_size(len(members), PARTNERS_MAX)
        partners = {each.organisation: each.group for each in members}
        async with call.door.desk.looking() as journal:
            ordered = await initiative_amounts.load_ordered(journal, list(partners), first, until)
        agreed = await initiative_amounts.load_agreed(connection, list(partners), first, until)
        check_size(max(len(ordered), len(agreed)), AMOUNTS_MAX)
        asked = _asked(first.date(), until.date())
        trades = [*map(Trade.of, agreed), *await _delivered(connection, partners, asked)]
        named = {side for each in trades for side in (each.seller, each.buyer)}
        named |= set() if by is UNSET else {by}
        known = await crma.load_organisations(connection, sorted(named))
        bases = await crma.market_bases(
            connection, {each.market for each in ordered} | {each.market for each in trades}
        )
        taken = [each.taken for each in await load_lots(connection, asked)]
        least = await crma.organisations_min(connection, None) or PUBLIC_MIN
    groups = partners | {each: found.group for each, found in known.items()}
    leader = None if by is UNSET else groups[by]
    consumption = _consumption(taken, partners, asked.rules)
    others = [each for each in consumption if leader not in (each.buyer.group, each.seller.group)]
    return StateFigures(
        caller=call.caller,
        initiative=initiative.initiative,
        since=since,
        partners=partners,
        coordinated_by=by,
        coordinator_group=leader,
        amounts=(
            *(_order(each, groups, bases) for each in ordered),
            *(_trade(each, partners, groups, bases) for each in trades),
        ),
        shares=shares(consumption, asked.rules),
        others_shares=shares(others, asked.rules),
        routes=tuple(_routed(agreed, groups)),
        groups_min=max(least, PUBLIC_MIN),
    )


def _asked(since: date, until: date) -> Asked:
    rules = rules_on(dated_rules(), until - ONE_DAY)
    return Asked(counted="taken", market=None, since=since, until=until, own=None, rules=rules)


async def _delivered(connection: Connection, partners: Groups, asked: Asked) -> list[Trade]:
    """What was taken of accepted deliveries, in the period in which they were shipped."""
    return [
        Trade(
            how="delivered",
            seller=lot.seller,
            buyer=lot.buyer,
            market=lot.delivery.shipped.market,
            form=lot.delivery.shipped.form,
            mass_g=taken_g,
        )
        for lot in await load_delivered(connection, asked)
        if (lot.seller in partners or lot.buyer in partners) and (taken_g := lot.delivery.taken_g)
    ]


def _consumption(taken: Sequence[Taken], partners: Groups, rules: CrmaRules) -> list[Taken]:
    """What partners took that consume in the Union, each material once."""
    bought = [each for each in consumed(taken, rules) if each.buyer.organisation in partners]
    return less_resold(bought, taken, rules)


def _order(order: Ordered, groups: Groups, bases: Mapping[UUID, MarketBasis]) -> Amount:
    terms = order.terms
    offered = isinstance(terms, SupplyTerms)
    forms = [terms.form] if isinstance(terms, SupplyTerms) else [each.form for each in terms.forms]
    return Amount(
        measure="offered" if offered else "needed",
        stage=_stage(forms),
        material=bases[order.market],
        groups=(groups[order.organisation],),
        mass_g=order.basis_g,
    )


def _stage(forms: Iterable[ProductForm]) -> FigureStage:
    stages = {STAGE_OF[form] for form in forms}
    return stages.pop() if len(stages) == 1 else "several"


def _trade(trade: Trade, partners: Groups, groups: Groups, bases: Mapping[UUID, MarketBasis]) -> Amount:
    inside = trade.seller in partners and trade.buyer in partners
    return Amount(
        measure=MEASURES[trade.how, inside],
        stage=STAGE_OF[trade.form],
        material=bases[trade.market],
        groups=(groups[trade.seller], groups[trade.buyer]),
        mass_g=trade.mass_g,
    )


def _routed(agreed: Iterable[Agreed], groups: Groups) -> Iterator[RoutedGoods]:
    """What went a route that its buyer named, or the only one that was offered."""
    for each in agreed:
        only = each.supplied.rex_routes[0] if len(each.supplied.rex_routes) == 1 else None
        route = each.wanted.rex_route or only
        if route is not None and each.supplied.rex_routes:
            net_wet_g = product_g(each.quantity_g, each.supplied.basis_g, each.supplied.net_wet_g)
            yield RoutedGoods(
                route=route,
                groups=(groups[each.seller], groups[each.buyer]),
                goods_g=net_wet_g,
                pieces=pieces_of(each.supplied, net_wet_g),
            )
