"""Days of an agreement are UTC days."""

from calendar import monthrange
from datetime import UTC, date, datetime, time


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def years_later(day: date, years: int) -> date:
    """The same day `years` later; 28 February if the year has no 29th."""
    return months_later(day, 12 * years)


def months_later(day: date, months: int) -> date:
    """The same day of the month `months` later, or the month's last day if it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def instant_text(instant: datetime) -> str:
    """An instant as written in answers: `2026-03-02T09:00:00Z`."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
