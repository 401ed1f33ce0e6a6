"""The client of one caller for one deployment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from market.client.agreements import Agreements
from market.client.calls import Bearer, Body, Calls, Patience, Query
from market.client.deals import Markets, Matches
from market.client.deliveries import Deliveries
from market.client.feed import Feed
from market.client.hooks import UNKEYED, Webhooks
from market.client.imports import Imports
from market.client.initiatives import Initiatives
from market.client.invoices import Invoices, Payments
from market.client.operations import Operation
from market.client.orders import OFFERS, REQUIREMENTS, Lots, Orders, Quotes
from market.client.own_key import OWN_KEY, OwnKey
from market.client.passports import Passports

SECONDS_MAX: Final = 30.0
CONNECTIONS_MAX: Final = 20
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def api_origin(address: str) -> str:
    """An address without its `/v1`. ValueError if it is not an HTTP address or contains a login; its message
    does not repeat the address."""
    if "@" in address:
        raise ValueError("an address holds no user or password")
    if not address.lower().startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://")
    if not urlsplit(address).hostname:
        raise ValueError("an address names a machine after its http:// or https://")
    return address.rstrip("/").removesuffix("/v1")


def keyed_origin(address: str, *, cleartext: bool = False) -> str:
    """As `api_origin`, for an address to which a key is sent. Also ValueError without TLS to another machine,
    unless `cleartext` allows it, since the key could be read on the way."""
    origin = api_origin(address)
    found = urlsplit(origin)
    if found.scheme != "https" and not cleartext and found.hostname not in LOOPBACK:
        raise ValueError(f"{found.scheme}://{found.hostname} would carry the key in clear text")
    return origin


class Client:
    """The published API as methods. Requests are retried while that is safe; errors are ClientError.

    Routes without a method are called by their path: `get`, `post`, `put`, `patch`, `delete`, and `read` for
    answers that are not a JSON object.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        http: httpx.AsyncClient | None = None,
        patience: Patience | None = None,
        new_key: Callable[[], str] | None = None,
        cleartext: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`address` with or without `/v1`. A given `http` client is shared and not closed here. Retries are
        only logged to `market.client`, at INFO.

        ValueError as in `keyed_origin`.
        """
        self._origin = keyed_origin(address, cleartext=cleartext)
        self._own_http = http is None
        self._http = http or httpx.AsyncClient(
            timeout=SECONDS_MAX, limits=httpx.Limits(max_connections=CONNECTIONS_MAX)
        )
        self.calls = Calls(
            self._http,
            self._origin,
            Bearer(token),
            patience or Patience(),
            new_key or (lambda: str(uuid4())),
            sleep,
        )
        self.markets = Markets(self.calls)
        self.offers = Orders(self.calls, OFFERS)
        self.lots = Lots(self.calls)
        self.requirements = Orders(self.calls, REQUIREMENTS)
        self.quotes = Quotes(self.calls)
        self.matches = Matches(self.calls)
        self.agreements = Agreements(self.calls)
        self.deliveries = Deliveries(self.calls)
        self.invoices = Invoices(self.calls)
        self.payments = Payments(self.calls)
        self.passports = Passports(self.calls)
        self.webhooks = Webhooks(self.calls)
        self.imports = Imports(self.calls)
        self.initiatives = Initiatives(self.calls)
        self.feed = Feed(self.calls)

    def __repr__(self) -> str:
        return f"Client({self._origin!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        if self._own_http:
            await self._http.aclose()

    async def whoami(self) -> OwnKey:
        """The key's organisation, roles, validity, and the markets of its organisation."""
        return (await self.calls.ask(OWN_KEY)).body

    async def get(self, path: str, **query: str | int | bool | None) -> dict[str, Any]:
        """`path` whole, as in `/v1/funnel`, of a route whose answer is an object."""
        return await self._ask("GET", path, query=query)

    async def read(self, path: str, *, media_type: str = "*/*", **query: str | int | bool | None) -> bytes:
        """The bytes of any other answer: a table as CSV, a drawing, a page, a batch of events."""
        operation = Operation("GET", path, bytes)
        return await self.calls.read(operation, query=query, media_type=media_type)

    async def post(
        self,
        path: str,
        body: Body = None,
        *,
        query: Query | None = None,
        version: int | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """With `query={"validate_only": True}` everything is checked and nothing is stored. Routes without an
        idempotency key are not retried."""
        return await self._ask("POST", path, query=query, body=body, version=version, key=key)

    async def put(
        self,
        path: str,
        body: Body = None,
        *,
        query: Query | None = None,
        version: int | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        return await self._ask("PUT", path, query=query, body=body, version=version, key=key)

    async def patch(
        self, path: str, body: Body, *, version: int, query: Query | None = None
    ) -> dict[str, Any]:
        return await self._ask("PATCH", path, query=query, body=body, version=version)

    async def delete(
        self, path: str, *, version: int | None = None, query: Query | None = None
    ) -> dict[str, Any]:
        return await self._ask("DELETE", path, query=query, version=version)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Body = None,
        version: int | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        keyed = method in ("POST", "PUT") and not any(each.asks(method, path) for each in UNKEYED)
        operation: Operation[dict[str, Any]] = Operation(method, path, dict, keyed=keyed)
        reply = await self.calls.ask(operation, query=query, body=body, version=version, key=key)
        return reply.body
