"""Initiatives: register, change and revoke. Each is alone on the lane of its code."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import UNSET

from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from events.vocabulary import lane_of
from market.commands.lane_steps import Asked, LaneStep
from market.rules.orders import initiatives as rules
from market.rules.orders.initiatives import (
    ChangeInitiative,
    InitiativeState,
    RegisterInitiative,
    RevokeInitiative,
)
from market.store import initiatives, party_reads

OfInitiative = TypeVar("OfInitiative", RegisterInitiative, ChangeInitiative, RevokeInitiative)


def lanes(desk: Desk, argument: OfInitiative) -> Sequence[LaneKey]:
    return [desk.lane("parties", argument.initiative)]


async def load(connection: Connection, asked: Asked[OfInitiative], moment: Moment) -> InitiativeState:
    del moment
    argument = asked.argument
    return InitiativeState(
        lane=lane_of(argument.initiative, asked.lanes),
        initiative=await initiatives.load_initiative(connection, argument.initiative),
        coordinator_known=await _coordinator_known(connection, argument),
    )


async def _coordinator_known(
    connection: Connection, argument: RegisterInitiative | ChangeInitiative | RevokeInitiative
) -> bool:
    """Needs no lock on the organisation's lane, since organisations never disappear."""
    named = UNSET if isinstance(argument, RevokeInitiative) else argument.details.coordinated_by
    return named is UNSET or named in await party_reads.existing(connection, [named])


register = LaneStep("initiative.register", lanes, load, rules.register)
change = LaneStep("initiative.change", lanes, load, rules.change)
revoke = LaneStep("initiative.revoke", lanes, load, rules.revoke)
