"""The demonstration's clock: contract years take time, and nobody waits for them before a screen."""

from collections.abc import Callable
from datetime import datetime, timedelta


class DemoClock:
    """The machine's clock, which may be moved on; it runs on from there."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return self._clock() + self._ahead

    def move_to(self, instant: datetime) -> None:
        """ValueError for an instant that has passed."""
        on = instant - self()
        if on < timedelta(0):
            raise ValueError(f"the clock stands at {self().isoformat()}, after {instant.isoformat()}")
        self._ahead += on
