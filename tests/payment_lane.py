"""A lane on paper on which invoices are paid too."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct

from contracts.rules import payments, references
from contracts.rules.payment import OVER, PaidInvoice, Payable, Payment, fold, payable_of
from contracts.rules.payments import PaymentState
from events.contract_events import InvoiceSettled
from events.decision import Decision
from events.delivery_events import DeliveryShipped
from events.envelope import Recorded
from events.facts import PaymentFact
from tests.contract_lane import CALLERS_OF_ALL, ContractLane
from tests.desk_support import LANE


class PaidLane(ContractLane):
    """`issued`: invoices in order; `paying`: the payment that was spoken of last."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.issued: dict[UUID, Payable] = {}
        self.payments: dict[UUID, Payment] = {}
        self.paying = UUID(int=0)

    @property
    def newest(self) -> Payable:
        return list(self.issued.values())[-1]

    def _fold(self, event: Recorded, fact: Struct) -> None:
        super()._fold(event, fact)
        if isinstance(fact, DeliveryShipped | InvoiceSettled):
            payable = payable_of(fact, self.stands.seller, self.stands.buyer)
            if payable is not None:
                self.issued[payable.invoice] = payable
        if isinstance(fact, PaymentFact):
            self.paying = fact.payment
            self.payments[fact.payment] = fold(self.payments.get(fact.payment), event.position, fact)

    def payables(self) -> dict[UUID, Payable]:
        """Summed up anew from all payments."""
        found = {}
        for invoice, payable in self.issued.items():
            received_cents = stated_cents = 0
            for payment in self.payments.values():
                sign = payable.sign(payment.opened.payer)
                received_cents += sign * payment.paid.get(invoice, 0)
                stated_cents += sign * payment.announced.get(invoice, 0)
            found[invoice] = payable.moved(received_cents=received_cents, stated_cents=stated_cents)
        return found

    def pay(
        self,
        parts: Mapping[UUID, int],
        by: str = "buyer",
        *,
        receives: bool = False,
        **changes: Any,
    ) -> "PaidLane":
        """`parts`: cents by invoice, in the payer's signs; `receives`: `by` says that it has come."""
        kind = payments.RecordReceipt if receives else payments.StatePayment
        given: dict[str, Any] = {
            "currency": self.newest.currency,
            "amount_cents": sum(parts.values()),
            "value_on": self.now.date(),
            "reference": f"E2E {len(self.payments)}",
            "parts": asked(parts),
        } | changes
        argument = kind(caller=CALLERS_OF_ALL[by], **given)
        state = PaymentState(lane=LANE, payables=self.payables(), alike=self.alike(argument))
        self.record(payments.open_payment(state, argument, self.moment), by)
        return self

    def refer(self, invoice: UUID, reference: str, by: str, dated_on: date | None = None) -> "PaidLane":
        argument = references.ReferToInvoice(
            caller=CALLERS_OF_ALL[by], invoice=invoice, reference=reference, dated_on=dated_on
        )
        state = references.ReferenceState(lane=LANE, invoice=self.payables().get(invoice))
        self.record(references.refer(state, argument, self.moment), by)
        return self

    def alike(self, argument: payments.StatePayment) -> UUID | None:
        caller = argument.caller.organisation
        side = "payee" if isinstance(argument, payments.RecordReceipt) else "payer"
        for payment, of in self.payments.items():
            opened = of.opened
            same = (opened.value_on, opened.reference) == (argument.value_on, argument.reference)
            if same and getattr(opened, side) == caller and of.status not in OVER:
                return payment
        return None

    def confirm(
        self, parts: Mapping[UUID, int] | None = None, by: str = "seller", **changes: Any
    ) -> "PaidLane":
        given = {"parts": None if parts is None else asked(parts)} | changes
        return self._pays(payments.confirm, payments.ConfirmPayment, by, **given)

    def deny(self, by: str = "seller", **changes: Any) -> "PaidLane":
        return self._pays(payments.deny, payments.DenyPayment, by, **{"reason": "nothing came"} | changes)

    def withdraw_payment(self, by: str = "buyer", **changes: Any) -> "PaidLane":
        given = {"reason": "the bank sent it back"} | changes
        return self._pays(payments.withdraw, payments.WithdrawPayment, by, **given)

    def reverse(self, by: str = "seller", **changes: Any) -> "PaidLane":
        given = {"reason": "of another customer"} | changes
        return self._pays(payments.reverse, payments.ReversePayment, by, **given)

    def _pays(
        self, rule: Callable[..., Decision], argument: Callable[..., Any], by: str, **given: Any
    ) -> "PaidLane":
        payment = self.payments[self.paying]
        named = {"payment": self.paying, "expected_version": payment.version} | given
        asked_for = argument(caller=CALLERS_OF_ALL[by], **named)
        state = PaymentState(lane=LANE, payment=payment, payables=self.payables())
        self.record(rule(state, asked_for, self.moment), by)
        return self

    def day(self, day: date) -> "PaidLane":
        self.on(day)
        return self


def asked(parts: Mapping[UUID, int]) -> tuple[PaidInvoice, ...]:
    return tuple(PaidInvoice(invoice=invoice, amount_cents=cents) for invoice, cents in parts.items())
