"""Markets and the matches struck there."""

from collections.abc import AsyncIterator
from typing import Any, Final

from market.client.answers import Failings, Market, Match, MatchAccepted
from market.client.calls import Body, Calls
from market.client.operations import Operation, keyed, pages, read

MARKETS: Final = pages("/v1/markets", Market)
MARKET: Final = read("/v1/markets/{market}", Market)
FAILINGS: Final = pages("/v1/markets/{market}/failings", Failings)

MATCHES: Final = pages("/v1/matches", Match)
MATCH: Final = read("/v1/matches/{match}", Match)
CONFIRM: Final = keyed("/v1/matches/{match}/confirm", MatchAccepted)
DECLINE: Final = keyed("/v1/matches/{match}/decline", MatchAccepted)
MATCH_PROOF: Final[Operation[dict[str, Any]]] = read("/v1/matches/{match}/proof", dict)
RECEIPT_PROOF: Final[Operation[dict[str, Any]]] = read("/v1/receipts/{event}/proof", dict)


class Markets:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self) -> AsyncIterator[Market]:
        return self._calls.pages(MARKETS, query={})

    async def read(self, market: str) -> Market:
        return (await self._calls.ask(MARKET, market)).body

    def failings(self, market: str) -> AsyncIterator[Failings]:
        """Declined and lapsed matches: one's own line; for operators and auditors, all members with any."""
        return self._calls.pages(FAILINGS, market, query={})


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
        """The proof of a receipt's event, or of an event of an own agreement, which `lodestone audit receipt`
        checks."""
        return (await self._calls.ask(RECEIPT_PROOF, event)).body
