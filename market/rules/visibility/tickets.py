"""The trade ticket: from wet tonnes to kilograms of basis, from ask to price, as a trader reads it."""

from fractions import Fraction
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.price_terms import round_half_even
from events.clearing_terms import TradeReference
from events.forecast_terms import ForecastMark
from events.fractions import decimal_text as ratio_text
from events.fractions import percent_text
from events.market_events import MatchStruck
from events.market_terms import RequirementTerms, SupplyTerms
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
from market.rules.goods import pieces_of
from market.rules.orders.forecast_supply import mark_text
from market.rules.quantities import (
    UNPACKED_UNITS,
    element_fractions,
    requirement_kg_per_basis_kg,
    supply_kg_per_basis_kg,
    ueur_per_product_kg,
)
from market.rules.refusing.ineligibility import period_text
from market.rules.visibility.term_matches import TermOfMatch

TONNE_G: Final = 1_000_000
UEUR_PER_CENT: Final = 10_000
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


class TicketFigure(Struct, frozen=True, kw_only=True):
    """An ask or a limit, and its conversion per kg of basis: `basis_ppb` is kg of basis in one kg of its
    denominator."""

    price: ConvertedPrice
    basis_ppb: int
    ueur_per_product_kg: int


class Ticket(Struct, frozen=True, kw_only=True):
    """A trade in the units of its sides. Micro-EUR per kg; ask and limit are None for viewers who may not see
    them.

    `packages_thousandths` is None for product in bulk of which no load is stated. `of_reference_ppb` is the
    price over the dated reference price, None without one. `pieces`: whole ones in it, where they are known
    to the viewer. With a `term` quantities are of a contract year at plateau, prices differentials to its
    index.
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
    ask: TicketFigure | None
    limit: TicketFigure | None
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
    packages_thousandths: int | None
    forecast: ForecastMark | None = None
    term: TermOfMatch | None = None
    pieces: int | None = None


def ticket(
    struck: MatchStruck,
    terms: SupplyTerms,
    requirement: RequirementTerms,
    basis: MarketBasis,
    term: TermOfMatch | None = None,
) -> Ticket:
    """The complete ticket of a match; `visibility` removes what a viewer may not see."""
    fractions = element_fractions(terms.composition)
    price, reference = struck.price_ueur_per_kg, struck.reference
    of_sample = basis, terms.moisture_ppb, terms.composition
    ask_kg = supply_kg_per_basis_kg(terms.ask.stated.per, *of_sample)
    limit_kg = requirement_kg_per_basis_kg(requirement.limit.stated.per, basis)
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
        ask=_figure(terms.ask, ask_kg, terms),
        limit=_figure(requirement.limit, limit_kg, terms),
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
        packages_thousandths=None if _is_one_load(terms) else struck.packages_thousandths,
        forecast=None if struck.forecast is UNSET else struck.forecast,
        term=term,
        pieces=pieces_of(terms, struck.product_wet_g) or None,
    )


def _is_one_load(terms: SupplyTerms) -> bool:
    """Whether the order names no mass by which to count."""
    return terms.packaging.unit in UNPACKED_UNITS and terms.packaging.package_wet_g == terms.net_wet_g


def _figure(price: ConvertedPrice, kg_per_basis_kg: Fraction | None, terms: SupplyTerms) -> TicketFigure:
    # it was converted when it was posted
    assert kg_per_basis_kg is not None
    return TicketFigure(
        price=price,
        basis_ppb=round_half_even(kg_per_basis_kg.denominator * PPB, kg_per_basis_kg.numerator),
        ueur_per_product_kg=ueur_per_product_kg(price.ueur_per_kg, terms.basis_g, terms.net_wet_g),
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
    a_year = "" if of.term is None else " a year at plateau"
    lines += [
        ("basis", f"{decimal_text(of.quantity_basis_g, 3, 3)} kg {kg_of} {of.basis}{a_year}"),
        *_figure_lines("ask", of.ask, of),
        *_figure_lines("limit", of.limit, of),
        *_price_lines(of),
        ("delivery term", f"{of.incoterm} {of.place.name}, {of.place.country} (Incoterms 2020)"),
        ("tranche", f"{of.tranche + 1}: {period_text(of.delivery)}"),
        *_package_lines(of),
    ]
    return tuple(lines)


def _figure_lines(name: str, figure: TicketFigure | None, of: Ticket) -> list[tuple[str, str]]:
    """Lines of a figure: stated price × FX ÷ factor is the price per kg of basis."""
    if figure is None:
        return []
    price, on_index = figure.price, "" if of.term is None else f", on {of.term.index}"
    lines = [(f"{name} as stated", f"{stated_text(price.stated)}{on_index}")]
    if price.fx is not None:
        lines.append((f"{name} FX", fx_text(price.fx)))
    if figure.basis_ppb != PPB:
        lines.append(
            (f"{name} factor", f"{ratio_text(figure.basis_ppb, PPB)} kg basis in a kg {price.stated.per}")
        )
    return [
        *lines,
        (f"{name} per product kg, wet", eur_text(figure.ueur_per_product_kg)),
        (f"{name} per basis kg", eur_text(price.ueur_per_kg)),
    ]


def _price_lines(of: Ticket) -> list[tuple[str, str]]:
    amount = f"{decimal_text(of.amount_cents_eur, 2, 2)} EUR"
    if of.term is not None:
        return [
            *_term_lines(of.term),
            ("differential per basis kg", eur_text(of.price_ueur_per_kg)),
            ("differential per product kg, wet", eur_text(of.price_ueur_per_product_kg)),
            ("differential of a year at plateau", amount),
        ]
    return [
        ("price per basis kg", eur_text(of.price_ueur_per_kg)),
        ("price per product kg, wet", eur_text(of.price_ueur_per_product_kg)),
        ("amount", amount),
        *_piece_lines(of),
        *_reference_lines(of),
    ]


def _piece_lines(of: Ticket) -> list[tuple[str, str]]:
    """The amount over the pieces."""
    if of.pieces is None:
        return []
    ueur = round_half_even(of.amount_cents_eur * UEUR_PER_CENT, of.pieces)
    return [("pieces", f"{of.pieces:,}"), ("price per piece", f"{decimal_text(ueur, 6, 6)} EUR")]


def _term_lines(of: TermOfMatch) -> list[tuple[str, str]]:
    years = range(of.start_year, of.start_year + of.years)
    lines = [
        ("price", f"index {of.index} plus the differential"),
        ("contract years", f"{years[0]} to {years[-1]}" if len(years) > 1 else str(years[0])),
    ]
    if of.horizon is not None:
        shares = zip(years, of.horizon.profile_ppb, strict=True)
        lines += [
            ("profile", ", ".join(f"{year} {percent_text(share)}" for year, share in shares)),
            ("quotation period", of.horizon.quotation_period),
        ]
    return lines


def _package_lines(of: Ticket) -> list[tuple[str, str]]:
    if of.packages_thousandths is None:
        return [("packages", "in bulk")]
    return [
        ("packages", packages_text(of.packages_thousandths, of.packaging.unit)),
        ("package", f"{decimal_text(of.packaging.package_wet_g, 3, 3)} kg net"),
    ]


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
    """All stated decimals, at least two, so that it can be used in calculations."""
    amount = price.amount_micro
    shown = next(shown for shown in range(2, 7) if amount % 10 ** (6 - shown) == 0)
    return f"{decimal_text(amount, 6, shown)} {price.currency} per kg {price.per}"


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
