"""Webhooks of an organisation: register (secrets are shown once), read, change, rotate secrets, remove."""

from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from events.party_events import WebhookRegistered, WebhookSecretRotated
from events.refusal import refuse
from events.vocabulary import Instant
from market.commands import webhooks as commands
from market.http.wire import lists
from market.http.wire.access import ADMINS, READS_ONLY
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import MarketId, OrganisationId, WebhookId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.numbers import END
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted, Done, Warned, secret_shown_before, warned
from market.http.wire.steps import given
from market.lookups import forbidden
from market.rules.refusing.party_refusals import AddressForbidden
from market.rules.refusing.wording import Code
from market.rules.streams.reach import Unusable, target_of
from market.rules.streams.webhook_signing import derive
from market.rules.streams.webhooks import (
    OVERLAP_HOURS_MAX,
    ChangeWebhook,
    RegisterWebhook,
    RemoveWebhook,
    RotateWebhook,
    address_cautions,
)
from market.rules.webhook_terms import MARKETS_MAX, TYPES_MAX, Webhook, WebhookTerms
from market.store import webhooks as store

TAG: Final = "Webhooks"
PATH: Final = "/v1/webhooks"
HOOK_READERS: Final = ADMINS | READS_ONLY
LOOKUP_SECONDS_MAX: Final = 2.0
LOST: Final = "If it was lost on the way, rotate the webhook's secrets under another Idempotency-Key."
REMOVED: Final = Warned(
    code="removed_since",
    detail="The webhook that this key registered was removed since, and nothing is posted: register it under "
    "another Idempotency-Key.",
    pointer="",
)
EXAMPLE: Final = {"url": "https://partner.example/lodestone", "types": ["partner.match.struck.v1"]}

Url = Annotated[
    str,
    Meta(
        pattern=rf"^https?://[!-~]+{END}",
        max_length=1_000,
        description="Where to post: https, a public address, no credentials. The record keeps it: no secret "
        "behind its question mark.",
        examples=["https://partner.example/lodestone"],
    ),
]
Types = Annotated[
    tuple[Code, ...], Meta(max_length=TYPES_MAX, description="Types of the feed; none: all of them.")
]
Markets = Annotated[
    tuple[MarketId, ...],
    Meta(max_length=MARKETS_MAX, description="Events of these markets only; none: everything."),
]


class WebhookBody(Body, frozen=True, kw_only=True):
    """What the organisation may see from now on is posted to `url`, one event per request."""

    url: Url
    types: Types = ()
    markets: Markets = ()

    def terms(self) -> WebhookTerms:
        return WebhookTerms(
            url=self.url, types=self.types, markets=tuple(to_uuid(market) for market in self.markets)
        )


class WebhookPatch(Body, frozen=True, kw_only=True):
    """Absent members stay. A webhook that is not `active` pauses, and later continues where it stopped."""

    url: Url | UnsetType = UNSET
    types: Types | UnsetType = UNSET
    markets: Markets | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class Rotation(Body, frozen=True, kw_only=True):
    """How long the old secrets still sign in addition to the new ones; 0 if they are compromised."""

    overlap_hours: Annotated[int, Meta(ge=0, le=OVERLAP_HOURS_MAX)] = 24


class WebhookView(Body, frozen=True, kw_only=True):
    """`disabled`: why it was paused automatically; `active: true` starts it again. `public_key` verifies
    signatures `v1a`; `previous_until`: until then the previous secrets sign too."""

    id: WebhookId
    organisation: OrganisationId
    url: str
    types: tuple[str, ...]
    markets: tuple[MarketId, ...]
    active: bool
    disabled: Literal["failing", "gone"] | None
    public_key: str
    previous_until: Instant | None
    registered_at: Instant
    version: int

    @classmethod
    def of(cls, webhook: Webhook, key: bytes) -> Self:
        return cls(
            id=to_text("hook", webhook.webhook),
            organisation=to_text("org", webhook.organisation),
            url=webhook.terms.url,
            types=webhook.terms.types,
            markets=tuple(to_text("mkt", market) for market in webhook.terms.markets),
            active=webhook.active,
            disabled=webhook.disabled,
            public_key=derive(key, webhook.webhook, webhook.generation).public_text,
            previous_until=webhook.previous_until,
            registered_at=webhook.registered_at,
            version=webhook.version,
        )


class WebhookAccepted(Accepted, frozen=True, kw_only=True):
    """`secret` is only in the first answer: it is null after a dry run, and after a replay, with the warning
    `secret_shown_before`. `public_key` is the current one. If the webhook was removed since, a replay has the
    warning `removed_since`, no key and no Location."""

    id: WebhookId | None
    secret: str | None = None
    public_key: str | None = None


@endpoint(
    "POST",
    PATH,
    roles=ADMINS,
    summary="Register a webhook",
    tag=TAG,
    body=WebhookBody,
    query=DryRun,
    answer=WebhookAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="Signed by Standard Webhooks 1.0: `v1` with `secret`, `v1a` for `public_key`.",
    example=EXAMPLE,
)
async def register(call: Call[WebhookBody, DryRun]) -> Answer:
    await _check_name(call, call.body.url)
    webhook = call.door.new_id()
    outcome = await given(
        call,
        commands.register,
        RegisterWebhook(
            caller=call.caller,
            organisation=call.caller.organisation,
            webhook=webhook,
            terms=call.body.terms(),
            reach=call.door.reach,
        ),
    )
    if outcome.validated_only:
        warnings = warned(address_cautions(call.body.terms()))
        body = WebhookAccepted(id=None, warnings=warnings, **outcome.accepted())
        return outcome.answer(body)
    registered = outcome.fact(WebhookRegistered).webhook
    generation = 1 if not outcome.replayed else await _generation_now(call, registered)
    told = warned(address_cautions(call.body.terms()))
    return outcome.answer(
        _shown(call, outcome, registered, generation, told),
        location="" if generation is None else f"{PATH}/{to_text('hook', registered)}",
    )


@endpoint(
    "GET",
    PATH,
    roles=HOOK_READERS,
    summary="List webhooks",
    tag=TAG,
    query=PageQuery,
    answer=Listing[WebhookView],
    description="One's own, without their secrets.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_caller(call) as connection:
        page = await store.list_webhooks(
            connection, call.caller.organisation, after=lists.after(call, UUID), limit=lists.limit(call)
        )
    return lists.answer(
        call,
        page,
        key=lambda webhook: webhook.webhook,
        view=lambda webhook: WebhookView.of(webhook, call.door.webhook_key),
    )


@endpoint(
    "GET",
    PATH + "/{webhook}",
    roles=HOOK_READERS,
    summary="Read a webhook",
    tag=TAG,
    answer=WebhookView,
    etagged=True,
    description="Without its secret. `disabled` says why it rests although nobody let it.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    webhook = await load(call)
    return Answer(body=WebhookView.of(webhook, call.door.webhook_key), version=webhook.version)


@endpoint(
    "PATCH",
    PATH + "/{webhook}",
    roles=ADMINS,
    summary="Change a webhook, let it rest, or start it again",
    tag=TAG,
    body=WebhookPatch,
    query=DryRun,
    answer=WebhookAccepted,
    versioned=True,
    description="What waits is tried at once after a change.",
    example={"active": True},
)
async def change(call: Call[WebhookPatch, DryRun]) -> Answer:
    webhook = await load(call)
    patch, terms = call.body, webhook.terms
    if patch.url is not UNSET:
        await _check_name(call, patch.url)
    changed = WebhookTerms(
        url=terms.url if patch.url is UNSET else patch.url,
        types=terms.types if patch.types is UNSET else patch.types,
        markets=terms.markets if patch.markets is UNSET else tuple(map(to_uuid, patch.markets)),
    )
    outcome = await given(
        call,
        commands.change,
        ChangeWebhook(
            caller=call.caller,
            organisation=webhook.organisation,
            webhook=webhook.webhook,
            expected_version=call.expected_version,
            terms=changed,
            active=webhook.active if patch.active is UNSET else patch.active,
            reach=call.door.reach,
        ),
    )
    version = None if outcome.validated_only else call.expected_version + 1
    cautions = [] if patch.url is UNSET else address_cautions(changed)
    accepted = {"warnings": warned(cautions), **outcome.accepted()}
    return Answer(body=_accepted(call, webhook, accepted), version=version)


@endpoint(
    "DELETE",
    PATH + "/{webhook}",
    roles=ADMINS,
    summary="Remove a webhook",
    tag=TAG,
    query=DryRun,
    answer=WebhookAccepted,
    description="With its log. Nothing more is posted but what is on its way.",
)
async def remove(call: Call[Nothing, DryRun]) -> Answer:
    webhook = await load(call)
    outcome = await given(
        call,
        commands.remove,
        RemoveWebhook(caller=call.caller, organisation=webhook.organisation, webhook=webhook.webhook),
    )
    return Answer(body=_accepted(call, webhook, outcome.accepted()))


@endpoint(
    "POST",
    PATH + "/{webhook}/secret",
    roles=ADMINS,
    summary="Rotate a webhook's secrets",
    tag=TAG,
    body=Rotation,
    query=DryRun,
    answer=WebhookAccepted,
    idempotent=True,
    description="Both the shared secret and the pair of keys.",
    example={"overlap_hours": 24},
)
async def rotate(call: Call[Rotation, DryRun]) -> Answer:
    webhook = await load(call)
    outcome = await given(
        call,
        commands.rotate,
        RotateWebhook(
            caller=call.caller,
            organisation=webhook.organisation,
            webhook=webhook.webhook,
            overlap_hours=call.body.overlap_hours,
        ),
    )
    if outcome.validated_only:
        return Answer(body=_accepted(call, webhook, outcome.accepted()))
    generation = webhook.generation if outcome.replayed else outcome.fact(WebhookSecretRotated).generation
    return outcome.answer(_shown(call, outcome, webhook.webhook, generation))


def _shown(
    call: Call[Any, Any], outcome: Done, webhook: UUID, generation: int | None, told: tuple[Warned, ...] = ()
) -> WebhookAccepted:
    """The secret in a first answer; `generation` None: the webhook has been removed since."""
    derived = None if generation is None else derive(call.door.webhook_key, webhook, generation)
    if derived is None:
        told = (REMOVED, *told)
    elif outcome.replayed:
        told = (secret_shown_before(LOST), *told)
    return WebhookAccepted(
        id=to_text("hook", webhook),
        secret=None if derived is None or outcome.replayed else derived.shared_text,
        public_key=None if derived is None else derived.public_text,
        warnings=told,
        **outcome.accepted(),
    )


async def _generation_now(call: Call[Any, Any], webhook: UUID) -> int | None:
    async with as_caller(call) as connection:
        found = await store.load(connection, webhook)
    return None if found is None else found.generation


def _accepted(call: Call[Any, Any], webhook: Webhook, accepted: dict[str, Any]) -> WebhookAccepted:
    key = derive(call.door.webhook_key, webhook.webhook, webhook.generation)
    return WebhookAccepted(id=to_text("hook", webhook.webhook), public_key=key.public_text, **accepted)


async def load(call: Call[Any, Any]) -> Webhook:
    """The webhook of the path. DoorError `not_found` for another's."""
    async with as_caller(call) as connection:
        webhook = await store.load(connection, call.ids["webhook"])
    if webhook is None or webhook.organisation != call.caller.organisation:
        raise not_found()
    return webhook


async def _check_name(call: Call[Any, Any], url: str) -> None:
    """Refusals when the name leads to an address that is forbidden now; every post looks again."""
    try:
        target = target_of(url, call.door.reach)
    except Unusable:
        return
    door = call.door
    if await forbidden(target.host, target.port, door.reach, door.resolve, seconds_max=LOOKUP_SECONDS_MAX):
        refuse([AddressForbidden(pointer="/url", host=target.host)])


HANDLERS: Final = (register, index, read, change, remove, rotate)
