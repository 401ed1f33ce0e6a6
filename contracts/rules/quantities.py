"""How the quantity of an invoice was computed: the mass, its dry part, and the basis in it.

Each line has the shipped and the counting figure, and the difference that it makes, in grams of basis and in
cents at the invoice's price: the differences add up exactly.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.rules.delivery import Delivery, DeliveryMass, Return
from contracts.rules.materials import figures
from contracts.rules.price_terms import amount_cents
from contracts.rules.received_masses import dry_g
from events.contract_events import InvoiceSettled
from events.contract_terms import InvoiceLine, SettledAnalyte
from events.delivery_events import DeliveryShipped, DeliveryWeighed
from events.vocabulary import BASIS_ELEMENTS, MarketBasis

QuantityKind = Literal["net_wet", "moisture", "dry", "assay", "basis", "returned", "invoiced"]
FigureOf = Literal[
    "shipped",
    "weighed",
    "deemed",
    "agreed",
    "surveyor",
    "mean",
    "umpire",
    "nearer_party",
    "silence_binds",
    "stated",
]
"""Whose figure counts: for a mass, the shipment's, the buyer's weighing, the deemed one, the agreed one or a
surveyor's; for an assay, how it was settled, or the shipment's."""


class QuantityLine(Struct, frozen=True, kw_only=True):
    """Grams or ppb, by `kind`; `shipped` is the shipped figure, `counts` the invoiced one, `settled` how the
    assays of both sides or the umpire's led to it. `moved_g` of basis and `moved_cents` are the effect of
    `counts` instead of `shipped` on the lines before it; None for lines that only add up, and for provisional
    invoices and credits of returns. `figure_of` None: it follows from other lines."""

    kind: QuantityKind
    analyte: str | None = None
    shipped: int | None
    counts: int
    figure_of: FigureOf | None = None
    settled: SettledAnalyte | None = None
    moved_g: int | None = None
    moved_cents: int | None = None


def quantity_lines(
    delivery: Delivery, basis: MarketBasis, fact: DeliveryShipped | InvoiceSettled
) -> tuple[QuantityLine, ...]:
    """The quantity lines of an invoice of the delivery; empty if it has no product line."""
    if not fact.lines:
        return ()
    product = fact.lines[0]
    if isinstance(fact, DeliveryShipped) or fact.settles in ("rejection", "non_arrival", "withdrawal"):
        return tuple(_as_shipped(delivery, basis, product))
    if fact.settles == "return":
        return tuple(_gone_back(delivery, basis, product))
    return tuple(_as_counted(delivery, basis, product))


def _as_shipped(delivery: Delivery, basis: MarketBasis, product: InvoiceLine) -> Iterator[QuantityLine]:
    shipped = delivery.shipped
    stated = figures(shipped.stated)
    yield from _mass_lines(shipped, None, basis, "shipped")
    for analyte in _counted(basis):
        ppb = stated.get(analyte, 0)
        yield QuantityLine(kind="assay", analyte=analyte, shipped=None, counts=ppb, figure_of="stated")
    yield QuantityLine(kind="invoiced", shipped=None, counts=product.quantity_g)


def _gone_back(delivery: Delivery, basis: MarketBasis, product: InvoiceLine) -> Iterator[QuantityLine]:
    """The lines of a return; without the mass if two returns have the same quantity but different masses."""
    masses = {
        (each.declared.net_wet_g, each.declared.moisture_ppb): each
        for each in delivery.returned
        if each.settled is not None and each.settled.quantity_g == product.quantity_g
    }
    if len(masses) == 1:
        (back,) = masses.values()
        yield from _mass_lines(back, None, basis, "agreed")
        for analyte in _counted(basis):
            yield _assay(delivery, analyte, None)
    yield QuantityLine(kind="returned", shipped=None, counts=product.quantity_g)


def _as_counted(delivery: Delivery, basis: MarketBasis, product: InvoiceLine) -> Iterator[QuantityLine]:
    shipped, counts = delivery.shipped, delivery.mass
    price = None if product.kind == "difference" else product.price_micro_per_kg
    left = figures(shipped.stated)
    found = delivery.fractions_ppb
    before = basis_g = _basis_g(delivery, basis, shipped.net_wet_g, shipped.moisture_ppb, left)
    stands = dict(left)
    for line in _mass_lines(counts, shipped, basis, _figure_of(delivery)):
        if line.kind != "dry":
            moisture_ppb = shipped.moisture_ppb if line.kind == "net_wet" else counts.moisture_ppb
            after = _basis_g(delivery, basis, counts.net_wet_g, moisture_ppb, stands)
            line = _moved(line, basis_g, after, price)
            basis_g = after
        yield line
    for analyte in _counted(basis):
        stands[analyte] = found.get(analyte, 0)
        after = _basis_g(delivery, basis, counts.net_wet_g, counts.moisture_ppb, stands)
        yield _moved(_assay(delivery, analyte, left.get(analyte, 0)), basis_g, after, price)
        basis_g = after
    if _counted(basis):
        yield QuantityLine(kind="basis", shipped=before, counts=basis_g)
    back_g = basis_g - product.quantity_g
    if back_g:
        line = QuantityLine(kind="returned", shipped=None, counts=back_g)
        yield _moved(line, basis_g, product.quantity_g, price)
    yield QuantityLine(kind="invoiced", shipped=shipped.quantity_g, counts=product.quantity_g)


def _counted(basis: MarketBasis) -> tuple[str, ...]:
    return BASIS_ELEMENTS[basis]


def _mass_lines(
    mass: DeliveryMass | Return, shipped: DeliveryShipped | None, basis: MarketBasis, of: FigureOf
) -> Iterator[QuantityLine]:
    """Lines of masses; whole magnets count by their net mass only."""
    stated = mass.declared if isinstance(mass, Return) else mass
    yield QuantityLine(
        kind="net_wet",
        shipped=None if shipped is None else shipped.net_wet_g,
        counts=stated.net_wet_g,
        figure_of=of,
    )
    if _counted(basis):
        yield QuantityLine(
            kind="moisture",
            shipped=None if shipped is None else shipped.moisture_ppb,
            counts=stated.moisture_ppb,
            figure_of=of,
        )
        yield QuantityLine(
            kind="dry",
            shipped=None if shipped is None else dry_g(shipped),
            counts=dry_g(stated),
        )


def _assay(delivery: Delivery, analyte: str, shipped: int | None) -> QuantityLine:
    settled = () if delivery.umpire is None else delivery.umpire.settled
    settled += () if delivery.exchanged is None else delivery.exchanged.settled
    found = next((each for each in settled if each.analyte == analyte), None)
    return QuantityLine(
        kind="assay",
        analyte=analyte,
        shipped=shipped,
        counts=delivery.fractions_ppb.get(analyte, 0),
        figure_of="stated" if found is None else found.by,
        settled=found,
    )


def _figure_of(delivery: Delivery) -> FigureOf:
    mass = delivery.mass
    if isinstance(mass, DeliveryWeighed):
        return "deemed" if mass.deemed is True else "weighed"
    if isinstance(mass, DeliveryShipped):
        return "shipped"
    return "agreed" if mass.survey is UNSET else "surveyor"


def _moved(line: QuantityLine, before_g: int, after_g: int, price: int | None) -> QuantityLine:
    """`price` None: for lines that were invoiced before, which change no money here."""
    cents = None
    if price is not None:
        (before, _), (after, _) = amount_cents(before_g, price), amount_cents(after_g, price)
        cents = after - before
    return replace(line, moved_g=after_g - before_g, moved_cents=cents)


def _basis_g(
    delivery: Delivery, basis: MarketBasis, net_wet_g: int, moisture_ppb: int, fractions_ppb: dict[str, int]
) -> int:
    return replace(
        delivery.counted_in(basis),
        net_wet_g=net_wet_g,
        moisture_ppb=moisture_ppb,
        fractions_ppb=fractions_ppb,
    ).basis_g
