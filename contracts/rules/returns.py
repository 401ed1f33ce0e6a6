"""The return of an accepted lot, or of a part of it, because of a hidden defect.

One side declares it, the other agrees or contests it; a side that gives in, or the operator, settles it. If
the other side does not answer within the notice, the declaring side may refer it to the operator. It is
credited at the price paid, and counts in the contract year like a quantity rejected at arrival.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from contracts.rules.agreement import Agreement, other_side
from contracts.rules.calls import notice_over
from contracts.rules.contests import evidence_refusals
from contracts.rules.days import instant_text
from contracts.rules.delivery import Delivery, DeliveryState, Return, known, status_refusals
from contracts.rules.delivery_refusals import (
    NothingReturned,
    ReturnAboveDelivery,
    ReturnAnswerOpen,
    ReturnAnswerUndated,
    ReturnContestedBefore,
    ReturnedQuarterSettled,
    ReturnOpen,
    ReturnUndeclared,
)
from contracts.rules.invoices import of_delivery, returned_line, settled_lines
from contracts.rules.price_refusals import NotSettledYet
from contracts.rules.quotation import quarter_of
from contracts.rules.received_masses import moisture_ppb, moisture_unstated
from contracts.rules.refusals import EvidenceMissing
from contracts.rules.results import moisture_refusals
from contracts.rules.steps import decision, party, party_or_operator, side_refusals
from events.callers import Caller
from events.contract_events import InvoiceSettled
from events.contract_terms import ContestOutcome, Evidence
from events.decision import Decision, Moment
from events.delivery_events import ReturnContested, ReturnDeclared, ReturnSettled
from events.facts import ReturnFact
from events.fractions import tonnes_text
from events.refusal import Caution, Refusal, refuse
from events.vocabulary import Side
from events.wellformed import malformed


class DeclareReturn(Struct, frozen=True, kw_only=True):
    """By either side. `lot_number` and `passport`: of the returned material; `freight`: who pays for its
    transport."""

    caller: Caller
    delivery: UUID
    lot_number: str
    net_wet_g: int
    moisture_ppb: int | UnsetType
    freight: Side
    reason: str
    passport: UUID | UnsetType = UNSET
    evidence: tuple[Evidence, ...] = ()


class ContestReturn(Struct, frozen=True, kw_only=True):
    """By the other side; or by the declaring side, once the other has not answered within the notice."""

    caller: Caller
    delivery: UUID
    reason: str
    evidence: tuple[Evidence, ...] = ()


class SettleReturn(Struct, frozen=True, kw_only=True):
    """The other side may state `stands`, the declaring side `falls`, the operator either."""

    caller: Caller
    delivery: UUID
    outcome: ContestOutcome
    evidence: tuple[Evidence, ...] = ()


def declare(state: DeliveryState, argument: DeclareReturn, moment: Moment) -> Decision:
    """Declares the return of material that is finally invoiced and not returned before. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    fact = ReturnDeclared(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        by=side,
        lot_number=argument.lot_number,
        passport=argument.passport,
        net_wet_g=argument.net_wet_g,
        moisture_ppb=moisture_ppb(argument.moisture_ppb),
        freight=argument.freight,
        reason=argument.reason,
        evidence=argument.evidence,
        answer_by=UNSET if state.of_before else notice_over(moment.now),
    )
    refuse(malformed(fact))
    reasons: list[Refusal] = list(state.unproven)
    if delivery.returning is not None:
        reasons.append(ReturnOpen())
    reasons += _payable_refusals(state, delivery)
    reasons += moisture_unstated(delivery, argument.moisture_ppb)
    reasons += moisture_refusals(moisture_ppb(argument.moisture_ppb))
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    refuse(_mass_refusals(agreement, delivery, Return(declared=fact)))
    return decision(agreement, fact)


def contest(state: DeliveryState, argument: ContestReturn, moment: Moment) -> Decision:
    """Contests it, once, by the other side; or refers it to the operator, by the declaring side, after the
    other side's silence. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    open_return = _open(known(state))
    declared, before = open_return.declared, open_return.contested
    fact = ReturnContested(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        reason=argument.reason,
        evidence=argument.evidence,
        by=side if side == declared.by else UNSET,
    )
    refuse(malformed(fact))
    reasons: list[Refusal] = []
    if before is not None and (side == declared.by or before.by is UNSET):
        reasons.append(ReturnContestedBefore())
    elif side == declared.by:
        reasons += _silence_refusals(declared, moment.now)
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    return decision(agreement, fact)


def settle(state: DeliveryState, argument: SettleReturn, moment: Moment) -> Decision:
    """Settles it: by the side that gives in or, if contested, by the operator with a document. Raises
    Refusals."""
    agreement, side = party_or_operator(state, argument.caller)
    delivery = known(state)
    open_return = _open(delivery)
    declarer = open_return.declared.by
    reasons: list[Refusal] = []
    if side is not None:
        reasons += side_refusals(side, other_side(declarer) if argument.outcome == "stands" else declarer)
    else:
        if open_return.contested is None:
            raise ReturnUndeclared
        if not argument.evidence:
            reasons.append(EvidenceMissing(pointer="/evidence"))
    if argument.outcome == "stands":
        reasons += _payable_refusals(state, delivery)
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    quantity_g = _quantity_g(agreement, delivery, open_return)
    fact = ReturnSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        year=delivery.shipped.year,
        outcome=argument.outcome,
        quantity_g=quantity_g,
        by=UNSET if side is None else side,
        evidence=argument.evidence,
    )
    refuse(malformed(fact))
    if argument.outcome == "falls":
        return decision(agreement, fact)
    return decision(agreement, fact, _credit(state, delivery, quantity_g, moment.new_id()))


def _silence_refusals(declared: ReturnDeclared, now: datetime) -> list[Refusal]:
    if declared.answer_by is UNSET:
        return [ReturnAnswerUndated()]
    if now >= declared.answer_by:
        return []
    return [ReturnAnswerOpen(side=other_side(declared.by), answer_by=instant_text(declared.answer_by))]


def passport_cautions(delivery: Delivery, declared: ReturnDeclared) -> Iterator[Caution]:
    """Warnings to both sides: title to a passport passes only if the return names that passport."""
    shipped = delivery.shipped.passport
    if shipped is None or declared.passport is not UNSET:
        return
    yield Caution(
        code="return_without_passport",
        text=f"The delivery came with passport pass_{shipped.hex}, but the return names none: in the "
        "record, title and goods stay the buyer's, in its stock too, until it transfers their "
        "passport to the seller.",
        pointer="/passport",
    )


def is_operators(delivery: Delivery) -> bool:
    return delivery.returning is not None and delivery.returning.contested is not None


def decided_again(state: DeliveryState, fact: ReturnFact, caller: Caller, moment: Moment) -> Decision:
    """Decides again from the fact's inputs. Raises Refusals."""
    named: dict[str, Any] = {"caller": caller, "delivery": fact.delivery, "evidence": fact.evidence}
    if isinstance(fact, ReturnDeclared):
        declared = DeclareReturn(
            **named,
            lot_number=fact.lot_number,
            passport=fact.passport,
            net_wet_g=fact.net_wet_g,
            moisture_ppb=fact.moisture_ppb,
            freight=fact.freight,
            reason=fact.reason,
        )
        return declare(state, declared, moment)
    if isinstance(fact, ReturnContested):
        return contest(state, ContestReturn(**named, reason=fact.reason), moment)
    return settle(state, SettleReturn(**named, outcome=fact.outcome), moment)


def _open(delivery: Delivery) -> Return:
    """Raises ReturnUndeclared."""
    if delivery.returning is None:
        raise ReturnUndeclared
    return delivery.returning


def _payable_refusals(state: DeliveryState, delivery: Delivery) -> list[Refusal]:
    """Refusals unless the delivery is finally invoiced, and no settled quarter difference depends on it."""
    reasons = status_refusals(delivery, "accepted")
    if not reasons and not settled_lines(state.invoices, "final"):
        reasons.append(NotSettledYet())
    if state.quarter_settled:
        first = quarter_of(delivery.shipped.shipped_on).start.isoformat()
        reasons.append(ReturnedQuarterSettled(first=first))
    return reasons


def _mass_refusals(agreement: Agreement, delivery: Delivery, asked: Return) -> list[Refusal]:
    if asked.dry_g > delivery.kept_dry_g:
        return [
            ReturnAboveDelivery(
                pointer="/net_wet_g", stated=tonnes_text(asked.dry_g), left=tonnes_text(delivery.kept_dry_g)
            )
        ]
    if not _quantity_g(agreement, delivery, asked):
        return [NothingReturned(pointer="/net_wet_g")]
    return []


def _quantity_g(agreement: Agreement, delivery: Delivery, asked: Return) -> int:
    """Grams of basis in the returned mass, by the figures that were paid for; if the whole rest is returned,
    the whole rest."""
    assert delivery.taken_g is not None
    if asked.dry_g == delivery.kept_dry_g:
        return delivery.taken_g
    mass = asked.declared
    terms = agreement.terms_on(delivery.shipped.shipped_on)
    return min(delivery.taken_g, delivery.holding(terms, mass.net_wet_g, mass.moisture_ppb).basis_g)


def _credit(state: DeliveryState, delivery: Delivery, quantity_g: int, invoice: UUID) -> InvoiceSettled:
    (paid,) = settled_lines(state.invoices, "final")
    return of_delivery(delivery.shipped, invoice, "return", (returned_line(paid, quantity_g),))
