"""Processing steps of a material: stage, country, and share of the material in parts per million."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.vocabulary import MICRO, CountryCode, ProductForm

OriginStage = Literal["extraction", "processing", "recycling"]
SharePpm = Annotated[int, Meta(ge=1, le=MICRO)]
STEPS_MAX = 16
PATHS_MAX = 64
"""Paths of one stage."""
STEP_SHARES_MAX = 768


class StepTaken(Struct, frozen=True, kw_only=True):
    """A step of a stage; `form` is the form of the lot whose passport first stated it."""

    country: CountryCode
    form: ProductForm
    strategic_project: bool = False


class StagePath(Struct, frozen=True, kw_only=True):
    """A part of the material, with all steps of a stage that it went through, the earliest first.

    The parts of a stage add up to 1,000,000. `untold`: there may be further steps that nobody states; a part
    without steps and without `untold` went through none.
    """

    stage: OriginStage
    share_ppm: SharePpm
    steps: Annotated[tuple[StepTaken, ...], Meta(max_length=STEPS_MAX)] = ()
    untold: bool = False


class StepShare(Struct, frozen=True, kw_only=True):
    """How much of a material went through a step; shares overlap where it went through several.

    `country` None: for this share nobody states whether there were other steps of the stage. `form` None:
    several forms.
    """

    stage: OriginStage
    country: CountryCode | None
    form: ProductForm | None = None
    share_ppm: SharePpm
    strategic_project: bool = False
