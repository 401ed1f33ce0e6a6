"""The balance of a transformation, element by element."""

from collections import Counter
from collections.abc import Sequence

from events.passport_terms import (
    ElementLoss,
)
from events.refusal import Refusal
from events.vocabulary import (
    MICRO,
)
from events.wellformed import duplicate_refusals
from market.rules.custody import Batch
from market.rules.element_masses import (
    BALANCED,
    SCALE_PER_MG,
    Contained,
    grams_text,
    summed,
)
from market.rules.refusing.passport_refusals import (
    ElementNotBalanced,
    ElementUnbalanced,
    ElementUnmeasured,
    ToleranceTooWide,
)

TOLERANCE_PPM_MAX = 50_000


LOTS_NAMED = 8
"""Of those that a refusal is about."""


def balance_refusals(
    inputs: Sequence[Batch], outputs: Sequence[Batch], losses: Sequence[ElementLoss], tolerance_ppm: int
) -> list[Refusal]:
    """Per element: outputs plus losses have to equal the inputs, within a tolerance of the inputs.

    An element that was not measured counts 0; one below detection may be anything up to its limit.
    """
    reasons = _loss_refusals(losses)
    if tolerance_ppm > TOLERANCE_PPM_MAX:
        reasons.append(
            ToleranceTooWide(pointer="/tolerance_ppm", stated=tolerance_ppm, most=TOLERANCE_PPM_MAX)
        )
    came = summed(each.masses for each in inputs)
    went = summed(each.masses for each in outputs)
    lost = Counter({loss.element: loss.mass_mg * SCALE_PER_MG for loss in losses})
    for element in BALANCED:
        of_inputs, of_outputs = (found.get(element, Contained(0, 0)) for found in (came, went))
        tolerance = of_inputs.most * min(tolerance_ppm, TOLERANCE_PPM_MAX) // MICRO
        too_much = of_outputs.least + lost[element] > of_inputs.most + tolerance
        too_little = of_outputs.most + lost[element] < of_inputs.least - tolerance
        unmeasured = [each.content.lot_number for each in inputs if element not in each.masses]
        if too_much and unmeasured:
            reasons.append(
                ElementUnmeasured(
                    pointer="/outputs",
                    element=element,
                    lots=", ".join(unmeasured[:LOTS_NAMED]),
                    outputs=grams_text(of_outputs.least),
                )
            )
        elif too_much or too_little:
            reasons.append(
                ElementUnbalanced(
                    pointer="/outputs",
                    element=element,
                    inputs=grams_text(of_inputs.most),
                    outputs=grams_text(of_outputs.least),
                    losses=grams_text(lost[element]),
                    tolerance=grams_text(tolerance),
                )
            )
    return reasons


def _loss_refusals(losses: Sequence[ElementLoss]) -> list[Refusal]:
    reasons = duplicate_refusals("/losses", [loss.element for loss in losses])
    reasons += [
        ElementNotBalanced(
            pointer=f"/losses/{index}/element", element=loss.element, balanced=", ".join(BALANCED)
        )
        for index, loss in enumerate(losses)
        if loss.element not in BALANCED
    ]
    return reasons
