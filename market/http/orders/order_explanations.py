"""The result of an order in a round, and why: for its owner its own side, in bands; for auditors
everything."""

from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from events.connections import acquire
from events.vocabulary import CountryCode, Side, ValueChainStage
from market.http.orders.candidates import ReasonView, WithheldView, reason_view
from market.http.orders.forecast_terms import ForecastMark
from market.http.orders.policy_lines import NamedPolicy
from market.http.wire import lists, rounds
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import MarketId, OrganisationId, PlanId, Prefix, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.loading import COST, RATE, BookLoads
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, SIGNED_EUR_PER_KG, DecimalText
from market.http.wire.paging import Listing
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_caller, as_desk, own, viewer
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.refusing.refusals import RoundMissing
from market.rules.visibility.own_round import (
    OwnOrderInRound,
    PricedLimit,
    Removed,
    Why,
    own_order_in_round,
    priced_limits,
)
from market.rules.visibility.standings import Alternative, OrderInRound, Outcome, order_in_round
from market.rules.visibility.visibility import see_order_in_round
from market.store import clearings
from market.store import rounds as store
from market.store.clearings import ClearingRow
from market.store.reading import Page, unless_away
from market.store.rounds import MarginalRow, RoundEvidence, SectionKey

EXPLAINED: Final = (
    "To its owner in ticks of the market and in counts, from three groups of companies on; to operators and "
    f"auditors every counter-order with its figures. {RATE}"
)
PREFIXES: Final[dict[str, Prefix]] = {"offer": "offer", "lot": "lot", "requirement": "req"}


class RoundQuery(Struct, frozen=True, kw_only=True):
    """`round`: the newest completed one if it is left out."""

    round: Annotated[int, Meta(ge=1, le=2**31)] | None = None


class RemovedView(Body, frozen=True, kw_only=True):
    """The rule by which the round left the order or a part of it out, and the sentence that says so."""

    code: str
    text: str

    @classmethod
    def of(cls, value: Removed) -> "RemovedView":
        return cls(code=value.code, text=value.text)


class LimitView(Body, frozen=True, kw_only=True):
    """What one portfolio limit of the requirement cost it per kg of basis.

    `recycled_min`: how much more a fully recycled kg was worth to it than one that is not.
    `third_country_max`: the same for a kg not from the country at that stage. `limit_price`: by how much its
    bids were lowered so that all it takes costs no more than it bids. `policies`: those that state the limit.
    """

    limit: str
    stage: ValueChainStage | None
    country: CountryCode | None
    price_eur_per_kg: DecimalText
    policies: tuple[NamedPolicy, ...] = ()

    @classmethod
    def of(cls, value: PricedLimit) -> "LimitView":
        return cls(
            limit=value.limit,
            stage=value.stage,
            country=value.country,
            price_eur_per_kg=SIGNED_EUR_PER_KG.text(value.ueur_per_kg),
            policies=tuple(map(NamedPolicy.outside, value.policies)),
        )


class AlternativeView(Body, frozen=True, kw_only=True):
    """A counter-order after the round.

    `short_eur_per_kg`: by how much the gains of both sides exceed the value of this pair; 0 is as good as the
    trades made. Null if the two were in no common section, and for requirements with portfolio limits, which
    do not judge single lots.
    """

    counter_order: str
    organisation: OrganisationId
    reasons: tuple[str, ...]
    traded_kg: DecimalText
    value_eur_per_kg: DecimalText | None
    short_eur_per_kg: DecimalText | None
    forecast: bool = False


class OrderInRoundView(Body, frozen=True, kw_only=True):
    """What became of an order in a round; kg and EUR per kg of basis.

    `why` says why a part of it was not traded: `removed` by a rule of the round; its own `portfolio` limits
    (`removed` says which, `limits` their cost in whole ticks); nobody there; nobody eligible (`reasons` with
    one's own figures); `all_dearer`: all with which it did not trade are too expensive; `indivisible`: the
    rest, its own or theirs, is less than one package, the minimum parcel or the minimum quantity;
    `all_taken`: all that fit and are not too expensive traded with it and have no more; `outbid`: others paid
    more, or asked less. `eligible`: somebody fits, but fewer than three groups of companies, so prices are
    not shown; `withheld` says so in words. `three_groups_ticks` is how far its price was from trades of three
    groups of companies that it did not get, in ticks of the market; also null if these trades were with one
    or two rival groups, whose price it would reveal. `outcome` is `absent` if the order had nothing to trade
    at the cut, had expired, or its owner could not trade, and `resting` if it was subject to confirmation by
    a group of companies that had declined or let lapse two matches within 90 days. `surplus_eur_per_kg` is
    what the order gained per kg; a marginal order gains nothing, since it sets its own price. `forecast`:
    forecast supply. Operators and auditors get the same as the owner, so that they can tell it to the owner,
    with exact `limits`, and in addition `alternatives`, the nearest first, which only they see.
    """

    market: MarketId
    clearing: PlanId
    round: int
    order: str
    side: Side
    outcome: Outcome
    brought_kg: DecimalText
    filled_kg: DecimalText
    surplus_eur_per_kg: DecimalText
    marginal: bool
    why: Why | None = None
    removed: RemovedView | None = None
    eligible: int | None = None
    three_groups_ticks: int | None = None
    reasons: tuple[ReasonView, ...] = ()
    limits: tuple[LimitView, ...] = ()
    alternatives: tuple[AlternativeView, ...] = ()
    forecast: ForecastMark | None = None
    withheld: WithheldView | None = None


class MarginalView(Body, frozen=True, kw_only=True):
    """An order that the round filled in part: it sets its own price and gains nothing."""

    section: str
    order: str
    tranche: int
    side: Literal["seller", "buyer"]
    organisation: OrganisationId
    brought_kg: DecimalText
    filled_kg: DecimalText


async def answer(
    call: Call[Any, RoundQuery], prefix: Prefix, asked: SupplyOrder | RequirementOrder
) -> Answer:
    """For an order that the caller may see. `not_found` for a round that was not completed, or without it."""
    market, order = asked.market, asked.order
    async with as_caller(call) as connection:
        row = await clearings.load_completed(connection, market, call.query.round)
        looking = await viewer(call, connection, market, asked.organisation)
    if row is None:
        raise RoundMissing if call.query.round is None else not_found()
    evidence = await _evidence(call, row)
    book = await rounds.book_at_cut(call, row)
    loads: BookLoads = call.state.loads
    found = await loads.work(
        lambda: order_in_round(
            book,
            row.planned,
            evidence.duals,
            evidence.trades(order),
            order,
            evidence.pairs,
            evidence.multipliers(order),
        )
    )
    if found is None:
        raise DoorError("not_found", f"The order was not in the book when round {row.round} was cut.")
    seen = see_order_in_round(found, looking)
    if seen is None:
        raise not_found()
    return Answer(body=_view(seen, to_text(prefix, order)))


async def _evidence(call: Call[Any, Any], row: ClearingRow) -> RoundEvidence:
    with unless_away():
        async with acquire(call.door.desk.pool) as connection:
            bodies = await store.read_evidence(connection, row)
    loads: BookLoads = call.state.loads
    return await loads.work(partial(store.decode, bodies, row.plan))


def _view(seen: OrderInRound | OwnOrderInRound, order: str) -> OrderInRoundView:
    common: dict[str, Any] = {
        "market": to_text("mkt", seen.market),
        "clearing": to_text("plan", seen.plan),
        "round": seen.round,
        "order": order,
        "side": seen.side,
        "outcome": seen.outcome,
        "brought_kg": KILOGRAMS.text(seen.capacity_g),
        "filled_kg": KILOGRAMS.text(seen.filled_g),
        "surplus_eur_per_kg": SIGNED_EUR_PER_KG.text(seen.surplus_ueur_per_kg),
        "marginal": seen.marginal,
        "forecast": ForecastMark.of(seen.forecast),
    }
    limits: tuple[PricedLimit, ...]
    if isinstance(seen, OrderInRound):
        of_owner = own_order_in_round(seen, seen.organisation)
        assert of_owner is not None
        told, limits = of_owner, priced_limits(seen, 1)
        alternatives = sorted(seen.alternatives, key=_nearness)
    else:
        told, limits, alternatives = seen, seen.limits, []
    return OrderInRoundView(
        **common,
        why=told.why,
        removed=None if told.removed is None else RemovedView.of(told.removed),
        eligible=told.eligible,
        three_groups_ticks=told.three_groups_ticks,
        reasons=tuple(map(reason_view, told.reasons)),
        limits=tuple(map(LimitView.of, limits)),
        alternatives=tuple(_alternative(each, seen.side) for each in alternatives),
        withheld=WithheldView.of(told.withheld),
    )


def _nearness(each: Alternative) -> tuple[bool, bool, int, UUID]:
    short = each.short_ueur_per_kg
    return bool(each.reasons), short is None, short or 0, each.counter_order


def _alternative(each: Alternative, side: Side) -> AlternativeView:
    return AlternativeView(
        counter_order=to_text("req" if side == "seller" else "offer", each.counter_order),
        organisation=to_text("org", each.counter_organisation),
        reasons=tuple(map(str, each.reasons)),
        traded_kg=KILOGRAMS.text(each.traded_g),
        value_eur_per_kg=SIGNED_EUR_PER_KG.text_optional(each.value_ueur_per_kg),
        short_eur_per_kg=SIGNED_EUR_PER_KG.text_optional(each.short_ueur_per_kg),
        forecast=each.counter_forecast,
    )


@endpoint(
    "GET",
    "/v1/markets/{market}/clearings/{plan}/marginal-orders",
    roles=READERS,
    summary="List the marginal orders of a round",
    tag="Clearings",
    query=PageQuery,
    answer=Listing[MarginalView],
    description=f"One's own; operators and auditors see all. {RATE}",
    cost=COST,
)
async def marginal(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_caller(call) as connection:
        row: ClearingRow | None = await clearings.load_clearing(
            connection, call.ids["market"], call.ids["plan"]
        )
    if row is None:
        raise not_found()
    after, limit = lists.after(call, tuple[str, UUID, int]), lists.limit(call)
    if row.completed is None:
        return lists.answer(call, Page(items=(), more=False), key=_key, view=_marginal)
    evidence = await _evidence(call, row)
    async with as_desk(call) as connection:
        page = await store.list_marginal(
            connection, row, evidence.duals, own(call.caller), after=after, limit=limit
        )
    return lists.answer(call, page, key=_key, view=_marginal)


def _key(row: MarginalRow) -> SectionKey:
    return row.key


def _marginal(row: MarginalRow) -> MarginalView:
    return MarginalView(
        section=row.section,
        order=to_text(PREFIXES[row.kind], row.dual.order),
        tranche=row.dual.tranche,
        side=row.dual.side,
        organisation=to_text("org", row.organisation),
        brought_kg=KILOGRAMS.text(row.dual.capacity_g),
        filled_kg=KILOGRAMS.text(row.dual.filled_g),
    )


HANDLERS: Final = (marginal,)
