"""The share of the basis in a material's value, at the market's reference prices."""

from datetime import date
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from contracts.rules.price_terms import round_to
from events.vocabulary import (
    BASIS_ELEMENTS,
    MICRO,
    PPB,
    RARE_EARTHS,
    Composition,
    MarketBasis,
    StatedPrice,
)
from market.rules.market_inputs import MarketInputs
from market.rules.quantities import EUR, NDPR, scaled_shares
from market.rules.references import reference_kg_per_kg


class ValueShare(Struct, frozen=True, kw_only=True):
    """The basis elements' share of the value at reference prices, rounded down; None when one has no price.

    `unpriced` are measured rare earths without a reference price, which count 0.
    """

    share_ppb: int | None
    missing: tuple[str, ...]
    unpriced: tuple[str, ...]


def value_share(basis: MarketBasis, composition: Composition, inputs: MarketInputs) -> ValueShare:
    """How much of the value at reference prices the basis carries. Whole magnets carry all of theirs."""
    elements = BASIS_ELEMENTS[basis]
    if not elements:
        return ValueShare(share_ppb=PPB, missing=(), unpriced=())
    prices = _prices(inputs)
    worth: dict[str, int] = {}
    unpriced: list[str] = []
    for analyte, share in scaled_shares(composition).items():
        price = prices.get(analyte) or (prices.get(NDPR) if analyte in BASIS_ELEMENTS["ndpr"] else None)
        if price is None:
            unpriced.append(analyte)
        else:
            worth[analyte] = share * price[1]
    total = sum(worth.values())
    missing = tuple([element for element in elements if element in unpriced])
    carried = sum([worth[element] for element in elements if element in worth])
    return ValueShare(
        share_ppb=None if missing or total <= 0 else carried * PPB // total,
        missing=missing,
        unpriced=tuple([each for each in unpriced if each in RARE_EARTHS and each not in missing]),
    )


def _prices(inputs: MarketInputs) -> dict[str, tuple[tuple[date, int], int]]:
    """Analyte → (age, micro-EUR per kg of element) of its newest usable reference price."""
    newest: dict[str, tuple[tuple[date, int], int]] = {}
    for recorded in inputs.references.values():
        value = recorded.value
        rate = inputs.fx.get(value.price.currency)
        rate_ueur = (
            MICRO if value.price.currency == EUR else None if rate is None else rate.value.ueur_per_unit
        )
        age = (value.as_of, recorded.position)
        if rate_ueur is None or (value.analyte in newest and newest[value.analyte][0] > age):
            continue
        price_ueur = _element_price_ueur(value.analyte, value.price, rate_ueur)
        if price_ueur is not None:
            newest[value.analyte] = (age, price_ueur)
    return newest


@lru_cache(maxsize=4_096)
def _element_price_ueur(analyte: str, price: StatedPrice, rate_ueur: int) -> int | None:
    kg = reference_kg_per_kg(analyte, price.per)
    return None if kg is None else round_to(Fraction(price.amount_micro * rate_ueur, MICRO) * kg, "down")
