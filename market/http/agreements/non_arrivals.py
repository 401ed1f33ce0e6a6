"""A lot that never arrived: declared by its buyer, contested by its seller, settled by one of them or the
operator."""

from typing import Final, Self

from msgspec import UNSET

from contracts.commands import deliveries as commands
from contracts.rules import non_arrivals as rules
from contracts.rules.delivery import Delivery
from events.contract_terms import ContestOutcome
from events.vocabulary import Instant, Side
from market.http.agreements.agreement_steps import Papers
from market.http.agreements.agreement_views import Evidence
from market.http.agreements.delivery_steps import delivery_step, given_of
from market.http.wire.access import OPERATORS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.material import Body
from market.rules.refusing.wording import LongText

REPORT: Final = {"title": "Carrier's report of loss 88-12", "sha256": "9e" * 32, "dated_on": "2028-03-20"}


class NonArrival(Body, frozen=True, kw_only=True):
    """`before_handover`: lost before risk passed by the Incoterm, such as on the way to the ship."""

    reason: LongText
    before_handover: bool = False
    evidence: Papers = ()


class ContestNonArrival(Body, frozen=True, kw_only=True):
    """States that it arrived, or was not lost before risk passed."""

    reason: LongText
    evidence: Papers = ()


class SettleNonArrival(Body, frozen=True, kw_only=True):
    """The declaration that the lot was lost `stands` or `falls`; `before_handover` is only read from the
    operator."""

    outcome: ContestOutcome
    before_handover: bool = False
    evidence: Papers = ()


class NonArrivalView(Body, frozen=True, kw_only=True):
    """The buyer's declaration that the lot never arrived. `outcome` null: it is open; `settled_by` null with
    an outcome: nobody contested it, or the operator settled it. `risk`: who bears the loss."""

    reason: str
    before_handover: bool
    evidence: tuple[Evidence, ...]
    contest_by: Instant
    contest_reason: str | None
    contest_evidence: tuple[Evidence, ...]
    outcome: ContestOutcome | None
    risk: Side | None
    settled_by: Side | None
    settled_evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, value: Delivery) -> Self | None:
        declared = value.missing
        if declared is UNSET:
            return None
        contested = None if value.missing_contested is UNSET else value.missing_contested
        settled = None if value.missing_settled is UNSET else value.missing_settled
        return cls(
            reason=declared.reason,
            before_handover=declared.before_handover,
            evidence=tuple(map(Evidence.outside, declared.evidence)),
            contest_by=declared.contest_by,
            contest_reason=None if contested is None else contested.reason,
            contest_evidence=() if contested is None else tuple(map(Evidence.outside, contested.evidence)),
            outcome=None if settled is None else settled.outcome,
            risk=settled.risk if settled is not None and settled.outcome == "stands" else None,
            settled_by=None if settled is None or settled.by is UNSET else settled.by,
            settled_evidence=() if settled is None else tuple(map(Evidence.outside, settled.evidence)),
        )


@delivery_step(
    "/v1/deliveries/{delivery}/non-arrival",
    summary="Declare that a lot never arrived",
    body=NonArrival,
    description="By the buyer, before it weighs, once; within 60 days of the shipment with a document, such "
    "as the carrier's. The seller may contest it for 7 days; then the lot is lost. At the seller's risk "
    "(DAP, DPU and DDP, or lost `before_handover`) the provisional invoice is credited, nothing else is "
    "invoiced, and the quantity is the seller's shortfall; at the buyer's (all other Incoterms) it is taken, "
    "and invoiced as shipped. A lot that comes after all is weighed as any other.",
    example={"reason": "The truck was stolen at Aachen on 12 March", "evidence": [REPORT]},
)
async def declare(call: Call[NonArrival, DryRun]) -> Answer:
    argument = rules.DeclareNonArrival(
        caller=call.caller,
        delivery=call.ids["delivery"],
        reason=call.body.reason,
        before_handover=call.body.before_handover,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return await given_of(call, commands.declare_non_arrival, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/non-arrival/contest",
    summary="Contest that a lot never arrived",
    body=ContestNonArrival,
    description="By the seller, while it may. Until it is settled, the lot is neither lost nor deemed "
    "weighed.",
    example={"reason": "The consignment note was signed at your gate on 13 March", "evidence": [REPORT]},
)
async def contest(call: Call[ContestNonArrival, DryRun]) -> Answer:
    argument = rules.ContestNonArrival(
        caller=call.caller,
        delivery=call.ids["delivery"],
        reason=call.body.reason,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return await given_of(call, commands.contest_non_arrival, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/non-arrival/settlement",
    summary="Say whether a lot was lost",
    body=SettleNonArrival,
    roles=TRADERS | OPERATORS,
    description="`stands` by the seller, `falls` by the buyer, which then weighs it; of what is contested "
    "either by the operator, with the document that shows it.",
    example={"outcome": "stands", "evidence": [REPORT]},
)
async def settle(call: Call[SettleNonArrival, DryRun]) -> Answer:
    argument = rules.SettleNonArrival(
        caller=call.caller,
        delivery=call.ids["delivery"],
        outcome=call.body.outcome,
        before_handover=call.body.before_handover,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return await given_of(call, commands.settle_non_arrival, argument)


HANDLERS: Final = (declare, contest, settle)
