"""Decides the commands of a batch: state loaded once per operation, then each decided and written onto the
heads."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from events.clock_bounds import ClockBound
from events.command import Command, Outcome
from events.connections import Connection
from events.decision import LaneKey, Moment
from events.heads import Heads, Stamp
from events.kept import Kept
from events.waiting import Waiting


class Deciding:
    """What decisions need from their process: clock, ids, salts; `source` is known once it has started."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        new_salt: Callable[[], str],
        bound: ClockBound,
    ) -> None:
        self._clock = clock
        self._bound = bound
        self._new_id = new_id
        self._new_salt = new_salt
        self.source = ""

    def read_clock(self, heads: Heads) -> datetime:
        """The clock reading for a batch. ClockAhead if it is too far ahead of the time at which the lanes
        were locked; if they were not locked, the writing statement has to check its time against
        `not_before`."""
        clock = self._clock()
        if heads.locked_at is not None:
            self._bound.check(clock, heads.locked_at)
        return clock

    def not_before(self, clock: datetime) -> datetime:
        return self._bound.not_before(clock)

    def moment(self, heads: Heads, command: Command[Any, Any]) -> Moment:
        """The moment of a decision, never before the last event of the command's lanes. ClockAhead as in
        `read_clock`."""
        return Moment(now=heads.now(self.read_clock(heads), command.lanes), new_id=self._new_id)

    def stamp(self, command: Command[Any, Any], moment: Moment) -> Stamp:
        return Stamp(
            cause=command.cause,
            actor=command.actor,
            source=self.source,
            now=moment.now,
            new_id=self._new_id,
            new_salt=self._new_salt,
        )

    async def load(
        self,
        connection: Connection,
        heads: Heads,
        batch: Sequence[Waiting],
        clock: datetime,
        kept: Mapping[LaneKey, Kept] | None = None,
    ) -> dict[Waiting, tuple[object, Moment]]:
        """One load per operation and moment: a lane whose last event is ahead of the clock has its own
        moment."""
        groups: dict[tuple[int, datetime], list[Waiting]] = {}
        for waiting in batch:
            now = heads.now(clock, waiting.lanes)
            groups.setdefault((id(waiting.command.operation), now), []).append(waiting)
        states: dict[Waiting, tuple[object, Moment]] = {}
        for (_, now), group in groups.items():
            moment = Moment(now=now, new_id=self._new_id, kept=kept)
            arguments = [waiting.command.argument for waiting in group]
            loaded = await group[0].command.operation.load(connection, arguments, moment)
            for waiting, state in zip(group, loaded, strict=True):
                states[waiting] = (state, moment)
        return states

    def decide(self, heads: Heads, waiting: Waiting, state: object, moment: Moment) -> Outcome | Exception:
        """The command's events, written onto the heads, or the exception for its caller; then nothing is
        written."""
        command = waiting.command
        try:
            decision = command.operation.decide(state, command.argument, moment)
            events = heads.write(decision.drafts, self.stamp(command, moment), command.request)
        except Exception as error:  # noqa: BLE001  the caller gets it
            return error
        return Outcome(events=events, replayed=False)
