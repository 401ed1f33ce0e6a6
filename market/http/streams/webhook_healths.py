"""Health of an organisation's webhooks, for operators who are asked why nothing arrives."""

from typing import Final, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from events.vocabulary import Instant
from market.http.streams.webhook_messages import Attempt
from market.http.streams.webhooks import TAG
from market.http.wire import lists
from market.http.wire.access import OPERATORS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, WebhookId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller
from market.rules.webhook_terms import Webhook
from market.store import party_reads, webhook_messages, webhooks
from market.store import webhook_senders as senders
from market.store.reading import reading
from market.store.webhook_messages import Try
from market.store.webhook_senders import Health

LOOKED_AT_MAX: Final = 5
"""Of its newest messages, beside all that wait: the newest of all may not have been tried yet."""


class WebhookHealthView(Body, frozen=True, kw_only=True):
    """As its owner reads it, except for the URL, of which only the `host` is shown. `failures`: consecutive
    ones since `failing_since`; `last_attempt`: at a waiting or one of the newest messages."""

    id: WebhookId
    organisation: OrganisationId
    host: str
    active: bool
    disabled: Literal["failing", "gone"] | None
    failures: int
    failing_since: Instant | None
    pause_seconds: int
    waiting: int
    redelivering: bool
    last_attempt: Attempt | None
    registered_at: Instant

    @classmethod
    def of(cls, webhook: Webhook, state: Health, waiting: int, last: Try | None) -> Self:
        return cls(
            id=to_text("hook", webhook.webhook),
            organisation=to_text("org", webhook.organisation),
            host=urlsplit(webhook.terms.url).hostname or "",
            active=webhook.active,
            disabled=webhook.disabled,
            failures=state.failures,
            failing_since=state.failing_since,
            pause_seconds=int(state.pause_seconds),
            waiting=waiting,
            redelivering=state.redelivering,
            last_attempt=None if last is None else Attempt.of(last),
            registered_at=webhook.registered_at,
        )


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/webhooks",
    roles=OPERATORS,
    summary="List how it goes with an organisation's webhooks",
    tag=TAG,
    query=PageQuery,
    answer=Listing[WebhookHealthView],
    description="What its owner reads of their health, and why the newest post failed: no secret, and of "
    "the address the host alone.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    organisation = call.ids["organisation"]
    async with as_caller(call) as connection:
        if await party_reads.load_organisation(connection, organisation) is None:
            raise not_found()
    found: list[WebhookHealthView] = []
    # Reads as the organisation itself, so that only its own data can be shown.
    async with reading(call.door.reader, organisation=organisation, role="tenant") as connection:
        page = await webhooks.list_webhooks(
            connection, organisation, after=lists.after(call, UUID), limit=lists.limit(call)
        )
        for each in page.items:
            state = await senders.health(connection, each.webhook)
            waiting = await webhook_messages.count_waiting(connection, each.webhook)
            last = await webhook_messages.last_try(connection, each.webhook, newest=LOOKED_AT_MAX)
            found.append(WebhookHealthView.of(each, state, waiting, last))
    healths = {health.id: health for health in found}
    return lists.answer(
        call,
        page,
        key=lambda webhook: webhook.webhook,
        view=lambda webhook: healths[to_text("hook", webhook.webhook)],
    )


HANDLERS: Final = (index,)
