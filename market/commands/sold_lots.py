"""What is sold or shipped of lots with a passport, read under the locks of the passports' lanes.

The lanes of contracts and markets are not locked: a shipment with a passport locks the passport's lane, what
a closed order has sold does not change, and a contract that ends meanwhile only makes more available.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from msgspec.structs import replace

from contracts.rules.agreement import ENDED
from contracts.rules.delivery import Delivery, DeliveryMass
from contracts.store import deliveries
from events.connections import Connection
from events.vocabulary import lane_of
from market.rules.orders.orders import Reservation
from market.rules.orders.reservations import number_identity
from market.rules.passport import Passport
from market.rules.passports.bound_lots import Sales, ShippedPart, TakenPart, sales_of, taken_wet_g
from market.rules.passports.delivered_lots import LatePart, late_g
from market.rules.quantities import net_dry_g
from market.store import reservations, supplies
from market.store.claims import read_matched


async def load_sales(
    connection: Connection, lots: Collection[Passport], lanes: int, *, but_for: UUID | None = None
) -> dict[UUID, Sales]:
    """By passport, without one delivery; empty for a lot of which nothing is sold or shipped."""
    named = {of.passport: _identities(of) for of in lots}
    keys = [(lane_of(each, lanes), each) for several in named.values() for each in several]
    held = await reservations.load_reservations(connection, keys)
    alike = await reservations.load_alike(connection, [each for _, each in keys])
    shipped = await deliveries.shipped_of_passports(connection, list(named))
    found: dict[UUID, Sales] = {}
    for passport in lots:
        identities = named[passport.passport]
        newest = [held[each].reservation for each in identities if each in held]
        newest += [alike[each] for each in identities if each in alike]
        parts = [
            ShippedPart(
                agreement=each.delivery.shipped.agreement,
                delivery=each.delivery.shipped.delivery,
                buyer=each.buyer,
                shipped_on=each.delivery.shipped.shipped_on,
                net_wet_g=_counted(each.delivery).net_wet_g,
                moisture_ppb=_counted(each.delivery).moisture_ppb,
                closed=each.delivery.status in ("accepted", "lost"),
            )
            for each in shipped
            if each.delivery.shipped.passport == passport.passport
            and each.seller == passport.owner
            and each.delivery.shipped.delivery != but_for
        ]
        taken = [
            part for order in _orders(passport, newest) for part in await _taken(connection, order, lanes)
        ]
        found[passport.passport] = sales_of(passport, taken, parts)
    return found


def _counted(of: Delivery) -> DeliveryMass:
    """What did not arrive of a part, or went back, is its seller's still, once the rest was accepted."""
    if of.accepted is None:
        return of.shipped
    mass = replace(of.mass, net_wet_g=of.kept_wet_g)
    return min((of.shipped, mass), key=lambda mass: net_dry_g(mass.net_wet_g, mass.moisture_ppb))


async def load_late_g(connection: Connection, lot: Passport, *, but_for: UUID | None = None) -> int:
    """What was short of a lot that has gone and is on its way, without one delivery."""
    shipped = await deliveries.shipped_of_passports(connection, [lot.passport])
    return late_g(
        lot,
        (
            LatePart(
                delivery=of.delivery,
                parties=(each.seller, each.buyer),
                shipped_on=of.shipped_on,
                net_wet_g=of.net_wet_g,
                moisture_ppb=of.moisture_ppb,
            )
            for each in shipped
            for of in (each.delivery.shipped,)
            if of.delivery != but_for
        ),
    )


def _identities(passport: Passport) -> list[str]:
    """By its passport, and by its number where it was offered by that before."""
    found = [str(passport.passport)]
    if passport.owned_since == passport.issued_at:
        content = passport.content
        found.append(number_identity(passport.organisation, content.facility, content.lot_number))
    return found


def _orders(passport: Passport, held: Iterable[Reservation]) -> list[Reservation]:
    """Of who has the lot: what another sold of it has gone to its buyer."""
    return [each for each in held if each.organisation == passport.owner and (each.sold or not each.released)]


async def _taken(connection: Connection, reservation: Reservation, lanes: int) -> list[TakenPart]:
    lane = lane_of(str(reservation.market), lanes)
    rows = await supplies.load_orders(connection, [(lane, reservation.market, reservation.order)])
    terms = rows[reservation.order].order.terms
    return [
        TakenPart(
            match=each.match,
            agreement=each.agreement,
            ended=each.status in ENDED,
            buyer=each.buyer,
            net_wet_g=taken_wet_g(terms, each.quantity_g),
        )
        for each in await read_matched(connection, lane, reservation.order)
    ]
