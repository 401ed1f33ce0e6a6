"""What is odd about a footprint, told alike wherever one is stated: of an order, a passport or a shipment."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from events.market_terms import FootprintBenchmark
from events.refusal import Caution
from events.vocabulary import Footprint, ProductForm

USUAL_WORDS: Final = (
    "cradle-to-gate",
    "gate-to-gate",
    "cradle-to-grave",
    "economic",
    "mass",
    "energy",
    "none",
)
"""Boundaries and allocations as they are mostly written; any other code may stand too."""


def footprint_cautions(footprint: Footprint, form: ProductForm, now: datetime) -> Iterator[Caution]:
    """`form`: of what it is stated for."""
    if footprint.reference_year > now.year:
        yield Caution(
            code="reference_year_in_future",
            text=f"The footprint is stated of {footprint.reference_year}, a year that has not begun.",
            pointer="/footprint/reference_year",
        )
    if footprint.g_co2e_per_kg == 0:
        yield Caution(
            code="footprint_zero",
            text="A footprint of 0 kg CO2e per kg says that nothing was emitted; leave out what is not "
            "known.",
            pointer="/footprint/g_co2e_per_kg",
        )
    if footprint.form != form:
        yield Caution(
            code="footprint_of_other_form",
            text=f"The footprint is of {footprint.form}, the product is {form}.",
            pointer="/footprint/form",
        )


def validity_cautions(footprint: Footprint, first: datetime, last: datetime) -> Iterator[Caution]:
    """Of an order whose delivery begins and ends then; what counts is valid to the end of a delivery."""
    if footprint.valid_until <= first:
        yield Caution(
            code="footprint_expired",
            text=f"The footprint is valid until {footprint.valid_until:%Y-%m-%d}, and delivery begins on "
            f"{first:%Y-%m-%d}: no round counts it.",
            pointer="/footprint/valid_until",
        )
    elif footprint.valid_until < last:
        yield Caution(
            code="footprint_ends_early",
            text=f"The footprint is valid until {footprint.valid_until:%Y-%m-%d}, and delivery may end on "
            f"{last:%Y-%m-%d}: a round counts it for deliveries alone that end before.",
            pointer="/footprint/valid_until",
        )


def benchmark_cautions(footprint: Footprint, benchmark: FootprintBenchmark | None) -> Iterator[Caution]:
    """`benchmark`: of the form of what it is stated for."""
    if benchmark is None:
        return
    for member in ("declared_unit", "boundary", "allocation"):
        stated, asked = getattr(footprint, member), getattr(benchmark, member)
        if stated != asked:
            yield Caution(
                code="footprint_not_comparable",
                text=f"The benchmark of {benchmark.form} says {asked}, the footprint {stated}: only the same "
                "word is comparable, so it counts as none, at the worst value that may be declared.",
                pointer=f"/footprint/{member}",
            )


def cap_cautions(forms: Sequence[ProductForm], *, by_benchmark: bool) -> Iterator[Caution]:
    """Of a highest footprint. `forms`: those that are accepted and have no benchmark."""
    if not forms:
        return
    named = ", ".join(forms)
    text = (
        f"The market's rules have no benchmark of {named}: no footprint of it is comparable, so no lot of "
        "that form fits while a highest footprint is stated."
        if by_benchmark
        else f"The market's rules have no benchmark of {named}: the highest footprint is held against a bare "
        "number, per kg of whatever unit, form and boundary its seller states."
    )
    yield Caution(code="footprint_cap_without_benchmark", text=text, pointer="/footprint_max_g_co2e_per_kg")


def spelling_cautions(footprint: Footprint) -> Iterator[Caution]:
    """Where no benchmark is known that it will be held against."""
    for member in ("boundary", "allocation"):
        yield from word_cautions(getattr(footprint, member), f"/footprint/{member}")


def word_cautions(word: str, pointer: str) -> Iterator[Caution]:
    """Of a boundary or an allocation in another spelling than the usual one."""
    usual = next((each for each in USUAL_WORDS if _letters(each) == _letters(word)), word)
    if usual != word:
        yield Caution(
            code="word_spelled_unusually",
            text=f"{word} is mostly written {usual}: a footprint and a benchmark are comparable by the same "
            "characters alone.",
            pointer=pointer,
        )


def _letters(word: str) -> str:
    return "".join(each for each in word.casefold() if each.isalnum())
