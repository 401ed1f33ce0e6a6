"""The file by which a partner proves its match, and its check: no connection, no operator's word, pure.

The file holds the bytes of what the party may know whole, and hashes of the rest, with the path of each to
the root that the operator has signed and witnesses have cosigned.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from events.checkpoints import (
    PROOF_HASHES_MAX,
    Checkpoint,
    HashText,
    decode_hash,
    decode_hashes,
    lane_of_origin,
    parse_checkpoint,
    rotated_to,
)
from events.codec import Undecodable, decode_event
from events.decision import LaneKey
from events.envelope import Recorded
from events.market_events import (
    MatchConfirmed,
    MatchStruck,
    RecoveredLotAmended,
    RecoveredLotListed,
    RequirementAmended,
    RequirementPosted,
    SupplyOfferAmended,
    SupplyOffered,
)
from events.merkle import leaf_hash, proves_inclusion
from events.notes import Note, NoteError, VerifierKey, parse_note
from events.vocabulary import INTEGER_MAX, Side
from market.rules.proof_visibility import Part
from market.rules.tickets import decimal_text, eur_text

FORMAT: Final = "lodestone-match-proof/v1"
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
EVENTS_MAX: Final = 8


class ProvenEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event of the lane. `leaf` in base64 is the hash of its bytes; `body` are the bytes, where the party
    may know all that they say; `path` leads from the leaf to the checkpoint's root."""

    part: Part
    position: Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
    leaf: HashText
    path: Annotated[tuple[HashText, ...], Meta(max_length=PROOF_HASHES_MAX)]
    body: Annotated[str, Meta(max_length=524_288)] | None = None


class PriceLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the party's own waterfall, micro-EUR per kg of basis; the first is its limit or ask."""

    label: str
    ueur_per_kg: int


class MatchProof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`checkpoint` is a C2SP signed note with every signature under it; `rotations` lead from the operator's
    earlier keys to the one that signed it."""

    format: Literal["lodestone-match-proof/v1"]
    match: UUID
    organisation: UUID
    side: Side
    checkpoint: str
    rotations: tuple[str, ...]
    events: Annotated[tuple[ProvenEvent, ...], Meta(min_length=1, max_length=EVENTS_MAX)]
    price_lines: tuple[PriceLine, ...] = ()


class ProofError(Exception):
    """The file proves nothing: one sentence that says what does not hold."""


class ProofVerdict(Struct, frozen=True, kw_only=True):
    """What is proved, one sentence each."""

    origin: str
    size: int
    match: UUID
    proved: tuple[str, ...]
    cosigners: tuple[str, ...]
    unchecked_cosigners: tuple[str, ...]


def parse_proof(raw: bytes) -> MatchProof:
    """ProofError for what is no such file."""
    if len(raw) > FILE_BYTES_MAX:
        raise ProofError(f"a proof has at most {FILE_BYTES_MAX:,} bytes")
    try:
        return msgspec.json.decode(raw, type=MatchProof)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProofError(f"no proof of a match: {error}") from error


def check_proof(proof: MatchProof, operator: VerifierKey, witnesses: Sequence[VerifierKey]) -> ProofVerdict:
    """ProofError unless everything in the file holds under these keys.

    `operator`: the key that signed the checkpoint, or an earlier one of the same operator. Every one of
    `witnesses` has to have cosigned.
    """
    try:
        note = parse_note(proof.checkpoint)
        checkpoint = parse_checkpoint(note.text)
        signer = _signer(proof, operator, note)
    except NoteError as error:
        raise ProofError(str(error)) from error
    lane = lane_of_origin(signer.name, checkpoint.origin)
    if lane is None:
        raise ProofError(f"the checkpoint is of {checkpoint.origin}, which is no lane of {signer.name}")
    if len({each.part for each in proof.events}) < len(proof.events):
        raise ProofError("two events are given as the same part")
    cosigners = tuple(_cosigned(note, witness) for witness in witnesses)
    known = {(key.name, key.id) for key in (signer, operator, *witnesses)}
    others = {each.name for each in note.signatures if (each.name, each.key_id) not in known}
    held = [(each, _included(each, checkpoint, lane)) for each in proof.events]
    return ProofVerdict(
        origin=checkpoint.origin,
        size=checkpoint.size,
        match=proof.match,
        proved=(*map(_told, proof.events), *_what_follows(proof, [(e.part, r) for e, r in held if r])),
        cosigners=cosigners,
        unchecked_cosigners=tuple(sorted(others)),
    )


def _signer(proof: MatchProof, operator: VerifierKey, note: Note) -> VerifierKey:
    """The key, from the given one on by the file's rotations, that has signed the checkpoint."""
    key = operator
    for rotation in ("", *proof.rotations):
        after = rotated_to(rotation, key) if rotation else None
        key = after or key
        by = note.signed_by(key)
        if by:
            return key
        if by is False:
            raise ProofError(f"the checkpoint claims the signature of {key.name}, which does not hold")
    raise ProofError(f"the checkpoint is not signed by {operator.text}, nor by a key that it handed over to")


def _cosigned(note: Note, witness: VerifierKey) -> str:
    if note.cosigned_at(witness) is None:
        raise ProofError(f"{witness.name} has not cosigned the checkpoint")
    return witness.name


def _included(given: ProvenEvent, checkpoint: Checkpoint, lane: LaneKey) -> Recorded | None:
    """The event, where its bytes are given."""
    leaf, path = decode_hash(given.leaf), decode_hashes(given.path)
    where = f"the {given.part} at position {given.position}"
    if leaf is None or path is None:
        raise ProofError(f"{where}: its hashes cannot be read")
    if given.body is not None and leaf_hash(given.body.encode()) != leaf:
        raise ProofError(f"{where}: its bytes do not have the hash that stands beside them")
    if not proves_inclusion(given.position - 1, checkpoint.size, leaf, path, checkpoint.root):
        raise ProofError(f"{where}: its path does not lead to the signed root")
    if given.body is None:
        return None
    try:
        event = decode_event(given.body.encode(), b"")
    except Undecodable as error:
        raise ProofError(f"{where}: {error}") from error
    if (event.stream, event.lane, event.position) != (*lane, given.position):
        raise ProofError(f"{where}: the event says it stands elsewhere")
    return event


def _told(given: ProvenEvent) -> str:
    what = "bytes" if given.body is not None else "hash only"
    return f"{given.part} at position {given.position}: under the checkpoint, {what}"


def _what_follows(proof: MatchProof, events: Sequence[tuple[Part, Recorded]]) -> list[str]:
    """What the bytes say of each other."""
    by_part = dict(events)
    order, struck = by_part.get("order"), by_part["match"].data if "match" in by_part else None
    told = []
    if order is not None:
        told.append(_own_order(proof, order, struck))
    if struck is not None:
        if not isinstance(struck, MatchStruck) or struck.match != proof.match:
            raise ProofError("what is given as the match is another event")
        quantity = decimal_text(struck.quantity_basis_g, 3, 3)
        told.append(f"the match is of {quantity} kg at {eur_text(struck.price_ueur_per_kg)}")
    if "decision" in by_part:
        told.append(_confirmed(proof, by_part["decision"]))
    if proof.price_lines and order is not None:
        told.append(_price(proof, order, struck))
    return told


def _own_order(proof: MatchProof, event: Recorded, struck: object) -> str:
    fact = event.data
    match fact:
        case RequirementPosted() | RequirementAmended():
            order, side = fact.requirement, "buyer"
        case SupplyOffered() | SupplyOfferAmended():
            order, side = fact.offer, "seller"
        case RecoveredLotListed() | RecoveredLotAmended():
            order, side = fact.lot, "seller"
        case _:
            raise ProofError("what is given as the order is another event")
    if (fact.organisation, side) != (proof.organisation, proof.side):
        raise ProofError(f"the order is of {fact.organisation}, not of {proof.organisation} as {proof.side}")
    if isinstance(struck, MatchStruck) and order not in (struck.supply, struck.requirement):
        raise ProofError("the match is not of the order that is given")
    return f"order {order} is your own, unchanged"


def _confirmed(proof: MatchProof, event: Recorded) -> str:
    fact = event.data
    if not isinstance(fact, MatchConfirmed) or fact.match != proof.match:
        raise ProofError("what is given as the decision is another event")
    if proof.organisation not in (fact.seller, fact.buyer):
        raise ProofError("the confirmation names other parties")
    return f"confirmed between {fact.seller} and {fact.buyer}"


def _price(proof: MatchProof, order: Recorded, struck: object) -> str:
    """The party's own lines add up from the figure in its order to the price in the match."""
    first, total = proof.price_lines[0], sum(line.ueur_per_kg for line in proof.price_lines)
    terms = order.data.terms  # type: ignore[attr-defined]
    stated = terms.limit.ueur_per_kg if proof.side == "buyer" else terms.ask.ueur_per_kg
    if first.ueur_per_kg != stated:
        raise ProofError(
            f"the price begins at {eur_text(first.ueur_per_kg)}, the order states {eur_text(stated)}"
        )
    if isinstance(struck, MatchStruck) and struck.price_ueur_per_kg != total:
        raise ProofError(
            f"the lines come to {eur_text(total)}, the match says {eur_text(struck.price_ueur_per_kg)}"
        )
    return f"from your {first.label} of {eur_text(stated)} the lines come to the price of {eur_text(total)}"
