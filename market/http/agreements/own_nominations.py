"""Nominations of all of one's agreements: by the begin of their periods, or what was said since."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, structs

from contracts.rules.days import midnight
from contracts.store import own_nominations as store
from contracts.store.issued_invoices import ALWAYS
from contracts.store.own_nominations import FOR_EVER, OwnNomination, Wanted
from events.contract_terms import NominationLevel
from events.vocabulary import Instant, ProductForm, Side
from market.http.agreements import own_lists
from market.http.agreements.agreement_answers import TAG
from market.http.agreements.contract_reads import as_party
from market.http.agreements.nominations import NominationView
from market.http.agreements.own_lists import FILES, OwnQuery, names_of_others, own_side
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.ids import AgreementId, MarketId, NominationId, OrganisationId, to_text, to_uuid
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, Kilograms
from market.http.wire.paging import Listing
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.row_tables import Column, member


class OwnNominationsQuery(OwnQuery, frozen=True, kw_only=True):
    """Days are of UTC, `begins_before` half-open."""

    level: NominationLevel | None = None
    silent: Annotated[bool | None, Meta(description="Whether a rule spoke for a buyer that kept silent.")] = (
        None
    )
    begins_from: Annotated[date | None, Meta(description="Of the nominated period.")] = None
    begins_before: date | None = None
    updated_since: Annotated[
        Instant | None, Meta(description="What was said at this instant or later, in that order.")
    ] = None


class OwnNominationView(NominationView, frozen=True, kw_only=True):
    """A nomination, the caller's side, and when it was made; null if unknown, since the event is older than
    this member."""

    market: MarketId
    agreement: AgreementId
    side: Side
    counterparty: OrganisationId
    counterparty_name: str
    updated_at: Instant | None


class NominationRow(Body, frozen=True, kw_only=True):
    """As `OwnNominationView` in a file; `period_end` is no part of the period."""

    id: NominationId
    level: NominationLevel
    period_start: Instant
    period_end: Instant
    year: int
    quantity_kg: Kilograms
    make_up_kg: Kilograms
    form: ProductForm
    silent: bool
    side: Side
    counterparty: OrganisationId
    counterparty_name: str
    market: MarketId
    agreement: AgreementId
    updated_at: Instant | None


FIGURES: Final = frozenset({"year", "quantity_kg", "make_up_kg"})
COLUMNS: Final[tuple[Column, ...]] = tuple(
    Column(name, lambda row: str(row.silent).lower())
    if name == "silent"
    else member(name, number=name in FIGURES)
    for name in NominationRow.__struct_fields__
)


@endpoint(
    "GET",
    "/v1/nominations",
    roles=READERS,
    summary="List the nominations of all own agreements",
    tag=TAG,
    query=OwnNominationsQuery,
    problems=(422,),
    answer=Listing[OwnNominationView],
    shapes=(CSV, XLSX),
    description="Where the caller's organisation buys or sells: the newest word on each year, quarter and "
    "month, by the buyer or by its silence, as each agreement lists them. What begins first before; with "
    "`updated_since` what was said first before: a word that replaces another has an `id` of its own and "
    "comes anew, and who keeps the newest `updated_at` goes on from there, with an overlap of minutes for "
    f"markets that record side by side. {FILES}",
)
async def index(call: Call[Nothing, OwnNominationsQuery]) -> Answer:
    query, limit = call.query, own_lists.rows_wanted(call)
    own_lists.check_order(query.begins_from, query.begins_before, "begins_before")
    changes = query.updated_since is not None
    wanted = Wanted(
        organisation=call.caller.organisation,
        side=query.side,
        agreement=None if query.agreement is None else to_uuid(query.agreement),
        contract_year=query.contract_year,
        level=query.level,
        silent=query.silent,
        begins_from=ALWAYS if query.begins_from is None else midnight(query.begins_from),
        begins_before=FOR_EVER if query.begins_before is None else midnight(query.begins_before),
        changed_since=own_lists.since(query.updated_since, "updated_since")
        if query.updated_since
        else ALWAYS,
    )
    after = lists.after(call, tuple[datetime, UUID])
    listed = store.list_by_change if changes else store.list_by_period
    async with as_party(call) as (connection, _):
        rows = await listed(connection, wanted, after=after, limit=limit)
    names = await names_of_others(call, rows)
    return await own_lists.answer(
        call,
        rows,
        key=lambda row: _key(row, changes=changes),
        view=lambda row: (_view if query.format == "json" else _row)(call, row, names),
        name="nominations",
        columns=COLUMNS,
    )


def _key(row: OwnNomination, *, changes: bool) -> tuple[datetime, UUID]:
    instant = (row.changed_at or ALWAYS) if changes else row.nomination.part.period.start
    return instant, row.nomination.nomination


def _standing(call: Call[Any, Any], row: OwnNomination, names: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        **structs.asdict(own_side(call.caller.organisation, row, names)),
        "market": to_text("mkt", row.market),
        "agreement": to_text("agr", row.agreement),
        "updated_at": row.changed_at,
    }


def _view(call: Call[Any, Any], row: OwnNomination, names: Mapping[UUID, str]) -> OwnNominationView:
    shown = NominationView.of(row.nomination)
    return OwnNominationView(**structs.asdict(shown), **_standing(call, row, names))


def _row(call: Call[Any, Any], row: OwnNomination, names: Mapping[UUID, str]) -> NominationRow:
    value, period = row.nomination, row.nomination.part.period
    return NominationRow(
        id=to_text("nom", value.nomination),
        level=value.level,
        period_start=period.start,
        period_end=period.end,
        year=value.year,
        quantity_kg=KILOGRAMS.text(value.part.quantity_g),
        make_up_kg=KILOGRAMS.text(value.part.make_up_g),
        form=value.part.form,
        silent=value.silent,
        **_standing(call, row, names),
    )


HANDLERS: Final = (index,)
