"""Kafka's produce requests in pieces: aiokafka's encoder copies each batch at every level around it."""

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
    """Its `encode` gives the bytes that the library's own gives."""

    def encode(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> list[bytes]:
        """What `encode` gives, one after another."""
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
    """As the library's; to a broker that knows only older versions it goes as the library writes it."""

    def build(self, version: Any) -> Any:
        return super().build(_Whole if version is ProduceRequest_v7 else version)


class WholeRequestClient(FrameClient):
    """A producer's client, which writes produce requests in pieces."""

    async def send(self, node_id: Any, request: Any, **how: Any) -> Any:
        if type(request) is ProduceRequest:
            request = WholeRequest(
                request._transactional_id, request._required_acks, request._timeout, request._topics
            )
        return await super().send(node_id, request, **how)
