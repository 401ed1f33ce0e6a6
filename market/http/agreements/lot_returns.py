"""The return of an accepted lot, or of a part of it: declared by a side, agreed or contested by the other,
settled by one of them or the operator."""

from typing import Final, Self

from msgspec import UNSET

from contracts.commands import deliveries as commands
from contracts.rules import returns as rules
from contracts.rules.agreement import other_side
from contracts.rules.delivery import Return
from events.contract_terms import ContestOutcome
from events.delivery_events import ReturnDeclared, ReturnSettled
from events.vocabulary import Instant, Side
from market.commands.returning import declare as declare_return
from market.http.agreements.agreement_steps import Papers
from market.http.agreements.agreement_views import Evidence
from market.http.agreements.delivery_steps import (
    ReceivedMoisture,
    answer,
    delivery_step,
    given_of,
    moisture_of,
)
from market.http.agreements.delivery_warnings import of_return
from market.http.wire.access import OPERATORS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun
from market.http.wire.ids import PassportId, to_text, to_uuid
from market.http.wire.material import Body
from market.http.wire.numbers import (
    KILOGRAMS,
    PERCENT,
    TONNES,
    TONNES_POSITIVE,
    Kilograms,
    Percent,
    Tonnes,
    TonnesPositive,
)
from market.http.wire.receipts import unless_unread
from market.http.wire.steps import given
from market.rules.refusing.wording import Code, LongText

FINDING: Final = {"title": "Laboratory report P-88", "sha256": "7f" * 32, "dated_on": "2028-06-02"}


class ReturnLot(Body, frozen=True, kw_only=True):
    """`lot_number` and `passport`: of the returned material; for a part, those that a transformation gave it.
    `freight`: who pays for the transport back, which no Incoterm covers."""

    lot_number: Code
    net_wet_t: TonnesPositive
    moisture_percent: ReceivedMoisture = None
    passport: PassportId | None = None
    freight: Side
    reason: LongText
    evidence: Papers = ()


class ContestReturn(Body, frozen=True, kw_only=True):
    reason: LongText
    evidence: Papers = ()


class SettleReturn(Body, frozen=True, kw_only=True):
    """The return `stands` or `falls`."""

    outcome: ContestOutcome
    evidence: Papers = ()


class ReturnView(Body, frozen=True, kw_only=True):
    """A return, as `declared_by` stated it. `answer_by`: from then on the declaring side may refer it to the
    operator; null for older returns. `contested_by`: the side that did not agree, or the declaring side that
    referred it to the operator. `outcome` null: it is open; `settled_by` null with an outcome: the operator
    settled it. `quantity_kg` of basis was returned, and credited at the price paid."""

    declared_by: Side
    lot_number: str
    passport: PassportId | None
    net_wet_t: Tonnes
    moisture_percent: Percent
    freight: Side
    reason: str
    evidence: tuple[Evidence, ...]
    answer_by: Instant | None
    contested_by: Side | None
    contest_reason: str | None
    contest_evidence: tuple[Evidence, ...]
    outcome: ContestOutcome | None
    quantity_kg: Kilograms
    settled_by: Side | None
    settled_evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, value: Return) -> Self:
        declared, contested, settled = value.declared, value.contested, value.settled
        return cls(
            declared_by=declared.by,
            lot_number=declared.lot_number,
            passport=None if declared.passport is UNSET else to_text("pass", declared.passport),
            net_wet_t=TONNES.text(declared.net_wet_g),
            moisture_percent=PERCENT.text(declared.moisture_ppb),
            freight=declared.freight,
            reason=declared.reason,
            evidence=tuple(map(Evidence.outside, declared.evidence)),
            answer_by=None if declared.answer_by is UNSET else declared.answer_by,
            contested_by=None if contested is None else contested.by or other_side(declared.by),
            contest_reason=None if contested is None else contested.reason,
            contest_evidence=() if contested is None else tuple(map(Evidence.outside, contested.evidence)),
            outcome=None if settled is None else settled.outcome,
            quantity_kg=KILOGRAMS.text(settled.quantity_g if settled is not None and value.stands else 0),
            settled_by=None if settled is None or settled.by is UNSET else settled.by,
            settled_evidence=() if settled is None else tuple(map(Evidence.outside, settled.evidence)),
        )


@delivery_step(
    "/v1/deliveries/{delivery}/returns",
    summary="Declare that an accepted lot goes back",
    body=ReturnLot,
    description="By either side, once the final invoice is there: a defect that nobody saw at arrival, or "
    "the wrong grade, of all of the lot or a part. Nothing follows from it until the other side agrees, or "
    "a contest of it is settled. The buyer names the passport of what goes back, which has to be of so much "
    "and free; a return that names none of a delivery with a passport is warned of. Where the difference of "
    "its quarter was settled, the sides agree a contract of their own.",
    example={
        "lot_number": "LOT-2028-031",
        "net_wet_t": "20.000",
        "moisture_percent": "0.5",
        "freight": "seller",
        "reason": "Sinters from this oxide crack: carbon of 0.4 % was not in any assay",
        "evidence": [FINDING],
    },
)
async def declare(call: Call[ReturnLot, DryRun]) -> Answer:
    body = call.body
    argument = rules.DeclareReturn(
        caller=call.caller,
        delivery=call.ids["delivery"],
        lot_number=body.lot_number,
        net_wet_g=TONNES_POSITIVE.parse(body.net_wet_t),
        moisture_ppb=moisture_of(body.moisture_percent),
        freight=body.freight,
        reason=body.reason,
        passport=UNSET if body.passport is None else to_uuid(body.passport),
        evidence=tuple(each.inside() for each in body.evidence),
    )
    outcome = await given(call, declare_return, argument)
    return answer(call, outcome, await unless_unread(of_return(call.door, outcome.fact(ReturnDeclared))))


@delivery_step(
    "/v1/deliveries/{delivery}/returns/contest",
    summary="Contest that an accepted lot goes back, or bring it before the operator",
    body=ContestReturn,
    description="By the side that did not declare it, once. If it keeps silent until `answer_by`, 30 days, "
    "who declared it brings it before the operator by the same request; the other side may still answer. A "
    "side may still give in; else the operator settles it.",
    example={"reason": "The carbon came in by your own calcining", "evidence": [FINDING]},
)
async def contest(call: Call[ContestReturn, DryRun]) -> Answer:
    argument = rules.ContestReturn(
        caller=call.caller,
        delivery=call.ids["delivery"],
        reason=call.body.reason,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return await given_of(call, commands.contest_return, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/returns/settlement",
    summary="Say whether an accepted lot goes back",
    body=SettleReturn,
    roles=TRADERS | OPERATORS,
    description="`stands` by the side that did not declare it, `falls` by the one that did; of what is "
    "contested either by the operator, with the document of whoever decided. Standing, a credit is issued at "
    "the price that was paid, the passport follows, and the contract year lacks the quantity as if it had "
    "been rejected, unless the year was assessed.",
    example={"outcome": "stands"},
)
async def settle(call: Call[SettleReturn, DryRun]) -> Answer:
    argument = rules.SettleReturn(
        caller=call.caller,
        delivery=call.ids["delivery"],
        outcome=call.body.outcome,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    outcome = await given(call, commands.settle_return, argument)
    return answer(call, outcome, await unless_unread(of_return(call.door, outcome.fact(ReturnSettled))))


HANDLERS: Final = (declare, contest, settle)
