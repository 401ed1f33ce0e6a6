"""Several commands in one lane transaction: all are recorded or none, and all refusals are reported at
once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from msgspec.structs import replace

from events.callers import Caller
from events.command import Command, Outcome
from events.connections import Connection
from events.decision import Decision, Moment, Request
from events.desk import Answer, Desk, Operation, submit
from events.envelope import Draft
from events.refusal import Refusal, Refusals

A = TypeVar("A")
S = TypeVar("S")
AnyCommand: TypeAlias = Command[Any, Any]


class Gathering:
    """A writer that only collects commands, to be submitted together; it records nothing."""

    def __init__(self) -> None:
        self.commands: list[AnyCommand] = []

    async def execute(self, command: Command[A, S]) -> Outcome:
        self.commands.append(command)
        return Outcome(events=(), replayed=False)

    async def rehearse(self, command: Command[A, S]) -> tuple[Draft, ...]:
        self.commands.append(command)
        return ()


class TogetherRefused(Exception):
    """The refusals by index of their command; none of the commands is recorded."""

    def __init__(self, refused: Mapping[int, tuple[Refusal, ...]]) -> None:
        super().__init__(f"{len(refused)} commands are refused")
        self.refused = refused


async def _load(
    connection: Connection, asked: Sequence[Sequence[AnyCommand]], moment: Moment
) -> Sequence[Sequence[Any]]:
    """One load per operation, as for a batch. There is only one argument, since the command is alone on its
    lanes."""
    return [await _states(connection, commands, moment) for commands in asked]


async def _states(connection: Connection, commands: Sequence[AnyCommand], moment: Moment) -> Sequence[Any]:
    places: dict[int, list[int]] = {}
    for place, command in enumerate(commands):
        places.setdefault(id(command.operation), []).append(place)
    states: dict[int, Any] = {}
    for found in places.values():
        arguments = [commands[place].argument for place in found]
        loaded = await commands[found[0]].operation.load(connection, arguments, moment)
        states.update(zip(found, loaded, strict=True))
    return [states[place] for place in range(len(commands))]


def _decide(states: Sequence[Any], commands: Sequence[AnyCommand], moment: Moment) -> Decision:
    drafts: list[Draft] = []
    refused: dict[int, tuple[Refusal, ...]] = {}
    for place, (state, command) in enumerate(zip(states, commands, strict=True)):
        try:
            drafts += command.operation.decide(state, command.argument, moment).drafts
        except Refusal as reason:
            refused[place] = (reason,)
        except Refusals as reasons:
            refused[place] = reasons.refusals
    if refused:
        raise TogetherRefused(refused)
    return Decision(drafts=tuple(drafts))


TOGETHER: Final[Operation[Sequence[AnyCommand], Sequence[Any]]] = Operation("together", _load, _decide)


def gathering(desk: Desk) -> tuple[Desk, Gathering]:
    """The same desk with a writer that collects commands, and that writer."""
    writer = Gathering()
    return replace(desk, writer=writer), writer


async def submit_together(
    desk: Desk, caller: Caller, commands: Sequence[AnyCommand], *, request: Request | None, dry_run: bool
) -> Answer:
    """Submits collected commands in one transaction. None of them may read what another writes: all are
    decided on the same state.

    Raises TogetherRefused, or a refusal of the lane.
    """
    return await submit(
        desk,
        TOGETHER,
        tuple(commands),
        caller=caller,
        lanes=[lane for command in commands for lane in command.lanes],
        touches=None,
        request=request,
        dry_run=dry_run,
    )
