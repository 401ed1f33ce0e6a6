"""Initiatives that organisations take part in: register, change, revoke (operators), read (everybody)."""

import re
from typing import Any, Final, Self

from msgspec import UNSET, structs

from events.party_events import InitiativeRegistered
from market.commands import initiatives as commands
from market.http.wire import lists
from market.http.wire.access import OPERATORS, READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import OrganisationId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.patching import patch_of, patched
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Accepted
from market.http.wire.steps import given
from market.rules.orders.initiatives import (
    ChangeInitiative,
    Initiative,
    InitiativeDetails,
    NewInitiative,
    RegisterInitiative,
    RevokeInitiative,
)
from market.rules.refusing.wording import INITIATIVE_PATTERN, InitiativeCode, Name, Text
from market.store import initiatives as store

TAG: Final = "Initiatives"
EXAMPLE: Final = {
    "code": "reconnect",
    "name": "ReConnect, magnets from motors",
    "coordinator": "an institute",
}
CODE_CHARACTERS_MAX: Final = 64
_CODE: Final = re.compile(INITIATIVE_PATTERN)


class InitiativeTerms(Body, frozen=True, kw_only=True):
    """A project or alliance of organisations; `coordinator` is the name of who leads it. `coordinated_by`:
    the organisation that lists, invites and removes its partners."""

    name: Name
    coordinator: Text | None = None
    coordinated_by: OrganisationId | None = None

    def details(self) -> InitiativeDetails:
        return InitiativeDetails(
            name=self.name,
            coordinator=self.coordinator,
            coordinated_by=UNSET if self.coordinated_by is None else to_uuid(self.coordinated_by),
        )

    @classmethod
    def outside(cls, details: InitiativeDetails) -> "InitiativeTerms":
        return InitiativeTerms(
            name=details.name, coordinator=details.coordinator, coordinated_by=_coordinated_by(details)
        )


def _coordinated_by(details: InitiativeDetails) -> OrganisationId | None:
    return None if details.coordinated_by is UNSET else to_text("org", details.coordinated_by)


class NewInitiativeTerms(InitiativeTerms, frozen=True, kw_only=True):
    """`code` is what organisations and orders name. It never changes and is never given again."""

    code: InitiativeCode


InitiativePatch: Any = patch_of(
    "InitiativePatch", InitiativeTerms, "Members of an initiative that change; what is absent stays."
)


class InitiativeView(NewInitiativeTerms, frozen=True, kw_only=True):
    """An initiative in its current state. A revoked one can no longer be added to an organisation."""

    version: int
    revoked: bool

    @classmethod
    def of(cls, row: Initiative) -> Self:
        return cls(
            code=row.initiative,
            name=row.details.name,
            coordinator=row.details.coordinator,
            coordinated_by=_coordinated_by(row.details),
            version=row.version,
            revoked=row.revoked,
        )


class InitiativeAccepted(Accepted, frozen=True, kw_only=True):
    code: InitiativeCode
    version: int | None = None


@endpoint(
    "POST",
    "/v1/initiatives",
    roles=OPERATORS,
    summary="Register an initiative",
    tag=TAG,
    body=NewInitiativeTerms,
    query=DryRun,
    answer=InitiativeAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="A project or an alliance, whose code organisations, orders and policies name.",
    example=EXAMPLE,
)
async def register(call: Call[NewInitiativeTerms, DryRun]) -> Answer:
    body = call.body
    details = NewInitiative(code=body.code, **structs.asdict(body.details()))
    argument = RegisterInitiative(caller=call.caller, details=details)
    outcome = await given(call, commands.register, argument)
    code = outcome.fact(InitiativeRegistered).initiative
    return outcome.answer(
        InitiativeAccepted(code=code, version=1, **outcome.accepted()),
        version=1,
        location=f"/v1/initiatives/{code}",
    )


@endpoint(
    "GET",
    "/v1/initiatives",
    roles=READERS,
    summary="List initiatives",
    tag=TAG,
    query=PageQuery,
    answer=Listing[InitiativeView],
    description="By code, revoked ones too.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_caller(call) as connection:
        page = await store.list_initiatives(connection, after=lists.after(call, str), limit=lists.limit(call))
    return lists.answer(call, page, key=lambda row: row.initiative, view=InitiativeView.of)


def code_of(call: Call[Any, Any]) -> str:
    """The code in the path. DoorError `not_found` for what can be none."""
    code = call.text_parameter["initiative"]
    if len(code) > CODE_CHARACTERS_MAX or not _CODE.match(code):
        raise not_found()
    return code


async def load(call: Call[Any, Any]) -> Initiative:
    code = code_of(call)
    async with as_caller(call) as connection:
        row = await store.load_initiative(connection, code)
    if row is None:
        raise not_found()
    return row


@endpoint(
    "GET",
    "/v1/initiatives/{initiative}",
    roles=READERS,
    summary="Read an initiative",
    tag=TAG,
    answer=InitiativeView,
    etagged=True,
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    row = await load(call)
    return Answer(body=InitiativeView.of(row), version=row.version)


@endpoint(
    "PATCH",
    "/v1/initiatives/{initiative}",
    roles=OPERATORS,
    summary="Change an initiative",
    tag=TAG,
    body=InitiativePatch,
    query=DryRun,
    answer=InitiativeAccepted,
    versioned=True,
    example={"coordinator": "another institute"},
)
async def change(call: Call[Any, DryRun]) -> Answer:
    row = await load(call)
    current = InitiativeTerms.outside(row.details)
    stated = patched(current, call.body, read=row.version, expected=call.expected_version)
    argument = ChangeInitiative(
        caller=call.caller,
        initiative=row.initiative,
        expected_version=call.expected_version,
        details=stated.details(),
    )
    outcome = await given(call, commands.change, argument)
    version = call.expected_version + 1
    return outcome.answer(
        InitiativeAccepted(code=row.initiative, version=version, **outcome.accepted()), version=version
    )


@endpoint(
    "DELETE",
    "/v1/initiatives/{initiative}",
    roles=OPERATORS,
    summary="Revoke an initiative",
    tag=TAG,
    query=DryRun,
    answer=InitiativeAccepted,
    description="No organisation may name it anew. Those that do keep it until their own next change, which "
    "has to drop it; orders shown to it go on meeting these and nobody else. A revoked one stays readable.",
)
async def revoke(call: Call[Nothing, DryRun]) -> Answer:
    code = code_of(call)
    outcome = await given(call, commands.revoke, RevokeInitiative(caller=call.caller, initiative=code))
    return Answer(body=InitiativeAccepted(code=code, **outcome.accepted()))


HANDLERS: Final = (register, index, read, change, revoke)
