"""What a material is made of: mass fractions in percent or ppm, each measured, below detection or not
available."""

from datetime import date
from functools import lru_cache
from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from events import vocabulary as words
from events.contract_terms import FractionUnit
from events.vocabulary import Code, CompositionOf, MassBasis, Text
from market.http.wire.material import Body
from market.http.wire.numbers import BECQUEREL_PER_GRAM, PERCENT, PPM, BecquerelPerGram, Percent, Ppm

PPM_SHOWN_BELOW_PPB = 1_000_000
CELLS_REMEMBERED = 8_192


class PercentFraction(Body, frozen=True, kw_only=True, tag_field="unit", tag="percent"):
    """A mass fraction in percent."""

    amount: Percent


class PpmFraction(Body, frozen=True, kw_only=True, tag_field="unit", tag="ppm"):
    """A mass fraction in parts per million."""

    amount: Ppm


Fraction = PercentFraction | PpmFraction


def to_ppb(fraction: Fraction) -> int:
    return (
        PPM.decoded(fraction.amount)
        if isinstance(fraction, PpmFraction)
        else PERCENT.decoded(fraction.amount)
    )


def unit_of(fraction: Fraction) -> FractionUnit:
    return "ppm" if isinstance(fraction, PpmFraction) else "percent"


def to_fraction(ppb: int, unit: FractionUnit | UnsetType = UNSET) -> Fraction:
    """In `unit`; where it is not known in ppm below 0.1 %, else in percent."""
    if unit == "ppm" or (unit is UNSET and ppb < PPM_SHOWN_BELOW_PPB):
        return PpmFraction(amount=PPM.text(ppb))
    return PercentFraction(amount=PERCENT.text(ppb))


class MeasuredCell(Body, frozen=True, kw_only=True, tag_field="state", tag="value"):
    """A measured analyte: an element, or LOI (loss on ignition of the dried sample); `reported_as`: the
    element itself, or an oxide or ion of it such as Pr6O11, SiO2 or SO4."""

    analyte: Code
    fraction: Fraction
    reported_as: Code | None = None


class NotDetectedCell(Body, frozen=True, kw_only=True, tag_field="state", tag="below_detection"):
    """Below the detection limit that `fraction` states."""

    analyte: Code
    fraction: Fraction
    reported_as: Code | None = None


class UnmeasuredCell(Body, frozen=True, kw_only=True, tag_field="state", tag="not_available"):
    """Not available; this is not zero."""

    analyte: Code
    reported_as: Code | None = None


AssayCell = MeasuredCell | NotDetectedCell | UnmeasuredCell


@lru_cache(maxsize=CELLS_REMEMBERED)
def _cell_inside(cell: AssayCell) -> words.Cell:
    reported_as = cell.reported_as or cell.analyte
    if isinstance(cell, UnmeasuredCell):
        return words.Cell(analyte=cell.analyte, reported_as=reported_as, state="not_available")
    return words.Cell(
        analyte=cell.analyte,
        reported_as=reported_as,
        state="value" if isinstance(cell, MeasuredCell) else "below_detection",
        fraction_ppb=to_ppb(cell.fraction),
    )


def _cell_outside(cell: words.Cell) -> AssayCell:
    if cell.fraction_ppb is None:
        return UnmeasuredCell(analyte=cell.analyte, reported_as=cell.reported_as)
    kind = MeasuredCell if cell.state == "value" else NotDetectedCell
    return kind(analyte=cell.analyte, reported_as=cell.reported_as, fraction=to_fraction(cell.fraction_ppb))


class Composition(Body, frozen=True, kw_only=True):
    """Mass fractions `of` the sample, or of its rare-earth oxides (TREO): then `treo_percent` is their
    share."""

    basis: MassBasis
    of: CompositionOf
    cells: Annotated[tuple[AssayCell, ...], Meta(min_length=1, max_length=64)]
    treo_percent: Percent | None = None

    def __post_init__(self) -> None:
        if self.of == "treo" and self.treo_percent is None:
            raise ValueError("fractions of TREO need treo_percent, the TREO share of the sample")

    def inside(self) -> words.Composition:
        return words.Composition(
            basis=self.basis,
            of=self.of,
            cells=tuple(map(_cell_inside, self.cells)),
            treo_ppb=None if self.treo_percent is None else PERCENT.decoded(self.treo_percent),
        )

    @classmethod
    def outside(cls, value: words.Composition) -> Self:
        return cls(
            basis=value.basis,
            of=value.of,
            cells=tuple(_cell_outside(cell) for cell in value.cells),
            treo_percent=None if value.treo_ppb is None else PERCENT.text(value.treo_ppb),
        )


class Assay(Body, frozen=True, kw_only=True):
    """Who measured, and when. Activities are of Th-232 and of U-238, each alone, in becquerel per gram of the
    sample that the composition is of: dry, or as received.

    1 ppm of Th is 0.00406 Bq/g, 1 ppm of natural U 0.0123 Bq/g. Limits on activities are compared with these
    members as stated, and limits on Th and U with the cells: neither replaces the other, and a limited figure
    that is not stated counts as missing.
    """

    laboratory: Text
    reference: Text
    sampled_on: date
    th_bq_per_g: BecquerelPerGram | None = None
    u_bq_per_g: BecquerelPerGram | None = None

    def inside(self) -> words.Assay:
        return words.Assay(
            laboratory=self.laboratory,
            reference=self.reference,
            sampled_on=self.sampled_on,
            th_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.th_bq_per_g),
            u_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.u_bq_per_g),
        )

    @classmethod
    def outside(cls, value: words.Assay) -> Self:
        return cls(
            laboratory=value.laboratory,
            reference=value.reference,
            sampled_on=value.sampled_on,
            th_bq_per_g=BECQUEREL_PER_GRAM.text_optional(value.th_mbq_per_g),
            u_bq_per_g=BECQUEREL_PER_GRAM.text_optional(value.u_mbq_per_g),
        )
