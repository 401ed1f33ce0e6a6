"""How the quantity of an invoice was computed, line by line, for its sides."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from msgspec import Meta

from contracts.rules.quantities import FigureOf, QuantityKind, QuantityLine
from events.contract_terms import AnalyteResult
from market.http.agreements.delivery_views import SettledResult
from market.http.wire.material import Body
from market.http.wire.numbers import (
    KILOGRAMS,
    PERCENT,
    SIGNED_CENTS,
    SIGNED_KILOGRAMS,
    TONNES,
    DecimalKind,
    SignedCents,
    SignedKilograms,
)

Unit = Literal["t", "percent", "kg"]
_KINDS: Final[dict[QuantityKind, tuple[Unit, DecimalKind]]] = {
    "net_wet": ("t", TONNES),
    "moisture": ("percent", PERCENT),
    "dry": ("t", TONNES),
    "assay": ("percent", PERCENT),
    "basis": ("kg", KILOGRAMS),
    "returned": ("kg", KILOGRAMS),
    "invoiced": ("kg", KILOGRAMS),
}
Figure = Annotated[str, Meta(description="Decimal string, in `unit`.", max_length=20)]


class QuantityLineView(Body, frozen=True, kw_only=True):
    """`shipped` is the shipped figure, null for provisional invoices and credits of returns; `counts` is the
    invoiced figure, and `figure_of` says whose it is.

    `moved_kg` of basis and `moved_amount` are the effect of `counts` instead of `shipped`: from the shipped
    quantity they add up to the invoiced one, at the price of the first line. `settled`: the figures of both
    sides and the umpire.
    """

    kind: QuantityKind
    analyte: str | None
    unit: Unit
    shipped: Figure | None
    counts: Figure
    figure_of: FigureOf | None
    settled: SettledResult | None
    moved_kg: SignedKilograms | None
    moved_amount: SignedCents | None

    @classmethod
    def of(cls, value: QuantityLine, stated: Sequence[AnalyteResult]) -> Self:
        """`stated`: of the shipment."""
        unit, kind = _KINDS[value.kind]
        return cls(
            kind=value.kind,
            analyte=value.analyte,
            unit=unit,
            shipped=kind.text_optional(value.shipped),
            counts=kind.text(value.counts),
            figure_of=value.figure_of,
            settled=None if value.settled is None else SettledResult.outside(value.settled, stated),
            moved_kg=SIGNED_KILOGRAMS.text_optional(value.moved_g),
            moved_amount=SIGNED_CENTS.text_optional(value.moved_cents),
        )
