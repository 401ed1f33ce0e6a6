"""Runs a rule again for a fact, and compares the results."""

from collections.abc import Callable
from typing import Final

from events.decision import Decision
from events.envelope import Draft, Recorded
from events.refusal import Refusal, Refusals
from market.audit.fact_faults import FactFault, difference_between, said, said_by
from market.rules.clearing.differences import Difference
from market.rules.refusing.passport_refusals import ElementUnbalanced

FIGURES: Final = (("stated", "most"), ("wanted", "available"))
"""Figures of a refusal: what a fact states, and what is allowed."""


def asked_again(decide: Callable[[], Decision], event: Recorded) -> FactFault | None:
    try:
        (draft,) = decide().drafts
    except (Refusal, Refusals) as refused:
        return refused_by(refused, event)
    if (draft.data, draft.subject) == (event.data, event.subject):
        return None
    told = "is not what follows from what stood before it"
    return FactFault(kind="material", told=told, difference=unlike(event, draft))


def unlike(event: Recorded, draft: Draft) -> Difference | None:
    return difference_between(said_by(event), {**said_by(event), **said(draft)})


def refused_by(refused: Refusal | Refusals, event: Recorded) -> FactFault:
    reason = refused.refusals[0] if isinstance(refused, Refusals) else refused
    figures, field = reason.figures, (reason.pointer or "").strip("/")
    recorded, expected = event.type, "what its rule accepts"
    if isinstance(reason, ElementUnbalanced):
        field = f"{field}/{figures['element']}"
        recorded = f"{figures['outputs']} g and {figures['losses']} g lost"
        expected = f"{figures['inputs']} g within {figures['tolerance']} g"
    else:
        for stated, allowed in FIGURES:
            if stated in figures and allowed in figures:
                recorded, expected = str(figures[stated]), f"{figures[allowed]} at most"
    return FactFault(
        kind="material",
        told=f"is refused by its rule: {reason.detail()}",
        difference=Difference(field or "type", recorded, expected),
    )
