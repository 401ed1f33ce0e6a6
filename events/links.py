"""What a chain is made of, out of Kafka's record batches: where a record lies, its body, the head it claims.

aiokafka makes an object of each record and three of each of its headers. Of the relay's batches only what
counts is taken here; aiokafka reads all others, and those that hold a record of unusual length.
"""

import struct
from binascii import unhexlify
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from events.record_batches import (
    AFTER_LENGTH,
    CHAIN_HEADER,
    CHAIN_HEX_BYTES,
    HEAD,
    HEADERS_COUNT,
    LENGTH_AT,
    MAGIC,
    NO_ATTRIBUTES_NO_DELAY,
    varint,
)

_BEGINNINGS: Final = tuple(NO_ATTRIBUTES_NO_DELAY + varint(place) for place in range(8_192))
"""What stands between the length of a record and that of its key, by the record's place in its batch."""
_CHAIN_BYTES: Final = len(CHAIN_HEADER) + CHAIN_HEX_BYTES
(_NINE,) = varint(HEADERS_COUNT)
_ANOTHER: Final = 0x80
_SIGN: Final = 0x01
"""Of a length's byte: the bit that says another follows, and, in the first, the bit of a negative number."""


class Link(Struct, frozen=True, gc=False):
    """A record as it lies on its topic; a record without a value has an empty body."""

    offset: int
    body: bytes
    chain: bytes | None


def batch_end(content: bytes, at: int) -> int:
    """Where the batch ends that begins at `at`."""
    return at + AFTER_LENGTH + int.from_bytes(content[at + LENGTH_AT : at + AFTER_LENGTH])


def links_of(batch: Any, content: bytes, at: int) -> Iterable[Link]:
    """The records of a batch of aiokafka's that begins in `content` at `at` and whose checksum holds."""
    try:
        found = _as_relayed(content, at)
    except (IndexError, ValueError, struct.error):
        found = None
    return map(link_of, batch) if found is None else found


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


def _as_relayed(content: bytes, at: int) -> list[Link] | None:
    """None, or one of the errors that `links_of` expects, for a batch that is none of the relay's, or where a
    key has 64 bytes or more, a body fewer, or a record 8 KiB or more."""
    base_offset, _, _, magic, _, attributes, *_, count = HEAD.unpack_from(content, at)
    if magic != MAGIC or attributes:
        return None
    end = at + HEAD.size
    found: list[Link] = []
    for place in range(count):
        beginning, low, high = _BEGINNINGS[place], content[end], content[end + 1]
        if not _is_two_bytes(low, high) or not content.startswith(beginning, end + 2):
            return None
        key_at = end + 2 + len(beginning)
        end += 2 + (high << 6 | low >> 1 & 0x3F)
        key_length = content[key_at]
        body_at = key_at + 1 + (key_length >> 1)
        low, high = content[body_at], content[body_at + 1]
        if key_length & (_ANOTHER | _SIGN) or not _is_two_bytes(low, high):
            return None
        body_at += 2
        headers_at, chain_at = body_at + (high << 6 | low >> 1 & 0x3F), end - _CHAIN_BYTES
        if headers_at >= chain_at or content[headers_at] != _NINE:
            return None
        if not content.startswith(CHAIN_HEADER, chain_at):
            return None
        body, chain = content[body_at:headers_at], unhexlify(content[chain_at + len(CHAIN_HEADER) : end])
        found.append(Link(base_offset + place, body, chain))
    return found if end == batch_end(content, at) else None


def _is_two_bytes(low: int, high: int) -> bool:
    """Of a length that is not negative."""
    return low & (_ANOTHER | _SIGN) == _ANOTHER and high < _ANOTHER
