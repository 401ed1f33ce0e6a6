"""Chooses which waiting commands are decided together, in order of arrival. Pure."""

from collections.abc import Container, Iterable
from typing import Protocol, TypeVar

from events.decision import LaneKey, Request


class Waiting(Protocol):
    """What `choose` needs of a command: whether it must be `alone` on its lanes, else the keys that it reads
    and adds to."""

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
    """(chosen, deferred), both in order of arrival; at most `look_max` commands are examined.

    A command is deferred if it reads a key to which an earlier one, chosen or deferred, adds, or the other
    way round; if it shares an idempotency scope or an exclusively used lane with an earlier one; or if it
    needs a lane that is not in `held`. So commands that depend on each other keep their order. Commands
    `under_way` in other transactions are earlier than all, and occupy their lanes. A command that waits for
    one of these lanes also reserves its other lanes against later commands: otherwise two transactions could
    take turns on them and make it wait for ever.
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
