"""Procurement policies: publish, publish a further version, retire; read them and each of their versions."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import Meta

from events.connections import Connection
from events.party_events import PolicyPublished
from events.vocabulary import Instant, KeyRole
from market.commands import policies as commands
from market.http.orders.policy_lines import PolicyLines
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, PolicyId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_desk, sees_all
from market.http.wire.receipts import Accepted
from market.http.wire.steps import given
from market.rules.orders.policies import (
    NewPolicy,
    Policy,
    PolicyDetails,
    PublishPolicy,
    RetirePolicy,
    RevisePolicy,
    visible_to,
)
from market.rules.refusing.wording import InitiativeCode, Text
from market.store import party_reads
from market.store import policies as store
from market.store.policies import PolicyVersionRow

TAG: Final = "Procurement policies"
POLICY_WRITERS: Final[frozenset[KeyRole]] = frozenset({"trader", "compliance", "operator"})
VERSION_DIGITS_MAX: Final = 5
EXAMPLE: Final = {
    "title": "Supportive procurement of magnet materials",
    "terms": {
        "certificates_required": ["irma"],
        "recycled_min_percent": "10",
        "portfolio": {"recycled_min_percent": "25", "third_country_max_percent": "65"},
        "strategic_project_eur_per_kg": "1.50",
    },
}


class PolicyDocument(Body, frozen=True, kw_only=True):
    """A version of a policy, complete. `authority`: the name of who adopted it."""

    title: Text
    authority: Text | None = None
    terms: PolicyLines

    def inside(self) -> PolicyDetails:
        return PolicyDetails(title=self.title, authority=self.authority, terms=self.terms.inside())


class NewPolicyDocument(PolicyDocument, frozen=True, kw_only=True):
    """`addressed_to`: the initiatives whose members may see it and post under it; it never changes. Empty for
    a buyer's own policy, which nobody else sees."""

    addressed_to: Annotated[tuple[InitiativeCode, ...], Meta(max_length=32)] = ()


class PolicyView(NewPolicyDocument, frozen=True, kw_only=True):
    """A policy at its newest version. Nothing new is posted under a retired one."""

    id: PolicyId
    organisation: OrganisationId
    version: int
    retired: bool

    @classmethod
    def of(cls, row: Policy) -> Self:
        return cls(
            id=to_text("pol", row.policy),
            organisation=to_text("org", row.organisation),
            version=row.version,
            retired=row.retired,
            title=row.details.title,
            authority=row.details.authority,
            addressed_to=row.addressed_to,
            terms=PolicyLines.outside(row.details.terms),
        )


class PolicyVersionView(PolicyDocument, frozen=True, kw_only=True):
    """A version as it was published; it never changes."""

    id: PolicyId
    version: int
    published_time: Instant

    @classmethod
    def of(cls, policy: Policy, row: PolicyVersionRow) -> Self:
        return cls(
            id=to_text("pol", policy.policy),
            version=row.version,
            published_time=row.published_time,
            title=row.details.title,
            authority=row.details.authority,
            terms=PolicyLines.outside(row.details.terms),
        )


class PolicyAccepted(Accepted, frozen=True, kw_only=True):
    """`version` is that of the document; `id` is null after a dry run of the first."""

    id: PolicyId | None
    version: int | None = None


@endpoint(
    "POST",
    "/v1/policies",
    roles=POLICY_WRITERS,
    summary="Publish a procurement policy",
    tag=TAG,
    body=NewPolicyDocument,
    query=DryRun,
    answer=PolicyAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="One's own, or by an operator that of an authority, addressed to initiatives.",
    example=EXAMPLE,
)
async def publish(call: Call[NewPolicyDocument, DryRun]) -> Answer:
    body = call.body
    argument = PublishPolicy(
        caller=call.caller,
        policy=call.door.desk.new_id(),
        details=NewPolicy(
            title=body.title,
            authority=body.authority,
            addressed_to=body.addressed_to,
            terms=body.terms.inside(),
        ),
    )
    outcome = await given(call, commands.publish, argument)
    fact = outcome.fact(PolicyPublished)
    found = outcome.made("pol", fact.policy)
    return outcome.answer(
        PolicyAccepted(id=found, version=1, **outcome.accepted()), version=1, location=f"/v1/policies/{found}"
    )


@endpoint(
    "GET",
    "/v1/policies",
    roles=READERS,
    summary="List procurement policies",
    tag=TAG,
    query=PageQuery,
    answer=Listing[PolicyView],
    description="One's own and those addressed to initiatives that one takes part in, newest first, retired "
    "ones too; operators and auditors see all.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_desk(call) as connection:
        page = await store.list_policies(
            connection,
            None if sees_all(call.caller) else call.caller.organisation,
            sorted(await _initiatives(call, connection)),
            after=lists.after(call, UUID),
            limit=lists.limit(call),
        )
    return lists.answer(call, page, key=lambda row: row.policy, view=PolicyView.of)


async def _initiatives(call: Call[Any, Any], connection: Connection) -> frozenset[str]:
    """Those that the caller's organisation takes part in."""
    organisation = await party_reads.load_organisation(connection, call.caller.organisation)
    return frozenset() if organisation is None else frozenset(organisation.initiatives)


async def _load(call: Call[Any, Any], connection: Connection) -> Policy:
    """The policy of the path. DoorError `not_found` for one that the caller may not see."""
    policy = (await store.load_policies(connection, [call.ids["policy"]])).get(call.ids["policy"])
    if policy is None:
        raise not_found()
    initiatives = await _initiatives(call, connection)
    if not sees_all(call.caller) and not visible_to(policy, call.caller.organisation, initiatives):
        raise not_found()
    return policy


@endpoint(
    "GET",
    "/v1/policies/{policy}",
    roles=READERS,
    summary="Read a procurement policy",
    tag=TAG,
    answer=PolicyView,
    etagged=True,
    description="At its newest version: the one that new requirements name.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    async with as_desk(call) as connection:
        policy = await _load(call, connection)
    return Answer(body=PolicyView.of(policy), version=policy.row_version)


@endpoint(
    "GET",
    "/v1/policies/{policy}/versions/{version}",
    roles=READERS,
    summary="Read a version of a procurement policy",
    tag=TAG,
    answer=PolicyVersionView,
    description="As it was published. What was posted under it stays so.",
)
async def read_version(call: Call[Nothing, Nothing]) -> Answer:
    text = call.text_parameter["version"]
    if not (text.isascii() and text.isdecimal() and len(text) <= VERSION_DIGITS_MAX):
        raise not_found()
    async with as_desk(call) as connection:
        policy = await _load(call, connection)
        row = await store.load_version(connection, policy.policy, int(text))
    if row is None:
        raise not_found()
    return Answer(body=PolicyVersionView.of(policy, row))


@endpoint(
    "POST",
    "/v1/policies/{policy}/versions",
    roles=POLICY_WRITERS,
    summary="Publish a further version of a procurement policy",
    tag=TAG,
    body=PolicyDocument,
    query=DryRun,
    answer=PolicyAccepted,
    status=201,
    located=True,
    idempotent=True,
    versioned=True,
    description="Whole. What was posted under an earlier version stays so until it is amended to name this.",
    example=EXAMPLE,
)
async def revise(call: Call[PolicyDocument, DryRun]) -> Answer:
    argument = RevisePolicy(
        caller=call.caller,
        policy=call.ids["policy"],
        expected_version=call.expected_version,
        details=call.body.inside(),
    )
    outcome = await given(call, commands.revise, argument)
    version = outcome.fact(PolicyPublished).version
    found = to_text("pol", call.ids["policy"])
    return outcome.answer(
        PolicyAccepted(id=found, version=version, **outcome.accepted()),
        version=version,
        location=f"/v1/policies/{found}/versions/{version}",
    )


@endpoint(
    "DELETE",
    "/v1/policies/{policy}",
    roles=POLICY_WRITERS,
    summary="Retire a procurement policy",
    tag=TAG,
    query=DryRun,
    answer=PolicyAccepted,
    versioned=True,
    description="Nothing new is posted under it; what was stays so. A retired policy stays readable.",
)
async def retire(call: Call[Nothing, DryRun]) -> Answer:
    argument = RetirePolicy(
        caller=call.caller, policy=call.ids["policy"], expected_version=call.expected_version
    )
    outcome = await given(call, commands.retire, argument)
    found = to_text("pol", call.ids["policy"])
    return outcome.answer(
        PolicyAccepted(id=found, version=call.expected_version, **outcome.accepted()),
        version=call.expected_version + 1,
    )


HANDLERS: Final = (publish, index, read, read_version, revise, retire)
