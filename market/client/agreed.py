"""Agreements, their deliveries and invoices as they are answered."""

from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from market.client.answers import Accepted, Window


class AgreementAccepted(Accepted, frozen=True, kw_only=True):
    """`version` is what the next step is meant for."""

    version: int
    id: str | None = None
    status: str | None = None
    proposal: int | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """Terms on the table or in force, who has signed them and as what."""

    proposal: int
    by: str | None
    note: str | None
    seller: str | None
    buyer: str | None
    terms: dict[str, Any]
    terms_sha256: str


class AgreementSummary(Struct, frozen=True, kw_only=True):
    id: str
    market: str
    kind: str
    status: str
    version: int
    side: str | None
    seller: str
    buyer: str
    match: str | None
    starts_on: date | None
    ends_on: date | None


class Agreement(AgreementSummary, frozen=True, kw_only=True):
    standing: Proposal | None
    on_table: Proposal | None


class NominationAccepted(Accepted, frozen=True, kw_only=True):
    """`year`: which contract year it counts in."""

    year: int
    id: str | None = None


class DeliveryAccepted(Accepted, frozen=True, kw_only=True):
    id: str | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    id: str
    agreement: str
    version: int
    status: str
    contract_year: int
    lot_number: str
    passport: str | None
    form: str
    shipped_on: date
    net_wet_t: Decimal
    moisture_percent: Decimal
    quantity_kg: Decimal
    currency: str
    weighed_on: date | None
    title_passed_on: date | None
    rejected: tuple[str, ...]


class PriceLine(Struct, frozen=True, kw_only=True):
    """One term of a price per kg: what it adds, and the price after it."""

    rule: str
    per_kg: Decimal
    after_per_kg: Decimal
    inputs: dict[str, str]
    evidence: tuple[str, ...]


class InvoiceLine(Struct, frozen=True, kw_only=True):
    """quantity × price = amount + remainder, in the invoice's currency; below zero the seller pays."""

    kind: str
    quantity_kg: Decimal
    price_per_kg: Decimal
    amount: Decimal
    remainder: Decimal
    terms: tuple[PriceLine, ...]


class Invoice(Struct, frozen=True, kw_only=True):
    """It never changes: what restates it names it."""

    invoice: str
    agreement: str
    delivery: str | None
    contract_year: int | None
    period: Window | None
    settles: str
    restates: str | None
    currency: str
    lines: tuple[InvoiceLine, ...]
    total: Decimal


class InvoiceAccepted(Accepted, frozen=True, kw_only=True):
    invoice: Invoice
