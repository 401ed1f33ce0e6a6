"""What a round leaves behind so that it can be checked: hashes, derived ids, and evidence in parts."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct

from events.clearing_terms import Multiplier, OrderDual, Waterfall
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


class SectionEvidence(NamedTuple):
    """What proves a section; quotas and multipliers are of buyers with portfolio limits."""

    section: str
    waterfalls: Sequence[Waterfall]
    duals: Sequence[OrderDual]
    quotas: Sequence[OrderDual] = ()
    multipliers: Sequence[Multiplier] = ()


def evidence_parts(
    market: UUID, plan: UUID, round_number: int, sections: Sequence[SectionEvidence]
) -> tuple[ClearingEvidence, ...]:
    """All waterfalls, duals, quotas and multipliers, section by section, in parts of PART_BYTES_MAX.

    Each part is of one section.
    """
    cut = [(of.section, part) for of in sections for part in _cut(of)]
    return tuple(
        ClearingEvidence(
            market=market, plan=plan, round=round_number, part=part, parts=len(cut), section=name, **members
        )
        for part, (name, members) in enumerate(cut, start=1)
    )


def _cut(of: SectionEvidence) -> Iterator[dict[str, Any]]:
    """The members of each part by name, those without entries left out."""
    part: dict[str, list[Struct]] = {}
    size = 0
    for name in of._fields[1:]:
        for entry in getattr(of, name):
            entry_size = len(_encoder.encode(entry)) + 1
            if size and size + entry_size > PART_BYTES_MAX:
                yield {member: tuple(entries) for member, entries in part.items()}
                part, size = {}, 0
            part.setdefault(name, []).append(entry)
            size += entry_size
    if size:
        yield {member: tuple(entries) for member, entries in part.items()}
