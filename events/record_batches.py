"""Encodes Kafka record batches (format 2) in pieces; headers of journal rows are cut from their bodies.

The bytes equal those of aiokafka's builder for the same records; a test compares them.
"""

import struct
from binascii import hexlify
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from aiokafka.producer.message_accumulator import BatchBuilder
from google_crc32c import extend as crc32c
from msgspec import Struct

from events.chain import HASH_BYTES
from events.codec import CONTENT_TYPE, SPEC_VERSION

Rows: TypeAlias = Sequence[Any]
"""Rows of position, body and chain hash."""
Headers: TypeAlias = Sequence[tuple[str, bytes]]

MAGIC = 2
_NONE = -1
HEAD = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and last timestamp,
producer id, producer epoch, base sequence, count of records."""
LENGTH_AT = struct.calcsize(">q")
AFTER_LENGTH = struct.calcsize(">qi")
AFTER_CRC = struct.calcsize(">qiibI")
CRC = struct.Struct(">I")
MAGIC_AT = struct.calcsize(">qii")
_UNCHECKED = struct.Struct(">qiibI")
_CHECKED = struct.Struct(">hiqqqhii")
"""The batch header up to its CRC, and the part after it, which the CRC covers together with the records."""


def _written(left: int) -> bytes:
    """Seven bits per byte, the lowest first."""
    if 0x3FFF < left < 0x200000:
        return bytes((left & 0x7F | 0x80, left >> 7 & 0x7F | 0x80, left >> 14))
    found = bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


SHORT = tuple(_written(number << 1) for number in range(8192))
"""All varints of at most two bytes, which most lengths and offset deltas are."""
SHORTS = len(SHORT)


def varint(number: int) -> bytes:
    """A non-negative number as Kafka's zigzag varint."""
    return SHORT[number] if number < SHORTS else _written(number << 1)


def written_text(value: bytes) -> bytes:
    """A text with its length before it, as in a record."""
    size = len(value)
    return (SHORT[size] if size < SHORTS else varint(size)) + value


@lru_cache(maxsize=64)
def header_name(name: str) -> bytes:
    return written_text(name.encode())


class WrittenHeaders(Struct, frozen=True, gc=False):
    """Some encoded headers of a record, concatenated."""

    number: int
    written: bytes


def written_headers(headers: Headers) -> WrittenHeaders:
    parts = [part for name, value in headers for part in (header_name(name), varint(len(value)), value)]
    return WrittenHeaders(len(headers), b"".join(parts))


NO_ATTRIBUTES = b"\0"
_NO_DELAY = NO_ATTRIBUTES + b"\0"
_STARTS = tuple(_NO_DELAY + place for place in SHORT)
"""The first bytes of a record, by its offset delta in the batch."""
HEADERS_COUNT = 9
_HEADERS_ID = varint(HEADERS_COUNT) + written_text(b"ce_id") + varint(36)
_TYPE = written_text(b"ce_type")
_SOURCE = written_text(b"ce_source")
_VERSION_TIME = written_text(b"ce_specversion") + written_text(SPEC_VERSION) + written_text(b"ce_time")
_SUBJECT = written_text(b"ce_subject")
_CONTENT_POSITION = tuple(
    written_text(b"content-type") + written_text(CONTENT_TYPE) + written_text(b"position") + varint(digits)
    for digits in range(len(str(2**63)) + 1)
)
"""The headers `content-type` and `position` up to the position's digits, by their number."""
CHAIN_HEX_BYTES = 2 * HASH_BYTES
CHAIN_HEADER = written_text(b"chain") + varint(CHAIN_HEX_BYTES)


class BatchBytes:
    """A batch as it is sent, in pieces. aiokafka concatenates it with what it writes before."""

    __slots__ = ("_size", "pieces")

    def __init__(self, pieces: Sequence[bytes], size: int) -> None:
        self.pieces = pieces
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)

    def __radd__(self, before: bytes) -> bytes:
        return b"".join((before, *self.pieces))


class WrittenBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """Records as one batch, which aiokafka's producer sends like its own batches."""

    def __init__(
        self, records: Sequence[bytes], count: int, timestamp_ms: int, timestamp_ms_max: int
    ) -> None:
        """`records` are the encoded records, in pieces of any size. `timestamp_ms` is that of the first."""
        self._relative_offset = count
        self._timestamps_ms = (timestamp_ms, timestamp_ms_max)
        self._records = records
        self._size = HEAD.size + sum(map(len, records))
        self._closed = True
        self._producer = (_NONE, _NONE, 0)
        self._buffer: BatchBytes | None = None

    def size(self) -> int:
        return self._size

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> BatchBytes:
        if self._buffer is None:
            count, records = self._relative_offset, self._records
            checked = _CHECKED.pack(0, count - 1, *self._timestamps_ms, *self._producer, count)
            checksum = crc32c(0, checked)
            for piece in records:
                checksum = crc32c(checksum, piece)
            head = _UNCHECKED.pack(0, self._size - AFTER_LENGTH, _NONE, MAGIC, checksum)
            self._buffer = BatchBytes((head, checked, *records), self._size)
            self._records = ()
        return self._buffer


class RecordBatch(WrittenBatch):
    """Consecutive records of a lane. `first` and `last` are journal positions, both inclusive."""

    def __init__(self, records: Sequence[bytes], *, first: int, last: int, timestamp_ms: int) -> None:
        super().__init__(records, last - first + 1, timestamp_ms, timestamp_ms)
        self.first = first
        self.last = last


class _Shape(NamedTuple):
    """What bodies share that have the same type, source, and lengths of subject and time.

    `cut` splits a body into the id, the part before the subject, the subject, the part before the time, the
    time, and the rest. In a record, `between` is what follows the id up to the time, `behind` what follows it
    up to the subject; `length` excludes the record's beginning, its body with length prefix, and its
    position.
    """

    cut: Callable[[bytes], tuple[bytes, ...]]
    before_subject: bytes
    subject_length: bytes
    between: bytes
    behind: bytes
    length: int


_ID_ENDS = len('{"id":"') + 36
_TYPE_AT = _ID_ENDS + len('","type":"')
_TYPE_BYTES = slice(_TYPE_AT, _TYPE_AT + 36)
_BEFORE_TIME = b'","time":"'
_AFTER_TIME = b'",'
_SHAPES_MAX = 1_024
_SUBJECT_KEPT_BYTES_MAX = 64
"""A shape with a longer subject is not cached: a cached one has to fit into the shortest body of its type."""
_shapes: dict[bytes, _Shape] = {}
"""The last shape of each type, by the first bytes of a body."""


def _shape(body: bytes) -> _Shape:
    """The shape of a body: no member up to the time contains a quote."""
    part = body.split(b'"', 20)
    name, source, subject, time = part[7], part[11], part[15], part[19]
    before_subject = b'","type":"%b","source":"%b","subject":"' % (name, source)
    subject_length = varint(len(subject))
    between = b"".join(
        (_TYPE, written_text(name), _SOURCE, written_text(source), _VERSION_TIME, varint(len(time)))
    )
    behind = _SUBJECT + subject_length
    cut = (before_subject, subject, _BEFORE_TIME, time, _AFTER_TIME)
    layout = struct.Struct("7x36s" + "".join(f"{len(text)}s" for text in cut))
    own = (subject_length, subject, between, time, behind, subject)
    length = sum(map(len, (_HEADERS_ID, *own, _CONTENT_POSITION[0], CHAIN_HEADER))) + 36 + CHAIN_HEX_BYTES
    shape = _Shape(layout.unpack_from, before_subject, subject_length, between, behind, length)
    if len(subject) <= _SUBJECT_KEPT_BYTES_MAX:
        if len(_shapes) >= _SHAPES_MAX:
            _shapes.clear()
        _shapes[body[_TYPE_BYTES]] = shape
    return shape


class BatchWriter:
    """Fills a batch of at most `bytes_max` with consecutive rows; the first row may be larger."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._records: list[bytes] = []
        self._size = HEAD.size
        self._first = 0
        self.rows = 0

    def take(self, rows: Rows) -> Rows:
        """Adds the rows that still fit and returns the rest. AssertionError for a gap before a row."""
        if rows and not self._first:
            self._first = rows[0][0]
        parts: list[bytes] = []
        size, bytes_max, place, shapes = self._size, self._bytes_max, self.rows, _shapes
        first, before = self._first, place
        for position, body, chain in rows:
            if position != first + place:
                raise AssertionError(f"position {position} does not follow {first + place - 1}")
            shape = shapes.get(body[_TYPE_BYTES]) or _shape(body)
            cut, before_subject, subject_length, between, behind, length = shape
            identity, head, subject, before_time, time, after = cut(body)
            if head != before_subject or before_time != _BEFORE_TIME or after != _AFTER_TIME:
                cut, _, subject_length, between, behind, length = _shape(body)
                identity, _, subject, _, time, _ = cut(body)
            start = _STARTS[place] if place < SHORTS else _NO_DELAY + varint(place)
            body_length = SHORT[len(body)] if len(body) < SHORTS else varint(len(body))
            digits = b"%d" % position
            length += len(start) + len(body_length) + len(body) + len(digits)
            record_length = SHORT[length] if length < SHORTS else varint(length)
            grown = size + len(record_length) + length
            if grown > bytes_max and place:
                break
            size = grown
            parts += (
                record_length,
                start,
                subject_length,
                subject,
                body_length,
                body,
                _HEADERS_ID,
                identity,
                between,
                time,
                behind,
                subject,
                _CONTENT_POSITION[len(digits)],
                digits,
                CHAIN_HEADER,
                hexlify(chain),
            )
            place += 1
        self._records.append(b"".join(parts))
        self._size, self.rows = size, place
        taken = place - before
        return rows[taken:] if taken < len(rows) else ()

    def end(self, timestamp_ms: int) -> RecordBatch:
        """The batch of what was taken; it must not be empty."""
        last = self._first + self.rows - 1
        return RecordBatch(self._records, first=self._first, last=last, timestamp_ms=timestamp_ms)


WrittenRecord: TypeAlias = tuple[int, bytes, bytes, bytes]
"""An encoded record without its offset delta, in pieces, so that its value is copied only once, into the
batch: timestamp in milliseconds; key and length of the value; value; headers with their count. A tuple, since
it is faster than a struct."""


class RecordWriter:
    """Fills a batch of at most `bytes_max` with any records; the first one may be larger."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._records: list[bytes] = []
        self._size = HEAD.size
        self._first_ms = self._last_ms = 0
        self._count = 0

    def take(self, records: Sequence[WrittenRecord]) -> Sequence[WrittenRecord]:
        """Adds the records that still fit and returns the rest."""
        parts: list[bytes] = []
        size, bytes_max, count = self._size, self._bytes_max, self._count
        first_ms, last_ms = self._first_ms, self._last_ms
        begun_ms, begun = first_ms, _NO_DELAY
        for at_ms, before, value, headers in records:
            if at_ms != begun_ms or not count:
                if not count:
                    first_ms = last_ms = at_ms
                delay = at_ms - first_ms
                if 0 <= delay < SHORTS:
                    begun = NO_ATTRIBUTES + SHORT[delay]
                else:
                    begun = NO_ATTRIBUTES + _written(delay << 1 if delay >= 0 else (-delay << 1) - 1)
                begun_ms = at_ms
            place = SHORT[count] if count < SHORTS else varint(count)
            length = len(begun) + len(place) + len(before) + len(value) + len(headers)
            record_length = SHORT[length] if length < SHORTS else varint(length)
            grown = size + len(record_length) + length
            if grown > bytes_max and count:
                break
            size = grown
            if at_ms > last_ms:
                last_ms = at_ms
            parts += (record_length, begun, place, before, value, headers)
            count += 1
        others = records[count - self._count :]
        self._records.append(b"".join(parts))
        self._size, self._count, self._first_ms, self._last_ms = size, count, first_ms, last_ms
        return others

    def end(self) -> WrittenBatch:
        """The batch of what was taken; it must not be empty."""
        return WrittenBatch(self._records, self._count, self._first_ms, self._last_ms)
