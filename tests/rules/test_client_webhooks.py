"""Webhooks as a partner verifies them: signed by the standard's own package, forged in every way."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from market.client import ForgedError, Verifier

NOW = 1_780_000_000
BODY = b'{"type":"partner.match.struck.v1"}'
SHARED = "whsec_" + b64encode(b"s" * 32).decode()
OTHER = "whsec_" + b64encode(b"o" * 32).decode()
PAIR = Ed25519PrivateKey.from_private_bytes(b"p" * 32)
PUBLIC = "whpk_" + b64encode(PAIR.public_key().public_bytes_raw()).decode()


def by_hand(message: str, at: int, body: bytes) -> bytes:
    return f"{message}.{at}.".encode() + body


def fields(*, keys: tuple[str, ...] = (SHARED,), at: int = NOW, message: str = "m-1") -> dict[str, str]:
    """Signed with the keys; `whpk_…` stands for its private half."""
    signatures = []
    for key in keys:
        if key == PUBLIC:
            signatures.append("v1a," + b64encode(PAIR.sign(by_hand(message, at, BODY))).decode())
        else:
            signatures.append(Webhook(key).sign(message, datetime.fromtimestamp(at, UTC), BODY.decode()))
    return {
        "Webhook-Id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def verifier(*keys: str) -> Verifier:
    return Verifier(*keys, clock=lambda: NOW + 0.5)


@pytest.mark.parametrize(
    ("held", "signed"),
    [
        ((SHARED,), (SHARED,)),
        ((PUBLIC,), (PUBLIC,)),
        ((SHARED,), (PUBLIC, OTHER, SHARED)),
        ((PUBLIC,), (SHARED, PUBLIC)),
        ((OTHER, SHARED), (SHARED,)),
        ((SHARED, PUBLIC), (PUBLIC,)),
    ],
)
def test_what_any_of_the_keys_signed_is_taken(held: tuple[str, ...], signed: tuple[str, ...]) -> None:
    taken = verifier(*held).verify(fields(keys=signed), BODY)
    assert ("m-1", NOW, BODY) == (taken.id, taken.sent_at_seconds, taken.body)


def without(name: str) -> Mapping[str, str]:
    return {key: value for key, value in fields().items() if key.lower() != name}


@pytest.mark.parametrize(
    ("given_fields", "says"),
    [
        ({}, "no webhook-id"),
        (without("webhook-id"), "no webhook-id"),
        (fields(message="m.1"), "no webhook-id"),
        (without("webhook-timestamp"), "no time in seconds"),
        (fields() | {"webhook-timestamp": "-1"}, "no time in seconds"),
        (fields() | {"webhook-timestamp": "1e9"}, "no time in seconds"),
        (fields() | {"webhook-timestamp": "9" * 13}, "no time in seconds"),
        (fields() | {"webhook-timestamp": str(NOW + 1)}, "of any of the keys"),
        (fields(at=NOW - 301), "300 s away"),
        (fields(at=NOW + 302), "300 s away"),
        (without("webhook-signature"), "of any of the keys"),
        (fields(keys=(OTHER,)), "of any of the keys"),
        (fields(keys=(PUBLIC,)), "of any of the keys"),
        (fields() | {"webhook-signature": fields()["webhook-signature"].replace("v1,", "v2,")}, "of any"),
        (fields() | {"webhook-signature": fields()["webhook-signature"].replace("v1,", "v1a,")}, "of any"),
        (fields() | {"webhook-signature": "v1,!!"}, "of any of the keys"),
        (fields() | {"webhook-signature": "v1"}, "of any of the keys"),
        (
            fields() | {"webhook-signature": "v0,x " * 16 + fields()["webhook-signature"]},
            "of any of the keys",
        ),
        (fields() | {"Webhook-Id": "m-2"}, "of any of the keys"),
    ],
)
def test_anything_else_is_forged(given_fields: Mapping[str, str], says: str) -> None:
    with pytest.raises(ForgedError, match=says):
        verifier(SHARED).verify(given_fields, BODY)


@given(place=st.integers(0, len(BODY) - 1), mask=st.integers(1, 255))
def test_no_changed_body_is_taken(place: int, mask: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= mask
    for keys in ((SHARED,), (PUBLIC,)):
        with pytest.raises(ForgedError):
            verifier(*keys).verify(fields(keys=keys), bytes(changed))


@pytest.mark.parametrize(
    "keys",
    [
        (),
        ("",),
        ("secret",),
        (SHARED, "plain"),
        ("whsec_",),
        ("whsec_c2hvcnQ=",),
        ("whsec_!",),
        ("whpk_c2hvcnQ=",),
        ("whpk_!",),
    ],
)
def test_keys_that_are_none_are_refused_without_being_shown(keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as told:
        Verifier(*keys)
    assert not [key for key in keys if key.partition("_")[2] and key in str(told.value)]


def test_a_verifier_shows_no_key() -> None:
    shown = repr(verifier(SHARED, PUBLIC))
    assert SHARED.removeprefix("whsec_") not in shown
    assert "ssss" not in shown
