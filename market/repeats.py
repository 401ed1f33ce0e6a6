"""What a lane repeats, compared with what stood there first, in bounded memory; no I/O.

A repeat near the newest position is compared at once. Older ones, as after a lane was published again, are
kept as runs of positions, each with one hash, and compared by reading the lane a second time.
"""

from hashlib import sha256
from typing import Any, Final

HASH_BYTES: Final = 32
WINDOW: Final = 65_536
"""Positions before the newest whose repeats are compared at once: 2 MiB per lane."""
RUNS_MAX: Final = 256


class _Run:
    """Consecutive positions that were repeated: what repeated them, and what was first recorded there."""

    def __init__(self, position: int) -> None:
        self.first = position
        self.last = position - 1
        self.repeated: Any = sha256()
        self.recorded: Any = sha256()

    def add(self, position: int, body_hash: bytes) -> None:
        self.last = position
        self.repeated.update(body_hash)


class Repeats:
    """The repeats of one lane. Every method answers what is wrong, None when nothing is."""

    def __init__(self, window: int = WINDOW, runs_max: int = RUNS_MAX) -> None:
        self._window = window
        self._runs_max = runs_max
        self._hashes = bytearray()
        self._newest = 0
        self._runs: list[_Run] = []
        self._reread = 0
        self.count = 0

    def record(self, body_hash: bytes) -> None:
        """The body at the next position."""
        place = self._place(self._newest)
        self._hashes[place : place + HASH_BYTES] = body_hash
        self._newest += 1

    def repeat(self, position: int, body_hash: bytes) -> str | None:
        """A body at a position that was recorded before."""
        self.count += 1
        if position > self._newest - self._window:
            place = self._place(position - 1)
            same = self._hashes[place : place + HASH_BYTES] == body_hash
            return None if same else f"repeats position {position} with other bytes"
        if not self._runs or self._runs[-1].last + 1 != position:
            if len(self._runs) == self._runs_max:
                return (
                    f"repeats position {position} after {self._runs_max} runs of repeats: too many to compare"
                )
            self._runs.append(_Run(position))
        self._runs[-1].add(position, body_hash)
        return None

    @property
    def unsettled(self) -> bool:
        """Whether a second reading is needed."""
        return bool(self._runs)

    def reread(self, position: int, body_hash: bytes) -> str | None:
        """The records once more from the first; what repeats an earlier one passes unseen."""
        if position != self._reread + 1:
            return None
        self._reread = position
        for run in self._runs:
            if run.first <= position <= run.last:
                run.recorded.update(body_hash)
            if position == run.last and run.recorded.digest() != run.repeated.digest():
                return f"was repeated with other bytes at one of the positions {run.first} to {run.last}"
        self._runs = [run for run in self._runs if run.last > position]
        return None

    def _place(self, index: int) -> int:
        return index % self._window * HASH_BYTES
