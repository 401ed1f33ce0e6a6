"""When a message that could not be delivered is posted again, and when a webhook has failed for too long."""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

SCHEDULE_SECONDS: Final = (5, 60, 300, 1_800, 7_200, 18_000, 36_000)
"""Pauses after the first failure, the second, and so on; the last one repeats."""
JITTER_PPM: Final = 200_000
"""Random variation of a pause, so that webhooks that failed together do not return together."""
ATTEMPTS_MAX: Final = 24
"""More than fit into the days after which a webhook that never succeeds is disabled."""
FAILING_MAX: Final = timedelta(days=5)
BUSY: Final = frozenset({429, 503})
"""Status codes with which a receiver may state when to retry."""
RETRY_AFTER_CHARACTERS_MAX: Final = 64


def pause_milliseconds(failures: int, draw: int, schedule_seconds: tuple[int, ...] = SCHEDULE_SECONDS) -> int:
    """The pause after so many failures in a row, at least one; `draw` is a random number below 2**32."""
    base = schedule_seconds[min(failures, len(schedule_seconds)) - 1] * 1_000
    spread = base * JITTER_PPM // 1_000_000
    return base - spread + draw * 2 * spread // 2**32


def asked_seconds(
    status: int | None, retry_after: str | None, now: datetime, longest: int = SCHEDULE_SECONDS[-1]
) -> int:
    """What `Retry-After` of RFC 9110, in seconds or as a date, asks to wait for, up to `longest`; 0 for
    anything else."""
    if status not in BUSY or retry_after is None or len(retry_after) > RETRY_AFTER_CHARACTERS_MAX:
        return 0
    if retry_after.isascii() and retry_after.isdecimal():
        return min(int(retry_after), longest)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0
    if until.tzinfo is None:
        return 0
    return min(max(0, -((now - until) // timedelta(seconds=1))), longest)


def has_failed_too_long(failing_since: datetime, now: datetime) -> bool:
    return now - failing_since >= FAILING_MAX
