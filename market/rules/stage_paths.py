"""Which steps of a stage a material went through, carried from the inputs of a transformation to its outputs.

`origin` states where the last step of a stage took place. Paths also contain the earlier ones: each stage is
divided into parts that went through the same steps, weighted by contained rare earths, or by product if there
are none. They describe the physical inputs under every custody model: only claims can be allotted, not
origins.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

from contracts.rules.price_terms import RAW_FORMS
from events.origin_terms import (
    PATHS_MAX,
    STEP_SHARES_MAX,
    STEPS_MAX,
    OriginStage,
    StagePath,
    StepShare,
    StepTaken,
)
from events.passport_terms import ORIGIN_STAGES, OriginShare, PassportContent
from events.vocabulary import MICRO, PPB, ProductForm
from market.rules.custody import Batch, origin_weights
from market.rules.passport import Passport
from market.rules.quantities import largest_remainder


class Way(Struct, frozen=True):
    """`untold`: there may be steps that nobody states."""

    steps: tuple[StepTaken, ...] = ()
    untold: bool = False


Ways = Mapping[Way, int]
"""Of one stage, by weight."""
_Step: TypeAlias = tuple[OriginStage, str | None, ProductForm | None]


def paths_of(content: PassportContent, *, made: bool) -> tuple[StagePath, ...]:
    """What the passport states of all steps of a stage, else what its origin says: the last ones, and where
    the lot was `made` by a transformation that kept no paths, nobody states those before. Who tells one stage
    of it later has not told the others."""
    kept = content.paths or ()
    found: list[StagePath] = []
    for stage in ORIGIN_STAGES:
        parts = [part for part in kept if part.stage == stage]
        found += parts or _parts(stage, _stated(content, stage, made=made))
    return tuple(found)


def mixed_paths(
    inputs: Sequence[Batch], made: Sequence[bool], step: OriginShare | None, form: ProductForm
) -> tuple[StagePath, ...]:
    """Of a lot of `form`: `step` comes after whatever the inputs went through. `made`: by input."""
    weights = origin_weights(inputs)
    found: list[StagePath] = []
    for stage in ORIGIN_STAGES:
        taken = step if step is not None and step.stage == stage else None
        ways: defaultdict[Way, int] = defaultdict(int)
        for weight, batch, of_made in zip(weights, inputs, made, strict=True):
            for part in paths_of(batch.content, made=of_made):
                if part.stage == stage:
                    way = Way(part.steps, part.untold)
                    ways[_after(way, taken, form)] += weight * part.share_ppm
        found += _parts(stage, ways)
    return tuple(found)


def told_paths(content: PassportContent, *, made: bool) -> tuple[StagePath, ...]:
    """None where the origin says all."""
    return paths_of(content, made=made) if made or content.paths is not UNSET else ()


def paths_told(passport: Passport) -> tuple[StagePath, ...] | UnsetType:
    """Of a lot that was made, or whose issuer states its paths; of another its origin says all of it."""
    return told_paths(passport.content, made=passport.transformation is not None) or UNSET


def steps_told(passport: Passport) -> tuple[StepShare, ...] | UnsetType:
    paths = paths_told(passport)
    return UNSET if paths is UNSET else step_shares(paths)


def step_shares(paths: Sequence[StagePath]) -> tuple[StepShare, ...]:
    """The share of the material that went through each step, and the share with unstated steps of a stage. If
    there are too many, without the forms."""
    found = _shares(paths, by_form=True)
    return found if len(found) <= STEP_SHARES_MAX else _shares(paths, by_form=False)


def _shares(paths: Sequence[StagePath], *, by_form: bool) -> tuple[StepShare, ...]:
    sums: dict[_Step, int] = {}
    abroad: set[_Step] = set()
    for part in paths:
        keys: set[_Step] = set()
        for step in part.steps:
            key: _Step = (part.stage, step.country, step.form if by_form else None)
            keys.add(key)
            if not step.strategic_project:
                abroad.add(key)
        if part.untold:
            keys.add((part.stage, None, None))
        for key in keys:
            sums[key] = sums.get(key, 0) + part.share_ppm
    order = sorted(sums, key=lambda key: (ORIGIN_STAGES.index(key[0]), key[1] or "", key[2] or ""))
    return tuple(
        StepShare(
            stage=key[0],
            country=key[1],
            form=key[2],
            share_ppm=sums[key],
            strategic_project=key[1] is not None and key not in abroad,
        )
        for key in order
    )


def _stated(content: PassportContent, stage: OriginStage, *, made: bool) -> Ways:
    """What an origin leaves open is untold, but for recycling, for the processing of raw forms, and for what
    was recycled, which no mine and no processing have to be named for. Nothing is mined twice."""
    named = [share for share in content.origin if share.stage == stage and share.share_ppb]
    ways: defaultdict[Way, int] = defaultdict(int)
    for share in named:
        step = StepTaken(country=share.country, form=content.form, strategic_project=share.strategic_project)
        ways[Way((step,), made and stage != "extraction")] += share.share_ppb
    open_ppb = PPB - sum(share.share_ppb for share in named)
    none_ppb = open_ppb
    if stage != "recycling" and not (stage == "processing" and content.form in RAW_FORMS):
        recycled_ppb = sum(share.share_ppb for share in content.origin if share.stage == "recycling")
        none_ppb = min(open_ppb, recycled_ppb)
    ways[Way()] += none_ppb
    ways[Way(untold=True)] += open_ppb - none_ppb
    return ways


def _after(way: Way, step: OriginShare | None, form: ProductForm) -> Way:
    """Appends a step unless it is already there; above the maximum, the latest steps are kept."""
    if step is None:
        return way
    taken = StepTaken(country=step.country, form=form, strategic_project=step.strategic_project)
    if taken in way.steps:
        return way
    return _shortened((*way.steps, taken), untold=way.untold)


def _shortened(steps: tuple[StepTaken, ...], *, untold: bool) -> Way:
    return Way(steps[-STEPS_MAX:], untold or len(steps) > STEPS_MAX)


def _parts(stage: OriginStage, ways: Ways) -> Iterator[StagePath]:
    """Rounded by largest remainder; beyond the most, the smallest parts are one that went through all of
    their steps."""
    kept = {way: weight for way, weight in ways.items() if weight}
    if len(kept) > PATHS_MAX:
        kept = _together(kept)
    for (way, _), share_ppm in zip(kept.items(), largest_remainder(MICRO, [*kept.values()]), strict=True):
        if share_ppm:
            yield StagePath(stage=stage, share_ppm=share_ppm, steps=way.steps, untold=way.untold)


def _together(ways: Ways) -> dict[Way, int]:
    order = sorted(ways, key=lambda way: -ways[way])
    kept = {way: ways[way] for way in order[: PATHS_MAX - 1]}
    rest = order[PATHS_MAX - 1 :]
    steps = tuple(dict.fromkeys(step for way in rest for step in way.steps))
    one = _shortened(steps, untold=any(way.untold for way in rest))
    kept[one] = kept.get(one, 0) + sum(ways[way] for way in rest)
    return kept
