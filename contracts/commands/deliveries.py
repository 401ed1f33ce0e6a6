"""Deliveries under an agreement: one function per step, each one lane transaction."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol, TypeVar
from uuid import UUID

from contracts.commands.agreements import find, touches
from contracts.commands.indices import windows_of
from contracts.rules import deliveries as rules
from contracts.rules import results, settlements
from contracts.rules.agreement import Agreement
from contracts.rules.deliveries import Accept, Reject, Ship, Weigh
from contracts.rules.delivery import DeliveryState, midnight
from contracts.rules.delivery_refusals import DeliveryUnknown
from contracts.rules.quotation import Days, quarter_of
from contracts.rules.results import DecideAsUmpire, ExchangeAssays, LodgeAssay
from contracts.rules.settlements import (
    QuarterState,
    Restate,
    Settle,
    SettleQuarter,
    settles_quarterly,
    terms_between,
)
from contracts.store import agreements as agreement_store
from contracts.store import deliveries as store
from contracts.store import indices as index_store
from contracts.store.agreements import AgreementKey
from contracts.store.deliveries import DeliveryPlace
from contracts.store.volumes import load_years
from events.callers import Caller
from events.connections import Connection
from events.decision import LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit


class _Step(Protocol):
    """What is asked of one delivery."""

    @property
    def caller(self) -> Caller: ...

    @property
    def delivery(self) -> UUID: ...


S = TypeVar("S", bound=_Step)


async def _load_shipping(
    connection: Connection, asked: Sequence[InMarket[Ship]], moment: Moment
) -> Sequence[DeliveryState]:
    del moment
    keys = [(ask.lane, ask.market, ask.argument.agreement) for ask in asked]
    agreements = await agreement_store.load_agreements(connection, keys)
    lots = await store.known_lots(
        connection, [(*key, ask.argument.lot_number) for key, ask in zip(keys, asked, strict=True)]
    )
    years = await load_years(connection, keys)
    windows = [
        window
        for ask in asked
        for window in _windows(agreements.get(ask.argument.agreement), ask.argument.shipped_on, ask.lanes)
    ]
    values = await index_store.load_values(connection, windows)
    return [
        DeliveryState(
            lane=ask.lane,
            agreement=agreements.get(ask.argument.agreement),
            lots=frozenset(lot for agreement, lot in lots if agreement == ask.argument.agreement),
            closed_years=frozenset(
                year.year for year in years[ask.argument.agreement].values() if year.ledger is not None
            ),
            quarter_settled=await _quarter_settled(connection, key, agreements, ask.argument.shipped_on),
            values=values,
        )
        for key, ask in zip(keys, asked, strict=True)
    ]


async def _quarter_settled(
    connection: Connection, key: AgreementKey, agreements: Mapping[UUID, Agreement], day: date
) -> bool:
    if not settles_quarterly(agreements.get(key[2]), day):
        return False
    return bool(await store.invoices_of_period(connection, key, midnight(quarter_of(day).start)))


async def _load(
    connection: Connection, asked: Sequence[InMarket[S]], moment: Moment
) -> Sequence[DeliveryState]:
    del moment
    places = {ask.argument.delivery: (ask.lane, ask.market) for ask in asked}
    found = await store.load_deliveries(connection, [(*place, each) for each, place in places.items()])
    named = {each: of.shipped.agreement for each, of in found.items()}
    keys = [(*places[each], agreement, each) for each, agreement in named.items()]
    agreements = await agreement_store.load_agreements(
        connection, [(lane, market, agreement) for lane, market, agreement, _ in keys]
    )
    invoices = await store.load_invoices(connection, keys)
    windows = [
        window
        for ask in asked
        for delivery in (found.get(ask.argument.delivery),)
        if delivery is not None
        for window in _windows(
            agreements.get(delivery.shipped.agreement), delivery.shipped.shipped_on, ask.lanes
        )
    ]
    values = await index_store.load_values(connection, windows)
    states = []
    for ask in asked:
        delivery = found.get(ask.argument.delivery)
        states.append(
            DeliveryState(
                lane=ask.lane,
                agreement=None if delivery is None else agreements.get(delivery.shipped.agreement),
                delivery=delivery,
                invoices=tuple(invoices.get(ask.argument.delivery, ())),
                values=values,
            )
        )
    return states


async def _load_quarter(
    connection: Connection, asked: Sequence[InMarket[SettleQuarter]], moment: Moment
) -> Sequence[QuarterState]:
    """Four times a year for an agreement, so one at a time."""
    del moment
    states = []
    for ask in asked:
        key = (ask.lane, ask.market, ask.argument.agreement)
        agreement = (await agreement_store.load_agreements(connection, [key])).get(ask.argument.agreement)
        days = quarter_of(ask.argument.quarter)
        windows = [] if agreement is None else _quarter_windows(agreement, days, ask.lanes)
        states.append(
            QuarterState(
                lane=ask.lane,
                agreement=agreement,
                deliveries=await store.shipped_between(connection, key, days.start, days.end),
                invoices=await store.invoices_of_period(connection, key, midnight(days.start)),
                values=await index_store.load_values(connection, windows),
            )
        )
    return states


def _windows(agreement: Agreement | None, day: date, lanes: int) -> list[index_store.Window]:
    if agreement is None or agreement.standing is None:
        return []
    return windows_of(agreement.terms_on(day), [day], lanes)


def _quarter_windows(agreement: Agreement, days: Days, lanes: int) -> list[index_store.Window]:
    if agreement.standing is None:
        return []
    return [
        window
        for terms, _ in terms_between(agreement, days)
        for window in windows_of(terms, [days.start, days.last], lanes)
    ]


SHIP: Operation[InMarket[Ship], DeliveryState] = in_market("delivery.ship", _load_shipping, rules.ship)
WEIGH: Operation[InMarket[Weigh], DeliveryState] = in_market("delivery.weigh", _load, rules.weigh)
LODGE: Operation[InMarket[LodgeAssay], DeliveryState] = in_market(
    "delivery.lodge-assay", _load, results.lodge
)
EXCHANGE: Operation[InMarket[ExchangeAssays], DeliveryState] = in_market(
    "delivery.exchange-assays", _load, results.exchange
)
UMPIRE: Operation[InMarket[DecideAsUmpire], DeliveryState] = in_market(
    "delivery.umpire", _load, results.umpire
)
ACCEPT: Operation[InMarket[Accept], DeliveryState] = in_market("delivery.accept", _load, rules.accept)
REJECT: Operation[InMarket[Reject], DeliveryState] = in_market("delivery.reject", _load, rules.reject)
SETTLE: Operation[InMarket[Settle], DeliveryState] = in_market("delivery.settle", _load, settlements.settle)
RESTATE: Operation[InMarket[Restate], DeliveryState] = in_market(
    "delivery.restate", _load, settlements.restate
)
SETTLE_QUARTER: Operation[InMarket[SettleQuarter], QuarterState] = in_market(
    "agreement.settle-quarter", _load_quarter, settlements.settle_quarter
)


async def ship(
    desk: Desk, argument: Ship, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_agreement(desk, SHIP, argument, argument.agreement, request=request, dry_run=dry_run)


async def settle_quarter(
    desk: Desk, argument: SettleQuarter, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_agreement(
        desk, SETTLE_QUARTER, argument, argument.agreement, request=request, dry_run=dry_run
    )


async def weigh(
    desk: Desk, argument: Weigh, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_delivery(desk, WEIGH, argument, request=request, dry_run=dry_run)


async def lodge(
    desk: Desk, argument: LodgeAssay, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_delivery(desk, LODGE, argument, request=request, dry_run=dry_run)


async def exchange(
    desk: Desk, argument: ExchangeAssays, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    """`store.due.due_deliveries` tells of which deliveries the time is out."""
    return await _of_delivery(desk, EXCHANGE, argument, request=request, dry_run=dry_run)


async def umpire(
    desk: Desk, argument: DecideAsUmpire, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_delivery(desk, UMPIRE, argument, request=request, dry_run=dry_run)


async def accept(
    desk: Desk, argument: Accept, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_delivery(desk, ACCEPT, argument, request=request, dry_run=dry_run)


async def reject(
    desk: Desk, argument: Reject, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_delivery(desk, REJECT, argument, request=request, dry_run=dry_run)


async def settle(
    desk: Desk, argument: Settle, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_delivery(desk, SETTLE, argument, request=request, dry_run=dry_run)


async def restate(
    desk: Desk, argument: Restate, *, request: Request | None = None, dry_run: bool = False
) -> Answer:
    return await _of_delivery(desk, RESTATE, argument, request=request, dry_run=dry_run)


async def locate(desk: Desk, caller: Caller, delivery: UUID) -> DeliveryPlace:
    """Raises DeliveryUnknown, also for who is no party to it."""
    party = None if "operator" in caller.roles else caller.organisation
    async with desk.looking() as connection:
        place = await store.locate(connection, party, delivery)
    if place is None:
        raise DeliveryUnknown
    return place


class _Asked(Protocol):
    @property
    def caller(self) -> Caller: ...


B = TypeVar("B", bound=_Asked)
T = TypeVar("T")


async def _of_agreement(
    desk: Desk,
    operation: Operation[InMarket[B], T],
    argument: B,
    agreement: UUID,
    *,
    request: Request | None,
    dry_run: bool,
) -> Answer:
    place = await find(desk, argument.caller, agreement)
    return await submit(
        desk,
        operation,
        InMarket(lane=place.lane, lanes=desk.lanes, market=place.market, argument=argument),
        caller=argument.caller,
        lanes=[LaneKey("contracts", place.lane)],
        touches=touches(agreement),
        request=request,
        dry_run=dry_run,
    )


async def _of_delivery(
    desk: Desk,
    operation: Operation[InMarket[S], DeliveryState],
    argument: S,
    *,
    request: Request | None,
    dry_run: bool,
) -> Answer:
    place = await locate(desk, argument.caller, argument.delivery)
    return await submit(
        desk,
        operation,
        InMarket(lane=place.lane, lanes=desk.lanes, market=place.market, argument=argument),
        caller=argument.caller,
        lanes=[LaneKey("contracts", place.lane)],
        touches=touches(place.agreement),
        request=request,
        dry_run=dry_run,
    )
