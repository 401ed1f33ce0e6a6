"""Checks receipts against the topics: whether the event is there, unchanged, and under a signed head."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from events.brokers import Bootstrap
from events.codec import Undecodable, decode_envelope
from events.connections import Consumer, open_consumer
from events.decision import LaneKey
from events.merkle import Frontier, leaf_hash
from events.notes import VerifierKey
from events.topics import record_topic, topic_records
from events.vocabulary import INTEGER_MAX, Sha256Hex, Stream
from market.audit.sealed_heads import read_sealed
from market.topics import TopicError, partition_count

State = Literal["proved", "unsealed", "missing", "changed", "contradicted"]
RECEIPTS_MAX = 10_000


class GivenReceipt(Struct, frozen=True, kw_only=True):
    """What a command answered; other members of a receipt are not needed here."""

    event: str
    stream: Stream
    lane: Annotated[int, Meta(ge=0, le=1_023)]
    position: Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
    event_sha256: Sha256Hex

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.stream, self.lane)


class ReceiptVerdict(Struct, frozen=True, kw_only=True):
    """`checkpoint`: the size of the first signed head that holds the event."""

    receipt: GivenReceipt
    state: State
    sentence: str
    checkpoint: int | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    receipts: Annotated[tuple[GivenReceipt, ...], Meta(min_length=1, max_length=RECEIPTS_MAX)]


class NoReceipt(ValueError):
    """A file that holds no receipt."""


def parse_receipts(raw: bytes) -> tuple[GivenReceipt, ...]:
    """Of a command's whole answer, or of one receipt. NoReceipt."""
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.decode(raw, type=_Answer).receipts
    try:
        return (msgspec.json.decode(raw, type=GivenReceipt),)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoReceipt(f"neither an answer with receipts nor a receipt: {error}") from error


async def check_receipts(
    bootstrap: Bootstrap, prefix: str, receipts: Sequence[GivenReceipt], key: VerifierKey | None
) -> list[ReceiptVerdict]:
    """In the order given. `key`: the operator's; without one no checkpoint is believed. TopicError."""
    roots: Mapping[LaneKey, Mapping[int, bytes]] = {}
    if key is not None:
        roots = (await read_sealed(bootstrap, prefix, key)).roots
    found: dict[LaneKey, _Lane] = {}
    for lane in sorted({receipt.key for receipt in receipts}):
        topic = record_topic(prefix, lane.stream)
        if lane.lane >= await partition_count(bootstrap, topic):
            raise TopicError(f"{topic} has no lane {lane.lane}")
        wanted = {receipt.position for receipt in receipts if receipt.key == lane}
        found[lane] = _Lane(wanted, roots.get(lane, {}))
        consumer = await open_consumer(bootstrap)
        try:
            await found[lane].read(consumer, topic, lane.lane)
        finally:
            await consumer.stop()
    return [found[receipt.key].verdict(receipt) for receipt in receipts]


class _Lane:
    """One lane, read until the first checkpoint after the last position that is wanted."""

    def __init__(self, wanted: set[int], roots: Mapping[int, bytes]) -> None:
        self._wanted = wanted
        self._roots = roots
        self._tree = Frontier()
        self._events: dict[int, tuple[str, str]] = {}
        self._sealed: list[int] = []
        self._contradicted: int | None = None

    async def read(self, consumer: Consumer, topic: str, lane: int) -> None:
        last = max(self._wanted)
        async for records in topic_records(consumer, topic, lane):
            for record in records:
                self._take(record.body)
                if self._sealed and self._sealed[-1] >= last:
                    return

    def _take(self, body: bytes) -> None:
        try:
            envelope = decode_envelope(body)
        except Undecodable:
            return
        position = self._tree.size + 1
        if envelope.position != position:
            return
        self._tree.append(leaf_hash(body))
        if position in self._wanted:
            self._events[position] = (envelope.id.hex, sha256(body).hexdigest())
        root = self._roots.get(position)
        if root is None:
            return
        if root == self._tree.root():
            self._sealed.append(position)
        elif self._contradicted is None:
            self._contradicted = position

    def verdict(self, receipt: GivenReceipt) -> ReceiptVerdict:
        state, sentence, checkpoint = self._judge(receipt)
        place = f"{receipt.stream}/{receipt.lane} position {receipt.position}, {receipt.event}"
        return ReceiptVerdict(
            receipt=receipt, state=state, sentence=f"{place}: {sentence}", checkpoint=checkpoint
        )

    def _judge(self, receipt: GivenReceipt) -> tuple[State, str, int | None]:
        held = self._events.get(receipt.position)
        if held is None:
            return "missing", f"the lane holds no such event; it can be read to {self._tree.size}", None
        event, event_sha256 = held
        if event != receipt.event.rpartition("_")[2].replace("-", ""):
            return "changed", "another event stands there", None
        if event_sha256 != receipt.event_sha256:
            return "changed", f"its bytes have the hash {event_sha256}, not {receipt.event_sha256}", None
        sealed = next((size for size in self._sealed if size >= receipt.position), None)
        if sealed is not None:
            return "proved", f"unchanged, under the checkpoint of {sealed} events", sealed
        if self._contradicted is not None and self._contradicted >= receipt.position:
            return "contradicted", f"the checkpoint of {self._contradicted} events holds others", None
        sealed_by = max(self._roots, default=0)
        if sealed_by >= receipt.position:
            return "missing", f"{sealed_by} events were signed, {self._tree.size} can be read", None
        return "unsealed", "unchanged; no checkpoint that can be checked holds it yet", None
