"""The courier of one webhook posts its messages one by one: new lines of the organisation, retries, and
requested redeliveries.

They are in order as long as all goes well. A failed message waits for its retry, and the next one is posted
after the webhook's own pause: so a message that is always refused blocks nothing, and an unreachable receiver
is tried less and less often. While too many messages wait, no further line is taken.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import structlog

from events.callers import Caller
from events.connections import DATABASE_ERRORS, Connection, acquire
from events.decision import LaneKey
from events.faults import crash_point
from events.refusal import Refusal, Refusals
from market.commands import webhooks as commands
from market.damaged_feed import tell
from market.rules.streams.partner_events import encoded, encoded_test
from market.rules.streams.partner_lines import PartnerLine
from market.rules.streams.webhook_retries import (
    ATTEMPTS_MAX,
    has_failed_too_long,
    pause_milliseconds,
)
from market.rules.streams.webhooks import DisableWebhook
from market.rules.webhook_terms import Webhook
from market.store import feed, feed_pages, webhook_messages, webhook_senders, webhooks
from market.store.feed_blocks import BlockDamaged
from market.store.webhook_messages import Message, Posted, State, Try
from market.store.webhook_senders import NotSender
from market.webhook_attempts import Sender, Shared

log = structlog.get_logger("lodestone.webhooks")

LINES_AT_ONCE: Final = 20
HELD: Final = timedelta(milliseconds=250)
"""Outcomes of posts within this time may be stored together; a crash has these posted again."""
WAITING_MAX: Final = 64
AHEAD_POSITIONS_MAX: Final = 1_000
"""How far a place may be ahead of the stored one after lines that the webhook does not want."""
RETRY_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 60.0
GONE: Final = 410


class Courier:
    """Posts to one webhook, while its process holds the lease."""

    def __init__(
        self, shared: Shared, webhook: UUID, organisation: UUID, of_organisation: asyncio.Semaphore
    ) -> None:
        self.organisation = organisation
        self._shared = shared
        self._id = webhook
        self._sender = Sender(shared, webhook, of_organisation)
        self._changed = asyncio.Event()
        self._ending = False
        self._places: dict[LaneKey, int] | None = None
        self._stored: dict[LaneKey, int] = {}
        self._again_next = False
        self._damaged: set[LaneKey] = set()

    def wake(self) -> None:
        self._changed.set()

    def end(self) -> None:
        """Ends after the message that is being posted."""
        self._ending = True
        self.wake()

    async def run(self) -> None:
        """Runs until `end`, or until another process holds the webhook's lease."""
        try:
            while not self._ending:
                self._changed.clear()
                try:
                    pause = await self._next()
                except DATABASE_ERRORS as error:
                    log.warning("webhook_waits", webhook=str(self._id), error=repr(error))
                    # a transaction whose connection broke may have been committed
                    self._places = None
                    pause = RETRY_SECONDS
                if pause > 0 and not self._ending:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), min(pause, IDLE_SECONDS))
        except NotSender:
            log.info("webhook_left", webhook=str(self._id))
        finally:
            await self._sender.close()

    async def _next(self) -> float:
        """Post the next message; returns seconds until there may be more, 0: at once."""
        async with acquire(self._shared.pool) as connection:
            webhook = await webhooks.load(connection, self._id)
            if webhook is None:
                raise NotSender
            state = await webhook_senders.read(connection, self._id, self._shared.owner, webhook.version)
            resting = not webhook.active or state.pause_seconds > 0
            waiting = await webhook_messages.read_waiting(connection, self._id, tests_only=resting)
        is_due = waiting is not None and waiting.due_in_seconds <= 0
        is_full = waiting is not None and waiting.count >= WAITING_MAX
        # After a failure another message is tried, since the reason may be the message itself.
        if waiting is not None and is_due and (resting or is_full or state.failures == 0):
            await self._try_again(webhook, state.failures, waiting.first)
            return 0
        if resting:
            return state.pause_seconds if webhook.active else IDLE_SECONDS
        if not is_full and await self._post_any_lines(webhook, state.failures):
            return 0
        if waiting is not None and is_due:
            await self._try_again(webhook, state.failures, waiting.first)
            return 0
        return IDLE_SECONDS if waiting is None else waiting.due_in_seconds

    async def _post_any_lines(self, webhook: Webhook, failures: int) -> bool:
        """New lines and lines of a redelivered range take turns."""
        self._again_next = not self._again_next
        for again in (self._again_next, not self._again_next):
            if await self._post_lines(webhook, failures, again=again):
                return True
        return False

    async def _post_lines(self, webhook: Webhook, failures: int, *, again: bool) -> bool:
        """Post the next lines, up to one that fails; False when there are none."""
        async with acquire(self._shared.pool) as connection:
            found = await self._read_lines(connection, webhook, again=again)
        if found is None:
            return False
        lines, behind = found
        held: list[Posted] = []
        places: dict[LaneKey, int] = {}
        for line, place in zip(lines, behind, strict=True):
            held.append(await self._post_line(webhook, line))
            places |= place
            is_last = self._ending or line is lines[-1] or held[-1].state != "delivered"
            if is_last or self._shared.clock() - held[0].attempt.at >= HELD:
                if not await self._conclude(webhook, failures, held, places, again=again) or is_last:
                    break
                held, places, failures = [], {}, 0
        return bool(lines)

    async def _read_lines(
        self, connection: Connection, webhook: Webhook, *, again: bool
    ) -> tuple[list[PartnerLine], list[dict[LaneKey, int]]] | None:
        """The next lines and the places behind each of them; None when there are none to look for."""
        if again:
            wanted = await webhook_senders.range_of(connection, self._id)
            if wanted is None:
                return None
            after, upto = dict(wanted.after), wanted.upto
        else:
            if self._places is None:
                self._places = await webhook_senders.places(connection, self._id)
                self._stored = dict(self._places)
            after, upto = self._places, await feed.read_ends(connection)
        terms, damaged = webhook.terms, list[BlockDamaged]()
        lines = await feed_pages.read(
            connection,
            webhook.organisation,
            after=after,
            upto=upto,
            limit=LINES_AT_ONCE,
            types=list(terms.types) or None,
            markets=list(terms.markets) or None,
            damaged=damaged,
        )
        for each in damaged:
            tell(each, known=each.key in self._damaged)
        # A lane with an unreadable block is not passed, and no lane goes back when the feed is rebuilt.
        self._damaged = {each.key for each in damaged}
        upto = {key: end for key, end in upto.items() if key not in self._damaged and end > after.get(key, 0)}
        behind = [{LaneKey(line.stream, line.lane): line.position} for line in lines]
        if len(lines) < LINES_AT_ONCE:
            # All lines that were read are passed, also unwanted ones.
            if behind:
                known = after if again else self._stored
                behind[-1] |= {key: end for key, end in upto.items() if end != known.get(key, 0)}
            else:
                await self._pass(connection, upto, again=again)
        return lines, behind

    async def _pass(self, connection: Connection, upto: feed.Vector, *, again: bool) -> None:
        """No line up to there is wanted; stored only from time to time, since reading it again does no
        harm."""
        if again:
            async with connection.transaction():
                await webhook_senders.hold(connection, self._id, self._shared.owner)
                await webhook_senders.move(connection, self._id, upto, again=True)
            return
        assert self._places is not None
        self._places |= upto
        ahead = sum(position - self._stored.get(key, 0) for key, position in self._places.items())
        if ahead > AHEAD_POSITIONS_MAX:
            async with connection.transaction():
                await webhook_senders.hold(connection, self._id, self._shared.owner)
                await webhook_senders.move(connection, self._id, self._places, again=False)
            self._stored = dict(self._places)

    async def _post_line(self, webhook: Webhook, line: PartnerLine) -> Posted:
        attempt = await self._sender.post(webhook, line.event, line.type, encoded(line))
        state, pause_seconds = self._verdict(attempt, attempts=1)
        return Posted(
            message=self._shared.new_id(),
            line=line,
            attempt=attempt,
            state=state,
            pause_seconds=pause_seconds,
        )

    async def _conclude(
        self,
        webhook: Webhook,
        failures: int,
        posted: Sequence[Posted],
        behind: dict[LaneKey, int],
        *,
        again: bool,
    ) -> bool:
        """Store the outcome of these lines, of which only the last may have failed; returns whether the next
        may follow at once."""
        earlier = len(posted) > 1
        attempt = posted[-1].attempt
        async with self._concluding(webhook, failures, attempt, earlier=earlier) as (connection, go_on):
            await webhook_messages.record_lines(connection, self._id, posted)
            await webhook_senders.move(connection, self._id, behind, again=again)
        if not again:
            assert self._places is not None
            self._places |= behind
            self._stored |= behind
        return go_on

    async def _try_again(self, webhook: Webhook, failures: int, message: Message) -> None:
        """Retry a waiting message; one whose line is no longer stored is given up."""
        try:
            body = await self._body_of(message)
        except BlockDamaged as damaged:
            tell(damaged)
            await self._put_off(message)
            return
        if body is None:
            await self._give_up(message)
            return
        attempt = await self._sender.post(webhook, message.event, message.type, body)
        attempts = ATTEMPTS_MAX if message.is_test else message.attempts + 1
        state, pause_seconds = self._verdict(attempt, attempts)
        async with self._concluding(webhook, failures, attempt, test=message.is_test) as (connection, _):
            await webhook_messages.record_again(connection, message.message, state, attempt, pause_seconds)
        crash_point("webhooks.retried")

    async def _body_of(self, message: Message) -> bytes | None:
        """None: the line is no longer kept. BlockDamaged."""
        if message.is_test:
            return encoded_test(message.event, self._id, message.created_at)
        async with acquire(self._shared.pool) as connection:
            line = await webhook_messages.read_line(connection, message)
        return None if line is None else encoded(line)

    async def _give_up(self, message: Message) -> None:
        gone = Try(at=self._shared.clock(), milliseconds=0, error="the event is no longer kept")
        async with acquire(self._shared.pool) as connection, connection.transaction():
            await webhook_senders.hold(connection, self._id, self._shared.owner)
            await webhook_messages.record_again(connection, message.message, "given_up", gone, 0)

    async def _put_off(self, message: Message) -> None:
        """Postpone a message by the same pause as after its last attempt; it does not count as an attempt."""
        unread = Try(at=self._shared.clock(), milliseconds=0, error="the event cannot be read here now")
        pause_seconds = self._pause_seconds(unread, max(1, message.attempts))
        async with acquire(self._shared.pool) as connection, connection.transaction():
            await webhook_senders.hold(connection, self._id, self._shared.owner)
            await webhook_messages.put_off(connection, message.message, unread, pause_seconds)

    def _verdict(self, attempt: Try, attempts: int) -> tuple[State, float]:
        """The new state of the message, and the seconds until its retry."""
        if attempt.delivered:
            return "delivered", 0.0
        return ("given_up" if attempts >= ATTEMPTS_MAX else "waiting"), self._pause_seconds(attempt, attempts)

    def _pause_seconds(self, attempt: Try, failures: int) -> float:
        pause = pause_milliseconds(failures, secrets.randbits(32), self._shared.schedule_seconds)
        return max(pause / 1_000, attempt.asked_seconds)

    @asynccontextmanager
    async def _concluding(
        self, webhook: Webhook, failures: int, attempt: Try, *, test: bool = False, earlier: bool = False
    ) -> AsyncIterator[tuple[Connection, bool]]:
        """The transaction that stores an attempt's outcome, and `earlier` delivered ones; yields whether the
        next line may follow at once."""
        shared = self._shared
        since = None
        async with acquire(shared.pool) as connection, connection.transaction():
            go_on = False
            if attempt.delivered or earlier:
                version = await webhook_senders.note_success(connection, self._id, shared.owner)
                go_on = attempt.delivered and version == webhook.version
                failures = 0
            if not attempt.delivered and test:
                await webhook_senders.hold(connection, self._id, shared.owner)
            elif not attempt.delivered:
                since = await webhook_senders.note_failure(
                    connection, self._id, shared.owner, self._pause_seconds(attempt, failures + 1)
                )
            yield connection, go_on
        if since is None:
            return
        if attempt.status == GONE:
            await self._disable(webhook, "gone", since)
        elif has_failed_too_long(since, attempt.at):
            await self._disable(webhook, "failing", since)

    async def _disable(self, webhook: Webhook, reason: Literal["failing", "gone"], since: datetime) -> None:
        """The recorded fact is the notice to the organisation: in the feed, on its topic and through other
        webhooks."""
        shared = self._shared
        argument = DisableWebhook(
            caller=Caller(organisation=shared.operator, roles=frozenset({"operator"})),
            organisation=webhook.organisation,
            webhook=self._id,
            version=webhook.version,
            reason=reason,
            since=since,
        )
        try:
            await commands.disable(shared.desk, argument)
        except (Refusal, Refusals) as refused:
            log.info("webhook_not_disabled", webhook=str(self._id), error=str(refused))
        else:
            log.warning("webhook_disabled", webhook=str(self._id), reason=reason)
