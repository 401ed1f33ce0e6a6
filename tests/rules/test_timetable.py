"""Commands whose time has come: what is told of those that are refused, and when a clock is not believed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from events.refusal import ClockAhead, LaneStopped, NotDue, Refusal, Refusals
from events.timetable import REFUSED_FORGOTTEN, REFUSED_PAUSE, TOLD_AGAIN, Due, Timetable

ONE, OTHER = UUID(int=1), UUID(int=2)


class Desk:
    """Commands of two subjects, each refused for the reason that a test names; None: accepted, and over."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.reasons: dict[UUID, Refusal | Refusals | None] = {}
        self.given = 0
        self.twice_given = asyncio.Event()
        self.shown: dict[tuple[str, str], int] = {}
        self.table = Timetable(
            self._look, lambda _kind, _outcome: None, clock=lambda: self.now, show=self._show
        )

    async def _look(self, _now: datetime) -> Sequence[Due]:
        return [Due("volumes", subject, partial(self._give, subject)) for subject in self.reasons]

    async def _give(self, subject: UUID) -> tuple[()]:
        self.given += 1
        if self.given == 4:
            self.twice_given.set()
        if (reason := self.reasons[subject]) is not None:
            raise reason
        del self.reasons[subject]
        return ()

    def _show(self, kind: str, code: str, number: int) -> None:
        self.shown[kind, code] = number

    async def refusals_told(self, *, ticks: int, after: timedelta = REFUSED_PAUSE) -> list[str]:
        with capture_logs() as lines:
            for _ in range(ticks):
                await self.table.tick()
                self.now += after
        return [line["reason"] for line in lines if line["event"] == "timer_refused"]


async def test_a_refusal_is_told_once_then_when_its_reason_changes_and_once_a_day() -> None:
    desk = Desk()
    stopped = LaneStopped(stream="market", lane=1, reason="a fork")
    desk.reasons = {ONE: NotDue(due="an event"), OTHER: Refusals((NotDue(due="an event"),))}
    assert 2 == len(await desk.refusals_told(ticks=20))
    assert (40, 2) == (desk.given, desk.shown["volumes", "not_due"])
    desk.reasons[OTHER] = stopped
    assert [str(stopped)] == await desk.refusals_told(ticks=20)
    assert {("volumes", "not_due"): 1, ("volumes", "lane_stopped"): 1} == desk.shown
    day = TOLD_AGAIN // timedelta(minutes=5)
    assert 2 == len(await desk.refusals_told(ticks=day + 1, after=timedelta(minutes=5)))


async def test_what_is_done_or_not_due_any_more_is_refused_no_more() -> None:
    desk = Desk()
    desk.reasons = {ONE: NotDue(due="an event"), OTHER: NotDue(due="an event")}
    await desk.refusals_told(ticks=1)
    desk.reasons[ONE] = None
    del desk.reasons[OTHER]
    await desk.refusals_told(ticks=1)
    assert 1 == desk.shown["volumes", "not_due"]
    desk.now += REFUSED_FORGOTTEN
    await desk.table.tick()
    assert 0 == desk.shown["volumes", "not_due"]


async def test_what_is_due_by_a_clock_that_runs_ahead_is_no_refusal_and_waits() -> None:
    desk = Desk()
    desk.reasons = {ONE: ClockAhead(seconds=60), OTHER: ClockAhead(seconds=60)}
    stop = asyncio.Event()
    with capture_logs() as lines:
        with pytest.raises(ClockAhead):
            await desk.table.tick()
        running = asyncio.create_task(desk.table.run(stop))
        await desk.twice_given.wait()
        stop.set()
        await running
    assert ["timers_wait"] == [line["event"] for line in lines]
    assert {} == desk.shown
