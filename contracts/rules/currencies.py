"""Currencies in which amounts in hundredths cannot be paid: those whose decimals by ISO 4217 are not two."""

from typing import Final

from contracts.rules.refusals import CurrencyWithoutCents
from events.contract_terms import AgreementTerms
from events.refusal import Refusal

DECIMALS: Final[dict[str, int]] = {
    **dict.fromkeys(
        (
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
            "XAF", "XOF", "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
"""Number of decimals, if not two."""


def currency_refusals(terms: AgreementTerms) -> list[Refusal]:
    """Pointers are into the terms."""
    currency = terms.payment.currency
    decimals = DECIMALS.get(currency)
    if decimals is None:
        return []
    return [CurrencyWithoutCents(pointer="/payment/currency", currency=currency, decimals=decimals)]
