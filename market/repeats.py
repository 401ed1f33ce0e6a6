"""What a lane repeats, compared with what stood there first, in bounded memory; no I/O.

A repeat near the newest position is compared at once. Older ones, as after a lane was published again, are
kept as runs of positions, each with one hash, and compared by reading the lane a second time.
"""

from hashlib import sha256
from typing import Final

from msgspec import Struct

from market.lane_verdict import Wrong
from market.rules.differences import Difference

HASH_BYTES: Final = 32
WINDOW: Final = 65_536
"""Positions before the newest whose repeats are compared at once: 2 MiB per lane."""
RUNS_MAX: Final = 256


class Run(Struct, kw_only=True):
    """Consecutive positions that were repeated: what repeated them, and what was first recorded there, each
    as one hash over that of before and the next body's."""

    first: int
    last: int
    repeated: bytes = b""
    recorded: bytes = b""


class Seen(Struct, frozen=True, kw_only=True):
    """What is kept of the repeats of a lane that was read to `newest`, where the body has the hash `last`."""

    newest: int = 0
    last: bytes = b""
    count: int = 0
    runs: tuple[Run, ...] = ()


NOTHING_SEEN: Final = Seen()


class Repeats:
    """The repeats of one lane. Every method answers what is wrong, None when nothing is."""

    def __init__(self, window: int = WINDOW, runs_max: int = RUNS_MAX, seen: Seen = NOTHING_SEEN) -> None:
        """`seen`: what an earlier reading kept; what repeats its records, but the last, is compared later."""
        self._window = window
        self._runs_max = runs_max
        self._hashes = bytearray(seen.last)
        self._before = max(0, seen.newest - 1)
        self._newest = seen.newest
        self._runs = list(seen.runs)
        self._reread = 0
        self.count = seen.count

    def seen(self) -> Seen:
        place = self._place(self._newest - 1)
        last = bytes(self._hashes[place : place + HASH_BYTES]) if self._newest else b""
        return Seen(newest=self._newest, last=last, count=self.count, runs=tuple(self._runs))

    def record(self, body_hash: bytes) -> None:
        """The body at the next position."""
        place = self._place(self._newest)
        self._hashes[place : place + HASH_BYTES] = body_hash
        self._newest += 1

    def repeat(self, position: int, body_hash: bytes) -> Wrong | None:
        """A body at a position that was recorded before."""
        self.count += 1
        if position > max(self._newest - self._window, self._before):
            place = self._place(position - 1)
            first = bytes(self._hashes[place : place + HASH_BYTES])
            if first == body_hash:
                return None
            return _unlike(f"repeats position {position} with other bytes", body_hash, first)
        if not self._runs or self._runs[-1].last + 1 != position:
            if len(self._runs) == self._runs_max:
                told = f"repeats position {position} after {self._runs_max} runs of repeats"
                most = Difference("runs of repeats", str(self._runs_max + 1), f"at most {self._runs_max}")
                return Wrong("repeat", f"{told}: too many to compare", most)
            self._runs.append(Run(first=position, last=position - 1))
        run = self._runs[-1]
        run.last, run.repeated = position, _with(run.repeated, body_hash)
        return None

    @property
    def unsettled(self) -> bool:
        """Whether a second reading is needed."""
        return bool(self._runs)

    def reread(self, position: int, body_hash: bytes) -> Wrong | None:
        """The records once more from the first; what repeats an earlier one passes unseen."""
        if position != self._reread + 1:
            return None
        self._reread = position
        for run in self._runs:
            if run.first <= position <= run.last:
                run.recorded = _with(run.recorded, body_hash)
            if position == run.last and run.recorded != run.repeated:
                told = f"was repeated with other bytes at one of the positions {run.first} to {run.last}"
                return _unlike(told, run.repeated, run.recorded)
        self._runs = [run for run in self._runs if run.last > position]
        return None

    def _place(self, index: int) -> int:
        return (index - self._before) % self._window * HASH_BYTES


def _with(before: bytes, body_hash: bytes) -> bytes:
    return sha256(before + body_hash).digest()


def _unlike(told: str, repeated: bytes, first: bytes) -> Wrong:
    return Wrong("repeat", told, Difference("hash of the repeat", repeated.hex(), first.hex()))
