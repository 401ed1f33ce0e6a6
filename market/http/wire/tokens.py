"""The text of an API key: `lds_live_<id>_<secret>_<crc>`, of which the record holds a SHA-256. Pure."""

import re
from binascii import crc32
from hashlib import sha256
from typing import Final
from uuid import UUID

PREFIX: Final = "lds_live_"
SECRET_BYTES: Final = 32

_TOKEN: Final = re.compile(r"lds_live_(?P<id>[0-9a-f]{32})_(?P<secret>[0-9a-f]{64})_(?P<crc>[0-9a-f]{8})\Z")


def mint(key: UUID, secret: bytes) -> str:
    """The token of a key; `secret` is 32 random bytes. It is shown once and never stored."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} random bytes")
    body = f"{PREFIX}{key.hex}_{secret.hex()}"
    return f"{body}_{crc32(body.encode()):08x}"


def secret_sha256(token: str) -> str:
    """What the record stores of a token, hexadecimal. ValueError when it is no token."""
    _, secret = key_and_secret(token)
    return sha256(secret.encode()).hexdigest()


def key_and_secret(token: str) -> tuple[UUID, str]:
    """ValueError when it is no token."""
    parts = _TOKEN.match(token)
    if parts is None or f"{crc32(token[: -len(parts['crc']) - 1].encode()):08x}" != parts["crc"]:
        raise ValueError("not an API key of this kind, or mistyped")
    return UUID(hex=parts["id"]), parts["secret"]
