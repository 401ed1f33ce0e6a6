"""An audit's working data about invoices and payments, from their lane alone."""

from contracts.rules.agreement import Agreement
from contracts.rules.payment import Payable, Payment, fold, payable_of
from contracts.rules.payments import PaymentState
from events.contract_events import InvoiceSettled
from events.delivery_events import DeliveryShipped
from events.envelope import Recorded
from events.facts import PaymentFact
from events.payment_events import PaymentReceived, PaymentStated
from market.audit.shelf import AuditShelf


def state_before(shelf: AuditShelf, event: Recorded, fact: PaymentFact) -> PaymentState:
    """What the lane has said before the fact, as far as the rule that made it reads it."""
    payment = shelf.payment(fact.payment)
    if not isinstance(fact, PaymentStated | PaymentReceived):
        return PaymentState(lane=event.lane, payment=payment)
    found = {part.invoice: shelf.payable(part.invoice) for part in fact.parts}
    return PaymentState(
        lane=event.lane,
        payment=payment,
        payables={invoice: payable for invoice, payable in found.items() if payable is not None},
        alike=shelf.payment_like(fact) if payment is None else None,
    )


def keep_invoice(shelf: AuditShelf, agreement: Agreement, fact: DeliveryShipped | InvoiceSettled) -> None:
    payable = payable_of(fact, agreement.seller, agreement.buyer)
    if payable is not None:
        shelf.keep_payable(payable)


def keep_payment(shelf: AuditShelf, event: Recorded, fact: PaymentFact) -> None:
    """LookupError where it does not follow on what was said before."""
    before = shelf.payment(fact.payment)
    after = fold(before, event.position, fact)
    shelf.keep_payment(after)
    for part in after.opened.parts:
        payable = shelf.payable(part.invoice)
        if payable is None:
            raise LookupError(f"invoice {part.invoice} was never issued")
        shelf.keep_payable(_moved(payable, before, after))


def _moved(payable: Payable, before: Payment | None, after: Payment) -> Payable:
    sign, invoice = payable.sign(after.opened.payer), payable.invoice
    paid, announced = after.paid.get(invoice, 0), after.announced.get(invoice, 0)
    if before is not None:
        paid -= before.paid.get(invoice, 0)
        announced -= before.announced.get(invoice, 0)
    return payable.moved(received_cents=sign * paid, stated_cents=sign * announced)
