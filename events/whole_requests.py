"""Kafka's produce requests in one piece: aiokafka's encoder copies each batch at every level around it."""

import struct
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7

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
        parts = [
            _text(self.transactional_id),
            _AFTER_ID.pack(self.required_acks, self.timeout, len(self.topics)),
        ]
        for topic, partitions in self.topics:
            parts += (_text(topic), _COUNT.pack(len(partitions)))
            for number, batch in partitions:
                parts += (_PARTITION.pack(number, len(batch)), batch)
        return b"".join(parts)


class WholeRequest(ProduceRequest):  # type: ignore[misc]  # aiokafka has no types
    """As the library's; to a broker that knows only older versions it goes as the library writes it."""

    def build(self, version: Any) -> Any:
        return super().build(_Whole if version is ProduceRequest_v7 else version)


class WholeRequestClient(AIOKafkaClient):  # type: ignore[misc]  # aiokafka has no types
    """A producer's client, which writes produce requests in one piece."""

    async def send(self, node_id: Any, request: Any, **how: Any) -> Any:
        if type(request) is ProduceRequest:
            request = WholeRequest(
                request._transactional_id, request._required_acks, request._timeout, request._topics
            )
        return await super().send(node_id, request, **how)
