"""The file with which the giver of a command proves its receipt, or a party an event of its agreement, and
its check: offline, pure."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from events.envelope import Fact
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
OF_AGREEMENT: Final = "lodestone-receipt-proof/v2"
"""Of an event of `agreement`, whoever has caused it: the other side, an operator, the clock."""
FORMATS: Final = (FORMAT, OF_AGREEMENT)


class ReceiptProof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As a match's proof, of one event: `event` that `organisation` has caused, or of its `agreement`."""

    format: Literal["lodestone-receipt-proof/v1", "lodestone-receipt-proof/v2"]
    event: UUID
    organisation: UUID
    agreement: UUID | UnsetType = UNSET
    checkpoint: NoteText
    rotations: Rotations
    sealed: SealedEvent


class ProvenReceipt(Struct, frozen=True, kw_only=True):
    """What is proved. `event_sha256` as in the receipt; None where the file holds only the event's hash, so
    that no more is shown than that something stands there; `fact` is what its bytes say."""

    origin: str
    size: int
    event: UUID
    position: int
    type: str | None
    event_sha256: str | None
    caused_by: UUID | None
    fact: Fact | None
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
    if (proof.format == FORMAT) != (proof.agreement is UNSET):
        raise ProofError("an agreement is named by the second format of such a proof, and by no other")
    if event is not None and proof.format == FORMAT and event.actor != proof.organisation:
        told = f"org_{event.actor.hex}, not by org_{proof.organisation.hex}"
        raise ProofError(f"the event was caused by {told}")
    if event is not None and proof.format == OF_AGREEMENT:
        agreement = getattr(event.data, "agreement", None)
        if agreement != proof.agreement:
            raise ProofError(f"the event at position {event.position} is not of the agreement that is named")
    return ProvenReceipt(
        origin=head.checkpoint.origin,
        size=head.checkpoint.size,
        event=proof.event,
        position=proof.sealed.position,
        type=None if event is None else event.type,
        event_sha256=None if event is None else event.body_hash.hex(),
        caused_by=None if event is None else event.actor,
        fact=None if event is None else event.data,
        cosigners=head.cosigners,
        unchecked_cosigners=head.unchecked,
    )
