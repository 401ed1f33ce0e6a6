"""One physical lot stands in one order of one market: nobody sells the same tonnes twice."""

from typing import Literal
from uuid import UUID

from events.envelope import Draft
from events.material_events import LotReleased, LotReserved
from events.refusal import Refusal
from events.vocabulary import PhysicalLot, lane_of
from market.rules.book import SupplyOrder
from market.rules.orders import Reservation
from market.rules.refusals import LotAlreadyReserved, LotAlreadySold

ReleaseReason = Literal["withdrawn", "expired", "sold"]


def identity(organisation: UUID, physical_lot: PhysicalLot) -> str:
    """What makes tonnes the same tonnes: passport, else organisation, site, lot number. The lane key."""
    if physical_lot.passport is not None:
        return str(physical_lot.passport)
    return f"{organisation}/{physical_lot.site}/{physical_lot.lot_number}"


def reservation_refusals(
    reservation: Reservation | None, physical_lot: PhysicalLot | None, organisation: UUID
) -> list[Refusal]:
    """What was sold stays sold to its seller until its passport comes back; whom it went to may offer it."""
    if physical_lot is None or reservation is None:
        return []
    if reservation.sold:
        return [LotAlreadySold(pointer="/physical_lot")] if reservation.organisation == organisation else []
    return [] if reservation.released else [LotAlreadyReserved(pointer="/physical_lot")]


def reserve(
    market: UUID, lanes: int, organisation: UUID, order: UUID, physical_lot: PhysicalLot | None
) -> tuple[Draft, ...]:
    """The reservation that a new order makes; none for an order that names no physical lot."""
    if physical_lot is None:
        return ()
    lot = identity(organisation, physical_lot)
    fact = LotReserved(
        physical_lot=physical_lot, identity=lot, organisation=organisation, market=market, order=order
    )
    return (Draft(stream="materials", lane=lane_of(lot, lanes), subject=lot, data=fact),)


def release_with(lanes: int, order: SupplyOrder, reason: ReleaseReason) -> tuple[Draft, ...]:
    """The release that closes together with its order; none while open matches hold part of the lot."""
    return () if order.held_g else release_of(lanes, order, reason)


def release_of(lanes: int, order: SupplyOrder, reason: ReleaseReason) -> tuple[Draft, ...]:
    """A lot that was sold in part counts as sold: its remainder is another lot."""
    if order.terms.physical_lot is None:
        return ()
    lot = identity(order.organisation, order.terms.physical_lot)
    fact = LotReleased(
        identity=lot,
        organisation=order.organisation,
        market=order.market,
        order=order.order,
        reason="sold" if order.filled_g else reason,
    )
    return (Draft(stream="materials", lane=lane_of(lot, lanes), subject=lot, data=fact),)
