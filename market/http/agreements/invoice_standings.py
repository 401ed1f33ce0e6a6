"""The state of an invoice after payments and credits of its delivery, the same in every list."""

from datetime import date
from typing import Any, Final

from contracts.rules.payment import InvoiceStatus
from contracts.store.own_invoices import IssuedInvoice
from market.http.agreements.invoice_views import InvoiceView
from market.http.wire.ids import InvoiceId, to_text
from market.http.wire.numbers import SIGNED_CENTS, SignedCents

PAID: Final = (
    "`status` says how much of it is paid: what is past its day and not settled has `overdue_days`. A "
    "provisional invoice is due as any other; what `credited_by` names is less by it, and while that is null "
    "the final one is still to come. Credits of a delivery are set off at once against what of it is not "
    "paid."
)


class StandingInvoiceView(InvoiceView, frozen=True, kw_only=True):
    """An invoice, and how much of it is paid. `credited_by`: the invoice that credits a provisional one.

    With the sign of `total`: `paid` was received, `set_off` is set off against others of its delivery,
    `outstanding` is left, 0 since `settled_on`; `announced` waits for the payee's confirmation.
    `overdue_days`: days since `due_on` while something is outstanding, else 0.
    """

    credited_by: InvoiceId | None
    status: InvoiceStatus
    overdue_days: int
    paid: SignedCents
    set_off: SignedCents
    outstanding: SignedCents
    announced: SignedCents
    settled_on: date | None


def standing(row: IssuedInvoice, today: date) -> dict[str, Any]:
    """What `StandingInvoiceView` has beyond the invoice."""
    return {
        "credited_by": None if row.credited_by is None else to_text("inv", row.credited_by),
        "status": row.status,
        "overdue_days": row.overdue_days(today),
        "paid": SIGNED_CENTS.text(row.received_cents),
        "set_off": SIGNED_CENTS.text(row.set_off_cents),
        "outstanding": SIGNED_CENTS.text(row.outstanding_cents),
        "announced": SIGNED_CENTS.text(row.stated_cents),
        "settled_on": row.settled_on,
    }
