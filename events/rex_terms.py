"""Terms of recovered lots: cores and their magnets, whole magnets for reuse, and reasons for a step down."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from events.vocabulary import (
    Code,
    ConditionGrade,
    FractionPpb,
    LongText,
    ProductForm,
    RexRoute,
    Text,
    TwinReference,
)

PieceMg = Annotated[int, Meta(ge=1, le=10**9)]
LengthUm = Annotated[int, Meta(ge=1, le=10**8)]
Pieces = Annotated[int, Meta(ge=1, le=10**7)]
PiecesOfLot = Annotated[int, Meta(ge=1, le=10**12)]

CoreKind = Literal["rotor", "generator", "hard_disk_actuator", "loudspeaker", "pump", "sensor", "other"]
MagnetCoating = Literal[
    "uncoated", "nickel", "zinc", "aluminium", "epoxy", "parylene", "phosphate", "other", "unknown"
]
MagnetFixing = Literal["glued", "clamped", "screwed", "press_fitted", "embedded", "overmoulded"]
MagnetShape = Literal["block", "disc", "ring", "arc_segment"]
MagnetAxis = Literal[
    "length", "width", "height", "outer_diameter", "inner_diameter", "outer_radius", "inner_radius"
]
SHAPE_AXES: dict[MagnetShape, tuple[MagnetAxis, ...]] = {
    "block": ("length", "width", "height"),
    "disc": ("outer_diameter", "height"),
    "ring": ("outer_diameter", "inner_diameter", "height"),
    "arc_segment": ("outer_radius", "inner_radius", "width", "length"),
}
"""The dimensions to be measured of a magnet of each shape."""

StepDownReason = Literal[
    "not_inspected",
    "not_separable",
    "no_demand",
    "obsolete_specification",
    "hazardous_substances",
    "not_economically_viable",
    "better_life_cycle",
    "destruction_required",
    "other",
]
"""Technical feasibility, economic viability and life-cycle thinking: Directive 2008/98/EC, Article 4."""


class CoreMagnet(Struct, frozen=True, kw_only=True):
    """`pieces` identical magnets in each core, each of `mass_mg`."""

    pieces: Pieces
    grade: Code
    mass_mg: PieceMg
    coating: MagnetCoating
    fixing: MagnetFixing


class DisassemblyStep(Struct, frozen=True, kw_only=True):
    """One disassembly step of one core; its time in tenths of a minute."""

    action: Text
    tool: Text
    minutes_tenths: Annotated[int, Meta(ge=1, le=100_000)]


class Core(Struct, frozen=True, kw_only=True):
    """`pieces` identical end-of-life parts: the bill of magnets of each, and the disassembly steps in order.
    `twin`: the product twin that describes them."""

    kind: CoreKind
    pieces: Pieces
    magnets: Annotated[tuple[CoreMagnet, ...], Meta(min_length=1, max_length=64)]
    steps: Annotated[tuple[DisassemblyStep, ...], Meta(min_length=1, max_length=64)]
    twin: TwinReference | UnsetType = UNSET


class MagnetDimension(Struct, frozen=True, kw_only=True):
    """From `size_um` − `tolerance_um` to `size_um` + `tolerance_um`: as measured, or as accepted."""

    axis: MagnetAxis
    size_um: LengthUm
    tolerance_um: Annotated[int, Meta(ge=0, le=10**8)] = 0


class WholeMagnets(Struct, frozen=True, kw_only=True):
    """Identical magnets, sold whole, each of `mass_mg`; `flux_ppb` is the lowest remaining flux of any, as a
    share of a new one's."""

    grade: Code
    shape: MagnetShape
    dimensions: Annotated[tuple[MagnetDimension, ...], Meta(min_length=1, max_length=4)]
    coating: MagnetCoating
    flux_ppb: FractionPpb
    mass_mg: PieceMg | UnsetType = UNSET


class MagnetNeed(Struct, frozen=True, kw_only=True):
    """Whole magnets that a buyer can reuse; without `coatings`, any coating. `or_better`: also accepts a
    grade whose coercivity and energy product are not lower than those of one of `grades`."""

    grades: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=16)]
    shape: MagnetShape
    dimensions: Annotated[tuple[MagnetDimension, ...], Meta(min_length=1, max_length=4)]
    coatings: Annotated[tuple[MagnetCoating, ...], Meta(max_length=9)] = ()
    flux_min_ppb: FractionPpb = 0
    or_better: bool | UnsetType = UNSET


class AgreedGoods(Struct, frozen=True, kw_only=True):
    """What a contract states about goods in addition to their assay; `pieces` per lot of the agreed mass."""

    pieces: PiecesOfLot | UnsetType = UNSET
    magnets: WholeMagnets | UnsetType = UNSET
    core: Core | UnsetType = UNSET
    condition: ConditionGrade | UnsetType = UNSET
    rex_routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()


class FoundGoods(Struct, frozen=True, kw_only=True):
    """What was measured on a shipped lot: `flux_ppb` and `condition` are the lowest of any piece."""

    pieces: PiecesOfLot | UnsetType = UNSET
    grade: Code | UnsetType = UNSET
    shape: MagnetShape | UnsetType = UNSET
    dimensions: Annotated[tuple[MagnetDimension, ...], Meta(max_length=4)] = ()
    coating: MagnetCoating | UnsetType = UNSET
    flux_ppb: FractionPpb | UnsetType = UNSET
    condition: ConditionGrade | UnsetType = UNSET


class StepDown(Struct, frozen=True, kw_only=True):
    """Why a lot is offered for a lower step of the waste hierarchy than its condition allows."""

    reason: StepDownReason
    note: LongText | None = None


class RouteCeilings(Struct, frozen=True, kw_only=True):
    """The highest Re-X route that each condition of a form allows; all lower ones are allowed too."""

    form: ProductForm
    grade_a: RexRoute
    grade_b: RexRoute
    grade_c: RexRoute
    grade_d: RexRoute
