"""Own webhooks: their URLs, and the outcome of each message. `webhooks.Verifier` checks received messages."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from msgspec import Struct

from market.client.answers import Accepted
from market.client.calls import Body, Calls
from market.client.operations import change, keyed, pages, read


class WebhookAccepted(Accepted, frozen=True, kw_only=True):
    """`secret` is only in the first answer for an idempotency key. If the answer to an earlier attempt was
    lost, `warnings` has `secret_shown_before`: rotate the secret; or `removed_since`, if the webhook was
    removed."""

    id: str | None
    secret: str | None = None
    public_key: str | None = None


class Webhook(Struct, frozen=True, kw_only=True):
    """`disabled`: why it was paused automatically. `previous_until`: until then old secrets sign too."""

    id: str
    organisation: str
    url: str
    types: tuple[str, ...]
    markets: tuple[str, ...]
    active: bool
    disabled: str | None
    public_key: str
    previous_until: datetime | None
    registered_at: datetime
    version: int


class WebhookHealth(Struct, frozen=True, kw_only=True):
    """`failures` in a row; `waiting` messages."""

    failures: int
    failing_since: datetime | None
    pause_seconds: int
    waiting: int
    redelivering: bool


class Attempt(Struct, frozen=True, kw_only=True):
    """`status` of what was answered, else `error`."""

    at: datetime
    milliseconds: int
    status: int | None
    error: str | None


class Message(Struct, frozen=True, kw_only=True):
    """`webhook_id` is the `webhook-id` under which it was posted."""

    id: str
    webhook: str
    webhook_id: str
    type: str
    state: str
    attempts: tuple[Attempt, ...]
    next_attempt_at: datetime | None
    created_at: datetime
    changed_at: datetime


class Redelivering(Struct, frozen=True, kw_only=True):
    webhook: str
    redelivering: bool


_WEBHOOK: Final = "/v1/webhooks/{webhook}"
_MESSAGE: Final = f"{_WEBHOOK}/messages/{{message}}"
REGISTER: Final = keyed("/v1/webhooks", WebhookAccepted)
WEBHOOKS: Final = pages("/v1/webhooks", Webhook)
WEBHOOK: Final = read(_WEBHOOK, Webhook)
CHANGE: Final = change("PATCH", _WEBHOOK, WebhookAccepted)
REMOVE: Final = change("DELETE", _WEBHOOK, WebhookAccepted, versioned=False)
ROTATE: Final = keyed(f"{_WEBHOOK}/secret", WebhookAccepted)
HEALTH: Final = read(f"{_WEBHOOK}/health", WebhookHealth)
MESSAGES: Final = pages(f"{_WEBHOOK}/messages", Message)
MESSAGE: Final = read(_MESSAGE, Message)
TEST: Final = change("POST", f"{_WEBHOOK}/test", Message, versioned=False)
REDELIVER: Final = change("POST", f"{_MESSAGE}/redeliver", Message, versioned=False)
REDELIVER_RANGE: Final = change("POST", f"{_WEBHOOK}/redeliver", Redelivering, versioned=False)
UNKEYED: Final = (TEST, REDELIVER, REDELIVER_RANGE)
"""Every POST that does something and takes no key: twice is twice."""


class Webhooks:
    """For a key with the role admin."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self) -> AsyncIterator[Webhook]:
        return self._calls.pages(WEBHOOKS, query={})

    async def read(self, webhook: str) -> Webhook:
        return (await self._calls.ask(WEBHOOK, webhook)).body

    async def register(
        self, body: Body, *, key: str | None = None, validate_only: bool = False
    ) -> WebhookAccepted:
        return (
            await self._calls.ask(REGISTER, body=body, key=key, query={"validate_only": validate_only})
        ).body

    async def change(self, webhook: str, body: Body, *, version: int) -> WebhookAccepted:
        """`{"active": true}` starts a paused one again."""
        return (await self._calls.ask(CHANGE, webhook, body=body, version=version)).body

    async def remove(self, webhook: str) -> WebhookAccepted:
        return (await self._calls.ask(REMOVE, webhook)).body

    async def rotate(
        self, webhook: str, *, overlap_hours: int = 24, key: str | None = None
    ) -> WebhookAccepted:
        """`overlap_hours`: how long the old secrets still sign too; 0 if they are compromised."""
        body = {"overlap_hours": overlap_hours}
        return (await self._calls.ask(ROTATE, webhook, body=body, key=key)).body

    async def health(self, webhook: str) -> WebhookHealth:
        return (await self._calls.ask(HEALTH, webhook)).body

    def messages(self, webhook: str, *, state: str | None = None) -> AsyncIterator[Message]:
        """The newest first. `state` is waiting, delivered or given_up."""
        return self._calls.pages(MESSAGES, webhook, query={"state": state})

    async def message(self, webhook: str, message: str) -> Message:
        return (await self._calls.ask(MESSAGE, webhook, message)).body

    async def test(self, webhook: str) -> Message:
        """Asked once: a second time would be a second event."""
        return (await self._calls.ask(TEST, webhook)).body

    async def redeliver(self, webhook: str, message: str) -> Message:
        return (await self._calls.ask(REDELIVER, webhook, message)).body

    async def redeliver_range(self, webhook: str, body: Body) -> Redelivering:
        """By cursors (`after`, `until`) or times (`from`, `to`)."""
        return (await self._calls.ask(REDELIVER_RANGE, webhook, body=body)).body
