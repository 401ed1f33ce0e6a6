"""When a message that could not be delivered is posted again, and when a webhook has failed for too long."""

from datetime import datetime, timedelta
from typing import Final

SCHEDULE_SECONDS: Final = (5, 60, 300, 1_800, 7_200, 18_000, 36_000)
"""After the first failure, the second …; the last one again and again."""
JITTER_PPM: Final = 200_000
"""A pause is longer or shorter by up to so much of itself: who failed together comes back one by one."""
ATTEMPTS_MAX: Final = 24
"""More than fit into the days after which a webhook that never succeeds is disabled."""
FAILING_MAX: Final = timedelta(days=5)


def pause_milliseconds(failures: int, draw: int, schedule_seconds: tuple[int, ...] = SCHEDULE_SECONDS) -> int:
    """The pause after so many failures in a row, at least one; `draw` is a random number below 2**32."""
    base = schedule_seconds[min(failures, len(schedule_seconds)) - 1] * 1_000
    spread = base * JITTER_PPM // 1_000_000
    return base - spread + draw * 2 * spread // 2**32


def has_failed_too_long(failing_since: datetime, now: datetime) -> bool:
    return now - failing_since >= FAILING_MAX
