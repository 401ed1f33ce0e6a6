"""PROCESS the feed → webhooks: posts what an organisation may see to its URLs.

It uses the lines that the publisher writes, so it decides nothing about visibility. Each webhook has its own
courier and at most one post at a time; its place moves in the transaction that stores the outcome of its
posts: at least once, with the same `webhook-id`.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import httpx
import structlog

from events.connections import DATABASE_ERRORS, Pool, acquire
from events.decision import LaneKey
from events.desk import Desk
from events.ids import new_id
from market.courier import Courier
from market.ground import Wiring, webhook_reach
from market.kept_keys import webhook_key
from market.lookups import Resolve, resolve
from market.outgoing import SECONDS_MAX
from market.rules.streams.partner_lines import ALL
from market.rules.streams.reach import Reach
from market.rules.streams.webhook_retries import SCHEDULE_SECONDS
from market.store import feed, webhook_messages, webhook_senders
from market.webhook_attempts import Shared

log = structlog.get_logger("lodestone.webhooks")

LEASE_SECONDS: Final = 30.0
"""Longer than any post and the check before it, so that a process that loses a lease has stopped posting."""
TAKE_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.05
LOOKS_PER_DUE: Final = 10
RETRY_SECONDS_MAX: Final = 2.0
POSTS_MAX: Final = 128
POSTS_OF_ORGANISATION_MAX: Final = 4
WEBHOOKS_MAX: Final = 2_000
END_SECONDS_MAX: Final = 5.0
TIDY_SECONDS: Final = 60.0
KEPT_DAYS: Final = 14
DROPPED_AT_ONCE: Final = 1_000


async def run_webhooks(wiring: Wiring, stop: asyncio.Event) -> None:
    webhooks = Webhooks(
        wiring.writer,
        wiring.desk,
        wiring.deployment.deployment_id,
        owner=wiring.owner,
        key=webhook_key(wiring.settings),
        reach=webhook_reach(wiring.settings),
        clock=wiring.clock,
        new_id=new_id,
    )
    await webhooks.run(stop)


class Webhooks:
    """The webhooks of one process; several processes share them by leases."""

    def __init__(
        self,
        pool: Pool,
        desk: Desk,
        operator: UUID,
        *,
        owner: str,
        key: bytes,
        reach: Reach,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        post_seconds_max: float = SECONDS_MAX,
        schedule_seconds: tuple[int, ...] = SCHEDULE_SECONDS,
    ) -> None:
        """`key` is what secrets are derived from; `tls`: whose certificates receivers may have."""
        self._shared = Shared(
            pool=pool,
            desk=desk,
            operator=operator,
            owner=owner,
            key=key,
            reach=reach,
            resolve=resolve,
            tls=httpx.create_ssl_context() if tls is None else tls,
            clock=clock,
            new_id=new_id,
            slots=asyncio.Semaphore(POSTS_MAX),
            post_seconds_max=post_seconds_max,
            schedule_seconds=schedule_seconds,
        )
        self._couriers: dict[UUID, Courier] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._of_organisation: dict[UUID, asyncio.Semaphore] = {}
        self._ends: dict[LaneKey, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._every(TAKE_SECONDS, self._take, stop))
                group.create_task(self._every(LOOK_SECONDS, self._look, stop))
                group.create_task(self._every(LOOK_SECONDS * LOOKS_PER_DUE, self._wake_busy, stop))
                group.create_task(self._every(TIDY_SECONDS, self._tidy, stop))
        finally:
            await self._leave()

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        pause = seconds
        while not stop.is_set():
            try:
                await work()
                pause = seconds
            except DATABASE_ERRORS as error:
                pause = max(seconds, min(pause * 2, RETRY_SECONDS_MAX))
                log.warning("webhooks_wait", error=repr(error), seconds=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _take(self) -> None:
        """Leases webhooks, and starts a courier for each."""
        async with acquire(self._shared.pool) as connection:
            held = await webhook_senders.take(
                connection, self._shared.owner, seconds=LEASE_SECONDS, webhooks_max=WEBHOOKS_MAX
            )
        for webhook in [known for known, task in self._tasks.items() if task.done()]:
            self._forget(webhook)
        for webhook in self._couriers.keys() - held.keys():
            self._couriers[webhook].end()
        for webhook, organisation in held.items():
            if webhook not in self._couriers:
                self._start(webhook, organisation)

    def _start(self, webhook: UUID, organisation: UUID) -> None:
        slots = self._of_organisation.setdefault(organisation, asyncio.Semaphore(POSTS_OF_ORGANISATION_MAX))
        courier = Courier(self._shared, webhook, organisation, slots)
        self._couriers[webhook] = courier
        self._tasks[webhook] = asyncio.create_task(courier.run(), name=f"courier-{webhook}")

    def _forget(self, webhook: UUID) -> None:
        """Forgets a courier that has ended; after an error, with an alarm, another one starts."""
        del self._couriers[webhook]
        task = self._tasks.pop(webhook)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("courier_failed", webhook=str(webhook), exc_info=error)

    async def _look(self) -> None:
        """Wakes the couriers of organisations with new lines."""
        async with acquire(self._shared.pool) as connection:
            ends = await feed.read_ends(connection)
            grown = [
                (key, self._ends[key], end)
                for key, end in ends.items()
                if key in self._ends and end > self._ends[key]
            ]
            fresh = ends.keys() - self._ends.keys()
            audiences = await webhook_messages.read_audiences(connection, grown) if grown else set()
        self._ends = ends
        if fresh:
            audiences.add(ALL)
        for courier in self._couriers.values():
            if ALL in audiences or courier.organisation in audiences:
                courier.wake()

    async def _wake_busy(self) -> None:
        async with acquire(self._shared.pool) as connection:
            busy = await webhook_messages.read_busy(connection, self._shared.owner)
        for webhook in busy:
            if webhook in self._couriers:
                self._couriers[webhook].wake()

    async def _tidy(self) -> None:
        """Deletes finished messages after some days."""
        dropped = DROPPED_AT_ONCE
        while dropped == DROPPED_AT_ONCE:
            async with acquire(self._shared.pool) as connection:
                dropped = await webhook_messages.drop_old(
                    connection, days=KEPT_DAYS, rows_max=DROPPED_AT_ONCE
                )

    async def _leave(self) -> None:
        """Waits for posts under way, then releases the leases."""
        for courier in self._couriers.values():
            courier.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=END_SECONDS_MAX)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        with suppress(*DATABASE_ERRORS):
            async with acquire(self._shared.pool) as connection:
                await webhook_senders.release(connection, self._shared.owner)
