"""The `body` columns: a struct as canonical JSON, so that equal states have equal bytes."""

import msgspec
from msgspec import Struct

_encoder = msgspec.json.Encoder(order="deterministic")


def encode(value: Struct) -> bytes:
    return _encoder.encode(value)
