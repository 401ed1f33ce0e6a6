"""What the proof files of partners share: events with their paths to a signed head, and the check of head and
paths. Offline, without trust in the operator, pure."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from events.checkpoints import (
    PROOF_HASHES_MAX,
    Checkpoint,
    HashText,
    decode_hash,
    decode_hashes,
    lane_of_origin,
    oldest_key,
    parse_checkpoint,
    rotated_to,
)
from events.codec import Undecodable, decode_event
from events.decision import LaneKey
from events.envelope import Recorded
from events.merkle import leaf_hash, proves_inclusion
from events.notes import NOTE_CHARACTERS_MAX, Note, NoteError, VerifierKey, parse_note
from events.vocabulary import INTEGER_MAX

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
ROTATIONS_MAX: Final = 1_000

NoteText = Annotated[str, Meta(max_length=NOTE_CHARACTERS_MAX)]
Rotations = Annotated[tuple[NoteText, ...], Meta(max_length=ROTATIONS_MAX)]

F = TypeVar("F", bound=Struct)


class ProofError(Exception):
    """The file proves nothing: one sentence that says what does not hold."""


class SealedEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event of the lane. `leaf` in base64 is the hash of its bytes; `body` are the bytes, where the reader
    may know all that they say; `path` leads from the leaf to the checkpoint's root."""

    position: Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
    leaf: HashText
    path: Annotated[tuple[HashText, ...], Meta(max_length=PROOF_HASHES_MAX)]
    body: Annotated[str, Meta(max_length=524_288)] | None = None


class SignedHead(NamedTuple):
    """A lane's head under a signature that holds; `cosigners` have cosigned it, `unchecked` claim to have."""

    checkpoint: Checkpoint
    lane: LaneKey
    cosigners: tuple[str, ...]
    unchecked: tuple[str, ...]


class _Kind(Struct):
    format: str = ""


def stated_format(raw: bytes) -> str:
    """What a file says that it is; empty where it says nothing or is no JSON object."""
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.decode(raw, type=_Kind).format
    return ""


def parse_file(raw: bytes, kind: type[F]) -> F:
    """ProofError for what is no such file."""
    if len(raw) > FILE_BYTES_MAX:
        raise ProofError(f"a proof has at most {FILE_BYTES_MAX:,} bytes")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProofError(f"the file is not as its format has it: {error}") from error


def check_head(
    text: str, rotations: Sequence[str], operator: VerifierKey, witnesses: Sequence[VerifierKey]
) -> SignedHead:
    """The head in the note `text`. ProofError unless the operator and every one of `witnesses` has signed it.

    `operator`: the key that signed, or another that `rotations` lead to it from.
    """
    try:
        note = parse_note(text)
        checkpoint = parse_checkpoint(note.text)
        signer = _signer(note, rotations, operator)
    except NoteError as error:
        raise ProofError(str(error)) from error
    lane = lane_of_origin(signer.name, checkpoint.origin)
    if lane is None:
        raise ProofError(f"the checkpoint is of {checkpoint.origin}, which is no lane of {signer.name}")
    for name in not_cosigned(text, witnesses):
        raise ProofError(f"{name} has not cosigned the checkpoint")
    known = {(key.name, key.id) for key in (signer, operator, *witnesses)}
    others = {each.name for each in note.signatures if (each.name, each.key_id) not in known}
    return SignedHead(checkpoint, lane, tuple(witness.name for witness in witnesses), tuple(sorted(others)))


def not_cosigned(text: str, witnesses: Sequence[VerifierKey]) -> tuple[str, ...]:
    """Names of those that have not cosigned the note. NoteError when it is none."""
    note = parse_note(text)
    return tuple(witness.name for witness in witnesses if note.cosigned_at(witness) is None)


def _signer(note: Note, rotations: Sequence[str], operator: VerifierKey) -> VerifierKey:
    """The key that has signed the note: the given one, or one before or after it."""
    key = oldest_key(operator, rotations)
    for rotation in ("", *rotations):
        after = rotated_to(rotation, key) if rotation else None
        key = after or key
        by = note.signed_by(key)
        if by:
            return key
        if by is False:
            raise ProofError(f"the checkpoint claims the signature of {key.name}, which does not hold")
    raise ProofError(
        f"the checkpoint is not signed by {operator.text}, nor by a key before or after it that the file "
        "tells of; one from before a rotation tells of none: give the public key of then, or fetch it again"
    )


def check_event(given: SealedEvent, what: str, head: SignedHead) -> Recorded | None:
    """The event, where its bytes are given. ProofError, naming `what`, unless the head holds it there."""
    leaf, path = decode_hash(given.leaf), decode_hashes(given.path)
    where = f"the {what} at position {given.position}"
    if leaf is None or path is None:
        raise ProofError(f"{where}: its hashes cannot be read")
    if given.body is not None and leaf_hash(given.body.encode()) != leaf:
        raise ProofError(f"{where}: its bytes do not have the hash that stands beside them")
    checkpoint = head.checkpoint
    if not proves_inclusion(given.position - 1, checkpoint.size, leaf, path, checkpoint.root):
        raise ProofError(f"{where}: its path does not lead to the signed root")
    if given.body is None:
        return None
    try:
        event = decode_event(given.body.encode(), b"")
    except Undecodable as error:
        raise ProofError(f"{where}: {error}") from error
    if (event.stream, event.lane, event.position) != (*head.lane, given.position):
        raise ProofError(f"{where}: the event says it stands elsewhere")
    return event
