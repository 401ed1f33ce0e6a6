"""The checks of the lanes that one process has, whatever is looked at: where each began, how far it is, and
what is kept of it."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Generic, Protocol, TypeVar

from msgspec.structs import replace

from events.decision import LaneKey
from events.links import Link
from market.audit.lane_verdict import LaneVerdict
from market.audit.share import Asked, AskedLane, due
from market.audit.state import AuditState, LanePlace
from market.topics import Reading


class Check(Protocol):
    """What is asked of the check of a lane, whatever it looks at."""

    done: bool

    @property
    def unsettled(self) -> bool: ...

    def verdict(self) -> LaneVerdict: ...


C = TypeVar("C", bound=Check)


class Lanes(Generic[C]):
    """The checks of all lanes, as they begin or as an earlier reading has left them, and where that was."""

    def __init__(
        self,
        asked: Asked,
        state: AuditState,
        make: Callable[[AskedLane, bytes | None], C],
        keep: Callable[[C], bytes],
    ) -> None:
        """`keep` gives the bytes of which `make` makes the check again."""
        self.asked = asked
        self._state = state
        self._keep = keep
        self._asked = {lane.key: lane for lane in asked.lanes}
        self._places = {lane.key: state.place(lane.key) for lane in asked.lanes}
        self._moved: dict[LaneKey, tuple[int, bytes]] = {}
        self.checks: dict[LaneKey, C] = {}
        for lane in asked.lanes:
            place = self._places[lane.key]
            self.checks[lane.key] = make(lane, None if place is None else place.body)

    def unsettled(self, stream: str) -> dict[int, C]:
        return {
            key.lane: check for key, check in self.checks.items() if key.stream == stream and check.unsettled
        }

    async def go_on(self, stream: str, reading: Reading) -> int:
        """Leaves out what was read before and what lies outside of the range; how much is left to read."""
        left = 0
        for lane in list(reading.sizes):
            key = LaneKey(stream, lane)
            place, asked = self._places[key], self._asked[key]
            offset = self.asked.offset(asked)
            if place is None:
                reading.start_at(lane, offset)
            else:
                offset = place.next_offset
                await reading.go_on_at(lane, offset, place.last_sha256)
            if self.checks[key].done:
                reading.stop(lane)
            else:
                left += due(reading.sizes[lane], asked.bounds.upto, offset)
        return left

    def moved(self, reading: Reading, lane: int, links: Sequence[Link], stream: str) -> int:
        """A lane was checked with these records; how many of them lie within the range."""
        key = LaneKey(stream, lane)
        self._moved[key] = (links[-1].offset, links[-1].body)
        if self.checks[key].done:
            reading.stop(lane)
        if self._state.due:
            self.save()
        return due(len(links), self._asked[key].bounds.upto, links[0].offset)

    def save(self) -> None:
        places = {
            key: LanePlace(
                next_offset=offset + 1,
                last_sha256=sha256(body).digest(),
                body=self._keep(self.checks[key]),
            )
            for key, (offset, body) in self._moved.items()
        }
        self._state.save(places)
        self._places |= places
        self._moved.clear()

    def keep(self, key: LaneKey) -> None:
        """The check of a lane has changed though the lane was read no further."""
        place = self._places[key]
        if key not in self._moved and place is not None:
            self._state.save({key: replace(place, body=self._keep(self.checks[key]))})
