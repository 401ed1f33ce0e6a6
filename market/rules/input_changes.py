"""Warnings about exchange rates and reference prices far from the previous ones: a wrong decimal point, or an
inverted rate."""

from collections.abc import Iterator
from datetime import date

from contracts.rules.price_terms import PRICE_TWICE, RATE_TENTH, far_apart, round_half_even
from events.fractions import decimal_text
from events.market_terms import FxRate, MarketInput, ReferencePrice
from events.refusal import Caution
from events.vocabulary import MICRO
from market.rules.market_inputs import MarketInputs, RecordedReference
from market.rules.quantities import EUR, fx_for
from market.rules.references import reference_ueur_per_kg


def change_cautions(value: MarketInput, before: MarketInputs) -> Iterator[Caution]:
    """`before`: the market's inputs so far."""
    if isinstance(value, FxRate):
        yield from _of_rate(value, before)
    elif isinstance(value, ReferencePrice) and value.code in before.references:
        yield from _of_price(value, before.references[value.code], before)


def _of_rate(value: FxRate, before: MarketInputs) -> Iterator[Caution]:
    held = before.fx.get(value.currency)
    if held is None or not far_apart(value.ueur_per_unit, held.value.ueur_per_unit, RATE_TENTH):
        return
    yield Caution(
        code="rate_far_from_before",
        text=f"One {value.currency} is {decimal_text(value.ueur_per_unit, MICRO)} EUR; "
        f"{_held(held.value.as_of)} it is {decimal_text(held.value.ueur_per_unit, MICRO)}. Asks and limits "
        f"in {value.currency} are converted by it. Is it EUR for one {value.currency}?",
        pointer="/ueur_per_unit",
    )


def _of_price(value: ReferencePrice, held: RecordedReference, before: MarketInputs) -> Iterator[Caution]:
    found, was = (_ueur_per_kg(each, before) for each in (value, held.value))
    if found is None or was is None or not far_apart(found, was, PRICE_TWICE):
        return
    yield Caution(
        code="price_far_from_before",
        text=f"{value.code} comes to {decimal_text(found, MICRO)} EUR per kg; {_held(held.value.as_of)} it "
        f"comes to {decimal_text(was, MICRO)}. Is it of the same unit and currency?",
        pointer="/price/amount_micro",
    )


def _held(as_of: date) -> str:
    return f"as recorded before, of {as_of.isoformat()},"


def _ueur_per_kg(value: ReferencePrice, inputs: MarketInputs) -> int | None:
    """None for a price that the market cannot convert."""
    currency = value.price.currency
    if currency != EUR and currency not in inputs.fx:
        return None
    exact = reference_ueur_per_kg(value, fx_for(inputs, currency))
    return None if exact is None else round_half_even(exact.numerator, exact.denominator)
