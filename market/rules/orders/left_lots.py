"""Warnings when a lot without passport is both offered and shipped by the same number.

A reservation identifies it by site and number, a delivery only by number. So nothing is refused: two sites
may use the same numbers.
"""

from collections.abc import Iterable, Iterator

from events.delivery_events import DeliveryShipped
from events.market_terms import SupplyTerms
from events.refusal import Caution
from events.vocabulary import PART_SIGNS, PhysicalLot
from market.rules.orders.orders import Reservation


def whole_numbers(lot_number: str) -> tuple[str, ...]:
    """The number, and the numbers of lots of which it may be a part: for `L-1/2`, `L-1` and `L`."""
    parts = [lot_number[:place] for place, sign in enumerate(lot_number) if place and sign in PART_SIGNS]
    return (lot_number, *parts)


def offered_cautions(
    matched: PhysicalLot | None, offered: Iterable[tuple[PhysicalLot, Reservation]]
) -> Iterator[Caution]:
    """`offered`: lots of its number that stand in open orders of the seller; `matched`: the one that the
    agreement's own match is of."""
    for lot, reservation in offered:
        if lot == matched:
            continue
        yield Caution(
            code="lot_offered",
            text=f"Lot {lot.lot_number} is in your open order offer_{reservation.order.hex} or lot_"
            f"{reservation.order.hex}: if it is the same lot, amend or withdraw that order, or shipped "
            "material is matched again.",
            pointer="/lot_number",
        )
        return


def left_cautions(terms: SupplyTerms, left: Iterable[DeliveryShipped]) -> Iterator[Caution]:
    """`left`: of its number, under any agreement of the seller, the newest first, without what left for a
    match of the order itself and what went back whole. A lot with a passport is held against that."""
    if terms.physical_lot is None or terms.physical_lot.passport is not None:
        return
    for each in left:
        yield Caution(
            code="lot_left_before",
            text=f"Lot {each.lot_number} left on {each.shipped_on} under agr_{each.agreement.hex}: if it is "
            "the same lot, it is offered a second time.",
            pointer="/physical_lot/lot_number",
        )
        return
