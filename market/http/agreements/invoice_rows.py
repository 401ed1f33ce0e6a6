"""Invoices as rows of a file, which can be reconciled by it alone."""

from collections.abc import Callable
from typing import Any, Final

from contracts.rules.quantities import QuantityKind
from market.http.agreements.own_invoice_views import OwnInvoiceView
from market.http.wire.row_tables import Column, member

_FIGURES: Final = frozenset(
    {"total", "own_total", "contract_year", "paid", "set_off", "outstanding", "announced", "overdue_days"}
)
_MEMBERS: Final = (
    "invoice",
    "due_on",
    "state",
    "issued_at",
    "settles",
    "side",
    "counterparty",
    "counterparty_name",
    "currency",
    "total",
    "own_total",
    "market",
    "agreement",
    "contract_year",
    "delivery",
    "credited_by",
    "status",
    "overdue_days",
    "paid",
    "set_off",
    "outstanding",
    "announced",
    "settled_on",
    "restates",
    "corrects",
    "lot_number",
    "shipped_on",
    "incoterm",
    "updated_at",
    "seller_reference",
    "seller_dated_on",
    "buyer_reference",
    "buyer_dated_on",
)


def _first(name: str) -> Callable[[OwnInvoiceView], Any]:
    """A member of the line of product."""
    return lambda view: getattr(view.lines[0], name) if view.lines else None


def _edge(name: str) -> Callable[[OwnInvoiceView], Any]:
    return lambda view: None if view.period is None else getattr(view.period, name).date()


def _figure(kind: QuantityKind, name: str) -> Callable[[OwnInvoiceView], Any]:
    return lambda view: next((getattr(each, name) for each in view.quantity if each.kind == kind), None)


COLUMNS: Final[tuple[Column, ...]] = (
    *(member(name, number=name in _FIGURES) for name in _MEMBERS),
    Column("period_start", _edge("start")),
    Column("period_end", _edge("end")),
    Column("line", _first("kind")),
    Column("quantity_kg", _first("quantity_kg"), number=True),
    Column("price_per_kg", _first("price_per_kg"), number=True),
    Column("amount", _first("amount"), number=True),
    Column("shipped_net_wet_t", _figure("net_wet", "shipped"), number=True),
    Column("net_wet_t", _figure("net_wet", "counts"), number=True),
    Column("shipped_moisture_percent", _figure("moisture", "shipped"), number=True),
    Column("moisture_percent", _figure("moisture", "counts"), number=True),
    Column("dry_t", _figure("dry", "counts"), number=True),
    Column("basis_kg", _figure("basis", "counts"), number=True),
    Column("returned_kg", _figure("returned", "counts"), number=True),
)
