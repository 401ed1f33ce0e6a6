"""How much a caller may ask: GCRA per organisation, per address for who is none yet (throttled-py), told by
the RateLimit fields of the draft."""

from datetime import timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil
from typing import Final
from uuid import UUID

from msgspec import Struct
from throttled import MemoryStore, RateLimiterType, Throttled
from throttled.rate_limiter import per_duration

BODY_BYTES_MAX: Final = 256 * 1024
CALLERS_MAX: Final = 10_000
IPV6_SITE_BITS: Final = 64


class Quota(Struct, frozen=True, kw_only=True):
    """`requests` per `seconds`, of which `burst` may come at once; per API process."""

    requests: int = 6_000
    seconds: int = 60
    burst: int = 600


class Verdict(Struct, frozen=True):
    """Whether the request may pass, when to come back, and the fields that say so."""

    allowed: bool
    retry_after_seconds: int
    fields: tuple[tuple[bytes, bytes], ...]


class CallerLimits:
    """One virtual clock per caller, in this process's memory; the longest unseen gives way to a new one."""

    def __init__(self, quota: Quota, policy: str = "organisation", callers_max: int = CALLERS_MAX) -> None:
        self._throttled = Throttled(
            using=RateLimiterType.GCRA.value,
            quota=per_duration(timedelta(seconds=quota.seconds), limit=quota.requests, burst=quota.burst),
            store=MemoryStore(options={"MAX_SIZE": callers_max}),
        )
        self._name = policy
        self._burst = quota.burst
        self._policy = (
            b"ratelimit-policy",
            f'"{policy}";q={quota.burst};w={quota.seconds}'.encode(),
        )

    def take(self, caller: UUID | str, cost: int = 1) -> Verdict:
        """`cost` in requests; what costs more than the burst takes the whole burst, else it never passed."""
        result = self._throttled.limit(str(caller), min(cost, self._burst))
        state = result.state
        remaining = f'"{self._name}";r={state.remaining};t={ceil(state.reset_after)}'
        fields = (self._policy, (b"ratelimit", remaining.encode()))
        return Verdict(not result.limited, max(1, ceil(state.retry_after)), fields)


def site_of(address: str) -> str:
    """The address of a client, of which IPv6 gives everyone 2^64: there the network that they share."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((int(found), IPV6_SITE_BITS), strict=False))
