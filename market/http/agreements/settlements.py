"""Invoices of an agreement: settle a delivery or a quarter, settle what was restated, read them all."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import structs

from contracts.commands import deliveries as commands
from contracts.rules.days import day_of
from contracts.rules.invoices import below_zero_cautions, due_on
from contracts.rules.settlements import Restate, Settle, SettleQuarter
from contracts.store.agreements import load_agreement
from contracts.store.deliveries import list_deliveries
from contracts.store.invoices import issues, list_invoices
from contracts.store.own_invoices import IssuedInvoice, load_standings
from events.contract_events import InvoiceSettled
from events.delivery_events import DeliveryShipped
from events.refusal import RecordUnavailable
from market.http.agreements.contract_reads import ReasonedPage, as_party, load
from market.http.agreements.invoice_standings import PAID, StandingInvoiceView, standing
from market.http.agreements.invoice_views import InvoiceView, IssueView
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.material import Dated
from market.http.wire.paging import Listing
from market.http.wire.receipts import UNREAD, Accepted, warned
from market.http.wire.steps import Step, given, step_endpoint
from market.store.reading import page

TAG: Final = "Invoices"
A = TypeVar("A")


class Quarter(Dated, frozen=True, kw_only=True):
    """`quarter`: its first day."""

    quarter: date


class InvoicesQuery(ReasonedPage, frozen=True, kw_only=True):
    provisional: bool = False


class InvoiceAccepted(Accepted, frozen=True, kw_only=True):
    """The settled invoice, or in a dry run the one that would be settled."""

    invoice: InvoiceView


settlement_step: Final = partial(step_endpoint, tag=TAG, answer=InvoiceAccepted)


async def _settled(call: Call[Any, DryRun], step: Step[A], argument: A) -> Answer:
    outcome = await given(call, step, argument)
    fact = outcome.fact(InvoiceSettled)
    warnings = warned(below_zero_cautions(fact.lines))
    issue: IssueView | None = None
    if not outcome.validated_only:
        try:
            issue = (await _issues(call, fact.agreement, [fact])).get(fact.invoice)
        except RecordUnavailable:
            warnings = (*warnings, UNREAD)
    return outcome.answer(
        InvoiceAccepted(invoice=InvoiceView.outside(fact, issue), warnings=warnings, **outcome.accepted())
    )


@settlement_step(
    "/v1/deliveries/{delivery}/settlement",
    summary="Settle an accepted delivery",
    description="Once, when its quotation period is over: final price less what was paid on documents.",
)
async def settle(call: Call[Nothing, DryRun]) -> Answer:
    argument = Settle(caller=call.caller, delivery=call.ids["delivery"])
    return await _settled(call, commands.settle, argument)


@settlement_step(
    "/v1/deliveries/{delivery}/restatements",
    summary="Settle what restated index values change",
    description="The settled invoice stays as it is; the difference is an invoice of its own.",
)
async def restate(call: Call[Nothing, DryRun]) -> Answer:
    argument = Restate(caller=call.caller, delivery=call.ids["delivery"])
    return await _settled(call, commands.restate, argument)


@settlement_step(
    "/v1/agreements/{agreement}/quarters",
    summary="Settle a quarter of a contract for difference",
    body=Quarter,
    description="Over all that was accepted of the quarter's shipments; again where its index was restated.",
    example={"quarter": "2028-01-01"},
)
async def settle_quarter(call: Call[Quarter, DryRun]) -> Answer:
    argument = SettleQuarter(caller=call.caller, agreement=call.ids["agreement"], quarter=call.body.quarter)
    return await _settled(call, commands.settle_quarter, argument)


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/invoices",
    roles=READERS,
    summary="List the invoices of an agreement",
    tag=TAG,
    query=InvoicesQuery,
    answer=Listing[StandingInvoiceView],
    description="Final ones, differences, rejections and losses, newest first; with `provisional=true` also "
    "those that went with each shipment. Final ones credit them, so all together add up to what is owed. "
    f"Each is due `due_days` after the day that it is issued on. {PAID}",
)
async def index(call: Call[Nothing, InvoicesQuery]) -> Answer:
    agreement, limit, after = await load(call), lists.limit(call), lists.after(call, UUID)
    shipped: list[DeliveryShipped] = []
    async with as_party(call) as (connection, _):
        rows = await list_invoices(connection, agreement.agreement, after=after, limit=limit + 1)
        if call.query.provisional:
            # A delivery's id is made just before that of its invoice: of one they may lie around `after`.
            deliveries = await list_deliveries(connection, agreement.agreement, after=after, limit=limit + 2)
            shipped = [each.shipped for each in deliveries if after is None or each.shipped.invoice < after]
    found: list[InvoiceSettled | DeliveryShipped] = sorted(
        [*rows, *shipped], key=lambda each: each.invoice, reverse=True
    )
    issued = await _issues(call, agreement.agreement, found[:limit])
    async with as_party(call) as (connection, _):
        paid = await load_standings(connection, agreement.agreement, [each.invoice for each in found[:limit]])
    today = day_of(call.door.clock())
    return lists.answer(
        call,
        page(found, limit),
        key=lambda each: each.invoice,
        view=lambda each: _view(each, issued.get(each.invoice), paid.get(each.invoice), today),
    )


async def _issues(
    call: Call[Any, Any], agreement: UUID, facts: Sequence[InvoiceSettled | DeliveryShipped]
) -> dict[UUID, IssueView]:
    """By invoice; of a shipment that the journal held no longer when instants came to be kept, none."""
    deliveries = [each.delivery for each in facts if isinstance(each, DeliveryShipped)]
    invoices = [each.invoice for each in facts if isinstance(each, InvoiceSettled)]
    async with as_party(call) as (connection, organisation):
        agreed = await load_agreement(connection, organisation, agreement)
        found = await issues(connection, agreement, invoices, deliveries)
    if agreed is None:
        raise not_found()
    return {
        each.invoice: IssueView(issue.issued_at, due_on(agreed, issue.issued_at, issue.shipped_on))
        for each in facts
        if (issue := found.get(each.delivery if isinstance(each, DeliveryShipped) else each.invoice))
    }


def _view(
    fact: InvoiceSettled | DeliveryShipped, issue: IssueView | None, row: IssuedInvoice | None, today: date
) -> StandingInvoiceView | None:
    """None of a shipment that has no invoice, since its index had no value."""
    if isinstance(fact, DeliveryShipped):
        if not fact.lines:
            return None
        shown = InvoiceView.provisional(fact, issue)
    else:
        shown = InvoiceView.outside(fact, issue)
    assert row is not None, f"invoice {fact.invoice} has no row of what is paid"
    return StandingInvoiceView(**structs.asdict(shown), **standing(row, today))


HANDLERS: Final = (settle, restate, settle_quarter, index)
