"""Answers to the steps of an agreement."""

from datetime import date
from functools import partial
from typing import Any, Final

from contracts.rules.agreement import counts_from
from events.contract_events import (
    AgreementAdvanced,
    AgreementProposed,
    AgreementTerminated,
    ForceMajeureDeclared,
    ForceMajeureEnded,
)
from events.contract_terms import AgreementStatus
from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.ids import AgreementId, to_text
from market.http.wire.receipts import Accepted, Done, Warned
from market.http.wire.steps import step_endpoint

TAG: Final = "Agreements"


class AgreementAccepted(Accepted, frozen=True, kw_only=True):
    """The agreement's version, and its status if this step changed it; `id` is null after a dry run of a
    draft.

    `counts_from`: if this step puts terms into force, the first day of shipment (UTC) to which they apply.
    """

    id: AgreementId | None
    version: int
    status: AgreementStatus | None = None
    proposal: int | None = None
    counts_from: date | None = None


agreement_step: Final = partial(step_endpoint, tag=TAG, answer=AgreementAccepted, versioned=True)
"""A step of the agreement in the path."""


def accepted(call: Call[Any, DryRun], outcome: Done, warnings: tuple[Warned, ...] = ()) -> Answer:
    """The answer to a step of the agreement in the path."""
    version = call.expected_version + len(outcome.facts)
    proposed = next((fact for fact in outcome.facts if isinstance(fact, AgreementProposed)), None)
    agreement = to_text("agr", call.ids["agreement"])
    body = AgreementAccepted(
        id=agreement,
        version=version,
        status=_status(outcome),
        proposal=None if proposed is None else proposed.proposal,
        counts_from=_counts_from(call, outcome),
        warnings=warnings,
        **outcome.accepted(),
    )
    location = "" if proposed is None else f"/v1/agreements/{agreement}/proposals/{proposed.proposal}"
    return outcome.answer(body, version=version, location=location)


def _counts_from(call: Call[Any, DryRun], outcome: Done) -> date | None:
    time = outcome.events[-1].time if outcome.events else call.door.clock()
    advanced = [fact for fact in outcome.facts if isinstance(fact, AgreementAdvanced)]
    return counts_from(advanced[-1], time) if advanced else None


def _status(outcome: Done) -> AgreementStatus | None:
    found: AgreementStatus | None = None
    for fact in outcome.facts:
        match fact:
            case AgreementAdvanced():
                found = fact.status
            case AgreementTerminated():
                found = "terminated"
            case ForceMajeureDeclared():
                found = "suspended_fm"
            case ForceMajeureEnded():
                found = "effective"
            case _:
                pass
    return found
