"""Passports: issue, transfer, correct, retire."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from msgspec.structs import replace

from contracts.rules.delivery import Delivery
from contracts.store import deliveries
from contracts.store.agreements import load_agreements
from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from events.passport_terms import PassportContent
from events.vocabulary import lane_of
from market.commands.lane_steps import Asked, LaneStep
from market.commands.sold_lots import load_sales
from market.rules.orders.reservations import number_identity
from market.rules.passport import Passport
from market.rules.passports import delivered_lots
from market.rules.passports import passports as rules
from market.rules.passports.delivered_lots import (
    AcceptedDelivery,
    DeliverPassport,
    DeliveryState,
    WetMass,
)
from market.rules.passports.lot_checks import LotDays
from market.rules.passports.passport_content import origin_sites
from market.rules.passports.passports import (
    AcknowledgeCorrection,
    AcknowledgePassport,
    CorrectPassport,
    IssuePassport,
    IssueState,
    NotePassport,
    PassportState,
    RetirePassport,
    TransferPassport,
)
from market.rules.passports.settled_lots import SettledLot
from market.store import party_reads, passports, reservations

Change = TypeVar(
    "Change",
    TransferPassport,
    AcknowledgePassport,
    AcknowledgeCorrection,
    CorrectPassport,
    NotePassport,
    RetirePassport,
    DeliverPassport,
)
Correction = TypeVar("Correction", CorrectPassport, AcknowledgeCorrection)


async def load_issue(connection: Connection, asked: Asked[IssuePassport], moment: Moment) -> IssueState:
    del moment
    content = asked.argument.content
    organisation = asked.argument.caller.organisation
    number = number_identity(organisation, content.facility, content.lot_number)
    held = await reservations.load_reservations(connection, [(lane_of(number, asked.lanes), number)])
    alike = await reservations.load_alike(connection, [number])
    return IssueState(
        at_door=True,
        lanes=asked.lanes,
        facility=await party_reads.load_facility(connection, organisation, content.facility),
        taken=await passports.taken_numbers(connection, content.facility, [content.lot_number]),
        by_number=alike.get(number) or reservations.holder(held, number),
        sites=await _registered(connection, content),
    )


async def _registered(connection: Connection, content: PassportContent) -> frozenset[UUID]:
    """Sites of the origin, read without their lanes: what was registered once keeps its id."""
    named = origin_sites(content)
    return frozenset(await party_reads.find_facilities(connection, named)) if named else named


async def load(connection: Connection, asked: Asked[Change], moment: Moment) -> PassportState:
    del moment
    return await _state(connection, asked.argument.passport, asked.lanes, [])


async def load_transfer(
    connection: Connection, asked: Asked[TransferPassport], moment: Moment
) -> PassportState:
    del moment
    argument = asked.argument
    receivers = [each for each in (argument.owner, argument.holder) if each is not None]
    lane = lane_of(str(argument.passport), asked.lanes)
    known = await passports.load_days(connection, [(lane, argument.passport)])
    days = known.get(argument.passport, LotDays())
    drawn_on = await passports.last_draw(connection, argument.passport)
    state = await _state(connection, argument.passport, asked.lanes, receivers)
    return replace(state, days=replace(days, drawn_on=drawn_on))


async def load_correction(connection: Connection, asked: Asked[Correction], moment: Moment) -> PassportState:
    """Also reads what deliveries have settled, without locks, since accepted deliveries stay so."""
    state = await load(connection, asked, moment)
    if state.passport is None:
        return state
    shipped = await deliveries.shipped_of_passports(connection, [state.passport.passport])
    return replace(state, settled=tuple(_settled(state.passport, each) for each in shipped))


async def load_corrected(
    connection: Connection, asked: Asked[CorrectPassport], moment: Moment
) -> PassportState:
    state = await load_correction(connection, asked, moment)
    return replace(state, sites=await _registered(connection, asked.argument.content))


def _settled(passport: Passport, of: deliveries.ShippedLot) -> SettledLot:
    accepted = accepted_of(of.delivery, of.seller, of.buyer)
    received_g = None if accepted is None else delivered_lots.received_whole_g(passport, accepted)
    return SettledLot(settled_ppb=of.delivery.settled_ppb, received_g=received_g)


async def _state(
    connection: Connection, passport: UUID, lanes: int, receivers: Sequence[UUID]
) -> PassportState:
    lane, identity = lane_of(str(passport), lanes), str(passport)
    known = await passports.load_passports(connection, [(lane, passport)])
    held = await reservations.load_reservations(connection, [(lane, identity)])
    found = known.get(passport)
    sales = {} if found is None else await load_sales(connection, [found], lanes)
    return PassportState(
        at_door=True,
        lanes=lanes,
        passport=found,
        sales=sales.get(passport, {}),
        reservation=reservations.holder(held, identity),
        receivers=await party_reads.standing(connection, receivers),
    )


def issue_lanes(desk: Desk, argument: IssuePassport) -> Sequence[LaneKey]:
    """Also the organisation's lane, so that facilities and lot numbers do not change, and that of the lot
    number, by which the lot may be offered."""
    organisation, content = argument.caller.organisation, argument.content
    number = number_identity(organisation, content.facility, content.lot_number)
    return [
        desk.lane("parties", organisation),
        desk.lane("materials", argument.passport),
        desk.lane("materials", number),
    ]


def lanes(desk: Desk, argument: Change) -> Sequence[LaneKey]:
    return [desk.lane("materials", argument.passport)]


async def load_delivery(
    connection: Connection, asked: Asked[DeliverPassport], moment: Moment
) -> DeliveryState:
    """The delivery is read without its lane: once accepted, it stays so."""
    del moment
    argument = asked.argument
    lane = lane_of(str(argument.passport), asked.lanes)
    known = await passports.load_passports(connection, [(lane, argument.passport)])
    place = await deliveries.locate(connection, None, argument.delivery)
    accepted = None
    if place is not None:
        found = await deliveries.load_deliveries(connection, [(place.lane, place.market, place.delivery)])
        agreements = await load_agreements(connection, [(place.lane, place.market, place.agreement)])
        of, agreement = found[place.delivery], agreements[place.agreement]
        if of.shipped.passport == argument.passport:
            accepted = accepted_of(of, agreement.seller, agreement.buyer)
    return DeliveryState(lanes=asked.lanes, passport=known.get(argument.passport), accepted=accepted)


def accepted_of(of: Delivery, seller: UUID, buyer: UUID) -> AcceptedDelivery | None:
    if of.accepted is None:
        return None
    return AcceptedDelivery(
        agreement=of.shipped.agreement,
        delivery=of.shipped.delivery,
        seller=seller,
        buyer=buyer,
        shipped=WetMass(net_wet_g=of.shipped.net_wet_g, moisture_ppb=of.shipped.moisture_ppb),
        received=WetMass(net_wet_g=of.mass.net_wet_g, moisture_ppb=of.mass.moisture_ppb),
        shipped_on=of.shipped.shipped_on,
        title_passed_on=of.accepted.title_passed_on,
    )


issue = LaneStep("passport.issue", issue_lanes, load_issue, rules.issue)
transfer = LaneStep("passport.transfer", lanes, load_transfer, rules.transfer)
acknowledge = LaneStep("passport.acknowledge", lanes, load, rules.acknowledge)
correct = LaneStep("passport.correct", lanes, load_corrected, rules.correct)
acknowledge_correction = LaneStep(
    "passport.acknowledge-correction", lanes, load_correction, rules.acknowledge_correction
)
note = LaneStep("passport.note", lanes, load, rules.note)
retire = LaneStep("passport.retire", lanes, load, rules.retire)
deliver = LaneStep("passport.deliver", lanes, load_delivery, delivered_lots.deliver)
