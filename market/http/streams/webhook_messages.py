"""Messages to a webhook and their outcomes; tests and redeliveries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self
from uuid import UUID

from msgspec import Struct, field

from events.connections import Connection
from events.vocabulary import Instant
from market.http.streams.feed_cursors import GivenCursor, opened
from market.http.streams.webhooks import HOOK_READERS, PATH, TAG, load
from market.http.wire import lists
from market.http.wire.access import ADMINS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import MessageId, WebhookId, to_text
from market.http.wire.material import Body, utc
from market.http.wire.paging import LIMIT_DEFAULT, CursorText, Limit, Listing
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_caller
from market.rules.streams.partner_lines import ROUND_TYPES
from market.store import feed
from market.store import webhook_messages as store
from market.store import webhook_senders as senders
from market.store.feed import Vector
from market.store.webhook_messages import Message, State, Try
from market.store.webhook_senders import Range

TESTS_PAUSE_SECONDS: Final = 5


class Attempt(Body, frozen=True, kw_only=True):
    """A post that ended at `at`: the answered status, and why it failed, if it did."""

    at: Instant
    milliseconds: int
    status: int | None
    error: str | None

    @classmethod
    def of(cls, attempt: Try) -> Self:
        return cls(
            at=attempt.at,
            milliseconds=attempt.milliseconds,
            status=attempt.status,
            error=attempt.error,
        )


class MessageView(Body, frozen=True, kw_only=True):
    """`webhook_id` is the header `webhook-id`: the event's id, the same in every attempt. `attempts` are the
    newest ones, oldest first; `next_attempt_at` is set while it waits."""

    id: MessageId
    webhook: WebhookId
    webhook_id: UUID
    type: str
    state: State
    attempts: tuple[Attempt, ...]
    next_attempt_at: Instant | None
    created_at: Instant
    changed_at: Instant

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(
            id=to_text("msg", message.message),
            webhook=to_text("hook", message.webhook),
            webhook_id=message.event,
            type=message.type,
            state=message.state,
            attempts=tuple(map(Attempt.of, message.tries)),
            next_attempt_at=message.not_before if message.state == "waiting" else None,
            created_at=message.created_at,
            changed_at=message.changed_at,
        )


class MessageQuery(Struct, frozen=True, kw_only=True):
    """Query of the log."""

    state: State | None = None
    limit: Limit = LIMIT_DEFAULT
    cursor: CursorText | None = None


class HealthView(Body, frozen=True, kw_only=True):
    """`failures`: consecutive ones since `failing_since`; `waiting`: number of messages; `redelivering`:
    whether a range is being redelivered."""

    failures: int
    failing_since: Instant | None
    pause_seconds: int
    waiting: int
    redelivering: bool


class Redelivery(Body, frozen=True, kw_only=True):
    """What is redelivered: after the cursor `after` or from the time `from` on, up to the cursor `until`, or
    before the time `to`, or up to now."""

    after: GivenCursor | None = None
    until: GivenCursor | None = None
    from_: Instant | None = field(name="from", default=None)
    to: Instant | None = None

    def __post_init__(self) -> None:
        if (self.after is None) == (self.from_ is None):
            raise ValueError("a range begins with either after or from")
        if self.until is not None and self.to is not None:
            raise ValueError("a range ends with either until or to")


class Redelivering(Body, frozen=True, kw_only=True):
    webhook: WebhookId
    redelivering: bool


@endpoint(
    "GET",
    PATH + "/{webhook}/health",
    roles=HOOK_READERS,
    summary="Read how it goes with a webhook",
    tag=TAG,
    answer=HealthView,
    description="How often it failed in a row and since when, and how many messages wait.",
)
async def health(call: Call[Nothing, Nothing]) -> Answer:
    webhook = (await load(call)).webhook
    async with as_caller(call) as connection:
        state = await senders.health(connection, webhook)
        waiting = await store.count_waiting(connection, webhook)
    return Answer(
        body=HealthView(
            failures=state.failures,
            failing_since=state.failing_since,
            pause_seconds=int(state.pause_seconds),
            waiting=waiting,
            redelivering=state.redelivering,
        )
    )


@endpoint(
    "POST",
    PATH + "/{webhook}/test",
    roles=ADMINS,
    summary="Post a test event to a webhook",
    tag=TAG,
    answer=MessageView,
    status=202,
    description="Once, within seconds, also while it rests; its log tells what came of it.",
)
async def post_test(call: Call[Nothing, Nothing]) -> Answer:
    webhook = (await load(call)).webhook
    async with _changing(call) as connection:
        message = await store.insert_test(connection, call.door.new_id(), webhook, call.door.new_id())
    if message is None:
        raise DoorError(
            "too_many_requests",
            f"{store.TESTS_WAITING_MAX} tests of this webhook wait already.",
            headers={"Retry-After": str(TESTS_PAUSE_SECONDS)},
        )
    return Answer(body=MessageView.of(message))


@endpoint(
    "GET",
    PATH + "/{webhook}/messages",
    roles=HOOK_READERS,
    summary="List what was posted to a webhook",
    tag=TAG,
    query=MessageQuery,
    answer=Listing[MessageView],
    description="The newest first; what is done is kept for 14 days.",
)
async def index(call: Call[Nothing, MessageQuery]) -> Answer:
    webhook = (await load(call)).webhook
    async with as_caller(call) as connection:
        page = await store.list_messages(
            connection,
            webhook,
            state=call.query.state,
            after=lists.after(call, UUID),
            limit=lists.limit(call),
        )
    return lists.answer(call, page, key=lambda message: message.message, view=MessageView.of)


@endpoint(
    "GET",
    PATH + "/{webhook}/messages/{message}",
    roles=HOOK_READERS,
    summary="Read what came of a message",
    tag=TAG,
    answer=MessageView,
    description="Its state, and its newest attempts with what the receiver answered.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    webhook = (await load(call)).webhook
    async with as_caller(call) as connection:
        message = await store.load(connection, webhook, call.ids["message"])
    if message is None:
        raise not_found()
    return Answer(body=MessageView.of(message))


@endpoint(
    "POST",
    PATH + "/{webhook}/messages/{message}/redeliver",
    roles=ADMINS,
    summary="Post a message once more",
    tag=TAG,
    answer=MessageView,
    status=202,
    description="With the same `webhook-id`, whatever came of it.",
)
async def redeliver(call: Call[Nothing, Nothing]) -> Answer:
    webhook = (await load(call)).webhook
    async with _changing(call) as connection:
        message = await store.redeliver(connection, webhook, call.ids["message"])
    if message is None:
        raise not_found()
    return Answer(body=MessageView.of(message))


@endpoint(
    "POST",
    PATH + "/{webhook}/redeliver",
    roles=ADMINS,
    summary="Post a range once more",
    tag=TAG,
    body=Redelivery,
    answer=Redelivering,
    status=202,
    description="In order, between what comes; of a webhook one range at a time. Also of before it was "
    "registered.",
    example={"from": "2027-01-01T00:00:00Z", "to": "2027-01-02T00:00:00Z"},
)
async def redeliver_range(call: Call[Redelivery, Nothing]) -> Answer:
    webhook = (await load(call)).webhook
    async with _changing(call) as connection:
        wanted = await _range(call, connection)
        if not await senders.add_range(connection, webhook, wanted):
            raise DoorError("redelivery_running", "A range of this webhook is being posted once more.")
    return Answer(body=Redelivering(webhook=to_text("hook", webhook), redelivering=True))


async def _range(call: Call[Redelivery, Any], connection: Connection) -> Range:
    organisation, body = call.caller.organisation, call.body
    ends = await feed.read_ends(connection)
    after: Vector = {}
    if body.after is not None:
        after = opened(call, body.after).positions
    elif body.from_ is not None:
        after = await feed.read_before(connection, organisation, ends, utc(body.from_), passing=ROUND_TYPES)
    upto = ends
    if body.until is not None:
        wished = opened(call, body.until).positions
        upto = {key: min(end, wished.get(key, 0)) for key, end in ends.items()}
    elif body.to is not None:
        upto = await feed.read_before(connection, organisation, ends, utc(body.to))
    return Range(after=after, upto=upto)


@asynccontextmanager
async def _changing(call: Call[Any, Any]) -> AsyncIterator[Connection]:
    """A transaction that holds the webhook's sender. DoorError `not_found` when it was removed meanwhile."""
    async with call.door.desk.looking() as connection, connection.transaction():
        await senders.start(connection)
        if not await senders.lock(connection, call.ids["webhook"]):
            raise not_found()
        yield connection


HANDLERS: Final = (health, post_test, index, read, redeliver, redeliver_range)
