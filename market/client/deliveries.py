"""Deliveries: weighed, assayed, accepted or not, settled."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from market.client.calls import Body, Calls, Query
from market.client.delivered import Delivery, DeliveryAccepted, InvoiceAccepted, OwnDelivery
from market.client.operations import keyed, pages, read

_DELIVERY: Final = "/v1/deliveries/{delivery}"
DELIVERY: Final = read(_DELIVERY, Delivery)
WEIGH: Final = keyed(f"{_DELIVERY}/weighing", DeliveryAccepted)
OBJECT_TO_MASS: Final = keyed(f"{_DELIVERY}/weighing/objection", DeliveryAccepted)
AGREE_ON_MASS: Final = keyed(f"{_DELIVERY}/weighing/agreement", DeliveryAccepted)
SURVEY: Final = keyed(f"{_DELIVERY}/weighing/survey", DeliveryAccepted)
NON_ARRIVAL: Final = keyed(f"{_DELIVERY}/non-arrival", DeliveryAccepted)
CONTEST_NON_ARRIVAL: Final = keyed(f"{_DELIVERY}/non-arrival/contest", DeliveryAccepted)
SETTLE_NON_ARRIVAL: Final = keyed(f"{_DELIVERY}/non-arrival/settlement", DeliveryAccepted)
RETURN: Final = keyed(f"{_DELIVERY}/returns", DeliveryAccepted)
CONTEST_RETURN: Final = keyed(f"{_DELIVERY}/returns/contest", DeliveryAccepted)
SETTLE_RETURN: Final = keyed(f"{_DELIVERY}/returns/settlement", DeliveryAccepted)
ASSAY: Final = keyed(f"{_DELIVERY}/assays", DeliveryAccepted)
EXCHANGE: Final = keyed(f"{_DELIVERY}/exchange", DeliveryAccepted)
UMPIRE: Final = keyed(f"{_DELIVERY}/umpire", DeliveryAccepted)
OBJECT: Final = keyed(f"{_DELIVERY}/umpire/objection", DeliveryAccepted)
ACCEPT: Final = keyed(f"{_DELIVERY}/acceptance", DeliveryAccepted)
REJECT: Final = keyed(f"{_DELIVERY}/rejection", DeliveryAccepted)
WITHDRAW_LOT: Final = keyed(f"{_DELIVERY}/withdrawal", DeliveryAccepted)
SETTLE: Final = keyed(f"{_DELIVERY}/settlement", InvoiceAccepted)
RESTATE: Final = keyed(f"{_DELIVERY}/restatements", InvoiceAccepted)

OWN_DELIVERIES: Final = pages("/v1/deliveries", OwnDelivery)


class Deliveries:
    """Own deliveries of all agreements, and the steps of one, in this order."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self,
        *,
        agreement: str | None = None,
        contract_year: int | None = None,
        side: str | None = None,
        status: str | None = None,
        updated_since: datetime | None = None,
        awaits: str | None = None,
    ) -> AsyncIterator[OwnDelivery]:
        """The newest first; with `updated_since`, those changed since, in that order; with `awaits="me"`,
        those that wait for one's own side."""
        query: Query = {
            "agreement": agreement,
            "contract_year": contract_year,
            "side": side,
            "status": status,
            "updated_since": updated_since,
            "awaits": awaits,
        }
        return self._calls.pages(OWN_DELIVERIES, query=query)

    async def read(self, delivery: str) -> Delivery:
        return (await self._calls.ask(DELIVERY, delivery)).body

    async def weigh(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(WEIGH, delivery, body=body, key=key)).body

    async def object_to_mass(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        """Object to the buyer's weighing, or to a surveyor's certificate that the other side submitted."""
        return (await self._calls.ask(OBJECT_TO_MASS, delivery, body=body, key=key)).body

    async def agree_on_mass(self, delivery: str, *, key: str | None = None) -> DeliveryAccepted:
        """Accept the other side's figure."""
        return (await self._calls.ask(AGREE_ON_MASS, delivery, key=key)).body

    async def lodge_survey(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(SURVEY, delivery, body=body, key=key)).body

    async def declare_non_arrival(
        self, delivery: str, body: Body, *, key: str | None = None
    ) -> DeliveryAccepted:
        """Declare, as the buyer, that a lot never arrived."""
        return (await self._calls.ask(NON_ARRIVAL, delivery, body=body, key=key)).body

    async def contest_non_arrival(
        self, delivery: str, body: Body, *, key: str | None = None
    ) -> DeliveryAccepted:
        return (await self._calls.ask(CONTEST_NON_ARRIVAL, delivery, body=body, key=key)).body

    async def settle_non_arrival(
        self, delivery: str, body: Body, *, key: str | None = None
    ) -> DeliveryAccepted:
        return (await self._calls.ask(SETTLE_NON_ARRIVAL, delivery, body=body, key=key)).body

    async def declare_return(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        """Declare the return of an accepted lot or part; the other side agrees or contests it."""
        return (await self._calls.ask(RETURN, delivery, body=body, key=key)).body

    async def contest_return(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(CONTEST_RETURN, delivery, body=body, key=key)).body

    async def settle_return(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(SETTLE_RETURN, delivery, body=body, key=key)).body

    async def lodge_assay(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(ASSAY, delivery, body=body, key=key)).body

    async def exchange(self, delivery: str, *, key: str | None = None) -> DeliveryAccepted:
        """Exchange both assays, once the time to submit them is over."""
        return (await self._calls.ask(EXCHANGE, delivery, key=key)).body

    async def lodge_umpire(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(UMPIRE, delivery, body=body, key=key)).body

    async def object_to_umpire(
        self, delivery: str, body: Body, *, key: str | None = None
    ) -> DeliveryAccepted:
        return (await self._calls.ask(OBJECT, delivery, body=body, key=key)).body

    async def accept(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(ACCEPT, delivery, body=body, key=key)).body

    async def reject(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(REJECT, delivery, body=body, key=key)).body

    async def withdraw(self, delivery: str, body: Body, *, key: str | None = None) -> DeliveryAccepted:
        return (await self._calls.ask(WITHDRAW_LOT, delivery, body=body, key=key)).body

    async def settle(self, delivery: str, *, key: str | None = None) -> InvoiceAccepted:
        return (await self._calls.ask(SETTLE, delivery, key=key)).body

    async def restate(self, delivery: str, *, key: str | None = None) -> InvoiceAccepted:
        """Invoice the difference by index values published since."""
        return (await self._calls.ask(RESTATE, delivery, key=key)).body
