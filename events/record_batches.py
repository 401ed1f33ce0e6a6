"""Kafka record batches (format 2): each record written at once, of a journal row with headers sliced from it.

The bytes are those that aiokafka's builder makes of the same records; a test compares them.
"""

import struct
from binascii import hexlify
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from aiokafka.producer.message_accumulator import BatchBuilder
from google_crc32c import value as crc32c
from msgspec import Struct

from events.chain import HASH_BYTES
from events.codec import CONTENT_TYPE, SPEC_VERSION

Rows: TypeAlias = Sequence[Any]
"""Of each: position, body, chain."""
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
CRC_AT = struct.calcsize(">qiib")
MAGIC_AT = struct.calcsize(">qii")


def _written(left: int) -> bytes:
    """Seven bits to a byte, the lowest first."""
    found = bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


_SHORT = tuple(_written(number << 1) for number in range(8192))
"""All varints of at most two bytes: most lengths and places are among them."""
_SHORTS = len(_SHORT)


def varint(number: int) -> bytes:
    """A natural number as Kafka writes it: zigzag, so that negative ones may be short too."""
    return _SHORT[number] if number < _SHORTS else _written(number << 1)


def _signed(number: int) -> bytes:
    return varint(number) if number >= 0 else _written((-number << 1) - 1)


def _text(value: bytes) -> bytes:
    return varint(len(value)) + value


@lru_cache(maxsize=64)
def header_name(name: str) -> bytes:
    return _text(name.encode())


class WrittenHeaders(Struct, frozen=True, gc=False):
    """Some of a record's headers, one after another, as they stand in it."""

    number: int
    written: bytes


def written_headers(headers: Headers) -> WrittenHeaders:
    parts = [part for name, value in headers for part in (header_name(name), varint(len(value)), value)]
    return WrittenHeaders(len(headers), b"".join(parts))


NO_ATTRIBUTES = b"\0"
NO_ATTRIBUTES_NO_DELAY = NO_ATTRIBUTES + b"\0"
HEADERS_COUNT = 9
_HEADERS_ID = varint(HEADERS_COUNT) + _text(b"ce_id") + varint(36)
_TYPE = _text(b"ce_type")
_SOURCE = _text(b"ce_source")
_VERSION_TIME = _text(b"ce_specversion") + _text(SPEC_VERSION) + _text(b"ce_time")
_SUBJECT = _text(b"ce_subject")
_CONTENT_POSITION = _text(b"content-type") + _text(CONTENT_TYPE) + _text(b"position")
CHAIN_HEX_BYTES = 2 * HASH_BYTES
CHAIN_HEADER = _text(b"chain") + varint(CHAIN_HEX_BYTES)


class WrittenBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """Records as one batch, which aiokafka's producer sends as one of its own."""

    def __init__(self, records: bytearray, count: int, timestamp_ms: int, timestamp_ms_max: int) -> None:
        """`records` have room for the head of the batch before them, which is written there. `timestamp_ms`
        is that of the first."""
        self._relative_offset = count
        self._timestamps_ms = (timestamp_ms, timestamp_ms_max)
        self._buffer = records
        self._closed = True
        self._producer = (_NONE, _NONE, 0)
        self._built = False

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytearray:
        if not self._built:
            buffer, count = self._buffer, self._relative_offset
            length = len(buffer) - AFTER_LENGTH
            HEAD.pack_into(
                buffer,
                0,
                *(0, length, _NONE, MAGIC, 0, 0, count - 1),
                *self._timestamps_ms,
                *self._producer,
                count,
            )
            with memoryview(buffer) as whole:
                CRC.pack_into(buffer, CRC_AT, crc32c(bytes(whole[AFTER_CRC:])))
            self._built = True
        return self._buffer


class RecordBatch(WrittenBatch):
    """Consecutive records of a lane. `first` and `last` are journal positions, both contained."""

    def __init__(self, records: bytearray, *, first: int, last: int, timestamp_ms: int) -> None:
        super().__init__(records, last - first + 1, timestamp_ms, timestamp_ms)
        self.first = first
        self.last = last


class BatchWriter:
    """Fills a batch of at most `bytes_max` with consecutive rows; a first row is taken whatever its size."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._buffer = bytearray(HEAD.size)
        self._first = 0
        self.rows = 0

    def take(self, rows: Rows) -> Rows:
        """Adds the rows that still fit and returns the others. AssertionError for a hole before a row."""
        if rows and not self._first:
            self._first = rows[0][0]
        buffer, bytes_max, delta = self._buffer, self._bytes_max, self.rows
        for taken, (position, body, chain) in enumerate(rows):
            if position != self._first + delta:
                raise AssertionError(f"position {position} does not follow {self._first + delta - 1}")
            record = _record(delta, b"%d" % position, body, chain)
            length = _SHORT[len(record)] if len(record) < _SHORTS else varint(len(record))
            if delta and len(buffer) + len(length) + len(record) > bytes_max:
                return rows[taken:]
            buffer += length
            buffer += record
            delta += 1
            self.rows = delta
        return ()

    def end(self, timestamp_ms: int) -> RecordBatch:
        """The batch of what was taken, which is something."""
        last = self._first + self.rows - 1
        return RecordBatch(self._buffer, first=self._first, last=last, timestamp_ms=timestamp_ms)


class WrittenRecord(Struct, frozen=True, gc=False):
    """A record but for its place in a batch: `content` is all that stands behind that."""

    timestamp_ms: int
    content: bytes


def written_record(timestamp_ms: int, key: bytes, value: bytes, headers: Sequence[bytes]) -> WrittenRecord:
    """`headers` as they stand in the record, in parts, with their count before them."""
    key_size, size = len(key), len(value)
    return WrittenRecord(
        timestamp_ms,
        b"".join(
            (
                _SHORT[key_size] if key_size < _SHORTS else varint(key_size),
                key,
                _SHORT[size] if size < _SHORTS else varint(size),
                value,
                *headers,
            )
        ),
    )


class RecordWriter:
    """Fills a batch of at most `bytes_max` with any records; a first one is taken whatever its size."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._buffer = bytearray(HEAD.size)
        self._first_ms = self._last_ms = 0
        self._count = 0

    def take(self, records: Sequence[WrittenRecord]) -> Sequence[WrittenRecord]:
        """Adds the records that still fit and returns the others."""
        buffer, bytes_max, count = self._buffer, self._bytes_max, self._count
        first_ms, last_ms = self._first_ms, self._last_ms
        for record in records:
            at_ms, content = record.timestamp_ms, record.content
            if not count:
                first_ms = last_ms = at_ms
            delay = at_ms - first_ms
            head = NO_ATTRIBUTES + (_SHORT[delay] if 0 <= delay < _SHORTS else _signed(delay))
            head += _SHORT[count] if count < _SHORTS else varint(count)
            length = len(head) + len(content)
            size = _SHORT[length] if length < _SHORTS else varint(length)
            if count and len(buffer) + len(size) + length > bytes_max:
                break
            if at_ms > last_ms:
                last_ms = at_ms
            buffer += size + head
            buffer += content
            count += 1
        others = records[count - self._count :]
        self._first_ms, self._last_ms, self._count = first_ms, last_ms, count
        return others

    def end(self) -> WrittenBatch:
        """The batch of what was taken, which is something."""
        return WrittenBatch(self._buffer, self._count, self._first_ms, self._last_ms)


def _record(delta: int, position: bytes, body: bytes, chain: bytes) -> bytes:
    """A record but for its length; key and headers are sliced from the body: none of them holds a quote."""
    part = body.split(b'"', 20)
    name, source, subject, time = part[7], part[11], part[15], part[19]
    subject_length = _SHORT[len(subject)]
    return b"".join(
        (
            NO_ATTRIBUTES_NO_DELAY,
            _SHORT[delta] if delta < _SHORTS else varint(delta),
            subject_length,
            subject,
            _SHORT[len(body)] if len(body) < _SHORTS else varint(len(body)),
            body,
            _HEADERS_ID,
            part[3],
            _TYPE,
            _SHORT[len(name)],
            name,
            _SOURCE,
            _SHORT[len(source)],
            source,
            _VERSION_TIME,
            _SHORT[len(time)],
            time,
            _SUBJECT,
            subject_length,
            subject,
            _CONTENT_POSITION,
            _SHORT[len(position)],
            position,
            CHAIN_HEADER,
            hexlify(chain),
        )
    )
