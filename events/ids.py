"""Ids as the database's client has them: `uuid.UUID` in every respect, but made, hashed and written in C."""

from typing import Final
from uuid import UUID

import msgspec
import uuid_utils
from asyncpg.pgproto import pgproto

HEX_DIGITS: Final = 32
ID_BYTES: Final = 16
_encoder: Final = msgspec.json.Encoder()


def new_id() -> UUID:
    """A UUIDv7 of now."""
    return pgproto.UUID(uuid_utils.uuid7().bytes)


def digest_id(digest: bytes) -> UUID:
    """The UUIDv8 of the first 16 bytes of a digest."""
    version, variant = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return pgproto.UUID(b"%b%c%b%c%b" % (digest[:6], version, digest[7:8], variant, digest[9:ID_BYTES]))


def text_of(identity: UUID) -> str:
    """As `str`, also of an id that was made in Python several times as fast."""
    return _encoder.encode(identity)[1:-1].decode()


def id_of(digits: str) -> UUID:
    """The UUID of 32 hexadecimal digits, with or without hyphens between them. ValueError for other texts."""
    return pgproto.UUID(digits)
