"""Deliveries of all of one's agreements: the newest first, or what changed since."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, structs

from contracts.rules.delivery import DeliveryStatus
from contracts.store import own_deliveries as store
from contracts.store.issued_invoices import ALWAYS
from contracts.store.own_deliveries import OwnDelivery, Wanted
from events.vocabulary import Instant, Side
from market.http.agreements import own_lists
from market.http.agreements.contract_reads import as_party
from market.http.agreements.delivery_views import DeliveryView
from market.http.agreements.own_lists import FILES, OwnQuery, names_of_others, own_side
from market.http.wire import lists
from market.http.wire.access import DELIVERY_READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.ids import MarketId, OrganisationId, to_text, to_uuid
from market.http.wire.paging import Listing
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.row_tables import Column, member

TAG: Final = "Deliveries"


class OwnDeliveriesQuery(OwnQuery, frozen=True, kw_only=True):
    status: DeliveryStatus | None = None
    shipped_from: date | None = None
    shipped_before: date | None = None
    updated_since: Annotated[
        Instant | None, Meta(description="What a step changed at this instant or later, in that order.")
    ] = None
    awaits: Annotated[
        Literal["me"] | None,
        Meta(description="Those that wait for the caller's side. A page may hold fewer than `limit`."),
    ] = None


class OwnDeliveryView(DeliveryView, frozen=True, kw_only=True):
    """A delivery, the caller's side, and when its newest step was recorded; null if unknown, since the event
    is older than this member."""

    market: MarketId
    side: Side
    counterparty: OrganisationId
    counterparty_name: str
    updated_at: Instant | None


COLUMNS: Final[tuple[Column, ...]] = (
    *map(member, ("id", "status", "side", "counterparty", "counterparty_name", "lot_number")),
    *map(member, ("form", "shipped_on")),
    member("net_wet_t", number=True),
    member("quantity_kg", number=True),
    *map(member, ("weighed_on", "title_passed_on", "currency", "provisional_invoice", "market", "agreement")),
    member("contract_year", number=True),
    *map(member, ("passport", "updated_at")),
    member("moisture_percent", number=True),
    member("shipped_net_wet_t", number=True),
    member("shipped_moisture_percent", number=True),
    member("returned_kg", number=True),
)


_NOT_BOTH: Final = Fault(
    code="inconsistent",
    detail="what waits is listed the newest first: ask without `updated_since`",
    parameter="awaits",
)


@endpoint(
    "GET",
    "/v1/deliveries",
    roles=DELIVERY_READERS,
    summary="List the deliveries of all own agreements",
    tag=TAG,
    query=OwnDeliveriesQuery,
    problems=(422,),
    answer=Listing[OwnDeliveryView],
    shapes=(CSV, XLSX),
    description="Where the caller's organisation buys or sells, as they are read one by one: an assay of the "
    "other side once both are exchanged. The newest first; with `updated_since` what changed first before. "
    "Who keeps the newest `updated_at` goes on from there, with an overlap of minutes for markets that "
    f"record side by side. {FILES}",
)
async def index(call: Call[Nothing, OwnDeliveriesQuery]) -> Answer:
    query, limit = call.query, own_lists.rows_wanted(call)
    if query.awaits is not None and query.updated_since is not None:
        raise InvalidInputError([_NOT_BOTH])
    own_lists.check_order(query.shipped_from, query.shipped_before, "shipped_before")
    wanted = Wanted(
        organisation=call.caller.organisation,
        side=query.side,
        agreement=None if query.agreement is None else to_uuid(query.agreement),
        contract_year=query.contract_year,
        status=query.status,
        shipped_from=query.shipped_from or date.min,
        shipped_before=query.shipped_before or date.max,
    )
    async with as_party(call) as (connection, _):
        if query.awaits is not None:
            rows = await store.list_waiting(connection, wanted, after=lists.after(call, UUID), limit=limit)
        elif query.updated_since is None:
            newest = lists.after(call, UUID)
            rows = await store.list_newest(connection, wanted, after=newest, limit=limit)
        else:
            since = own_lists.since(query.updated_since, "updated_since")
            after = lists.after(call, tuple[datetime, UUID])
            rows = await store.list_changed(connection, wanted, since, after=after, limit=limit)
        done = await store.invoiced(connection, (row.delivery for row in rows))
    names = await names_of_others(call, rows)
    return await own_lists.answer(
        call,
        rows,
        key=_key if query.updated_since is not None else lambda row: row.delivery.shipped.delivery,
        view=lambda row: _view(call, row, names, invoiced=row.delivery.shipped.delivery in done),
        name="deliveries",
        columns=COLUMNS,
    )


def _key(row: OwnDelivery) -> tuple[datetime, UUID]:
    return row.changed_at or ALWAYS, row.delivery.shipped.delivery


def _view(
    call: Call[Any, Any], row: OwnDelivery, names: Mapping[UUID, str], *, invoiced: bool
) -> OwnDeliveryView | None:
    """None where it waits for the other side alone and one's own was asked for."""
    side = own_side(call.caller.organisation, row, names)
    shown = DeliveryView.of(row.delivery, row.agreement, side.side, call.door.clock(), invoiced=invoiced)
    if call.query.awaits is not None and all(each.side != side.side for each in shown.awaits):
        return None
    return OwnDeliveryView(
        **structs.asdict(shown),
        market=to_text("mkt", row.market),
        **structs.asdict(side),
        updated_at=row.changed_at,
    )


HANDLERS: Final = (index,)
