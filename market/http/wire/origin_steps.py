"""The steps of a lot through a stage, as every interface shows them."""

from typing import Self

from events import origin_terms as words
from events.origin_terms import OriginStage
from events.vocabulary import ProductForm
from market.http.wire.countries import CountryCode
from market.http.wire.material import Body
from market.http.wire.numbers import PART_PERCENT, DecimalText


class StepShare(Body, frozen=True, kw_only=True):
    """How much of a lot went through a step; shares overlap where it went through several.

    `country` null: for this share nobody states whether there were other steps of the stage. `form` is that
    of the lot whose passport first stated the step, null for several.
    """

    stage: OriginStage
    country: CountryCode | None
    form: ProductForm | None
    share_percent: DecimalText
    strategic_project: bool

    @classmethod
    def of(cls, value: words.StepShare) -> Self:
        return cls(
            stage=value.stage,
            country=value.country,
            form=value.form,
            share_percent=PART_PERCENT.text(value.share_ppm),
            strategic_project=value.strategic_project,
        )
