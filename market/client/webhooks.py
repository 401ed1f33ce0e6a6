"""Whether a webhook is from the API: Standard Webhooks 1.0, `v1` (HMAC-SHA256) and `v1a` (Ed25519)."""

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from hashlib import sha256
from time import time
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from market.client.faults import ClientError

SHARED: Final = "whsec_"
PUBLIC: Final = "whpk_"
SHARED_BYTES_MIN: Final = 24
TOLERANCE_SECONDS: Final = 300
SIGNATURES_MAX: Final = 16


class ForgedError(ClientError):
    """The message is not authentic: answer 401 and do nothing."""


class Verified(Struct, frozen=True, kw_only=True):
    """An authentic message of the API. A repeat has the same `id`: process each only once."""

    id: str
    sent_at_seconds: int
    body: bytes


class Verifier:
    """Checks messages against one or several keys, as while a secret is rotated."""

    def __init__(
        self,
        *keys: str,
        tolerance_seconds: int = TOLERANCE_SECONDS,
        clock: Callable[[], float] = time,
    ) -> None:
        """`keys`: `whsec_…` and `whpk_…` as the API gave them. ValueError, without the key, for any other."""
        self._shared = [_shared(key) for key in keys if key.startswith(SHARED)]
        self._public = [_public(key) for key in keys if key.startswith(PUBLIC)]
        if not keys or len(keys) != len(self._shared) + len(self._public):
            raise ValueError(f"keys begin with {SHARED} or {PUBLIC}, and there is at least one")
        self._tolerance_seconds = tolerance_seconds
        self._clock = clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> Verified:
        """`body` exactly as received. ForgedError for a message that is not signed, too old, or signed with
        another key."""
        fields = {name.lower(): value for name, value in headers.items()}
        message, timestamp, signatures = (
            fields.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not message or "." in message:
            raise ForgedError("there is no webhook-id that could have been signed")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise ForgedError("webhook-timestamp is no time in seconds")
        if abs(self._clock() - int(timestamp)) > self._tolerance_seconds:
            raise ForgedError(f"webhook-timestamp is more than {self._tolerance_seconds} s away")
        signed = b"%b.%b.%b" % (message.encode(), timestamp.encode(), body)
        if not any(self._holds(signed, each) for each in signatures.split(" ")[:SIGNATURES_MAX]):
            raise ForgedError("no signature is of any of the keys")
        return Verified(id=message, sent_at_seconds=int(timestamp), body=body)

    def _holds(self, signed: bytes, signature: str) -> bool:
        version, _, text = signature.partition(",")
        try:
            given = b64decode(text, validate=True)
        except (Base64Error, ValueError):
            return False
        match version:
            case "v1":
                return any(
                    hmac.compare_digest(given, hmac.digest(key, signed, sha256)) for key in self._shared
                )
            case "v1a":
                return any(_is_of(key, given, signed) for key in self._public)
            case _:
                return False


def _is_of(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _shared(key: str) -> bytes:
    secret = _bytes_of(key.removeprefix(SHARED))
    if len(secret) < SHARED_BYTES_MIN:
        raise ValueError(f"a key {SHARED}… is base64 of at least {SHARED_BYTES_MIN} bytes")
    return secret


def _public(key: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(_bytes_of(key.removeprefix(PUBLIC)))
    except ValueError:
        raise ValueError(f"a key {PUBLIC}… is base64 of 32 bytes") from None


def _bytes_of(text: str) -> bytes:
    """Empty for what is not base64."""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""
