"""Assays of a delivery: submitted sealed, exchanged when both are in or the time is over, then the
umpire's."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.rules import assays
from contracts.rules.agreement import SIDES, Agreement, other_side
from contracts.rules.assays import UMPIRE_UNNAMED
from contracts.rules.contests import evidence_refusals
from contracts.rules.delivery import Delivery, DeliveryState, date_refusals, known, status_refusals
from contracts.rules.delivery_refusals import (
    AnalyteMissing,
    AnalyteNotExchanged,
    AssayLodgedBefore,
    DeliveryMoistureWhole,
    ExchangeNotDue,
    ExchangeOver,
    NothingForUmpire,
    ObjectionOpen,
    ObjectionOver,
    ObjectionUnfounded,
    ResultsOverWhole,
    ResultUnknown,
    UmpireContested,
    UmpireFinal,
    UmpireHandedIn,
    UmpireNotAgreed,
    UmpireNotNamed,
    UmpireOfParties,
)
from contracts.rules.materials import figures
from contracts.rules.oxides import result_refusals
from contracts.rules.refusals import AmountBelowZero
from contracts.rules.steps import decision, party, party_or_operator
from events.analytes import reported_meant_by, whole_ppb
from events.callers import Caller
from events.contract_terms import AnalyteResult, AssayClause, Evidence
from events.decision import Decision, Moment
from events.delivery_events import AssayLodged, AssaysExchanged, UmpireDecided, UmpireObjected
from events.fractions import ppb_text
from events.refusal import Refusal, refuse
from events.vocabulary import ANALYTES, PPB, ProductForm, Side
from events.wellformed import duplicate_refusals, malformed

OBJECTION_DAYS: Final = 7
"""Days for the other side to compare a submitted umpire's assay with its own copy."""


class LodgeAssay(Struct, frozen=True, kw_only=True):
    """A side's figures for every exchanged analyte, as element in the dry sample."""

    caller: Caller
    delivery: UUID
    laboratory: str
    reference: str
    results: tuple[AnalyteResult, ...]


class ExchangeAssays(Struct, frozen=True, kw_only=True):
    """When the time to submit is over: by a party, or by the timer with the operator's role."""

    caller: Caller
    delivery: UUID


class DecideAsUmpire(Struct, frozen=True, kw_only=True):
    """The umpire's figures, submitted by either party or, after an objection or without a named umpire, by
    the operator.

    `cost_cents` is the umpire's bill. Without a `certificate`, as in older events, the figures are final at
    once.
    """

    caller: Caller
    delivery: UUID
    laboratory: str
    reference: str
    results: tuple[AnalyteResult, ...]
    cost_cents: int
    certificate: Evidence | UnsetType = UNSET


class ObjectToUmpire(Struct, frozen=True, kw_only=True):
    """By the side that did not submit them: a document shows that the figures are not the umpire's."""

    caller: Caller
    delivery: UUID
    reason: str
    evidence: tuple[Evidence, ...] = ()


def lodge(state: DeliveryState, argument: LodgeAssay, moment: Moment) -> Decision:
    """Submits an assay; the second one is exchanged with the first at once. Until then a side may replace its
    own, which nobody else has seen. Raises Refusals."""
    agreement, side = party(state, argument.caller, "inspector")
    delivery = known(state)
    fact = AssayLodged(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        side=side,
        laboratory=argument.laboratory,
        reference=argument.reference,
        results=argument.results,
    )
    refuse(malformed(fact))
    reasons = status_refusals(delivery, "weighed")
    if delivery.lodged(side) == fact:
        reasons.append(AssayLodgedBefore(side=side))
    if delivery.weighed is not None and moment.now >= delivery.weighed.exchange_by:
        reasons.append(ExchangeOver(exchange_by=delivery.weighed.exchange_by.isoformat()))
    exchanged = tuple(limit.analyte for limit in _assay(agreement, delivery).splitting)
    held = held_against(state, delivery.shipped.form)
    reasons += figure_refusals(argument.results, exchanged, "/results", held)
    reasons += [
        AnalyteNotExchanged(
            pointer=f"/results/{index}/analyte", analyte=result.analyte, exchanged=_exchanged_text(exchanged)
        )
        for index, result in enumerate(argument.results)
        if result.analyte in ANALYTES and result.analyte not in exchanged
    ]
    refuse(reasons)
    after = replace(delivery, **{f"{side}_assay": fact})
    if any(after.lodged(each) is None for each in SIDES):
        return decision(agreement, fact)
    return decision(agreement, fact, _exchange(agreement, after))


def _exchanged_text(analytes: Sequence[str]) -> str:
    return f"only {', '.join(analytes)}" if analytes else "no assay is, and the seller's own figures count"


def exchange(state: DeliveryState, argument: ExchangeAssays, moment: Moment) -> Decision:
    """Exchanges the assays; a side that did not submit in time is bound by the other's figures. Raises
    Refusals."""
    if "operator" in argument.caller.roles and state.agreement is not None:
        agreement = state.agreement
    else:
        agreement, _ = party(state, argument.caller)
    delivery = known(state)
    refuse(status_refusals(delivery, "weighed"))
    assert delivery.weighed is not None
    if moment.now < delivery.weighed.exchange_by:
        silent = " and the ".join(side for side in SIDES if delivery.lodged(side) is None)
        raise ExchangeNotDue(silent=silent, exchange_by=delivery.weighed.exchange_by.isoformat())
    return decision(agreement, _exchange(agreement, delivery))


def umpire(state: DeliveryState, argument: DecideAsUmpire, moment: Moment) -> Decision:
    """Decides all analytes that are before the umpire at once. Raises Refusals."""
    agreement, side = party_or_operator(state, argument.caller, "inspector")
    delivery = known(state)
    refuse(status_refusals(delivery, "before_umpire"))
    refuse(_turn_refusals(agreement, delivery, side))
    assert delivery.exchanged is not None
    assert delivery.seller_assay is not None
    assert delivery.buyer_assay is not None
    open_analytes = delivery.exchanged.to_umpire
    held = held_against(state, delivery.shipped.form)
    reasons = figure_refusals(argument.results, open_analytes, "/results", held)
    reasons += [
        NothingForUmpire(pointer=f"/results/{index}/analyte", analyte=result.analyte)
        for index, result in enumerate(argument.results)
        if result.analyte in ANALYTES and result.analyte not in open_analytes
    ]
    agreed = _umpire(agreement, delivery)
    if agreed is None and side is not None:
        reasons.append(UmpireNotNamed(pointer="/laboratory"))
    elif agreed is not None and argument.laboratory != agreed:
        reasons.append(UmpireNotAgreed(pointer="/laboratory", umpire=agreed))
    if argument.certificate is not UNSET:
        reasons += _certificate_refusals(delivery, argument.certificate, moment)
    if argument.cost_cents < 0:
        reasons.append(AmountBelowZero(pointer="/cost_cents"))
    refuse(reasons)
    seller, buyer = figures(delivery.seller_assay.results), figures(delivery.buyer_assay.results)
    measured = figures(argument.results)
    fact = UmpireDecided(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        laboratory=argument.laboratory,
        reference=argument.reference,
        settled=tuple(
            assays.decide(analyte, seller[analyte], buyer[analyte], measured[analyte])
            for analyte in open_analytes
        ),
        cost_cents=argument.cost_cents,
        certificate=argument.certificate,
    )
    if side is not None and argument.certificate is not UNSET:
        fact = replace(fact, by=side, object_by=moment.now + timedelta(days=OBJECTION_DAYS))
    refuse(malformed(fact))
    return decision(agreement, fact)


def object_to_umpire(state: DeliveryState, argument: ObjectToUmpire, moment: Moment) -> Decision:
    """The submitted figures no longer count; from now on only the operator can submit them. Raises
    Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    fact = UmpireObjected(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        by=side,
        reason=argument.reason,
        evidence=argument.evidence,
    )
    refuse(malformed(fact))
    refuse(status_refusals(delivery, "assayed"))
    decided = delivery.umpire
    if decided is None or decided.by is UNSET or decided.object_by is UNSET:
        raise UmpireFinal
    if decided.by == side:
        raise UmpireHandedIn(side=side)
    if moment.now >= decided.object_by:
        raise ObjectionOver(object_by=decided.object_by.isoformat())
    if not state.of_before:
        unfounded = [] if argument.evidence else [ObjectionUnfounded(pointer="/evidence")]
        refuse([*unfounded, *evidence_refusals(argument.evidence, moment.now)])
    return decision(agreement, fact)


def objection_refusals(delivery: Delivery, side: Side, now: datetime) -> list[Refusal]:
    """A side that submitted the umpire's figures acts on them only once the other side's time to object is
    over."""
    decided = delivery.umpire
    if decided is None or decided.by != side or decided.object_by is UNSET or now >= decided.object_by:
        return []
    return [ObjectionOpen(side=other_side(side), object_by=decided.object_by.isoformat())]


def is_operators(agreement: Agreement, delivery: Delivery) -> bool:
    """Whether only the operator can go on: after an objection, or without a named umpire."""
    if delivery.exchanged is None:
        return False
    return delivery.objected is not UNSET or _umpire(agreement, delivery) is None


def _turn_refusals(agreement: Agreement, delivery: Delivery, side: Side | None) -> list[Refusal]:
    contested = delivery.objected
    if side is None:
        return [] if is_operators(agreement, delivery) else [UmpireOfParties()]
    return [] if contested is UNSET else [UmpireContested(side=contested.by)]


def _certificate_refusals(delivery: Delivery, certificate: Evidence, moment: Moment) -> list[Refusal]:
    return date_refusals(
        certificate.dated_on,
        "/certificate/dated_on",
        moment.now,
        delivery.shipped.shipped_on,
        "the umpire's certificate",
        "the shipment",
    )


def held_against(state: DeliveryState, form: ProductForm) -> ProductForm | None:
    """The form whose oxides bound the figures; None by the rules of earlier versions."""
    return form if state.oxides_asked else None


def figure_refusals(
    results: Sequence[AnalyteResult], needed: Collection[str], pointer: str, form: ProductForm | None
) -> list[Refusal]:
    """Refusals for impossible figures of a dry sample of `form`, and for missing ones."""
    reasons = duplicate_refusals(pointer, [result.analyte for result in results])
    reasons += [
        ResultUnknown(
            pointer=f"{pointer}/{index}/analyte",
            analyte=result.analyte,
            meant=reported_meant_by(result.analyte),
        )
        for index, result in enumerate(results)
        if result.analyte not in ANALYTES
    ]
    stated = {result.analyte for result in results}
    reasons += [AnalyteMissing(pointer=pointer, analyte=each) for each in needed if each not in stated]
    sum_ppb = whole_ppb((result.analyte, result.fraction_ppb) for result in results)
    if sum_ppb > PPB:
        reasons.append(ResultsOverWhole(pointer=pointer, sum=ppb_text(sum_ppb)))
    elif form is not None:
        reasons += result_refusals(form, results, pointer)
    return reasons


def moisture_refusals(moisture_ppb: int) -> list[Refusal]:
    return [DeliveryMoistureWhole(pointer="/moisture_ppb")] if moisture_ppb >= PPB else []


def _assay(agreement: Agreement, delivery: Delivery) -> AssayClause:
    return agreement.terms_on(delivery.shipped.shipped_on).assay


def _umpire(agreement: Agreement, delivery: Delivery) -> str | None:
    """The umpire of the terms on the day of shipment; if they name none, of the latest terms."""
    for clause in (_assay(agreement, delivery), agreement.read_on(delivery.shipped.shipped_on).assay):
        if clause.umpire != UMPIRE_UNNAMED:
            return clause.umpire
    return None


def _exchange(agreement: Agreement, delivery: Delivery) -> AssaysExchanged:
    seller = None if delivery.seller_assay is None else figures(delivery.seller_assay.results)
    buyer = None if delivery.buyer_assay is None else figures(delivery.buyer_assay.results)
    stated = figures(delivery.shipped.stated)
    found = assays.exchange(_assay(agreement, delivery).splitting, seller, buyer, stated)
    return AssaysExchanged(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=delivery.shipped.delivery,
        settled=found.settled,
        to_umpire=found.to_umpire,
        silent=found.silent,
    )


def decided_again(
    state: DeliveryState,
    fact: AssayLodged | AssaysExchanged | UmpireDecided | UmpireObjected,
    caller: Caller,
    moment: Moment,
) -> Decision:
    """Decides again from the fact's inputs. Raises Refusals."""
    match fact:
        case AssayLodged():
            lodged = LodgeAssay(
                caller=caller,
                delivery=fact.delivery,
                laboratory=fact.laboratory,
                reference=fact.reference,
                results=fact.results,
            )
            return lodge(state, lodged, moment)
        case AssaysExchanged():
            return exchange(state, ExchangeAssays(caller=caller, delivery=fact.delivery), moment)
        case UmpireDecided():
            return umpire(state, _handed_in(fact, caller), moment)
        case UmpireObjected():
            objected = ObjectToUmpire(
                caller=caller, delivery=fact.delivery, reason=fact.reason, evidence=fact.evidence
            )
            return object_to_umpire(state, objected, moment)
        case _:
            assert_never(fact)


def _handed_in(fact: UmpireDecided, caller: Caller) -> DecideAsUmpire:
    return DecideAsUmpire(
        caller=caller,
        delivery=fact.delivery,
        laboratory=fact.laboratory,
        reference=fact.reference,
        results=tuple(
            AnalyteResult(analyte=each.analyte, fraction_ppb=each.umpire_ppb)
            for each in fact.settled
            if each.umpire_ppb is not None
        ),
        cost_cents=fact.cost_cents,
        certificate=fact.certificate,
    )
