"""Re-X routes of traded goods: a market's quarter by route, and steps down."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from msgspec import UNSET, Struct

from events.connections import Connection
from events.rex_terms import StepDownReason
from events.vocabulary import ConditionGrade, Instant, ProductForm, RexRoute
from market.http.materials.crma_lots import check_size
from market.http.rounds.markets import load as load_market
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.faults import Fault
from market.http.wire.ids import MarketId, MatchId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.loading import COST, RATE
from market.http.wire.material import Body, check_days
from market.http.wire.numbers import SUM_KG, SumKg
from market.http.wire.paging import Listing
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_desk, own, sees_all
from market.rules.book import PublishedRuleSet, rule_set_at
from market.rules.orders.rex_steps import Routed, RouteSum, routed
from market.rules.twins.capacities import quarter_of, quarter_start
from market.rules.viewers import AuditorViewer, OrganisationViewer
from market.rules.visibility.rex_visibility import BandedRoute, see_routes
from market.store import crma, inputs
from market.store import rex_steps as store
from market.store.markets import MarketRow
from market.store.reading import Page
from market.store.rex_steps import GoodsRow

TAG: Final = "CRMA"
MG_PER_G: Final = 1_000
LATE: Final = timedelta(days=1)
"""How long a timer may take to let a match lapse."""
RuleSets = dict[UUID, list[PublishedRuleSet]]


class RoutesQuery(Struct, frozen=True, kw_only=True):
    """`since`: the first day of a quarter; without it the last that the caller may read."""

    since: date | None = None

    def __post_init__(self) -> None:
        check_days(self)


class RouteSumView(Body, frozen=True, kw_only=True):
    """Net wet kg of goods in confirmed matches; `rex_route` null: nobody says which. `pieces` as far as it is
    known how many. Of them, what went lower than the condition it was graded allows."""

    rex_route: RexRoute | None
    matches: int
    goods_kg: SumKg
    pieces: int
    stepped_down_matches: int
    stepped_down_kg: SumKg

    @classmethod
    def of(cls, value: RouteSum) -> Self:
        return cls(
            rex_route=value.route,
            matches=value.matches,
            goods_kg=SUM_KG.text(value.goods_g * MG_PER_G),
            pieces=value.pieces,
            stepped_down_matches=value.stepped_down_matches,
            stepped_down_kg=SUM_KG.text(value.stepped_down_g * MG_PER_G),
        )


class BandedRouteView(Body, frozen=True, kw_only=True):
    """At least the first figure, less than the second; pieces null if too few state them."""

    rex_route: RexRoute
    least_kg: SumKg
    most_kg: SumKg
    least_pieces: int | None
    most_pieces: int | None

    @classmethod
    def of(cls, value: BandedRoute) -> Self:
        return cls(
            rex_route=value.route,
            least_kg=SUM_KG.text(value.goods_g.low * MG_PER_G),
            most_kg=SUM_KG.text(value.goods_g.high * MG_PER_G),
            least_pieces=None if value.pieces is None else value.pieces.low,
            most_pieces=None if value.pieces is None else value.pieces.high,
        )


class RoutesView(Body, frozen=True, kw_only=True, tag_field="shown", tag="exact"):
    market: MarketId
    since: date
    until: date
    routes: tuple[RouteSumView, ...]


class BandedRoutesView(Body, frozen=True, kw_only=True, tag_field="shown", tag="banded"):
    market: MarketId
    since: date
    until: date
    bands: tuple[BandedRouteView, ...]


class StepDownView(Body, frozen=True, kw_only=True):
    """Goods that went to a lower step of the waste hierarchy than their condition allows; the reason as their
    seller gave it, null where its offer held the higher step open too."""

    match: MatchId
    market: MarketId
    struck_at: Instant
    form: ProductForm
    condition: ConditionGrade | None
    allowed_route: RexRoute | None
    rex_route: RexRoute | None
    goods_kg: SumKg
    pieces: int
    reason: StepDownReason | None
    note: str | None

    @classmethod
    def of(cls, lot: Routed) -> Self:
        given = None if lot.step_down is UNSET else lot.step_down
        return cls(
            match=to_text("match", lot.match),
            market=to_text("mkt", lot.market),
            struck_at=lot.struck_at,
            form=lot.form,
            condition=lot.condition,
            allowed_route=lot.allowed,
            rex_route=lot.route,
            goods_kg=SUM_KG.text(lot.goods_g * MG_PER_G),
            pieces=lot.pieces,
            reason=None if given is None else given.reason,
            note=None if given is None else given.note,
        )


@endpoint(
    "GET",
    "/v1/markets/{market}/rex-routes",
    roles=READERS,
    summary="Read which Re-X routes a market's goods went",
    tag=TAG,
    query=RoutesQuery,
    answer=(RoutesView, BandedRoutesView),
    cost=COST,
    problems=(422,),
    description="Goods of a quarter's confirmed matches by route. Operators and auditors see sums, and what "
    "went lower than its condition allows; everybody else quarters that are over and decided, in bands, of "
    f"routes that enough groups of companies stand behind on both sides. {RATE}",
)
async def read(call: Call[Nothing, RoutesQuery]) -> Answer:
    market = await load_market(call)
    whole = sees_all(call.caller)
    first, until = _quarter(call, market, finished=not whole)
    async with as_desk(call) as connection:
        rows = await store.load_goods(connection, market.market, first, until)
        check_size(len(rows), store.GOODS_MAX)
        lots = await _routed(connection, rows)
        sides = {side for each in lots for side in (each.seller, each.buyer)}
        known = await crma.load_organisations(connection, sorted(sides))
    groups = {each: found.group for each, found in known.items()}
    viewer = AuditorViewer() if whole else OrganisationViewer(organisation=call.caller.organisation)
    seen = see_routes(lots, groups, viewer, market.terms.public_organisations_min)
    head: dict[str, Any] = {
        "market": to_text("mkt", market.market),
        "since": first.date(),
        "until": until.date(),
    }
    if whole:
        sums = tuple(RouteSumView.of(each) for each in seen if isinstance(each, RouteSum))
        return Answer(body=RoutesView(routes=sums, **head), hashed=True)
    bands = tuple(BandedRouteView.of(each) for each in seen if isinstance(each, BandedRoute))
    return Answer(body=BandedRoutesView(bands=bands, **head), hashed=True)


def _quarter(
    call: Call[Nothing, RoutesQuery], market: MarketRow, *, finished: bool
) -> tuple[datetime, datetime]:
    """From when to before when. DoorError for what is no quarter, or none whose last match is decided: while
    one may come, two readings would tell it."""
    decided_after = timedelta(seconds=market.terms.confirmation_seconds) + LATE if finished else timedelta()
    last = quarter_of(call.door.clock() - decided_after) - 1
    quarter = last if call.query.since is None else quarter_of(call.query.since)
    first = quarter_start(quarter)
    if call.query.since not in (None, first.date()):
        detail = "name the first day of a quarter"
        fault = Fault(code="not_first_of_quarter", detail=detail, parameter="since")
    elif finished and quarter > last:
        detail = "everybody sees quarters that are over, a day after their last match is decided"
        fault = Fault(code="not_finished", detail=detail, parameter="since")
    else:
        return first, quarter_start(quarter + 1)
    raise DoorError("inconsistent", "That quarter has no figures here.", faults=[fault])


async def _routed(connection: Connection, rows: Sequence[GoodsRow]) -> list[Routed]:
    rule_sets: RuleSets = {}
    for lane in {row.lane for row in rows}:
        markets = sorted({row.goods.market for row in rows if row.lane == lane})
        rule_sets |= await inputs.load_rule_sets(connection, lane, markets)
    return [routed(row.goods, rule_set_at(rule_sets[row.goods.market], row.goods.struck_at)) for row in rows]


@endpoint(
    "GET",
    "/v1/rex-steps-down",
    roles=READERS,
    summary="List goods that went to a lower Re-X step than their condition allows",
    tag=TAG,
    query=PageQuery,
    answer=Listing[StepDownView],
    description="Of one's own confirmed matches, on either side; operators and auditors see everybody's. By "
    "match; a page may hold fewer than asked for.",
)
async def steps_down(call: Call[Nothing, PageQuery]) -> Answer:
    after = lists.after(call, UUID)
    async with as_desk(call) as connection:
        page = await store.list_goods(connection, own(call.caller), after=after, limit=lists.limit(call))
        lots = await _routed(connection, page.items)
    return lists.answer(
        call,
        Page(items=tuple(lots), more=page.more),
        key=lambda lot: lot.match,
        view=lambda lot: StepDownView.of(lot) if lot.stepped_down else None,
    )


HANDLERS: Final = (read, steps_down)
