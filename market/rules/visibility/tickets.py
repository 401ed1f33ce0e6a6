"""The trade ticket: from wet tonnes to kilograms of basis, from ask to price, as a trader reads it."""

from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.price_terms import round_half_even
from events.clearing_terms import TradeReference
from events.forecast_terms import ForecastMark
from events.fractions import percent_text
from events.market_events import MatchStruck
from events.market_terms import SupplyTerms
from events.vocabulary import (
    BASIS_ELEMENTS,
    PPB,
    ConvertedPrice,
    Incoterm,
    InputReference,
    MarketBasis,
    MassBasis,
    Packaging,
    PackagingUnit,
    Period,
    Place,
    ProductForm,
    StatedPrice,
    form_text,
)
from market.rules.orders.forecast_supply import mark_text
from market.rules.quantities import element_fractions, ueur_per_product_kg
from market.rules.refusing.ineligibility import period_text

TONNE_G: Final = 1_000_000
PACKAGES: Final[dict[PackagingUnit, tuple[str, str]]] = {
    "big_bag": ("big bag", "big bags"),
    "drum": ("drum", "drums"),
    "pallet": ("pallet", "pallets"),
    "box": ("box", "boxes"),
    "container": ("container", "containers"),
    "bulk": ("load in bulk", "loads in bulk"),
    "piece": ("piece", "pieces"),
}
"""One, and several."""


class TicketAnalyte(Struct, frozen=True, kw_only=True):
    """Share of a basis element in the sample, dry or as received, in ppb."""

    element: str
    fraction_ppb: int


class Ticket(Struct, frozen=True, kw_only=True):
    """A trade in the units its sides think in. Micro-EUR per kg; the ask is None for who may not see it.

    `of_reference_ppb` is the price over the dated reference price, None without one.
    """

    match: UUID
    basis: MarketBasis
    form: ProductForm
    product_wet_g: int
    moisture_ppb: int
    product_dry_g: int
    assay_basis: MassBasis
    analytes: tuple[TicketAnalyte, ...]
    quantity_basis_g: int
    ask: ConvertedPrice | None
    ask_ueur_per_product_kg: int | None
    price_ueur_per_kg: int
    price_ueur_per_product_kg: int
    amount_cents_eur: int
    reference: TradeReference | None
    of_reference_ppb: int | None
    incoterm: Incoterm
    place: Place
    tranche: int
    delivery: Period
    packaging: Packaging
    packages_thousandths: int
    forecast: ForecastMark | None = None


def ticket(struck: MatchStruck, terms: SupplyTerms, basis: MarketBasis) -> Ticket:
    """The ticket of a match, whole; `visibility` takes out what a viewer may not see."""
    fractions = element_fractions(terms.composition)
    ask, price = terms.ask.ueur_per_kg, struck.price_ueur_per_kg
    reference = struck.reference
    return Ticket(
        match=struck.match,
        basis=basis,
        form=struck.form,
        product_wet_g=struck.product_wet_g,
        moisture_ppb=terms.moisture_ppb,
        product_dry_g=struck.product_dry_g,
        assay_basis=terms.composition.basis,
        analytes=tuple(
            TicketAnalyte(element=element, fraction_ppb=fractions[element])
            for element in BASIS_ELEMENTS[basis]
            if element in fractions
        ),
        quantity_basis_g=struck.quantity_basis_g,
        ask=terms.ask,
        ask_ueur_per_product_kg=ueur_per_product_kg(ask, terms.basis_g, terms.net_wet_g),
        price_ueur_per_kg=price,
        price_ueur_per_product_kg=ueur_per_product_kg(price, terms.basis_g, terms.net_wet_g),
        amount_cents_eur=struck.amount_cents_eur,
        reference=reference,
        of_reference_ppb=None
        if reference is None or reference.ueur_per_kg <= 0
        else round_half_even(price * PPB, reference.ueur_per_kg),
        incoterm=struck.incoterm,
        place=struck.place,
        tranche=struck.tranche,
        delivery=struck.delivery,
        packaging=terms.packaging,
        packages_thousandths=struck.packages_thousandths,
        forecast=None if struck.forecast is UNSET else struck.forecast,
    )


def ticket_lines(of: Ticket) -> tuple[tuple[str, str], ...]:
    """Label and text of each line, top to bottom."""
    ahead = [] if of.forecast is None else [("forecast, not there yet", mark_text(of.forecast))]
    kg_of = "contained" if BASIS_ELEMENTS[of.basis] else "whole magnets,"
    lines = [
        ("product", form_text(of.form)),
        *ahead,
        ("net wet", _mass_text(of.product_wet_g)),
        ("moisture", percent_text(of.moisture_ppb)),
        ("net dry", _mass_text(of.product_dry_g)),
    ]
    sample = "dry" if of.assay_basis == "dry" else "as received"
    lines += [(f"{each.element}, {sample}", percent_text(each.fraction_ppb)) for each in of.analytes]
    lines.append(("basis", f"{decimal_text(of.quantity_basis_g, 3, 3)} kg {kg_of} {of.basis}"))
    if of.ask is not None and of.ask_ueur_per_product_kg is not None:
        lines += [
            ("ask as stated", stated_text(of.ask.stated)),
            *([] if of.ask.fx is None else [("ask FX", fx_text(of.ask.fx))]),
            ("ask per product kg, wet", eur_text(of.ask_ueur_per_product_kg)),
            ("ask per basis kg", eur_text(of.ask.ueur_per_kg)),
        ]
    lines += [
        ("price per basis kg", eur_text(of.price_ueur_per_kg)),
        ("price per product kg, wet", eur_text(of.price_ueur_per_product_kg)),
        ("amount", f"{decimal_text(of.amount_cents_eur, 2, 2)} EUR"),
        *_reference_lines(of),
        ("delivery term", f"{of.incoterm} {of.place.name}, {of.place.country} (Incoterms 2020)"),
        ("tranche", f"{of.tranche + 1}: {period_text(of.delivery)}"),
        ("packages", packages_text(of.packages_thousandths, of.packaging.unit)),
        ("package", f"{decimal_text(of.packaging.package_wet_g, 3, 3)} kg net"),
    ]
    return tuple(lines)


def _reference_lines(of: Ticket) -> list[tuple[str, str]]:
    if of.reference is None or of.of_reference_ppb is None:
        return [("reference", "none recorded")]
    lines = [
        ("reference", f"{of.reference.code} {stated_text(of.reference.price)}, as of {of.reference.as_of}"),
        ("reference per basis kg", eur_text(of.reference.ueur_per_kg)),
        ("price in % of reference", f"{decimal_text(of.of_reference_ppb, 7, 2)} %"),
    ]
    if of.reference.fx is not None:
        lines.insert(1, ("reference FX", fx_text(of.reference.fx)))
    return lines


def eur_text(ueur_per_kg: int) -> str:
    return f"{decimal_text(ueur_per_kg, 6, 6)} EUR/kg"


def stated_text(price: StatedPrice) -> str:
    return f"{decimal_text(price.amount_micro, 6, 2)} {price.currency} per kg {price.per}"


def fx_text(fx: InputReference) -> str:
    """`FX:USD 0.920000 EUR (input 12)`: the rate and the lane position of its record."""
    return f"{fx.code} {decimal_text(fx.value_micro, 6, 6)} EUR (input {fx.position})"


def packages_text(thousandths: int, unit: PackagingUnit) -> str:
    """`25 big bags`, `1 drum`; whole packages without decimals."""
    one, several = PACKAGES[unit]
    number = decimal_text(thousandths, 3, 3 if thousandths % 1_000 else 0)
    return f"{number} {one if thousandths == 1_000 else several}"


def _mass_text(mass_g: int) -> str:
    """Below a tonne to the gram, which three decimals of a tonne would hide."""
    return f"{decimal_text(mass_g, 6, 3)} t" if mass_g >= TONNE_G else f"{decimal_text(mass_g, 3, 3)} kg"


def decimal_text(value: int, digits: int, shown: int) -> str:
    """`value` × 10^−digits with `shown` decimals, rounded half to even."""
    scaled = round_half_even(value, 10 ** (digits - shown))
    whole, rest = divmod(abs(scaled), 10**shown)
    text = f"{whole:,}.{rest:0{shown}d}" if shown else f"{whole:,}"
    return f"-{text}" if scaled < 0 else text
