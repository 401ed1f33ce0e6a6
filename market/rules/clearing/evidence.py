"""What a round leaves behind so that it can be checked: hashes, derived ids, and evidence in parts."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from uuid import UUID, SafeUUID

import numpy as np
from msgspec import Raw, Struct
from msgspec.structs import replace

from events.clearing_terms import Premium
from market.rules.clearing.graph import Edges, Section
from market.rules.clearing.written import encoded

PART_BYTES_MAX = 400 * 1024
LISTED_BYTES_MAX = 1_000
"""Of a waterfall without its lines and premiums; it has a dozen lines."""
PART_BYTES_HELD = 510 * 1024
"""What a part may truly hold: with its other members and its envelope it is a body below 512 KiB."""
EDGES_HASHED_AT_ONCE = 1 << 15
EDGE_ROW = np.dtype([("seller", "V20"), ("buyer", "V16"), ("value", ">i8")])
UUID_UNSTAMPED = ~((0xF << 76) | (0b11 << 62))
UUID_VERSION_8 = (8 << 76) | (0b10 << 62)
"""Bits of version and variant, RFC 9562."""
_SAFETY = SafeUUID.unknown


def fact_sha256(encoded_fact: bytes, salt: str) -> bytes:
    """SHA-256 of its event's salt (16 bytes) ‖ the canonical JSON of a fact.

    These hashes are public: without the salt a limit could be guessed back from one.
    """
    return sha256(bytes.fromhex(salt) + encoded_fact).digest()


def root_sha256(hashes: Iterable[bytes]) -> str:
    """SHA-256 over SHA-256 hashes in order."""
    return sha256(b"".join(hashes)).hexdigest()


def edges_sha256(section: Section, edges: Edges) -> str:
    """Over each edge in order: seller id (16) ‖ tranche (4) ‖ buyer id (16) ‖ value (8), big-endian."""
    found = sha256()
    for start in range(0, len(edges.value), EDGES_HASHED_AT_ONCE):
        part = slice(start, start + EDGES_HASHED_AT_ONCE)
        rows = np.empty(len(edges.value[part]), dtype=EDGE_ROW)
        rows["seller"] = section.seller_key[edges.seller[part]]
        rows["buyer"] = section.buyer_key[edges.buyer[part]]
        rows["value"] = edges.value[part]
        found.update(rows.tobytes())
    return found.hexdigest()


def derived_id(plan: UUID, kind: str, *parts: bytes) -> UUID:
    """UUIDv8 from SHA-256(plan id ‖ kind ‖ parts): the same in every repeat of a round."""
    return DerivedIds(plan, kind).of(b"".join(parts))


class DerivedIds:
    """`derived_id` of many of one kind: what they share is hashed once."""

    def __init__(self, plan: UUID, kind: str) -> None:
        self._shared = sha256(plan.bytes + kind.encode())

    def of(self, parts: bytes) -> UUID:
        own = self._shared.copy()
        own.update(parts)
        return _uuid(int.from_bytes(own.digest()[:16], "big") & UUID_UNSTAMPED | UUID_VERSION_8)


def _uuid(number: int) -> UUID:
    """`UUID(int=number)` without its checks, which take two thirds of its time."""
    found = object.__new__(UUID)
    object.__setattr__(found, "int", number)
    object.__setattr__(found, "is_safe", _SAFETY)
    return found


class DerivedSalts:
    """Salts of one kind: 128 bits from SHA-256(plan salt ‖ kind ‖ parts), in hexadecimal."""

    def __init__(self, plan_salt: str, kind: str) -> None:
        self._shared = sha256(bytes.fromhex(plan_salt) + kind.encode())

    def of(self, parts: bytes) -> str:
        own = self._shared.copy()
        own.update(parts)
        return own.hexdigest()[:32]


def pair_bytes(supply: UUID, tranche: int, requirement: UUID) -> tuple[bytes, bytes, bytes]:
    """What the derived ids of a pair's trade are made of."""
    return supply.bytes, tranche.to_bytes(4, "big"), requirement.bytes


class Evidence:
    """What a round tells, entry by entry, in parts of PART_BYTES_MAX, each of one section.

    Premiums do not count towards that, so that rounds of before verify; only where with them a part would
    hold more than PART_BYTES_HELD, which no record could, does another one begin earlier.
    Entries are kept encoded: of a large round they take half of what they do as objects.
    """

    def __init__(self, market: UUID, plan: UUID, round_number: int) -> None:
        self._market, self._plan, self._round = market, plan, round_number
        self._section = ""
        self._part = _Part()
        self._parts: list[tuple[str, dict[str, Raw]]] = []

    def begin(self, section: str) -> None:
        self._cut()
        self._section = section

    def lines(self, lines: Sequence[bytes], premiums: Sequence[Premium] = ()) -> tuple[int, ...]:
        """Where in its part each line of the waterfall stands that is added next, with these premiums."""
        size = LISTED_BYTES_MAX + sum(map(len, lines)) + len(lines)
        self._make_room(size, size + len(encoded(premiums)) if premiums else size)
        return self._part.places(lines)

    def add_waterfall(self, listed: bytes) -> None:
        """A ListedWaterfall, encoded, after `lines` of it."""
        self._part.add("waterfalls", listed, LISTED_BYTES_MAX)

    def add(self, name: str, entries: Iterable[bytes]) -> None:
        """Encoded duals, quotas or multipliers of the section."""
        for entry in entries:
            size = len(entry) + 1
            self._make_room(size, size)
            self._part.add(name, entry, size)

    def parts(self) -> Iterator[bytes]:
        """The canonical JSON of each ClearingEvidence, when all is told."""
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

    def _make_room(self, size: int, held: int) -> None:
        part = self._part
        if part.size and (part.size + size > PART_BYTES_MAX or part.held + held > PART_BYTES_HELD):
            self._cut()

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
    """`size`: what counts of its entries; `held`: their bytes."""

    def __init__(self) -> None:
        self.size = self.held = 0
        self._members: dict[str, list[bytes]] = {}
        self._places: dict[bytes, int] = {}

    def members(self) -> dict[str, Raw]:
        return {name: Raw(b"[" + b",".join(entries) + b"]") for name, entries in self._members.items()}

    def add(self, name: str, entry: bytes, size: int) -> None:
        self._members.setdefault(name, []).append(entry)
        self.size += size
        self.held += len(entry) + 1

    def places(self, lines: Sequence[bytes]) -> tuple[int, ...]:
        """Of these lines; those that are new are listed."""
        known, found = self._places, []
        for line in lines:
            place = known.get(line)
            if place is None:
                place = known[line] = len(known)
                self.add("lines", line, len(line) + 1)
            found.append(place)
        return tuple(found)
