"""Warnings about a shipment, a weighing or an assay by other data: the lot of the match, earlier shipments,
stated figures."""

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from contracts.commands.steps import find
from contracts.rules.agreement import Agreement
from contracts.rules.claims import clause_of, silence_cautions, unproven_cautions
from contracts.rules.contract_years import year_period
from contracts.rules.days import midnight
from contracts.rules.delivered import (
    acceptance_cautions,
    number_cautions,
    of_match,
    shipment_cautions,
)
from contracts.rules.demands import received_cautions
from contracts.rules.far_results import assay_cautions
from contracts.rules.non_arrivals import short_cautions
from contracts.rules.received_masses import weighing_cautions
from contracts.rules.returns import passport_cautions
from contracts.store import agreements, deliveries
from events.delivery_events import (
    AssayLodged,
    DeliveryAccepted,
    DeliveryShipped,
    DeliveryWeighed,
    ReturnDeclared,
    ReturnSettled,
)
from events.market_terms import SupplyTerms
from events.refusal import Caution
from events.vocabulary import PhysicalLot, RecycledContent
from market.commands.shipping import load_lot, shipment_of
from market.http.agreements import waste_warnings
from market.http.agreements.contract_reads import as_party, load_with_volumes
from market.http.wire import screening_warnings
from market.http.wire.endpoint import Call
from market.http.wire.reads import Looking, as_desk, looking_on
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.offered_evidence import moisture_cautions, offered_cautions
from market.rules.orders import activities, left_lots
from market.rules.orders.materials import form_claim_cautions
from market.rules.passports import shipped_claims, shipped_lots
from market.store import matches, reservations, supplies

SAME_NUMBER_MAX: Final = 10


async def matched_lot(call: Call[Any, Any]) -> PhysicalLot | None:
    """The lot that the match of a spot contract is of, where its order names one. Raises AgreementUnknown."""
    supply = await _matched_supply(call)
    return None if supply is None else supply.physical_lot


async def _matched_supply(call: Call[Any, Any]) -> SupplyTerms | None:
    """The order that the match of a spot contract is of, as it stands. Raises AgreementUnknown."""
    place = await find(call.door.desk, call.caller, call.ids["agreement"])
    async with as_desk(call) as connection:
        agreement = await agreements.load_agreement(connection, None, place.agreement)
        if agreement is None or agreement.match is None or not of_match(agreement):
            return None
        match = await matches.locate(connection, None, agreement.match)
        if match is None:
            return None
        orders = await supplies.load_orders(connection, [(match.lane, match.market, match.supply)])
    return orders[match.supply].order.terms


async def of_shipment(call: Call[Any, Any], fact: DeliveryShipped) -> tuple[Warned, ...]:
    return await unless_unread(_of_shipment(call, fact))


async def of_weighing(call: Call[Any, Any], fact: DeliveryWeighed) -> tuple[Warned, ...]:
    return await unless_unread(_of_weighing(call, fact))


async def of_assay(on: Looking, fact: AssayLodged) -> tuple[Warned, ...]:
    async with looking_on(on) as connection:
        row = await deliveries.load_delivery(connection, fact.delivery)
        agreement = await agreements.load_agreement(connection, None, fact.agreement)
    if row is None or agreement is None:
        return ()
    return warned(assay_cautions(agreement.terms_on(row.shipped.shipped_on), row, fact))


async def of_acceptance(on: Looking, fact: DeliveryAccepted) -> tuple[Warned, ...]:
    async with looking_on(on) as connection:
        row = await deliveries.load_delivery(connection, fact.delivery)
        agreement = await agreements.load_agreement(connection, None, fact.agreement)
    if row is None or agreement is None:
        return ()
    return warned(acceptance_cautions(agreement.terms_on(row.shipped.shipped_on), row))


async def of_return(on: Looking, fact: ReturnDeclared | ReturnSettled) -> tuple[Warned, ...]:
    """Of one that is declared, or that stands from here on."""
    if isinstance(fact, ReturnSettled) and fact.outcome == "falls":
        return ()
    async with looking_on(on) as connection:
        row = await deliveries.load_delivery(connection, fact.delivery)
    if row is None:
        return ()
    declared = fact if isinstance(fact, ReturnDeclared) else (row.returns or ())[-1].declared
    return warned(passport_cautions(row, declared))


async def _of_shipment(call: Call[Any, Any], fact: DeliveryShipped) -> tuple[Warned, ...]:
    agreement, volumes = await load_with_volumes(call)
    if agreement.starts_on is None:
        return ()
    year = year_period(agreement.starts_on, fact.year)
    async with as_party(call) as (connection, _):
        of_year = await deliveries.shipped_between(
            connection,
            (agreement.lane, agreement.market, agreement.agreement),
            year.start.date(),
            year.end.date(),
        )
        others = await deliveries.shipped_of_number(
            connection, agreement.seller, fact.lot_number, fact.delivery, limit=SAME_NUMBER_MAX
        )
    matched = await _matched_supply(call)
    of_lot = await _of_lot(call, agreement, fact, matched)
    still_offered = await _offered(call, agreement, fact, matched)
    told = [*shipment_cautions(agreement, volumes, of_year, fact), *number_cautions(fact, others)]
    terms, until = agreement.terms_on(fact.shipped_on), midnight(fact.shipped_on)
    told += shipped_claims.stated_cautions(
        fact.evidence.footprint, clause_of(terms.price), fact.form, call.door.clock(), until
    )
    told += silence_cautions(terms, fact.evidence)
    told += activities.shipped_cautions(fact)
    if matched is not None and not any(fact.shipped_on > earlier.until for earlier in agreement.superseded):
        told += offered_cautions(matched, fact.evidence, with_passport=fact.passport is not None)
        told += moisture_cautions(matched, fact.moisture_ppb)
    of_waste = await waste_warnings.of_delivery(call, agreement, fact.shipped_on, "/shipped_on")
    screened = await screening_warnings.of_agreement(
        call.door, agreement, pointer="", act="ship or take more"
    )
    return (*warned([*told, *of_lot, *still_offered]), *of_waste, *screened)


async def _offered(
    call: Call[Any, Any], agreement: Agreement, fact: DeliveryShipped, matched: SupplyTerms | None
) -> Iterable[Caution]:
    """Of lots of its number that orders of the seller still offer."""
    async with as_desk(call) as connection:
        held = await reservations.reserved_of_numbers(
            connection, agreement.seller, left_lots.whole_numbers(fact.lot_number), limit=SAME_NUMBER_MAX
        )
    lot = None if matched is None else matched.physical_lot
    return left_lots.offered_cautions(lot, ((each.physical_lot, each.reservation) for each in held))


async def _of_lot(
    call: Call[Any, Any], agreement: Agreement, fact: DeliveryShipped, matched: SupplyTerms | None
) -> Iterable[Caution]:
    """Of the lot as it was without the shipment."""
    if fact.passport is None:
        lot = None if matched is None else matched.physical_lot
        unproven = unproven_cautions(agreement.terms_on(fact.shipped_on), fact.evidence)
        recycled = fact.evidence.recycled or RecycledContent()
        unlike = form_claim_cautions(fact.form, recycled.post_consumer_ppb, recycled.pre_consumer_ppb)
        unnamed = shipped_lots.unnamed_cautions(None if lot is None else lot.passport)
        return (*unnamed, *unproven, *unlike)
    desk = call.door.desk
    async with desk.looking() as connection:
        named = await load_lot(connection, fact.passport, fact.agreement, desk.lanes, but_for=fact.delivery)
    return shipped_lots.shipment_cautions(named, shipment_of(agreement, fact))


async def _of_weighing(call: Call[Any, Any], fact: DeliveryWeighed) -> tuple[Warned, ...]:
    async with as_party(call) as (connection, _):
        row = await deliveries.load_delivery(connection, fact.delivery)
        agreement = await agreements.load_agreement(connection, None, fact.agreement)
    if row is None or agreement is None:
        return ()
    terms = agreement.terms_on(row.shipped.shipped_on)
    of_waste = await waste_warnings.of_delivery(call, agreement, row.shipped.shipped_on, "")
    weighed = replace(row, weighed=fact)
    told = [
        *weighing_cautions(weighed),
        *short_cautions(agreement, weighed),
        *received_cautions(terms, row.shipped),
    ]
    return (*warned(told), *of_waste)
