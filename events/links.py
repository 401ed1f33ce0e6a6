"""Reads from Kafka's record batches what the check of a chain needs: offset, body and claimed head of each
record.

aiokafka creates an object per record and three per header. From batches of the relay, only what is needed is
read here; aiokafka reads all others, and batches with a record of unusual length.
"""

import struct
from binascii import unhexlify
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, Final, NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from google_crc32c import value as crc32c
from msgspec import Struct

from events.record_batches import (
    AFTER_CRC,
    AFTER_LENGTH,
    CHAIN_HEADER,
    CHAIN_HEX_BYTES,
    HEAD,
    HEADERS_COUNT,
    LENGTH_AT,
    MAGIC,
    MAGIC_AT,
    varint,
)

_FIRST: Final = {2 * key: struct.Struct(f"<HHBx{key}xH").unpack_from for key in range(64)}
_FURTHER: Final = {2 * key: struct.Struct(f"<HHHx{key}xH").unpack_from for key in range(64)}
"""Formats of a record's length, attributes (none), timestamp delta (none), offset delta and body length, by
the bytes of its key's length."""
_FIRST_KEY_AT: Final = struct.calcsize("<HHB")
_FURTHER_KEY_AT: Final = struct.calcsize("<HHH")
_BEYOND_KEY: Final = struct.calcsize("<xH")
_FIRSTS: Final = 64
"""The number of offset deltas that take one byte."""
_PLACES: Final = tuple(int.from_bytes(varint(place), "little") for place in range(8_192))
_LENGTH_BYTES: Final = 2
_LENGTHS: Final = {int.from_bytes(varint(length), "little"): length for length in range(64, 8_192)}
"""All lengths that take two bytes, by these two bytes as an integer."""
_CHAIN_BYTES: Final = len(CHAIN_HEADER) + CHAIN_HEX_BYTES
(_NINE,) = varint(HEADERS_COUNT)
_BATCH: Final = struct.Struct(">qi4xbIh34xi").unpack_from
"""Base offset, length, magic, CRC, attributes, count of records."""
_NO_HEAD: Final = (0, 0, -1, 0, 0, 0)
"""Used instead of `_BATCH` where no header of this format fits."""
_OFFSETS: Final = struct.Struct(">q15xi").unpack_from
"""Base offset and last offset delta."""
BATCH_BYTES_MIN: Final = AFTER_LENGTH + 14
"""The smallest batch: of the oldest format, without key and value."""
_SLICE_RECORDS: Final = 100
_SLICES: Final = tuple(pairwise((0, *range(_FIRSTS, len(_PLACES), _SLICE_RECORDS), len(_PLACES))))


class Link(Struct, frozen=True, gc=False):
    """A record of a topic; one without a value has an empty body."""

    offset: int
    body: bytes
    chain: bytes | None


class Slice(NamedTuple):
    """Consecutive records of a topic, as one sequence per member."""

    offsets: Sequence[int]
    bodies: list[bytes]
    chains: list[bytes | None]

    @classmethod
    def from_offset(cls, first: int, bodies: list[bytes], chains: list[bytes | None]) -> "Slice":
        return cls(range(first, first + len(bodies)), bodies, chains)

    @classmethod
    def of(cls, links: Sequence[Link]) -> "Slice":
        return cls(
            [link.offset for link in links], [link.body for link in links], [link.chain for link in links]
        )

    def links(self) -> Iterator[Link]:
        return map(Link, self.offsets, self.bodies, self.chains)

    def part(self, first: int, upto: int | None = None) -> "Slice":
        """The records from index `first` up to, not including, `upto`."""
        return Slice(self.offsets[first:upto], self.bodies[first:upto], self.chains[first:upto])

    def since(self, offset: int) -> "Slice":
        return self if self.offsets[0] >= offset else self.part(bisect_left(self.offsets, offset))


def together(slices: Iterable[Slice]) -> Iterator[Slice]:
    """The same records, with short slices joined."""
    short = Slice([], [], [])
    for found in slices:
        if not short.bodies and 2 * len(found.bodies) > _SLICE_RECORDS:
            yield found
            continue
        short = Slice(
            [*short.offsets, *found.offsets], short.bodies + found.bodies, short.chains + found.chains
        )
        if 2 * len(short.bodies) > _SLICE_RECORDS:
            yield short
            short = Slice([], [], [])
    if short.bodies:
        yield short


def batch_end(content: bytes, at: int) -> int:
    """The end of the batch that begins at `at`."""
    return at + AFTER_LENGTH + int.from_bytes(content[at + LENGTH_AT : at + AFTER_LENGTH])


def offset_at(content: bytes, at: int) -> int:
    """The base offset of the batch that begins at `at`."""
    return int.from_bytes(content[at : at + LENGTH_AT])


def next_offset(content: bytes, at: int) -> int:
    """The next offset after the batch that begins at `at`."""
    if content[at + MAGIC_AT] != MAGIC:
        return int(batch_at(content, at).next_offset)
    offset, further = _OFFSETS(content, at)
    return int(offset + further + 1)


def batch_at(content: bytes, at: int) -> Any:
    """aiokafka's batch of the bytes that begin at `at`."""
    return MemoryRecords(content[at : batch_end(content, at)]).next_batch()


def _head(content: bytes, at: int) -> tuple[int, ...]:
    return _BATCH(content, at) if at + HEAD.size <= len(content) else _NO_HEAD


def slices_in(content: bytes, places: Iterable[int]) -> Iterator[Slice]:
    """The records of all batches that begin at `places`, in order; small batches many at a time.
    CorruptRecordException at a batch that does not match its checksum, after all records before it."""
    begun, bodies, chains = 0, list[bytes](), list[bytes | None]()
    heads_upto = len(content) - HEAD.size
    for at in places:
        offset, length, magic, checksum, attributes, count = (
            _BATCH(content, at) if at <= heads_upto else _NO_HEAD
        )
        end = at + AFTER_LENGTH + length
        whole = magic != MAGIC or crc32c(content[at + AFTER_CRC : end]) == checksum
        small = whole and magic == MAGIC and not attributes and 0 < count <= _FIRSTS
        after = begun + len(bodies)
        if bodies and not (small and offset == after and len(bodies) + count <= _SLICE_RECORDS):
            yield Slice.from_offset(begun, bodies, chains)
            bodies, chains = [], []
        if not whole:
            raise CorruptRecordException(f"wrong checksum at {offset}")
        if small:
            begun, kept = offset - len(bodies), len(bodies)
            if _read(content, at + HEAD.size, 0, count, bodies, chains) == end:
                continue
            del bodies[kept:], chains[kept:]
            if bodies:
                yield Slice.from_offset(begun, bodies, chains)
                bodies, chains = [], []
        yield from _large(content, at)
    if bodies:
        yield Slice.from_offset(begun, bodies, chains)


def _large(content: bytes, at: int) -> Iterator[Slice]:
    """One batch by itself. CorruptRecordException as in `slices_in`, also for a batch of an older format."""
    batch = batch_at(content, at)
    if content[at + MAGIC_AT] != MAGIC and not batch.validate_crc():
        raise CorruptRecordException(f"wrong checksum at {offset_at(content, at)}")
    if not batch.is_control_batch:
        yield from slices_of(batch, content, at)


def slices_of(batch: Any, content: bytes, at: int) -> Iterator[Slice]:
    """The records of a batch of aiokafka's that begins in `content` at `at` and whose checksum holds.

    Each slice is made lazily, so that it is still in the processor's cache when it is used. aiokafka reads
    from the first record on that is not the relay's, or has a key of 64 bytes, a shorter body, or 8 KiB in
    all.
    """
    begun, bodies, chains = 0, list[bytes](), list[bytes | None]()
    base_offset, _, magic, _, attributes, count = _head(content, at)
    if magic == MAGIC and not attributes and count >= 0:
        end: int | None = at + HEAD.size
        for first, upto in _SLICES:
            if first >= count or end is None:
                break
            end = _read(content, end, first, min(upto, count), bodies, chains)
            if end is not None:
                yield Slice.from_offset(base_offset + begun, bodies, chains)
                begun, bodies, chains = begun + len(bodies), [], []
        if end == batch_end(content, at):
            return
    if bodies:
        yield Slice.from_offset(base_offset + begun, bodies, chains)
    for link in islice(map(link_of, batch), begun + len(bodies), None):
        yield Slice([link.offset], [link.body], [link.chain])


def _read(
    content: bytes, at: int, first: int, upto: int, bodies: list[bytes], chains: list[bytes | None]
) -> int | None:
    """Appends the records of a batch from index `first`, at `at`, up to `upto`; the offset deltas of all take
    the same number of bytes. Returns the end of the last one; None as soon as a record is not the relay's."""
    read, key_at = (_FURTHER, _FURTHER_KEY_AT) if first else (_FIRST, _FIRST_KEY_AT)
    begins, lengths, hex_at = content.startswith, _LENGTHS, len(CHAIN_HEADER)
    end = at
    try:
        for place in _PLACES[first:upto]:
            key = content[end + key_at]
            length, nothing, found_place, body_length = read[key](content, end)
            body_at = end + key_at + (key >> 1) + _BEYOND_KEY
            end += _LENGTH_BYTES + lengths[length]
            headers_at, chain_at = body_at + lengths[body_length], end - _CHAIN_BYTES
            if (
                nothing
                or found_place != place
                or headers_at >= chain_at
                or content[headers_at] != _NINE
                or not begins(CHAIN_HEADER, chain_at)
            ):
                return None
            chains.append(unhexlify(content[chain_at + hex_at : end]))
            bodies.append(content[body_at:headers_at])
    except (LookupError, ValueError, struct.error):
        return None
    return end


def link_of(record: Any) -> Link:
    """The link of a record of aiokafka."""
    return Link(record.offset, record.value or b"", _chain_of(record.headers))


def _chain_of(headers: Sequence[tuple[str, bytes | None]]) -> bytes | None:
    """The lane head in the last `chain` header; None when there is none."""
    for name, text in reversed(headers):
        if name == "chain":
            try:
                return None if text is None else unhexlify(text)
            except ValueError:
                return None
    return None
