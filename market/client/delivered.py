"""Answers about deliveries and their invoices."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from market.client.answers import Accepted, Window


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
    """quantity × price = amount + remainder, in the invoice's currency; if negative, the seller pays."""

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
    fraction_percent: Decimal


class SettledResult(Struct, frozen=True, kw_only=True):
    """How an analyte's figure was settled; a side's figure is None if it submitted none."""

    analyte: str
    seller: dict[str, Any] | None
    buyer: dict[str, Any] | None
    umpire: dict[str, Any] | None
    settled: dict[str, Any]
    settled_percent: Decimal
    by: str
    pays_umpire: str | None


class LodgedAssay(Struct, frozen=True, kw_only=True):
    """`sealed`: submitted, and not shown before both are in or the time is over."""

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


class MassObjection(Struct, frozen=True, kw_only=True):
    """`against`: the weighing, or a surveyor's figure."""

    by: str
    against: str
    net_wet_t: Decimal
    moisture_percent: Decimal
    reason: str
    evidence: tuple[dict[str, Any], ...]


class SettledMass(Struct, frozen=True, kw_only=True):
    """Without `surveyor` the other side's figure, which `by` accepted; `by` None: submitted by the
    operator."""

    net_wet_t: Decimal
    moisture_percent: Decimal
    by: str | None
    surveyor: str | None
    reference: str | None
    certificate: dict[str, Any] | None
    object_by: datetime | None


class Weighing(Struct, frozen=True, kw_only=True):
    """What the buyer weighed; differences are dry mass weighed minus dry mass shipped."""

    net_wet_t: Decimal
    moisture_percent: Decimal
    difference_kg: Decimal
    difference_percent: Decimal | None
    evidence: tuple[dict[str, Any], ...]
    object_by: datetime | None
    contested: bool
    objections: tuple[MassObjection, ...]
    settled: SettledMass | None


class NonArrival(Struct, frozen=True, kw_only=True):
    """The buyer's declaration that a lot never arrived. `outcome` None: it is open; `risk`: who bears it."""

    reason: str
    before_handover: bool
    evidence: tuple[dict[str, Any], ...]
    contest_by: datetime
    contest_reason: str | None
    contest_evidence: tuple[dict[str, Any], ...]
    outcome: str | None
    risk: str | None
    settled_by: str | None
    settled_evidence: tuple[dict[str, Any], ...]


class Return(Struct, frozen=True, kw_only=True):
    """The return of an accepted lot or part. `outcome` None: it is open; `freight`: who pays the transport
    back."""

    declared_by: str
    lot_number: str
    passport: str | None
    net_wet_t: Decimal
    moisture_percent: Decimal
    freight: str
    reason: str
    evidence: tuple[dict[str, Any], ...]
    answer_by: datetime | None
    contested_by: str | None
    contest_reason: str | None
    contest_evidence: tuple[dict[str, Any], ...]
    outcome: str | None
    quantity_kg: Decimal
    settled_by: str | None
    settled_evidence: tuple[dict[str, Any], ...]


class Awaited(Struct, frozen=True, kw_only=True):
    """What only the buyer can do next, and from when on it is deemed done."""

    act: str
    act_by: datetime
    called: bool


class Consignment(Struct, frozen=True, kw_only=True):
    """The transport of a shipped lot; `consignment_note` is the number of its transport document."""

    carrier: str | None = None
    consignment_note: str | None = None
    container: str | None = None
    seals: tuple[str, ...] = ()


class Goods(Struct, frozen=True, kw_only=True):
    """What was counted and measured in a shipped lot; null: not stated. `dimensions` are not decoded."""

    pieces: int | None = None
    grade: str | None = None
    shape: str | None = None
    dimensions: tuple[dict[str, Any], ...] = ()
    coating: str | None = None
    flux_percent: Decimal | None = None
    condition: str | None = None


class Wait(Struct, frozen=True, kw_only=True):
    """Who may act next, until when, and what follows if nobody does."""

    side: str
    act: str
    by: datetime | None
    consequence: str


class Delivery(Struct, frozen=True, kw_only=True):
    """`goods`, `claims` (not decoded), `consignment` and `documents` are the seller's statements at shipment;
    `found`, `found_evidence` and `rejected_claims` the grounds of the buyer's rejection."""

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
    claims: dict[str, Any]
    quantity_kg: Decimal
    currency: str
    provisional_invoice: str | None
    provisional: tuple[InvoiceLine, ...]
    weighed_on: date | None
    weighing: Weighing | None
    exchange_by: datetime | None
    seller_assay: LodgedAssay | None
    buyer_assay: LodgedAssay | None
    settled: tuple[SettledResult, ...]
    to_umpire: tuple[str, ...]
    umpire: UmpireAssay | None
    objection: Objection | None
    title_passed_on: date | None
    non_arrival: NonArrival | None
    rejected: tuple[str, ...]
    withdrawn: str | None
    goods: Goods | None
    found: Goods | None
    found_evidence: tuple[dict[str, Any], ...]
    rejected_claims: tuple[str, ...]
    consignment: Consignment | None
    documents: tuple[dict[str, Any], ...]
    replaces: str | None
    made_good_kg: Decimal
    return_freight: str | None
    returns: tuple[Return, ...]
    awaited: Awaited | None
    deemed: tuple[str, ...]
    broken: tuple[str, ...]
    awaits: tuple[Wait, ...]
    shipped_net_wet_t: Decimal
    shipped_moisture_percent: Decimal
    returned_kg: Decimal


class Invoice(Struct, frozen=True, kw_only=True):
    """It never changes: a restatement names it. `invoice` is its number; without `issued_at` and `due_on` it
    comes from a dry run."""

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


class OwnDelivery(Delivery, frozen=True, kw_only=True):
    """A delivery of any agreement; `updated_at`: when its newest step was recorded."""

    market: str
    side: str
    counterparty: str
    counterparty_name: str
    updated_at: datetime | None


class InvoiceAccepted(Accepted, frozen=True, kw_only=True):
    invoice: Invoice
