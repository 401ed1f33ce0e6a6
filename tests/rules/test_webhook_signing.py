"""Signatures as a receiver checks them, and pauses between attempts."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from market.rules.streams.webhook_retries import (
    ATTEMPTS_MAX,
    FAILING_MAX,
    SCHEDULE_SECONDS,
    asked_seconds,
    has_failed_too_long,
    pause_milliseconds,
)
from market.rules.streams.webhook_signing import Secrets, derive, signature

KEY, HOOK = b"k" * 32, UUID(int=7)
BODY = '{"type":"partner.match.struck.v1","name":"Größe"}'.encode()


def headers(*held: Secrets, now: datetime | None = None) -> dict[str, str]:
    timestamp = int((now or datetime.now(UTC)).timestamp())
    return {
        "webhook-id": "msg",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(held, "msg", timestamp, BODY),
    }


def check_pair(public_text: str, given: dict[str, str]) -> None:
    """As a receiver does that holds the public key only."""
    public = Ed25519PublicKey.from_public_bytes(b64decode(public_text.removeprefix("whpk_")))
    signed = f"{given['webhook-id']}.{given['webhook-timestamp']}.".encode() + BODY
    found = [part.partition(",") for part in given["webhook-signature"].split(" ")]
    public.verify(b64decode(next(text for kind, _, text in found if kind == "v1a")), signed)


def test_both_kinds_are_what_a_receiver_expects() -> None:
    held = derive(KEY, HOOK, 1)
    given = headers(held)
    Webhook(held.shared_text).verify(BODY, given)
    check_pair(held.public_text, given)


def test_both_generations_sign_while_they_overlap() -> None:
    new, old, older = (derive(KEY, HOOK, generation) for generation in (3, 2, 1))
    given = headers(new, old)
    for held in (new, old):
        Webhook(held.shared_text).verify(BODY, given)
    with pytest.raises(WebhookVerificationError):
        Webhook(older.shared_text).verify(BODY, given)
    assert ["v1", "v1a", "v1", "v1a"] == [
        part.partition(",")[0] for part in given["webhook-signature"].split(" ")
    ]


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_what_is_signed_cannot_be_changed(name: str) -> None:
    held = derive(KEY, HOOK, 1)
    given = headers(held)
    given[name] += "1" if name == "webhook-id" else ""
    given[name] = str(int(given[name]) + 1) if name == "webhook-timestamp" else given[name]
    with pytest.raises(WebhookVerificationError):
        Webhook(held.shared_text).verify(BODY, given)
    with pytest.raises(InvalidSignature):
        check_pair(held.public_text, given)


def test_secrets_differ_by_key_webhook_generation_and_kind() -> None:
    given = [(KEY, HOOK, 1), (b"l" * 32, HOOK, 1), (KEY, UUID(int=8), 1), (KEY, HOOK, 2), (KEY, HOOK, 11)]
    made = [derive(*each) for each in given]
    texts = {text for each in made for text in (each.shared_text, each.public_text)}
    raw = {each.symmetric for each in made} | {each.private.private_bytes_raw() for each in made}
    assert (10, 10) == (len(texts), len(raw))
    assert made[0].shared_text == derive(KEY, HOOK, 1).shared_text
    assert 32 == len(b64decode(made[0].shared_text.removeprefix("whsec_")))


@pytest.mark.parametrize(("failures", "base"), [*enumerate(SCHEDULE_SECONDS, 1), (50, SCHEDULE_SECONDS[-1])])
def test_pauses_grow_and_are_spread(failures: int, base: int) -> None:
    least, most = (pause_milliseconds(failures, draw) for draw in (0, 2**32 - 1))
    assert (base * 800, True) == (least, base * 1_199 <= most <= base * 1_200)


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, 0),
        ("0", 0),
        ("120", 120),
        ("99999999999", 36_000),
        ("Wed, 31 Dec 9999 23:59:59 GMT", 36_000),
        ("Wed, 31 Dec 9999 23:59:59 -9999", 0),
        ("Mon, 02 Mar 2026 12:02:00 GMT", 120),
        ("Mon, 02 Mar 2026 14:02:00 +0200", 120),
        ("Mon, 02 Mar 2026 11:59:00 GMT", 0),
        ("Mon, 02 Mar 2026 12:02:00 -0000", 0),
        ("-5", 0),
        ("1.5", 0),
        ("\u0661\u0662", 0),
        ("soon", 0),
        ("", 0),
        ("9" * 65, 0),
        ("Mon, 99 Mar 2026 12:02:00 GMT", 0),
    ],
)
def test_who_is_busy_says_for_how_long(status: int, retry_after: str | None, seconds: int) -> None:
    assert seconds == asked_seconds(status, retry_after, NOW)


@pytest.mark.parametrize("status", [None, 200, 301, 410, 500, 502])
def test_nobody_else_is_asked_how_long_to_wait(status: int | None) -> None:
    assert 0 == asked_seconds(status, "120", NOW)


def test_a_webhook_is_disabled_before_its_messages_are_given_up() -> None:
    pauses = [pause_milliseconds(failures, 0) for failures in range(1, ATTEMPTS_MAX)]
    assert sum(pauses) > FAILING_MAX / timedelta(milliseconds=1)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert has_failed_too_long(now - FAILING_MAX, now)
    assert not has_failed_too_long(now - FAILING_MAX + timedelta(seconds=1), now)
