"""Payments of invoices: the payer states one, the payee confirms what it received. Nothing here moves money.

A payment is between two organisations in one market and one currency; its parts name the invoices, which may
be of several agreements. An invoice cannot be overpaid. Only the payee's confirmation makes it paid.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, TypeAlias, TypeVar, assert_never
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.payment import BEFORE, PaidInvoice, Payable, Payment
from contracts.rules.payment_checks import (
    above_refusals,
    between_refusals,
    day_refusals,
    part_refusals,
    sum_refusals,
)
from contracts.rules.payment_refusals import (
    InvoiceUnknown,
    PaymentOfOther,
    PaymentOfSeveral,
    PaymentRepeated,
    PaymentStatusUnfit,
    PaymentUnknown,
)
from contracts.rules.steps import fact_draft
from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.facts import PaymentFact
from events.payment_events import (
    PaymentDenied,
    PaymentPart,
    PaymentReceived,
    PaymentReversed,
    PaymentStated,
    PaymentWithdrawn,
)
from events.refusal import Refusal, VersionStale, refuse
from events.wellformed import malformed

AHEAD_DAYS_MAX: Final = 7
K = TypeVar("K", bound="DenyPayment")


class StatePayment(Struct, frozen=True, kw_only=True):
    """By the payer. `amount_cents`: the amount of the transfer, which the parts have to add up to."""

    caller: Caller
    currency: str
    amount_cents: int
    value_on: date
    reference: str
    parts: tuple[PaidInvoice, ...]


class RecordReceipt(StatePayment, frozen=True, kw_only=True):
    """By the payee, for a payment that the payer has not stated."""


class ConfirmPayment(Struct, frozen=True, kw_only=True):
    """By the payee; without parts: all that was stated; without `value_on`: on the stated day."""

    caller: Caller
    payment: UUID
    expected_version: int
    value_on: date | None = None
    parts: tuple[PaidInvoice, ...] | None = None


class DenyPayment(Struct, frozen=True, kw_only=True):
    """By the payee."""

    caller: Caller
    payment: UUID
    expected_version: int
    reason: str


class WithdrawPayment(DenyPayment, frozen=True, kw_only=True):
    """By the payer."""


class ReversePayment(DenyPayment, frozen=True, kw_only=True):
    """By the payee, for a confirmation that was a mistake."""


Opening: TypeAlias = StatePayment | RecordReceipt


class PaymentState(Struct, frozen=True, kw_only=True):
    """The payment, if it exists, and the invoices that it is for. `alike`: another payment with the same
    payer, payee, value date and reference that is still in effect."""

    lane: int
    payment: Payment | None = None
    payables: Mapping[UUID, Payable] = {}
    alike: UUID | None = None


def open_payment(state: PaymentState, argument: Opening, moment: Moment) -> Decision:
    """Opens a payment: stated by the payer, or recorded by the payee. Raises Refusals."""
    refuse(role_refusals(argument.caller, "trader", "accountant"))
    asked = _known(state, argument)
    receives = isinstance(argument, RecordReceipt)
    (first, other), *_ = asked
    payer = other if receives else argument.caller.organisation
    named: dict[str, Any] = {
        "market": first.market,
        "agreement": first.agreement,
        "payment": moment.new_id(),
        "payer": payer,
        "payee": argument.caller.organisation if receives else other,
        "currency": argument.currency,
        "amount_cents": max(argument.amount_cents, 0),
        "value_on": argument.value_on,
        "reference": argument.reference,
        "parts": tuple(
            PaymentPart(agreement=of.agreement, invoice=of.invoice, amount_cents=part.amount_cents)
            for (of, _), part in zip(asked, argument.parts, strict=True)
        ),
    }
    fact = PaymentReceived(**named, alone=True) if receives else PaymentStated(**named)
    refuse(malformed(fact))
    reasons = between_refusals(asked, argument.currency)
    if not any(isinstance(each, PaymentOfSeveral) for each in reasons):
        reasons += part_refusals(state.payables, fact, open_only=not receives)
    reasons += sum_refusals(argument.parts, argument.amount_cents)
    reasons += day_refusals(argument.value_on, moment, AHEAD_DAYS_MAX * (not receives))
    if state.alike is not None:
        reasons.append(PaymentRepeated(payment=f"pay_{state.alike.hex}", pointer="/reference"))
    refuse(reasons)
    return _decision(state, fact)


def confirm(state: PaymentState, argument: ConfirmPayment, moment: Moment) -> Decision:
    """Confirms all of what was stated or a part; then the rest no longer waits. Raises Refusals."""
    payment = _seen(state, argument.caller)
    stated = payment.opened
    agreements = {part.invoice: part.agreement for part in stated.parts}
    parts = argument.parts
    if parts is None:
        parts = tuple(
            PaidInvoice(invoice=part.invoice, amount_cents=part.amount_cents) for part in stated.parts
        )
    unknown = [
        InvoiceUnknown(pointer=f"/parts/{place}/invoice")
        for place, part in enumerate(parts)
        if part.invoice not in agreements
    ]
    refuse(unknown)
    fact = PaymentReceived(
        market=stated.market,
        agreement=stated.agreement,
        payment=stated.payment,
        payer=stated.payer,
        payee=stated.payee,
        currency=stated.currency,
        amount_cents=max(sum(part.amount_cents for part in parts), 0),
        value_on=argument.value_on or stated.value_on,
        reference=stated.reference,
        parts=tuple(
            PaymentPart(
                agreement=agreements[part.invoice], invoice=part.invoice, amount_cents=part.amount_cents
            )
            for part in parts
        ),
    )
    refuse(malformed(fact))
    reasons = _step_refusals(payment, argument.caller, argument.expected_version, PaymentReceived)
    if payment.status in BEFORE[PaymentReceived]:
        reasons += part_refusals(state.payables, fact, open_only=False)
        reasons += above_refusals(stated, fact)
    reasons += sum_refusals(parts, fact.amount_cents)
    refuse(reasons + day_refusals(fact.value_on, moment, 0))
    return _decision(state, fact)


def deny(state: PaymentState, argument: DenyPayment, moment: Moment) -> Decision:
    """States that it has not arrived. Raises Refusals."""
    del moment
    return _told(state, argument, PaymentDenied)


def withdraw(state: PaymentState, argument: WithdrawPayment, moment: Moment) -> Decision:
    """Withdraws it, until the payee has confirmed it. Raises Refusals."""
    del moment
    return _told(state, argument, PaymentWithdrawn)


def reverse(state: PaymentState, argument: ReversePayment, moment: Moment) -> Decision:
    """Withdraws a whole confirmation. Raises Refusals."""
    del moment
    return _told(state, argument, PaymentReversed)


def decided_again(state: PaymentState, fact: PaymentFact, caller: Caller, moment: Moment) -> Decision:
    """Decides again from the fact's inputs. Raises Refusals."""
    version = 1 if state.payment is None else state.payment.version
    match fact:
        case PaymentStated():
            return open_payment(state, _opening(StatePayment, fact, caller), moment)
        case PaymentReceived():
            if fact.alone is not UNSET:
                return open_payment(state, _opening(RecordReceipt, fact, caller), moment)
            confirmed = ConfirmPayment(
                caller=caller,
                payment=fact.payment,
                expected_version=version,
                value_on=fact.value_on,
                parts=_asked(fact),
            )
            return confirm(state, confirmed, moment)
        case PaymentDenied():
            return deny(state, _said(DenyPayment, fact, caller, version), moment)
        case PaymentWithdrawn():
            return withdraw(state, _said(WithdrawPayment, fact, caller, version), moment)
        case PaymentReversed():
            return reverse(state, _said(ReversePayment, fact, caller, version), moment)
        case _:
            assert_never(fact)


def _opening(kind: type[StatePayment], fact: PaymentStated | PaymentReceived, caller: Caller) -> StatePayment:
    return kind(
        caller=caller,
        currency=fact.currency,
        amount_cents=fact.amount_cents,
        value_on=fact.value_on,
        reference=fact.reference,
        parts=_asked(fact),
    )


def _asked(fact: PaymentStated | PaymentReceived) -> tuple[PaidInvoice, ...]:
    return tuple(PaidInvoice(invoice=part.invoice, amount_cents=part.amount_cents) for part in fact.parts)


def _said(
    kind: type[K],
    fact: PaymentDenied | PaymentWithdrawn | PaymentReversed,
    caller: Caller,
    version: int,
) -> K:
    return kind(caller=caller, payment=fact.payment, expected_version=version, reason=fact.reason)


def _known(state: PaymentState, argument: Opening) -> list[tuple[Payable, UUID]]:
    """Each invoice with its counterparty. Raises Refusals for invoices that are not the caller's."""
    reasons: list[Refusal] = []
    found = []
    for place, part in enumerate(argument.parts):
        payable = state.payables.get(part.invoice)
        other = None if payable is None else payable.other_than(argument.caller.organisation)
        if payable is None or other is None:
            reasons.append(InvoiceUnknown(pointer=f"/parts/{place}/invoice"))
        else:
            found.append((payable, other))
    refuse(reasons)
    return found


def _told(
    state: PaymentState,
    argument: DenyPayment,
    kind: type[PaymentDenied | PaymentWithdrawn | PaymentReversed],
) -> Decision:
    payment = _seen(state, argument.caller)
    opened = payment.opened
    fact = kind(
        market=opened.market,
        agreement=opened.agreement,
        payment=opened.payment,
        payer=opened.payer,
        payee=opened.payee,
        reason=argument.reason,
    )
    refuse(malformed(fact))
    refuse(_step_refusals(payment, argument.caller, argument.expected_version, kind))
    return _decision(state, fact)


def _seen(state: PaymentState, caller: Caller) -> Payment:
    """The payment. Raises Refusals or PaymentUnknown, also for callers that are no side of it."""
    refuse(role_refusals(caller, "trader", "accountant"))
    payment = state.payment
    if payment is None or caller.organisation not in (payment.opened.payer, payment.opened.payee):
        raise PaymentUnknown
    return payment


def _step_refusals(
    payment: Payment, caller: Caller, expected_version: int, kind: type[Struct]
) -> list[Refusal]:
    reasons: list[Refusal] = []
    side = "payer" if kind is PaymentWithdrawn else "payee"
    if caller.organisation != getattr(payment.opened, side):
        reasons.append(PaymentOfOther(side=side))
    if payment.status not in BEFORE[kind]:
        needed = " or ".join(sorted(BEFORE[kind]))
        reasons.append(PaymentStatusUnfit(status=payment.status, needed=needed))
    if payment.version != expected_version:
        reasons.append(VersionStale(expected=expected_version, current=payment.version))
    return reasons


def _decision(state: PaymentState, fact: PaymentFact) -> Decision:
    return Decision(drafts=(fact_draft(state.lane, fact.agreement, fact),))
