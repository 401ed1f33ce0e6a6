"""Ids as the database's client has them: `uuid.UUID` in every respect, but made, hashed and written in C."""

from typing import Final
from uuid import UUID

import uuid_utils
from asyncpg.pgproto import pgproto

HEX_DIGITS: Final = 32


def new_id() -> UUID:
    """A UUIDv7 of now."""
    return pgproto.UUID(uuid_utils.uuid7().bytes)


def id_of(digits: str) -> UUID:
    """The UUID of 32 hexadecimal digits, with or without hyphens between them. ValueError for other texts."""
    return pgproto.UUID(digits)
