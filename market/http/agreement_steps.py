"""Steps of an agreement that both have signed: conditions, extension, force majeure, termination."""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta

from contracts.commands import agreements as commands
from contracts.rules.standing import TerminationReason
from market.http.access import TRADERS
from market.http.agreement_views import Evidence
from market.http.agreements import TAG, AgreementAccepted, accepted
from market.http.endpoint import Answer, Call, DryRun, Nothing, endpoint
from market.http.material import Body, Window
from market.rules.wording import LongText


class SettleCondition(Body, frozen=True, kw_only=True):
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


@endpoint(
    "POST",
    "/v1/agreements/{agreement}/conditions/{condition}",
    roles=TRADERS,
    summary="Meet or waive a condition precedent",
    tag=TAG,
    body=SettleCondition,
    query=DryRun,
    answer=AgreementAccepted,
    status=201,
    idempotent=True,
    versioned=True,
    description="The last condition makes the agreement effective.",
    example={
        "outcome": "met",
        "on": "2027-11-02",
        "evidence": [{"title": "Permit 17/2027", "sha256": "ab" * 32, "dated_on": "2027-11-01"}],
    },
)
async def settle(call: Call[SettleCondition, DryRun]) -> Answer:
    result = await commands.settle_condition(
        call.door.desk,
        call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        condition=call.text_parameter["condition"],
        outcome=call.body.outcome,
        on=call.body.on,
        evidence=tuple(evidence.inside() for evidence in call.body.evidence),
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    return accepted(call, result)


@endpoint(
    "POST",
    "/v1/agreements/{agreement}/extensions",
    roles=TRADERS,
    summary="Extend an agreement",
    tag=TAG,
    query=DryRun,
    answer=AgreementAccepted,
    status=201,
    idempotent=True,
    versioned=True,
    description="By the side whose option it is, in time before the end.",
)
async def extend(call: Call[Nothing, DryRun]) -> Answer:
    result = await commands.extend(
        call.door.desk,
        call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    return accepted(call, result)


@endpoint(
    "POST",
    "/v1/agreements/{agreement}/suspensions",
    roles=TRADERS,
    summary="Declare force majeure",
    tag=TAG,
    body=Suspend,
    query=DryRun,
    answer=AgreementAccepted,
    status=201,
    idempotent=True,
    versioned=True,
    description="Deliveries rest for the period, and what has to be taken is less by its share of the year.",
    example={
        "period": {"start": "2028-03-01T00:00:00Z", "end": "2028-04-01T00:00:00Z"},
        "reason": "The plant is flooded",
    },
)
async def suspend(call: Call[Suspend, DryRun]) -> Answer:
    result = await commands.suspend(
        call.door.desk,
        call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        period=call.body.period.inside(),
        reason=call.body.reason,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    return accepted(call, result)


@endpoint(
    "POST",
    "/v1/agreements/{agreement}/resumption",
    roles=TRADERS,
    summary="End a force majeure early",
    tag=TAG,
    query=DryRun,
    answer=AgreementAccepted,
    status=201,
    idempotent=True,
    versioned=True,
    description="By the side that declared it; without this it ends with its period.",
)
async def resume(call: Call[Nothing, DryRun]) -> Answer:
    result = await commands.resume(
        call.door.desk,
        call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    return accepted(call, result)


@endpoint(
    "POST",
    "/v1/agreements/{agreement}/termination",
    roles=TRADERS,
    summary="Terminate an agreement",
    tag=TAG,
    body=Terminate,
    query=DryRun,
    answer=AgreementAccepted,
    status=201,
    idempotent=True,
    versioned=True,
    description="Whether it may is for the parties and their courts; the record says who, when and why.",
    example={"reason": "breach", "note": "Two deliveries are missing"},
)
async def terminate(call: Call[Terminate, DryRun]) -> Answer:
    result = await commands.terminate(
        call.door.desk,
        call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        reason=call.body.reason,
        note=call.body.note,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    return accepted(call, result)


HANDLERS: Final = (settle, extend, suspend, resume, terminate)
