"""Gives commands that are due, as the operator: looked up at every tick, decided under the lane lock.

Two timetables, or a restarted one, may give the same command twice; the rules refuse the second.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar
from uuid import UUID

import structlog
from msgspec import Struct

from events.desk import Answer
from events.refusal import ClockAhead, Refusal, Refusals

log = structlog.get_logger("lodestone.timers")

TICK_SECONDS: Final = 0.5
COMMANDS_PER_TICK_MAX: Final = 256
REFUSED_PAUSE: Final = timedelta(seconds=5)
FAILED_PAUSE: Final = timedelta(seconds=60)
TOLD_AGAIN: Final = timedelta(days=1)
REFUSED_FORGOTTEN: Final = timedelta(minutes=10)
"""A refused command that was not refused again for this long is no longer due."""
FAILURES_REMEMBERED_MAX: Final = 1_024
BEGINNING: Final = UUID(int=0)
P = TypeVar("P")


class Mark(NamedTuple):
    """The end of a look-up, after which the next one continues."""

    time: datetime
    id: UUID


START: Final = Mark(datetime(1970, 1, 1, tzinfo=UTC), BEGINNING)


class Found(Struct, Generic[P], frozen=True, kw_only=True):
    """Due commands, the earliest due first; `reached` is START when nothing else is due."""

    places: tuple[P, ...]
    reached: Mark


class Due(NamedTuple):
    """A due command; `subject` is the id of its order, match or agreement."""

    kind: str
    subject: UUID
    give: Callable[[], Awaitable[Answer]]


class Refused(NamedTuple):
    """The refusal of a due command: its reason, when it was last logged, and when it was last refused."""

    reason: str
    code: str
    told_at: datetime
    last_at: datetime


def show_nothing(_kind: str, _code: str, _number: int) -> None:
    pass


class Timetable:
    """Gives the commands that `look` finds due. Calls `count` with the kind and outcome of each command, and
    `show` after each tick with the number of refused ones by kind and code."""

    def __init__(
        self,
        look: Callable[[datetime], Awaitable[Sequence[Due]]],
        count: Callable[[str, str], None],
        *,
        clock: Callable[[], datetime],
        tick_seconds: float = TICK_SECONDS,
        commands_max: int = COMMANDS_PER_TICK_MAX,
        remembered_max: int = FAILURES_REMEMBERED_MAX,
        show: Callable[[str, str, int], None] = show_nothing,
    ) -> None:
        """`commands_max`: the most that a look-up returns of one kind; then the next tick follows at once.
        `remembered_max`: how many failures, and how many refusals, are remembered so that they are not logged
        again."""
        self._look = look
        self._count = count
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._commands_max = commands_max
        self._remembered_max = remembered_max
        self._not_before: dict[tuple[str, UUID], datetime] = {}
        self._failed: set[tuple[str, UUID]] = set()
        self._refused: dict[tuple[str, UUID], Refused] = {}
        self._show = show
        self._shown: set[tuple[str, str]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until the event is set. Commands that are refused or fail are tried again at a later tick."""
        waits_for = ""
        while not stop.is_set():
            pause_seconds = self._tick_seconds
            try:
                if await self.tick() >= self._commands_max:
                    pause_seconds = 0.0
                waits_for = ""
            except Refusal as error:
                if waits_for != (waits_for := str(error)):
                    log.warning("timers_wait", reason=waits_for)
                if isinstance(error, ClockAhead):
                    pause_seconds = REFUSED_PAUSE.total_seconds()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_seconds)

    async def tick(self) -> int:
        """Gives the due commands; returns their number.

        Raises RecordUnavailable when the database is away, ClockAhead when this process's clock runs ahead.
        """
        now = self._clock()
        self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        found = await self._look(now)
        due = [entry for entry in found if (entry.kind, entry.subject) not in self._not_before]
        await asyncio.gather(*(self._give(entry, now) for entry in due))
        self._show_refused(now)
        return len(due)

    def _show_refused(self, now: datetime) -> None:
        self._refused = {
            key: each for key, each in self._refused.items() if now - each.last_at < REFUSED_FORGOTTEN
        }
        found = Counter((kind, each.code) for (kind, _), each in self._refused.items())
        for kind, code in self._shown | found.keys():
            self._show(kind, code, found[kind, code])
        self._shown = set(found)

    async def _give(self, due: Due, now: datetime) -> None:
        """Gives one command. An unexpected failure is logged once, and again only after a success; a refusal
        once, when its reason changes, and once a day."""
        key = (due.kind, due.subject)
        try:
            await due.give()
        except ClockAhead:
            raise
        except (Refusal, Refusals) as error:
            self._not_before[key] = now + REFUSED_PAUSE
            outcome = "refused"
            self._tell_refused(due, error, now)
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
            self._refused.pop(key, None)
            outcome = "accepted"
            log.info("timer_fired", kind=due.kind, subject=str(due.subject))
        self._count(due.kind, outcome)

    def _tell_refused(self, due: Due, error: Refusal | Refusals, now: datetime) -> None:
        key, reason = (due.kind, due.subject), str(error)
        known = self._refused.get(key)
        told_at = now
        if known is not None and known.reason == reason and now - known.told_at < TOLD_AGAIN:
            told_at = known.told_at
        else:
            log.info("timer_refused", kind=due.kind, subject=str(due.subject), reason=reason)
        if known is None and len(self._refused) >= self._remembered_max:
            self._refused.clear()
        code = error.code if isinstance(error, Refusal) else error.refusals[0].code
        self._refused[key] = Refused(reason, code, told_at, now)
