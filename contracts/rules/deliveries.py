"""A delivery from shipment to transfer of title: shipped with a provisional invoice, accepted or rejected.

The steps in between are in `weighings` and `results`, the later ones in `settlements`.
"""

from datetime import date, datetime
from typing import assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.rules.agreement import Agreement
from contracts.rules.calls import late_refusals
from contracts.rules.claims import claim_refusals
from contracts.rules.contests import evidence_refusals
from contracts.rules.contract_years import year_on
from contracts.rules.delivered import grounds, lot_refusals, quantity_refusals
from contracts.rules.delivery import (
    Delivery,
    DeliveryState,
    DeliveryStatus,
    date_refusals,
    known,
    status_refusals,
)
from contracts.rules.delivery_refusals import (
    AgreementIneffective,
    BuyerHasSpoken,
    DeliveredFormUnfit,
    FindingsUnproven,
    GoodsNotAgreed,
    LotDelivered,
    NothingShipped,
    OutsideContractYears,
    RecycledShareTooLow,
    ShippedQuarterSettled,
    ShippedYearClosed,
    WithinSpecification,
)
from contracts.rules.goods import unlike_agreed
from contracts.rules.index_units import priced_terms
from contracts.rules.invoices import credited, line
from contracts.rules.materials import Material
from contracts.rules.price_refusals import IndexGap
from contracts.rules.prices import Quotation, delivery_price, index_of, provisional_share
from contracts.rules.quotation import IndexValues, provisional, provisional_rate, quarter_of
from contracts.rules.replacements import made_good_g, replacement_refusals
from contracts.rules.results import (
    figure_refusals,
    held_against,
    moisture_refusals,
    objection_refusals,
)
from contracts.rules.steps import decision, party, side_refusals
from contracts.rules.weighings import mass_refusals
from events.callers import Caller
from events.contract_terms import (
    AgreementTerms,
    AnalyteResult,
    DeliveryEvidence,
    Evidence,
    InvoiceLine,
    Papers,
    StatedClaim,
)
from events.decision import Decision, Moment
from events.delivery_events import (
    Consignment,
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    DeliveryWithdrawn,
)
from events.fractions import percent_text
from events.refusal import Refusal, refuse
from events.rex_terms import FoundGoods
from events.vocabulary import BASIS_ELEMENTS, PhysicalLot, ProductForm
from events.wellformed import malformed


class Ship(Struct, frozen=True, kw_only=True):
    """`stated` are the seller's figures as element in the dry sample.

    `matched`: the lot of the agreement's match, as the caller has just read it; an audit of contracts does
    not know it. `replaces`: a rejected delivery; not needed for a lot that is presented again.
    """

    caller: Caller
    agreement: UUID
    nomination: UUID | None = None
    lot_number: str
    passport: UUID | None = None
    form: ProductForm
    shipped_on: date
    net_wet_g: int
    moisture_ppb: int
    stated: tuple[AnalyteResult, ...]
    evidence: DeliveryEvidence = DeliveryEvidence()
    matched: PhysicalLot | None = None
    goods: FoundGoods | UnsetType = UNSET
    replaces: UUID | UnsetType = UNSET
    consignment: Consignment | UnsetType = UNSET
    documents: Papers | UnsetType = UNSET


class Accept(Struct, frozen=True, kw_only=True):
    caller: Caller
    delivery: UUID
    title_passed_on: date


class Reject(Struct, frozen=True, kw_only=True):
    """`found`: findings of the buyer's inspection, with documents in `evidence`; `claims`: the seller's
    claims that these documents contradict."""

    caller: Caller
    delivery: UUID
    found: FoundGoods | UnsetType = UNSET
    evidence: tuple[Evidence, ...] | UnsetType = UNSET
    claims: tuple[StatedClaim, ...] | UnsetType = UNSET


class Withdraw(Struct, frozen=True, kw_only=True):
    """By the seller, for a shipment that was entered by mistake or did not leave."""

    caller: Caller
    delivery: UUID
    reason: str


def ship(state: DeliveryState, argument: Ship, moment: Moment) -> Decision:
    """Records the shipment, with the provisional invoice if its index has any value. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    if agreement.status != "effective" or agreement.starts_on is None or agreement.ends_on is None:
        raise AgreementIneffective(status=agreement.status)
    terms = agreement.terms_on(argument.shipped_on)
    delivery, invoice = moment.new_id(), moment.new_id()
    alike = None if argument.lot_number in state.lots else state.rejected_alike
    shipped = DeliveryShipped(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=delivery,
        nomination=argument.nomination,
        year=year_on(agreement.starts_on, argument.shipped_on),
        lot_number=argument.lot_number,
        passport=argument.passport,
        form=argument.form,
        shipped_on=argument.shipped_on,
        net_wet_g=argument.net_wet_g,
        moisture_ppb=argument.moisture_ppb,
        stated=argument.stated,
        evidence=argument.evidence,
        quantity_g=0,
        invoice=invoice,
        currency=terms.payment.currency,
        lines=(),
        goods=argument.goods,
        replaces=argument.replaces or alike or UNSET,
        consignment=argument.consignment,
        documents=argument.documents,
    )
    refuse(malformed(replace(shipped, year=max(1, shipped.year))))
    reasons: list[Refusal] = side_refusals(side, "seller")
    reasons += _term_refusals(agreement.starts_on, agreement.ends_on, argument.shipped_on)
    reasons += _closed_refusals(state, shipped.year, argument.shipped_on)
    first = f"the first day of the contract ({agreement.starts_on})"
    reasons += date_refusals(
        argument.shipped_on, "/shipped_on", moment.now, agreement.starts_on, "a shipment", first
    )
    reasons += evidence_refusals(argument.documents, moment.now, "/documents")
    reasons += lot_refusals(agreement, argument.matched, shipped)
    reasons += replacement_refusals(state.replaced, alike, shipped)
    refuse(reasons + _lot_refusals(state, terms, argument))
    material = Delivery(version=1, position=1, shipped=shipped).material(terms)
    material = replace(material, silence_paid=state.silence_paid)
    if material.basis_g == 0:
        raise NothingShipped(pointer="/stated")
    refuse(quantity_refusals(agreement, terms, state.left_g, material.basis_g))
    read = priced_terms(agreement, argument.shipped_on, state.units)
    lines = _provisional(read, material, argument.shipped_on, state.values, moment.now)
    return decision(agreement, replace(shipped, quantity_g=material.basis_g, lines=lines))


def _term_refusals(starts_on: date, ends_on: date, day: date) -> list[Refusal]:
    if day < ends_on:
        return []
    return [
        OutsideContractYears(
            pointer="/shipped_on",
            day=day.isoformat(),
            starts_on=starts_on.isoformat(),
            ends_on=ends_on.isoformat(),
        )
    ]


def _closed_refusals(state: DeliveryState, year: int, day: date) -> list[Refusal]:
    """Refusals for a day in a closed year or quarter: the shipment would be missing in every account."""
    reasons: list[Refusal] = []
    if year in state.closed_years:
        reasons.append(ShippedYearClosed(pointer="/shipped_on", year=year))
    if state.quarter_settled:
        first = quarter_of(day).start.isoformat()
        reasons.append(ShippedQuarterSettled(pointer="/shipped_on", first=first))
    return reasons


def _lot_refusals(state: DeliveryState, terms: AgreementTerms, argument: Ship) -> list[Refusal]:
    reasons: list[Refusal] = list(state.unproven)
    forms = (terms.product.form, *terms.product.buyer_option_forms)
    if argument.form not in forms:
        reasons.append(DeliveredFormUnfit(pointer="/form", form=argument.form, agreed=", ".join(forms)))
    if argument.lot_number in state.lots:
        reasons.append(LotDelivered(pointer="/lot_number", lot_number=argument.lot_number))
    held = held_against(state, argument.form)
    reasons += figure_refusals(argument.stated, needed_analytes(terms), "/stated", held)
    reasons += moisture_refusals(argument.moisture_ppb)
    recycled = argument.evidence.recycled
    shown_ppb = 0 if recycled is None else recycled.post_consumer_ppb
    if shown_ppb < terms.product.post_consumer_min_ppb:
        least, shown = percent_text(terms.product.post_consumer_min_ppb), percent_text(shown_ppb)
        reasons.append(RecycledShareTooLow(pointer="/recycled", least=least, shown=shown))
    return reasons


def needed_analytes(terms: AgreementTerms) -> tuple[str, ...]:
    """Analytes whose figures are needed to price and judge a delivery."""
    named = [
        *BASIS_ELEMENTS[terms.product.basis],
        *(limit.analyte for limit in terms.assay.splitting),
        *(rule.analyte for rule in terms.penalties),
        *(limit.analyte for limit in terms.product.limits),
    ]
    return tuple(dict.fromkeys(named))


def _provisional(
    terms: AgreementTerms, material: Material, shipped_on: date, values: IndexValues, now: datetime
) -> tuple[InvoiceLine, ...]:
    """The provisional lines; empty if the index has no value yet, since a shipment that has left is recorded
    in any case."""
    reference, quotation = index_of(terms.price), None
    if reference is not None:
        try:
            quoted = provisional(values, reference, shipped_on, now)
            quotation = Quotation(quoted, provisional_rate(values, reference, quoted.days, now))
        except IndexGap:
            return ()
    price = delivery_price(terms, material, quotation)
    share = provisional_share(price, terms.payment.provisional_ppb)
    return (line("provisional", material.basis_g, share),)


def accept(state: DeliveryState, argument: Accept, moment: Moment) -> Decision:
    """Title passes for the settled quantity, even if it is off-spec. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    reasons: list[Refusal] = side_refusals(side, "buyer")
    reasons += status_refusals(delivery, *_judged_from(agreement, delivery))
    reasons += objection_refusals(delivery, side, moment.now)
    reasons += mass_refusals(delivery, side, moment.now)
    if delivery.weighed is not None:
        reasons += date_refusals(
            argument.title_passed_on,
            "/title_passed_on",
            moment.now,
            delivery.weighed.weighed_on,
            "the passing of title",
            "the weighing",
        )
    refuse(reasons)
    return decision(agreement, accepted(agreement, state, argument.title_passed_on, deemed=UNSET))


def _judged_from(agreement: Agreement, delivery: Delivery) -> tuple[DeliveryStatus, ...]:
    """Statuses in which the buyer can decide: goods agreed by the piece are counted and need no assay, which
    would destroy them."""
    terms = agreement.terms_on(delivery.shipped.shipped_on)
    by_piece = terms.product.goods is not UNSET and terms.product.goods.pieces is not UNSET
    return ("weighed", "assayed") if by_piece else ("assayed",)


def accepted(
    agreement: Agreement, state: DeliveryState, title_passed_on: date, *, deemed: bool | UnsetType
) -> DeliveryAccepted:
    delivery = known(state)
    shipped = delivery.shipped
    quantity_g = delivery.material(agreement.terms_on(shipped.shipped_on)).basis_g
    return DeliveryAccepted(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=shipped.delivery,
        year=shipped.year,
        quantity_g=quantity_g,
        title_passed_on=title_passed_on,
        deemed=deemed,
        made_good_g=made_good_g(delivery, state.replaced, quantity_g),
    )


def reject(state: DeliveryState, argument: Reject, moment: Moment) -> Decision:
    """Rejects for: settled figures that are off-spec; goods that differ from the agreed ones by the seller's
    statement or the buyer's findings; demands without proof; claims contradicted by documents. The
    provisional invoice is credited. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    reasons: list[Refusal] = side_refusals(side, "buyer")
    told = argument.found is not UNSET or bool(argument.claims)
    reasons += status_refusals(delivery, *(("weighed", "assayed") if told else ("assayed",)))
    reasons += late_refusals(delivery, moment.now)
    reasons += objection_refusals(delivery, side, moment.now)
    reasons += mass_refusals(delivery, side, moment.now)
    shipped = delivery.shipped
    terms = agreement.terms_on(shipped.shipped_on)
    reasons += claim_refusals(terms, shipped.evidence, argument.claims or ())
    refuse(reasons + _finding_refusals(terms, argument, moment.now))
    material = delivery.material(terms)
    broken = grounds(terms, delivery)
    found = unlike_agreed(terms, argument.found, material.net_wet_g)
    broken += tuple(each for each in found if each not in broken)
    broken += tuple(f"claim:{claim}" for claim in argument.claims or ())
    if not broken:
        raise WithinSpecification
    fact = DeliveryRejected(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=shipped.delivery,
        year=shipped.year,
        quantity_g=material.basis_g,
        reasons=broken,
        found=argument.found,
        evidence=argument.evidence,
        made_good_g=made_good_g(delivery, state.replaced, material.basis_g),
        claims=argument.claims,
    )
    refuse(malformed(fact))
    return decision(agreement, fact, *credited(shipped, moment, "rejection"))


def withdraw(state: DeliveryState, argument: Withdraw, moment: Moment) -> Decision:
    """Possible until the buyer has weighed, accepted or declared anything; the provisional invoice is
    credited. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    shipped = delivery.shipped
    fact = DeliveryWithdrawn(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=shipped.delivery,
        year=shipped.year,
        reason=argument.reason,
    )
    refuse(malformed(fact))
    reasons: list[Refusal] = side_refusals(side, "seller")
    reasons += status_refusals(delivery, "shipped")
    if delivery.missing is not UNSET:
        reasons.append(BuyerHasSpoken())
    refuse(reasons)
    return decision(agreement, fact, *credited(shipped, moment, "withdrawal"))


def _finding_refusals(terms: AgreementTerms, argument: Reject, now: datetime) -> list[Refusal]:
    reasons = evidence_refusals(argument.evidence, now)
    if argument.found is UNSET and not argument.claims:
        return reasons
    if argument.found is not UNSET and terms.product.goods is UNSET:
        reasons.append(GoodsNotAgreed(pointer="/found"))
    if not argument.evidence:
        reasons.append(FindingsUnproven(pointer="/evidence"))
    return reasons


def decided_again(
    state: DeliveryState,
    fact: DeliveryAccepted | DeliveryRejected | DeliveryWithdrawn,
    caller: Caller,
    moment: Moment,
) -> Decision:
    """Decides again with the rule of a fact, from the fact's inputs. Raises Refusals."""
    named = fact.delivery
    match fact:
        case DeliveryAccepted():
            taken = Accept(caller=caller, delivery=named, title_passed_on=fact.title_passed_on)
            return accept(state, taken, moment)
        case DeliveryRejected():
            refused = Reject(
                caller=caller,
                delivery=named,
                found=fact.found,
                evidence=fact.evidence,
                claims=fact.claims,
            )
            return reject(state, refused, moment)
        case DeliveryWithdrawn():
            return withdraw(state, Withdraw(caller=caller, delivery=named, reason=fact.reason), moment)
        case _:
            assert_never(fact)
