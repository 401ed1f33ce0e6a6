"""Assays of a delivery: lodged sealed, exchanged when both are in or the time is out, then the umpire."""

from collections.abc import Collection, Sequence
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.rules import assays
from contracts.rules.agreement import SIDES, Agreement
from contracts.rules.assays import UMPIRE_UNNAMED
from contracts.rules.delivery import Delivery, DeliveryState, known, status_refusals
from contracts.rules.delivery_refusals import (
    AnalyteMissing,
    AnalyteNotExchanged,
    AssayLodgedBefore,
    DeliveryMoistureWhole,
    ExchangeNotDue,
    ExchangeOver,
    NothingForUmpire,
    ResultsOverWhole,
    ResultUnknown,
    UmpireNotAgreed,
    UmpireNotNamed,
)
from contracts.rules.materials import figures
from contracts.rules.refusals import AmountBelowZero
from contracts.rules.steps import decision, party
from events.callers import Caller
from events.contract_events import AssayLodged, AssaysExchanged, UmpireDecided
from events.contract_terms import AnalyteResult, AssayClause
from events.decision import Decision, Moment
from events.fractions import ppb_text
from events.refusal import Refusal, refuse
from events.vocabulary import ANALYTES, PPB
from events.wellformed import duplicate_refusals, malformed


class LodgeAssay(Struct, frozen=True, kw_only=True):
    """A side's figures of every analyte that is exchanged, as element in the dry sample."""

    caller: Caller
    delivery: UUID
    laboratory: str
    reference: str
    results: tuple[AnalyteResult, ...]


class ExchangeAssays(Struct, frozen=True, kw_only=True):
    """When the time to lodge is out: asked by a party, or by the timer in the operator's role."""

    caller: Caller
    delivery: UUID


class DecideAsUmpire(Struct, frozen=True, kw_only=True):
    """The umpire's figures, handed in by either party; `cost_cents` is the umpire's bill."""

    caller: Caller
    delivery: UUID
    laboratory: str
    reference: str
    results: tuple[AnalyteResult, ...]
    cost_cents: int


def lodge(state: DeliveryState, argument: LodgeAssay, moment: Moment) -> Decision:
    """The second assay to come in is exchanged with the first at once. Raises Refusals."""
    agreement, side = party(state, argument.caller)
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
    if delivery.lodged(side) is not None:
        reasons.append(AssayLodgedBefore(side=side))
    if delivery.weighed is not None and moment.now >= delivery.weighed.exchange_by:
        reasons.append(ExchangeOver(exchange_by=delivery.weighed.exchange_by.isoformat()))
    exchanged = tuple(limit.analyte for limit in _assay(agreement, delivery).splitting)
    reasons += figure_refusals(argument.results, exchanged, "/results")
    reasons += [
        AnalyteNotExchanged(
            pointer=f"/results/{index}/analyte", analyte=result.analyte, exchanged=", ".join(exchanged)
        )
        for index, result in enumerate(argument.results)
        if result.analyte in ANALYTES and result.analyte not in exchanged
    ]
    refuse(reasons)
    after = replace(delivery, **{f"{side}_assay": fact})
    if any(after.lodged(each) is None for each in SIDES):
        return decision(agreement, fact)
    return decision(agreement, fact, _exchange(agreement, after))


def exchange(state: DeliveryState, argument: ExchangeAssays, moment: Moment) -> Decision:
    """Silence binds: who did not lodge in time takes the other's figures. Raises Refusals."""
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
    """Every analyte that stands before the umpire at once. Raises Refusals."""
    del moment
    agreement, _ = party(state, argument.caller)
    delivery = known(state)
    refuse(status_refusals(delivery, "before_umpire"))
    assert delivery.exchanged is not None
    assert delivery.seller_assay is not None
    assert delivery.buyer_assay is not None
    open_analytes = delivery.exchanged.to_umpire
    reasons = figure_refusals(argument.results, open_analytes, "/results")
    reasons += [
        NothingForUmpire(pointer=f"/results/{index}/analyte", analyte=result.analyte)
        for index, result in enumerate(argument.results)
        if result.analyte in ANALYTES and result.analyte not in open_analytes
    ]
    agreed = _umpire(agreement, delivery)
    if agreed is None:
        reasons.append(UmpireNotNamed(pointer="/laboratory"))
    elif argument.laboratory != agreed:
        reasons.append(UmpireNotAgreed(pointer="/laboratory", umpire=agreed))
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
    )
    refuse(malformed(fact))
    return decision(agreement, fact)


def figure_refusals(results: Sequence[AnalyteResult], needed: Collection[str], pointer: str) -> list[Refusal]:
    """What cannot be true of figures of a dry sample, and which figures are missing."""
    reasons = duplicate_refusals(pointer, [result.analyte for result in results])
    reasons += [
        ResultUnknown(pointer=f"{pointer}/{index}/analyte", analyte=result.analyte)
        for index, result in enumerate(results)
        if result.analyte not in ANALYTES
    ]
    stated = {result.analyte for result in results}
    reasons += [AnalyteMissing(pointer=pointer, analyte=each) for each in needed if each not in stated]
    sum_ppb = sum(result.fraction_ppb for result in results)
    if sum_ppb > PPB:
        reasons.append(ResultsOverWhole(pointer=pointer, sum=ppb_text(sum_ppb)))
    return reasons


def moisture_refusals(moisture_ppb: int) -> list[Refusal]:
    return [DeliveryMoistureWhole(pointer="/moisture_ppb")] if moisture_ppb >= PPB else []


def _assay(agreement: Agreement, delivery: Delivery) -> AssayClause:
    return agreement.terms_on(delivery.shipped.shipped_on).assay


def _umpire(agreement: Agreement, delivery: Delivery) -> str | None:
    """The laboratory of the shipment's day; where that names none, the one that both have named since."""
    for clause in (_assay(agreement, delivery), agreement.terms.assay):
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
