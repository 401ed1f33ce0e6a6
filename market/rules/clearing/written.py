"""Drafts whose facts are written already, as a round tells them and its process hands them on."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from events.catalog import FACT_TYPES
from events.envelope import Draft

_encoder = msgspec.json.Encoder(order="deterministic")


def encoded(fact: Any) -> bytes:
    """The canonical JSON of a fact, or of a part of one."""
    return _encoder.encode(fact)


class WrittenDraft(Struct, frozen=True, kw_only=True):
    """A draft whose fact stands as canonical JSON beside its type."""

    stream: str
    lane: int
    subject: str
    type: str
    data: bytes
    id: UUID
    salt: str
    time: datetime
    cause: str
    actor: UUID


def decoded(draft: WrittenDraft) -> Draft:
    return Draft(
        stream=draft.stream,
        lane=draft.lane,
        subject=draft.subject,
        data=_decoder(draft.type).decode(draft.data),
        id=draft.id,
        salt=draft.salt,
        time=draft.time,
        cause=draft.cause,
        actor=draft.actor,
    )


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(FACT_TYPES[name])
