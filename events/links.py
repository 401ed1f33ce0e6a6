"""What a chain is made of, out of Kafka's record batches: where a record lies, its body, the head it claims.

aiokafka makes an object of each record and three of each of its headers. Of the relay's batches only what
counts is taken here; aiokafka reads all others, and those that hold a record of unusual length.
"""

import struct
from binascii import unhexlify
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from google_crc32c import value as crc32c
from msgspec import Struct

from events.record_batches import (
    AFTER_CRC,
    AFTER_LENGTH,
    CHAIN_HEADER,
    CHAIN_HEX_BYTES,
    CRC,
    CRC_AT,
    HEAD,
    HEADERS_COUNT,
    LENGTH_AT,
    MAGIC,
    MAGIC_AT,
    varint,
)

_FIRST: Final = struct.Struct("<HHBB")
_FURTHER: Final = struct.Struct("<HHHB")
"""A record's length, no attributes and no delay, its place in the batch, its key's length."""
_FIRSTS: Final = 64
"""How many places take one byte."""
_PLACES: Final = tuple(int.from_bytes(varint(place), "little") for place in range(8_192))
_LENGTH: Final = struct.Struct("<H")
_LENGTHS: Final = {int.from_bytes(varint(length), "little"): length for length in range(64, 8_192)}
"""All that take two bytes, by what these are as an integer."""
_CHAIN_BYTES: Final = len(CHAIN_HEADER) + CHAIN_HEX_BYTES
(_NINE,) = varint(HEADERS_COUNT)
_LONG_OR_NEGATIVE: Final = 0x81
"""Of the first byte of a length: another follows, or the length is below zero."""


class _NotTheRelays(Exception):
    """A record of another form."""


class Link(Struct, frozen=True, gc=False):
    """A record as it lies on its topic; a record without a value has an empty body."""

    offset: int
    body: bytes
    chain: bytes | None


def batch_end(content: bytes, at: int) -> int:
    """Where the batch ends that begins at `at`."""
    return at + AFTER_LENGTH + int.from_bytes(content[at + LENGTH_AT : at + AFTER_LENGTH])


def is_whole(batch: Any, content: bytes, at: int) -> bool:
    """Whether a batch of aiokafka's that begins in `content` at `at` is what its checksum says."""
    if content[at + MAGIC_AT] != MAGIC:
        return bool(batch.validate_crc())
    (written,) = CRC.unpack_from(content, at + CRC_AT)
    return bool(crc32c(content[at + AFTER_CRC : batch_end(content, at)]) == written)


def links_of(batch: Any, content: bytes, at: int) -> Iterator[Link]:
    """The records of a batch of aiokafka's that begins in `content` at `at` and whose checksum holds.

    Each is made when it is asked for: what is done with it finds it in the processor's cache. aiokafka reads
    from the first on that is none of the relay's, or has a key of 64 bytes, a shorter body, or 8 KiB in all.
    """
    taken = 0
    try:
        base_offset, _, _, magic, _, attributes, *_, count = HEAD.unpack_from(content, at)
        end = at + HEAD.size
        if magic != MAGIC or attributes or count < 0:
            raise _NotTheRelays
        begins, read_length = content.startswith, _LENGTH.unpack_from
        for beginning, places in (
            (_FIRST, _PLACES[: min(count, _FIRSTS)]),
            (_FURTHER, _PLACES[_FIRSTS:count]),
        ):
            read, size = beginning.unpack_from, beginning.size
            for place in places:
                length, nothing, found_place, key_length = read(content, end)
                length_at = end + size + (key_length >> 1)
                (body_length,) = read_length(content, length_at)
                end += _LENGTH.size + _LENGTHS[length]
                body_at, chain_at = length_at + _LENGTH.size, end - _CHAIN_BYTES
                headers_at = body_at + _LENGTHS[body_length]
                if (
                    nothing
                    or found_place != place
                    or key_length & _LONG_OR_NEGATIVE
                    or headers_at >= chain_at
                    or content[headers_at] != _NINE
                    or not begins(CHAIN_HEADER, chain_at)
                ):
                    raise _NotTheRelays
                chain = unhexlify(content[chain_at + len(CHAIN_HEADER) : end])
                yield Link(base_offset + taken, content[body_at:headers_at], chain)
                taken += 1
        if end == batch_end(content, at):
            return
    except (_NotTheRelays, LookupError, ValueError, struct.error):
        pass
    yield from islice(map(link_of, batch), taken, None)


def link_of(record: Any) -> Link:
    """Of a record of aiokafka's."""
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
