"""The mass of a delivery as received: weigh, object, agree, submit a surveyor's certificate."""

from datetime import date
from typing import Final

from contracts.commands import deliveries as commands
from contracts.rules.weighings import AgreeOnMass, HandInSurvey, ObjectToMass, Weigh
from events.contract_terms import Survey
from events.delivery_events import DeliveryWeighed
from market.http.agreements.agreement_steps import Papers
from market.http.agreements.agreement_views import Evidence
from market.http.agreements.delivery_steps import (
    ReceivedMoisture,
    answer,
    delivery_step,
    given_of,
    moisture_of,
)
from market.http.agreements.delivery_warnings import of_weighing
from market.http.wire.access import INSPECTORS, OPERATORS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing
from market.http.wire.material import Body, Dated
from market.http.wire.numbers import TONNES_POSITIVE, TonnesPositive
from market.http.wire.steps import given
from market.rules.refusing.wording import LongText, Text

TICKET: Final = {"title": "Weighbridge ticket 4711", "sha256": "3b" * 32, "dated_on": "2028-03-04"}


class WeighLot(Dated, frozen=True, kw_only=True):
    """Net mass as received, and its evidence, such as a weighbridge ticket."""

    weighed_on: date
    net_wet_t: TonnesPositive
    moisture_percent: ReceivedMoisture = None
    evidence: Papers = ()


class MassObjection(Body, frozen=True, kw_only=True):
    """The mass that arrived instead, the reason, and the evidence."""

    net_wet_t: TonnesPositive
    moisture_percent: ReceivedMoisture = None
    reason: LongText
    evidence: Papers = ()


class SurveyedMass(Body, frozen=True, kw_only=True):
    """`certificate`: the surveyor's own document, which both parties have of it."""

    surveyor: Text
    reference: Text
    net_wet_t: TonnesPositive
    moisture_percent: ReceivedMoisture = None
    certificate: Evidence


@delivery_step(
    "/v1/deliveries/{delivery}/weighing",
    summary="State the mass as received",
    body=WeighLot,
    roles=INSPECTORS,
    description="By the buyer. From this day the time to lodge an assay runs. Where its dry mass is farther "
    "from the shipped one than the franchise (`weighing` of the terms; 0.5 % where they have none), the "
    "seller may object for 7 days: until then, and while the mass is contested, the lot is neither accepted "
    "nor rejected, and the buyer may weigh again. Moisture is stated where the shipment stated any; more "
    "than ten times the shipped mass is refused, more than twice is warned of, as is less than a tenth of "
    "the shipped moisture. A buyer that has not weighed 60 days after the shipment is called upon; 30 days "
    "later the mass as shipped is deemed received, and it weighs no longer.",
    example={
        "weighed_on": "2028-03-04",
        "net_wet_t": "19.960",
        "moisture_percent": "0.6",
        "evidence": [TICKET],
    },
)
async def weigh(call: Call[WeighLot, DryRun]) -> Answer:
    argument = Weigh(
        caller=call.caller,
        delivery=call.ids["delivery"],
        weighed_on=call.body.weighed_on,
        net_wet_g=TONNES_POSITIVE.parse(call.body.net_wet_t),
        moisture_ppb=moisture_of(call.body.moisture_percent),
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    outcome = await given(call, commands.weigh, argument)
    warnings = await of_weighing(call, outcome.fact(DeliveryWeighed))
    return answer(call, outcome, warnings)


@delivery_step(
    "/v1/deliveries/{delivery}/weighing/objection",
    summary="Object to the mass received",
    body=MassObjection,
    description="To the buyer's weighing, by the seller while it may; to a surveyor's certificate, by the "
    "side that did not hand it in. The figure counts no longer; the shipped mass does until it is settled: "
    "a side takes the other's figure, the buyer weighs again, or a surveyor's certificate is handed in. "
    "Where the Incoterm has passed risk before the way (EXW, FCA, CPT, CIP, FAS, FOB, CFR, CIF), a "
    "seller of whose lot a part was lost or damaged after that objects with the mass that it handed over and "
    "a document of it: that mass is the one to settle, and to pay.",
    example={
        "net_wet_t": "20.000",
        "moisture_percent": "0.5",
        "reason": "Our weighbridge ticket of 1 March and the carrier's read 20.000 t",
        "evidence": [TICKET],
    },
)
async def object_to_mass(call: Call[MassObjection, DryRun]) -> Answer:
    argument = ObjectToMass(
        caller=call.caller,
        delivery=call.ids["delivery"],
        net_wet_g=TONNES_POSITIVE.parse(call.body.net_wet_t),
        moisture_ppb=moisture_of(call.body.moisture_percent),
        reason=call.body.reason,
        evidence=tuple(each.inside() for each in call.body.evidence),
    )
    return await given_of(call, commands.object_to_mass, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/weighing/agreement",
    summary="Take the other side's figure of the mass",
    description="Of a mass that is contested, by either side; by the seller also before its time to object "
    "is over. It is final.",
)
async def agree_on_mass(call: Call[Nothing, DryRun]) -> Answer:
    argument = AgreeOnMass(caller=call.caller, delivery=call.ids["delivery"])
    return await given_of(call, commands.agree_on_mass, argument)


@delivery_step(
    "/v1/deliveries/{delivery}/weighing/survey",
    summary="Hand in what a surveyor certified of the mass",
    body=SurveyedMass,
    roles=INSPECTORS | OPERATORS,
    description="Of a mass that is contested, by either party, of the surveyor that `weighing` of the terms "
    "names; its figure counts as it is. The other side may object for 7 days; until then a buyer that handed "
    "it in neither accepts nor rejects. After an objection, and where no surveyor is named, the operator "
    "hands it in, and that is final.",
    example={
        "surveyor": "Independent Weighers",
        "reference": "W-2028-12",
        "net_wet_t": "19.880",
        "moisture_percent": "0.6",
        "certificate": {**TICKET, "title": "Certificate of weight W-2028-12"},
    },
)
async def survey(call: Call[SurveyedMass, DryRun]) -> Answer:
    argument = HandInSurvey(
        caller=call.caller,
        delivery=call.ids["delivery"],
        net_wet_g=TONNES_POSITIVE.parse(call.body.net_wet_t),
        moisture_ppb=moisture_of(call.body.moisture_percent),
        survey=Survey(
            surveyor=call.body.surveyor,
            reference=call.body.reference,
            certificate=call.body.certificate.inside(),
        ),
    )
    return await given_of(call, commands.survey, argument)


HANDLERS: Final = (weigh, object_to_mass, agree_on_mass, survey)
