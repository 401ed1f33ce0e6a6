"""Days as documents and bank accounts state them: local days, which may begin 14 hours before UTC's."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

AHEAD_OF_UTC: Final = timedelta(hours=14)
"""No place on earth is further ahead (tz database: Pacific/Kiritimati)."""


def latest_day(now: datetime) -> date:
    """The latest day that has begun somewhere."""
    return (now.astimezone(UTC) + AHEAD_OF_UTC).date()
