"""A lot that never arrived: the buyer declares it, the seller may contest it, the Incoterm decides who bears
the loss.

If the lot arrives after all, it is weighed, which ends the declaration. If the declaration stands, the lot is
lost: at the seller's risk nothing of it is owed, at the buyer's risk all of it, as shipped.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.agreement import Agreement
from contracts.rules.calls import WEIGHING_DAYS, late_refusals
from contracts.rules.contests import evidence_refusals
from contracts.rules.days import day_of, midnight
from contracts.rules.delivery import Delivery, DeliveryState, known, status_refusals
from contracts.rules.delivery_refusals import (
    LossUnproven,
    NonArrivalContestedBefore,
    NonArrivalDeclaredBefore,
    NonArrivalUndeclared,
    ObjectionOver,
)
from contracts.rules.invoices import credited
from contracts.rules.received_masses import dry_g
from contracts.rules.refusals import EvidenceMissing
from contracts.rules.replacements import made_good_g
from contracts.rules.results import OBJECTION_DAYS
from contracts.rules.steps import decision, party, party_or_operator, side_refusals
from events.callers import Caller
from events.contract_terms import ContestOutcome, Evidence
from events.decision import Decision, Moment
from events.delivery_events import NonArrivalContested, NonArrivalDeclared, NonArrivalSettled
from events.refusal import Caution, Refusal, refuse
from events.vocabulary import Incoterm, Side
from events.wellformed import malformed

RISK_ON_THE_WAY: Final[Mapping[Incoterm, Side]] = {
    "EXW": "buyer",
    "FCA": "buyer",
    "CPT": "buyer",
    "CIP": "buyer",
    "FAS": "buyer",
    "FOB": "buyer",
    "CFR": "buyer",
    "CIF": "buyer",
    "DAP": "seller",
    "DPU": "seller",
    "DDP": "seller",
}
"""ICC Incoterms 2020, A2 and A3 of each rule: risk passes when the goods are at the buyer's disposal at the
works (EXW), with the carrier (FCA, CPT, CIP), alongside the ship (FAS) or on board (FOB, CFR, CIF), so before
the way; or at the place of destination (DAP, DPU, DDP), so after it."""
LOST_DAYS: Final = WEIGHING_DAYS
"""From then on, a lot that has not arrived counts as lost without a document: Article 20 (1) of the CMR has
60 days after the carrier took it over, where no time was agreed."""


class DeclareNonArrival(Struct, frozen=True, kw_only=True):
    """`before_handover`: it was lost before risk passed, such as on the way to the ship."""

    caller: Caller
    delivery: UUID
    reason: str
    before_handover: bool = False
    evidence: tuple[Evidence, ...] = ()


class ContestNonArrival(Struct, frozen=True, kw_only=True):
    """By the seller: it arrived, or was not lost before risk passed."""

    caller: Caller
    delivery: UUID
    reason: str
    evidence: tuple[Evidence, ...] = ()


class SettleNonArrival(Struct, frozen=True, kw_only=True):
    """The seller may state `stands`, the buyer `falls`, the operator either; the operator also states whether
    the lot was lost `before_handover`."""

    caller: Caller
    delivery: UUID
    outcome: ContestOutcome
    before_handover: bool = False
    evidence: tuple[Evidence, ...] = ()


def declare(state: DeliveryState, argument: DeclareNonArrival, moment: Moment) -> Decision:
    """Declares it, once; before LOST_DAYS are over only with a document. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    fact = NonArrivalDeclared(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        reason=argument.reason,
        before_handover=argument.before_handover,
        evidence=argument.evidence,
        contest_by=moment.now + timedelta(days=OBJECTION_DAYS),
    )
    refuse(malformed(fact))
    reasons: list[Refusal] = side_refusals(side, "buyer")
    reasons += status_refusals(delivery, "shipped")
    reasons += late_refusals(delivery, moment.now)
    if delivery.missing is not UNSET:
        reasons.append(NonArrivalDeclaredBefore())
    if not argument.evidence and moment.now < _lost_from(delivery):
        reasons.append(LossUnproven(pointer="/evidence", day=day_of(_lost_from(delivery)).isoformat()))
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    return decision(agreement, fact)


def contest(state: DeliveryState, argument: ContestNonArrival, moment: Moment) -> Decision:
    """Contests it in time. Raises Refusals."""
    agreement, side = party(state, argument.caller)
    delivery = known(state)
    fact = NonArrivalContested(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=argument.delivery,
        reason=argument.reason,
        evidence=argument.evidence,
    )
    refuse(malformed(fact))
    declared = _pending(delivery)
    reasons: list[Refusal] = side_refusals(side, "seller")
    if delivery.missing_contested is not UNSET:
        reasons.append(NonArrivalContestedBefore())
    elif moment.now >= declared.contest_by:
        reasons.append(ObjectionOver(object_by=declared.contest_by.isoformat()))
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    return decision(agreement, fact)


def settle(state: DeliveryState, argument: SettleNonArrival, moment: Moment) -> Decision:
    """Settles it: by the side that gives in or, if contested, by the operator. Raises Refusals."""
    agreement, side = party_or_operator(state, argument.caller)
    delivery = known(state)
    declared = _pending(delivery)
    reasons: list[Refusal] = []
    if side is not None:
        reasons += side_refusals(side, "seller" if argument.outcome == "stands" else "buyer")
    else:
        if delivery.missing_contested is UNSET:
            raise NonArrivalUndeclared
        if not argument.evidence:
            reasons.append(EvidenceMissing(pointer="/evidence"))
    refuse(reasons + evidence_refusals(argument.evidence, moment.now))
    before_handover = argument.before_handover if side is None else declared.before_handover
    return _settled(
        agreement,
        state,
        moment,
        argument.outcome,
        before_handover=before_handover,
        by=side,
        evidence=argument.evidence,
    )


def uncontested(agreement: Agreement, state: DeliveryState, moment: Moment) -> Decision:
    """What the clock settles when the seller has not contested in time."""
    declared = _pending(known(state))
    return _settled(
        agreement,
        state,
        moment,
        "stands",
        before_handover=declared.before_handover,
        by=None,
        evidence=(),
    )


def short_cautions(agreement: Agreement, delivery: Delivery) -> Iterator[Caution]:
    """Warnings for a weighed delivery: for a missing part there is no separate step, the received mass
    decides."""
    received = delivery.weighed
    incoterm = agreement.terms_on(delivery.shipped.shipped_on).delivery.incoterm
    if received is None or RISK_ON_THE_WAY[incoterm] != "buyer" or received.object_by is UNSET:
        return
    if dry_g(received) < dry_g(delivery.shipped):
        yield Caution(
            code="short_at_buyers_risk",
            text=f"Under {incoterm} the buyer bears loss or damage after handover, also of a part. If some "
            "of this lot was lost, the seller can object with the mass that it handed over, which is "
            "then the mass to settle.",
            pointer="/net_wet_g",
        )


def is_operators(delivery: Delivery) -> bool:
    return delivery.missing_pending and delivery.missing_contested is not UNSET


def decided_again(
    state: DeliveryState,
    fact: NonArrivalDeclared | NonArrivalContested | NonArrivalSettled,
    caller: Caller,
    moment: Moment,
) -> Decision:
    """Decides again from the fact's inputs. Raises Refusals."""
    named: dict[str, Any] = {"caller": caller, "delivery": fact.delivery, "evidence": fact.evidence}
    if isinstance(fact, NonArrivalDeclared):
        declared = DeclareNonArrival(**named, reason=fact.reason, before_handover=fact.before_handover)
        return declare(state, declared, moment)
    if isinstance(fact, NonArrivalContested):
        return contest(state, ContestNonArrival(**named, reason=fact.reason), moment)
    settled = SettleNonArrival(**named, outcome=fact.outcome, before_handover=fact.before_handover)
    return settle(state, settled, moment)


def _settled(
    agreement: Agreement,
    state: DeliveryState,
    moment: Moment,
    outcome: ContestOutcome,
    *,
    before_handover: bool,
    by: Side | None,
    evidence: tuple[Evidence, ...],
) -> Decision:
    delivery = known(state)
    shipped = delivery.shipped
    terms = agreement.terms_on(shipped.shipped_on)
    risk = RISK_ON_THE_WAY[terms.delivery.incoterm]
    early = before_handover and outcome == "stands" and risk == "buyer"
    quantity_g = delivery.material(terms).basis_g
    fact = NonArrivalSettled(
        market=agreement.market,
        agreement=agreement.agreement,
        delivery=shipped.delivery,
        year=shipped.year,
        outcome=outcome,
        quantity_g=quantity_g,
        before_handover=early,
        risk="seller" if early else risk,
        by=UNSET if by is None else by,
        evidence=evidence,
        made_good_g=UNSET if outcome == "falls" else made_good_g(delivery, state.replaced, quantity_g),
    )
    refuse(malformed(fact))
    if outcome == "falls" or fact.risk == "buyer":
        return decision(agreement, fact)
    return decision(agreement, fact, *credited(shipped, moment, "non_arrival"))


def _lost_from(delivery: Delivery) -> datetime:
    return midnight(delivery.shipped.shipped_on + timedelta(days=LOST_DAYS + 1))


def _pending(delivery: Delivery) -> NonArrivalDeclared:
    """Raises NonArrivalUndeclared."""
    if not delivery.missing_pending or delivery.missing is UNSET:
        raise NonArrivalUndeclared
    return delivery.missing
