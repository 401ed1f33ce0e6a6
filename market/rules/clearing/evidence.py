"""The evidence of a round: hashes, derived ids, and evidence events in parts."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import accumulate, count, islice
from operator import add, mod
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Raw, Struct
from msgspec.structs import replace

from events.clearing_terms import Premium
from market.rules.clearing.graph import Edges, Section
from market.rules.clearing.written import Octets, each_encoded, encoded

PART_BYTES_MAX = 400 * 1024
LISTED_BYTES_MAX = 1_000
"""Of a waterfall without its lines and premiums; it has a dozen lines."""
PART_BYTES_HELD = 510 * 1024
"""What a part may truly hold: with its other members and its envelope it is a body below 512 KiB."""
EDGES_HASHED_AT_ONCE = 1 << 13
EDGE_ROW = np.dtype([("seller", "V20"), ("buyer", "V16"), ("value", ">i8")])
UUID_STAMPS = (6, 0x0F, 8 << 4), (8, 0x3F, 0b10 << 6)
"""Of version 8 and variant: byte, the bits of it that stay, and those that are set (RFC 9562)."""
SALT_BYTES = 16
DIGEST_DIGITS = 64
MSGPACK_LIST, MSGPACK_16_BYTES = b"\xdd", b"\xc4\x10"
_NOTHING_HASHED = sha256()
_UUID_BYTES = np.dtype([("head", "V2"), ("bytes", "u1", 16)])
_uuids = msgspec.msgpack.Decoder(list[UUID])
"""Makes ids of a list of 16 bytes each, in a fraction of the time that `UUID` takes."""


def fact_sha256(encoded_fact: bytes, salt: str) -> bytes:
    """SHA-256 of its event's salt (16 bytes) ‖ the canonical JSON of a fact.

    These hashes are public: without the salt, a limit could be found from one by trying values.
    """
    # copying a hash object is faster than creating one, and the fact is not copied
    found = _NOTHING_HASHED.copy()
    found.update(bytes.fromhex(salt))
    found.update(encoded_fact)
    return found.digest()


def root_sha256(hashes: Iterable[bytes]) -> str:
    """SHA-256 over SHA-256 hashes in order."""
    return sha256(b"".join(hashes)).hexdigest()


def edges_sha256(section: Section, edges: Edges) -> str:
    """Over each edge in order: seller id (16) ‖ tranche (4) ‖ buyer id (16) ‖ value (8), big-endian."""
    found, rows = sha256(), np.empty(min(len(edges.value), EDGES_HASHED_AT_ONCE), dtype=EDGE_ROW)
    for start in range(0, len(edges.value), EDGES_HASHED_AT_ONCE):
        part = slice(start, start + EDGES_HASHED_AT_ONCE)
        written = rows[: len(edges.value[part])]
        written["seller"] = section.seller_key.take(edges.seller[part])
        written["buyer"] = section.buyer_key.take(edges.buyer[part])
        written["value"] = edges.value[part]
        found.update(written.view(np.uint8).data)
    return found.hexdigest()


def derived_id(plan: UUID, kind: str, *parts: bytes) -> UUID:
    """UUIDv8 from SHA-256(plan id ‖ kind ‖ parts): the same in every repeat of a round."""
    return DerivedIds(plan, kind).of(b"".join(parts))


class _Digests:
    """SHA-256 of many inputs with a common beginning, which is hashed once."""

    def __init__(self, shared: bytes) -> None:
        self._shared = sha256(shared)

    def of_each(self, parts: Iterable[bytes]) -> list[bytes]:
        digests, copied = [], self._shared.copy
        for own_parts in parts:
            own = copied()
            own.update(own_parts)
            digests.append(own.digest())
        return digests


class DerivedIds:
    """`derived_id` of many of one kind."""

    def __init__(self, plan: UUID, kind: str) -> None:
        self._digests = _Digests(plan.bytes + kind.encode())

    def of(self, parts: bytes) -> UUID:
        return self.of_each([parts])[0]

    def of_each(self, parts: Iterable[bytes]) -> list[UUID]:
        numbers = self.octets_of_each(parts)
        packed = np.empty(len(numbers), dtype=_UUID_BYTES)
        packed["head"], packed["bytes"] = np.void(MSGPACK_16_BYTES), numbers
        return _uuids.decode(MSGPACK_LIST + len(packed).to_bytes(4, "big") + packed.tobytes())

    def octets_of_each(self, parts: Iterable[bytes]) -> Octets:
        """The bytes of each, uint8[n, 16]."""
        digests = b"".join(self._digests.of_each(parts))
        number = np.frombuffer(digests, np.uint8).reshape(-1, 32)[:, :16].copy()
        for place, kept, stamp in UUID_STAMPS:
            number[:, place] = number[:, place] & kept | stamp
        return number


class DerivedSalts:
    """Salts of one kind: 128 bits from SHA-256(plan salt ‖ kind ‖ parts), in hexadecimal."""

    def __init__(self, plan_salt: str, kind: str) -> None:
        self._digests = _Digests(bytes.fromhex(plan_salt) + kind.encode())

    def of(self, parts: bytes) -> str:
        return self.of_each([parts])[0]

    def of_each(self, parts: Iterable[bytes]) -> list[str]:
        digits = b"".join(self._digests.of_each(parts)).hex()
        return [digits[start : start + 2 * SALT_BYTES] for start in range(0, len(digits), DIGEST_DIGITS)]


def pair_bytes(supply: UUID, tranche: int, requirement: UUID) -> tuple[bytes, bytes, bytes]:
    """The bytes from which the derived ids of a pair's trade are computed."""
    return supply.bytes, tranche.to_bytes(4, "big"), requirement.bytes


class Evidence:
    """Collects a round's evidence, entry by entry, in parts of PART_BYTES_MAX, each of one section.

    Premiums do not count towards that size, so that older rounds still verify; a new part begins earlier only
    if with them it would exceed PART_BYTES_HELD, the limit of the record. Entries are kept encoded, which
    takes half the memory of objects.
    """

    def __init__(self, market: UUID, plan: UUID, round_number: int) -> None:
        self._market, self._plan, self._round = market, plan, round_number
        self._section = ""
        self._part = _Part()
        self._parts: list[tuple[str, dict[str, Raw]]] = []

    def begin(self, section: str) -> None:
        self._cut()
        self._section = section

    def add_waterfalls(
        self,
        listed: Iterable[bytes],
        lines: Iterable[Sequence[bytes]],
        premiums: Iterable[Sequence[Premium]],
    ) -> None:
        """Adds encoded ListedWaterfalls, each with a hole for the indices of its lines, and these lines."""
        entries, of_trade = list(listed), list(lines)
        # as if the part contained none of the lines yet: at least this many more fit
        sizes = [LISTED_BYTES_MAX + size + 1 for size in map(len, map(b",".join, of_trade))]
        paid = [len(encoded(each)) if each else 0 for each in premiums]
        ends = list(accumulate(sizes, initial=0))
        held_ends = list(accumulate(map(add, sizes, paid), initial=0))
        start = 0
        while start < len(entries):
            part = self._part
            room, held_room = PART_BYTES_MAX - part.size, PART_BYTES_HELD - part.held
            end = min(
                bisect_right(ends, ends[start] + room), bisect_right(held_ends, held_ends[start] + held_room)
            )
            if end - 1 > start or not part.size:
                # an entry that is too large for any part gets its own
                end = max(end - 1, start + 1)
                part.add_waterfalls(entries[start:end], of_trade[start:end])
                start = end
            else:
                self._cut()

    def add(self, name: str, entries: Sequence[bytes]) -> None:
        """Encoded duals, quotas or multipliers of the section."""
        # with a comma each
        ends = [end + place for place, end in enumerate(accumulate(map(len, entries), initial=0))]
        start = 0
        while start < len(entries):
            part = self._part
            room = min(PART_BYTES_MAX - part.size, PART_BYTES_HELD - part.held)
            end = bisect_right(ends, ends[start] + room) - 1
            if end > start or not part.size:
                # an entry that is too large for any part gets its own
                end = max(end, start + 1)
                part.add(name, entries[start:end], ends[end] - ends[start])
                start = end
            if start < len(entries):
                self._cut()

    def parts(self) -> Iterator[bytes]:
        """The canonical JSON of each ClearingEvidence, after all entries were added."""
        self._cut()
        for number, (section, members) in enumerate(self._parts, start=1):
            part = _EncodedPart(
                market=self._market,
                plan=self._plan,
                round=self._round,
                part=number,
                parts=len(self._parts),
                section=section,
            )
            yield encoded(replace(part, **members))

    def _cut(self) -> None:
        if self._part.size:
            self._parts.append((self._section, self._part.members()))
            self._part = _Part()


class _EncodedPart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """ClearingEvidence with its lists encoded."""

    market: UUID
    plan: UUID
    round: int
    part: int
    parts: int
    section: str
    lines: Raw = Raw()
    waterfalls: Raw = Raw()
    duals: Raw = Raw()
    multipliers: Raw = Raw()
    quotas: Raw = Raw()


class _Part:
    """`size`: what counts of its entries; `held`: their bytes. Its lines go by their places, from 0."""

    def __init__(self) -> None:
        self.size = self.held = 0
        self._places: defaultdict[bytes, int] = defaultdict(count().__next__)
        self._entries: defaultdict[str, list[bytes]] = defaultdict(list)

    def members(self) -> dict[str, Raw]:
        members = {"lines": self._places, **self._entries}
        return {name: Raw(b"[%b]" % b",".join(entries)) for name, entries in members.items() if entries}

    def add(self, name: str, entries: Sequence[bytes], size: int) -> None:
        """size: of the entries, each with a comma."""
        self._entries[name] += entries
        self.size += size
        self.held += size

    def add_waterfalls(self, listed: Sequence[bytes], lines: Sequence[Sequence[bytes]]) -> None:
        places = self._places
        known = len(places)
        told = each_encoded([list(map(places.__getitem__, of_trade)) for of_trade in lines])
        entries = list(map(mod, listed, told))
        added = len(places) - known
        # those that the part did not hold stand last
        bytes_added = sum(map(len, islice(reversed(places), added))) + added
        self._entries["waterfalls"] += entries
        self.size += bytes_added + LISTED_BYTES_MAX * len(entries)
        self.held += bytes_added + sum(map(len, entries)) + len(entries)
