"""Matches, and what becomes of them: agreements, deliveries, invoices, the passports that go along."""

from collections.abc import AsyncIterator
from typing import Any, Final

from market.client.agreed import (
    Agreement,
    AgreementAccepted,
    AgreementSummary,
    Delivery,
    DeliveryAccepted,
    Invoice,
    InvoiceAccepted,
    NominationAccepted,
)
from market.client.answers import (
    Market,
    Match,
    MatchAccepted,
    Passport,
    PassportAccepted,
)
from market.client.calls import Body, Calls
from market.client.operations import Operation, change, keyed, pages, read

MARKETS: Final = pages("/v1/markets", Market)
MARKET: Final = read("/v1/markets/{market}", Market)

MATCHES: Final = pages("/v1/matches", Match)
MATCH: Final = read("/v1/matches/{match}", Match)
CONFIRM: Final = keyed("/v1/matches/{match}/confirm", MatchAccepted)
DECLINE: Final = keyed("/v1/matches/{match}/decline", MatchAccepted)
MATCH_PROOF: Final[Operation[dict[str, Any]]] = read("/v1/matches/{match}/proof", dict)
RECEIPT_PROOF: Final[Operation[dict[str, Any]]] = read("/v1/receipts/{event}/proof", dict)

_AGREEMENT: Final = "/v1/agreements/{agreement}"
AGREEMENTS: Final = pages("/v1/agreements", AgreementSummary)
AGREEMENT: Final = read(_AGREEMENT, Agreement)
PROPOSE: Final = keyed(f"{_AGREEMENT}/proposals", AgreementAccepted, versioned=True)
WITHDRAW_PROPOSAL: Final = change("DELETE", f"{_AGREEMENT}/proposals/{{proposal}}", AgreementAccepted)
SIGN: Final = keyed(f"{_AGREEMENT}/signatures", AgreementAccepted, versioned=True)
SETTLE_CONDITION: Final = keyed(f"{_AGREEMENT}/conditions/{{condition}}", AgreementAccepted, versioned=True)
NOMINATE: Final = keyed(f"{_AGREEMENT}/nominations", NominationAccepted)
INVOICES: Final = pages(f"{_AGREEMENT}/invoices", Invoice)

DELIVERIES: Final = pages(f"{_AGREEMENT}/deliveries", Delivery)
SHIP: Final = keyed(f"{_AGREEMENT}/deliveries", DeliveryAccepted)
DELIVERY: Final = read("/v1/deliveries/{delivery}", Delivery)
WEIGH: Final = keyed("/v1/deliveries/{delivery}/weighing", DeliveryAccepted)
ASSAY: Final = keyed("/v1/deliveries/{delivery}/assays", DeliveryAccepted)
ACCEPT: Final = keyed("/v1/deliveries/{delivery}/acceptance", DeliveryAccepted)
REJECT: Final = keyed("/v1/deliveries/{delivery}/rejection", DeliveryAccepted)
SETTLE: Final = keyed("/v1/deliveries/{delivery}/settlement", InvoiceAccepted)

PASSPORTS: Final = pages("/v1/passports", Passport)
PASSPORT: Final = read("/v1/passports/{passport}", Passport)
EPCIS: Final[Operation[dict[str, Any]]] = read("/v1/passports/{passport}/epcis", dict)
WORK_EPCIS: Final[Operation[dict[str, Any]]] = read("/v1/transformations/{transformation}/epcis", dict)
PRODUCT_PASSPORT: Final[Operation[dict[str, Any]]] = read(
    "/v1/passports/{passport}/digital-product-passport", dict
)
ISSUE: Final = keyed("/v1/passports", PassportAccepted)
TRANSFER: Final = keyed("/v1/passports/{passport}/transfers", PassportAccepted, versioned=True)


class Markets:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self) -> AsyncIterator[Market]:
        return self._calls.pages(MARKETS, query={})

    async def read(self, market: str) -> Market:
        return (await self._calls.ask(MARKET, market)).body


class Matches:
    """Own matches."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self, *, market: str | None = None, status: str | None = None) -> AsyncIterator[Match]:
        """Without explanations, which the single match has."""
        return self._calls.pages(MATCHES, query={"market": market, "status": status})

    async def read(self, match: str) -> Match:
        return (await self._calls.ask(MATCH, match)).body

    async def confirm(self, match: str, *, key: str | None = None) -> MatchAccepted:
        return (await self._calls.ask(CONFIRM, match, key=key)).body

    async def decline(self, match: str, body: Body, *, key: str | None = None) -> MatchAccepted:
        return (await self._calls.ask(DECLINE, match, body=body, key=key)).body

    async def proof(self, match: str) -> dict[str, Any]:
        """The document that `lodestone audit proof` checks. ConflictError until all of it is sealed."""
        return (await self._calls.ask(MATCH_PROOF, match)).body

    async def receipt_proof(self, event: str) -> dict[str, Any]:
        """Of the event that a receipt names: what `lodestone audit receipt` checks."""
        return (await self._calls.ask(RECEIPT_PROOF, event)).body


class Agreements:
    """Own agreements. Every step is meant for a version and answers the next one."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self, *, market: str | None = None, status: str | None = None
    ) -> AsyncIterator[AgreementSummary]:
        return self._calls.pages(AGREEMENTS, query={"market": market, "status": status})

    async def read(self, agreement: str) -> Agreement:
        return (await self._calls.ask(AGREEMENT, agreement)).body

    async def propose(
        self, agreement: str, body: Body, *, version: int, key: str | None = None
    ) -> AgreementAccepted:
        return (await self._calls.ask(PROPOSE, agreement, body=body, version=version, key=key)).body

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

    async def nominate(self, agreement: str, body: Body, *, key: str | None = None) -> NominationAccepted:
        return (await self._calls.ask(NOMINATE, agreement, body=body, key=key)).body

    def invoices(self, agreement: str, *, provisional: bool = False) -> AsyncIterator[Invoice]:
        """With those that went with each shipment where `provisional`."""
        return self._calls.pages(INVOICES, agreement, query={"provisional": provisional or None})

    def deliveries(self, agreement: str) -> AsyncIterator[Delivery]:
        return self._calls.pages(DELIVERIES, agreement, query={})

    async def ship(self, agreement: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(SHIP, agreement, body=body, key=key)).body


class Deliveries:
    """What happens to a delivery, in this order."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def read(self, delivery: str) -> Delivery:
        return (await self._calls.ask(DELIVERY, delivery)).body

    async def weigh(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(WEIGH, delivery, body=body, key=key)).body

    async def lodge_assay(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(ASSAY, delivery, body=body, key=key)).body

    async def accept(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(ACCEPT, delivery, body=body, key=key)).body

    async def reject(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(REJECT, delivery, body=body, key=key)).body

    async def settle(self, delivery: str, *, key: str | None = None) -> InvoiceAccepted:
        return (await self._calls.ask(SETTLE, delivery, key=key)).body


class Passports:
    """Passports of lots that the organisation has issued, owns or holds."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self, *, status: str | None = None) -> AsyncIterator[Passport]:
        return self._calls.pages(PASSPORTS, query={"status": status})

    async def read(self, passport: str) -> Passport:
        return (await self._calls.ask(PASSPORT, passport)).body

    async def issue(self, body: Body, *, key: str | None = None) -> PassportAccepted:
        return (await self._calls.ask(ISSUE, body=body, key=key)).body

    async def transfer(
        self, passport: str, body: Body, *, version: int, key: str | None = None
    ) -> PassportAccepted:
        return (await self._calls.ask(TRANSFER, passport, body=body, version=version, key=key)).body

    async def epcis(self, passport: str) -> dict[str, Any]:
        """What became of the lot as an EPCIS 2.0 document in JSON-LD."""
        return (await self._calls.ask(EPCIS, passport)).body

    async def transformation_epcis(self, transformation: str) -> dict[str, Any]:
        """A transformation whole, for who recorded it."""
        return (await self._calls.ask(WORK_EPCIS, transformation)).body

    async def product_passport(self, passport: str) -> dict[str, Any]:
        """In the shape of Catena-X's digital product passport; what nobody stated is marked as such."""
        return (await self._calls.ask(PRODUCT_PASSPORT, passport)).body
