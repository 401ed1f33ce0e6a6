"""Contests of force majeure or a termination by the other side, and their settlement by a side or the
operator."""

from typing import Annotated, Final

from msgspec import Meta

from contracts.commands import agreements as commands
from contracts.rules import contests as rules
from events.contract_events import ForceMajeureEnded
from events.contract_terms import AgreementStatus, ContestOutcome
from market.http.agreements.agreement_answers import TAG
from market.http.agreements.agreement_steps import Papers
from market.http.wire.access import OPERATORS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.ids import AgreementId, to_text
from market.http.wire.material import Body
from market.http.wire.receipts import Accepted, Done
from market.http.wire.steps import given, step_endpoint
from market.rules.refusing.wording import LongText

Number = Annotated[
    Annotated[int, Meta(ge=1, le=10_000)] | None,
    Meta(description="Which force majeure, counted from 1; null: the termination."),
]
AWARD: Final = {"title": "Award 27/114", "sha256": "ef" * 32, "dated_on": "2028-09-30"}


class ContestDeclaration(Body, frozen=True, kw_only=True):
    suspension: Number = None
    reason: LongText
    evidence: Papers = ()


class SettleContest(Body, frozen=True, kw_only=True):
    """The declaration `stands` or `falls`."""

    suspension: Number = None
    outcome: ContestOutcome
    evidence: Papers = ()


class ContestAccepted(Accepted, frozen=True, kw_only=True):
    """`status`: of the agreement, where this changed it."""

    id: AgreementId
    status: AgreementStatus | None


@step_endpoint(
    "/v1/agreements/{agreement}/contests",
    summary="Contest force majeure or a termination",
    tag=TAG,
    body=ContestDeclaration,
    answer=ContestAccepted,
    description="By the side that did not declare it, once; force majeure within 30 days. A contract year "
    "that it lowers is not assessed before the contest is settled. A termination stays what it is: the "
    "contest is shown with it, and what is owed is for the parties, or their courts.",
    example={"suspension": 1, "reason": "The plant ran on 2 March", "evidence": []},
)
async def contest(call: Call[ContestDeclaration, DryRun]) -> Answer:
    argument = rules.ContestDeclaration(
        caller=call.caller,
        agreement=call.ids["agreement"],
        suspension=call.body.suspension,
        reason=call.body.reason,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return _answer(call, await given(call, commands.contest, argument))


@step_endpoint(
    "/v1/agreements/{agreement}/contests/settlement",
    summary="Say whether what was contested stands",
    tag=TAG,
    roles=TRADERS | OPERATORS,
    body=SettleContest,
    answer=ContestAccepted,
    description="`stands` by the side that contested it, `falls` by the side that declared it; either by the "
    "operator, with the document of the tribunal that decided. Force majeure that falls is over and lowers "
    "nothing: what rested by the seller's word is its shortfall.",
    example={"suspension": 1, "outcome": "falls", "evidence": [AWARD]},
)
async def settle(call: Call[SettleContest, DryRun]) -> Answer:
    argument = rules.SettleContest(
        caller=call.caller,
        agreement=call.ids["agreement"],
        suspension=call.body.suspension,
        outcome=call.body.outcome,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return _answer(call, await given(call, commands.settle_contest, argument))


def _answer(call: Call[ContestDeclaration, DryRun] | Call[SettleContest, DryRun], outcome: Done) -> Answer:
    ended = any(isinstance(fact, ForceMajeureEnded) for fact in outcome.facts)
    body = ContestAccepted(
        id=to_text("agr", call.ids["agreement"]),
        status="effective" if ended else None,
        **outcome.accepted(),
    )
    return outcome.answer(body)


HANDLERS: Final = (contest, settle)
