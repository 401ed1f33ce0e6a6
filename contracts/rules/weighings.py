"""The mass received: the buyer weighs, the seller may object, and both or a surveyor settle it.

Dry masses are compared, since moisture changes on the way. While the seller may object, or has objected, the
lot can be neither accepted nor rejected, so that no final invoice uses a mass that only one side states.
"""

from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.rules.agreement import Agreement, other_side
from contracts.rules.calls import late_refusals
from contracts.rules.contests import evidence_refusals
from contracts.rules.days import instant_text, midnight
from contracts.rules.delivery import (
    Delivery,
    DeliveryState,
    DeliveryStatus,
    date_refusals,
    known,
    status_refusals,
)
from contracts.rules.delivery_refusals import (
    MassContested,
    MassFinal,
    MassOpen,
    MassUncontested,
    ObjectionOver,
    SurveyContested,
    SurveyHandedIn,
    SurveyOfParties,
    SurveyorNotAgreed,
    SurveyorNotNamed,
)
from contracts.rules.received_masses import Mass, is_beyond, moisture_ppb, moisture_unstated, scale_refusals
from contracts.rules.results import OBJECTION_DAYS, moisture_refusals
from contracts.rules.steps import decision, party, party_or_operator, side_refusals
from events.callers import Caller
from events.contract_terms import Evidence, Survey, WeighingClause
from events.decision import Decision, Moment
from events.delivery_events import AssaysExchanged, DeliveryWeighed, WeighingObjected, WeighingSettled
from events.refusal import Refusal, refuse
from events.vocabulary import Side
from events.wellformed import malformed

FRANCHISE_PPB: Final = 5_000_000
"""Half a per cent, if the terms state none: usual differences because of scales, dust and drying."""
MEASURED: Final[tuple[DeliveryStatus, ...]] = ("weighed", "before_umpire", "assayed")
"""Statuses from the weighing until the lot is accepted or rejected."""


class Weigh(Struct, frozen=True, kw_only=True):
    """Without `evidence`, as in older events, the mass is final at once. Moisture may be missing only for a
    lot that was shipped dry."""

    caller: Caller
    delivery: UUID
    weighed_on: date
    net_wet_g: int
    moisture_ppb: int | UnsetType
    evidence: tuple[Evidence, ...] | UnsetType = UNSET


class ObjectToMass(Struct, frozen=True, kw_only=True):
    """To the buyer's weighing, or to a surveyor's figure that the other side submitted; states the side's own
    figure."""

    caller: Caller
    delivery: UUID
    net_wet_g: int
    moisture_ppb: int | UnsetType
    reason: str
    evidence: tuple[Evidence, ...] = ()


class AgreeOnMass(Struct, frozen=True, kw_only=True):
    """A side accepts the other's figure."""

    caller: Caller
    delivery: UUID


class HandInSurvey(Struct, frozen=True, kw_only=True):
    """The agreed surveyor's certificate, submitted by either party or, after an objection or without a named
    surveyor, by the operator."""

    caller: Caller
    delivery: UUID
    net_wet_g: int
    moisture_ppb: int | UnsetType
    survey: Survey


def weigh(state: DeliveryState, argument: Weigh, moment: Moment) -> Decision:
    """States the net mass received; may be repeated while the seller may object, or has objected. Raises
    Refusals."""
    agreement, side = party(state, argument.caller, "inspector")
    delivery = known(state)
    found_ppb = moisture_ppb(argument.moisture_ppb)
    found = weighed(agreement, delivery, argument.weighed_on, argument.net_wet_g, found_ppb, deemed=UNSET)
    first, *rest = found.drafts
    fact = first.data
    assert isinstance(fact, DeliveryWeighed)
    refuse(malformed(fact))
    reasons: list[Refusal] = side_refusals(side, "buyer")
    if not _weighs_again(delivery, moment.now):
        reasons += status_refusals(delivery, "shipped")
    reasons += late_refusals(delivery, moment.now)
    reasons += date_refusals(
        argument.weighed_on,
        "/weighed_on",
        moment.now,
        delivery.shipped.shipped_on,
        "the weighing",
        "the shipment",
    )
    reasons += evidence_refusals(argument.evidence, moment.now)
    refuse(reasons + _figure_refusals(state, argument))
    if argument.evidence is UNSET:
        return found
    fact = replace(fact, evidence=argument.evidence)
    if is_beyond(franchise_ppb(agreement, delivery), stated(delivery), fact):
        fact = replace(fact, object_by=_objection_over(moment.now))
    return Decision(drafts=(replace(first, data=fact), *rest))


def weighed(
    agreement: Agreement,
    delivery: Delivery,
    weighed_on: date,
    net_wet_g: int,
    moisture_ppb: int,
    *,
    deemed: bool | UnsetType,
) -> Decision:
    """The fact of a weighing; the days of the assay exchange run from the first one, also if it is deemed."""
    shipped, before = delivery.shipped, delivery.weighed
    terms = agreement.terms_on(shipped.shipped_on)
    last_day = weighed_on + timedelta(days=terms.assay.exchange_days)
    fact = DeliveryWeighed(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=shipped.delivery,
        weighed_on=weighed_on,
        net_wet_g=net_wet_g,
        moisture_ppb=moisture_ppb,
        exchange_by=midnight(last_day + timedelta(days=1)) if before is None else before.exchange_by,
        deemed=deemed,
    )
    if terms.assay.splitting or before is not None:
        return decision(agreement, fact)
    nothing = AssaysExchanged(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=shipped.delivery,
        settled=(),
    )
    return decision(agreement, fact, nothing)


def object_to_mass(state: DeliveryState, argument: ObjectToMass, moment: Moment) -> Decision:
    """Objects: the stated mass no longer counts; after an objection to a survey, only the operator can submit
    one. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    settled = delivery.mass_settled
    fact = WeighingObjected(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        by=side,
        against="weighing" if settled is UNSET else "survey",
        net_wet_g=argument.net_wet_g,
        moisture_ppb=moisture_ppb(argument.moisture_ppb),
        reason=argument.reason,
        evidence=argument.evidence,
    )
    refuse(malformed(fact))
    refuse(status_refusals(delivery, *MEASURED))
    object_by = _objectable(delivery, side)
    if moment.now >= object_by:
        raise ObjectionOver(object_by=instant_text(object_by))
    refuse(
        [
            *_figure_refusals(state, argument),
            *evidence_refusals(argument.evidence, moment.now),
        ]
    )
    return decision(agreement, fact)


def agree(state: DeliveryState, argument: AgreeOnMass, moment: Moment) -> Decision:
    """Accepts the other side's figure as the final mass received. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    refuse(status_refusals(delivery, *MEASURED))
    waived = side == "seller" and delivery.mass_settled is UNSET and open_until(delivery, moment.now)
    if not delivery.mass_contested and not waived:
        raise MassUncontested
    taken = _word_of(delivery, other_side(side))
    fact = WeighingSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        net_wet_g=taken.net_wet_g,
        moisture_ppb=taken.moisture_ppb,
        by=side,
    )
    return decision(agreement, fact)


def survey(state: DeliveryState, argument: HandInSurvey, moment: Moment) -> Decision:
    """Submits the surveyor's figure, which then counts, whatever the sides have stated. Raises Refusals."""
    agreement, side = party_or_operator(state, argument.caller, "inspector")
    delivery = known(state)
    fact = WeighingSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        net_wet_g=argument.net_wet_g,
        moisture_ppb=moisture_ppb(argument.moisture_ppb),
        survey=argument.survey,
    )
    if side is not None:
        fact = replace(fact, by=side, object_by=_objection_over(moment.now))
    refuse(malformed(fact))
    refuse(status_refusals(delivery, *MEASURED))
    if not delivery.mass_contested:
        raise MassUncontested
    refuse(_turn_refusals(agreement, delivery, side))
    agreed = _surveyor(agreement, delivery)
    reasons: list[Refusal] = _figure_refusals(state, argument)
    if agreed is None and side is not None:
        reasons.append(SurveyorNotNamed(pointer="/surveyor"))
    elif agreed is not None and argument.survey.surveyor != agreed:
        reasons.append(SurveyorNotAgreed(pointer="/surveyor", surveyor=agreed))
    reasons += date_refusals(
        argument.survey.certificate.dated_on,
        "/certificate/dated_on",
        moment.now,
        delivery.shipped.shipped_on,
        "the surveyor's certificate",
        "the shipment",
    )
    refuse(reasons)
    return decision(agreement, fact)


def decided_again(
    state: DeliveryState,
    fact: DeliveryWeighed | WeighingObjected | WeighingSettled,
    caller: Caller,
    moment: Moment,
) -> Decision:
    """Decides again from the fact's inputs. Raises Refusals."""
    named: dict[str, Any] = {
        "caller": caller,
        "delivery": fact.delivery,
        "net_wet_g": fact.net_wet_g,
        "moisture_ppb": fact.moisture_ppb,
    }
    if isinstance(fact, DeliveryWeighed):
        return weigh(state, Weigh(**named, weighed_on=fact.weighed_on, evidence=fact.evidence), moment)
    if isinstance(fact, WeighingObjected):
        objected = ObjectToMass(**named, reason=fact.reason, evidence=fact.evidence)
        return object_to_mass(state, objected, moment)
    if fact.survey is UNSET:
        return agree(state, AgreeOnMass(caller=caller, delivery=fact.delivery), moment)
    return survey(state, HandInSurvey(**named, survey=fact.survey), moment)


def _figure_refusals(state: DeliveryState, argument: Weigh | ObjectToMass | HandInSurvey) -> list[Refusal]:
    delivery = known(state)
    return [
        *moisture_unstated(delivery, argument.moisture_ppb),
        *moisture_refusals(moisture_ppb(argument.moisture_ppb)),
        *scale_refusals(delivery, argument.net_wet_g, asked=not state.of_before),
    ]


def mass_refusals(delivery: Delivery, side: Side, now: datetime) -> list[Refusal]:
    """Why `side` has to wait before it acts on the mass received."""
    if delivery.mass_contested:
        return [MassContested()]
    settled = delivery.mass_settled
    if settled is not UNSET and settled.by != side:
        return []
    until = open_until(delivery, now)
    return [] if until is None else [MassOpen(side=other_side(side), object_by=instant_text(until))]


def is_operators(agreement: Agreement, delivery: Delivery) -> bool:
    """Whether only the operator can go on: after an objection to a survey, or without a named surveyor."""
    if not delivery.mass_contested or delivery.status not in MEASURED:
        return False
    return delivery.survey_objected is not UNSET or _surveyor(agreement, delivery) is None


def franchise_ppb(agreement: Agreement, delivery: Delivery) -> int:
    clause = agreement.terms_on(delivery.shipped.shipped_on).weighing
    return FRANCHISE_PPB if clause is UNSET else clause.franchise_ppb


def stated(delivery: Delivery) -> Mass:
    """The seller's own figure: from its objection, else as shipped."""
    return delivery.shipped if delivery.weighing_objected is UNSET else delivery.weighing_objected


def _objection_over(now: datetime) -> datetime:
    return now + timedelta(days=OBJECTION_DAYS)


def _weighs_again(delivery: Delivery, now: datetime) -> bool:
    if delivery.status not in MEASURED or delivery.mass_settled is not UNSET:
        return False
    if delivery.survey_objected is not UNSET:
        return False
    return delivery.mass_contested or open_until(delivery, now) is not None


def open_until(delivery: Delivery, now: datetime) -> datetime | None:
    """Until when the counting figure may be objected to; None: not possible, or no longer."""
    if delivery.weighed is None or delivery.mass_contested:
        return None
    figure = delivery.weighed if delivery.mass_settled is UNSET else delivery.mass_settled
    return None if figure.object_by is UNSET or now >= figure.object_by else figure.object_by


def _objectable(delivery: Delivery, side: Side) -> datetime:
    """Until when the side may object, or could have. Raises Refusals, MassContested, MassFinal or
    SurveyHandedIn."""
    if delivery.mass_contested:
        raise MassContested
    settled = delivery.mass_settled
    if settled is UNSET:
        refuse(side_refusals(side, "seller"))
        assert delivery.weighed is not None
        if delivery.weighed.object_by is UNSET:
            raise MassFinal
        return delivery.weighed.object_by
    if settled.object_by is UNSET:
        raise MassFinal
    if settled.by == side:
        raise SurveyHandedIn(side=side)
    return settled.object_by


def _word_of(delivery: Delivery, side: Side) -> Mass:
    """A side's newest figure."""
    contested = delivery.survey_objected
    if contested is not UNSET and contested.by == side:
        return contested
    if side == "seller":
        return stated(delivery)
    assert delivery.weighed is not None
    return delivery.weighed


def _turn_refusals(agreement: Agreement, delivery: Delivery, side: Side | None) -> list[Refusal]:
    contested = delivery.survey_objected
    if side is None:
        return [] if is_operators(agreement, delivery) else [SurveyOfParties()]
    return [] if contested is UNSET else [SurveyContested(side=contested.by)]


def _surveyor(agreement: Agreement, delivery: Delivery) -> str | None:
    """The surveyor of the terms on the day of shipment; if they name none, of the latest terms."""
    day = delivery.shipped.shipped_on
    for terms in (agreement.terms_on(day), agreement.read_on(day)):
        clause: WeighingClause | UnsetType = terms.weighing
        if clause is not UNSET and clause.surveyor is not UNSET:
            return clause.surveyor
    return None
