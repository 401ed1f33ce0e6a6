"""Access to agreements: a party reads its own, an auditor any for a reason that is logged, nobody else.

An operator reads, also for a logged reason, deliveries that it decides and agreements whose contest it may
settle.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct

from contracts.rules.agreement import Agreement
from contracts.rules.volumes import Volumes
from contracts.store import agreements as store
from contracts.store.volumes import load_volumes
from events.connections import Connection
from market.http.wire.endpoint import Call, not_found
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.lists import PageQuery
from market.rules.refusing.wording import Code
from market.store.reading import ReaderRole, reading

INAPPLICABLE: Final = "parameter_inapplicable"
Reason = Annotated[
    Code | None,
    Meta(
        description="Why an auditor reads agreements of others, which it has to say, or an operator a "
        "delivery that it decides, or an agreement while a contest of it waits; it is logged. Parties need "
        "none; operators see no other agreements of others."
    ),
]


class ReasonQuery(Struct, frozen=True, kw_only=True):
    reason: Reason = None


class ReasonedPage(PageQuery, frozen=True, kw_only=True):
    reason: Reason = None


def whose(call: Call[Any, Any], *, operators: bool = False) -> UUID | None:
    """The organisation that a reading of agreements is narrowed to; None for an auditor, and with
    `operators` for an operator that says why.

    Whoever gives a step does so as a party. InvalidInputError for an auditor that reads without a reason, and
    for an operator with one that opens nothing.
    """
    if not isinstance(call.query, ReasonQuery | ReasonedPage):
        return call.caller.organisation
    operates = operators and "operator" in call.caller.roles and call.query.reason is not None
    if "auditor" not in call.caller.roles and not operates:
        if "operator" in call.caller.roles and call.query.reason is not None:
            detail = "a reason opens this to an auditor; an operator sees its own"
            raise InvalidInputError([Fault(code=INAPPLICABLE, detail=detail, parameter="reason")])
        return call.caller.organisation
    if call.query.reason is None:
        detail = "state why you read agreements as an auditor, for example case-2027-031"
        raise InvalidInputError([Fault(code="reason_missing", detail=detail, parameter="reason")])
    call.trace.reason = call.query.reason
    return None


@asynccontextmanager
async def as_party(
    call: Call[Any, Any], *, operators: bool = False
) -> AsyncIterator[tuple[Connection, UUID | None]]:
    """A connection that sees the caller's agreements, all of them where `whose` is None; and `whose`."""
    organisation = whose(call, operators=operators)
    role: ReaderRole = "tenant" if organisation is not None else "auditor"
    async with reading(call.door.reader, organisation=call.caller.organisation, role=role) as connection:
        yield connection, organisation


async def load(call: Call[Any, Any]) -> Agreement:
    """The agreement of the path. DoorError `not_found` for callers that are not a party to it."""
    async with as_party(call) as (connection, organisation):
        agreement = await store.load_agreement(connection, organisation, call.ids["agreement"])
    if agreement is None:
        raise not_found()
    return agreement


async def load_with_volumes(call: Call[Any, Any]) -> tuple[Agreement, Volumes]:
    """As `load`, and what was nominated, delivered and missed under it."""
    async with as_party(call) as (connection, organisation):
        agreement = await store.load_agreement(connection, organisation, call.ids["agreement"])
        if agreement is None:
            raise not_found()
        key = (agreement.lane, agreement.market, agreement.agreement)
        return agreement, (await load_volumes(connection, [key]))[agreement.agreement]
