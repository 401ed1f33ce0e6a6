"""Invoices as data: what is owed, line by line."""

from datetime import date
from typing import Literal, NamedTuple, Self

from contracts.rules.invoices import total_cents
from events import contract_terms as terms
from events.contract_events import InvoiceSettled
from events.contract_terms import InvoiceLine, LineKind, Settles
from events.delivery_events import DeliveryShipped
from events.vocabulary import Instant
from market.http.wire.ids import AgreementId, DeliveryId, InvoiceId, to_text
from market.http.wire.material import Body, Window
from market.http.wire.numbers import (
    EXACT_CENTS,
    KILOGRAMS,
    SIGNED_CENTS,
    SIGNED_PRICE,
    ExactCents,
    Kilograms,
    SignedAmount,
    SignedCents,
)
from market.http.wire.term_inputs import in_traders_units


class PriceTermView(Body, frozen=True, kw_only=True):
    """One term of a price per kg: what it adds, and the price after it."""

    rule: str
    per_kg: SignedAmount
    after_per_kg: SignedAmount
    inputs: dict[str, str]
    evidence: tuple[str, ...]

    @classmethod
    def outside(cls, value: terms.FormulaTerm) -> Self:
        return cls(
            rule=value.rule,
            per_kg=SIGNED_PRICE.text(value.micro_per_kg),
            after_per_kg=SIGNED_PRICE.text(value.after_micro_per_kg),
            inputs=in_traders_units(value.rule, value.inputs),
            evidence=value.evidence,
        )


class InvoiceLineView(Body, frozen=True, kw_only=True):
    """quantity × price = amount + remainder, in the invoice's currency; if negative, the seller pays.
    `amount` is rounded to cents half to even: 0.005 to 0.00, 0.015 to 0.02."""

    kind: LineKind
    quantity_kg: Kilograms
    price_per_kg: SignedAmount
    amount: SignedCents
    remainder: ExactCents
    terms: tuple[PriceTermView, ...]

    @classmethod
    def outside(cls, value: InvoiceLine) -> Self:
        return cls(
            kind=value.kind,
            quantity_kg=KILOGRAMS.text(value.quantity_g),
            price_per_kg=SIGNED_PRICE.text(value.price_micro_per_kg),
            amount=SIGNED_CENTS.text(value.amount_cents),
            remainder=EXACT_CENTS.text(value.remainder_micro_g_per_kg),
            terms=tuple(map(PriceTermView.outside, value.terms)),
        )


class IssueView(NamedTuple):
    """When an invoice was recorded, and by which day it is paid."""

    issued_at: Instant
    due_on: date


class InvoiceView(Body, frozen=True, kw_only=True):
    """An invoice as data. It never changes: a restatement names it, and a `provisional` one is credited by
    the final one of its delivery, or by that of its rejection or loss. One that `settles` a `return` credits
    material returned after acceptance.

    `invoice` is its unique number, over all sellers. `issued_at` is when it was recorded, `due_on` that UTC
    day plus `due_days` of the payment clause, counting weekends and holidays. Both are null in a dry run,
    which issues nothing, and with `warnings_unread`.
    """

    invoice: InvoiceId
    issued_at: Instant | None
    due_on: date | None
    agreement: AgreementId
    delivery: DeliveryId | None
    contract_year: int | None
    period: Window | None
    settles: Settles | Literal["provisional"]
    restates: InvoiceId | None
    currency: str
    lines: tuple[InvoiceLineView, ...]
    total: SignedCents

    @classmethod
    def outside(cls, value: InvoiceSettled, issue: IssueView | None) -> Self:
        return cls(
            invoice=to_text("inv", value.invoice),
            issued_at=None if issue is None else issue.issued_at,
            due_on=None if issue is None else issue.due_on,
            agreement=to_text("agr", value.agreement),
            delivery=None if value.delivery is None else to_text("del", value.delivery),
            contract_year=value.year,
            period=None if value.period is None else Window.outside(value.period),
            settles=value.settles,
            restates=None if value.restates is None else to_text("inv", value.restates),
            currency=value.currency,
            lines=tuple(map(InvoiceLineView.outside, value.lines)),
            total=SIGNED_CENTS.text(value.total_cents),
        )

    @classmethod
    def provisional(cls, value: DeliveryShipped, issue: IssueView | None) -> Self:
        """What goes with a shipment."""
        return cls(
            invoice=to_text("inv", value.invoice),
            issued_at=None if issue is None else issue.issued_at,
            due_on=None if issue is None else issue.due_on,
            agreement=to_text("agr", value.agreement),
            delivery=to_text("del", value.delivery),
            contract_year=value.year,
            period=None,
            settles="provisional",
            restates=None,
            currency=value.currency,
            lines=tuple(map(InvoiceLineView.outside, value.lines)),
            total=SIGNED_CENTS.text(total_cents(value.lines)),
        )
