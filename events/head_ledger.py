"""What a reader of `audit.checkpoints.v1` who knows the operator's key may believe. Pure."""

from collections import OrderedDict
from typing import Literal

from msgspec import Struct

from events.checkpoints import (
    Checkpoint,
    Cosigned,
    Rotated,
    Signed,
    decode_hashes,
    decode_message,
    lane_of_origin,
    parse_checkpoint,
    rotated_to,
)
from events.decision import LaneKey
from events.merkle import EMPTY_ROOT, proves_consistency
from events.notes import Note, NoteError, VerifierKey, parse_note, verifier_key

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
