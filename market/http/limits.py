"""How much a caller may ask: GCRA per organisation (throttled-py), told by the RateLimit fields of the
draft."""

from datetime import timedelta
from math import ceil
from typing import Final
from uuid import UUID

from msgspec import Struct
from throttled import MemoryStore, RateLimiterType, Throttled
from throttled.rate_limiter import per_duration

BODY_BYTES_MAX: Final = 256 * 1024
CALLERS_MAX: Final = 10_000
POLICY: Final = "organisation"


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
    """One virtual clock per caller, in this process's memory."""

    def __init__(self, quota: Quota) -> None:
        self._throttled = Throttled(
            using=RateLimiterType.GCRA.value,
            quota=per_duration(timedelta(seconds=quota.seconds), limit=quota.requests, burst=quota.burst),
            store=MemoryStore(options={"MAX_SIZE": CALLERS_MAX}),
        )
        self._policy = (
            b"ratelimit-policy",
            f'"{POLICY}";q={quota.burst};w={quota.seconds}'.encode(),
        )

    def take(self, caller: UUID | str) -> Verdict:
        result = self._throttled.limit(str(caller))
        state = result.state
        remaining = f'"{POLICY}";r={state.remaining};t={ceil(state.reset_after)}'
        fields = (self._policy, (b"ratelimit", remaining.encode()))
        return Verdict(not result.limited, max(1, ceil(state.retry_after)), fields)
