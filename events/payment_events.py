"""Facts of the `contracts` stream about payments between the sides of agreements, and about their own numbers
of invoices. They move no money.

`agreement` is that of the first part: a payment may be for invoices of several agreements between the same
two organisations.
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
    """The part of a payment for one invoice: positive for what the payer owes, negative for what is set
    off."""

    agreement: UUID
    invoice: UUID
    amount_cents: Cents


PaymentParts = Annotated[tuple[PaymentPart, ...], Meta(min_length=1, max_length=PARTS_MAX)]


class PaymentStated(Struct, frozen=True, kw_only=True):
    """The payer states that it has paid: the sum of the parts, on the value date, under the bank's reference.
    This alone pays nothing: the payee confirms what it has received."""

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
    """The payee confirms what it received: these parts of the invoices are paid. `alone`: the payer had not
    stated the payment."""

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
    """The payee states that a payment has not arrived; it may arrive later."""

    TYPE: ClassVar[str] = "contracts.payment.denied.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    reason: LongText


class PaymentWithdrawn(Struct, frozen=True, kw_only=True):
    """The payer withdraws a stated payment before the payee has confirmed any of it."""

    TYPE: ClassVar[str] = "contracts.payment.withdrawn.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    reason: LongText


class PaymentReversed(Struct, frozen=True, kw_only=True):
    """The payee withdraws its confirmation: what was paid by it is open again."""

    TYPE: ClassVar[str] = "contracts.payment.reversed.v1"

    market: UUID
    agreement: UUID
    payment: UUID
    payer: UUID
    payee: UUID
    reason: LongText


class InvoiceReferenced(Struct, frozen=True, kw_only=True):
    """A side states the number of an invoice in its own books: the seller's document number, or the buyer's
    posting. The newest of each side counts; it has no other effect."""

    TYPE: ClassVar[str] = "contracts.invoice.referenced.v1"

    market: UUID
    agreement: UUID
    invoice: UUID
    by: Side
    reference: Code
    dated_on: date | UnsetType = UNSET
