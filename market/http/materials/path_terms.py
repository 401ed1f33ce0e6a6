"""Steps of a stage that a lot went through, in the units of the door."""

from typing import Annotated, Self

from msgspec import Meta

from events import origin_terms as words
from events.origin_terms import STEPS_MAX, OriginStage
from events.vocabulary import ProductForm
from market.http.wire.countries import CountryCode
from market.http.wire.material import Body
from market.http.wire.numbers import PART_PERCENT, PartPercent


class StepTaken(Body, frozen=True, kw_only=True):
    """A step of a stage; `form` is the form of the lot whose passport first stated it."""

    country: CountryCode
    form: ProductForm
    strategic_project: bool = False


class StagePath(Body, frozen=True, kw_only=True):
    """A part of the lot by the steps of a stage that it went through, the earliest first.

    The parts of a stage add up to 100 %. `untold`: there may be further steps that nobody states; a part
    without steps and without `untold` went through none.
    """

    stage: OriginStage
    share_percent: PartPercent
    steps: Annotated[tuple[StepTaken, ...], Meta(max_length=STEPS_MAX)] = ()
    untold: bool = False

    def inside(self) -> words.StagePath:
        return words.StagePath(
            stage=self.stage,
            share_ppm=PART_PERCENT.decoded(self.share_percent),
            steps=tuple(
                words.StepTaken(
                    country=step.country, form=step.form, strategic_project=step.strategic_project
                )
                for step in self.steps
            ),
            untold=self.untold,
        )

    @classmethod
    def outside(cls, value: words.StagePath) -> Self:
        return cls(
            stage=value.stage,
            share_percent=PART_PERCENT.text(value.share_ppm),
            steps=tuple(
                StepTaken(country=step.country, form=step.form, strategic_project=step.strategic_project)
                for step in value.steps
            ),
            untold=value.untold,
        )
