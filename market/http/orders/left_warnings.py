"""Warnings about shipments with the number of an offered lot: read after the order, and only if it names
one."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from contracts.rules.delivery import Delivery
from contracts.store import agreements, deliveries
from events.connections import Connection
from events.delivery_events import DeliveryShipped
from events.market_terms import SupplyTerms
from market.http.wire.reads import Looking, looking_on
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.orders.left_lots import left_cautions
from market.store import matches

SAME_NUMBER_MAX: Final = 10
NONE_OF_THEM: Final = UUID(int=0)


async def of_left(on: Looking, seller: UUID, order: UUID, terms: SupplyTerms) -> tuple[Warned, ...]:
    """Of a lot without a passport; with one, what leaves is held against that."""
    lot = terms.physical_lot
    if lot is None or lot.passport is not None:
        return ()
    return await unless_unread(_read(on, seller, order, terms, lot.lot_number))


async def _read(
    on: Looking, seller: UUID, order: UUID, terms: SupplyTerms, lot_number: str
) -> tuple[Warned, ...]:
    async with looking_on(on) as connection:
        left = await deliveries.shipped_of_number(
            connection, seller, lot_number, NONE_OF_THEM, limit=SAME_NUMBER_MAX
        )
        others = await _not_its_own(connection, order, left)
    return warned(left_cautions(terms, others))


async def _not_its_own(
    connection: Connection, order: UUID, left: Sequence[Delivery]
) -> list[DeliveryShipped]:
    """What leaves for a match of the order is no longer of what it offers; what went back whole is again."""
    others = []
    for each in left:
        agreement = await agreements.load_agreement(connection, None, each.shipped.agreement)
        named = None if agreement is None else agreement.match
        match = None if named is None else await matches.locate(connection, None, named)
        if each.kept_dry_g > 0 and (match is None or match.supply != order):
            others.append(each.shipped)
    return others
