"""What invoices are asked for by: the day that they are due, how it lies to today, when they were issued."""

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from contracts.rules.days import day_of, midnight
from contracts.rules.payment import InvoiceStatus
from contracts.store import own_invoices as store
from contracts.store.issued_invoices import ALWAYS, FOR_EVER
from contracts.store.own_invoices import Wanted
from events.vocabulary import Instant
from market.http.agreements import own_lists
from market.http.agreements.invoice_standings import PAID
from market.http.agreements.own_lists import OwnQuery
from market.http.wire.endpoint import Call
from market.http.wire.ids import OrganisationId, to_uuid
from market.rules.refusing.wording import Code

TAG: Final = "Invoices"
Falls = Literal["past_due", "due_today", "not_yet_due"]
FALLS: Final[dict[int, Falls]] = {-1: "past_due", 0: "due_today", 1: "not_yet_due"}
DAY: Final = timedelta(days=1)
STATES: Final = f"`state` says how the day lies to today. {PAID}"


class DueQuery(OwnQuery, frozen=True, kw_only=True):
    """UTC days; ranges are half-open: `due_before` and `issued_before` exclude that day."""

    state: Annotated[Falls | None, Meta(description="How `due_on` lies to today, by UTC.")] = None
    due_from: date | None = None
    due_before: date | None = None
    issued_from: date | None = None
    issued_before: date | None = None
    issued_since: Annotated[
        Instant | None, Meta(description="By the instant; of days ask `issued_from` and `issued_before`.")
    ] = None
    status: Annotated[
        InvoiceStatus | None,
        Meta(description="`set_off`: met by credits of its delivery alone."),
    ] = None
    overdue: Annotated[bool | None, Meta(description="Due before today, and not settled.")] = None
    counterparty: OrganisationId | None = None


class OwnInvoicesQuery(DueQuery, frozen=True, kw_only=True):
    sort: Annotated[
        store.Order | None,
        Meta(
            description="What is due, was issued, or changed first before; each invoice comes once. Without "
            "it by `due_on`, with `updated_since` by `updated_at`."
        ),
    ] = None
    updated_since: Annotated[
        Instant | None,
        Meta(description="What changed at this instant or later; `sort` is `updated_at` then."),
    ] = None

    reference: Annotated[
        Code | None, Meta(description="What the books of either side call it, in whatever case.")
    ] = None

    @property
    def order(self) -> store.Order:
        return self.sort or ("due_on" if self.updated_since is None else "updated_at")


def wanted(call: Call[Any, Any]) -> Wanted:
    """DoorError for days that hold none."""
    query: DueQuery = call.query
    today = day_of(call.door.clock())
    own_lists.check_order(query.due_from, query.due_before, "due_before")
    own_lists.check_order(query.issued_from, query.issued_before, "issued_before")
    begins = {"past_due": date.min + DAY, "due_today": today, "not_yet_due": today + DAY, None: date.min}
    ends = {"past_due": today, "due_today": today + DAY, "not_yet_due": date.max, None: date.max}
    since = query.issued_since
    issued_since = ALWAYS if since is None else own_lists.since(since, "issued_since")
    if query.issued_from is not None:
        issued_since = max(issued_since, own_lists.since(midnight(query.issued_from), "issued_from"))
    return Wanted(
        organisation=call.caller.organisation,
        side=query.side,
        agreement=None if query.agreement is None else to_uuid(query.agreement),
        contract_year=query.contract_year,
        due_from=max(begins[query.state], query.due_from or date.min),
        due_before=min(ends[query.state], query.due_before or date.max),
        issued_since=issued_since,
        issued_before=FOR_EVER if query.issued_before is None else midnight(query.issued_before),
        status=query.status,
        overdue=query.overdue,
        counterparty=None if query.counterparty is None else to_uuid(query.counterparty),
        today=today,
    )
