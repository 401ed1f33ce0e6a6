"""One lane checked by hashing its bodies and decoding none: chain, order, what was signed. Pure.

The chain covers every byte of a body, and where an event says that it stands is looked for as bytes. What the
bytes mean is for `lane_audit` to check.
"""

from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from events.chain import genesis, next_head
from events.codec import Undecodable, decode_envelope
from events.decision import LaneKey
from events.envelope import Envelope, source_of
from events.merkle import Frontier, leaf_hash
from events.topics import TopicRecord
from market.lane_verdict import (
    WHOLE,
    Bounds,
    Divergence,
    Kind,
    LaneVerdict,
    divergence_at,
    sealed_to,
    shortfall,
    unanchored,
)
from market.repeats import Repeats
from market.rules.differences import Difference

NO_RECORD: Final = TopicRecord(-1, b"", None)
ENVELOPE_BYTES_MAX: Final = 1_024
"""Within so many bytes from its beginning a body of ours says where it stands."""


class ChainAudit:
    """Feed the lane's records in topic order; the first divergence ends the check of this lane."""

    def __init__(
        self,
        key: LaneKey,
        deployment_id: UUID,
        expected_end: int | None = None,
        *,
        seals: Mapping[int, bytes] | None = None,
        anchors: Mapping[int, str] | None = None,
        bounds: Bounds = WHOLE,
        repeats: Repeats | None = None,
    ) -> None:
        """`bounds` that begin later take the chain up from what the record before them claims, and compare no
        root: a tree is made of all leaves.
        """
        self._key = key
        self._source = source_of(deployment_id)
        self._source_mark = b',"source":"%b",' % self._source.encode()
        self._place = b',"stream":"%b","lane":%d,"position":%%d,' % (key.stream.encode(), key.lane)
        self._expected_end = expected_end
        self._bounds = bounds
        self._seals = (seals or {}) if bounds.first == WHOLE.first else {}
        self._anchors = anchors or {}
        self._tree = Frontier()
        self._head = genesis(deployment_id, key.stream, key.lane)
        self._position = 0
        self._taken_up = bounds.first == WHOLE.first
        self._records = 0
        self._repeats = repeats or Repeats()
        self.done = False
        self.divergence: Divergence | None = None

    def feed(self, records: Sequence[TopicRecord]) -> None:
        for record in records:
            if not self.done and self._bounds.ended(self._position):
                self._end()
            if self.done:
                return
            self._records += 1
            if self.divergence is not None:
                continue
            if self._taken_up:
                self._follow(record)
            else:
                self._take_up(record)

    def _follow(self, record: TopicRecord) -> None:
        body = record.body
        head = next_head(self._head, body)
        if (
            record.chain == head
            and body.find(self._place % (self._position + 1), 0, ENVELOPE_BYTES_MAX) > 0
            and body.find(self._source_mark, 0, ENVELOPE_BYTES_MAX) > 0
            and self._bounds.until is None
        ):
            self._take(record, head)
        else:
            self._look_closer(record, head)

    def _look_closer(self, record: TopicRecord, head: bytes) -> None:
        """At what is no next link at first sight: a repeat, an end that was asked for, or a divergence."""
        envelope = self._envelope(record)
        if envelope is None:
            return
        position, expected = envelope.position, self._position + 1
        if position <= self._before:
            self._repeats.count += 1
        elif position < expected:
            self._compare(record, envelope, self._repeats.repeat)
        elif position > expected:
            told = f"has position {position}; {position - expected} before it are missing"
            self._diverge(record, "gap", told, envelope)
        elif envelope.source != self._source:
            told = f"comes from {envelope.source}, not from {self._source}"
            self._diverge(record, "source", told, envelope)
        elif self._bounds.beyond(envelope):
            self._records -= 1
            self._end()
        elif record.chain != head:
            self._diverge_from_chain(record, head, envelope)
        else:
            self._take(record, head)

    def _envelope(self, record: TopicRecord) -> Envelope | None:
        """None, and the divergence, for what is no event of this lane."""
        try:
            envelope = decode_envelope(record.body)
        except Undecodable as error:
            self._diverge(record, "undecodable", f"is no event: {error}")
            return None
        if (envelope.stream, envelope.lane) != self._key:
            told = f"belongs to lane {envelope.stream}/{envelope.lane}"
            self._diverge(record, "placement", told, envelope)
            return None
        return envelope

    def _take(self, record: TopicRecord, head: bytes) -> None:
        self._head = head
        self._position += 1
        leaf = leaf_hash(record.body)
        self._repeats.record(leaf)
        if self._seals:
            self._tree.append(leaf)
            signed = self._seals.get(self._position)
            if signed is not None and signed != self._tree.root():
                told = f"is not, or what stands before it is not, what was signed as {self._position} events"
                roots = Difference("root", self._tree.root().hex(), signed.hex())
                self._diverge(record, "checkpoint", told, difference=roots)
        if self._anchors and self.divergence is None:
            fault = unanchored(self._anchors, self._position, head)
            if fault is not None:
                self._diverge(record, "anchor", fault[0], difference=fault[1])

    @property
    def _before(self) -> int:
        """Positions that the range leaves out."""
        return self._bounds.first - 1

    def _take_up(self, record: TopicRecord) -> None:
        """Passes over what stands before the range, and takes its chain from the last of it."""
        envelope = self._envelope(record)
        if envelope is None or envelope.position < self._before:
            return
        if envelope.position > self._before:
            told = f"has position {envelope.position}; the range begins at {self._bounds.first}"
            self._diverge(record, "gap", told, envelope)
        elif record.chain is None:
            self._diverge(record, "chain", "bears no chain to take the range up from", envelope)
        else:
            self._head, self._position, self._taken_up = record.chain, envelope.position, True

    def _end(self) -> None:
        self.done = True
        self._expected_end = None

    @property
    def unsettled(self) -> bool:
        """Whether repeats can be compared only by `reread` of the lane's records from the first."""
        return self.divergence is None and self._repeats.unsettled

    def reread(self, record: TopicRecord) -> None:
        if not self.unsettled:
            return
        envelope = self._envelope(record)
        if envelope is not None and envelope.position > self._before:
            self._compare(record, envelope, self._repeats.reread)

    def _compare(
        self, record: TopicRecord, envelope: Envelope, told_by: Callable[[int, bytes], str | None]
    ) -> None:
        """Repeats count positions from where the range begins."""
        told = told_by(envelope.position - self._before, leaf_hash(record.body))
        if told is not None:
            self._diverge(record, "repeat", told, envelope)

    def _diverge_from_chain(self, record: TopicRecord, head: bytes, envelope: Envelope) -> None:
        told = "does not continue the chain: its bytes are not those that the chain was computed over"
        claimed = "none" if record.chain is None else hexlify(record.chain).decode()
        self._diverge(record, "chain", told, envelope, Difference("chain", claimed, head.hex()))

    def _diverge(
        self,
        record: TopicRecord,
        kind: Kind,
        told: str,
        envelope: Envelope | None = None,
        difference: Difference | None = None,
    ) -> None:
        position = envelope.position if envelope else max(self._position, self._before) + 1
        if kind in ("checkpoint", "anchor"):
            position = self._position
        self.divergence = divergence_at(
            self._key,
            position,
            record.offset,
            kind,
            told,
            event_id=envelope.id if envelope else None,
            event_type=envelope.type if envelope else None,
            difference=difference,
        )

    def verdict(self) -> LaneVerdict:
        sealed = sealed_to(self._seals, self._position, bounded=self.done)
        if self.divergence is None:
            anchored = 0 if self.done else max(self._anchors, default=0)
            missing = shortfall(self._position, self._expected_end, sealed, anchored)
            if missing is not None:
                self._diverge(NO_RECORD, *missing)
        return LaneVerdict(
            stream=self._key.stream,
            lane=self._key.lane,
            records=self._records,
            repeats=self._repeats.count,
            position=self._position,
            head=self._head.hex(),
            expected_end=self._expected_end,
            end_proven=self.divergence is None and self._expected_end is not None,
            divergence=self.divergence,
            sealed=sealed,
            first=self._bounds.first,
            bounded=self.done,
        )
