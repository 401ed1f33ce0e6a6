"""Initiatives: their partners, for who coordinates one, and one's own invitations into them."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Final

from msgspec import Struct

from market.client.answers import Accepted
from market.client.calls import Calls
from market.client.operations import change, keyed, pages, read


class Site(Struct, frozen=True, kw_only=True):
    name: str
    country: str
    place: str
    stages: tuple[str, ...]
    scale: str
    status: str | None
    strategic_project: str | None


class Partner(Struct, frozen=True, kw_only=True):
    organisation: str
    name: str
    country: str
    roles: tuple[str, ...]
    facilities: tuple[Site, ...]


class Invitation(Struct, frozen=True, kw_only=True):
    organisation: str
    initiative: str
    invited_by: str


class PartnerAccepted(Accepted, frozen=True, kw_only=True):
    organisation: str
    initiative: str


class MassRange(Struct, frozen=True, kw_only=True):
    least_kg: Decimal
    most_kg: Decimal


class ShareRange(Struct, frozen=True, kw_only=True):
    least_percent: Decimal
    most_percent: Decimal


class PartnersMass(Struct, frozen=True, kw_only=True):
    """`stage` None: of all of them."""

    measure: str
    stage: str | None
    material: str
    contained: MassRange


class PartnersShare(Struct, frozen=True, kw_only=True):
    element: str
    stage: str
    union: ShareRange
    undeclared: ShareRange
    largest_third_country: ShareRange
    benchmark_percent: Decimal | None
    benchmark: str
    ceiling_percent: Decimal | None
    ceiling: str


class PartnersRoute(Struct, frozen=True, kw_only=True):
    rex_route: str
    goods: MassRange
    least_pieces: int | None
    most_pieces: int | None


class Figures(Struct, frozen=True, kw_only=True):
    """Of one quarter; what too few stand behind is not there."""

    initiative: str
    since: date
    until: date
    partners: int
    groups: int
    groups_min: int
    masses: tuple[PartnersMass, ...]
    shares: tuple[PartnersShare, ...]
    rex_routes: tuple[PartnersRoute, ...]


class FiguresAccepted(Accepted, frozen=True, kw_only=True):
    initiative: str
    since: date


_LED: Final = "/v1/initiatives/{initiative}"
_OWN: Final = "/v1/organisations/{organisation}"
PARTNERS: Final = pages(f"{_LED}/members", Partner)
REMOVE: Final = change("DELETE", f"{_LED}/members/{{organisation}}", PartnerAccepted, versioned=False)
INVITE: Final = keyed(f"{_LED}/invitations", PartnerAccepted)
INVITED: Final = pages(f"{_LED}/invitations", Invitation)
WITHDRAW: Final = change("DELETE", f"{_LED}/invitations/{{organisation}}", PartnerAccepted, versioned=False)
INVITATIONS: Final = pages(f"{_OWN}/invitations", Invitation)
ANSWER: Final = keyed(f"{_OWN}/invitations/{{initiative}}/answer", PartnerAccepted)
LEAVE: Final = change("DELETE", f"{_OWN}/initiatives/{{initiative}}", PartnerAccepted, versioned=False)


STATE: Final = keyed(f"{_LED}/figures", FiguresAccepted)
FIGURES: Final = read(f"{_LED}/figures", Figures)


class Initiatives:
    """NotFoundError of one that the key's organisation does not coordinate."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def partners(self, initiative: str) -> AsyncIterator[Partner]:
        return self._calls.pages(PARTNERS, initiative, query={})

    async def remove(self, initiative: str, organisation: str) -> PartnerAccepted:
        return (await self._calls.ask(REMOVE, initiative, organisation)).body

    async def invite(self, initiative: str, organisation: str, *, key: str | None = None) -> PartnerAccepted:
        body = {"organisation": organisation}
        return (await self._calls.ask(INVITE, initiative, body=body, key=key)).body

    def invited(self, initiative: str) -> AsyncIterator[Invitation]:
        """Those who have not answered."""
        return self._calls.pages(INVITED, initiative, query={})

    async def withdraw(self, initiative: str, organisation: str) -> PartnerAccepted:
        return (await self._calls.ask(WITHDRAW, initiative, organisation)).body

    async def state_figures(self, initiative: str, since: date, *, key: str | None = None) -> FiguresAccepted:
        """Of the quarter that begins at `since` and is over, once."""
        body = {"since": since}
        return (await self._calls.ask(STATE, initiative, body=body, key=key)).body

    async def figures(self, initiative: str, since: date | None = None) -> Figures:
        """The newest quarter that was stated, or the one that begins then."""
        query = {"since": since}
        return (await self._calls.ask(FIGURES, initiative, query=query)).body

    def invitations(self, organisation: str) -> AsyncIterator[Invitation]:
        """Of one's own organisation, not answered."""
        return self._calls.pages(INVITATIONS, organisation, query={})

    async def answer(
        self, organisation: str, initiative: str, *, accept: bool, key: str | None = None
    ) -> PartnerAccepted:
        body = {"accept": accept}
        return (await self._calls.ask(ANSWER, organisation, initiative, body=body, key=key)).body

    async def leave(self, organisation: str, initiative: str) -> PartnerAccepted:
        return (await self._calls.ask(LEAVE, organisation, initiative)).body
