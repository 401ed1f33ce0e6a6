"""Which waiting commands may be decided together: pure, in order of arrival."""

from collections.abc import Container, Iterable
from typing import Protocol, TypeVar

from events.decision import LaneKey, Request


class Waiting(Protocol):
    """A command as the choice sees it: `alone` on its lanes, else with the keys it reads and adds to."""

    @property
    def lanes(self) -> tuple[LaneKey, ...]: ...

    @property
    def alone(self) -> bool: ...

    @property
    def reads(self) -> frozenset[str]: ...

    @property
    def adds(self) -> frozenset[str]: ...

    @property
    def request(self) -> Request | None: ...


W = TypeVar("W", bound=Waiting)


def choose(
    waiting: Iterable[W],
    batch_max: int,
    look_max: int,
    held: Container[LaneKey] | None = None,
    under_way: Iterable[W] = (),
) -> tuple[list[W], list[W]]:
    """(batch, looked at but deferred), both in order; at most `look_max` are looked at.

    A command is deferred when it reads a key that an earlier one, taken or deferred, adds to, or the other
    way round, or shares its request scope or an exclusively used lane, so that the order of what depends on
    each other is kept; and when it wants a lane that is not among those `held`. What is `under_way` in other
    transactions came earlier than all, and its lanes are taken. Who waits for one of them keeps its other
    lanes from all that come later: else two transactions could have them in turn for ever.
    """
    batch: list[W] = []
    deferred: list[W] = []
    read: set[str] = set()
    added: set[str] = set()
    scopes: set[tuple[object, str, str] | None] = set()
    used: set[LaneKey] = set()
    exclusive: set[LaneKey] = set()
    taken: set[LaneKey] = set()
    for command in under_way:
        if not command.alone:
            read |= command.reads
            added |= command.adds
        scopes.add(_scope(command.request))
        taken.update(command.lanes)
    scopes.discard(None)
    for looked, command in enumerate(waiting):
        if len(batch) == batch_max or looked == look_max:
            break
        scope = _scope(command.request)
        if command.alone:
            clash = not used.isdisjoint(command.lanes)
            exclusive.update(command.lanes)
        else:
            clash = not (
                exclusive.isdisjoint(command.lanes)
                and added.isdisjoint(command.reads)
                and read.isdisjoint(command.adds)
            )
            read |= command.reads
            added |= command.adds
        if not taken.isdisjoint(command.lanes):
            clash = True
            taken.update(command.lanes)
        clash = clash or scope in scopes
        clash = clash or (held is not None and any(lane not in held for lane in command.lanes))
        used.update(command.lanes)
        if scope is not None:
            scopes.add(scope)
        (deferred if clash else batch).append(command)
    return batch, deferred


def _scope(request: Request | None) -> tuple[object, str, str] | None:
    return None if request is None else (request.organisation, request.route, request.key)
