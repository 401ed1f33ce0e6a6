"""An invoice of one's own as it stands, with the lot that it is of and how its quantity came about."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import structs

from contracts.rules.agreement import Agreement
from contracts.rules.days import day_of
from contracts.rules.quantities import quantity_lines
from contracts.store.own_invoices import IssuedInvoice
from events.contract_events import InvoiceSettled
from events.vocabulary import Incoterm, Instant, Side
from market.http.agreements.invoice_quantities import QuantityLineView
from market.http.agreements.invoice_queries import FALLS, Falls
from market.http.agreements.invoice_standings import StandingInvoiceView, standing
from market.http.agreements.invoice_views import InvoiceView, IssueView
from market.http.agreements.own_lists import own_side
from market.http.wire.endpoint import Call
from market.http.wire.ids import InvoiceId, MarketId, OrganisationId, to_text
from market.http.wire.numbers import SIGNED_CENTS, SignedCents
from market.rules.refusing.wording import Code


class OwnInvoiceView(StandingInvoiceView, frozen=True, kw_only=True):
    """An invoice from the caller's point of view: `own_total` is negative if the caller pays it, `state` null
    if the due day is unknown.

    `corrects`: the provisional invoice that it credits, or the final one of returned material. `lot_number`,
    `shipped_on` and `incoterm` are those of its delivery; `quantity`: how the quantity of its first line was
    computed; empty without a delivery. `updated_at`: the newest time at which it or another of its delivery
    was issued, or a payment for one or a reference was stated; null if unknown. `seller_reference` is its
    number in the seller's books, such as that of the seller's own document, `buyer_reference` in the buyer's;
    `…_dated_on`: date of the document.
    """

    market: MarketId
    side: Side
    counterparty: OrganisationId
    counterparty_name: str
    state: Falls | None
    own_total: SignedCents
    corrects: InvoiceId | None
    lot_number: str | None
    shipped_on: date | None
    incoterm: Incoterm | None
    quantity: tuple[QuantityLineView, ...]
    updated_at: Instant | None
    seller_reference: Code | None
    seller_dated_on: date | None
    buyer_reference: Code | None
    buyer_dated_on: date | None


def own_invoice(
    call: Call[Any, Any], own: UUID, row: IssuedInvoice, agreement: Agreement, names: Mapping[UUID, str]
) -> OwnInvoiceView:
    """`own`: who reads; `names`: of both sides."""
    delivered, issue = row.delivered, None
    fact = row.fact(delivered)
    if row.issued_at is not None and row.due_on is not None:
        issue = IssueView(row.issued_at, row.due_on)
    if isinstance(fact, InvoiceSettled):
        shown = InvoiceView.outside(fact, issue)
    else:
        shown = InvoiceView.provisional(fact, issue)
    side, today = own_side(own, row, names), day_of(call.door.clock())
    past = None if row.due_on is None else (row.due_on > today) - (row.due_on < today)
    lines = () if delivered is None else quantity_lines(delivered, agreement.basis, fact)
    stated = () if delivered is None else delivered.shipped.stated
    agreed = None if row.shipped_on is None else agreement.terms_on(row.shipped_on).delivery
    return OwnInvoiceView(
        **structs.asdict(shown),
        **standing(row, today),
        market=to_text("mkt", row.market),
        **structs.asdict(side),
        state=None if past is None else FALLS[past],
        own_total=SIGNED_CENTS.text(row.total_cents if side.side == "seller" else -row.total_cents),
        corrects=None if row.corrects is None else to_text("inv", row.corrects),
        lot_number=row.lot_number,
        shipped_on=row.shipped_on,
        incoterm=None if agreed is None else agreed.incoterm,
        quantity=tuple(QuantityLineView.of(each, stated) for each in lines),
        updated_at=row.changed_at,
        seller_reference=row.seller_reference,
        seller_dated_on=row.seller_dated_on,
        buyer_reference=row.buyer_reference,
        buyer_dated_on=row.buyer_dated_on,
    )
