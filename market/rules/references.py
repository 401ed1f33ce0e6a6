"""Reference prices: which dated input of a lane prices an analyte, and the price per kilogram of it."""

from fractions import Fraction
from functools import lru_cache

from contracts.rules.price_terms import round_half_even
from events.clearing_terms import TradeReference
from events.market_terms import ReferencePrice
from events.vocabulary import BASIS_ELEMENTS, PRICE_UEUR_PER_KG_MAX, TRADED_OXIDE, MarketBasis, PriceUnit
from market.rules.market_inputs import MarketInputs, RecordedFx, RecordedReference
from market.rules.quantities import EUR, NDFEB, NDPR, fx_for, fx_reference, in_ueur, traded_metal_share

REFERENCES_REMEMBERED = 1_024
BASIS_REFERENCE: dict[MarketBasis, tuple[str, ...]] = {
    "ndpr": (NDPR, "Nd"),
    "dy": ("Dy",),
    "tb": ("Tb",),
    "sm": ("Sm",),
    "ndfeb-reuse": (NDFEB,),
}
"""The analyte whose reference price a market's trades are shown against, the first that has one."""


@lru_cache(maxsize=REFERENCES_REMEMBERED)
def reference_ueur_per_kg(reference: ReferencePrice, fx: RecordedFx | None) -> Fraction | None:
    """A reference price per kg of element (of magnet for NdFeB); None if its denominator cannot be
    converted."""
    kg = reference_kg_per_kg(reference.analyte, reference.price.per)
    return None if kg is None else in_ueur(reference.price, fx) * kg


def reference_kg_per_kg(analyte: str, per: PriceUnit) -> Fraction | None:
    """Kilograms of `per` that carry one kilogram of element (of magnet for NdFeB)."""
    if analyte == NDFEB:
        return Fraction(1) if per in ("wet", "dry") else None
    if per == "element":
        return Fraction(1)
    if per == "oxide" and (analyte == NDPR or analyte in TRADED_OXIDE):
        return 1 / traded_metal_share(analyte)
    return None


def is_price_of(reference: ReferencePrice, analyte: str) -> bool:
    """A price of NdPr is one of Nd and of Pr."""
    return reference.analyte == analyte or (reference.analyte == NDPR and analyte in BASIS_ELEMENTS["ndpr"])


def reference_of(inputs: MarketInputs, analyte: str) -> RecordedReference | None:
    """The newest usable reference price of an analyte; Nd and Pr fall back to NdPr."""
    usable = [
        recorded
        for recorded in inputs.references.values()
        if recorded.value.analyte == analyte
        and (recorded.value.price.currency == EUR or recorded.value.price.currency in inputs.fx)
        and reference_ueur_per_kg(recorded.value, fx_for(inputs, recorded.value.price.currency)) is not None
    ]
    if usable:
        return max(usable, key=lambda recorded: (recorded.value.as_of, recorded.position))
    return reference_of(inputs, NDPR) if analyte in BASIS_ELEMENTS["ndpr"] else None


def trade_reference(inputs: MarketInputs, basis: MarketBasis) -> TradeReference | None:
    """The dated reference price of a market's basis, in micro-EUR per basis kg; None while it has none."""
    for analyte in BASIS_REFERENCE[basis]:
        recorded = reference_of(inputs, analyte)
        if recorded is None:
            continue
        fx = fx_for(inputs, recorded.value.price.currency)
        exact = reference_ueur_per_kg(recorded.value, fx)
        if exact is None or abs(exact) > PRICE_UEUR_PER_KG_MAX:
            continue
        return TradeReference(
            code=recorded.value.code,
            ueur_per_kg=round_half_even(exact.numerator, exact.denominator),
            price=recorded.value.price,
            as_of=recorded.value.as_of,
            fx=fx_reference(fx),
            position=recorded.position,
        )
    return None
