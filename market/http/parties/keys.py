"""API keys of an organisation: issue (the token is shown once), list, revoke."""

from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

from msgspec import UNSET, Meta

from events.party_events import ApiKeyIssued
from events.vocabulary import Instant, KeyRole
from market.commands import parties as commands
from market.http.parties.organisations import load as load_organisation
from market.http.wire import lists
from market.http.wire.access import ADMINS, OVERSEERS, READS_ONLY
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.wire.ids import KeyId, OrganisationId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body, utc
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted, Warned, secret_shown_before, warned
from market.http.wire.steps import given
from market.http.wire.tokens import mint, secret_sha256
from market.rules.parties.keys import IssueKey, RevokeKey, late_cautions
from market.rules.parties.parties import ApiKey, KeyDetails
from market.rules.refusing.wording import Name
from market.store import party_reads

TAG: Final = "Organisations"
LOST: Final = "If it was lost on the way, revoke this key and issue another."
KEY_READERS: Final[frozenset[KeyRole]] = ADMINS | OVERSEERS | READS_ONLY
EXAMPLE: Final = {"label": "trading desk", "roles": ["trader"], "expires_at": "2027-01-01T00:00:00Z"}


class KeyTerms(Body, frozen=True, kw_only=True):
    """Two keys with the same label may be valid at once, so that a key can be replaced without
    interruption."""

    label: Name
    roles: Annotated[tuple[KeyRole, ...], Meta(min_length=1, max_length=6)]
    expires_at: Instant


class KeyView(Body, frozen=True, kw_only=True):
    """A key without its secret, of which only a hash is stored.

    `issued_by` is the key that it was issued with, null where it was issued on the command line.
    """

    id: KeyId
    organisation: OrganisationId
    label: str
    roles: tuple[KeyRole, ...]
    expires_at: Instant
    revoked: bool
    version: int
    issued_by: KeyId | None = None

    @classmethod
    def of(cls, row: ApiKey) -> Self:
        issuer = row.details.issued_by
        return cls(
            id=to_text("key", row.key),
            organisation=to_text("org", row.organisation),
            label=row.details.label,
            roles=row.details.roles,
            expires_at=row.details.expires_at,
            revoked=row.revoked,
            version=row.version,
            issued_by=None if issuer is UNSET else to_text("key", issuer),
        )


class KeyAccepted(Accepted, frozen=True, kw_only=True):
    """`token` is only in the first answer: it is null after a dry run, and after a replay, with the warning
    `secret_shown_before`."""

    id: KeyId | None
    token: str | None = None


@endpoint(
    "POST",
    "/v1/organisations/{organisation}/keys",
    roles=ADMINS,
    summary="Issue an API key",
    tag=TAG,
    body=KeyTerms,
    query=DryRun,
    answer=KeyAccepted,
    status=201,
    idempotent=True,
    description=(
        "Operator and auditor keys are issued by operators only. Where two operators have to sign, a key "
        "counts as the one that it was issued with. One that counts for more than two years is warned of."
    ),
    example=EXAMPLE,
)
async def issue(call: Call[KeyTerms, DryRun]) -> Answer:
    door = call.door
    key = door.new_id()
    token = mint(key, door.new_secret())
    outcome = await given(
        call,
        commands.issue_key,
        IssueKey(
            caller=call.caller,
            organisation=call.ids["organisation"],
            key=key,
            details=KeyDetails(
                label=call.body.label,
                secret_sha256=secret_sha256(token),
                roles=call.body.roles,
                expires_at=utc(call.body.expires_at, "/expires_at"),
            ),
        ),
    )
    fact = outcome.fact(ApiKeyIssued)
    shown = fact.key == key and not outcome.validated_only
    return outcome.answer(
        KeyAccepted(
            id=outcome.made("key", fact.key),
            token=token if shown else None,
            warnings=_warnings(fact, door.clock(), replayed=outcome.replayed),
            **outcome.accepted(),
        )
    )


def _warnings(fact: ApiKeyIssued, now: datetime, *, replayed: bool) -> tuple[Warned, ...]:
    lost = (secret_shown_before(LOST),) if replayed else ()
    return (*lost, *warned(late_cautions(fact.expires_at, now)))


@endpoint(
    "GET",
    "/v1/organisations/{organisation}/keys",
    roles=KEY_READERS,
    summary="List API keys",
    tag=TAG,
    query=PageQuery,
    answer=Listing[KeyView],
    description="Without their secrets, revoked ones too.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    await load_organisation(call)
    async with as_caller(call) as connection:
        page = await party_reads.list_keys(
            connection, call.ids["organisation"], after=lists.after(call, UUID), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda row: row.key, view=KeyView.of)


@endpoint(
    "DELETE",
    "/v1/organisations/{organisation}/keys/{key}",
    roles=ADMINS,
    summary="Revoke an API key",
    tag=TAG,
    query=DryRun,
    answer=KeyAccepted,
    description="This process refuses it at once, others within a minute. A request that was let in before "
    "is carried out.",
)
async def revoke(call: Call[Nothing, DryRun]) -> Answer:
    outcome = await given(
        call,
        commands.revoke_key,
        RevokeKey(caller=call.caller, organisation=call.ids["organisation"], key=call.ids["key"]),
    )
    if not outcome.validated_only:
        call.door.keys.forget(call.ids["key"])
    return Answer(body=KeyAccepted(id=to_text("key", call.ids["key"]), **outcome.accepted()))


HANDLERS: Final = (issue, index, revoke)
