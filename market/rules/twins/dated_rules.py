"""Rules that apply from a day on, as rows of reference data with a source each."""

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct


class DatedRule(Struct, frozen=True, kw_only=True):
    """Half-open: includes `applies_from`, excludes `applies_until`; without `applies_from` it is only a
    proposal."""

    rule: str
    key: str
    value: int | None
    applies_from: date | None
    applies_until: date | None
    source: str

    def applies(self, day: date) -> bool:
        if self.applies_from is None or day < self.applies_from:
            return False
        return self.applies_until is None or day < self.applies_until


def read_rules(rows: Iterable[Mapping[str, str]]) -> tuple[DatedRule, ...]:
    """ValueError for what is no day or no whole number."""
    return tuple(
        DatedRule(
            rule=row["rule"],
            key=row["key"],
            value=int(row["value"]) if row["value"] else None,
            applies_from=_day(row["applies_from"]),
            applies_until=_day(row["applies_until"]),
            source=row["source"],
        )
        for row in rows
    )


def applying(dated: Iterable[DatedRule], day: date) -> dict[str, dict[str, int | None]]:
    """Values by rule and key, in the order of the rows. ValueError where two of one key apply on the day."""
    found: dict[str, dict[str, int | None]] = {}
    for row in dated:
        if row.applies(day):
            of_rule = found.setdefault(row.rule, {})
            if row.key in of_rule:
                raise ValueError(f"{row.rule} {row.key} has two rows for {day}")
            of_rule[row.key] = row.value
    return found


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
