"""Compares heads that somebody has kept with the operator's current public ones. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from events.checkpoints import PROOF_HASHES_MAX, HashText, decode_hashes
from events.counts import counted
from events.decision import LaneKey
from events.merkle import proves_consistency
from events.notes import VerifierKey
from events.vocabulary import INTEGER_MAX
from market.audit.sealed_proof import NoteText, ProofError, SignedHead, check_head

LANES_MAX: Final = 4_096

Size = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Hashes = Annotated[tuple[HashText, ...], Meta(max_length=PROOF_HASHES_MAX)]
Standing = Literal["continued", "contradicted", "open"]


class _Item(Struct, frozen=True, kw_only=True):
    note: NoteText


class _File(Struct, frozen=True, kw_only=True):
    """A proof (`checkpoint`), a head or a message of the topic (`note`), the list of `GET /v1/checkpoints`
    (`items`), or the answer of its `…/consistency` (the rest)."""

    checkpoint: NoteText | None = None
    note: NoteText | None = None
    items: Annotated[tuple[_Item, ...], Meta(max_length=LANES_MAX)] = ()
    old_size: Size | None = None
    new_size: Size | None = None
    proof: Hashes = ()


class Continuation(NamedTuple):
    """Hashes that are said to prove that a lane's head of `new_size` events continues that of `old_size`."""

    old_size: int
    new_size: int
    proof: tuple[bytes, ...]


class Kept(NamedTuple):
    """What a file holds: notes of heads, and what may prove how they were continued."""

    notes: tuple[str, ...]
    continuations: tuple[Continuation, ...]


class KeptVerdict(Struct, frozen=True, kw_only=True):
    """Of one kept head. `open`: neither proved nor contradicted by what was given; the sentence says what is
    missing."""

    stream: str
    lane: int
    size: int
    standing: Standing
    sentence: str


def parse_kept(raw: bytes) -> Kept:
    """A signed note as it is, or JSON of any answer that holds one. ProofError for what is neither."""
    if not raw.lstrip().startswith(b"{"):
        try:
            return Kept((raw.decode(),), ())
        except UnicodeDecodeError as error:
            raise ProofError("neither a signed note nor JSON") from error
    try:
        found = msgspec.json.decode(raw, type=_File)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProofError(f"no such file: {error}") from error
    notes = [each for each in (found.checkpoint, found.note) if each is not None]
    notes += [item.note for item in found.items]
    continuations = tuple(_continuations(found))
    if not notes and not continuations:
        raise ProofError("it holds no signed head, and no proof of consistency")
    return Kept(tuple(notes), continuations)


def _continuations(found: _File) -> Iterator[Continuation]:
    hashes = decode_hashes(found.proof)
    if found.old_size is not None and found.new_size is not None and hashes is not None:
        yield Continuation(found.old_size, found.new_size, tuple(hashes))


def judge(
    note: str,
    operator: VerifierKey,
    rotations: Sequence[str],
    roots: Mapping[LaneKey, Mapping[int, bytes]],
    continuations: Sequence[Continuation],
) -> KeptVerdict:
    """`roots`: of the public heads, by lane and size. ProofError for a note that is not the operator's."""
    head = check_head(note, rotations, operator, ())
    told = roots.get(head.lane, {})
    size, newest = head.checkpoint.size, max(told, default=0)
    at, to = counted(size, "event"), counted(newest, "event")
    root = told.get(size)
    if root is not None and root != head.checkpoint.root:
        return _verdict(head, "contradicted", f"the topic has another head at {at}: two histories")
    if root is not None:
        return _verdict(head, "continued", f"stands on the topic, which continues it to {to}")
    if size > newest:
        return _verdict(head, "open", f"the topic has come to {to} only: ask again later")
    for each in continuations:
        later = told.get(each.new_size)
        if each.old_size == size and later is not None and _proves(head, each, later):
            of_head = counted(each.new_size, "event")
            sentence = f"proved to be continued by the head at {of_head}, and so to {newest:,}"
            return _verdict(head, "continued", sentence)
    after = min(each for each in told if each > size)
    asked = f"{head.lane.stream}/{head.lane.lane}/consistency?old_size={size}&new_size={after}"
    sentence = f"is no head of the topic: give the answer of GET /v1/checkpoints/{asked} as well"
    return _verdict(head, "open", sentence)


def _proves(head: SignedHead, each: Continuation, later: bytes) -> bool:
    return proves_consistency(each.old_size, each.new_size, head.checkpoint.root, later, each.proof)


def _verdict(head: SignedHead, standing: Standing, sentence: str) -> KeptVerdict:
    return KeptVerdict(
        stream=head.lane.stream,
        lane=head.lane.lane,
        size=head.checkpoint.size,
        standing=standing,
        sentence=sentence,
    )
