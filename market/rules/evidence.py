"""What a round leaves behind so that it can be checked: hashes, derived ids, and evidence in parts."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct

from events.clearing_terms import OrderDual, Waterfall
from events.market_events import ClearingEvidence
from market.rules.graph import Edges, Section

PART_BYTES_MAX = 400 * 1024
EDGE_ROW = np.dtype([("seller", "V20"), ("buyer", "V16"), ("value", ">i8")])

_encoder = msgspec.json.Encoder(order="deterministic")


def fact_sha256(fact: Struct, salt: str) -> str:
    """SHA-256 of its event's salt (16 bytes) ‖ the canonical JSON of a fact, in hexadecimal.

    These hashes are public: without the salt a limit could be guessed back from one.
    """
    return sha256(bytes.fromhex(salt) + _encoder.encode(fact)).hexdigest()


def root_sha256(hashes: Iterable[str]) -> str:
    """SHA-256 over SHA-256 hashes in order."""
    return sha256(b"".join(bytes.fromhex(each) for each in hashes)).hexdigest()


def edges_sha256(section: Section, edges: Edges) -> str:
    """Over each edge in order: seller id (16) ‖ tranche (4) ‖ buyer id (16) ‖ value (8), big-endian."""
    rows = np.empty(len(edges.value), dtype=EDGE_ROW)
    rows["seller"] = section.seller_key[edges.seller]
    rows["buyer"] = section.buyer_key[edges.buyer]
    rows["value"] = edges.value
    return sha256(rows.tobytes()).hexdigest()


def derived_id(plan: UUID, kind: str, *parts: bytes) -> UUID:
    """UUIDv8 from SHA-256(plan id ‖ kind ‖ parts): the same in every repeat of a round."""
    digest = bytearray(sha256(plan.bytes + kind.encode() + b"".join(parts)).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(digest))


def derived_salt(plan_salt: str, kind: str, *parts: bytes) -> str:
    """128 bits from SHA-256(plan salt ‖ kind ‖ parts), in hexadecimal."""
    return sha256(bytes.fromhex(plan_salt) + kind.encode() + b"".join(parts)).hexdigest()[:32]


def evidence_parts(
    market: UUID,
    plan: UUID,
    round_number: int,
    sections: Sequence[tuple[str, Sequence[Waterfall], Sequence[OrderDual]]],
) -> tuple[ClearingEvidence, ...]:
    """All waterfalls and duals, section by section, in parts of PART_BYTES_MAX, each of one section."""
    cut = [
        (name, waterfalls, duals)
        for name, section_waterfalls, section_duals in sections
        for waterfalls, duals in _cut(section_waterfalls, section_duals)
    ]
    return tuple(
        ClearingEvidence(
            market=market,
            plan=plan,
            round=round_number,
            part=part,
            parts=len(cut),
            section=name,
            waterfalls=waterfalls,
            duals=duals,
        )
        for part, (name, waterfalls, duals) in enumerate(cut, start=1)
    )


def _cut(
    waterfalls: Sequence[Waterfall], duals: Sequence[OrderDual]
) -> Iterator[tuple[tuple[Waterfall, ...], tuple[OrderDual, ...]]]:
    part_waterfalls: list[Waterfall] = []
    part_duals: list[OrderDual] = []
    size = 0
    entries: list[Waterfall | OrderDual] = [*waterfalls, *duals]
    for entry in entries:
        entry_size = len(_encoder.encode(entry)) + 1
        if size and size + entry_size > PART_BYTES_MAX:
            yield tuple(part_waterfalls), tuple(part_duals)
            part_waterfalls, part_duals, size = [], [], 0
        if isinstance(entry, Waterfall):
            part_waterfalls.append(entry)
        else:
            part_duals.append(entry)
        size += entry_size
    if size:
        yield tuple(part_waterfalls), tuple(part_duals)
