"""What a chain is made of, out of Kafka's record batches: where a record lies, its body, the head it claims.

aiokafka makes an object of each record and three of each of its headers. Of the relay's batches only what
counts is taken here; aiokafka reads all others, and those that hold a record of unusual length.
"""

import struct
from binascii import unhexlify
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, Final, NamedTuple

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

_FIRST: Final = {2 * key: struct.Struct(f"<HHBx{key}xH").unpack_from for key in range(64)}
_FURTHER: Final = {2 * key: struct.Struct(f"<HHHx{key}xH").unpack_from for key in range(64)}
"""A record's length, no attributes and no delay, its place in the batch, its body's length: by what its key's
length is written as."""
_FIRST_KEY_AT: Final = struct.calcsize("<HHB")
_FURTHER_KEY_AT: Final = struct.calcsize("<HHH")
_BEYOND_KEY: Final = struct.calcsize("<xH")
_FIRSTS: Final = 64
"""How many places take one byte."""
_PLACES: Final = tuple(int.from_bytes(varint(place), "little") for place in range(8_192))
_LENGTH_BYTES: Final = 2
_LENGTHS: Final = {int.from_bytes(varint(length), "little"): length for length in range(64, 8_192)}
"""All that take two bytes, by what these are as an integer."""
_CHAIN_BYTES: Final = len(CHAIN_HEADER) + CHAIN_HEX_BYTES
(_NINE,) = varint(HEADERS_COUNT)
_SLICE_RECORDS: Final = 100
_SLICES: Final = tuple(pairwise((0, *range(_FIRSTS, len(_PLACES), _SLICE_RECORDS), len(_PLACES))))


class _NotTheRelays(Exception):
    """A record of another form."""


class Link(Struct, frozen=True, gc=False):
    """A record as it lies on its topic; a record without a value has an empty body."""

    offset: int
    body: bytes
    chain: bytes | None


class Slice(NamedTuple):
    """Some records as they lie one after another on their topic, member by member."""

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
        """Records by their place among these."""
        return Slice(self.offsets[first:upto], self.bodies[first:upto], self.chains[first:upto])

    def since(self, offset: int) -> "Slice":
        return self if self.offsets[0] >= offset else self.part(bisect_left(self.offsets, offset))


def together(slices: Iterable[Slice]) -> Iterator[Slice]:
    """The same records, where slices are short more at a time."""
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
    """Where the batch ends that begins at `at`."""
    return at + AFTER_LENGTH + int.from_bytes(content[at + LENGTH_AT : at + AFTER_LENGTH])


def is_whole(batch: Any, content: bytes, at: int) -> bool:
    """Whether a batch of aiokafka's that begins in `content` at `at` is what its checksum says."""
    if content[at + MAGIC_AT] != MAGIC:
        return bool(batch.validate_crc())
    (written,) = CRC.unpack_from(content, at + CRC_AT)
    return bool(crc32c(content[at + AFTER_CRC : batch_end(content, at)]) == written)


def links_of(batch: Any, content: bytes, at: int) -> Iterator[Link]:
    """As `slices_of`, one by one."""
    for found in slices_of(batch, content, at):
        yield from found.links()


def slices_of(batch: Any, content: bytes, at: int) -> Iterator[Slice]:
    """The records of a batch of aiokafka's that begins in `content` at `at` and whose checksum holds.

    Each slice is made when it is asked for: what is done with it finds it in the processor's cache. aiokafka
    reads from the first record on that is none of the relay's, or has a key of 64 bytes, a shorter body, or
    8 KiB in all.
    """
    begun, bodies, chains = 0, list[bytes](), list[bytes | None]()
    base_offset = 0
    try:
        base_offset, _, _, magic, _, attributes, *_, count = HEAD.unpack_from(content, at)
        end = at + HEAD.size
        if magic != MAGIC or attributes or count < 0:
            raise _NotTheRelays
        begins, lengths, hex_at = content.startswith, _LENGTHS, len(CHAIN_HEADER)
        for first, upto in _SLICES:
            if first >= count:
                break
            read, key_at = (_FURTHER, _FURTHER_KEY_AT) if first else (_FIRST, _FIRST_KEY_AT)
            for place in _PLACES[first : min(upto, count)]:
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
                    raise _NotTheRelays
                chains.append(unhexlify(content[chain_at + hex_at : end]))
                bodies.append(content[body_at:headers_at])
            yield Slice.from_offset(base_offset + begun, bodies, chains)
            begun, bodies, chains = begun + len(bodies), [], []
        if end == batch_end(content, at):
            return
    except (_NotTheRelays, LookupError, ValueError, struct.error):
        pass
    if bodies:
        yield Slice.from_offset(base_offset + begun, bodies, chains)
    for link in islice(map(link_of, batch), begun + len(bodies), None):
        yield Slice([link.offset], [link.body], [link.chain])


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
