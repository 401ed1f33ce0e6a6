"""How far the clock of a process may run ahead of the database's.

What is recorded at a time that has not come holds the lane there: nothing on it can be earlier. A lane that
is ahead already goes on, since only the clock that would take it further is held against the bound.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from events.connections import Connection
from events.decision import LaneKey
from events.refusal import ClockAhead

EVER = datetime.min.replace(tzinfo=UTC)


class ClockBound(Struct, frozen=True, kw_only=True):
    """None: a clock that is moved on purpose."""

    ahead_max: timedelta | None = None

    def not_before(self, clock: datetime) -> datetime:
        """The earliest time of the database's at which a process may have read this on its own clock."""
        return EVER if self.ahead_max is None else clock - self.ahead_max

    def check(self, clock: datetime, by_database: datetime) -> None:
        """ClockAhead when the one is too far ahead of the other, which was read before it."""
        if by_database < self.not_before(clock):
            assert self.ahead_max is not None
            raise ClockAhead(seconds=int(self.ahead_max.total_seconds()))

    def is_off(self, difference: timedelta) -> bool:
        """Whether a clock is too far from the database's, to either side."""
        return self.ahead_max is not None and abs(difference) > self.ahead_max


UNBOUNDED = ClockBound()


def bound_of(seconds: int) -> ClockBound:
    """0: none."""
    return ClockBound(ahead_max=timedelta(seconds=seconds)) if seconds else UNBOUNDED


async def difference(connection: Connection, clock: Callable[[], datetime]) -> timedelta:
    """The clock minus the database's, uncertain by half the time that asking takes."""
    before = clock()
    by_database: datetime = await connection.fetchval("select clock_timestamp()")
    return before + (clock() - before) / 2 - by_database


LANES_AHEAD = """
select stream, lane, last_time - clock_timestamp() as ahead from record.lane
where last_time > clock_timestamp() order by 3 desc, 1, 2
"""


async def lanes_ahead(connection: Connection) -> dict[LaneKey, timedelta]:
    """Lanes whose last event is of a time that has not come by the database's clock; the furthest first."""
    rows = await connection.fetch(LANES_AHEAD)
    return {LaneKey(row["stream"], row["lane"]): row["ahead"] for row in rows}
