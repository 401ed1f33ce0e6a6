"""Warnings about footprints, the same for orders, passports and shipments."""

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
"""Usual names of boundaries and allocations; other codes are allowed too."""


def footprint_cautions(footprint: Footprint, form: ProductForm, now: datetime) -> Iterator[Caution]:
    """`form`: the form of the product that the footprint is of."""
    if footprint.reference_year > now.year:
        yield Caution(
            code="reference_year_in_future",
            text=f"The footprint is for {footprint.reference_year}, a year that has not begun.",
            pointer="/footprint/reference_year",
        )
    if footprint.g_co2e_per_kg == 0:
        yield Caution(
            code="footprint_zero",
            text="A footprint of 0 kg CO2e per kg means no emissions at all; leave it out if it is unknown.",
            pointer="/footprint/g_co2e_per_kg",
        )
    if footprint.form != form:
        yield Caution(
            code="footprint_of_other_form",
            text=f"The footprint is for {footprint.form}, but the product is {form}.",
            pointer="/footprint/form",
        )


def validity_cautions(footprint: Footprint, first: datetime, last: datetime) -> Iterator[Caution]:
    """Warnings for an order with deliveries from `first` to `last`: a footprint counts only if it is valid to
    the end of the delivery."""
    if footprint.valid_until <= first:
        yield Caution(
            code="footprint_expired",
            text=f"The footprint is valid until {footprint.valid_until:%Y-%m-%d}, but delivery begins on "
            f"{first:%Y-%m-%d}: no round counts it.",
            pointer="/footprint/valid_until",
        )
    elif footprint.valid_until < last:
        yield Caution(
            code="footprint_ends_early",
            text=f"The footprint is valid until {footprint.valid_until:%Y-%m-%d}, but delivery may end on "
            f"{last:%Y-%m-%d}: a round counts it only for deliveries that end before.",
            pointer="/footprint/valid_until",
        )


def benchmark_cautions(footprint: Footprint, benchmark: FootprintBenchmark | None) -> Iterator[Caution]:
    """`benchmark`: that of the product's form."""
    if benchmark is None:
        return
    for member in ("declared_unit", "boundary", "allocation"):
        stated, asked = getattr(footprint, member), getattr(benchmark, member)
        if stated != asked:
            yield Caution(
                code="footprint_not_comparable",
                text=f"The benchmark of {benchmark.form} says {asked}, but the footprint {stated}: only "
                "identical words are comparable, so it counts as no footprint, at the worst value "
                "that may be declared.",
                pointer=f"/footprint/{member}",
            )


def cap_cautions(forms: Sequence[ProductForm], *, by_benchmark: bool) -> Iterator[Caution]:
    """Warnings about a maximum footprint. `forms`: accepted forms without a benchmark."""
    if not forms:
        return
    named = ", ".join(forms)
    text = (
        f"The market's rules have no benchmark of {named}: no footprint of it can be compared, so no "
        "lot of that form fits while a maximum footprint is stated."
        if by_benchmark
        else f"The market's rules have no benchmark of {named}: the maximum footprint is compared with a "
        "bare number, whatever unit, form and boundary its seller states."
    )
    yield Caution(code="footprint_cap_without_benchmark", text=text, pointer="/footprint_max_g_co2e_per_kg")


def spelling_cautions(footprint: Footprint) -> Iterator[Caution]:
    """Warnings about spelling, for a footprint without a known benchmark."""
    for member in ("boundary", "allocation"):
        yield from word_cautions(getattr(footprint, member), f"/footprint/{member}")


def word_cautions(word: str, pointer: str) -> Iterator[Caution]:
    """Warnings about a boundary or an allocation in an unusual spelling."""
    usual = next((each for each in USUAL_WORDS if _letters(each) == _letters(word)), word)
    if usual != word:
        yield Caution(
            code="word_spelled_unusually",
            text=f"{word} is usually written {usual}: a footprint and a benchmark are comparable only if "
            "they are written identically.",
            pointer=pointer,
        )


def _letters(word: str) -> str:
    return "".join(each for each in word.casefold() if each.isalnum())
