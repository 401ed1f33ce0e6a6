"""Offers, recovered lots and requirements: the same verbs, each with its own answers."""

from collections.abc import AsyncIterator
from typing import Final, Generic, TypeVar

from msgspec import Struct

from market.client.answers import (
    Candidates,
    OrderEntry,
    OrderInRound,
    Quote,
    Requirement,
    RequirementAccepted,
    Supply,
    SupplyAccepted,
)
from market.client.calls import Body, Calls
from market.client.operations import Operation, Page, change, keyed, pages, read

A = TypeVar("A")
V = TypeVar("V")


class OrderRoutes(Struct, Generic[A, V], frozen=True, kw_only=True):
    """`A`: what accepting answers, `V`: what reading answers."""

    post: Operation[A]
    list: Operation[Page[OrderEntry]]
    read: Operation[V]
    amend: Operation[A]
    withdraw: Operation[A]
    candidates: Operation[Candidates]
    explanation: Operation[OrderInRound]


def _routes(collection: str, one: str, accepted: type[A], view: type[V]) -> OrderRoutes[A, V]:
    path = f"{collection}/{{{one}}}"
    return OrderRoutes(
        post=keyed(collection, accepted),
        list=pages(collection, OrderEntry),
        read=read(path, view),
        amend=change("PATCH", path, accepted),
        withdraw=change("DELETE", path, accepted),
        candidates=read(f"{path}/candidates", Candidates),
        explanation=read(f"{path}/explanation", OrderInRound),
    )


OFFERS: Final = _routes("/v1/supply-offers", "offer", SupplyAccepted, Supply)
LOTS: Final = _routes("/v1/recovered-lots", "lot", SupplyAccepted, Supply)
REQUIREMENTS: Final = _routes("/v1/requirements", "requirement", RequirementAccepted, Requirement)
GRADE: Final = keyed("/v1/recovered-lots/{lot}/grade", SupplyAccepted, versioned=True)
QUOTE: Final = keyed("/v1/quotes", Quote)


class Orders(Generic[A, V]):
    """Orders of one kind. `version` is that of the order as read; StaleError when it has changed since."""

    def __init__(self, calls: Calls, routes: OrderRoutes[A, V]) -> None:
        self._calls = calls
        self._routes = routes

    async def post(self, body: Body, *, key: str | None = None, validate_only: bool = False) -> A:
        """`key` of one's own makes the call safe to repeat in another process too."""
        query = {"validate_only": validate_only}
        return (await self._calls.ask(self._routes.post, body=body, key=key, query=query)).body

    async def read(self, order: str) -> V:
        return (await self._calls.ask(self._routes.read, order)).body

    def list(self, *, market: str | None = None, status: str | None = None) -> AsyncIterator[OrderEntry]:
        return self._calls.pages(self._routes.list, query={"market": market, "status": status})

    async def amend(self, order: str, body: Body, *, version: int) -> A:
        return (await self._calls.ask(self._routes.amend, order, body=body, version=version)).body

    async def withdraw(self, order: str, *, version: int) -> A:
        return (await self._calls.ask(self._routes.withdraw, order, version=version)).body

    async def candidates(self, order: str) -> Candidates:
        return (await self._calls.ask(self._routes.candidates, order)).body

    async def explanation(self, order: str, *, round_number: int | None = None) -> OrderInRound:
        """Of the newest round without a number. UnavailableError while no view holds it."""
        return (await self._calls.ask(self._routes.explanation, order, query={"round": round_number})).body


class Lots(Orders[SupplyAccepted, Supply]):
    """Recovered lots, which are graded too."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls, LOTS)

    async def grade(self, lot: str, body: Body, *, version: int, key: str | None = None) -> SupplyAccepted:
        return (await self._calls.ask(GRADE, lot, body=body, version=version, key=key)).body


class Quotes:
    """What an order would have got in the last round, without posting it."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def ask(self, body: Body, *, key: str | None = None) -> Quote:
        return (await self._calls.ask(QUOTE, body=body, key=key)).body
