"""Agreements: negotiated, nominated under, stated year by year."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any, Final

from market.client.agreed import (
    Agreement,
    AgreementAccepted,
    AgreementStep,
    AgreementSummary,
    ContestAccepted,
    Differences,
    Nomination,
    NominationAccepted,
    Nominations,
    OwnNomination,
    Proposed,
    Statement,
    YearAccepted,
)
from market.client.calls import Body, Calls, Query
from market.client.delivered import Delivery, DeliveryAccepted, InvoiceAccepted
from market.client.operations import Operation, change, keyed, pages, read
from market.client.paid import StandingInvoice

_AGREEMENT: Final = "/v1/agreements/{agreement}"
_PROPOSAL: Final = f"{_AGREEMENT}/proposals/{{proposal}}"
AGREEMENTS: Final = pages("/v1/agreements", AgreementSummary)
AGREEMENT: Final = read(_AGREEMENT, Agreement)
HISTORY: Final = pages(f"{_AGREEMENT}/history", AgreementStep)
DRAFT: Final = keyed("/v1/agreements", AgreementAccepted)
PROPOSE: Final = keyed(f"{_AGREEMENT}/proposals", AgreementAccepted, versioned=True)
PROPOSAL: Final = read(_PROPOSAL, Proposed)
DIFFERENCES: Final = read(f"{_PROPOSAL}/differences", Differences)
WITHDRAW_PROPOSAL: Final = change("DELETE", _PROPOSAL, AgreementAccepted)
SIGN: Final = keyed(f"{_AGREEMENT}/signatures", AgreementAccepted, versioned=True)
SETTLE_CONDITION: Final = keyed(f"{_AGREEMENT}/conditions/{{condition}}", AgreementAccepted, versioned=True)
EXTEND: Final = keyed(f"{_AGREEMENT}/extensions", AgreementAccepted, versioned=True)
SUSPEND: Final = keyed(f"{_AGREEMENT}/suspensions", AgreementAccepted, versioned=True)
RESUME: Final = keyed(f"{_AGREEMENT}/resumption", AgreementAccepted, versioned=True)
TERMINATE: Final = keyed(f"{_AGREEMENT}/termination", AgreementAccepted, versioned=True)
CONTEST: Final = keyed(f"{_AGREEMENT}/contests", ContestAccepted)
SETTLE_CONTEST: Final = keyed(f"{_AGREEMENT}/contests/settlement", ContestAccepted)
NOMINATE: Final = keyed(f"{_AGREEMENT}/nominations", NominationAccepted)
NOMINATIONS: Final = read(f"{_AGREEMENT}/nominations", Nominations)
DECLARE_OUTPUT: Final = keyed(f"{_AGREEMENT}/outputs", YearAccepted)
NOTIFY_SHORTFALL: Final = keyed(f"{_AGREEMENT}/shortfalls", YearAccepted)
STATEMENT: Final = read(f"{_AGREEMENT}/statement", Statement)
PROOF: Final[Operation[dict[str, Any]]] = read(f"{_AGREEMENT}/proof", dict)
SETTLE_QUARTER: Final = keyed(f"{_AGREEMENT}/quarters", InvoiceAccepted)
INVOICES: Final = pages(f"{_AGREEMENT}/invoices", StandingInvoice)
DELIVERIES: Final = pages(f"{_AGREEMENT}/deliveries", Delivery)
SHIP: Final = keyed(f"{_AGREEMENT}/deliveries", DeliveryAccepted)
OWN_NOMINATIONS: Final = pages("/v1/nominations", OwnNomination)


class Agreements:
    """Own agreements. Changes state the version to which they apply, and answer the next one."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self, *, market: str | None = None, status: str | None = None
    ) -> AsyncIterator[AgreementSummary]:
        return self._calls.pages(AGREEMENTS, query={"market": market, "status": status})

    async def read(self, agreement: str) -> Agreement:
        return (await self._calls.ask(AGREEMENT, agreement)).body

    def history(self, agreement: str) -> AsyncIterator[AgreementStep]:
        """Its history, from its draft on."""
        return self._calls.pages(HISTORY, agreement, query={})

    async def draft(
        self, body: Body, *, key: str | None = None, validate_only: bool = False
    ) -> AgreementAccepted:
        return (await self._calls.ask(DRAFT, body=body, key=key, query={"validate_only": validate_only})).body

    async def propose(
        self, agreement: str, body: Body, *, version: int, key: str | None = None
    ) -> AgreementAccepted:
        return (await self._calls.ask(PROPOSE, agreement, body=body, version=version, key=key)).body

    async def proposal(self, agreement: str, proposal: int) -> Proposed:
        return (await self._calls.ask(PROPOSAL, agreement, str(proposal))).body

    async def differences(self, agreement: str, proposal: int, *, since: int | None = None) -> Differences:
        """The differences of a proposal from the one `since`, else from the previous one."""
        return (await self._calls.ask(DIFFERENCES, agreement, str(proposal), query={"since": since})).body

    async def withdraw_proposal(self, agreement: str, proposal: int, *, version: int) -> AgreementAccepted:
        reply = await self._calls.ask(WITHDRAW_PROPOSAL, agreement, str(proposal), version=version)
        return reply.body

    async def sign(
        self, agreement: str, body: Body, *, version: int, key: str | None = None
    ) -> AgreementAccepted:
        return (await self._calls.ask(SIGN, agreement, body=body, version=version, key=key)).body

    async def settle_condition(
        self, agreement: str, condition: str, body: Body, *, version: int, key: str | None = None
    ) -> AgreementAccepted:
        reply = await self._calls.ask(
            SETTLE_CONDITION, agreement, condition, body=body, version=version, key=key
        )
        return reply.body

    async def extend(self, agreement: str, *, version: int, key: str | None = None) -> AgreementAccepted:
        return (await self._calls.ask(EXTEND, agreement, version=version, key=key)).body

    async def suspend(
        self, agreement: str, body: Body, *, version: int, key: str | None = None
    ) -> AgreementAccepted:
        """Force majeure, for a period."""
        return (await self._calls.ask(SUSPEND, agreement, body=body, version=version, key=key)).body

    async def resume(self, agreement: str, *, version: int, key: str | None = None) -> AgreementAccepted:
        return (await self._calls.ask(RESUME, agreement, version=version, key=key)).body

    async def terminate(
        self, agreement: str, body: Body, *, version: int, key: str | None = None
    ) -> AgreementAccepted:
        return (await self._calls.ask(TERMINATE, agreement, body=body, version=version, key=key)).body

    async def contest(self, agreement: str, body: Body, *, key: str | None = None) -> ContestAccepted:
        """Force majeure or a termination that the other side declared."""
        return (await self._calls.ask(CONTEST, agreement, body=body, key=key)).body

    async def settle_contest(self, agreement: str, body: Body, *, key: str | None = None) -> ContestAccepted:
        return (await self._calls.ask(SETTLE_CONTEST, agreement, body=body, key=key)).body

    async def nominate(self, agreement: str, body: Body, *, key: str | None = None) -> NominationAccepted:
        return (await self._calls.ask(NOMINATE, agreement, body=body, key=key)).body

    async def nominations(self, agreement: str) -> tuple[Nomination, ...]:
        return (await self._calls.ask(NOMINATIONS, agreement)).body.items

    def all_nominations(
        self,
        *,
        agreement: str | None = None,
        contract_year: int | None = None,
        side: str | None = None,
        level: str | None = None,
        silent: bool | None = None,
        begins_from: date | None = None,
        begins_before: date | None = None,
        updated_since: datetime | None = None,
    ) -> AsyncIterator[OwnNomination]:
        """Nominations of all own agreements, ordered by begin; with `updated_since`, those made since, in
        order of time."""
        query: Query = {
            "agreement": agreement,
            "contract_year": contract_year,
            "side": side,
            "level": level,
            "silent": silent,
            "begins_from": begins_from,
            "begins_before": begins_before,
            "updated_since": updated_since,
        }
        return self._calls.pages(OWN_NOMINATIONS, query=query)

    async def declare_output(self, agreement: str, body: Body, *, key: str | None = None) -> YearAccepted:
        return (await self._calls.ask(DECLARE_OUTPUT, agreement, body=body, key=key)).body

    async def notify_shortfall(self, agreement: str, body: Body, *, key: str | None = None) -> YearAccepted:
        return (await self._calls.ask(NOTIFY_SHORTFALL, agreement, body=body, key=key)).body

    async def statement(self, agreement: str) -> Statement:
        """Per contract year: what had to be taken, was taken, and is owed."""
        return (await self._calls.ask(STATEMENT, agreement)).body

    async def proof(self, agreement: str) -> dict[str, Any]:
        """The document that `lodestone audit proof` checks. ConflictError until all of it is sealed."""
        return (await self._calls.ask(PROOF, agreement)).body

    async def settle_quarter(self, agreement: str, body: Body, *, key: str | None = None) -> InvoiceAccepted:
        return (await self._calls.ask(SETTLE_QUARTER, agreement, body=body, key=key)).body

    def invoices(self, agreement: str, *, provisional: bool = False) -> AsyncIterator[StandingInvoice]:
        """Its invoices; with `provisional`, also those of shipments."""
        return self._calls.pages(INVOICES, agreement, query={"provisional": provisional or None})

    def deliveries(self, agreement: str) -> AsyncIterator[Delivery]:
        return self._calls.pages(DELIVERIES, agreement, query={})

    async def ship(self, agreement: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(SHIP, agreement, body=body, key=key)).body
