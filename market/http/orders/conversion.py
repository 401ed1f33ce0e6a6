"""The conversion of stated figures to a market's units, in steps that a trader can check by hand."""

from typing import Final

from events.market_terms import SupplyTerms
from events.vocabulary import MarketBasis
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, PERCENT_OF_PLATEAU, RATIO, SIGNED_EUR_PER_KG, DecimalKind
from market.rules.quantities import Step, basis_steps, price_steps, supply_kg_per_basis_kg

_UNITS: Final[dict[str, tuple[str, DecimalKind]]] = {
    "g": ("kg", KILOGRAMS),
    "ppb": ("percent", PERCENT_OF_PLATEAU),
    "ueur": ("EUR", SIGNED_EUR_PER_KG),
    "ueur_per_kg": ("EUR per kg", SIGNED_EUR_PER_KG),
}
_MILLIONTHS: Final = "millionths of "


class ConversionStep(Body, frozen=True, kw_only=True):
    """One line of a conversion."""

    label: str
    amount: str
    unit: str


def supply_conversion(terms: SupplyTerms, basis: MarketBasis) -> tuple[ConversionStep, ...]:
    """From net wet mass to kg of basis, then from the ask as stated to EUR per kg of basis."""
    mass = basis_steps(
        basis=basis,
        net_wet_g=terms.net_wet_g,
        moisture_ppb=terms.moisture_ppb,
        composition=terms.composition,
    )
    ratio = supply_kg_per_basis_kg(terms.ask.stated.per, basis, terms.moisture_ppb, terms.composition)
    price = () if ratio is None else price_steps(terms.ask, ratio)
    return tuple(map(_outside, (*mass, *price)))


def _outside(step: Step) -> ConversionStep:
    if step.unit.startswith(_MILLIONTHS):
        amount = SIGNED_EUR_PER_KG.text(step.quantity)
        return ConversionStep(label=step.label, amount=amount, unit=step.unit.removeprefix(_MILLIONTHS))
    if step.label.startswith("kg "):
        return ConversionStep(label=step.label, amount=RATIO.text(step.quantity), unit="kg per kg")
    unit, kind = _UNITS[step.unit]
    return ConversionStep(label=step.label, amount=kind.text(step.quantity), unit=unit)
