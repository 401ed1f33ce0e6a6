"""Timers of agreements: long-stop dates, terms, deemed nominations, year ends, and deemed acts of deliveries.

They run in the process of the market's timers. If two run, or one is restarted, nothing takes effect twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from contracts.commands import deliveries, volumes
from contracts.rules.deemed import PassDelivery
from contracts.rules.standing import PassTime
from contracts.store.agreements import AgreementPlace
from contracts.store.deliveries import DeliveryPlace
from contracts.store.due import due_agreements, due_deliveries, due_volumes
from events.callers import Caller
from events.desk import Desk
from events.timetable import COMMANDS_PER_TICK_MAX, START, TICK_SECONDS, Due, Timetable, show_nothing


class Timers:
    """Looks up what is due and gives the commands as the operator."""

    def __init__(
        self,
        desk: Desk,
        operator: UUID,
        count: Callable[[str, str], None],
        show: Callable[[str, str, int], None] = show_nothing,
        *,
        clock: Callable[[], datetime],
        tick_seconds: float = TICK_SECONDS,
        commands_max: int = COMMANDS_PER_TICK_MAX,
    ) -> None:
        """`count` and `show` as in `Timetable`; `commands_max`: per kind and tick."""
        self._desk = desk
        self._caller = Caller(organisation=operator, roles=frozenset({"operator"}))
        self._commands_max = commands_max
        self._agreement_mark = START
        self._volume_mark = START
        self._delivery_mark = START
        self._table = Timetable(
            self._due, count, clock=clock, tick_seconds=tick_seconds, commands_max=commands_max, show=show
        )

    async def run(self, stop: asyncio.Event) -> None:
        """As `Timetable.run`."""
        await self._table.run(stop)

    async def tick(self) -> int:
        """As `Timetable.tick`; each kind continues at the next tick where it stopped."""
        return await self._table.tick()

    async def _due(self, now: datetime) -> Sequence[Due]:
        async with self._desk.looking() as connection:
            stands = await due_agreements(connection, now, self._commands_max, after=self._agreement_mark)
            counts = await due_volumes(connection, now, self._commands_max, after=self._volume_mark)
            lots = await due_deliveries(connection, now, self._commands_max, after=self._delivery_mark)
        self._agreement_mark, self._volume_mark = stands.reached, counts.reached
        self._delivery_mark = lots.reached
        return [
            *(self._passing("agreement", place) for place in stands.places),
            *(self._passing("volumes", place) for place in counts.places),
            *(self._delivery(place) for place in lots.places),
        ]

    def _passing(self, kind: str, place: AgreementPlace) -> Due:
        """The same command for agreements found by status and by volumes: it does whatever is due first."""
        argument = PassTime(caller=self._caller, agreement=place.agreement)
        return Due(kind, place.agreement, lambda: volumes.pass_time(self._desk, argument))

    def _delivery(self, place: DeliveryPlace) -> Due:
        argument = PassDelivery(caller=self._caller, delivery=place.delivery)
        return Due("delivery", place.delivery, lambda: deliveries.pass_time(self._desk, argument))
