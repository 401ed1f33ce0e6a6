"""Partners of initiatives: listed, invited and removed by the coordinator; they accept and leave
themselves."""

from typing import Any, Final, Self, TypeVar
from uuid import UUID

from events.vocabulary import FacilityScale, FacilityStage, FacilityStatus, KeyRole, PartyRole
from market.commands import partners as commands
from market.commands.partners import OfPartner
from market.http.parties.initiatives import TAG, code_of, load
from market.http.parties.organisations import load as load_organisation
from market.http.wire import lists
from market.http.wire.access import COMPLIANCE, OVERSEERS, OWN_ADMINS, READERS, READS_ONLY
from market.http.wire.countries import CountryCode
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, as_desk, sees_all
from market.http.wire.receipts import Accepted
from market.http.wire.steps import Step, given
from market.rules.orders.initiatives import Initiative
from market.rules.parties.parties import Facility
from market.rules.parties.partners import (
    AnswerInvitation,
    InvitePartner,
    LeaveInitiative,
    RemovePartner,
    WithdrawInvitation,
    coordinates,
)
from market.rules.refusing.wording import InitiativeCode
from market.store import partners as store
from market.store.partners import Invitation, Partner

MEMBERS: Final = "/v1/initiatives/{initiative}/members"
INVITED: Final = "/v1/initiatives/{initiative}/invitations"
INVITATIONS: Final = "/v1/organisations/{organisation}/invitations"
LEAD_READERS: Final[frozenset[KeyRole]] = COMPLIANCE | OVERSEERS | READS_ONLY


class SiteView(Body, frozen=True, kw_only=True):
    """A facility as it is registered, without what it can make."""

    name: str
    country: CountryCode
    place: str
    stages: tuple[FacilityStage, ...]
    scale: FacilityScale
    status: FacilityStatus | None
    strategic_project: str | None

    @classmethod
    def of(cls, row: Facility) -> Self:
        details = row.details
        return cls(
            name=details.name,
            country=details.country,
            place=details.place,
            stages=details.stages,
            scale=details.scale,
            status=details.status,
            strategic_project=details.strategic_project,
        )


class PartnerView(Body, frozen=True, kw_only=True):
    """A partner and its place in the value chain; nothing about orders, prices and masses."""

    organisation: OrganisationId
    name: str
    country: CountryCode
    roles: tuple[PartyRole, ...]
    facilities: tuple[SiteView, ...]

    @classmethod
    def of(cls, row: Partner) -> Self:
        return cls(
            organisation=to_text("org", row.organisation.organisation),
            name=row.organisation.name,
            country=row.organisation.country,
            roles=row.organisation.roles,
            facilities=tuple(map(SiteView.of, row.facilities)),
        )


class InvitationView(Body, frozen=True, kw_only=True):
    """An invitation that is not answered."""

    organisation: OrganisationId
    initiative: InitiativeCode
    invited_by: OrganisationId

    @classmethod
    def of(cls, row: Invitation) -> Self:
        return cls(
            organisation=to_text("org", row.organisation),
            initiative=row.initiative,
            invited_by=to_text("org", row.invited_by),
        )


P = TypeVar("P", bound=OfPartner)


class NewInvitation(Body, frozen=True, kw_only=True):
    organisation: OrganisationId


class InvitationAnswer(Body, frozen=True, kw_only=True):
    accept: bool


class PartnerAccepted(Accepted, frozen=True, kw_only=True):
    organisation: OrganisationId
    initiative: InitiativeCode


async def load_led(call: Call[Any, Any]) -> Initiative:
    """The initiative of the path, for who coordinates it or oversees all. DoorError `not_found`."""
    row = await load(call)
    if not sees_all(call.caller) and not coordinates(call.caller, row):
        raise not_found()
    return row


@endpoint(
    "GET",
    MEMBERS,
    roles=LEAD_READERS,
    summary="List the partners of an initiative",
    tag=TAG,
    query=PageQuery,
    answer=Listing[PartnerView],
    description="For the organisation that coordinates it, operators and auditors: who is in it, their roles "
    "along the chain, their facilities as registered. To everybody else it is not found.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    initiative = await load_led(call)
    after = lists.after(call, UUID)
    async with as_desk(call) as connection:
        page = await store.list_partners(
            connection, initiative.initiative, after=after, limit=lists.limit(call)
        )
    return lists.answer(
        call,
        page,
        key=lambda row: row.organisation.organisation,
        view=PartnerView.of,
    )


@endpoint(
    "DELETE",
    MEMBERS + "/{organisation}",
    roles=COMPLIANCE,
    summary="Remove a partner from an initiative",
    tag=TAG,
    query=DryRun,
    answer=PartnerAccepted,
    description="By the organisation that coordinates it, or an operator. Orders that are shown to the "
    "initiative meet the organisation no more.",
)
async def remove(call: Call[Nothing, DryRun]) -> Answer:
    argument = RemovePartner(
        caller=call.caller, organisation=call.ids["organisation"], initiative=code_of(call)
    )
    return await _given(call, commands.remove, argument)


@endpoint(
    "POST",
    INVITED,
    roles=COMPLIANCE,
    summary="Invite an organisation into an initiative",
    tag=TAG,
    body=NewInvitation,
    query=DryRun,
    answer=PartnerAccepted,
    status=201,
    idempotent=True,
    description="By the organisation that coordinates it, or an operator. Who is invited becomes a partner "
    "when its admin accepts, and is told on its stream.",
    example={"organisation": "org_0199b3c2d4e57f60a1b2c3d4e5f60718"},
)
async def invite(call: Call[NewInvitation, DryRun]) -> Answer:
    argument = InvitePartner(
        caller=call.caller, organisation=to_uuid(call.body.organisation), initiative=code_of(call)
    )
    return await _given(call, commands.invite, argument)


@endpoint(
    "GET",
    INVITED,
    roles=LEAD_READERS,
    summary="List open invitations into an initiative",
    tag=TAG,
    query=PageQuery,
    answer=Listing[InvitationView],
    description="For the organisation that coordinates it, operators and auditors.",
)
async def invited(call: Call[Nothing, PageQuery]) -> Answer:
    initiative = await load_led(call)
    after = lists.after(call, UUID)
    async with as_desk(call) as connection:
        page = await store.list_invited(
            connection, initiative.initiative, after=after, limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda row: row.organisation, view=InvitationView.of)


@endpoint(
    "DELETE",
    INVITED + "/{organisation}",
    roles=COMPLIANCE,
    summary="Withdraw an invitation",
    tag=TAG,
    query=DryRun,
    answer=PartnerAccepted,
    description="While it is not answered; by the organisation that coordinates the initiative, or an "
    "operator.",
)
async def withdraw(call: Call[Nothing, DryRun]) -> Answer:
    argument = WithdrawInvitation(
        caller=call.caller, organisation=call.ids["organisation"], initiative=code_of(call)
    )
    return await _given(call, commands.withdraw, argument)


@endpoint(
    "GET",
    INVITATIONS,
    roles=READERS,
    summary="List invitations into initiatives",
    tag=TAG,
    query=PageQuery,
    answer=Listing[InvitationView],
    description="One's own that are not answered; operators and auditors read everybody's.",
)
async def own_invitations(call: Call[Nothing, PageQuery]) -> Answer:
    row = await load_organisation(call)
    async with as_caller(call) as connection:
        page = await store.list_invitations(
            connection, row.organisation, after=lists.after(call, str), limit=lists.limit(call)
        )
    return lists.answer(call, page, key=lambda each: each.initiative, view=InvitationView.of)


@endpoint(
    "POST",
    INVITATIONS + "/{initiative}/answer",
    roles=OWN_ADMINS,
    summary="Accept or decline an invitation",
    tag=TAG,
    body=InvitationAnswer,
    query=DryRun,
    answer=PartnerAccepted,
    idempotent=True,
    description="One's own. Accepting makes the organisation a partner, in the copy of each of its markets "
    "too: orders shown to the initiative may meet it, and its coordinator sees name, country, roles and "
    "facilities.",
    example={"accept": True},
)
async def answer(call: Call[InvitationAnswer, DryRun]) -> Answer:
    argument = AnswerInvitation(
        caller=call.caller,
        organisation=call.ids["organisation"],
        initiative=code_of(call),
        accepted=call.body.accept,
    )
    return await _given(call, commands.answer, argument)


@endpoint(
    "DELETE",
    "/v1/organisations/{organisation}/initiatives/{initiative}",
    roles=OWN_ADMINS,
    summary="Leave an initiative",
    tag=TAG,
    query=DryRun,
    answer=PartnerAccepted,
    description="One's own, also one that was revoked. Orders of its own that are shown to the initiative "
    "stay so.",
)
async def leave(call: Call[Nothing, DryRun]) -> Answer:
    argument = LeaveInitiative(
        caller=call.caller, organisation=call.ids["organisation"], initiative=code_of(call)
    )
    return await _given(call, commands.leave, argument)


async def _given(call: Call[Any, DryRun], step: Step[P], argument: P) -> Answer:
    """Receipts of a partner's copies in markets are left out, since they would reveal its number of markets
    to a coordinator."""
    outcome = await given(call, step, argument)
    accepted = outcome.accepted()
    if call.caller.organisation != argument.organisation and not sees_all(call.caller):
        accepted["receipts"] = tuple(each for each in accepted["receipts"] if each.stream == "parties")
        accepted["would_record"] = tuple(
            each for each in accepted["would_record"] if each.startswith("parties.")
        )
    organisation = to_text("org", argument.organisation)
    return outcome.answer(
        PartnerAccepted(organisation=organisation, initiative=argument.initiative, **accepted)
    )


HANDLERS: Final = (index, remove, invite, invited, withdraw, own_invitations, answer, leave)
