"""Records of a lane held against its chain, one after another, before anything is done with them."""

from collections.abc import Sequence

from events.chain import heads_after, next_head
from events.codec import Undecodable, decode_event
from events.decision import LaneKey
from events.envelope import Recorded
from events.links import Link
from events.positions import Place


class LaneFault(Exception):
    """A lane of a reader that cannot go on without an operator."""


class Verified:
    """What was read of a lane past a place: new events and their offsets, repeats, and what is wrong."""

    def __init__(self, key: LaneKey, topic: str, place: Place) -> None:
        self._key = key
        self._topic = topic
        self._position = place.position
        self._head = place.head
        self.place = place
        self.count = 0
        self.last: Link | None = None
        self.events: list[Recorded] = []
        self.offsets: list[int] = []
        self.repeats: list[tuple[Link, Recorded]] = []
        self.fault: LaneFault | None = None

    def take(self, records: Sequence[Link]) -> None:
        """Up to the first record that is wrong, which is the `fault`; nothing is taken after it."""
        if not self._take_sound(records):
            self._take_singly(records)
        if self.fault is None:
            self.count += len(records)
            self.last = records[-1]

    def _take_sound(self, records: Sequence[Link]) -> bool:
        """All of them together, when each is the next event of the lane; else nothing."""
        heads = heads_after(self._head, [record.body for record in records])
        if heads != [record.chain for record in records]:
            return False
        try:
            events = [decode_event(record.body, head) for record, head in zip(records, heads, strict=True)]
        except Undecodable:
            return False
        stream, lane = self._key
        position = self._position
        for event in events:
            position += 1
            if event.position != position or event.lane != lane or event.stream != stream:
                return False
        self._position, self._head = position, heads[-1]
        self.events += events
        self.offsets += [record.offset for record in records]
        return True

    def _take_singly(self, records: Sequence[Link]) -> None:
        stream, lane = self._key
        position, head = self._position, self._head
        for record in records:
            body = record.body
            chain = next_head(head, body)
            try:
                event = decode_event(body, chain)
            except Undecodable as error:
                self.fault = self.fault_at(record, f" cannot be decoded: {error}")
                return
            if event.lane != lane or event.stream != stream:
                self.fault = self.fault_at(record, f" belongs to lane {event.stream}/{event.lane}")
                return
            if event.position <= position:
                self.repeats.append((record, event))
                continue
            if event.position > position + 1:
                missing = f": position {position + 1} is missing before position {event.position}"
                self.fault = self.fault_at(record, missing)
                return
            if record.chain != chain:
                broken = f": position {event.position} does not continue the chain"
                self.fault = self.fault_at(record, broken)
                return
            position, head = event.position, chain
            self.events.append(event)
            self.offsets.append(record.offset)
        self._position, self._head = position, head

    def fault_at(self, record: Link, what: str) -> LaneFault:
        return LaneFault(f"topic {self._topic}, partition {self._key.lane}, offset {record.offset}{what}")
