"""Returning an accepted lot: checks the passport against the declaration; a timer transfers it once the
return stands."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.commands import deliveries
from contracts.commands.steps import DeliveryStep
from contracts.rules import returns as rules
from contracts.rules.agreement import Agreement
from contracts.rules.delivery import Delivery, DeliveryState, Return
from contracts.rules.received_masses import moisture_ppb
from contracts.rules.returns import DeclareReturn
from contracts.store import deliveries as store
from contracts.store.agreements import load_agreements
from events.connections import Connection
from events.decision import Decision, LaneKey, Moment
from events.desk import Desk, InMarket
from events.vocabulary import lane_of
from market.commands.lane_steps import Asked, LaneStep
from market.commands.sold_lots import load_sales
from market.rules.passports import returned_lots
from market.rules.passports.returned_lots import (
    GiveBackPassport,
    HeldLot,
    ReturnedLot,
    ReturnState,
    return_refusals,
)
from market.store import passports, reservations


class ReturningState(Struct, frozen=True, kw_only=True):
    """`lot`: where a passport is named; `delivered`: that of the delivery."""

    delivery: DeliveryState
    lot: HeldLot | None = None
    delivered: HeldLot | None = None


async def load(
    connection: Connection, asked: Sequence[InMarket[DeclareReturn]], moment: Moment
) -> Sequence[ReturningState]:
    """Passports are read without locks: the timer reads them again under lock."""
    found = []
    for ask, state in zip(asked, await deliveries.load_returning(connection, asked, moment), strict=True):
        shipped = None if state.delivery is None else state.delivery.shipped.passport
        named = ask.argument.passport or None
        found.append(
            ReturningState(
                delivery=state,
                lot=None if named is None else await _held(connection, named, ask.lanes),
                delivered=None if shipped is None else await _held(connection, shipped, ask.lanes),
            )
        )
    return found


def decide(state: ReturningState, argument: DeclareReturn, moment: Moment) -> Decision:
    """Raises Refusals: all of the return and of its passport at once."""
    agreement, delivery = state.delivery.agreement, state.delivery.delivery
    side = None if agreement is None else agreement.side_of(argument.caller.organisation)
    if agreement is None or delivery is None or side is None:
        return rules.declare(state.delivery, argument, moment)
    returned = ReturnedLot(
        agreement=agreement.agreement,
        delivery=argument.delivery,
        seller=agreement.seller,
        buyer=agreement.buyer,
        lot_number=argument.lot_number,
        net_wet_g=argument.net_wet_g,
        moisture_ppb=moisture_ppb(argument.moisture_ppb),
    )
    reasons = return_refusals(state.lot, returned, by_buyer=side == "buyer", delivered=state.delivered)
    return rules.declare(replace(state.delivery, unproven=tuple(reasons)), argument, moment)


async def load_following(
    connection: Connection, asked: Asked[GiveBackPassport], moment: Moment
) -> ReturnState:
    """The return is read without its lane: once it stands, it does."""
    del moment
    argument = asked.argument
    place = await store.locate(connection, None, argument.delivery)
    returned = None
    if place is not None:
        found = await store.load_deliveries(connection, [(place.lane, place.market, place.delivery)])
        agreements = await load_agreements(connection, [(place.lane, place.market, place.agreement)])
        returned = _returned(found[place.delivery], agreements[place.agreement], argument.passport)
    return ReturnState(
        lanes=asked.lanes,
        lot=await _held(connection, argument.passport, asked.lanes),
        returned=returned,
    )


def _returned(of: Delivery, agreement: Agreement, passport: UUID) -> ReturnedLot | None:
    stands: list[Return] = [each for each in of.returned if each.declared.passport == passport]
    if not stands:
        return None
    declared = stands[-1].declared
    return ReturnedLot(
        agreement=agreement.agreement,
        delivery=of.shipped.delivery,
        seller=agreement.seller,
        buyer=agreement.buyer,
        lot_number=declared.lot_number,
        net_wet_g=declared.net_wet_g,
        moisture_ppb=declared.moisture_ppb,
    )


async def _held(connection: Connection, passport: UUID, lanes: int) -> HeldLot:
    lane, identity = lane_of(str(passport), lanes), str(passport)
    known = (await passports.load_passports(connection, [(lane, passport)])).get(passport)
    if known is None:
        return HeldLot(passport=None)
    held = await reservations.load_reservations(connection, [(lane, identity)])
    return HeldLot(
        passport=known,
        reservation=reservations.holder(held, identity),
        sales=(await load_sales(connection, [known], lanes))[passport],
    )


def lanes(desk: Desk, argument: GiveBackPassport) -> Sequence[LaneKey]:
    return [desk.lane("materials", argument.passport)]


declare: Final = DeliveryStep("delivery.declare-return", load, decide)
give_back: Final = LaneStep("passport.give-back", lanes, load_following, returned_lots.give_back)
