"""Sends requests: credentials, one idempotency key for all attempts of a call, pauses, decoding of
answers."""

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import httpx
import msgspec
from msgspec import Struct
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential_jitter,
)

from market.client.faults import (
    RefusedError,
    UnreachableError,
    UnreadableError,
    refused,
    unreachable,
)
from market.client.operations import Operation, Page, Reply

A = TypeVar("A")


class File(Struct, frozen=True, kw_only=True):
    """A body that is not JSON."""

    content: bytes
    media_type: str


Body: TypeAlias = Mapping[str, Any] | Struct | None
Query: TypeAlias = Mapping[str, str | int | bool | date | None]

JSON: Final = "application/json"
PAGE_ITEMS: Final = 200
PASSING: Final = frozenset({429, 502, 503, 504})
_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
OUTCOME_UNKNOWN: Final = "outcome_unknown"
_LOG: Final = logging.getLogger("market.client")


class Patience(Struct, frozen=True, kw_only=True):
    """How often and how long a call is retried; a longer pause requested by the server is not waited for."""

    attempts: int = 6
    seconds: float = 60.0
    pause_seconds_first: float = 0.2
    pause_seconds_max: float = 30.0

    def retrying(self, *, repeatable: bool, sleep: Callable[[float], Awaitable[None]]) -> AsyncRetrying:
        """Logs each coming retry to the logger `market.client`."""
        pause = partial(pause_after, repeatable=repeatable, seconds_max=self.pause_seconds_max)
        own = wait_exponential_jitter(multiplier=self.pause_seconds_first, max=self.pause_seconds_max)

        def seconds(state: RetryCallState) -> float:
            asked = pause(_error_of(state))
            return own(state) if asked is True else float(asked)

        return AsyncRetrying(
            retry=retry_if_exception(lambda error: pause(error) is not False),
            wait=seconds,
            stop=stop_after_attempt(self.attempts) | stop_after_delay(self.seconds),
            before_sleep=_tell,
            sleep=sleep,
            reraise=True,
        )


class Bearer(httpx.Auth):
    """Adds the key to each request, and never shows it."""

    def __init__(self, token: str) -> None:
        self._field = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["Authorization"] = self._field
        yield request


class Calls:
    """One caller of one API."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        origin: str,
        auth: Bearer,
        patience: Patience,
        new_key: Callable[[], str],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._http = http
        self._origin = origin
        self._auth = auth
        self._patience = patience
        self._new_key = new_key
        self._sleep = sleep

    async def ask(
        self,
        operation: Operation[A],
        *ids: str,
        query: Query | None = None,
        body: Body = None,
        version: int | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Reply[A]:
        """`version` goes into If-Match; without `key` one is created. ClientError instead of an answer;
        ValueError if `key` has characters that a server does not accept."""
        sent = self._fields(operation, version, key) | dict(headers or {})
        response = await self._tried(
            operation, operation.address(ids), query, body, sent, timeout_seconds, stream=False
        )
        return self._reply(operation, response)

    async def read(self, operation: Operation[bytes], *, query: Query, media_type: str) -> bytes:
        """An undecoded answer of any media type, with `media_type` requested. ClientError instead of one."""
        asked = {"Accept": media_type}
        response = await self._tried(operation, operation.path, query, None, asked, None, stream=False)
        return response.content

    async def pages(self, operation: Operation[Page[A]], *ids: str, query: Query) -> AsyncIterator[A]:
        """Iterates over all items of all pages."""
        cursor: str | None = None
        while True:
            asked = {"limit": PAGE_ITEMS, **query, "cursor": cursor}
            page = (await self.ask(operation, *ids, query=asked)).body
            for item in page.items:
                yield item
            if page.next_cursor is None:
                return
            if page.next_cursor == cursor:
                raise UnreadableError(f"{operation.path}: a page names itself as the next one")
            cursor = page.next_cursor

    @asynccontextmanager
    async def stream(
        self,
        operation: Operation[Any],
        query: Query,
        headers: Mapping[str, str],
        quiet_seconds_max: float,
        *,
        ids: tuple[str, ...] = (),
    ) -> AsyncIterator[httpx.Response]:
        """An answer read as it comes; httpx.ReadTimeout after so long without a byte."""
        response = await self._tried(
            operation, operation.address(ids), query, None, headers, quiet_seconds_max, stream=True
        )
        try:
            yield response
        finally:
            await response.aclose()

    def _fields(self, operation: Operation[Any], version: int | None, key: str | None) -> dict[str, str]:
        fields = {"Accept": JSON}
        if operation.keyed:
            fields["Idempotency-Key"] = _key(key or self._new_key())
        if version is not None:
            fields["If-Match"] = f'"v{version}"'
        return fields

    async def _tried(
        self,
        operation: Operation[Any],
        path: str,
        query: Query | None,
        body: Body,
        headers: Mapping[str, str],
        timeout_seconds: float | None,
        *,
        stream: bool,
    ) -> httpx.Response:
        asked = f"{operation.method} {path}"
        asked_for = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        content, fields = _sent(body)
        request = self._http.build_request(
            operation.method,
            self._origin + path,
            params=asked_for or None,
            content=content,
            headers=fields | dict(headers),
            timeout=httpx.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds,
        )
        retrying = self._patience.retrying(repeatable=operation.repeatable, sleep=self._sleep)
        return await retrying(self._once, asked, request, stream=stream)

    async def _once(self, asked: str, request: httpx.Request, *, stream: bool) -> httpx.Response:
        try:
            response = await self._http.send(request, auth=self._auth, stream=stream, follow_redirects=False)
            if response.is_success:
                return response
            await response.aread()
        except httpx.TransportError as error:
            raise unreachable(asked, error) from error
        except httpx.DecodingError as error:
            raise UnreadableError(f"{asked}: {error}") from error
        raise refused(asked, response)

    def _reply(self, operation: Operation[A], response: httpx.Response) -> Reply[A]:
        try:
            body = msgspec.json.decode(response.content, type=operation.answer)
        except msgspec.MsgspecError as error:
            raise UnreadableError(
                f"{operation.method} {response.url.path} answered {response.status_code}: {error}"
            ) from error
        return Reply(
            body=body,
            etag=response.headers.get("etag"),
            replayed=response.headers.get("idempotent-replayed") == "true",
            following=response.links.get("next", {}).get("url"),
        )


def _error_of(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome is not None else None
    if error is None:
        raise AssertionError("only what failed is waited for")
    return error


def _tell(state: RetryCallState) -> None:
    _LOG.info("%s; try %d in %.1f s", _error_of(state), state.attempt_number + 1, state.upcoming_sleep)


def pause_after(error: BaseException, *, repeatable: bool, seconds_max: float) -> bool | float:
    """Whether to retry: after this many seconds if the server says so; True: after the client's own pause.

    A request that is not repeatable is retried only if it had no effect: it did not arrive, or the server
    says when to come back.
    """
    match error:
        case UnreachableError():
            return repeatable or not error.sent
        case RefusedError() if error.retry_after_seconds is not None:
            harmless = repeatable or error.code != OUTCOME_UNKNOWN
            return (
                error.retry_after_seconds if harmless and error.retry_after_seconds <= seconds_max else False
            )
        case RefusedError():
            return repeatable and error.status in PASSING
        case _:
            return False


def _sent(body: Body) -> tuple[bytes | None, dict[str, str]]:
    """The bytes of a body, and what says what they are."""
    match body:
        case None:
            return None, {}
        case File():
            return body.content, {"Content-Type": body.media_type}
        case _:
            return msgspec.json.encode(body), {"Content-Type": JSON}


def _key(key: str) -> str:
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"an idempotency key is 1 to 64 letters, digits or . _ : -, not {key!r}")
    return key


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)
