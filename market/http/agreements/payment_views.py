"""Payments as they are asked for and shown: amounts in the currency of their invoices."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from msgspec import Meta

from contracts.rules.payment import PaidInvoice, Payment, PaymentStatus
from contracts.store.own_payments import KeptPayment
from events.payment_events import PARTS_MAX, PaymentReceived, PaymentStated
from events.vocabulary import Instant
from market.http.wire.ids import (
    AgreementId,
    InvoiceId,
    MarketId,
    OrganisationId,
    PaymentId,
    to_text,
    to_uuid,
)
from market.http.wire.material import Body, Dated
from market.http.wire.numbers import CENTS, SIGNED_CENTS, Cents, SignedCents
from market.rules.refusing.wording import CurrencyCode, LongText, Text

PaymentSide = Literal["payer", "payee"]


class PaidPart(Body, frozen=True, kw_only=True):
    """The part of a payment for one invoice: positive for what the payer owes, negative for what is set off,
    such as a credit."""

    invoice: InvoiceId
    amount: SignedCents

    def inside(self) -> PaidInvoice:
        return PaidInvoice(invoice=to_uuid(self.invoice), amount_cents=SIGNED_CENTS.parse(self.amount))


PaidParts = Annotated[tuple[PaidPart, ...], Meta(min_length=1, max_length=PARTS_MAX)]


class PaymentBody(Dated, frozen=True, kw_only=True):
    """A transfer between two organisations: its amount, value date, the reference that both banks show, and
    its invoices. The parts add up to the amount, which is 0 if all is set off."""

    currency: CurrencyCode
    amount: Cents
    value_on: date
    reference: Text
    parts: PaidParts


class ConfirmBody(Dated, frozen=True, kw_only=True):
    """Without parts: all that was stated was received; without `value_on`: on the stated day. An invoice that
    is left out received nothing."""

    value_on: date | None = None
    parts: PaidParts | None = None


class ReasonBody(Body, frozen=True, kw_only=True):
    """Why, as the other side reads it."""

    reason: LongText


class PaymentPartView(Body, frozen=True, kw_only=True):
    """`received` is null until the payee has confirmed it, and 0 after a reversal."""

    invoice: InvoiceId
    agreement: AgreementId
    stated: SignedCents | None
    received: SignedCents | None


class PaymentView(Body, frozen=True, kw_only=True):
    """A payment, and `side`, the caller's role in it. `amount` and `value_on` are the payee's, once it has
    confirmed; `stated_amount` and `stated_value_on` are null if only the payee recorded it. `stated` waits
    for the payee; a `denied` one may still arrive. `reason`: of its newest denial, withdrawal or reversal.
    `updated_at`: time of its newest fact."""

    id: PaymentId
    market: MarketId
    status: PaymentStatus
    side: PaymentSide
    counterparty: OrganisationId
    counterparty_name: str
    currency: str
    amount: Cents
    value_on: date
    reference: str
    stated_amount: Cents | None
    stated_value_on: date | None
    parts: tuple[PaymentPartView, ...]
    reason: str | None
    updated_at: Instant

    @classmethod
    def of(cls, kept: KeptPayment, organisation: UUID, names: Mapping[UUID, str]) -> Self:
        value = kept.payment
        opened, counts, stated = value.opened, value.counts, value.stated
        pays = organisation == opened.payer
        other = opened.payee if pays else opened.payer
        told = value.reversed or value.withdrawn or value.denied
        return cls(
            id=to_text("pay", opened.payment),
            market=to_text("mkt", opened.market),
            status=value.status,
            side="payer" if pays else "payee",
            counterparty=to_text("org", other),
            counterparty_name=names[other],
            currency=opened.currency,
            amount=CENTS.text(counts.amount_cents),
            value_on=counts.value_on,
            reference=opened.reference,
            stated_amount=None if stated is None else CENTS.text(stated.amount_cents),
            stated_value_on=None if stated is None else stated.value_on,
            parts=tuple(_parts(value)),
            reason=None if told is None else told.reason,
            updated_at=kept.changed_at,
        )


def _parts(value: Payment) -> list[PaymentPartView]:
    stated, received = _amounts(value.stated), _amounts(value.received)
    if value.status == "reversed":
        received = dict.fromkeys(received, 0)
    return [
        PaymentPartView(
            invoice=to_text("inv", part.invoice),
            agreement=to_text("agr", part.agreement),
            stated=SIGNED_CENTS.text_optional(stated.get(part.invoice)),
            received=None if value.received is None else SIGNED_CENTS.text(received.get(part.invoice, 0)),
        )
        for part in value.opened.parts
    ]


def _amounts(fact: PaymentStated | PaymentReceived | None) -> dict[UUID, int]:
    return {} if fact is None else {part.invoice: part.amount_cents for part in fact.parts}
