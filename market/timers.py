"""PROCESS due clearings, expiries, lapses and releases: commands like any other, decided under the lane lock.

Two timers, or one started again, give the same command twice; the rules refuse the second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from events.callers import Caller
from events.desk import Answer, Desk
from events.refusal import Refusal, Refusals
from market.commands import clearings, lots, matches, offers, requirements
from market.metrics import TIMER_COMMANDS
from market.store.due import (
    BEGINNING,
    START,
    MarketClock,
    clearing_clocks,
    due_expiries,
    due_lapses,
    due_releases,
)
from market.store.orders import OrderPlace

log = structlog.get_logger("lodestone.timers")

TICK_SECONDS: Final = 0.5
COMMANDS_PER_TICK_MAX: Final = 256
RESERVATIONS_PER_TICK_MAX: Final = 1_024
REFUSED_PAUSE: Final = timedelta(seconds=5)
FAILED_PAUSE: Final = timedelta(seconds=60)
FAILURES_REMEMBERED_MAX: Final = 1_024


class Due(NamedTuple):
    """A command whose time has come; `subject` is the order, match or market it is about."""

    kind: str
    subject: UUID
    give: Callable[[], Awaitable[Answer]]


class Timers:
    """Looks for what is due and gives the commands as the operator."""

    def __init__(
        self,
        desk: Desk,
        operator: UUID,
        *,
        clock: Callable[[], datetime],
        tick_seconds: float = TICK_SECONDS,
        commands_max: int = COMMANDS_PER_TICK_MAX,
        remembered_max: int = FAILURES_REMEMBERED_MAX,
    ) -> None:
        """`commands_max`: of a kind, in a tick; `remembered_max`: failures told before any is told again."""
        self._desk = desk
        self._caller = Caller(organisation=operator, roles=frozenset({"operator"}))
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._commands_max = commands_max
        self._remembered_max = remembered_max
        self._not_before: dict[tuple[str, UUID], datetime] = {}
        self._failed: set[tuple[str, UUID]] = set()
        self._expiry_mark = START
        self._lapse_mark = START
        self._reservation = BEGINNING

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

        Each kind goes on from tick to tick through all that is due, so that what is refused again and again
        holds up nothing behind it; releases are looked for among the next 1,024 reservations. Raises
        RecordUnavailable when the database is away.
        """
        now = self._clock()
        self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        due = [entry for entry in await self._due(now) if (entry.kind, entry.subject) not in self._not_before]
        await asyncio.gather(*(self._give(entry, now) for entry in due))
        return len(due)

    async def _due(self, now: datetime) -> Sequence[Due]:
        async with self._desk.looking() as connection:
            expiries = await due_expiries(connection, now, self._commands_max, after=self._expiry_mark)
            lapses = await due_lapses(connection, now, self._commands_max, after=self._lapse_mark)
            releases = await due_releases(connection, RESERVATIONS_PER_TICK_MAX, after=self._reservation)
            clocks = await clearing_clocks(connection)
        self._expiry_mark, self._lapse_mark = expiries.reached, lapses.reached
        self._reservation = releases.looked_at
        return [
            *(self._expiry(place) for place in expiries.places),
            *(self._lapse(place.match) for place in lapses.places),
            *(self._release(place.order) for place in releases.places),
            *(self._round(clock.market) for clock in clocks if is_due(clock, now)),
        ]

    def _expiry(self, place: OrderPlace) -> Due:
        expire = {"offer": offers.expire, "lot": lots.expire, "requirement": requirements.expire}[place.kind]
        return Due("expiry", place.order, lambda: expire(self._desk, self._caller, order=place.order))

    def _lapse(self, match: UUID) -> Due:
        return Due("lapse", match, lambda: matches.lapse(self._desk, self._caller, match=match))

    def _release(self, order: UUID) -> Due:
        return Due("release", order, lambda: lots.release(self._desk, self._caller, order=order))

    def _round(self, market: UUID) -> Due:
        return Due(
            "clearing",
            market,
            lambda: clearings.plan(self._desk, self._caller, market=market, trigger="interval"),
        )

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
        TIMER_COMMANDS.labels(due.kind, outcome).inc()


def is_due(clock: MarketClock, now: datetime) -> bool:
    """Whether a market that clears by the clock gets its next round; none while nothing happened since."""
    interval = clock.terms.clearing_interval_seconds
    if interval == 0 or clock.plan is not None:
        return False
    if clock.last_cut_time is None:
        return True
    if clock.last_time <= clock.last_cut_time:
        return False
    wait = timedelta(seconds=interval + jitter_seconds(clock))
    return now >= clock.last_cut_time + wait


def jitter_seconds(clock: MarketClock) -> int:
    """From market and round, so that every timer waits alike; nobody outside can time an order to the cut."""
    most = clock.terms.clearing_jitter_seconds
    digest = sha256(clock.market.bytes + clock.last_round.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:8], "big") % (most + 1)
