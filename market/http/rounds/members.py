"""Members of a market: admit and suspend (operators), leave (a member itself), read (operators and auditors
all, others themselves)."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from msgspec import Meta

from events.market_events import MemberAdmitted
from events.vocabulary import Instant, PartyRole
from market.commands import leaving
from market.commands import members as commands
from market.http.rounds.markets import load as load_market
from market.http.wire import lists, screening_warnings
from market.http.wire.access import OPERATORS, OWN_ADMINS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.open_money import open_money
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, own
from market.http.wire.receipts import Accepted, Result, Warned, done
from market.rules.refusing.wording import Text
from market.store import members as store
from market.store.members import MemberRow

TAG: Final = "Markets"


class Admission(Body, frozen=True, kw_only=True):
    organisation: OrganisationId


class Suspension(Body, frozen=True, kw_only=True):
    """A suspended member cannot post and is not matched; it may still withdraw orders."""

    reason: Annotated[Text, Meta(examples=["sanctions screening expired"])]


class LeavingQuery(DryRun, frozen=True, kw_only=True):
    withdraw_orders: Annotated[
        bool, Meta(description="Withdraw open orders, 500 at most, in the same step; asks for a trader too.")
    ] = False


class MemberView(Body, frozen=True, kw_only=True):
    """The market's own copy of an organisation, from which eligibility and pricing read. While it is
    suspended, since when and why. One that has left, at `left_at`, counts as suspended.
    """

    organisation: OrganisationId
    name: str
    country: str
    roles: tuple[PartyRole, ...]
    initiatives: tuple[str, ...]
    suspended: bool
    suspended_since: Instant | None
    suspended_reason: str | None
    left_at: Instant | None
    facilities: int
    certificates: int
    licences: int
    version: int

    @classmethod
    def of(cls, row: MemberRow) -> Self:
        member = row.member
        return cls(
            organisation=to_text("org", member.organisation),
            name=member.name,
            country=member.country,
            roles=member.roles,
            initiatives=member.initiatives,
            suspended=row.suspended,
            suspended_since=row.suspended_time,
            suspended_reason=row.suspended_reason,
            left_at=row.left_time,
            facilities=len(member.facilities),
            certificates=len(member.certificates),
            licences=len(member.licences),
            version=row.version,
        )


class MembershipAccepted(Accepted, frozen=True, kw_only=True):
    organisation: OrganisationId


@endpoint(
    "POST",
    "/v1/markets/{market}/members",
    roles=OPERATORS,
    summary="Admit an organisation",
    tag=TAG,
    body=Admission,
    query=DryRun,
    answer=MembershipAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="From then on it may post and be matched; so is one admitted again that was suspended or "
    "had left.",
    example={"organisation": "org_0199b3c2d4e57f60a1b2c3d4e5f60718"},
)
async def admit(call: Call[Admission, DryRun]) -> Answer:
    result = await commands.admit(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        organisation=to_uuid(call.body.organisation),
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    warnings = screening_warnings.of_member(outcome.fact(MemberAdmitted).member, call.door.clock())
    market = f"/v1/markets/{to_text('mkt', call.ids['market'])}"
    return outcome.answer(
        MembershipAccepted(organisation=call.body.organisation, warnings=warnings, **outcome.accepted()),
        location=f"{market}/members/{call.body.organisation}",
    )


@endpoint(
    "POST",
    "/v1/markets/{market}/members/{organisation}/suspend",
    roles=OPERATORS,
    summary="Suspend a member",
    tag=TAG,
    body=Suspension,
    query=DryRun,
    answer=MembershipAccepted,
    idempotent=True,
    description="Its orders stay in the book, but meet nobody until it is admitted again. It may still "
    "withdraw them.",
    example={"reason": "sanctions screening expired"},
)
async def suspend(call: Call[Suspension, DryRun]) -> Answer:
    result = await commands.suspend(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        organisation=call.ids["organisation"],
        reason=call.body.reason,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    found = to_text("org", call.ids["organisation"])
    return outcome.answer(MembershipAccepted(organisation=found, **outcome.accepted()))


@endpoint(
    "GET",
    "/v1/markets/{market}/members",
    roles=READERS,
    summary="List members",
    tag=TAG,
    query=PageQuery,
    answer=Listing[MemberView],
    description="Operators and auditors see all, everybody else their own membership.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    await load_market(call)
    async with as_caller(call) as connection:
        page = await store.list_members(
            connection, call.ids["market"], after=lists.after(call, UUID), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda row: row.member.organisation, view=MemberView.of)


@endpoint(
    "GET",
    "/v1/markets/{market}/members/{organisation}",
    roles=READERS,
    summary="Read a membership",
    tag=TAG,
    answer=MemberView,
    etagged=True,
    description="One's own; operators and auditors read every one. It is the market's own copy of the "
    "organisation.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    organisation = call.ids["organisation"]
    if own(call.caller) not in (None, organisation):
        raise not_found()
    async with as_caller(call) as connection:
        row = await store.load_member(connection, call.ids["market"], organisation)
    if row is None:
        raise not_found()
    return Answer(body=MemberView.of(row), version=row.version)


@endpoint(
    "DELETE",
    "/v1/markets/{market}/members/{organisation}",
    roles=OWN_ADMINS,
    summary="Leave a market",
    tag=TAG,
    query=LeavingQuery,
    answer=MembershipAccepted,
    description="One's own membership. Refused while anything is open there, all of it named: orders, "
    "matches that wait for answers, agreements that bind or have the own binding signature on the table. "
    "Invoices that are not settled there, and payments that wait for their payee's word, are warned of. The "
    "operator may admit it again.",
)
async def leave(call: Call[Nothing, LeavingQuery]) -> Answer:
    result = await leaving.leave(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        organisation=call.ids["organisation"],
        withdraw_orders=call.query.withdraw_orders,
        dry_run=call.query.validate_only,
    )
    warnings = await open_money(call, call.ids["organisation"], call.ids["market"])
    return _left(call, result, warnings)


def _left(call: Call[Any, Any], result: Result, warnings: tuple[Warned, ...]) -> Answer:
    found = to_text("org", call.ids["organisation"])
    accepted = done(call, result).accepted()
    return Answer(body=MembershipAccepted(organisation=found, warnings=warnings, **accepted))


HANDLERS: Final = (admit, index, read, suspend, leave)
