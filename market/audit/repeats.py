"""Compares repeated events of a lane with the first ones, in bounded memory; no I/O.

A repeat near the newest position is compared at once: with the chain hash before it, it has to give the one
after it. Older ones, as after a lane was published again, are stored as runs of positions, each with one
hash, and compared by reading the lane a second time.
"""

from typing import Final

from msgspec import Struct

from events.chain import HASH_BYTES, next_head
from market.audit.lane_verdict import Wrong
from market.rules.clearing.differences import Difference

WINDOW: Final = 65_536
"""Positions before the newest whose repeats are compared at once: 2 MiB per lane."""
RUNS_MAX: Final = 256


class Run(Struct, kw_only=True):
    """Consecutive positions that were repeated: what repeated them, and what was first recorded there, each
    as one chain over the bodies."""

    first: int
    last: int
    repeated: bytes = b""
    recorded: bytes = b""


class Seen(Struct, frozen=True, kw_only=True):
    """What is kept of the repeats of a lane that was read to `newest`, and the head before that."""

    newest: int = 0
    before_newest: bytes = b""
    count: int = 0
    runs: tuple[Run, ...] = ()


NOTHING_SEEN: Final = Seen()


class Repeats:
    """The repeats of one lane, after `begin`. Every method answers what is wrong, None when nothing is."""

    def __init__(self, window: int = WINDOW, runs_max: int = RUNS_MAX, seen: Seen = NOTHING_SEEN) -> None:
        """`seen`: what an earlier reading kept; what repeats its records, but the last, is compared later."""
        self._window = window
        self._dropped_at_once = max(1, window // 16)
        self._runs_max = runs_max
        self._heads = bytearray(seen.before_newest)
        self._first = seen.newest - len(seen.before_newest) // HASH_BYTES
        self._newest = seen.newest
        self._runs = list(seen.runs)
        self._reread = 0
        self.count = seen.count

    def begin(self, head: bytes) -> None:
        """The head that the lane has before its next record."""
        self._heads += head

    def seen(self) -> Seen:
        before = self._head(self._newest - 1) if self._newest > self._first else b""
        return Seen(newest=self._newest, before_newest=before, count=self.count, runs=tuple(self._runs))

    def record(self, *heads: bytes) -> None:
        """The heads after the next positions."""
        self._heads += b"".join(heads)
        self._newest += len(heads)
        over = self._newest - self._first - self._window
        if over >= self._dropped_at_once:
            del self._heads[: over * HASH_BYTES]
            self._first += over

    def repeat(self, position: int, body: bytes) -> Wrong | None:
        """A body at a position that was recorded before."""
        self.count += 1
        if position > max(self._newest - self._window, self._first):
            head, first = next_head(self._head(position - 1), body), self._head(position)
            if head == first:
                return None
            return _unlike(f"repeats position {position} with other bytes", head, first)
        if not self._runs or self._runs[-1].last + 1 != position:
            if len(self._runs) == self._runs_max:
                told = f"repeats position {position} after {self._runs_max} runs of repeats"
                most = Difference("runs of repeats", str(self._runs_max + 1), f"at most {self._runs_max}")
                return Wrong("repeat", f"{told}: too many to compare", most)
            self._runs.append(Run(first=position, last=position - 1))
        run = self._runs[-1]
        run.last, run.repeated = position, next_head(run.repeated, body)
        return None

    @property
    def unsettled(self) -> bool:
        """Whether a second reading is needed."""
        return bool(self._runs)

    def reread(self, position: int, body: bytes) -> Wrong | None:
        """The records once more from the first; what repeats an earlier one passes unseen."""
        if position != self._reread + 1:
            return None
        self._reread = position
        for run in self._runs:
            if run.first <= position <= run.last:
                run.recorded = next_head(run.recorded, body)
            if position == run.last and run.recorded != run.repeated:
                told = f"was repeated with other bytes at one of the positions {run.first} to {run.last}"
                return _unlike(told, run.repeated, run.recorded)
        self._runs = [run for run in self._runs if run.last > position]
        return None

    def _head(self, position: int) -> bytes:
        place = (position - self._first) * HASH_BYTES
        return bytes(self._heads[place : place + HASH_BYTES])


def _unlike(told: str, repeated: bytes, first: bytes) -> Wrong:
    return Wrong("repeat", told, Difference("hash of the repeat", repeated.hex(), first.hex()))
