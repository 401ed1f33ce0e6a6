"""Secrets and signatures of webhooks: Standard Webhooks 1.0, `v1` (HMAC-SHA256) and `v1a` (Ed25519).

No secret is stored. Each is derived from the deployment's key, the webhook's id and a generation.
"""

import hmac
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

TEST_TYPE: Final = "webhook.test.v1"


class Secrets(Struct, frozen=True, kw_only=True):
    """`symmetric` is shared with the receiver (`whsec_…`); of the pair it gets the public half (`whpk_…`)."""

    symmetric: bytes
    private: Ed25519PrivateKey

    @property
    def shared_text(self) -> str:
        return "whsec_" + b64encode(self.symmetric).decode()

    @property
    def public_text(self) -> str:
        return "whpk_" + b64encode(self.private.public_key().public_bytes_raw()).decode()


def derive(key: bytes, webhook: UUID, generation: int) -> Secrets:
    """Deterministic; reveals nothing about other generations, purposes or webhooks."""

    def part(purpose: bytes) -> bytes:
        named = b"lodestone webhook %b\0%b%d" % (purpose, webhook.bytes, generation)
        return hmac.digest(key, named, sha256)

    return Secrets(symmetric=part(b"v1"), private=Ed25519PrivateKey.from_private_bytes(part(b"v1a")))


def signature(secrets: Sequence[Secrets], message: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: both kinds of signature for each secret, separated by spaces."""
    signed = b"%b.%d.%b" % (message.encode(), timestamp, body)
    texts = []
    for each in secrets:
        texts.append("v1," + b64encode(hmac.digest(each.symmetric, signed, sha256)).decode())
        texts.append("v1a," + b64encode(each.private.sign(signed)).decode())
    return " ".join(texts)
