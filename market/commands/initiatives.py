"""Initiatives: register, change and revoke. Each is alone on the lane of its code."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from msgspec import UNSET, Struct

from events.callers import Caller
from events.connections import Connection
from events.decision import Decision, Moment, Request
from events.desk import Answer, Desk, Operation, submit
from market.rules.orders import initiatives as rules
from market.rules.orders.initiatives import (
    ChangeInitiative,
    InitiativeDetails,
    InitiativeState,
    NewInitiative,
    RegisterInitiative,
    RevokeInitiative,
)
from market.store import initiatives, party_reads

A = TypeVar("A", RegisterInitiative, ChangeInitiative, RevokeInitiative)


class Asked(Struct, Generic[A], frozen=True, kw_only=True):
    lane: int
    code: str
    argument: A


async def load(
    connection: Connection, asked: Sequence[Asked[A]], moment: Moment
) -> Sequence[InitiativeState]:
    """Alone on its lane, so one at a time."""
    del moment
    return [
        InitiativeState(
            lane=a.lane,
            initiative=await initiatives.load_initiative(connection, a.code),
            coordinator_known=await _coordinator_known(connection, a.argument),
        )
        for a in asked
    ]


async def _coordinator_known(
    connection: Connection, argument: RegisterInitiative | ChangeInitiative | RevokeInitiative
) -> bool:
    """An organisation never ceases to be one, so its lane is not asked for."""
    named = UNSET if isinstance(argument, RevokeInitiative) else argument.details.coordinated_by
    return named is UNSET or named in await party_reads.existing(connection, [named])


def of_initiative(
    name: str, decide: Callable[[InitiativeState, A, Moment], Decision]
) -> Operation[Asked[A], InitiativeState]:
    def decided(state: InitiativeState, asked: Asked[A], moment: Moment) -> Decision:
        return decide(state, asked.argument, moment)

    return Operation(name, load, decided)


REGISTER = of_initiative("initiative.register", rules.register)
CHANGE = of_initiative("initiative.change", rules.change)
REVOKE = of_initiative("initiative.revoke", rules.revoke)


async def _submit(
    desk: Desk,
    operation: Operation[Asked[A], InitiativeState],
    code: str,
    argument: A,
    *,
    request: Request | None,
    dry_run: bool,
) -> Answer:
    lane = desk.lane("parties", code)
    return await submit(
        desk,
        operation,
        Asked(lane=lane.lane, code=code, argument=argument),
        caller=argument.caller,
        lanes=[lane],
        touches=None,
        request=request,
        dry_run=dry_run,
    )


async def register(
    desk: Desk,
    caller: Caller,
    *,
    details: NewInitiative,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = RegisterInitiative(caller=caller, details=details)
    return await _submit(desk, REGISTER, details.code, argument, request=request, dry_run=dry_run)


async def change(
    desk: Desk,
    caller: Caller,
    *,
    initiative: str,
    details: InitiativeDetails,
    expected_version: int,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    argument = ChangeInitiative(
        caller=caller, initiative=initiative, expected_version=expected_version, details=details
    )
    return await _submit(desk, CHANGE, initiative, argument, request=request, dry_run=dry_run)


async def revoke(
    desk: Desk,
    caller: Caller,
    *,
    initiative: str,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    """Organisations that name it keep doing so until their own next change."""
    argument = RevokeInitiative(caller=caller, initiative=initiative)
    return await _submit(desk, REVOKE, initiative, argument, request=request, dry_run=dry_run)
