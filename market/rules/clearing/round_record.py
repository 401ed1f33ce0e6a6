"""What a round recorded, read section by section; what of it no check without a solver can prove."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import Struct

from events.clearing_terms import ListedWaterfall, Multiplier, OrderDual, SectionResult
from events.market_events import ClearingCompleted, ClearingEvidence
from market.rules.clearing.breaches import Breach, CertificateBroken, breach_of
from market.rules.clearing.posing import FIRST_TRY


@dataclass(frozen=True, slots=True)
class RecordedSection:
    """What a round recorded of one section, in the order of its parts."""

    waterfalls: tuple[ListedWaterfall, ...]
    duals: tuple[OrderDual, ...]
    quotas: tuple[OrderDual, ...]
    multipliers: tuple[Multiplier, ...]
    result: SectionResult


def completed_of(facts: Sequence[Struct]) -> ClearingCompleted:
    last = facts[-1] if facts else None
    if not isinstance(last, ClearingCompleted):
        found = type(last).__name__ if last is not None else "nothing"
        raise CertificateBroken(
            [breach_of("", "the last event", "a whole round", found, "ClearingCompleted")]
        )
    return last


def unknown_sections(evidence: Sequence[ClearingEvidence], completed: ClearingCompleted) -> Iterator[Breach]:
    names = [result.section for result in completed.sections]
    for part in evidence:
        if part.section not in names:
            fields = f"section of part {part.part}, sections"
            yield breach_of("", fields, "the result", part.section, f"one of {names}")


def tried_again(facts: Sequence[Struct]) -> bool:
    """Whether the record says that the first tie-break left ties somewhere: only clearing it again tells."""
    last = facts[-1] if facts else None
    return isinstance(last, ClearingCompleted) and any(later_tries(last))


def later_tries(completed: ClearingCompleted) -> Iterator[Breach]:
    for index, result in enumerate(completed.sections):
        if result.tries != FIRST_TRY:
            yield breach_of(
                "", f"sections/{index}/tries", "a proof without a solver", result.tries, FIRST_TRY
            )


def section_record(
    name: str, evidence: Sequence[ClearingEvidence], completed: ClearingCompleted
) -> RecordedSection:
    results = [result for result in completed.sections if result.section == name]
    if len(results) != 1:
        breach = breach_of(name, "sections", "one result per section", f"{len(results)} of them", "1 of them")
        raise CertificateBroken([breach])
    parts = [part for part in evidence if part.section == name]
    return RecordedSection(
        waterfalls=tuple(fall for part in parts for fall in part.waterfalls),
        duals=tuple(dual for part in parts for dual in part.duals),
        quotas=tuple(dual for part in parts for dual in part.quotas),
        multipliers=tuple(each for part in parts for each in part.multipliers),
        result=results[0],
    )
