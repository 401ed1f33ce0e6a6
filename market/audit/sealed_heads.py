"""Heads signed by the operator, and their cosigners, read from the topic of checkpoints alone."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from events.brokers import Bootstrap
from events.checkpoints import TOPIC, Rotated, Signed, decode_message, oldest_key, parse_checkpoint
from events.decision import LaneKey
from events.head_ledger import Fault, Head, Ignored, Ledger, Witnessed
from events.notes import NoteError, VerifierKey, parse_note
from market.audit.report import Cosigner
from market.topics import open_reading

HEADS_MAX: Final = sys.maxsize
"""An audit compares every head that was ever signed."""


class SealedHeads(Struct, frozen=True, kw_only=True):
    """`roots`: by lane and size; `faults` with their offsets; `strangers`: whose keys, none of them the
    operator's, signed the newest head of a lane; `rotations`: notes of the changes of key, in order."""

    roots: dict[LaneKey, dict[int, bytes]]
    faults: tuple[tuple[int, Fault], ...]
    cosigners: tuple[Cosigner, ...]
    strangers: tuple[str, ...] = ()
    rotations: tuple[str, ...] = ()


class _Collected:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._roots: dict[LaneKey, dict[int, bytes]] = {}
        self._faults: list[tuple[int, Fault]] = []
        self._cosigned: dict[VerifierKey, dict[LaneKey, int]] = {}
        self._strange: dict[str, str] = {}

    def feed(self, offset: int, value: bytes) -> None:
        match self._ledger.feed(value):
            case Head(lane=lane, checkpoint=checkpoint):
                self._roots.setdefault(lane, {})[checkpoint.size] = checkpoint.root
                self._strange.pop(f"{lane.stream}/{lane.lane}", None)
            case Witnessed(lane=lane, checkpoint=checkpoint, witness=witness):
                sizes = self._cosigned.setdefault(witness, {})
                sizes[lane] = max(sizes.get(lane, 0), checkpoint.size)
            case Fault() as fault:
                self._faults.append((offset, fault))
            case Ignored():
                self._signed_by_another(value)
            case _:
                pass

    def _signed_by_another(self, value: bytes) -> None:
        """What claims to be a head of a lane; whose, its origin says."""
        message = decode_message(value)
        if not isinstance(message, Signed):
            return
        with suppress(NoteError):
            note = parse_note(message.note)
            own = (self._ledger.operator, *self._ledger.retired)
            name, *place = parse_checkpoint(note.text).origin.rsplit("/", 2)
            if len(place) == len(LaneKey._fields) and not any(note.signed_by(key) for key in own):
                self._strange["/".join(place)] = name

    def found(self, rotations: Sequence[str]) -> SealedHeads:
        cosigners = [
            Cosigner(name=witness.name, key=witness.text, sealed=sum(sizes.values()))
            for witness, sizes in self._cosigned.items()
        ]
        return SealedHeads(
            roots=self._roots,
            faults=tuple(self._faults),
            cosigners=tuple(sorted(cosigners, key=lambda each: (-each.sealed, each.name))),
            strangers=tuple(sorted(set(self._strange.values()))),
            rotations=tuple(rotations),
        )


async def read_sealed(bootstrap: Bootstrap, prefix: str, key: VerifierKey, name: str = TOPIC) -> SealedHeads:
    """`key`: any that the operator has ever signed with; `name`: the topic of all heads or of public ones.

    TopicError when there is no such topic.
    """
    topic = prefix + name
    rotations: list[str] = []
    async with open_reading(bootstrap, topic) as reading:
        async for _, records in reading.batches():
            for record in records:
                message = decode_message(record.value)
                if isinstance(message, Rotated):
                    rotations.append(message.note)
    collected = _Collected(Ledger(oldest_key(key, rotations), HEADS_MAX))
    async with open_reading(bootstrap, topic) as reading:
        async for _, records in reading.batches():
            for record in records:
                collected.feed(record.offset, record.value)
    return collected.found(rotations)
