"""PROCESS gives commands that are due: rounds, expiries, lapses, releases, transfers of passports; decided
under the lane lock like any other.

Two timers, or a restarted one, may give the same command twice; the rules refuse the second.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from events.callers import Caller
from events.desk import Desk
from events.timetable import (
    BEGINNING,
    COMMANDS_PER_TICK_MAX,
    FAILURES_REMEMBERED_MAX,
    START,
    TICK_SECONDS,
    Due,
    Timetable,
)
from market.commands import clearings, lots, matches, offers, passports, requirements, returning
from market.metrics import TIMER_COMMANDS, TIMERS_REFUSED
from market.rules.passports.delivered_lots import DeliverPassport
from market.rules.passports.returned_lots import GiveBackPassport
from market.store.due import (
    Delivered,
    MarketClock,
    clearing_clocks,
    due_expiries,
    due_lapses,
    due_passports,
    due_releases,
    due_returns,
)
from market.store.orders import OrderPlace

RESERVATIONS_PER_TICK_MAX: Final = 1_024
DELIVERIES_PER_TICK_MAX: Final = 1_024


class Timers:
    """Looks up what is due and gives the commands as the operator."""

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
        """`commands_max`: per kind and tick; `remembered_max`: how many failures are remembered so that they
        are not logged again."""
        self._desk = desk
        self._caller = Caller(organisation=operator, roles=frozenset({"operator"}))
        self._commands_max = commands_max
        self._expiry_mark = START
        self._lapse_mark = START
        self._reservation = BEGINNING
        self._delivery = self._return = BEGINNING
        self._table = Timetable(
            self._due,
            count_command,
            clock=clock,
            tick_seconds=tick_seconds,
            commands_max=commands_max,
            remembered_max=remembered_max,
            show=show_refused,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """As `Timetable.run`."""
        await self._table.run(stop)

    async def tick(self) -> int:
        """As `Timetable.tick`.

        Each kind continues at the next tick where it stopped, so that repeatedly refused commands block
        nothing; a tick examines the next 1,024 reservations for releases, and as many deliveries for
        passports.
        """
        return await self._table.tick()

    async def _due(self, now: datetime) -> Sequence[Due]:
        async with self._desk.looking() as connection:
            expiries = await due_expiries(connection, now, self._commands_max, after=self._expiry_mark)
            lapses = await due_lapses(connection, now, self._commands_max, after=self._lapse_mark)
            releases = await due_releases(connection, RESERVATIONS_PER_TICK_MAX, after=self._reservation)
            delivered = await due_passports(connection, DELIVERIES_PER_TICK_MAX, after=self._delivery)
            returned = await due_returns(connection, DELIVERIES_PER_TICK_MAX, after=self._return)
            clocks = await clearing_clocks(connection)
        self._expiry_mark, self._lapse_mark = expiries.reached, lapses.reached
        self._reservation, self._delivery = releases.looked_at, delivered.looked_at
        self._return = returned.looked_at
        return [
            *(self._expiry(place) for place in expiries.places),
            *(self._lapse(place.match) for place in lapses.places),
            *(self._release(place.order) for place in releases.places),
            *(self._follow(lot) for lot in delivered.places),
            *(self._give_back(lot) for lot in returned.places),
            *(self._round(clock.market) for clock in clocks if is_due(clock, now)),
        ]

    def _expiry(self, place: OrderPlace) -> Due:
        expire = {"offer": offers.expire, "lot": lots.expire, "requirement": requirements.expire}[place.kind]
        return Due("expiry", place.order, lambda: expire(self._desk, self._caller, order=place.order))

    def _lapse(self, match: UUID) -> Due:
        return Due("lapse", match, lambda: matches.lapse(self._desk, self._caller, match=match))

    def _release(self, order: UUID) -> Due:
        return Due("release", order, lambda: lots.release(self._desk, self._caller, order=order))

    def _follow(self, lot: Delivered) -> Due:
        argument = DeliverPassport(caller=self._caller, passport=lot.passport, delivery=lot.delivery)
        return Due("passport", lot.delivery, lambda: passports.deliver(self._desk, argument))

    def _give_back(self, lot: Delivered) -> Due:
        argument = GiveBackPassport(caller=self._caller, passport=lot.passport, delivery=lot.delivery)
        return Due("return", lot.delivery, lambda: returning.give_back(self._desk, argument))

    def _round(self, market: UUID) -> Due:
        return Due(
            "clearing",
            market,
            lambda: clearings.plan(self._desk, self._caller, market=market, trigger="interval"),
        )


def count_command(kind: str, outcome: str) -> None:
    TIMER_COMMANDS.labels(kind, outcome).inc()


def show_refused(kind: str, code: str, number: int) -> None:
    TIMERS_REFUSED.labels(kind, code).set(number)


def is_due(clock: MarketClock, now: datetime) -> bool:
    """Whether a market with scheduled rounds is due for its next one; not while nothing has happened since
    the last."""
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
    """Derived from market and round, so that all timers wait equally long; outsiders cannot time an order to
    the cut."""
    most = clock.terms.clearing_jitter_seconds
    digest = sha256(clock.market.bytes + clock.last_round.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:8], "big") % (most + 1)
