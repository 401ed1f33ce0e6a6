"""What stands on `audit.checkpoints.v1`. Pure.

A checkpoint (c2sp.org/tlog-checkpoint) is a signed lane head: `origin / size / base64(root)`. One key, whose
name is the deployment's origin, signs every lane; a lane's origin is `NAME/stream/lane`. Each message carries
the consistency proof from the lane's last checkpoint, so that a witness needs no other source.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta, Struct

from events.decision import LaneKey
from events.merkle import HASH_BYTES
from events.notes import (
    Algorithm,
    NoteError,
    SigningKey,
    VerifierKey,
    decode_base64,
    parse_note,
    signed,
    verifier_key,
)
from events.vocabulary import STREAMS

TOPIC: Final = "audit.checkpoints.v1"
ROTATION: Final = "key-rotation/v1"
SIZE_MAX: Final = 2**63 - 1
COSIGNATURES_MAX: Final = 16
PROOF_HASHES_MAX: Final = 128
PUBLIC_EVENTS: Final = 64
"""Everybody is told of a lane only when it holds another so many events."""

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LANE: Final = re.compile(rf"/({'|'.join(STREAMS)})/(0|[1-9][0-9]{{0,3}})")

HashText = Annotated[str, Meta(min_length=44, max_length=44)]
"""32 bytes in base64."""


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A lane's head: `root` of the tree over its first `size` events."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of its note."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """NoteError for a text that is none; extension lines are not used here."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise NoteError("a checkpoint is three lines: origin, size, root")
    origin, size, root_text, _ = lines
    root = decode_hash(root_text)
    if not _SIZE.fullmatch(size) or int(size) > SIZE_MAX or root is None:
        raise NoteError("the size or the root of the checkpoint is none")
    return Checkpoint(origin=origin, size=int(size), root=root)


def public_size(size: int) -> int:
    """The largest size up to `size` that everybody may know."""
    return size - size % PUBLIC_EVENTS


def is_public(size: int) -> bool:
    return size % PUBLIC_EVENTS == 0


def encode_hashes(hashes: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(b64encode(each).decode() for each in hashes)


def decode_hash(text: str) -> bytes | None:
    """None for what is no base64 of 32 bytes in its one spelling."""
    found = decode_base64(text)
    return found if found is not None and len(found) == HASH_BYTES else None


def decode_hashes(texts: Sequence[str]) -> list[bytes] | None:
    found = [decode_hash(each) for each in texts]
    whole = [each for each in found if each is not None]
    return whole if len(whole) == len(found) else None


def lane_origin(name: str, key: LaneKey) -> str:
    return f"{name}/{key.stream}/{key.lane}"


def lane_of_origin(name: str, origin: str) -> LaneKey | None:
    """The inverse of `lane_origin`; None for an origin that is no lane's of this deployment."""
    found = _LANE.fullmatch(origin.removeprefix(name)) if origin.startswith(name) else None
    return None if found is None else LaneKey(found[1], int(found[2]))


class Signed(Struct, frozen=True, kw_only=True, tag_field="kind", tag="checkpoint"):
    """`note` is the operator's; `proof` shows that it continues the lane's head of `old_size` events."""

    TYPE: ClassVar[str] = "audit.checkpoint.signed.v1"

    note: str
    old_size: Annotated[int, Meta(ge=0)]
    proof: Annotated[tuple[HashText, ...], Meta(max_length=PROOF_HASHES_MAX)]


class Cosigned(Struct, frozen=True, kw_only=True, tag_field="kind", tag="cosignature"):
    """A witness's signature beside the operator's; `witness` is its verifier key, for readers to judge."""

    TYPE: ClassVar[str] = "audit.checkpoint.cosigned.v1"

    note: str
    witness: str


class Rotated(Struct, frozen=True, kw_only=True, tag_field="kind", tag="key-rotation"):
    """`note`: from the old key to the new one, signed by both."""

    TYPE: ClassVar[str] = "audit.key.rotated.v1"

    note: str


Message = Signed | Cosigned | Rotated
MESSAGES: Final[tuple[type[Message], ...]] = (Signed, Cosigned, Rotated)
_messages: Final = msgspec.json.Decoder(Message)
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def encode_message(message: Message) -> bytes:
    return _encoder.encode(message)


def decode_message(value: bytes) -> Message | None:
    """None for what is no message."""
    try:
        found: Message = _messages.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found


def rotation(old: SigningKey, new: SigningKey) -> str:
    """The note by which a key hands over to the next: both sign the same text."""
    text = f"{ROTATION}\n{old.verifier.text}\n{new.verifier.text}\n"
    return signed(text, [old.sign(text), new.sign(text)])


def rotated_to(value: str, old: VerifierKey) -> VerifierKey | None:
    """The key that a rotation note of `old` names; None for any other note. NoteError when it is unsigned."""
    note = parse_note(value)
    lines = note.text.split("\n")
    if len(lines) != 4 or lines[0] != ROTATION or lines[1] != old.text:
        return None
    new = verifier_key(lines[2])
    if (new.name, new.algorithm) != (old.name, Algorithm.ED25519):
        raise NoteError("a key can only hand over to one of its own name and kind")
    if not (note.signed_by(old) and note.signed_by(new)):
        raise NoteError("a rotation has to be signed by the old key and by the new one")
    return new


def rotated_from(note: str) -> VerifierKey:
    """The old key that a rotation note names. NoteError when it is none."""
    lines = note.split("\n")
    if len(lines) < 2 or lines[0] != ROTATION:
        raise NoteError("no rotation note")
    return verifier_key(lines[1])


def oldest_key(known: VerifierKey, notes: Sequence[str]) -> VerifierKey:
    """The first key of those that handed over until one that a reader knows; `notes`: rotations, in order.

    The known key has signed the note that made it current, and so vouches for the key before it.
    """
    key = known
    for note in reversed(notes):
        try:
            old = rotated_from(note)
            if rotated_to(note, old) == key:
                key = old
        except NoteError:
            continue
    return key
