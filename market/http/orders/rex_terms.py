"""Cores, whole magnets and steps down the waste hierarchy as request bodies and back: every value converts
exactly."""

from typing import Annotated, Final, Self

from msgspec import UNSET, Meta, UnsetType

from events import rex_terms as words
from events.rex_terms import (
    CoreKind,
    MagnetAxis,
    MagnetCoating,
    MagnetFixing,
    MagnetShape,
    StepDownReason,
)
from events.vocabulary import ProductForm, RexRoute
from market.http.wire.material import Body, NamedTwin
from market.http.wire.numbers import (
    GRAMS_POSITIVE,
    KILOGRAMS,
    MILLIMETRES,
    MINUTES,
    PERCENT,
    DecimalText,
    GramsPositive,
    Millimetres,
    MillimetresPositive,
    MinutesPositive,
    Percent,
)
from market.rules.element_masses import MG_PER_G
from market.rules.orders import cores
from market.rules.orders.magnet_grades import spelt
from market.rules.refusing.wording import Code, LongText, Text

CORE: Final = {
    "kind": "rotor",
    "pieces": 10_000,
    "magnets": [
        {"pieces": 8, "grade": "N42SH", "mass_g": "25.000", "coating": "epoxy", "fixing": "embedded"}
    ],
    "steps": [
        {"action": "pull the shaft", "tool": "hydraulic press", "minutes": "2.5"},
        {"action": "heat and push out the magnets", "tool": "oven at 220 °C, mandrel", "minutes": "6"},
    ],
}
WHOLE_MAGNETS: Final = {
    "grade": "N42SH",
    "shape": "block",
    "dimensions": [
        {"axis": "length", "size_mm": "40", "tolerance_mm": "0.05"},
        {"axis": "width", "size_mm": "20", "tolerance_mm": "0"},
        {"axis": "height", "size_mm": "5", "tolerance_mm": "0"},
    ],
    "coating": "nickel",
    "flux_percent": "97.5",
    "mass_g": "30.000",
}
MAGNET_NEED: Final = {
    "grades": ["N42SH", "N45SH"],
    "shape": "block",
    "dimensions": [
        {"axis": "length", "size_mm": "40", "tolerance_mm": "0.1"},
        {"axis": "width", "size_mm": "20", "tolerance_mm": "0.1"},
        {"axis": "height", "size_mm": "5", "tolerance_mm": "0.05"},
    ],
    "coatings": ["nickel", "epoxy"],
    "flux_min_percent": "95",
}
STEP_DOWN: Final = {
    "reason": "obsolete_specification",
    "note": "this frame size is not made any more",
}


class CoreMagnet(Body, frozen=True, kw_only=True):
    """`pieces` identical magnets in each core, each of `mass_g`."""

    pieces: Annotated[int, Meta(ge=1, le=10**7)]
    grade: Code
    mass_g: GramsPositive
    coating: MagnetCoating
    fixing: MagnetFixing

    def inside(self) -> words.CoreMagnet:
        return words.CoreMagnet(
            pieces=self.pieces,
            grade=self.grade,
            mass_mg=GRAMS_POSITIVE.decoded(self.mass_g),
            coating=self.coating,
            fixing=self.fixing,
        )

    @classmethod
    def outside(cls, value: words.CoreMagnet) -> Self:
        return cls(
            pieces=value.pieces,
            grade=value.grade,
            mass_g=GRAMS_POSITIVE.text(value.mass_mg),
            coating=value.coating,
            fixing=value.fixing,
        )


class DisassemblyStep(Body, frozen=True, kw_only=True):
    """What is done to one core, with what, in how many minutes."""

    action: Text
    tool: Text
    minutes: MinutesPositive

    def inside(self) -> words.DisassemblyStep:
        return words.DisassemblyStep(
            action=self.action, tool=self.tool, minutes_tenths=MINUTES.decoded(self.minutes)
        )

    @classmethod
    def outside(cls, value: words.DisassemblyStep) -> Self:
        return cls(action=value.action, tool=value.tool, minutes=MINUTES.text(value.minutes_tenths))


class Core(Body, frozen=True, kw_only=True):
    """`pieces` identical end-of-life parts with magnets: the bill of magnets of each, and the disassembly
    steps in order.

    The magnets of all cores together weigh at most as much as the lot, and at least as much as the market's
    basis in it. `twin`: the product twin that describes them; one core contains at most the twin's magnets.
    """

    kind: CoreKind
    pieces: Annotated[int, Meta(ge=1, le=10**7)]
    magnets: Annotated[tuple[CoreMagnet, ...], Meta(min_length=1, max_length=64)]
    steps: Annotated[tuple[DisassemblyStep, ...], Meta(min_length=1, max_length=64)]
    twin: NamedTwin | None = None

    def inside(self) -> words.Core:
        return words.Core(
            kind=self.kind,
            pieces=self.pieces,
            magnets=tuple(magnet.inside() for magnet in self.magnets),
            steps=tuple(step.inside() for step in self.steps),
            twin=UNSET if self.twin is None else self.twin.inside(),
        )

    @classmethod
    def outside(cls, value: words.Core | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            kind=value.kind,
            pieces=value.pieces,
            magnets=tuple(map(CoreMagnet.outside, value.magnets)),
            steps=tuple(map(DisassemblyStep.outside, value.steps)),
            twin=NamedTwin.outside(value.twin),
        )


class CoreFigures(Body, frozen=True, kw_only=True):
    """What follows from the bill: magnets of all cores, rounded down, and the time that one core takes."""

    recoverable_magnets_kg: DecimalText
    minutes_per_core: str

    @classmethod
    def of(cls, value: words.Core | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            recoverable_magnets_kg=KILOGRAMS.text(cores.recoverable_magnets_mg(value) // MG_PER_G),
            minutes_per_core=MINUTES.text(cores.disassembly_minutes_tenths(value)),
        )


class MagnetDimension(Body, frozen=True, kw_only=True):
    """From `size_mm` − `tolerance_mm` to `size_mm` + `tolerance_mm`: as measured, or as accepted."""

    axis: MagnetAxis
    size_mm: MillimetresPositive
    tolerance_mm: Millimetres = "0"

    def inside(self) -> words.MagnetDimension:
        return words.MagnetDimension(
            axis=self.axis,
            size_um=MILLIMETRES.decoded(self.size_mm),
            tolerance_um=MILLIMETRES.decoded(self.tolerance_mm),
        )

    @classmethod
    def outside(cls, value: words.MagnetDimension) -> Self:
        return cls(
            axis=value.axis,
            size_mm=MILLIMETRES.text(value.size_um),
            tolerance_mm=MILLIMETRES.text(value.tolerance_um),
        )


Dimensions = Annotated[tuple[MagnetDimension, ...], Meta(min_length=1, max_length=4)]


class WholeMagnets(Body, frozen=True, kw_only=True):
    """Identical magnets, sold whole, each of `mass_g`, by which a contract counts them; `flux_percent`: the
    lowest remaining flux of any, as a share of a new one's."""

    grade: Code
    shape: MagnetShape
    dimensions: Dimensions
    coating: MagnetCoating
    flux_percent: Percent
    mass_g: GramsPositive | None = None

    def inside(self) -> words.WholeMagnets:
        return words.WholeMagnets(
            grade=spelt(self.grade),
            shape=self.shape,
            dimensions=tuple(each.inside() for each in self.dimensions),
            coating=self.coating,
            flux_ppb=PERCENT.decoded(self.flux_percent),
            mass_mg=UNSET if self.mass_g is None else GRAMS_POSITIVE.decoded(self.mass_g),
        )

    @classmethod
    def outside(cls, value: words.WholeMagnets | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            grade=value.grade,
            shape=value.shape,
            dimensions=tuple(map(MagnetDimension.outside, value.dimensions)),
            coating=value.coating,
            flux_percent=PERCENT.text(value.flux_ppb),
            mass_g=None if value.mass_mg is UNSET else GRAMS_POSITIVE.text(value.mass_mg),
        )


class MagnetNeed(Body, frozen=True, kw_only=True):
    """Whole magnets that the buyer can reuse: every measured size has to be within the accepted one; without
    `coatings`, any coating. `or_better`: in addition to `grades`, NdFeB grades with at least the coercivity
    and energy product of one of them, such as N42UH and N45SH for N42SH."""

    grades: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=16)]
    shape: MagnetShape
    dimensions: Dimensions
    coatings: Annotated[tuple[MagnetCoating, ...], Meta(max_length=9)] = ()
    flux_min_percent: Percent = "0"
    or_better: bool = False

    def inside(self) -> words.MagnetNeed:
        return words.MagnetNeed(
            grades=tuple(map(spelt, self.grades)),
            shape=self.shape,
            dimensions=tuple(each.inside() for each in self.dimensions),
            coatings=self.coatings,
            flux_min_ppb=PERCENT.decoded(self.flux_min_percent),
            or_better=self.or_better or UNSET,
        )

    @classmethod
    def outside(cls, value: words.MagnetNeed | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            grades=value.grades,
            shape=value.shape,
            dimensions=tuple(map(MagnetDimension.outside, value.dimensions)),
            coatings=value.coatings,
            flux_min_percent=PERCENT.text(value.flux_min_ppb),
            or_better=value.or_better is True,
        )


class StepDown(Body, frozen=True, kw_only=True):
    """Why a lot is offered to a lower route than its condition allows; `other` needs a note."""

    reason: StepDownReason
    note: LongText | None = None

    def inside(self) -> words.StepDown:
        return words.StepDown(reason=self.reason, note=self.note)

    @classmethod
    def outside(cls, value: words.StepDown | UnsetType) -> Self | None:
        return None if value is UNSET else cls(reason=value.reason, note=value.note)


class RouteCeilings(Body, frozen=True, kw_only=True):
    """The highest Re-X route that each condition of a form allows, and all below it."""

    form: ProductForm
    grade_a: RexRoute
    grade_b: RexRoute
    grade_c: RexRoute
    grade_d: RexRoute

    def inside(self) -> words.RouteCeilings:
        return words.RouteCeilings(
            form=self.form,
            grade_a=self.grade_a,
            grade_b=self.grade_b,
            grade_c=self.grade_c,
            grade_d=self.grade_d,
        )

    @classmethod
    def outside(cls, value: words.RouteCeilings) -> Self:
        return cls(
            form=value.form,
            grade_a=value.grade_a,
            grade_b=value.grade_b,
            grade_c=value.grade_c,
            grade_d=value.grade_d,
        )
