"""The file by which whoever gave a command proves its receipt, and its check: no connection, pure."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from events.notes import VerifierKey
from market.audit.sealed_proof import (
    NoteText,
    ProofError,
    Rotations,
    SealedEvent,
    check_event,
    check_head,
    parse_file,
)

FORMAT: Final = "lodestone-receipt-proof/v1"


class ReceiptProof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a match's proof, of one event: `event` that `organisation` has caused."""

    format: Literal["lodestone-receipt-proof/v1"]
    event: UUID
    organisation: UUID
    checkpoint: NoteText
    rotations: Rotations
    sealed: SealedEvent


class ProvenReceipt(Struct, frozen=True, kw_only=True):
    """What is proved. `event_sha256` as in the receipt; None where the file holds only the event's hash, so
    that no more is shown than that something stands there."""

    origin: str
    size: int
    event: UUID
    position: int
    type: str | None
    event_sha256: str | None
    cosigners: tuple[str, ...]
    unchecked_cosigners: tuple[str, ...]


def parse_receipt_proof(raw: bytes) -> ReceiptProof:
    """ProofError for what is no such file."""
    return parse_file(raw, ReceiptProof)


def check_receipt_proof(
    proof: ReceiptProof, operator: VerifierKey, witnesses: Sequence[VerifierKey]
) -> ProvenReceipt:
    """ProofError unless everything in the file holds under these keys, as of a match's proof."""
    head = check_head(proof.checkpoint, proof.rotations, operator, witnesses)
    event = check_event(proof.sealed, "event", head)
    if event is not None and event.id != proof.event:
        raise ProofError(f"the event at position {event.position} is {event.id}, not {proof.event}")
    if event is not None and event.actor != proof.organisation:
        raise ProofError(f"the event was caused by {event.actor}, not by {proof.organisation}")
    return ProvenReceipt(
        origin=head.checkpoint.origin,
        size=head.checkpoint.size,
        event=proof.event,
        position=proof.sealed.position,
        type=None if event is None else event.type,
        event_sha256=None if event is None else event.body_hash.hex(),
        cosigners=head.cosigners,
        unchecked_cosigners=head.unchecked,
    )
