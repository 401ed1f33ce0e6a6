"""Warnings about index values far from the previous ones, as a wrong decimal point or unit causes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from contracts.rules.indices import IndexUnit
from contracts.rules.price_terms import PRICE_TWICE, RATE_TENTH, far_apart
from events.contract_terms import IndexValue
from events.fractions import decimal_text
from events.refusal import Caution
from events.vocabulary import MICRO


def change_cautions(
    index: str, unit: IndexUnit, values: Sequence[IndexValue], known: Iterable[IndexValue]
) -> Iterator[tuple[int, Caution]]:
    """Warnings about values, by their index; `known`: other values of the index, with or without these."""
    every = {(each.period.start, each.published_at): each for each in (*known, *values)}.values()
    for place, value in enumerate(values):
        pointer = f"/values/{place}/amount_micro"
        found = _restated(index, unit, value, every, pointer) or _after(index, unit, value, every, pointer)
        if found is not None:
            yield place, found


def _restated(
    index: str, unit: IndexUnit, value: IndexValue, known: Iterable[IndexValue], pointer: str
) -> Caution | None:
    before = [
        each for each in known if each.period == value.period and each.published_at < value.published_at
    ]
    last = max(before, key=lambda each: each.published_at, default=None)
    if last is None or not far_apart(value.amount_micro, last.amount_micro, RATE_TENTH):
        return None
    return Caution(
        code="index_restated_far",
        text=f"{index} {_days(value)} was {_shown(last, unit)}, published {_published(last)}, and is "
        f"restated to {_shown(value, unit)}. Deliveries that are settled from now on, and settled ones that "
        "a party asks to restate, are priced by it.",
        pointer=pointer,
    )


def _after(
    index: str, unit: IndexUnit, value: IndexValue, known: Iterable[IndexValue], pointer: str
) -> Caution | None:
    before = [each for each in known if each.period.start < value.period.start]
    last = max(before, key=lambda each: (each.period.start, each.published_at), default=None)
    factor = PRICE_TWICE if unit.rate_of is None else RATE_TENTH
    if last is None or not far_apart(value.amount_micro, last.amount_micro, factor):
        return None
    return Caution(
        code="index_far_from_before",
        text=f"{index} {_days(value)} is {_shown(value, unit)}, {_days(last)} it was {_shown(last, unit)}. "
        "Is it of the same unit?",
        pointer=pointer,
    )


def _shown(value: IndexValue, unit: IndexUnit) -> str:
    return f"{decimal_text(value.amount_micro, MICRO)} {unit}"


def _days(value: IndexValue) -> str:
    last = value.period.end - timedelta(days=1)
    return f"from {value.period.start.date().isoformat()} to {last.date().isoformat()}"


def _published(value: IndexValue) -> str:
    return value.published_at.date().isoformat()
