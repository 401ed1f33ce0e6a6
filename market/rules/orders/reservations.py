"""Reservations: a physical lot can be in only one order of one market, so that nobody sells the same tonnes
twice."""

from typing import Literal
from uuid import UUID

from msgspec.structs import replace

from events.envelope import Draft
from events.material_events import LotReleased, LotReserved, PassportTransferred
from events.refusal import Refusal
from events.vocabulary import PhysicalLot, lane_of
from market.rules.book import SupplyOrder
from market.rules.orders.orders import Reservation
from market.rules.refusing.refusals import LotAlreadyReserved, LotAlreadySold

ReleaseReason = Literal["withdrawn", "expired", "sold"]


def identity(organisation: UUID, physical_lot: PhysicalLot) -> str:
    """The identity of a physical lot: passport, else organisation, site, lot number. It is the lane key."""
    if physical_lot.passport is not None:
        return str(physical_lot.passport)
    return number_identity(organisation, physical_lot.site, physical_lot.lot_number)


def number_identity(organisation: UUID, site: UUID, lot_number: str) -> str:
    """The identity of a lot without a passport, or before it had one."""
    return f"{organisation}/{site}/{lot_number}"


def reservation_refusals(
    reservation: Reservation | None, physical_lot: PhysicalLot | None, organisation: UUID
) -> list[Refusal]:
    """Refusals for a reserved lot; a sold one cannot be offered by its seller until its passport comes back,
    but by its buyer."""
    if physical_lot is None or reservation is None:
        return []
    if reservation.sold:
        return [LotAlreadySold(pointer="/physical_lot")] if reservation.organisation == organisation else []
    if reservation.released:
        return []
    own = reservation.organisation == organisation
    holder = f"your own open order {_id_text(reservation.order)}" if own else "another open order"
    return [LotAlreadyReserved(pointer="/physical_lot", holder=holder)]


def _id_text(order: UUID) -> str:
    """The text of an order id; a reservation does not say whether it is an offer or a lot."""
    return f"offer_{order.hex} (lot_{order.hex} where it is a recovered lot): amend or withdraw that one"


def fold(before: Reservation | None, fact: LotReserved | LotReleased) -> Reservation:
    """The newest reservation of the lot. AssertionError when the fact cannot follow what stands."""
    if isinstance(fact, LotReserved):
        if before is not None:
            assert before.released, f"lot {fact.identity} stands in order {before.order} already"
            sold_by_it = before.sold and before.organisation == fact.organisation
            assert not sold_by_it, f"lot {fact.identity} was sold by {fact.organisation}"
        return Reservation(
            identity=fact.identity, organisation=fact.organisation, market=fact.market, order=fact.order
        )
    assert before is not None, f"lot {fact.identity} was never reserved"
    assert not before.released, f"lot {fact.identity} was released before"
    held = (before.order, before.market, before.organisation)
    released = (fact.order, fact.market, fact.organisation)
    assert held == released, f"lot {fact.identity} stands in order {before.order} of {before.organisation}"
    return replace(before, released=True, sold=fact.reason == "sold")


def returned(before: Reservation | None, fact: PassportTransferred) -> Reservation | None:
    """The lot's reservation after a transfer: a lot that its seller got back is no longer sold."""
    if before is None or not before.sold or fact.owner == fact.previous_owner:
        return before
    return replace(before, sold=False) if before.organisation == fact.owner else before


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
    """The release of a lot; one sold in part counts as sold, and its remainder is another lot."""
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
