"""Checks a lane by hashing its bodies, without decoding: chain, order, signed heads. Pure.

The chain covers every byte of a body, and an event's own position is searched as bytes. `lane_audit` checks
the meaning of the bytes.
"""

from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final
from uuid import UUID

from events.chain import next_head
from events.codec import Undecodable, decode_envelope
from events.decision import LaneKey
from events.envelope import Envelope, source_of
from events.links import Link
from events.merkle import Frontier
from market.audit.known_heads import KnownHeads
from market.audit.lane_progress import Followed, beginning
from market.audit.lane_verdict import (
    OF_THE_HEAD,
    WHOLE,
    Bounds,
    LaneVerdict,
    Wrong,
    chain_broken,
    divergence_at,
    foreign_source,
    gap,
    misplaced,
    undecodable,
)
from market.audit.repeats import Repeats
from market.rules.clearing.differences import Difference

NO_RECORD: Final = Link(-1, b"", None)
ENVELOPE_BYTES_MAX: Final = 1_024
"""A body states its own position within this many bytes from its beginning."""


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
        followed: Followed | None = None,
    ) -> None:
        """`bounds` that begin later take the chain up from what the record before them claims, and compare no
        root: a tree is made of all leaves. `anchors`: heads at which a recovery of the record found the lane,
        in hexadecimal, by position. `followed`: what an earlier reading kept; the tree then grows even where
        nothing is signed yet.
        """
        self._key = key
        self._source = source_of(deployment_id)
        self._source_mark = b',"source":"%b",' % self._source.encode()
        self._place = b',"stream":"%b","lane":%d,"position":%%d,' % (key.stream.encode(), key.lane)
        self._expected_end = expected_end
        self._bounds = bounds
        at = followed or beginning(deployment_id, key, first=bounds.first)
        whole = bounds.first == WHOLE.first
        self._known = KnownHeads(
            seals if whole else None,
            {at: head for at, head in (anchors or {}).items() if at >= self._before},
            tree=Frontier(at.subtrees, at.position if whole else 0),
            compared=at.compared,
            growing=whole and followed is not None,
        )
        self._head = at.head
        self._position = at.position
        self._taken_up = at.taken_up
        self._records = at.records
        self._read_before = at.records
        self._repeats = repeats or Repeats(seen=at.seen)
        if at.taken_up:
            self._repeats.begin(at.head)
        self.done = at.done
        self.divergence = at.divergence
        self._compare_head(NO_RECORD)

    def followed(self) -> Followed:
        return Followed(
            position=self._position,
            head=self._head,
            records=self._records,
            subtrees=self._known.subtrees,
            compared=self._known.compared,
            seen=self._repeats.seen(),
            taken_up=self._taken_up,
            done=self.done,
            divergence=self.divergence,
        )

    def feed(self, records: Sequence[Link]) -> None:
        bounded = self._bounds.upto is not None
        for record in islice(records, self._follow_plainly(records), None):
            if bounded and not self.done and self._bounds.ended(self._position):
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

    def _follow_plainly(self, records: Sequence[Link]) -> int:
        """Takes the first records, as many as are the next link at first sight, in one tight loop; none where
        more than the chain is compared. Returns how many."""
        more = not self._known.idle or self._bounds.upto is not None
        if more or self.done or self.divergence is not None or not self._taken_up:
            return 0
        head, position, heads = self._head, self._position, list[bytes]()
        place, source = self._place, self._source_mark
        for record in records:
            body = record.body
            following = next_head(head, body)
            if (
                record.chain != following
                or body.find(place % (position + 1), 0, ENVELOPE_BYTES_MAX) < 0
                or body.find(source, 0, ENVELOPE_BYTES_MAX) < 0
            ):
                break
            head, position = following, position + 1
            heads.append(head)
        self._head, self._position = head, position
        self._records += len(heads)
        self._repeats.record(*heads)
        return len(heads)

    def _follow(self, record: Link) -> None:
        body = record.body
        head = next_head(self._head, body)
        if (
            record.chain == head
            and body.find(self._place % (self._position + 1), 0, ENVELOPE_BYTES_MAX) > 0
            and body.find(self._source_mark, 0, ENVELOPE_BYTES_MAX) > 0
        ):
            self._take(record, head)
        else:
            self._look_closer(record, head)

    def _look_closer(self, record: Link, head: bytes) -> None:
        """At what is no next link at first sight: a repeat, or a divergence."""
        envelope = self._envelope(record)
        if envelope is None:
            return
        position, expected = envelope.position, self._position + 1
        if position <= self._before:
            self._repeats.count += 1
        elif position < expected:
            self._compare(record, envelope, self._repeats.repeat)
        elif position > expected:
            self._diverge(record, gap(position, expected), envelope)
        elif envelope.source != self._source:
            self._diverge(record, foreign_source(envelope.source, self._source), envelope)
        elif record.chain != head:
            claimed = b"" if record.chain is None else hexlify(record.chain)
            self._diverge(record, chain_broken(claimed.decode(), head), envelope)
        else:
            self._take(record, head)

    def _envelope(self, record: Link) -> Envelope | None:
        """None, and the divergence, for what is no event of this lane."""
        try:
            envelope = decode_envelope(record.body)
        except Undecodable as error:
            self._diverge(record, undecodable(record.body, error))
            return None
        found = LaneKey(envelope.stream, envelope.lane)
        if found != self._key:
            self._diverge(record, misplaced(found, self._key), envelope)
            return None
        return envelope

    def _take(self, record: Link, head: bytes) -> None:
        self._head = head
        self._position += 1
        self._repeats.record(head)
        self._known.append(record.body)
        self._compare_head(record)

    def _compare_head(self, record: Link) -> None:
        if self.divergence is not None:
            return
        wrong = self._known.wrong_at(self._position, self._head)
        if wrong is not None:
            self._diverge(record, wrong)

    @property
    def _before(self) -> int:
        """Positions that the range leaves out."""
        return self._bounds.first - 1

    def _take_up(self, record: Link) -> None:
        """Passes over what stands before the range, and takes its chain from the last of it."""
        envelope = self._envelope(record)
        if envelope is None or envelope.position < self._before:
            return
        if envelope.position > self._before:
            told = f"has position {envelope.position}; the range begins at {self._bounds.first}"
            wanted = Difference("position", str(envelope.position), str(self._before))
            self._diverge(record, Wrong("gap", told, wanted), envelope)
        elif record.chain is None:
            told = "bears no chain to take the range up from"
            wanted = Difference("chain", "none", "the head of the lane up to here")
            self._diverge(record, Wrong("chain", told, wanted), envelope)
        else:
            self._head, self._position, self._taken_up = record.chain, envelope.position, True
            self._repeats.begin(self._head)
            self._compare_head(record)

    def _end(self) -> None:
        self.done = True
        self._expected_end = None

    @property
    def unsettled(self) -> bool:
        """Whether repeats can be compared only by `reread` of the lane's records from the first."""
        return self.divergence is None and self._repeats.unsettled

    def reread(self, record: Link) -> None:
        if not self.unsettled:
            return
        envelope = self._envelope(record)
        if envelope is not None and envelope.position > self._before:
            self._compare(record, envelope, self._repeats.reread)

    def _compare(
        self, record: Link, envelope: Envelope, told_by: Callable[[int, bytes], Wrong | None]
    ) -> None:
        """Repeats count positions from where the range begins."""
        wrong = told_by(envelope.position - self._before, record.body)
        if wrong is not None:
            self._diverge(record, wrong, envelope)

    def _diverge(self, record: Link, wrong: Wrong, envelope: Envelope | None = None) -> None:
        position = envelope.position if envelope else max(self._position, self._before) + 1
        if wrong.kind in OF_THE_HEAD:
            position = self._position
        self.divergence = divergence_at(
            self._key,
            position,
            record.offset,
            wrong,
            event_id=envelope.id if envelope else None,
            event_type=envelope.type if envelope else None,
        )

    def verdict(self) -> LaneVerdict:
        if self.divergence is None:
            lacking = self._known.lacking(self._position, self._expected_end, bounded=self.done)
            if lacking is not None:
                self._diverge(NO_RECORD, lacking)
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
            sealed=self._known.sealed_to(self._position, bounded=self.done),
            first=self._bounds.first,
            bounded=self.done,
            read_before=self._read_before,
        )
