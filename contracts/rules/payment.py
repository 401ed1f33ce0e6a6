"""The state of a payment: a pure fold of its facts, and what remains to be paid of an invoice."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.contract_events import InvoiceSettled
from events.delivery_events import DeliveryShipped
from events.facts import PaymentFact
from events.payment_events import (
    PaymentDenied,
    PaymentPart,
    PaymentReceived,
    PaymentReversed,
    PaymentStated,
    PaymentWithdrawn,
)

PaymentStatus = Literal["stated", "denied", "received", "withdrawn", "reversed"]
InvoiceStatus = Literal["open", "part_paid", "paid", "set_off"]
OVER: Final[frozenset[PaymentStatus]] = frozenset({"withdrawn", "reversed"})
"""Statuses in which a payment has no effect, and an equal one may be stated."""


class Payment(Struct, frozen=True, kw_only=True):
    """`version` counts its facts. Without `stated`, only the payee has recorded it; `denied`: the payee's
    newest answer was that it has not arrived."""

    version: int
    position: int
    stated: PaymentStated | None = None
    received: PaymentReceived | None = None
    denied: PaymentDenied | None = None
    withdrawn: PaymentWithdrawn | None = None
    reversed: PaymentReversed | None = None

    @property
    def opened(self) -> PaymentStated | PaymentReceived:
        """Its first fact, which states payer and payee."""
        first = self.stated or self.received
        assert first is not None
        return first

    @property
    def status(self) -> PaymentStatus:
        if self.withdrawn is not None:
            return "withdrawn"
        if self.reversed is not None:
            return "reversed"
        if self.received is not None:
            return "received"
        return "stated" if self.denied is None else "denied"

    @property
    def counts(self) -> PaymentStated | PaymentReceived:
        """The fact with the amount and day that count: the payee's confirmation, if there is one."""
        return self.received or self.opened

    @property
    def paid(self) -> Mapping[UUID, int]:
        """Cents received by invoice; positive: the payer owes it."""
        if self.received is None or self.status != "received":
            return {}
        return {part.invoice: part.amount_cents for part in self.received.parts}

    @property
    def announced(self) -> Mapping[UUID, int]:
        """The same for amounts that wait for the payee's confirmation."""
        if self.status != "stated":
            return {}
        return {part.invoice: part.amount_cents for part in self.opened.parts}


class PaidInvoice(Struct, frozen=True, kw_only=True):
    """The part of a payment for one invoice; positive: the payer owes it."""

    invoice: UUID
    amount_cents: int


class Payable(Struct, frozen=True, kw_only=True):
    """An invoice and its payments, in cents; positive: the buyer pays. `stated_cents` are payments that wait
    for the payee's confirmation."""

    market: UUID
    agreement: UUID
    invoice: UUID
    seller: UUID
    buyer: UUID
    currency: str
    total_cents: int
    received_cents: int = 0
    stated_cents: int = 0

    def other_than(self, organisation: UUID) -> UUID | None:
        """The other side of the invoice; None if the organisation is no side of it."""
        if organisation == self.seller:
            return self.buyer
        return self.seller if organisation == self.buyer else None

    def moved(self, *, received_cents: int, stated_cents: int) -> "Payable":
        """With these amounts added."""
        return replace(
            self,
            received_cents=self.received_cents + received_cents,
            stated_cents=self.stated_cents + stated_cents,
        )

    def sign(self, payer: UUID) -> int:
        """The factor (1 or −1) that converts its cents to what the payer owes."""
        return 1 if payer == self.buyer else -1


def fold(payment: Payment | None, position: int, fact: PaymentFact) -> Payment:
    """The payment after `fact`. LookupError when the fact does not fit its state."""
    if payment is None:
        if not isinstance(fact, PaymentStated | PaymentReceived):
            raise LookupError(f"payment {fact.payment} was never stated")
        if isinstance(fact, PaymentStated):
            return Payment(version=1, position=position, stated=fact)
        return Payment(version=1, position=position, received=fact)
    if isinstance(fact, PaymentStated) or payment.status not in BEFORE[type(fact)]:
        raise LookupError(f"payment {fact.payment} is {payment.status}")
    return replace(payment, version=payment.version + 1, position=position, **_change(fact))


BEFORE: Final[Mapping[type[Struct], frozenset[PaymentStatus]]] = {
    PaymentReceived: frozenset({"stated", "denied"}),
    PaymentDenied: frozenset({"stated"}),
    PaymentWithdrawn: frozenset({"stated", "denied"}),
    PaymentReversed: frozenset({"received"}),
}
"""The statuses in which each fact can follow."""


def _change(
    fact: PaymentReceived | PaymentDenied | PaymentWithdrawn | PaymentReversed,
) -> Mapping[str, Struct]:
    match fact:
        case PaymentReceived():
            return {"received": fact}
        case PaymentDenied():
            return {"denied": fact}
        case PaymentWithdrawn():
            return {"withdrawn": fact}
        case PaymentReversed():
            return {"reversed": fact}
        case _:
            assert_never(fact)


def payable_of(fact: DeliveryShipped | InvoiceSettled, seller: UUID, buyer: UUID) -> Payable | None:
    """The payable of a fact; None for a shipment without a provisional invoice, since its index had no
    value."""
    if isinstance(fact, DeliveryShipped) and not fact.lines:
        return None
    return Payable(
        market=fact.market,
        agreement=fact.agreement,
        invoice=fact.invoice,
        seller=seller,
        buyer=buyer,
        currency=fact.currency,
        total_cents=sum(each.amount_cents for each in fact.lines),
    )


class OfDelivery(Struct, frozen=True, kw_only=True):
    """An invoice, among all invoices of its delivery, or one without a delivery. `received_on`: the newest
    value date."""

    total_cents: int
    received_cents: int
    issued_on: date
    received_on: date | None


class Standing(Struct, frozen=True, kw_only=True):
    """How much of an invoice is set off against others of its delivery, and the day since which nothing is
    open. `open`: no money received, though a part may be set off. `part_paid`: some received. `set_off`:
    fully set off, without money."""

    status: InvoiceStatus
    set_off_cents: int
    settled_on: date | None


def standings(invoices: Sequence[OfDelivery]) -> list[Standing]:
    """The standings of one delivery's invoices, in order of issue: credits are set off against what is
    unpaid, the oldest first.

    The set-offs add up to zero, and never change the sign of an invoice's rest.
    """
    unpaid = [each.total_cents - each.received_cents for each in invoices]
    met = _met(unpaid)
    return [
        Standing(
            status=_status(each.received_cents, cents, left=left - cents),
            set_off_cents=cents,
            settled_on=None if left != cents else _settled_on(each, cents, invoices, met),
        )
        for each, left, cents in zip(invoices, unpaid, met, strict=True)
    ]


def _status(received_cents: int, set_off_cents: int, *, left: int) -> InvoiceStatus:
    if left:
        return "part_paid" if received_cents else "open"
    return "set_off" if set_off_cents and not received_cents else "paid"


def _settled_on(
    of: OfDelivery, set_off_cents: int, invoices: Sequence[OfDelivery], met: Sequence[int]
) -> date:
    """The newest day of what settled it: payments and invoices of the opposite sign."""
    days = [of.issued_on if of.received_on is None else of.received_on]
    if set_off_cents:
        days.append(of.issued_on)
        days += [
            each.issued_on for each, cents in zip(invoices, met, strict=True) if cents * set_off_cents < 0
        ]
    return max(days)


def _met(unpaid: Sequence[int]) -> list[int]:
    left_of_charges = left_of_credits = min(
        sum(cents for cents in unpaid if cents > 0), -sum(cents for cents in unpaid if cents < 0)
    )
    found = []
    for cents in unpaid:
        if cents > 0:
            taken = min(cents, left_of_charges)
            left_of_charges -= taken
        else:
            taken = -min(-cents, left_of_credits)
            left_of_credits += taken
        found.append(taken)
    return found


def agreements_of(parts: Iterable[PaymentPart]) -> list[UUID]:
    """Each once, in order."""
    return sorted({part.agreement for part in parts})
