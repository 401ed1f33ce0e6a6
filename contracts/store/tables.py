"""Tables of the contracts stream; all are state, rebuilt from the record and compared."""

from typing import Final

STATE: Final = (
    "agreement",
    "agreement_proposal",
    "nomination",
    "contract_year",
    "contest",
    "delivery",
    "invoice",
    "issued_invoice",
    "payment",
    "payment_part",
    "price_index",
    "index_value",
)
