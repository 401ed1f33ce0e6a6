"""Payments of invoices: what their payers state, and what their payees have received. No money moves here."""

from functools import partial
from typing import Any, Final, TypeVar

from contracts.commands import payments as commands
from contracts.rules import payments as rules
from contracts.rules.payments import ConfirmPayment, DenyPayment, ReversePayment, WithdrawPayment
from events.payment_events import PaymentReceived, PaymentStated
from market.http.agreements.payment_views import (
    ConfirmBody,
    PaymentBody,
    ReasonBody,
)
from market.http.wire.access import ACCOUNTANTS
from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.ids import PaymentId, to_text
from market.http.wire.numbers import CENTS
from market.http.wire.receipts import Accepted
from market.http.wire.steps import Step, given, step_endpoint

TAG: Final = "Payments"
A = TypeVar("A")
INVOICE: Final = "inv_0199b3c2d4e57f60a1b2c3d4e5f60718"
CREDIT: Final = "inv_0199b3c2d4e57f60a1b2c3d4e5f60719"
TRANSFER: Final = {
    "currency": "EUR",
    "amount": "120000.00",
    "value_on": "2028-06-02",
    "reference": "E2E-2028-0417",
    "parts": [{"invoice": INVOICE, "amount": "128000.00"}, {"invoice": CREDIT, "amount": "-8000.00"}],
}


class PaymentAccepted(Accepted, frozen=True, kw_only=True):
    """`id` is null after a dry run; `version` is that after the step."""

    id: PaymentId | None
    version: int


payment_step: Final = partial(step_endpoint, roles=ACCOUNTANTS, tag=TAG, answer=PaymentAccepted)
later_step: Final = partial(payment_step, versioned=True)


async def _opened(
    call: Call[PaymentBody, DryRun],
    step: Step[Any],
    kind: type[rules.StatePayment],
    fact: type[PaymentStated | PaymentReceived],
) -> Answer:
    body = call.body
    argument = kind(
        caller=call.caller,
        currency=body.currency,
        amount_cents=CENTS.parse(body.amount),
        value_on=body.value_on,
        reference=body.reference,
        parts=tuple(part.inside() for part in body.parts),
    )
    outcome = await given(call, step, argument)
    found = outcome.made("pay", outcome.fact(fact).payment)
    accepted = PaymentAccepted(id=found, version=1, **outcome.accepted())
    return outcome.answer(accepted, version=1, location=f"/v1/payments/{found}")


@payment_step(
    "/v1/payments",
    summary="State that invoices were paid",
    located=True,
    body=PaymentBody,
    description="By the payer, when it has ordered the transfer: for invoices of one counterparty in one "
    "market and one currency, of whichever agreements. What the counterparty owes, such as a credit note, is "
    "set off below zero. An invoice takes no more than it says, with what waits for the payee's word; "
    "another payment of the same value date and reference is refused. Nothing is paid before the payee "
    "confirms it.",
    example=TRANSFER,
)
async def state(call: Call[PaymentBody, DryRun]) -> Answer:
    return await _opened(call, commands.state, rules.StatePayment, PaymentStated)


@payment_step(
    "/v1/incoming-payments",
    summary="Record a payment that has come",
    located=True,
    body=PaymentBody,
    description="By the payee, of what its payer has not stated here: the invoices are paid by it at once. "
    "Amounts are above zero for what the payer owed. Of a payment that its payer has stated, confirm that.",
    example=TRANSFER,
)
async def record(call: Call[PaymentBody, DryRun]) -> Answer:
    return await _opened(call, commands.record_receipt, rules.RecordReceipt, PaymentReceived)


async def _stepped(call: Call[Any, DryRun], step: Step[A], argument: A) -> Answer:
    outcome = await given(call, step, argument)
    version = call.expected_version + 1
    body = PaymentAccepted(id=to_text("pay", call.ids["payment"]), version=version, **outcome.accepted())
    return outcome.answer(body, version=version)


@later_step(
    "/v1/payments/{payment}/receipt",
    summary="Confirm that a payment has come",
    body=ConfirmBody,
    body_required=False,
    description="By the payee, in whole or in part, also after it said that nothing had come. Of what is not "
    "confirmed nothing waits any longer: it is stated anew when it is paid.",
    example={"parts": [{"invoice": INVOICE, "amount": "100000.00"}]},
)
async def confirm(call: Call[ConfirmBody, DryRun]) -> Answer:
    parts = call.body.parts
    argument = ConfirmPayment(
        caller=call.caller,
        payment=call.ids["payment"],
        expected_version=call.expected_version,
        value_on=call.body.value_on,
        parts=None if parts is None else tuple(part.inside() for part in parts),
    )
    return await _stepped(call, commands.confirm, argument)


@later_step(
    "/v1/payments/{payment}/denial",
    summary="Say that a payment has not come",
    body=ReasonBody,
    description="By the payee, of a payment that is stated; it may confirm it when it comes after all.",
    example={"reason": "Nothing under this reference until today"},
)
async def deny(call: Call[ReasonBody, DryRun]) -> Answer:
    return await _stepped(call, commands.deny, _said(call, DenyPayment))


@later_step(
    "/v1/payments/{payment}/withdrawal",
    summary="Withdraw a payment that was stated",
    body=ReasonBody,
    description="By the payer, until the payee has confirmed it.",
    example={"reason": "The bank has returned the order"},
)
async def withdraw(call: Call[ReasonBody, DryRun]) -> Answer:
    return await _stepped(call, commands.withdraw, _said(call, WithdrawPayment))


@later_step(
    "/v1/payments/{payment}/reversal",
    summary="Reverse a receipt",
    body=ReasonBody,
    description="By the payee, of a receipt that was a mistake: its invoices are open again.",
    example={"reason": "Booked for another customer"},
)
async def reverse(call: Call[ReasonBody, DryRun]) -> Answer:
    return await _stepped(call, commands.reverse, _said(call, ReversePayment))


K = TypeVar("K", bound=DenyPayment)


def _said(call: Call[ReasonBody, DryRun], kind: type[K]) -> K:
    return kind(
        caller=call.caller,
        payment=call.ids["payment"],
        expected_version=call.expected_version,
        reason=call.body.reason,
    )


HANDLERS: Final = (state, record, confirm, deny, withdraw, reverse)
