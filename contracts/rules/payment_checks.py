"""Refusals for the parts of a payment: other parties, other currencies, more than is open, another sum."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from contracts.rules.currencies import DECIMALS
from contracts.rules.payment import PaidInvoice, Payable
from contracts.rules.payment_refusals import (
    InvoiceNamedTwice,
    InvoiceOverpaid,
    PaymentBelowZero,
    PaymentCurrencyDiffers,
    PaymentOfMarkets,
    PaymentOfSeveral,
    PaymentSignUnfit,
    PaymentSumDiffers,
    ReceivedAboveStated,
    ReceivedAboveTransfer,
    ValueDayFar,
)
from contracts.rules.refusals import CurrencyWithoutCents, DateInFuture
from events.decision import Moment
from events.fractions import decimal_text
from events.local_days import latest_day
from events.payment_events import PaymentReceived, PaymentStated
from events.refusal import Refusal

CENTS: Final = 100


def invoice_text(invoice: UUID) -> str:
    return f"inv_{invoice.hex}"


def between_refusals(asked: Sequence[tuple[Payable, UUID]], currency: str) -> list[Refusal]:
    """All invoices have to be of one counterparty, one market and one currency that is paid in cents."""
    reasons: list[Refusal] = []
    decimals = DECIMALS.get(currency)
    if decimals is not None:
        reasons.append(CurrencyWithoutCents(pointer="/currency", currency=currency, decimals=decimals))
    first, other = asked[0]
    for place, (of, counterparty) in enumerate(asked):
        pointer, invoice = f"/parts/{place}/invoice", invoice_text(of.invoice)
        if counterparty != other:
            reasons.append(PaymentOfSeveral(pointer=pointer, invoice=invoice))
        if of.market != first.market:
            reasons.append(PaymentOfMarkets(pointer=pointer, invoice=invoice))
        if of.currency != currency:
            reasons.append(
                PaymentCurrencyDiffers(pointer=pointer, invoice=invoice, expected=of.currency, given=currency)
            )
    return reasons


def part_refusals(
    payables: Mapping[UUID, Payable], fact: PaymentStated | PaymentReceived, *, open_only: bool
) -> list[Refusal]:
    """`open_only`: amounts that wait for the payee's confirmation count as paid."""
    reasons: list[Refusal] = []
    named: set[UUID] = set()
    for place, part in enumerate(fact.parts):
        of = payables[part.invoice]
        sign, invoice = of.sign(fact.payer), invoice_text(of.invoice)
        if of.invoice in named:
            reasons.append(InvoiceNamedTwice(pointer=f"/parts/{place}/invoice", invoice=invoice))
        named.add(of.invoice)
        total_cents = sign * of.total_cents
        taken_cents = of.received_cents + (of.stated_cents if open_only else 0)
        left_cents = total_cents - sign * taken_cents
        if left_cents * total_cents < 0:  # stated, and received beside it
            left_cents = 0
        pointer = f"/parts/{place}/amount"
        if total_cents * part.amount_cents <= 0:
            reasons.append(
                PaymentSignUnfit(
                    pointer=pointer,
                    invoice=invoice,
                    total=decimal_text(total_cents, CENTS),
                    currency=of.currency,
                )
            )
        elif abs(part.amount_cents) > abs(left_cents):
            reasons.append(
                InvoiceOverpaid(
                    pointer=pointer,
                    invoice=invoice,
                    open=decimal_text(left_cents, CENTS),
                    currency=of.currency,
                )
            )
    return reasons


def above_refusals(stated: PaymentStated | PaymentReceived, fact: PaymentReceived) -> list[Refusal]:
    """Refusals for more than was stated, per invoice and in total; the total rises if a negative part is left
    out."""
    amounts = {part.invoice: part.amount_cents for part in stated.parts}
    reasons: list[Refusal] = [
        ReceivedAboveStated(
            pointer=f"/parts/{place}/amount",
            invoice=invoice_text(part.invoice),
            stated=decimal_text(amounts[part.invoice], CENTS),
        )
        for place, part in enumerate(fact.parts)
        if abs(part.amount_cents) > abs(amounts[part.invoice])
    ]
    if not reasons and fact.amount_cents > stated.amount_cents:
        sums = decimal_text(fact.amount_cents, CENTS), decimal_text(stated.amount_cents, CENTS)
        reasons.append(ReceivedAboveTransfer(pointer="/parts", received=sums[0], stated=sums[1]))
    return reasons


def sum_refusals(parts: Sequence[PaidInvoice], amount_cents: int) -> list[Refusal]:
    total_cents = sum(part.amount_cents for part in parts)
    if total_cents < 0:
        return [PaymentBelowZero(pointer="/parts")]
    if total_cents != amount_cents:
        sums = decimal_text(total_cents, CENTS), decimal_text(amount_cents, CENTS)
        return [PaymentSumDiffers(pointer="/amount", sum=sums[0], amount=sums[1])]
    return []


def day_refusals(value_on: date, moment: Moment, ahead_days: int) -> list[Refusal]:
    today = latest_day(moment.now)
    if value_on <= today + timedelta(days=ahead_days):
        return []
    if ahead_days:
        return [ValueDayFar(pointer="/value_on", day=value_on.isoformat(), days=ahead_days)]
    return [DateInFuture(pointer="/value_on", day=value_on.isoformat(), today=today.isoformat())]
