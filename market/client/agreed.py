"""Agreements, their deliveries and invoices as they are answered."""

from datetime import date, datetime
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


class Result(Struct, frozen=True, kw_only=True):
    """An analyte as element in the dry sample; `fraction` with its unit, as it is sent."""

    analyte: str
    fraction: dict[str, Any]


class SettledResult(Struct, frozen=True, kw_only=True):
    """How an analyte's figure came about; a side's figure is None where it kept silent."""

    analyte: str
    seller: dict[str, Any] | None
    buyer: dict[str, Any] | None
    umpire: dict[str, Any] | None
    settled: dict[str, Any]
    by: str
    pays_umpire: str | None


class LodgedAssay(Struct, frozen=True, kw_only=True):
    """`sealed`: lodged, and not shown before both are in or the time is out."""

    laboratory: str | None
    reference: str | None
    results: tuple[Result, ...]
    sealed: bool


class UmpireAssay(Struct, frozen=True, kw_only=True):
    laboratory: str
    reference: str
    cost: Decimal
    certificate: dict[str, Any] | None
    by: str | None
    object_by: datetime | None


class Objection(Struct, frozen=True, kw_only=True):
    by: str
    reason: str
    evidence: tuple[dict[str, Any], ...]


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
    stated: tuple[Result, ...]
    quantity_kg: Decimal
    currency: str
    provisional_invoice: str
    provisional: tuple[InvoiceLine, ...]
    weighed_on: date | None
    exchange_by: datetime | None
    seller_assay: LodgedAssay | None
    buyer_assay: LodgedAssay | None
    settled: tuple[SettledResult, ...]
    to_umpire: tuple[str, ...]
    umpire: UmpireAssay | None
    objection: Objection | None
    title_passed_on: date | None
    rejected: tuple[str, ...]


class Invoice(Struct, frozen=True, kw_only=True):
    """It never changes: what restates it names it. `invoice` is what it is booked by; without `issued_at` and
    `due_on` it was only rehearsed."""

    invoice: str
    issued_at: datetime | None
    due_on: date | None
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
