"""Steps of an agreement that both have signed: conditions, extension, force majeure, termination."""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta

from contracts.commands import agreements as commands
from contracts.rules import standing as rules
from contracts.rules.standing import TerminationReason
from market.http.agreements.agreement_views import Evidence
from market.http.agreements.agreements import accepted, agreement_step
from market.http.wire.contract_steps import given
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing
from market.http.wire.material import Body, Dated, Window
from market.rules.refusing.wording import LongText


class SettleCondition(Dated, frozen=True, kw_only=True):
    """`met` by who brings it, with evidence; `waived` by the other side."""

    outcome: Literal["met", "waived"]
    on: date
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=16)] = ()


class Suspend(Body, frozen=True, kw_only=True):
    """Force majeure while it lasts: since when, until when it is expected to, and why."""

    period: Window
    reason: LongText


class Terminate(Body, frozen=True, kw_only=True):
    """The reason has to fit the agreement's status."""

    reason: TerminationReason
    note: LongText | None = None


@agreement_step(
    "/v1/agreements/{agreement}/conditions/{condition}",
    summary="Meet or waive a condition precedent",
    body=SettleCondition,
    description="The last condition makes the agreement effective.",
    example={
        "outcome": "met",
        "on": "2027-11-02",
        "evidence": [{"title": "Permit 17/2027", "sha256": "ab" * 32, "dated_on": "2027-11-01"}],
    },
)
async def settle(call: Call[SettleCondition, DryRun]) -> Answer:
    argument = rules.SettleCondition(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        condition=call.text_parameter["condition"],
        outcome=call.body.outcome,
        on=call.body.on,
        evidence=tuple(evidence.inside() for evidence in call.body.evidence),
    )
    return accepted(call, await given(call, commands.settle_condition, argument))


@agreement_step(
    "/v1/agreements/{agreement}/extensions",
    summary="Extend an agreement",
    description="By the side whose option it is, in time before the end.",
)
async def extend(call: Call[Nothing, DryRun]) -> Answer:
    argument = rules.Extend(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
    )
    return accepted(call, await given(call, commands.extend, argument))


@agreement_step(
    "/v1/agreements/{agreement}/suspensions",
    summary="Declare force majeure",
    body=Suspend,
    description="Deliveries rest for the period, and what has to be taken is less by its share of the year.",
    example={
        "period": {"start": "2028-03-01T00:00:00Z", "end": "2028-04-01T00:00:00Z"},
        "reason": "The plant is flooded",
    },
)
async def suspend(call: Call[Suspend, DryRun]) -> Answer:
    argument = rules.Suspend(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        period=call.body.period.inside(),
        reason=call.body.reason,
    )
    return accepted(call, await given(call, commands.suspend, argument))


@agreement_step(
    "/v1/agreements/{agreement}/resumption",
    summary="End a force majeure early",
    description="By the side that declared it; without this it ends with its period.",
)
async def resume(call: Call[Nothing, DryRun]) -> Answer:
    argument = rules.Resume(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
    )
    return accepted(call, await given(call, commands.resume, argument))


@agreement_step(
    "/v1/agreements/{agreement}/termination",
    summary="Terminate an agreement",
    body=Terminate,
    description="Whether it may is for the parties and their courts; the record says who, when and why.",
    example={"reason": "breach", "note": "Two deliveries are missing"},
)
async def terminate(call: Call[Terminate, DryRun]) -> Answer:
    argument = rules.Terminate(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        reason=call.body.reason,
        note=call.body.note,
    )
    return accepted(call, await given(call, commands.terminate, argument))


HANDLERS: Final = (settle, extend, suspend, resume, terminate)
