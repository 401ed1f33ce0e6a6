"""One attempt to deliver a message: sign it, post it to the webhook's URL, and return the outcome."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from uuid import UUID

import structlog
from msgspec import Struct

from events.connections import Pool
from events.desk import Desk
from events.faults import crash_point
from market.lookups import Resolve
from market.metrics import WEBHOOK_POSTS
from market.outgoing import Postman
from market.rules.streams.partner_events import MEDIA_TYPE
from market.rules.streams.reach import Reach
from market.rules.streams.webhook_retries import (
    SCHEDULE_SECONDS,
    asked_seconds,
)
from market.rules.streams.webhook_signing import Secrets, derive, signature
from market.rules.webhook_terms import Webhook
from market.store.webhook_messages import Try

log = structlog.get_logger("lodestone.webhooks")


class Shared(Struct, frozen=True, kw_only=True):
    """What the couriers of one process share. `slots` limits how many post at once."""

    pool: Pool
    desk: Desk
    operator: UUID
    owner: str
    key: bytes
    reach: Reach
    resolve: Resolve
    tls: ssl.SSLContext
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    slots: asyncio.Semaphore
    post_seconds_max: float
    schedule_seconds: tuple[int, ...] = SCHEDULE_SECONDS


class Sender:
    """Signs and posts to one webhook, over one connection that is kept until its terms change."""

    def __init__(self, shared: Shared, webhook: UUID, of_organisation: asyncio.Semaphore) -> None:
        self._shared = shared
        self._id = webhook
        self._slots = (of_organisation, shared.slots)
        self._secrets: dict[int, Secrets] = {}
        self._postman: Postman | None = None
        self._version = 0

    async def close(self) -> None:
        if self._postman is not None:
            await self._postman.close()

    async def post(self, webhook: Webhook, event: UUID, kind: str, body: bytes) -> Try:
        shared = self._shared
        postman = await self._postman_for(webhook)
        async with AsyncExitStack() as stack:
            for slots in self._slots:
                await stack.enter_async_context(slots)
            now = shared.clock()
            timestamp = int(now.timestamp())
            held = [self._secrets_of(generation) for generation in webhook.generations(now)]
            headers = {
                "content-type": MEDIA_TYPE,
                "user-agent": "Lodestone-Webhooks/1.0",
                "webhook-id": str(event),
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(held, str(event), timestamp, body),
            }
            answered = await postman.post(webhook.terms.url, headers, body)
        crash_point("webhooks.posted")
        attempt = Try(
            at=now,
            milliseconds=answered.milliseconds,
            status=answered.status,
            error=answered.error if answered.status is None else _error(answered.status),
            asked_seconds=asked_seconds(
                answered.status, answered.retry_after, now, shared.schedule_seconds[-1]
            ),
        )
        outcome = "delivered" if attempt.delivered else "failed"
        WEBHOOK_POSTS.labels(outcome).inc()
        log.info(
            "webhook_posted",
            webhook=str(self._id),
            event_id=str(event),
            type=kind,
            outcome=outcome,
            status=attempt.status,
            error=attempt.error,
            milliseconds=attempt.milliseconds,
        )
        return attempt

    async def _postman_for(self, webhook: Webhook) -> Postman:
        """A new one after each change of the webhook, since a kept connection belongs to the old URL."""
        if self._postman is None or self._version != webhook.version:
            if self._postman is not None:
                await self._postman.close()
            shared = self._shared
            self._postman = Postman(
                shared.reach, shared.resolve, shared.tls, seconds_max=shared.post_seconds_max
            )
            self._version = webhook.version
        return self._postman

    def _secrets_of(self, generation: int) -> Secrets:
        if generation not in self._secrets:
            self._secrets[generation] = derive(self._shared.key, self._id, generation)
        return self._secrets[generation]


def _error(status: int) -> str | None:
    """The error of a status; None when the receiver has accepted the message."""
    if 200 <= status < 300:
        return None
    return f"answered {status}" + ("; redirects are not followed" if 300 <= status < 400 else "")
