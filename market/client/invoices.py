"""Own invoices of all agreements: what is due, what is open, and how they are paid."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Final

from market.client.answers import Accepted
from market.client.calls import Body, Calls, Query
from market.client.operations import keyed, pages, read
from market.client.paid import (
    AgeingTable,
    InvoiceTotals,
    OwnInvoice,
    PaidInvoice,
    Payment,
    PaymentAccepted,
)

OWN_INVOICES: Final = pages("/v1/invoices", OwnInvoice)
OWN_INVOICE: Final = read("/v1/invoices/{invoice}", PaidInvoice)
INVOICE_TOTALS: Final = read("/v1/invoices/totals", InvoiceTotals)
REFERENCE: Final = keyed("/v1/invoices/{invoice}/reference", Accepted)
AGEING: Final = read("/v1/invoices/ageing", AgeingTable)

_PAYMENT: Final = "/v1/payments/{payment}"
PAYMENTS: Final = pages("/v1/payments", Payment)
PAYMENT: Final = read(_PAYMENT, Payment)
STATE: Final = keyed("/v1/payments", PaymentAccepted)
RECORD: Final = keyed("/v1/incoming-payments", PaymentAccepted)
CONFIRM: Final = keyed(f"{_PAYMENT}/receipt", PaymentAccepted, versioned=True)
DENY: Final = keyed(f"{_PAYMENT}/denial", PaymentAccepted, versioned=True)
WITHDRAW: Final = keyed(f"{_PAYMENT}/withdrawal", PaymentAccepted, versioned=True)
REVERSE: Final = keyed(f"{_PAYMENT}/reversal", PaymentAccepted, versioned=True)


class Invoices:
    """Own invoices of all agreements: what is due, what it comes to, and what of it is open."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self,
        *,
        agreement: str | None = None,
        contract_year: int | None = None,
        side: str | None = None,
        state: str | None = None,
        due_from: date | None = None,
        due_before: date | None = None,
        issued_since: datetime | None = None,
        issued_from: date | None = None,
        issued_before: date | None = None,
        status: str | None = None,
        overdue: bool | None = None,
        counterparty: str | None = None,
        updated_since: datetime | None = None,
        reference: str | None = None,
        sort: str | None = None,
    ) -> AsyncIterator[OwnInvoice]:
        """By the day that they are due; with `sort` "issued_at" in the order in which they were issued, with
        `updated_since` or `sort` "updated_at" in that of what changed of them."""
        query: Query = {
            "agreement": agreement,
            "contract_year": contract_year,
            "side": side,
            "state": state,
            "due_from": due_from,
            "due_before": due_before,
            "issued_since": issued_since,
            "issued_from": issued_from,
            "issued_before": issued_before,
            "status": status,
            "overdue": overdue,
            "counterparty": counterparty,
            "updated_since": updated_since,
            "reference": reference,
            "sort": sort,
        }
        return self._calls.pages(OWN_INVOICES, query=query)

    async def totals(
        self,
        *,
        agreement: str | None = None,
        contract_year: int | None = None,
        side: str | None = None,
        state: str | None = None,
        due_from: date | None = None,
        due_before: date | None = None,
        issued_since: datetime | None = None,
        issued_from: date | None = None,
        issued_before: date | None = None,
        status: str | None = None,
        overdue: bool | None = None,
        counterparty: str | None = None,
    ) -> InvoiceTotals:
        query: Query = {
            "agreement": agreement,
            "contract_year": contract_year,
            "side": side,
            "state": state,
            "due_from": due_from,
            "due_before": due_before,
            "issued_since": issued_since,
            "issued_from": issued_from,
            "issued_before": issued_before,
            "status": status,
            "overdue": overdue,
            "counterparty": counterparty,
        }
        return (await self._calls.ask(INVOICE_TOTALS, query=query)).body

    async def read(self, invoice: str) -> PaidInvoice:
        return (await self._calls.ask(OWN_INVOICE, invoice)).body

    async def refer(
        self, invoice: str, reference: str, *, dated_on: date | None = None, key: str | None = None
    ) -> Accepted:
        """State its number in one's own books; repeated, the newest counts."""
        body = {"reference": reference, "dated_on": dated_on}
        return (await self._calls.ask(REFERENCE, invoice, body=body, key=key)).body

    async def ageing(self, *, counterparty: str | None = None, by_counterparty: bool = False) -> AgeingTable:
        """Open amounts by days since they were due."""
        query = {"counterparty": counterparty, "by_counterparty": by_counterparty}
        return (await self._calls.ask(AGEING, query=query)).body


class Payments:
    """Payments of own invoices: stated by the payer, confirmed by the payee. Steps state the version to which
    they apply and answer the next one."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self,
        *,
        status: str | None = None,
        side: str | None = None,
        counterparty: str | None = None,
        value_from: date | None = None,
        value_before: date | None = None,
        updated_since: datetime | None = None,
    ) -> AsyncIterator[Payment]:
        """The newest first; with `updated_since` what changed first before."""
        query: Query = {
            "status": status,
            "side": side,
            "counterparty": counterparty,
            "value_from": value_from,
            "value_before": value_before,
            "updated_since": updated_since,
        }
        return self._calls.pages(PAYMENTS, query=query)

    async def read(self, payment: str) -> Payment:
        return (await self._calls.ask(PAYMENT, payment)).body

    async def state(
        self, body: Body, *, key: str | None = None, validate_only: bool = False
    ) -> PaymentAccepted:
        """By the payer."""
        return (await self._calls.ask(STATE, body=body, key=key, query={"validate_only": validate_only})).body

    async def record(self, body: Body, *, key: str | None = None) -> PaymentAccepted:
        """By the payee, of what was not stated."""
        return (await self._calls.ask(RECORD, body=body, key=key)).body

    async def confirm(
        self, payment: str, body: Body = None, *, version: int, key: str | None = None
    ) -> PaymentAccepted:
        """By the payee; without a body all of it."""
        return (await self._calls.ask(CONFIRM, payment, body=body, version=version, key=key)).body

    async def deny(
        self, payment: str, reason: str, *, version: int, key: str | None = None
    ) -> PaymentAccepted:
        """By the payee."""
        body = {"reason": reason}
        return (await self._calls.ask(DENY, payment, body=body, version=version, key=key)).body

    async def withdraw(
        self, payment: str, reason: str, *, version: int, key: str | None = None
    ) -> PaymentAccepted:
        """By the payer."""
        body = {"reason": reason}
        return (await self._calls.ask(WITHDRAW, payment, body=body, version=version, key=key)).body

    async def reverse(
        self, payment: str, reason: str, *, version: int, key: str | None = None
    ) -> PaymentAccepted:
        """By the payee."""
        body = {"reason": reason}
        return (await self._calls.ask(REVERSE, payment, body=body, version=version, key=key)).body
