"""Checks the records of a lane against its chain, in order, before they are processed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from events.chain import heads_after, next_head
from events.codec import Undecodable, decode_event, decode_events
from events.decision import LaneKey
from events.envelope import Recorded
from events.links import Link, Slice
from events.positions import Place
from events.topics import RESTORE

Keep: TypeAlias = Callable[[Sequence[Recorded]], Sequence[Any]]


class LaneFault(Exception):
    """A reader cannot go on with a lane until an operator acts."""


class JournalLacks(Exception):
    """A reader has read events that the journal lacks, and waits until the lane is recovered."""

    def __init__(self, key: LaneKey, position: int) -> None:
        super().__init__(
            f"the journal of {key.stream}/{key.lane} has no position {position}: the database is an older "
            f"state. Recovery: {RESTORE.format(stream=key.stream, lane=key.lane)}"
        )


class Verified:
    """What was read of a lane after a place: new events and their offsets, repeats, and the fault if any.
    With `keep`, it stores that function's results, slice by slice, and of the events only the last."""

    def __init__(self, key: LaneKey, topic: str, place: Place, keep: Keep | None = None) -> None:
        self._key = key
        self._keep = keep
        self._topic = topic
        self._position = place.position
        self._head = place.head
        self.place = place
        self.count = 0
        self.last: Link | None = None
        self.events: list[Recorded] = []
        self.offsets: list[int] = []
        self.kept: list[Any] = []
        self.repeats: list[tuple[Link, Recorded]] = []
        self.fault: LaneFault | None = None

    def take(self, records: Slice) -> None:
        """Takes records up to the first wrong one, which becomes the `fault`; takes nothing after it."""
        if not self._take_sound(records):
            self._take_singly(records)
        if self.fault is None:
            self.count += len(records.bodies)
            (self.last,) = records.part(-1).links()

    def _take_sound(self, records: Slice) -> bool:
        """Takes all of them together if each is the next event of the lane; otherwise none."""
        heads = heads_after(self._head, records.bodies)
        if heads != records.chains:
            return False
        try:
            events = decode_events(records.bodies, heads)
        except Undecodable:
            return False
        stream, lane = self._key
        position = self._position
        for event in events:
            position += 1
            if event.position != position or event.lane != lane or event.stream != stream:
                return False
        self._position, self._head = position, heads[-1]
        self._add(events, records.offsets)
        return True

    def _add(self, events: list[Recorded], offsets: Sequence[int]) -> None:
        if self._keep is None:
            self.events += events
            self.offsets += offsets
        elif events:
            self.kept += self._keep(events)
            self.events, self.offsets = events[-1:], list(offsets[-1:])

    def _take_singly(self, records: Slice) -> None:
        events: list[Recorded] = []
        offsets: list[int] = []
        for record, event in self._next(records):
            events.append(event)
            offsets.append(record.offset)
        self._add(events, offsets)

    def _next(self, records: Slice) -> Iterator[tuple[Link, Recorded]]:
        """The events that continue the lane, up to a fault."""
        stream, lane = self._key
        for record in records.links():
            body = record.body
            chain = next_head(self._head, body)
            try:
                event = decode_event(body, chain)
            except Undecodable as error:
                self.fault = self.fault_at(record, f" cannot be decoded: {error}")
                return
            if event.lane != lane or event.stream != stream:
                self.fault = self.fault_at(record, f" belongs to lane {event.stream}/{event.lane}")
                return
            if event.position <= self._position:
                self.repeats.append((record, event))
                continue
            if event.position > self._position + 1:
                missing = f": position {self._position + 1} is missing before position {event.position}"
                self.fault = self.fault_at(record, missing)
                return
            if record.chain != chain:
                broken = f": position {event.position} does not continue the chain"
                self.fault = self.fault_at(record, broken)
                return
            self._position, self._head = event.position, chain
            yield record, event

    def fault_at(self, record: Link, what: str) -> LaneFault:
        return LaneFault(f"topic {self._topic}, partition {self._key.lane}, offset {record.offset}{what}")
