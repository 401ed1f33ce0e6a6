"""Warnings about asks and limits far from the market's reference price, as a wrong decimal point or unit
causes."""

from collections.abc import Iterator

from contracts.rules.price_terms import REFERENCE_FIVEFOLD, far_apart
from events.clearing_terms import TradeReference
from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import Caution
from market.rules.refusing.ineligibility import eur_per_kg_text


def price_cautions(terms: SupplyTerms | RequirementTerms, reference: TradeReference) -> Iterator[Caution]:
    """For prices per kg of basis; not for term orders, whose differential may be small or negative."""
    if terms.term is not None:
        return
    name, price = ("ask", terms.ask) if isinstance(terms, SupplyTerms) else ("limit", terms.limit)
    if not far_apart(price.ueur_per_kg, reference.ueur_per_kg, REFERENCE_FIVEFOLD):
        return
    yield Caution(
        code="price_far_from_reference",
        text=f"The {name} comes to {eur_per_kg_text(price.ueur_per_kg)} of basis; the reference price "
        f"{reference.code} as of {reference.as_of.isoformat()} comes to "
        f"{eur_per_kg_text(reference.ueur_per_kg)}. A round uses the order as stated: amend it if this "
        "is a mistake.",
        pointer=f"/{name}/amount_micro",
    )
