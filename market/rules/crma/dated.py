"""Which rules of Regulation (EU) 2024/1252 apply on a day: rows of `market/data/crma_rules.csv`."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from events.origin_terms import OriginStage
from events.passport_terms import ORIGIN_STAGES
from events.vocabulary import PPB
from market.rules.element_masses import MG_PER_G
from market.rules.twins.dated_rules import DatedRule, applying

PERCENT_PPB = PPB // 100


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


def rules_on(dated: Iterable[DatedRule], day: date) -> CrmaRules:
    """ValueError where two rows of one rule and key apply on the same day."""
    found = applying(dated, day)

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
