"""Material passports and their history, as whoever asks may see them."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta

from contracts.store.deliveries import journeys_of
from market.http.agreements.contract_reads import as_party
from market.http.materials.labels import TAG
from market.http.materials.passport_views import PassportView, StepView
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.lists import PageQuery
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, as_desk, own, sees_all
from market.rules.parties.parties import Facility
from market.rules.passport import Passport
from market.rules.viewers import AuditorViewer, OperatorViewer, OrganisationViewer, Viewer
from market.rules.visibility.passport_visibility import (
    SeenPassport,
    see_material,
    see_passport,
    sites,
)
from market.store import party_reads
from market.store import passports as store

JOURNEYS_MAX: Final = 100


class PassportQuery(PageQuery, frozen=True, kw_only=True):
    """Query of the list of passports."""

    status: (
        Annotated[Literal["live", "consumed", "retired"], Meta(description="Only those that stand so.")]
        | None
    ) = None


@endpoint(
    "GET",
    "/v1/passports",
    roles=READERS,
    summary="List passports",
    tag=TAG,
    query=PassportQuery,
    answer=Listing[PassportView],
    description="Those that one has issued, owns or holds, the newest first; operators and auditors see all.",
)
async def index(call: Call[Nothing, PassportQuery]) -> Answer:
    async with as_caller(call) as connection:
        page = await store.list_passports(
            connection,
            own(call.caller),
            status=call.query.status,
            after=lists.after(call, UUID),
            limit=lists.limit(call),
        )
    who = viewer(call)
    named = frozenset[UUID]().union(*(sites(row.content) for row in page.items))
    known, now = await sites_of(call, named), call.door.clock()

    def view(row: Passport) -> PassportView | None:
        seen = see_passport(row, who)
        return None if seen is None else PassportView.of(seen, known, now)

    return lists.answer(call, page, key=lambda row: row.passport, view=view)


async def sites_of(call: Call[Any, Any], named: frozenset[UUID]) -> dict[UUID, Facility]:
    if not named:
        return {}
    async with as_desk(call) as connection:
        return await party_reads.find_facilities(connection, named)


def viewer(call: Call[Any, Any]) -> Viewer:
    caller = call.caller
    if not sees_all(caller):
        return OrganisationViewer(organisation=caller.organisation)
    return AuditorViewer() if "auditor" in caller.roles else OperatorViewer(cut=0)


async def load(call: Call[Any, Any]) -> tuple[Passport, frozenset[UUID], SeenPassport]:
    """The passport in the path, whether the caller has bought its lot, and what it may see of it."""
    passport = call.ids["passport"]
    lane = call.door.desk.lane("materials", passport).lane
    async with as_desk(call) as connection:
        row = await store.load_passport(connection, passport)
        bought = row is not None and await store.bought(connection, call.caller.organisation, lane, passport)
    counterparties = frozenset({call.caller.organisation} if bought else ())
    seen = None if row is None else see_passport(row, viewer(call), counterparties)
    if row is None or seen is None:
        raise not_found()
    return row, counterparties, seen


@endpoint(
    "GET",
    "/v1/passports/{passport}",
    roles=READERS,
    summary="Read a passport",
    tag=TAG,
    answer=PassportView,
    etagged=True,
    description="Whole for its owner, its holder, operators and auditors; what it states for who issued it; "
    "without its suppliers for the buyer of a confirmed match over its lot, or of a delivery of it. Its "
    "`journeys` are shown to seller and buyer, a rejected one as well.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    row, _, seen = await load(call)
    known = await sites_of(call, sites(seen.content))
    async with as_party(call) as (connection, _):
        journeys = await journeys_of(connection, seen.passport, limit=JOURNEYS_MAX)
    # Names of sites and whether a footprint is over change without the passport.
    view = PassportView.of(seen, known, call.door.clock(), journeys)
    return Answer(body=view, version=row.version, hashed=True)


@endpoint(
    "GET",
    "/v1/passports/{passport}/history",
    roles=READERS,
    summary="What was said of a passport",
    tag=TAG,
    query=PageQuery,
    answer=Listing[StepView],
    description="Every fact in its order: what was stated first beside what stands now.",
)
async def history(call: Call[Nothing, PageQuery]) -> Answer:
    row, counterparties, _ = await load(call)
    async with as_desk(call) as connection:
        page = await store.list_steps(
            connection, row.passport, after=lists.after(call, int), limit=lists.limit(call)
        )
    who = viewer(call)

    def view(step: store.PassportStep) -> StepView | None:
        fact = see_material(step.fact, who, row, counterparties)
        return None if fact is None else StepView.of(step, fact, row.stated_by)

    return lists.answer(call, page, key=lambda step: step.version, view=view)


HANDLERS: Final = (index, read, history)
