"""Steps of an agreement that both have signed: conditions, extension, force majeure, termination."""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta

from contracts.commands import agreements as commands
from contracts.rules import standing as rules
from contracts.rules.standing import TerminationReason
from events.contract_events import AgreementTerminated, ForceMajeureDeclared
from market.http.agreements.agreement_answers import accepted, agreement_step
from market.http.agreements.agreement_views import Evidence
from market.http.agreements.declaration_warnings import of_suspension, of_termination
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing
from market.http.wire.material import Body, Dated, Window
from market.http.wire.steps import given
from market.rules.refusing.wording import LongText

Papers = Annotated[tuple[Evidence, ...], Meta(max_length=16)]


class SettleCondition(Dated, frozen=True, kw_only=True):
    """`met` by the side that has to meet it, with evidence; `waived` by the other side."""

    outcome: Literal["met", "waived"]
    on: date
    evidence: Papers = ()


class Suspend(Body, frozen=True, kw_only=True):
    """Force majeure while it lasts: its start, expected end, reason and evidence."""

    period: Window
    reason: LongText
    evidence: Papers = ()


class Terminate(Body, frozen=True, kw_only=True):
    """The reason has to fit the agreement's status; `evidence` such as the notice that went before."""

    reason: TerminationReason
    note: LongText | None = None
    evidence: Papers = ()


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
    description="By either side, on its word alone. Deliveries rest for the period, and what has to be taken "
    "is less by its share of the year. For 30 days the other side may contest it; the year waits for it. "
    "No document, a start far back, a period over 180 days or past the term are warned of.",
    example={
        "period": {"start": "2028-03-01T00:00:00Z", "end": "2028-04-01T00:00:00Z"},
        "reason": "The plant is flooded",
        "evidence": [{"title": "Chamber of commerce 3/2028", "sha256": "cd" * 32, "dated_on": "2028-03-02"}],
    },
)
async def suspend(call: Call[Suspend, DryRun]) -> Answer:
    argument = rules.Suspend(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        period=call.body.period.inside(),
        reason=call.body.reason,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    outcome = await given(call, commands.suspend, argument)
    return accepted(call, outcome, await of_suspension(call, outcome.fact(ForceMajeureDeclared)))


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
    description="Whether it may is for the parties and their courts; the record says who, when and why, and "
    "takes its word: the other side may contest it, which is shown and brings nothing back. Prolonged force "
    "majeure is a reason of the side that did not declare it. A year that it breaks off is warned of.",
    example={"reason": "breach", "note": "Two deliveries are missing"},
)
async def terminate(call: Call[Terminate, DryRun]) -> Answer:
    argument = rules.Terminate(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        reason=call.body.reason,
        note=call.body.note,
        evidence=tuple(each.inside() for each in call.body.evidence),
        at_door=True,
    )
    outcome = await given(call, commands.terminate, argument)
    return accepted(call, outcome, await of_termination(call, outcome.fact(AgreementTerminated)))


HANDLERS: Final = (settle, extend, suspend, resume, terminate)
