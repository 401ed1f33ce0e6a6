"""What one process of an audit has to check, and how it reports progress."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.brokers import Bootstrap
from events.decision import LaneKey
from events.topics import record_topic
from market.audit.lane_verdict import Bounds
from market.audit.report import Mode

CAUSES_FIRST: Final = ("parties", "market", "contracts", "materials")
"""An agreement of a match follows on the market's word."""

Advance = Callable[[int], None]
Told = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def untold(_what: str, _total: int) -> Iterator[Advance]:
    """Progress that nobody sees."""
    yield lambda _count: None


class AskedLane(Struct, frozen=True, kw_only=True):
    """`size`: its records of now; `seals`: the roots that the operator has signed, by number of events.

    `anchors`: its heads where the record was recovered, in hexadecimal, by position.
    """

    stream: str
    lane: int
    size: int
    expected_end: int | None
    seals: dict[int, bytes]
    anchors: dict[int, str]
    bounds: Bounds

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.stream, self.lane)


class Kept(Struct, frozen=True):
    """Where an audit keeps its state, and how often. `cluster`: the id of Kafka's; several `processes` keep
    one file each."""

    path: str
    cluster: str
    processes: int
    save_seconds: float


class Asked(Struct, frozen=True, kw_only=True):
    """What one process has to check."""

    bootstrap: Bootstrap
    prefix: str
    deployment_id: UUID
    mode: Mode
    resolve: bool
    lanes: tuple[AskedLane, ...]
    kept: Kept | None = None

    def topic(self, stream: str) -> str:
        return record_topic(self.prefix, stream)

    def offset(self, lane: AskedLane) -> int:
        """Where to begin: a position lies at its own offset or a later one, so this is before the range."""
        return max(0, lane.bounds.first - 2) if self.mode == "chain" else 0


def due(size: int, upto: int | None, offset: int) -> int:
    """How many of the `size` records from an offset on are to be read, where none is repeated."""
    return size if upto is None else min(size, max(0, upto - offset))
