"""Shipping a lot: checks the shipment against the passport that it names, under the passport's lane lock."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.commands import deliveries
from contracts.commands.steps import AgreementStep
from contracts.rules import deliveries as rules
from contracts.rules.agreement import Agreement
from contracts.rules.deliveries import Ship
from contracts.rules.delivery import DeliveryState
from events.connections import Connection
from events.decision import Decision, Moment
from events.delivery_events import DeliveryShipped
from events.desk import InMarket
from events.vocabulary import lane_of
from market.commands.sold_lots import load_late_g, load_sales
from market.rules.orders.passport_evidence import certified_by
from market.rules.passports.bound_lots import Sales
from market.rules.passports.shipped_claims import stated_refusals
from market.rules.passports.shipped_lots import NamedLot, Shipment, shipment_refusals
from market.rules.stage_paths import steps_told
from market.store import passports, reservations


class ShippingState(Struct, frozen=True, kw_only=True):
    """`lot`: where a passport is named."""

    delivery: DeliveryState
    lot: NamedLot | None = None


async def load(
    connection: Connection, asked: Sequence[InMarket[Ship]], moment: Moment
) -> Sequence[ShippingState]:
    states = await deliveries.load_shipping(connection, asked, moment)
    return [
        ShippingState(
            delivery=state,
            lot=None
            if ask.argument.passport is None
            else await load_lot(connection, ask.argument.passport, ask.argument.agreement, ask.lanes),
        )
        for ask, state in zip(asked, states, strict=True)
    ]


async def load_lot(
    connection: Connection, passport: UUID, agreement: UUID, lanes: int, *, but_for: UUID | None = None
) -> NamedLot:
    """The lot's current state, and what contracts take of it, without one delivery."""
    lane, identity = lane_of(str(passport), lanes), str(passport)
    known = (await passports.load_passports(connection, [(lane, passport)])).get(passport)
    if known is None:
        return NamedLot(passport=None)
    held = reservations.holder(await reservations.load_reservations(connection, [(lane, identity)]), identity)
    sales: Sales = (await load_sales(connection, [known], lanes, but_for=but_for))[passport]
    return NamedLot(
        passport=known,
        reservation=held,
        offered_here=_owed(sales, agreement),
        sales=sales,
        late_g=await load_late_g(connection, known, but_for=but_for) if known.open_g else 0,
    )


def _owed(sales: Sales, agreement: UUID) -> bool:
    return agreement in sales and sales[agreement].owed_g > 0


def decide(state: ShippingState, argument: Ship, moment: Moment) -> Decision:
    """Raises Refusals: all of the shipment, of what it states and of its passport at once."""
    agreement, stated = state.delivery.agreement, stated_refusals(argument.evidence)
    if agreement is None or agreement.standing is None or argument.caller.organisation != agreement.seller:
        return rules.ship(state.delivery, argument, moment)
    if state.lot is not None:
        argument = _with_told(agreement, state.lot, argument)
        stated += shipment_refusals(state.lot, shipment_of(agreement, argument), moment.now)
    return rules.ship(replace(state.delivery, unproven=tuple(stated)), argument, moment)


def _with_told(agreement: Agreement, lot: NamedLot, argument: Ship) -> Ship:
    """With what the passport tells of steps before the last, and the certificates that it states, where the
    terms of the day demand any."""
    if lot.passport is None:
        return argument
    demands = agreement.terms_on(argument.shipped_on).product.demands
    evidence = replace(argument.evidence, steps=steps_told(lot.passport))
    if demands is not UNSET and demands.certificates:
        evidence = replace(evidence, certified=certified_by(lot.passport))
    return replace(argument, evidence=evidence)


def shipment_of(agreement: Agreement, of: Ship | DeliveryShipped) -> Shipment:
    """The shipment in the form that is compared with its passport."""
    return Shipment(
        agreement=agreement.agreement,
        seller=agreement.seller,
        buyer=agreement.buyer,
        basis=agreement.terms_on(of.shipped_on).product.basis,
        lot_number=of.lot_number,
        form=of.form,
        shipped_on=of.shipped_on,
        net_wet_g=of.net_wet_g,
        moisture_ppb=of.moisture_ppb,
        stated=of.stated,
        evidence=of.evidence,
    )


ship: Final = AgreementStep("delivery.ship", load, decide, lot=lambda argument: argument.passport)
