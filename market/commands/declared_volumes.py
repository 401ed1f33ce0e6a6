"""Commands of declared volumes: declare, correct, withdraw."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

from contracts.rules.days import midnight, months_later
from contracts.store.deliveries import accepted_between
from events.callers import Caller
from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from events.vocabulary import lane_of
from events.volume_terms import VolumeTerms
from market.commands.lane_steps import Asked, LaneStep
from market.rules.crma import declared_volumes as rules
from market.rules.crma.declared_volumes import CorrectVolume, DeclareVolume, VolumeState, WithdrawVolume
from market.rules.crma.taken import delivered_masses, masses
from market.rules.element_masses import contained, in_mg
from market.rules.quantities import product_g
from market.rules.twins.capacities import quarter_of, quarter_start
from market.store import crma, declared_volumes, party_reads, passports

TRADED_MONTHS: Final = 12
"""How long before a quarter goods that arrive in it may have been matched or shipped."""
Stated = TypeVar("Stated", DeclareVolume, CorrectVolume)


def lanes(desk: Desk, argument: WithdrawVolume) -> Sequence[LaneKey]:
    """The organisation's lane, which contains all its volumes, so that none can be declared twice at the same
    time."""
    return [desk.lane("materials", argument.caller.organisation)]


def stated_lanes(desk: Desk, argument: Stated) -> Sequence[LaneKey]:
    """Also the passport's lane, since the masses are compared with its lot."""
    own, named = desk.lane("materials", argument.caller.organisation), argument.terms.passport
    return [own] if named is None else [own, desk.lane("materials", named)]


async def load(connection: Connection, asked: Asked[WithdrawVolume], moment: Moment) -> VolumeState:
    del moment
    return VolumeState(
        lanes=asked.lanes,
        volume=await declared_volumes.load_volume(connection, asked.argument.volume),
    )


async def load_stated(connection: Connection, asked: Asked[Stated], moment: Moment) -> VolumeState:
    del moment
    argument = asked.argument
    terms, caller = argument.terms, argument.caller
    others, of_quarter = await declared_volumes.load_alike(
        connection, caller.organisation, argument.volume, terms
    )
    own = await party_reads.load_organisation(connection, caller.organisation)
    return VolumeState(
        lanes=asked.lanes,
        volume=await declared_volumes.load_volume(connection, argument.volume),
        others=others,
        of_quarter=of_quarter,
        lot_mg=await _lot(connection, caller, terms.passport, asked.lanes),
        traded_mg=await _traded(connection, caller, terms),
        own_name=None if own is None else own.name,
    )


async def _lot(
    connection: Connection, caller: Caller, named: UUID | None, lanes_: int
) -> Mapping[str, int] | None:
    """The most that the lot can contain, including figures below detection."""
    if named is None:
        return None
    known = await passports.load_passports(connection, [(lane_of(str(named), lanes_), named)])
    passport = known.get(named)
    if passport is None or caller.organisation not in passport.parties:
        return None
    found = contained(passport.content, passport.content.net_wet_g)
    return {element: in_mg(mass.most, "up") for element, mass in found.items()}


async def _traded(connection: Connection, caller: Caller, terms: VolumeTerms) -> Mapping[str, int]:
    """How much of the named goods the caller has bought or sold here. Other lanes are read without locks."""
    if terms.lot_number is None and terms.passport is None:
        return {}
    own, elements = caller.organisation, [mass.element for mass in terms.masses]
    number = None if terms.lot_number is None else terms.lot_number.casefold()
    since = months_later(terms.quarter, -TRADED_MONTHS)
    until = quarter_start(quarter_of(terms.quarter) + 1).date()

    def named(seller: UUID, buyer: UUID, lot_number: str | None, passport: UUID | None) -> bool:
        side = buyer if terms.direction == "bought" else seller
        same_number = number is not None and lot_number is not None and lot_number.casefold() == number
        same_passport = terms.passport is not None and passport == terms.passport
        return side == own and (same_number or same_passport)

    taken = await crma.load_taken(
        connection, None, midnight(since), midnight(until), own, ("open", "confirmed")
    )
    ordered = [
        masses(lot.terms, product_g(lot.quantity_g, lot.terms.basis_g, lot.terms.net_wet_g), elements)
        for lot in taken
        for goods in (lot.terms.physical_lot,)
        if goods is not None and named(lot.seller, lot.buyer, goods.lot_number, goods.passport)
    ]
    if ordered:
        return _summed(ordered)
    accepted = await accepted_between(connection, None, since, until, own, limit=crma.LOTS_MAX)
    return _summed(
        delivered_masses(lot.delivery.fractions_ppb, (mass.net_wet_g, mass.moisture_ppb), elements)
        for lot in accepted
        for shipped in (lot.delivery.shipped,)
        for mass in (lot.delivery.mass,)
        if named(lot.seller, lot.buyer, shipped.lot_number, shipped.passport)
    )


def _summed(lots: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for lot in lots:
        for element, mass_mg in lot.items():
            found[element] = found.get(element, 0) + mass_mg
    return found


declare = LaneStep("volume.declare", stated_lanes, load_stated, rules.declare)
correct = LaneStep("volume.correct", stated_lanes, load_stated, rules.correct)
withdraw = LaneStep("volume.withdraw", lanes, load, rules.withdraw)
