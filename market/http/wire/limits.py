"""Rate limits: GCRA per organisation, or per address without a valid key; shown in the RateLimit fields of
the IETF draft."""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from time import monotonic_ns
from typing import Final
from uuid import UUID

from msgspec import Struct

BODY_BYTES_MAX: Final = 256 * 1024
CALLERS_MAX: Final = 10_000
IPV6_SITE_BITS: Final = 64
_NS: Final = 1_000_000_000


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
    """One virtual clock per caller, in this process's memory; the longest unseen gives way to a new one.

    The policy tells the burst, and in how many seconds, rounded up, the quota allows as many again.

    The clock (GCRA: ITU-T I.371, annex A) shows when all that was asked is paid for at the quota's rate; it
    may run ahead of the time by the burst.
    """

    def __init__(
        self,
        quota: Quota,
        policy: str = "organisation",
        *,
        callers_max: int = CALLERS_MAX,
        clock_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        """`clock_ns` counts nanoseconds since whenever, and never goes back."""
        self._request_ns = quota.seconds * _NS // quota.requests
        self._ahead_ns_max = self._request_ns * quota.burst
        self.burst = quota.burst
        self._callers_max = callers_max
        self._clock_ns = clock_ns
        self._paid_ns: OrderedDict[UUID | str, int] = OrderedDict()
        self._name = policy
        window_seconds = -(-quota.burst * quota.seconds // quota.requests)
        self._policy = (
            b"ratelimit-policy",
            f'"{policy}";q={quota.burst};w={window_seconds}'.encode(),
        )

    def take(self, caller: UUID | str, cost: int = 1, *, before: int = 0) -> Verdict:
        """`cost` in requests; what costs more than the burst takes the whole burst, else it never passed.

        `before`: what the same request took already, and takes again when it comes back.
        """
        now_ns = self._clock_ns()
        ahead_ns = max(self._paid_ns.get(caller, 0) - now_ns, 0)
        wanted_ns = ahead_ns + min(cost, self.burst) * self._request_ns
        excess_ns = wanted_ns - self._ahead_ns_max
        if excess_ns <= 0:
            ahead_ns = wanted_ns
            self._remember(caller, now_ns + ahead_ns)
        remaining = (self._ahead_ns_max - ahead_ns) // self._request_ns
        told = f'"{self._name}";r={remaining};t={-(-ahead_ns // _NS)}'
        again_seconds = max(1, -(-(excess_ns + before * self._request_ns) // _NS))
        return Verdict(excess_ns <= 0, again_seconds, (self._policy, (b"ratelimit", told.encode())))

    def _remember(self, caller: UUID | str, paid_ns: int) -> None:
        self._paid_ns[caller] = paid_ns
        self._paid_ns.move_to_end(caller)
        if len(self._paid_ns) > self._callers_max:
            self._paid_ns.popitem(last=False)


def site_of(address: str) -> str:
    """The address of a client, of which IPv6 gives everyone 2^64: there the network that they share."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((int(found), IPV6_SITE_BITS), strict=False))
