"""Lines of invoices: quantity × price, rounded half to even to cents, with the remainder of the rounding.

For every line with a quantity: quantity × price = cents × 10⁷ + remainder, in gram·micro per kg.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from uuid import UUID

from contracts.rules.agreement import Agreement
from contracts.rules.days import day_of
from contracts.rules.price_refusals import AmountTooLarge
from contracts.rules.price_terms import amount_cents
from contracts.rules.prices import Priced
from events.contract_events import InvoiceSettled
from events.contract_terms import InvoiceLine, LineKind, Settles
from events.decision import Moment
from events.delivery_events import DeliveryShipped
from events.fractions import decimal_text
from events.refusal import Caution
from events.vocabulary import INTEGER_MAX, MICRO


def line(kind: LineKind, quantity_g: int, price: Priced) -> InvoiceLine:
    """A priced line. AmountTooLarge when the amount exceeds the bounds of the record."""
    cents, remainder = amount_cents(quantity_g, price.micro_per_kg)
    if abs(cents) > INTEGER_MAX:
        raise AmountTooLarge(figure=f"{cents} cents")
    return InvoiceLine(
        kind=kind,
        quantity_g=quantity_g,
        price_micro_per_kg=price.micro_per_kg,
        amount_cents=cents,
        remainder_micro_g_per_kg=remainder,
        terms=price.terms,
    )


def credit(provisional: InvoiceLine) -> InvoiceLine:
    """The line that credits a provisional invoice."""
    return InvoiceLine(
        kind="provisional_credit",
        quantity_g=provisional.quantity_g,
        price_micro_per_kg=-provisional.price_micro_per_kg,
        amount_cents=-provisional.amount_cents,
        remainder_micro_g_per_kg=-provisional.remainder_micro_g_per_kg,
    )


def credited(shipped: DeliveryShipped, moment: Moment, settles: Settles) -> tuple[InvoiceSettled, ...]:
    """The invoice that credits a shipment's provisional invoice, if there was one, when nothing else is to be
    paid."""
    lines = tuple(map(credit, shipped.lines))
    if not lines:
        return ()
    return (of_delivery(shipped, moment.new_id(), settles, lines),)


def of_delivery(
    shipped: DeliveryShipped,
    invoice: UUID,
    settles: Settles,
    lines: tuple[InvoiceLine, ...],
    restates: UUID | None = None,
) -> InvoiceSettled:
    return InvoiceSettled(
        market=shipped.market,
        agreement=shipped.agreement,
        invoice=invoice,
        delivery=shipped.delivery,
        year=shipped.year,
        restates=restates,
        settles=settles,
        currency=shipped.currency,
        lines=lines,
        total_cents=total_cents(lines),
    )


def umpire_cost(buyer_cents: int) -> tuple[InvoiceLine, ...]:
    """The seller pays the umpire; this line charges the buyer's share."""
    return (InvoiceLine(kind="umpire_cost", amount_cents=buyer_cents),) if buyer_cents else ()


def difference(settled: InvoiceLine, price: Priced) -> InvoiceLine:
    """The line that a restated price adds to a settled line, so that both together equal the line at that
    price."""
    restated = line("difference", settled.quantity_g, price)
    return InvoiceLine(
        kind="difference",
        quantity_g=settled.quantity_g,
        price_micro_per_kg=price.micro_per_kg - settled.price_micro_per_kg,
        amount_cents=restated.amount_cents - settled.amount_cents,
        remainder_micro_g_per_kg=restated.remainder_micro_g_per_kg - settled.remainder_micro_g_per_kg,
        terms=price.terms,
    )


def returned_line(paid: InvoiceLine, quantity_g: int) -> InvoiceLine:
    """The credit for a quantity of a settled line: both together equal the line for the rest."""
    rest = line(paid.kind, paid.quantity_g - quantity_g, Priced(paid.price_micro_per_kg, ()))
    return InvoiceLine(
        kind="return_credit",
        quantity_g=quantity_g,
        price_micro_per_kg=-paid.price_micro_per_kg,
        amount_cents=rest.amount_cents - paid.amount_cents,
        remainder_micro_g_per_kg=rest.remainder_micro_g_per_kg - paid.remainder_micro_g_per_kg,
    )


def below_zero_cautions(lines: Iterable[InvoiceLine]) -> Iterator[Caution]:
    """Warnings about product lines below zero, for which the seller would pay."""
    for each in lines:
        if each.kind in ("provisional", "final") and each.price_micro_per_kg < 0:
            yield Caution(
                code="price_below_zero",
                text=f"The price comes to {decimal_text(each.price_micro_per_kg, MICRO)} per kg: the seller "
                "pays the buyer for what it delivers.",
                pointer="",
            )


def due_on(agreement: Agreement, issued_at: datetime, shipped_on: date | None) -> date:
    """The due day: `due_days` calendar days after the day of issue, by the terms of the shipment; for an
    invoice without a shipment, by those in force on the day of issue. LookupError before anything was
    signed."""
    issued_on = day_of(issued_at)
    terms = agreement.paid_on(issued_on) if shipped_on is None else agreement.terms_on(shipped_on)
    return issued_on + timedelta(days=terms.payment.due_days)


def total_cents(lines: Iterable[InvoiceLine]) -> int:
    return sum(each.amount_cents for each in lines)


def settled_lines(invoices: Iterable[InvoiceSettled], kind: LineKind) -> list[InvoiceLine]:
    """The priced lines in their current state: each with all later differences and credits."""
    found: list[InvoiceLine] = []
    for invoice in invoices:
        found += [each for each in invoice.lines if each.kind == kind]
        changes = [each for each in invoice.lines if each.kind in ("difference", "return_credit")]
        for place, (settled, each) in enumerate(zip(found, changes, strict=False)):
            goes_back = each.kind == "return_credit"
            found[place] = InvoiceLine(
                kind=kind,
                quantity_g=settled.quantity_g - (each.quantity_g if goes_back else 0),
                price_micro_per_kg=settled.price_micro_per_kg + (0 if goes_back else each.price_micro_per_kg),
                amount_cents=settled.amount_cents + each.amount_cents,
                remainder_micro_g_per_kg=settled.remainder_micro_g_per_kg + each.remainder_micro_g_per_kg,
            )
    return found
