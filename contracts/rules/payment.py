"""A payment as its facts have made it: a pure fold, and what of an invoice it leaves to be paid."""

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
"""Nothing follows from such a payment, and another may be stated like it."""


class Payment(Struct, frozen=True, kw_only=True):
    """`version` counts its facts. Without `stated` its payee alone has said that it came; `denied`: that it
    had not, when it was last asked."""

    version: int
    position: int
    stated: PaymentStated | None = None
    received: PaymentReceived | None = None
    denied: PaymentDenied | None = None
    withdrawn: PaymentWithdrawn | None = None
    reversed: PaymentReversed | None = None

    @property
    def opened(self) -> PaymentStated | PaymentReceived:
        """What was said of it first, which says between whom it is."""
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
        """What says how much and when: the payee's word, where it has given it."""
        return self.received or self.opened

    @property
    def paid(self) -> Mapping[UUID, int]:
        """Cents by invoice that have come, in its payer's signs."""
        if self.received is None or self.status != "received":
            return {}
        return {part.invoice: part.amount_cents for part in self.received.parts}

    @property
    def announced(self) -> Mapping[UUID, int]:
        """The same of what waits for the payee's word."""
        if self.status != "stated":
            return {}
        return {part.invoice: part.amount_cents for part in self.opened.parts}


class PaidInvoice(Struct, frozen=True, kw_only=True):
    """What is asked of one invoice, in the payer's signs."""

    invoice: UUID
    amount_cents: int


class Payable(Struct, frozen=True, kw_only=True):
    """An invoice as payments meet it, in cents: above zero its buyer pays.

    `stated_cents` are those of payments that wait for their payee's word.
    """

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
        """The other side of it; None for who is no side."""
        if organisation == self.seller:
            return self.buyer
        return self.seller if organisation == self.buyer else None

    def moved(self, *, received_cents: int, stated_cents: int) -> "Payable":
        """With so much more of both."""
        return replace(
            self,
            received_cents=self.received_cents + received_cents,
            stated_cents=self.stated_cents + stated_cents,
        )

    def sign(self, payer: UUID) -> int:
        """What its cents are multiplied by to be what the payer owes."""
        return 1 if payer == self.buyer else -1


def fold(payment: Payment | None, position: int, fact: PaymentFact) -> Payment:
    """The payment after `fact`. LookupError where it does not follow on what was said before."""
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
"""What a payment is when more is said of it."""


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
    """None: a shipment that its index could not price has no invoice."""
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
    """An invoice among all of its delivery, or one of none by itself.

    `received_on`: the newest value date.
    """

    total_cents: int
    received_cents: int
    issued_on: date
    received_on: date | None


class Standing(Struct, frozen=True, kw_only=True):
    """What of an invoice the others of its delivery take back, and the day since which nothing is open.

    `open`: no money came, though others may have taken some back. `part_paid`: some came. `set_off`: met by
    others alone.
    """

    status: InvoiceStatus
    set_off_cents: int
    settled_on: date | None


def standings(invoices: Sequence[OfDelivery]) -> list[Standing]:
    """Of invoices of one delivery, in the order of issue: credits meet what is unpaid, the oldest first.

    What is set off adds up to nothing, and leaves each with no sign but its own.
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
    """The newest of the days of what has settled it: money, and invoices of the other sign."""
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
