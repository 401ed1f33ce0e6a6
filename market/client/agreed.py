"""Answers about agreements, nominations and statements."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from market.client.answers import Accepted, Window


class AgreementAccepted(Accepted, frozen=True, kw_only=True):
    """`version` is the one to state in the next step; `counts_from`: if the step puts terms into force, the
    first day of shipment (UTC) to which they apply."""

    version: int
    id: str | None = None
    status: str | None = None
    proposal: int | None = None
    counts_from: date | None = None


class ContestAccepted(Accepted, frozen=True, kw_only=True):
    """`status`: of the agreement, if this changed it."""

    id: str
    status: str | None


class Proposal(Struct, frozen=True, kw_only=True):
    """Proposed terms or terms in force, who has signed them and at which level."""

    proposal: int
    by: str | None
    note: str | None
    seller: str | None
    seller_signed_at: datetime | None
    buyer: str | None
    buyer_signed_at: datetime | None
    terms: dict[str, Any]
    terms_sha256: str


class Party(Struct, frozen=True, kw_only=True):
    """As it is registered now; `postal_address` has the members of the served document."""

    organisation: str
    name: str
    country: str
    register_number: str | None
    postal_address: dict[str, Any] | None
    electronic_contact: str | None


class Parties(Struct, frozen=True, kw_only=True):
    seller: Party
    buyer: Party


class AgreementSummary(Struct, frozen=True, kw_only=True):
    """`ends_on`: the day after it ends or has ended; `term_ends_on`: the day after the term signed."""

    id: str
    market: str
    kind: str
    status: str
    version: int
    side: str | None
    seller: str
    seller_name: str
    buyer: str
    buyer_name: str
    match: str | None
    starts_on: date | None
    ends_on: date | None
    term_ends_on: date | None
    ended_at: datetime | None


class Superseded(Struct, frozen=True, kw_only=True):
    """Replaced terms, and the days of shipment (UTC, both inclusive) to which they apply."""

    counts_from: date
    counts_to: date
    terms: dict[str, Any]
    terms_sha256: str


class Agreement(AgreementSummary, frozen=True, kw_only=True):
    """`counts_from`: the first day of shipment to which `standing` applies, which may be in the future; null
    before it is effective."""

    parties: Parties
    standing: Proposal | None
    counts_from: date | None
    superseded: tuple[Superseded, ...]
    on_table: Proposal | None
    effective_at: datetime | None
    ended_reason: str | None
    ended_by: str | None
    end_note: str | None


class AgreementStep(Struct, frozen=True, kw_only=True):
    """One fact of an agreement, as a sentence in `told`; `by` null: not by a side. `amount`: the part of a
    payment for its invoices."""

    version: int
    event: str
    at: datetime
    kind: str
    by: str | None
    told: str
    proposal: int | None
    status: str | None
    reason: str | None
    note: str | None
    suspension: int | None
    contest_by: datetime | None
    payment: str | None
    currency: str | None
    amount: Decimal | None
    value_on: date | None


class Proposed(Struct, frozen=True, kw_only=True):
    proposal: int
    by: str | None
    note: str | None
    proposed_time: datetime
    terms: dict[str, Any]
    terms_sha256: str


class Difference(Struct, frozen=True, kw_only=True):
    """`pointer` into the terms; a value is null if that proposal lacks the member."""

    pointer: str
    old: Any
    new: Any


class Differences(Struct, frozen=True, kw_only=True):
    old_proposal: int
    new_proposal: int
    differences: tuple[Difference, ...]


class Nomination(Struct, frozen=True, kw_only=True):
    """`silent`: made by rule, since nobody nominated in time."""

    id: str
    level: str
    year: int
    period: Window
    quantity_kg: Decimal
    make_up_kg: Decimal
    form: str
    silent: bool


class OwnNomination(Nomination, frozen=True, kw_only=True):
    """A nomination of any agreement; `updated_at`: when it was made, or last replaced."""

    market: str
    agreement: str
    side: str
    counterparty: str
    counterparty_name: str
    updated_at: datetime | None


class Nominations(Struct, frozen=True, kw_only=True):
    items: tuple[Nomination, ...]


class YearAccepted(Accepted, frozen=True, kw_only=True):
    """`year`: its contract year."""

    year: int


class StatementYear(Struct, frozen=True, kw_only=True):
    """`ledger` once the year was assessed: its take-or-pay result."""

    year: int
    starts_at: datetime
    ends_at: datetime
    status: str
    acq_kg: Decimal
    nominated_kg: Decimal | None
    make_up_nominated_kg: Decimal
    taken_kg: Decimal
    seller_shortfall_kg: Decimal
    off_spec_kg: Decimal
    returned_kg: Decimal
    unsettled_deliveries: int
    invoiced_kg: Decimal
    invoiced: Decimal
    ledger: dict[str, Any] | None


class Unused(Struct, frozen=True, kw_only=True):
    """Balances left when the agreement ends."""

    make_up_kg: Decimal
    make_up: Decimal
    carry_forward_kg: Decimal


class Statement(Struct, frozen=True, kw_only=True):
    agreement: str
    market: str
    seller: str
    buyer: str
    status: str
    basis: str
    currency: str | None
    years: tuple[StatementYear, ...]
    unused: Unused | None


class NominationAccepted(Accepted, frozen=True, kw_only=True):
    """`year`: the contract year in which it counts."""

    year: int
    id: str | None = None
