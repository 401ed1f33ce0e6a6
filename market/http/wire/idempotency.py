"""Idempotency keys in requests; the row itself is written by the lane's transaction (events/lane.py)."""

import re
from hashlib import sha256
from typing import Final
from uuid import UUID

from events.decision import Request
from market.http.wire.faults import Fault

HEADER: Final = "Idempotency-Key"
FIELD: Final = HEADER.lower().encode()
REPLAYED: Final = "Idempotent-Replayed"
PATTERN: Final = r"^[A-Za-z0-9._:-]{1,64}$"
_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")


def parse_key(header: str | None) -> str | Fault:
    if header is None:
        detail = f"send a key of your own choice, new for every new request, like {HEADER}: 7f0c5e1a"
        return Fault(code="idempotency_key_missing", detail=detail, header=HEADER)
    if _KEY.match(header) is None:
        return Fault(
            code="malformed", detail="1 to 64 letters, digits or . _ : - are accepted", header=HEADER
        )
    return header


def request_of(
    organisation: UUID, method: str, path: str, key: str, body: bytes, expected_version: int
) -> Request:
    """Scope of the key: organisation, method and whole path; the same key on another route is another key.

    `expected_version` of If-Match is part of what was asked, 0 where a request has none: its answer names
    the version that follows.
    """
    asked = body if expected_version == 0 else b"%b\nIf-Match: %d" % (body, expected_version)
    return Request(
        organisation=organisation, route=f"{method} {path}", key=key, body_hash=sha256(asked).digest()
    )
