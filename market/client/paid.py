"""Own invoices as they are answered, with what was paid of them."""

from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from market.client.agreed import Parties
from market.client.answers import Accepted
from market.client.delivered import Invoice, SettledResult


class StandingInvoice(Invoice, frozen=True, kw_only=True):
    """As payments have left it: `outstanding` is what neither they nor credits of its delivery have met,
    `credited_by` what took a provisional one back."""

    credited_by: str | None
    status: str
    overdue_days: int
    paid: Decimal
    set_off: Decimal
    outstanding: Decimal
    announced: Decimal
    settled_on: date | None


class QuantityLine(Struct, frozen=True, kw_only=True):
    """A step to the quantity of an invoice: what left beside what counts, decimal texts in `unit`, and what
    that moves."""

    kind: str
    analyte: str | None
    unit: str
    shipped: str | None
    counts: str
    figure_of: str | None
    settled: SettledResult | None
    moved_kg: Decimal | None
    moved_amount: Decimal | None


class OwnInvoice(StandingInvoice, frozen=True, kw_only=True):
    """Of whatever agreement; `own_total` is below zero where the caller pays it. `state`: how its day lies to
    today. `corrects`: what it takes back, `quantity`: how its quantity came about."""

    market: str
    side: str
    counterparty: str
    counterparty_name: str
    state: str | None
    own_total: Decimal
    corrects: str | None
    lot_number: str | None
    shipped_on: date | None
    incoterm: str | None
    quantity: tuple[QuantityLine, ...]
    updated_at: datetime | None
    seller_reference: str | None
    seller_dated_on: date | None
    buyer_reference: str | None
    buyer_dated_on: date | None


class PaymentPart(Struct, frozen=True, kw_only=True):
    """Of one invoice, above zero what its payer owes."""

    invoice: str
    agreement: str
    stated: Decimal | None
    received: Decimal | None


class Payment(Struct, frozen=True, kw_only=True):
    """`side`: payer or payee. Its payee's word counts, where it has given it."""

    id: str
    market: str
    status: str
    side: str
    counterparty: str
    counterparty_name: str
    currency: str
    amount: Decimal
    value_on: date
    reference: str
    stated_amount: Decimal | None
    stated_value_on: date | None
    parts: tuple[PaymentPart, ...]
    reason: str | None
    updated_at: datetime


class Restatement(Struct, frozen=True, kw_only=True):
    """What index values that were published since add to what was settled."""

    price_per_kg: Decimal
    amount: Decimal


class PaidInvoice(OwnInvoice, frozen=True, kw_only=True):
    """With who its sides are, the payments that name it, and what restating it would invoice now."""

    parties: Parties
    payments: tuple[Payment, ...]
    restatement: Restatement | None


class PaymentAccepted(Accepted, frozen=True, kw_only=True):
    """`version` is that after the step."""

    id: str | None
    version: int


class Ageing(Struct, frozen=True, kw_only=True):
    """Of one currency, to receive or to pay, by days since it was due."""

    currency: str
    direction: str
    counterparty: str | None
    counterparty_name: str | None
    invoices: int
    not_due: Decimal
    days_1_30: Decimal
    days_31_60: Decimal
    days_61_90: Decimal
    days_over_90: Decimal
    total: Decimal


class AgeingTable(Struct, frozen=True, kw_only=True):
    on: date
    items: tuple[Ageing, ...]


class InvoiceTotal(Struct, frozen=True, kw_only=True):
    """Of a currency and a state of the day."""

    currency: str
    state: str | None
    invoices: int
    receive_total: Decimal
    pay_total: Decimal
    own_total: Decimal


class InvoiceTotals(Struct, frozen=True, kw_only=True):
    on: date
    items: tuple[InvoiceTotal, ...]
