"""Which rules of Regulation (EU) 2024/1252 apply on a day: rows of `market/data/crma_rules.csv`."""

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct

from events.passport_terms import ORIGIN_STAGES, OriginStage
from events.vocabulary import PPB
from market.rules.element_masses import MG_PER_G

PERCENT_PPB = PPB // 100


class DatedRule(Struct, frozen=True, kw_only=True):
    """Half-open: `applies_from` is in, `applies_until` is not; without `applies_from` it is a proposal."""

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


class CrmaRules(Struct, frozen=True, kw_only=True):
    """What applies on a day; shares in parts per billion. None: nothing is asked for."""

    benchmarks_ppb: dict[OriginStage, int]
    ceiling_ppb: int | None
    strategic: tuple[str, ...]
    consumers: frozenset[str]
    union: frozenset[str]
    statement_due: bool
    statement_above_mg: int
    statement_magnets: frozenset[str]
    statement_elements: tuple[str, ...]
    statement_counts: frozenset[str]


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


def rules_on(dated: Iterable[DatedRule], day: date) -> CrmaRules:
    """ValueError where two rows of one rule and key apply on the same day."""
    found: dict[str, dict[str, int | None]] = {}
    for row in dated:
        if row.applies(day):
            of_rule = found.setdefault(row.rule, {})
            if row.key in of_rule:
                raise ValueError(f"{row.rule} {row.key} has two rows for {day}")
            of_rule[row.key] = row.value

    def keys(rule: str) -> tuple[str, ...]:
        return tuple(found.get(rule, {}))

    benchmarks = found.get("benchmark", {})
    ceiling = found.get("ceiling", {}).get("third_country")
    return CrmaRules(
        benchmarks_ppb={
            stage: percent * PERCENT_PPB
            for stage in ORIGIN_STAGES
            if (percent := benchmarks.get(stage)) is not None
        },
        ceiling_ppb=None if ceiling is None else ceiling * PERCENT_PPB,
        strategic=keys("strategic"),
        consumers=frozenset(keys("consumer")),
        union=frozenset(keys("union_member")),
        statement_due=bool(keys("statement_duty")),
        statement_above_mg=(found.get("statement_above_g", {}).get("magnets") or 0) * MG_PER_G,
        statement_magnets=frozenset(keys("statement_magnet")),
        statement_elements=keys("statement_element"),
        statement_counts=frozenset(keys("statement_counts")),
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
