"""Facts of payments between the sides of agreements, and of what their books call an invoice, of the
`contracts` stream. No money moves by them.

`agreement` is that of the first part: a payment may be for invoices of several, all between the same two.
"""

from datetime import date
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.contract_terms import Cents
from events.vocabulary import INTEGER_MAX, Code, CurrencyCode, LongText, Side, Text

PARTS_MAX = 100
PaidCents = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]


class PaymentPart(Struct, frozen=True, kw_only=True):
    """What of a payment is for one invoice: above zero what its payer owes, below zero what is set off."""

    agreement: UUID
    invoice: UUID
    amount_cents: Cents


PaymentParts = Annotated[tuple[PaymentPart, ...], Meta(min_length=1, max_length=PARTS_MAX)]


class PaymentStated(Struct, frozen=True, kw_only=True):
    """Its payer says that it has paid: the sum of the parts, on the value date, under a bank's reference.

    Nothing is paid by that alone: the payee confirms what it has received.
    """

    TYPE: ClassVar[str] = "contracts.payment.stated.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    currency: CurrencyCode
    amount_cents: PaidCents
    value_on: date
    reference: Text
    parts: PaymentParts


class PaymentReceived(Struct, frozen=True, kw_only=True):
    """Its payee says what has come: so much of each invoice is paid. `alone`: its payer had not stated it."""

    TYPE: ClassVar[str] = "contracts.payment.received.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    currency: CurrencyCode
    amount_cents: PaidCents
    value_on: date
    reference: Text
    parts: PaymentParts
    alone: bool | UnsetType = UNSET


class PaymentDenied(Struct, frozen=True, kw_only=True):
    """Its payee says that a stated payment has not come; it may come later."""

    TYPE: ClassVar[str] = "contracts.payment.denied.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    reason: LongText


class PaymentWithdrawn(Struct, frozen=True, kw_only=True):
    """Its payer takes back what it stated, before the payee has confirmed any of it."""

    TYPE: ClassVar[str] = "contracts.payment.withdrawn.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    reason: LongText


class PaymentReversed(Struct, frozen=True, kw_only=True):
    """Its payee takes back that it received: what was paid by it is open again."""

    TYPE: ClassVar[str] = "contracts.payment.reversed.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    reason: LongText


class InvoiceReferenced(Struct, frozen=True, kw_only=True):
    """A side says under which number its own books have an invoice: the seller's, as of the document that it
    issues by it, or the buyer's posting. The newest of a side counts; nothing else follows from it.
    """

    TYPE: ClassVar[str] = "contracts.invoice.referenced.v1"

    market: UUID
    agreement: UUID
    invoice: UUID
    by: Side
    reference: Code
    dated_on: date | UnsetType = UNSET
