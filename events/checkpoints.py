"""What stands on `audit.checkpoints.v1`, and what a reader who knows the operator's key may believe. Pure.

A checkpoint (c2sp.org/tlog-checkpoint) is a signed lane head: `origin / size / base64(root)`. One key, whose
name is the deployment's origin, signs every lane; a lane's origin is `NAME/stream/lane`. Each message carries
the consistency proof from the lane's last checkpoint, so that a witness needs no other source.
"""

import re
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta, Struct

from events.decision import LaneKey
from events.merkle import EMPTY_ROOT, HASH_BYTES, proves_consistency
from events.notes import (
    Algorithm,
    Note,
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


# --- messages


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


# --- what a reader may believe

FaultKind = Literal["forged", "two_heads", "inconsistent", "retired_key", "foreign_lane"]


class Fault(Struct, frozen=True, kw_only=True):
    """A message that an honest operator's signer never sends; `lane` where it is one's. `field` of it is
    `recorded` and would have to be `expected`."""

    kind: FaultKind
    sentence: str
    field: str
    recorded: str
    expected: str
    lane: LaneKey | None = None


class Head(Struct, frozen=True, kw_only=True):
    """A checkpoint that the operator has signed; `old_size` and `proof` as it came."""

    lane: LaneKey
    checkpoint: Checkpoint
    note: Note
    old_size: int
    proof: tuple[bytes, ...]


class Witnessed(Struct, frozen=True, kw_only=True):
    """A witness's cosignature that verifies under the key that it names; whom to trust is for the reader."""

    lane: LaneKey
    checkpoint: Checkpoint
    witness: VerifierKey
    line: str
    timestamp: int


class HandedOver(Struct, frozen=True, kw_only=True):
    key: VerifierKey
    note: str


class Repeat(Struct, frozen=True, kw_only=True):
    """What was said before, and says nothing new."""


class Ignored(Struct, frozen=True, kw_only=True):
    """Nobody's whom this reader knows."""

    reason: str


Learnt = Head | Witnessed | HandedOver | Repeat | Ignored | Fault


class Ledger:
    """Fed in topic order. Keeps of each lane the newest `heads_max` roots that the operator has signed."""

    def __init__(self, operator: VerifierKey, heads_max: int = 1_024) -> None:
        self.operator = operator
        self.retired: list[VerifierKey] = []
        self._heads_max = heads_max
        self._roots: dict[LaneKey, OrderedDict[int, bytes]] = {}
        self._newest: dict[LaneKey, Head] = {}
        self._forgotten_below: dict[LaneKey, int] = {}

    def newest(self, lane: LaneKey) -> Head | None:
        return self._newest.get(lane)

    def root_at(self, lane: LaneKey, size: int) -> bytes | None:
        """The root that the operator has signed for a size; None where it is not known."""
        return EMPTY_ROOT if size == 0 else self._roots.get(lane, OrderedDict()).get(size)

    def lanes(self) -> list[LaneKey]:
        return sorted(self._roots)

    def recall(self, head: Head) -> None:
        """A head that was verified before, as a witness's own storage has it."""
        self._remember(head)
        self._forgotten_below[head.lane] = head.checkpoint.size

    def feed(self, value: bytes) -> Learnt:
        message = decode_message(value)
        try:
            match message:
                case Signed():
                    return self._signed(message, parse_note(message.note))
                case Cosigned():
                    return self._cosigned(message, parse_note(message.note))
                case Rotated():
                    return self._rotated(message.note)
                case None:
                    return Ignored(reason="no message of this topic")
        except NoteError as error:
            return Ignored(reason=str(error))

    def _signed(self, message: Signed, note: Note) -> Learnt:
        by = note.signed_by(self.operator)
        if by is None:
            return self._by_another(note)
        if not by:
            return Fault(
                kind="forged",
                sentence=f"a note claims the signature of {self.operator.name}",
                field="signature",
                recorded="one that does not verify",
                expected=f"made with the key {self.operator.text}",
            )
        checkpoint = parse_checkpoint(note.text)
        lane = lane_of_origin(self.operator.name, checkpoint.origin)
        proof = decode_hashes(message.proof)
        if lane is None:
            told = f"the operator has signed a head of {checkpoint.origin}, which is no lane of its own"
            return Fault(
                kind="foreign_lane",
                sentence=told,
                field="origin",
                recorded=checkpoint.origin,
                expected=f"{self.operator.name}/stream/lane",
            )
        if proof is None:
            return Ignored(reason="the proof holds what is no hash")
        head = Head(
            lane=lane, checkpoint=checkpoint, note=note, old_size=message.old_size, proof=tuple(proof)
        )
        return self._continued(head)

    def _by_another(self, note: Note) -> Learnt:
        for old in self.retired:
            if note.signed_by(old):
                checkpoint = parse_checkpoint(note.text)
                lane = lane_of_origin(old.name, checkpoint.origin)
                if lane is not None and self.root_at(lane, checkpoint.size) == checkpoint.root:
                    return Repeat()
                told = f"{checkpoint.origin} at {checkpoint.size}: signed by a key that had handed over"
                return Fault(
                    kind="retired_key",
                    sentence=told,
                    lane=lane,
                    field="key",
                    recorded=old.text,
                    expected=self.operator.text,
                )
        return Ignored(reason="not signed by the operator")

    def _continued(self, head: Head) -> Learnt:
        lane, checkpoint = head.lane, head.checkpoint
        known = self.root_at(lane, checkpoint.size)
        where = f"{lane.stream}/{lane.lane}"
        if known is not None:
            if known == checkpoint.root:
                return Repeat()
            told = f"the operator has signed two heads of {where} at {checkpoint.size} events"
            return Fault(
                kind="two_heads",
                sentence=told,
                lane=lane,
                field="root",
                recorded=checkpoint.root.hex(),
                expected=known.hex(),
            )
        newest = self._newest.get(lane)
        if newest is not None and checkpoint.size < newest.checkpoint.size:
            if checkpoint.size < self._forgotten_below.get(lane, 0):
                return Repeat()
            told = (
                f"the operator has signed a head of {where} at {checkpoint.size} events "
                f"after one at {newest.checkpoint.size}"
            )
            return _inconsistent(lane, told, "size", f"{checkpoint.size}", f"above {newest.checkpoint.size}")
        old = self.root_at(lane, head.old_size)
        if old is None or not proves_consistency(
            head.old_size, checkpoint.size, old, checkpoint.root, head.proof
        ):
            told = (
                f"the head of {where} at {checkpoint.size} events is not shown to continue "
                f"that at {head.old_size}"
            )
            continued = "of a head that was signed" if old is None else f"one proved to continue {old.hex()}"
            return _inconsistent(lane, told, "root", checkpoint.root.hex(), continued)
        if newest is not None and head.old_size < newest.checkpoint.size:
            told = (
                f"the head of {where} at {checkpoint.size} events is not shown to continue "
                f"that at {newest.checkpoint.size}"
            )
            return _inconsistent(lane, told, "old_size", f"{head.old_size}", f"{newest.checkpoint.size}")
        self._remember(head)
        return head

    def _remember(self, head: Head) -> None:
        roots = self._roots.setdefault(head.lane, OrderedDict())
        roots[head.checkpoint.size] = head.checkpoint.root
        while len(roots) > self._heads_max:
            self._forgotten_below[head.lane] = roots.popitem(last=False)[0] + 1
        self._newest[head.lane] = head

    def _cosigned(self, message: Cosigned, note: Note) -> Learnt:
        witness = verifier_key(message.witness)
        timestamp = note.cosigned_at(witness)
        if timestamp is None:
            return Ignored(reason=f"{witness.name} has not cosigned what it is said to have")
        checkpoint = parse_checkpoint(note.text)
        lane = lane_of_origin(self.operator.name, checkpoint.origin)
        if lane is None or self.root_at(lane, checkpoint.size) != checkpoint.root:
            return Ignored(reason=f"{witness.name} has cosigned a head that the operator has not signed")
        line = next(each.line for each in note.signatures if each.claims(witness))
        return Witnessed(lane=lane, checkpoint=checkpoint, witness=witness, line=line, timestamp=timestamp)

    def _rotated(self, note: str) -> Learnt:
        new = rotated_to(note, self.operator)
        if new is None:
            return Repeat() if any(_names(note, old) for old in self.retired) else Ignored(reason="no key's")
        self.retired.append(self.operator)
        self.operator = new
        return HandedOver(key=new, note=note)


def _inconsistent(lane: LaneKey, told: str, field: str, recorded: str, expected: str) -> Fault:
    return Fault(
        kind="inconsistent", sentence=told, lane=lane, field=field, recorded=recorded, expected=expected
    )


def _names(note: str, old: VerifierKey) -> bool:
    return old.text in note.split("\n")
