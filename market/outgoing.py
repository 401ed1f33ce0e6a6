"""Posts to URLs given by others, safe against redirection to internal addresses.

A name is resolved once per post, all its addresses must be allowed, and the connection uses the address that
was checked, so that a changed DNS answer has no effect. Redirects and proxies of the environment are not
used, and only a little of an answer is read.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientPayloadError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from msgspec import Struct
from yarl import URL

from market.lookups import Resolve
from market.rules.streams.reach import Address, Reach, Target, Unusable, all_allowed, literal, target_of

SECONDS_MAX: Final = 15.0
CONNECT_SECONDS_MAX: Final = 5.0
ANSWER_BYTES_MAX: Final = 16 * 1024
ADDRESSES_TRIED_MAX: Final = 2
KEPT_SECONDS: Final = 4.0
"""Shorter than receivers keep an idle connection, so that none is used while it is being closed."""


class Answered(Struct, frozen=True, kw_only=True):
    """`status` None: there was no answer; `error` says why. `retry_after` as the receiver sent it."""

    milliseconds: int
    status: int | None = None
    retry_after: str | None = None
    error: str | None = None


class Postman:
    """Posts to one receiver at a time, over a connection that is kept for a while. Has to be created in a
    running event loop."""

    def __init__(self, reach: Reach, resolve: Resolve, tls: ssl.SSLContext, *, seconds_max: float) -> None:
        """A whole post, look-up included, takes no longer than `seconds_max`."""
        self._reach = reach
        self._resolve = resolve
        self._seconds_max = seconds_max
        self._session = ClientSession(
            connector=TCPConnector(limit=1, keepalive_timeout=KEPT_SECONDS, ssl=tls),
            timeout=ClientTimeout(total=None, sock_connect=min(CONNECT_SECONDS_MAX, seconds_max)),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Never raises an error because of the receiver."""
        began = monotonic()
        status, retry_after, error = None, None, None
        try:
            async with asyncio.timeout(self._seconds_max):
                status, retry_after = await self._post(url, headers, body)
        except Unusable as unusable:
            error = str(unusable)
        except ClientError as failure:
            error = _told(failure)
        except TimeoutError:
            error = f"no answer within {self._seconds_max:g} s"
        except OSError:
            error = "the name cannot be looked up"
        return Answered(
            milliseconds=int((monotonic() - began) * 1_000),
            status=status,
            retry_after=retry_after,
            error=error,
        )

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str | None]:
        target = target_of(url, self._reach)
        given = literal(target.host)
        addresses = [given] if given is not None else await self._resolve(target.host, target.port)
        if not all_allowed(addresses, self._reach):
            raise Unusable("the name leads to an address that is not public")
        tried = list(dict.fromkeys(addresses))[:ADDRESSES_TRIED_MAX]
        for address in tried[:-1]:
            with suppress(ClientConnectorError, ConnectionTimeoutError):
                return await self._post_to(address, target, url, headers, body)
        if not tried:
            raise OSError("no address")
        return await self._post_to(tried[-1], target, url, headers, body)

    async def _post_to(
        self, address: Address, target: Target, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str | None]:
        """Posts to the IP address; certificate check and Host header use the name."""
        named = URL(url, encoded=True)
        async with self._session.post(
            named.with_host(str(address)),
            headers={**headers, "Host": named.raw_authority},
            data=body,
            allow_redirects=False,
            server_hostname=target.host if target.tls else None,
        ) as answer:
            read = 0
            with suppress(ClientPayloadError):
                async for part in answer.content.iter_any():
                    read += len(part)
                    if read > ANSWER_BYTES_MAX:
                        break
            return answer.status, answer.headers.get("retry-after")


def _told(failure: ClientError) -> str:
    """The failure in words that contain nothing from the receiver."""
    match failure:
        case ConnectionTimeoutError():
            return "no answer in time"
        case ClientConnectorSSLError() | ClientConnectorCertificateError():
            return "the certificate does not hold for the name"
        case ClientConnectorError():
            return "the connection was refused"
        case _:
            return "the connection broke"
