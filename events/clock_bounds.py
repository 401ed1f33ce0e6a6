"""How far the clock of a process may run ahead of the database's.

An event with a time in the future blocks its lane at that time: no later event may have an earlier one. A
lane that is already ahead still accepts commands, since only the process's clock is checked against the
bound, not the lane.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from events.connections import Connection
from events.decision import LaneKey
from events.refusal import ClockAhead

EVER = datetime.min.replace(tzinfo=UTC)


class ClockBound(Struct, frozen=True, kw_only=True):
    """None: no bound, for a clock that is moved on purpose."""

    ahead_max: timedelta | None = None

    def not_before(self, clock: datetime) -> datetime:
        """The earliest database time at which a process within the bound can read this on its own clock."""
        return EVER if self.ahead_max is None else clock - self.ahead_max

    def check(self, clock: datetime, by_database: datetime) -> None:
        """ClockAhead if `clock` is too far ahead of `by_database`, which was read first."""
        if by_database < self.not_before(clock):
            assert self.ahead_max is not None
            raise ClockAhead(seconds=int(self.ahead_max.total_seconds()))

    def is_off(self, difference: timedelta) -> bool:
        """Whether a clock differs too much from the database's, in either direction."""
        return self.ahead_max is not None and abs(difference) > self.ahead_max


UNBOUNDED = ClockBound()


def bound_of(seconds: int) -> ClockBound:
    """The bound of this many seconds; 0: no bound."""
    return ClockBound(ahead_max=timedelta(seconds=seconds)) if seconds else UNBOUNDED


async def difference(connection: Connection, clock: Callable[[], datetime]) -> timedelta:
    """The clock's time minus the database's; its uncertainty is half the round trip."""
    before = clock()
    by_database: datetime = await connection.fetchval("select clock_timestamp()")
    return before + (clock() - before) / 2 - by_database


LANES_AHEAD = """
select stream, lane, last_time - clock_timestamp() as ahead from record.lane
where last_time > clock_timestamp() order by 3 desc, 1, 2
"""


async def lanes_ahead(connection: Connection) -> dict[LaneKey, timedelta]:
    """Lanes whose last event is in the future by the database's clock; the furthest first."""
    rows = await connection.fetch(LANES_AHEAD)
    return {LaneKey(row["stream"], row["lane"]): row["ahead"] for row in rows}
