"""Commands of transformations, which write their own lane, those of their passports and that of the
facility's accounts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from contracts.store import deliveries
from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from events.vocabulary import lane_of
from market.commands.lane_steps import Asked, LaneStep
from market.commands.sold_lots import load_sales
from market.rules.element_masses import BALANCED
from market.rules.orders.reservations import number_identity
from market.rules.passport import Passport
from market.rules.passports import transformations as rules
from market.rules.passports.transformations import Transform, TransformState
from market.store import party_reads, passports, reservations, transformations


async def load(connection: Connection, asked: Asked[Transform], moment: Moment) -> TransformState:
    argument = asked.argument
    keys = [(lane_of(str(part.passport), asked.lanes), part.passport) for part in argument.inputs]
    held = await reservations.load_reservations(connection, [(lane, str(each)) for lane, each in keys])
    numbers = [made.lot_number for made in argument.outputs]
    named = {number: _identity(argument, number) for number in numbers}
    offered = await reservations.load_reservations(
        connection, [(lane_of(each, asked.lanes), each) for each in named.values()]
    )
    alike = await reservations.load_alike(connection, list(named.values()))
    known = await passports.load_passports(connection, keys)
    return TransformState(
        at_door=True,
        lanes=asked.lanes,
        facility=await party_reads.load_facility(connection, argument.caller.organisation, argument.facility),
        passports=known,
        sales=await load_sales(connection, list(known.values()), asked.lanes),
        left=await _left(connection, known.values()),
        days=await passports.load_days(connection, keys),
        reservations={each: held[str(each)].reservation for _, each in keys if str(each) in held},
        taken=await passports.taken_numbers(connection, argument.facility, numbers) | _one_lot_twice(numbers),
        accounts=await transformations.load_accounts(connection, argument.facility, BALANCED, moment.now),
        by_number={
            number: found
            for number, each in named.items()
            if (found := alike.get(each) or reservations.holder(offered, each)) is not None
        },
    )


async def _left(connection: Connection, drawn: Iterable[Passport]) -> dict[str, date]:
    """What left of the lots and is with a buyer, or on its way; what came back whole is theirs again."""
    owners = {passport.passport: passport.owner for passport in drawn}
    shipped = await deliveries.shipped_of_passports(connection, list(owners))
    return {
        of.lot_number.lower(): of.shipped_on
        for each in shipped
        for of in (each.delivery.shipped,)
        if of.passport is not None and each.seller == owners[of.passport] and each.delivery.kept_wet_g
    }


def lanes(desk: Desk, argument: Transform) -> Sequence[LaneKey]:
    """That of the organisation too, whose facilities and lot numbers stay as they are meanwhile, and those of
    the numbers of its outputs, by which lots may be offered."""
    keys: list[UUID | str] = [argument.transformation, argument.facility]
    keys += [_identity(argument, made.lot_number) for made in argument.outputs]
    keys += [part.passport for part in argument.inputs]
    keys += [made.passport for made in argument.outputs]
    return [
        desk.lane("parties", argument.caller.organisation),
        *(desk.lane("materials", key) for key in keys),
    ]


def _one_lot_twice(numbers: Iterable[str]) -> frozenset[str]:
    """Numbers that others of them differ from by case alone."""
    spellings = defaultdict[str, set[str]](set)
    for number in numbers:
        spellings[number.lower()].add(number)
    return frozenset[str]().union(*(several for several in spellings.values() if len(several) > 1))


def _identity(argument: Transform, lot_number: str) -> str:
    return number_identity(argument.caller.organisation, argument.facility, lot_number)


transform = LaneStep("transformation.record", lanes, load, rules.transform)
