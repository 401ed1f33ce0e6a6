"""What a round leaves behind so that it can be checked: hashes, derived ids, and evidence in parts."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct

from events.clearing_terms import ListedWaterfall, Multiplier, OrderDual, PriceTerm, Waterfall
from events.market_events import ClearingEvidence
from market.rules.graph import Edges, Section

PART_BYTES_MAX = 400 * 1024
LISTED_BYTES_MAX = 1_000
"""Of a waterfall without its lines; it has a dozen of them."""
EDGE_ROW = np.dtype([("seller", "V20"), ("buyer", "V16"), ("value", ">i8")])
UUID_STAMPED = (0xF << 76) | (0b11 << 62)
UUID_VERSION_8 = (8 << 76) | (0b10 << 62)
"""Bits of version and variant, RFC 9562."""

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
    digest = sha256(b"".join((plan.bytes, kind.encode(), *parts))).digest()
    return UUID(int=int.from_bytes(digest[:16], "big") & ~UUID_STAMPED | UUID_VERSION_8)


def derived_salt(plan_salt: str, kind: str, *parts: bytes) -> str:
    """128 bits from SHA-256(plan salt ‖ kind ‖ parts), in hexadecimal."""
    return sha256(bytes.fromhex(plan_salt) + kind.encode() + b"".join(parts)).hexdigest()[:32]


def pair_bytes(supply: UUID, tranche: int, requirement: UUID) -> tuple[bytes, bytes, bytes]:
    """What the derived ids of a pair's trade are made of."""
    return supply.bytes, tranche.to_bytes(4, "big"), requirement.bytes


class SectionEvidence(NamedTuple):
    """What proves a section; quotas and multipliers are of buyers with portfolio limits."""

    section: str
    waterfalls: Iterable[Waterfall]
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
    part = _Part()
    for name in of._fields[1:]:
        for entry in getattr(of, name):
            lines = [part.line(term) for term in entry.terms] if isinstance(entry, Waterfall) else []
            size = LISTED_BYTES_MAX if isinstance(entry, Waterfall) else len(_encoder.encode(entry)) + 1
            if part.size and part.size + size + sum(len(body) + 1 for body in lines) > PART_BYTES_MAX:
                yield part.members()
                part = _Part()
            part.add(name, part.listed(entry, lines) if isinstance(entry, Waterfall) else entry, size)
    if part.size:
        yield part.members()


class _Part:
    def __init__(self) -> None:
        self.size = 0
        self._members: dict[str, list[Struct]] = {}
        self._places: dict[bytes, int] = {}
        self._bodies: dict[int, tuple[PriceTerm, bytes]] = {}

    def members(self) -> dict[str, Any]:
        return {name: tuple(entries) for name, entries in self._members.items()}

    def add(self, name: str, entry: Struct, size: int) -> None:
        self._members.setdefault(name, []).append(entry)
        self.size += size

    def line(self, term: PriceTerm) -> bytes:
        """Encoded; one that several trades share is the same object, and encoded once."""
        kept = self._bodies.get(id(term))
        if kept is None:
            kept = self._bodies[id(term)] = term, _encoder.encode(term)
        return kept[1]

    def listed(self, fall: Waterfall, encoded: Sequence[bytes]) -> ListedWaterfall:
        """With its terms among the lines; `encoded`: the terms."""
        for term, body in zip(fall.terms, encoded, strict=True):
            if body not in self._places:
                self._places[body] = len(self._places)
                self.add("lines", term, len(body) + 1)
        return ListedWaterfall(
            supply=fall.supply,
            tranche=fall.tranche,
            requirement=fall.requirement,
            quantity_basis_g=fall.quantity_basis_g,
            limit_ueur_per_kg=fall.limit_ueur_per_kg,
            ask_ueur_per_kg=fall.ask_ueur_per_kg,
            lines=tuple(self._places[body] for body in encoded),
            term_total_ueur_per_kg=fall.term_total_ueur_per_kg,
            value_ueur_per_kg=fall.value_ueur_per_kg,
            seller_surplus_ueur_per_kg=fall.seller_surplus_ueur_per_kg,
            buyer_surplus_ueur_per_kg=fall.buyer_surplus_ueur_per_kg,
            price_ueur_per_kg=fall.price_ueur_per_kg,
            premiums=fall.premiums,
        )
