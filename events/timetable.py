"""Commands whose time has come, given as the operator: looked for at every tick, decided under the lane lock.

Two tables, or one started again, give the same command twice; the rules refuse the second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar
from uuid import UUID

import structlog
from msgspec import Struct

from events.desk import Answer
from events.refusal import Refusal, Refusals

log = structlog.get_logger("lodestone.timers")

TICK_SECONDS: Final = 0.5
COMMANDS_PER_TICK_MAX: Final = 256
REFUSED_PAUSE: Final = timedelta(seconds=5)
FAILED_PAUSE: Final = timedelta(seconds=60)
FAILURES_REMEMBERED_MAX: Final = 1_024
BEGINNING: Final = UUID(int=0)
P = TypeVar("P")


class Mark(NamedTuple):
    """How far a look reached, to go on after."""

    time: datetime
    id: UUID


START: Final = Mark(datetime(1970, 1, 1, tzinfo=UTC), BEGINNING)


class Found(Struct, Generic[P], frozen=True, kw_only=True):
    """The longest due first; `reached` is START when nothing is due after these."""

    places: tuple[P, ...]
    reached: Mark


class Due(NamedTuple):
    """A command whose time has come; `subject` is what it is about: an order, a match, an agreement."""

    kind: str
    subject: UUID
    give: Callable[[], Awaitable[Answer]]


class Timetable:
    """Gives what `look` finds due; `count` is told the kind and outcome of each command."""

    def __init__(
        self,
        look: Callable[[datetime], Awaitable[Sequence[Due]]],
        count: Callable[[str, str], None],
        *,
        clock: Callable[[], datetime],
        tick_seconds: float = TICK_SECONDS,
        commands_max: int = COMMANDS_PER_TICK_MAX,
        remembered_max: int = FAILURES_REMEMBERED_MAX,
    ) -> None:
        """`commands_max`: as many as a look finds of one kind; then the next tick follows at once.

        `remembered_max`: failures told before any is told again.
        """
        self._look = look
        self._count = count
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._commands_max = commands_max
        self._remembered_max = remembered_max
        self._not_before: dict[tuple[str, UUID], datetime] = {}
        self._failed: set[tuple[str, UUID]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until the event is set. What is away, refused or fails is tried again at a later tick."""
        while not stop.is_set():
            try:
                full = await self.tick() >= self._commands_max
            except Refusal as error:
                full = False
                log.warning("timers_wait", reason=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.0 if full else self._tick_seconds)

    async def tick(self) -> int:
        """Give the commands that are due; the number given.

        Raises RecordUnavailable when the database is away.
        """
        now = self._clock()
        self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        found = await self._look(now)
        due = [entry for entry in found if (entry.kind, entry.subject) not in self._not_before]
        await asyncio.gather(*(self._give(entry, now) for entry in due))
        return len(due)

    async def _give(self, due: Due, now: datetime) -> None:
        """A command that fails in a way that no rule foresaw is told once, and again after it went well."""
        key = (due.kind, due.subject)
        try:
            await due.give()
        except (Refusal, Refusals) as error:
            self._not_before[key] = now + REFUSED_PAUSE
            outcome = "refused"
            log.info("timer_refused", kind=due.kind, subject=str(due.subject), reason=str(error))
        except Exception:
            self._not_before[key] = now + FAILED_PAUSE
            outcome = "failed"
            if key not in self._failed:
                if len(self._failed) >= self._remembered_max:
                    self._failed.clear()
                self._failed.add(key)
                log.exception("timer_failed", kind=due.kind, subject=str(due.subject))
        else:
            self._failed.discard(key)
            outcome = "accepted"
            log.info("timer_fired", kind=due.kind, subject=str(due.subject))
        self._count(due.kind, outcome)
