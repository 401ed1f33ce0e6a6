"""Kafka's produce requests in pieces, since aiokafka's encoder copies each batch at every enclosing level."""

import struct
from typing import Any

from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7

from events.frames import FrameClient, InPieces
from events.record_batches import BatchBytes

_LENGTH = struct.Struct(">h")
_AFTER_ID = struct.Struct(">hii")
"""Acknowledgements, timeout in milliseconds, count of topics."""
_COUNT = struct.Struct(">i")
_PARTITION = struct.Struct(">ii")
"""Number, bytes of its batch."""
_NO_TEXT = _LENGTH.pack(-1)


def _text(value: str | None) -> bytes:
    if value is None:
        return _NO_TEXT
    written = value.encode()
    return _LENGTH.pack(len(written)) + written


class _Whole(ProduceRequest_v7):  # type: ignore[misc]  # aiokafka has no types
    """A request whose `encode` returns the same bytes as aiokafka's own."""

    def encode(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> list[bytes]:
        """The bytes of `encode`, in pieces."""
        parts = [
            _text(self.transactional_id),
            _AFTER_ID.pack(self.required_acks, self.timeout, len(self.topics)),
        ]
        for topic, partitions in self.topics:
            parts += (_text(topic), _COUNT.pack(len(partitions)))
            for number, batch in partitions:
                parts.append(_PARTITION.pack(number, len(batch)))
                parts += batch.pieces if isinstance(batch, BatchBytes) else (batch,)
        return parts


class WholeRequest(ProduceRequest, InPieces):  # type: ignore[misc]  # aiokafka has no types
    """As aiokafka's request; for a broker that only knows older versions, aiokafka's own encoding is used."""

    def build(self, version: Any) -> Any:
        return super().build(_Whole if version is ProduceRequest_v7 else version)


class WholeRequestClient(FrameClient):
    """A producer's client that sends produce requests in pieces."""

    async def send(self, node_id: Any, request: Any, **how: Any) -> Any:
        if type(request) is ProduceRequest:
            request = WholeRequest(
                request._transactional_id, request._required_acks, request._timeout, request._topics
            )
        return await super().send(node_id, request, **how)
