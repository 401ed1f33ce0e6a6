"""Compares a seller's payment terms (free text) with the payment clause of a match's contract."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from contracts.rules.price_terms import DUE_DAYS, PROVISIONAL_PPB
from events.fractions import percent_text
from events.refusal import Caution
from events.vocabulary import PPB, TermHorizon

_FIGURES: Final = re.compile(r"\d+")
_OF_CONTRACTS: Final = frozenset({str(DUE_DAYS), str(PROVISIONAL_PPB * 100 // PPB)})


def payment_cautions(stated: str, term: TermHorizon | None) -> Iterator[Caution]:
    """Warns if the text names other figures than the contract, or none, since nothing else reads it. A term
    match leads to a draft, in which both sides agree on payment."""
    if term is not None or _is_of_contracts(stated):
        return
    yield Caution(
        code="payment_terms_not_taken_over",
        text="The contract of a spot match is in force at once and begins with "
        f"{percent_text(PROVISIONAL_PPB)} invoiced at shipment and every invoice due in {DUE_DAYS} "
        "days, whatever is stated here; other terms need both sides' signatures before you ship.",
        pointer="/payment_terms",
    )


# Sellers use the same text in many orders.
@lru_cache(maxsize=1_024)
def _is_of_contracts(stated: str) -> bool:
    figures = frozenset(_FIGURES.findall(stated))
    return bool(figures) and figures <= _OF_CONTRACTS
