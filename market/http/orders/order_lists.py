"""Lists of orders, from the views: one's own, or all for operators and auditors, as far as they may see."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from events import forecast_terms
from events.connections import Connection
from events.market_terms import SupplyTerms
from events.vocabulary import Commitment, Instant, OrderKind, ProductForm
from market.http.orders.forecast_terms import ForecastMark
from market.http.wire import lists, reads
from market.http.wire.endpoint import Answer, Call, Nothing
from market.http.wire.ids import MarketId, OrganisationId, Prefix, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, SIGNED_EUR_PER_KG, DecimalText
from market.http.wire.reads import as_caller, own, viewer
from market.rules.book import OrderStatus, RequirementOrder, SupplyOrder
from market.rules.orders.forecast_supply import mark_of
from market.rules.viewers import Viewer
from market.rules.visibility.visibility import SealedOrder, see_order
from market.store import lists as store
from market.store.reading import Page
from market.store.requirements import RequirementRow
from market.store.supplies import SupplyRow

PREFIXES: Final[dict[OrderKind, Prefix]] = {"offer": "offer", "lot": "lot", "requirement": "req"}

Order = SupplyOrder | RequirementOrder


class OrderQuery(PageQuery, frozen=True, kw_only=True):
    market: MarketId | None = None
    status: OrderStatus | None = None


class OrderEntryView(Body, frozen=True, kw_only=True, tag_field="shown", tag="in_short"):
    """An order in short. `price_eur_per_basis_kg` is its ask or its limit; `forecast`: forecast supply.

    Before a cut has included the order, operators see only its owner and quantity: `sealed`.
    """

    id: str
    market: MarketId
    organisation: OrganisationId
    basis_kg: DecimalText
    sealed: bool
    status: OrderStatus | None = None
    version: int | None = None
    forms: tuple[ProductForm, ...] = ()
    available_kg: DecimalText | None = None
    held_kg: DecimalText | None = None
    filled_kg: DecimalText | None = None
    price_eur_per_basis_kg: DecimalText | None = None
    commitment: Commitment | None = None
    valid_until: Instant | None = None
    forecast: ForecastMark | None = None


def entry(kind: OrderKind, seen: Order | SealedOrder) -> OrderEntryView:
    found = to_text(PREFIXES[kind], seen.order)
    market, organisation = to_text("mkt", seen.market), to_text("org", seen.organisation)
    if isinstance(seen, SealedOrder):
        return OrderEntryView(
            id=found,
            market=market,
            organisation=organisation,
            basis_kg=KILOGRAMS.text(seen.basis_g),
            sealed=True,
        )
    terms = seen.terms
    forms: tuple[ProductForm, ...]
    ahead: forecast_terms.ForecastMark | None = None
    if isinstance(terms, SupplyTerms):
        forms, price = (terms.form,), terms.ask
        ahead = mark_of(terms)
    else:
        forms, price = tuple(accepted.form for accepted in terms.forms), terms.limit
    return OrderEntryView(
        id=found,
        market=market,
        organisation=organisation,
        basis_kg=KILOGRAMS.text(terms.basis_g),
        sealed=False,
        status=seen.status,
        version=seen.version,
        forms=forms,
        available_kg=KILOGRAMS.text(seen.available_g),
        held_kg=KILOGRAMS.text(seen.held_g),
        filled_kg=KILOGRAMS.text(seen.filled_g),
        price_eur_per_basis_kg=SIGNED_EUR_PER_KG.text(price.ueur_per_kg),
        commitment=terms.commitment,
        valid_until=terms.valid_until,
        forecast=ForecastMark.of(ahead),
    )


async def index(call: Call[Nothing, OrderQuery], kind: OrderKind) -> Answer:
    viewers: dict[tuple[UUID, bool], Viewer] = {}
    as_of: dict[str, int] = {}
    async with as_caller(call) as connection:
        page = await _page(call, connection, kind)
        rows: Sequence[SupplyRow | RequirementRow] = page.items
        for row in rows:
            order = row.order
            who = _who(call, order)
            if who not in viewers:
                viewers[who] = await viewer(call, connection, order.market, order.organisation)
                as_of[to_text("mkt", order.market)] = await reads.as_of(call, connection, order.market)
        wanted = call.query.market
        if wanted is not None and wanted not in as_of:
            as_of[wanted] = await reads.as_of(call, connection, to_uuid(wanted))
    return lists.answer(
        call,
        Page(items=tuple(rows), more=page.more),
        key=lambda row: row.order.order,
        view=lambda row: _shown(kind, row.order, viewers[_who(call, row.order)]),
        as_of=as_of,
    )


def _who(call: Call[Any, Any], order: Order) -> tuple[UUID, bool]:
    return order.market, order.organisation == call.caller.organisation


def _shown(kind: OrderKind, order: Order, looking: Viewer) -> OrderEntryView | None:
    seen = see_order(order, looking)
    return None if seen is None else entry(kind, seen)


async def _page(
    call: Call[Nothing, OrderQuery], connection: Connection, kind: OrderKind
) -> Page[SupplyRow] | Page[RequirementRow]:
    query = call.query
    given: dict[str, Any] = {
        "market": None if query.market is None else to_uuid(query.market),
        "status": query.status,
        "after": lists.after(call, UUID),
        "limit": lists.limit(call),
    }
    if kind == "requirement":
        return await store.list_requirements(connection, own(call.caller), **given)
    return await store.list_supplies(connection, own(call.caller), kind, **given)
