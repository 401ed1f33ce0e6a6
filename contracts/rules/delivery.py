"""The state of a delivery: a pure fold of its facts, and the checks that all its steps share."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal, TypeAlias, assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from contracts.rules.days import midnight
from contracts.rules.delivery_refusals import DeliveryStatusUnfit, DeliveryUnknown
from contracts.rules.index_units import IndexUnits
from contracts.rules.materials import Material, figures
from contracts.rules.price_lines import silence_was_paid
from contracts.rules.quotation import IndexValues
from contracts.rules.refusals import DateInFuture, DatesOutOfOrder
from contracts.rules.steps import AgreementState
from events.contract_events import InvoiceSettled
from events.contract_terms import AgreementTerms
from events.delivery_events import (
    AssayLodged,
    AssaysExchanged,
    BuyerCalled,
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    DeliveryWeighed,
    DeliveryWithdrawn,
    NonArrivalContested,
    NonArrivalDeclared,
    NonArrivalSettled,
    ReturnContested,
    ReturnDeclared,
    ReturnSettled,
    UmpireDecided,
    UmpireObjected,
    WeighingObjected,
    WeighingSettled,
)
from events.facts import DeliveryFact, DeliveryStep, ReturnFact
from events.local_days import latest_day
from events.refusal import Refusal
from events.vocabulary import PPB, MarketBasis, Side

DeliveryStatus = Literal[
    "shipped", "weighed", "before_umpire", "assayed", "accepted", "rejected", "lost", "withdrawn"
]
DeliveryMass: TypeAlias = DeliveryShipped | DeliveryWeighed | WeighingSettled
"""The facts that state a net wet mass and its moisture."""
OPEN: Final[frozenset[DeliveryStatus]] = frozenset({"shipped", "weighed", "before_umpire", "assayed"})
GONE: Final[frozenset[DeliveryStatus]] = frozenset({"rejected", "withdrawn"})
"""Statuses in which the seller has the lot again and may ship it once more."""


class Return(Struct, frozen=True, kw_only=True):
    """The return of a part of an accepted delivery: its declaration, contest and settlement, as far as they
    exist."""

    declared: ReturnDeclared
    contested: ReturnContested | None = None
    settled: ReturnSettled | None = None

    @property
    def stands(self) -> bool:
        return self.settled is not None and self.settled.outcome == "stands"

    @property
    def dry_g(self) -> int:
        return _dry_g(self.declared.net_wet_g, self.declared.moisture_ppb)


class Delivery(Struct, frozen=True, kw_only=True):
    """The state of a delivery; `version` counts its facts. `objected`: the umpire's figures were objected to
    and do not count. `called`: the newest call upon its buyer, answered or not.

    `weighing_objected`: the seller's objection to `weighed`; `survey_objected`: a surveyor's figure was
    objected to and does not count. `mass_settled` is the mass on which both agree, or a surveyor's.
    `missing`: the buyer's declaration that it never arrived. `returns` in order; only the last one may be
    open.
    """

    version: int
    position: int
    shipped: DeliveryShipped
    weighed: DeliveryWeighed | None = None
    seller_assay: AssayLodged | None = None
    buyer_assay: AssayLodged | None = None
    exchanged: AssaysExchanged | None = None
    umpire: UmpireDecided | None = None
    accepted: DeliveryAccepted | None = None
    rejected: DeliveryRejected | None = None
    objected: UmpireObjected | UnsetType = UNSET
    called: BuyerCalled | UnsetType = UNSET
    weighing_objected: WeighingObjected | UnsetType = UNSET
    survey_objected: WeighingObjected | UnsetType = UNSET
    mass_settled: WeighingSettled | UnsetType = UNSET
    missing: NonArrivalDeclared | UnsetType = UNSET
    missing_contested: NonArrivalContested | UnsetType = UNSET
    missing_settled: NonArrivalSettled | UnsetType = UNSET
    returns: tuple[Return, ...] | UnsetType = UNSET
    withdrawn: DeliveryWithdrawn | UnsetType = UNSET

    @property
    def status(self) -> DeliveryStatus:
        if self.withdrawn is not UNSET:
            return "withdrawn"
        if self.missing_settled is not UNSET and self.missing_settled.outcome == "stands":
            return "lost"
        if self.rejected is not None:
            return "rejected"
        if self.accepted is not None:
            return "accepted"
        if self.exchanged is not None:
            decided = not self.exchanged.to_umpire or self.umpire is not None
            return "assayed" if decided else "before_umpire"
        return "shipped" if self.weighed is None else "weighed"

    def lodged(self, side: Side) -> AssayLodged | None:
        return self.seller_assay if side == "seller" else self.buyer_assay

    @property
    def missing_pending(self) -> bool:
        """Whether a non-arrival is declared, and neither weighed nor settled since."""
        return self.missing is not UNSET and self.missing_settled is UNSET and self.weighed is None

    @property
    def returned(self) -> tuple[Return, ...]:
        """The returns that stand."""
        return tuple(each for each in self.returns or () if each.stands)

    @property
    def returning(self) -> Return | None:
        """The return that is declared and not settled."""
        last = self.returns[-1] if self.returns else None
        return last if last is not None and last.settled is None else None

    @property
    def returned_g(self) -> int:
        """Grams of basis that were returned."""
        return sum(each.settled.quantity_g for each in self.returned if each.settled is not None)

    @property
    def kept_dry_g(self) -> int:
        """Dry mass that counts, without returns."""
        mass = self.mass
        return _dry_g(mass.net_wet_g, mass.moisture_ppb) - sum(each.dry_g for each in self.returned)

    @property
    def kept_wet_g(self) -> int:
        """The same as wet mass, at the moisture of the mass that counts."""
        dry_ppb = PPB - self.mass.moisture_ppb
        return self.kept_dry_g * PPB // dry_ppb if self.returned and dry_ppb else self.mass.net_wet_g

    @property
    def taken_g(self) -> int | None:
        """Grams of basis that the buyer finally pays for; None: not decided, or nothing."""
        if self.accepted is not None:
            return self.accepted.quantity_g - self.returned_g
        lost = self.missing_settled
        if self.status != "lost" or lost is UNSET or lost.risk == "seller":
            return None
        return lost.quantity_g

    @property
    def mass_contested(self) -> bool:
        """Whether the sides differ on the mass received, and nothing has settled it."""
        return self.weighing_objected is not UNSET and self.mass_settled is UNSET

    @property
    def mass(self) -> DeliveryMass:
        """The fact whose `net_wet_g` and `moisture_ppb` count: the shipment before the weighing, and while
        the mass is contested."""
        if self.mass_settled is not UNSET:
            return self.mass_settled
        return self.shipped if self.weighed is None or self.mass_contested else self.weighed

    @property
    def settled_ppb(self) -> dict[str, int]:
        """Figures that the assays of both sides, or the umpire, have settled."""
        settled = () if self.exchanged is None else self.exchanged.settled
        settled += () if self.umpire is None else self.umpire.settled
        return {each.analyte: each.settled_ppb for each in settled}

    @property
    def fractions_ppb(self) -> dict[str, int]:
        """The figures that count: those stated, replaced by the settled ones."""
        return figures(self.shipped.stated) | self.settled_ppb

    def material(self, terms: AgreementTerms) -> Material:
        """As shipped, or as weighed and settled so far."""
        return self.counted_in(terms.product.basis)

    def counted_in(self, basis: MarketBasis) -> Material:
        """As `material`, for an agreement whose basis is `basis`."""
        mass = self.mass
        return self._material(basis, mass.net_wet_g, mass.moisture_ppb)

    def holding(self, terms: AgreementTerms, net_wet_g: int, moisture_ppb: int) -> Material:
        """As `material`, for this mass of it."""
        return self._material(terms.product.basis, net_wet_g, moisture_ppb)

    def _material(self, basis: MarketBasis, net_wet_g: int, moisture_ppb: int) -> Material:
        return Material(
            basis=basis,
            form=self.shipped.form,
            net_wet_g=net_wet_g,
            moisture_ppb=moisture_ppb,
            fractions_ppb=self.fractions_ppb,
            evidence=self.shipped.evidence,
            papers_until=midnight(self.shipped.shipped_on),
            silence_paid=silence_was_paid(self.shipped.lines),
        )


class Replaced(Struct, frozen=True, kw_only=True):
    """A delivery that another one replaces. `sent`: all deliveries shipped to replace it, without the one in
    question."""

    delivery: Delivery
    sent: tuple[Delivery, ...] = ()


class DeliveryState(AgreementState, frozen=True, kw_only=True):
    """The agreement, the delivery, and what else a decision about it reads.

    `lots`: those of the given lot numbers that were shipped under the agreement before, and neither rejected
    nor withdrawn; `rejected_alike`: the last rejected delivery of the given number; `replaced`: what the
    delivery, or the new shipment, replaces. `invoices` of this delivery in order, and `values`, are read for
    settlements. For a shipment, `closed_years` are the assessed contract years, `quarter_settled` whether the
    difference of its quarter is settled, `left_g` the grams of basis shipped before under the contract of a
    match and not rejected. `unproven`: why it is not the passport's lot, or contradicts the passport; unknown
    to an audit of contracts. `units` of the indices in `values`. Three members serve audits of older events:
    `oxides_asked` is False if figures were not compared with what an oxide can contain; `silence_paid` if an
    unstated origin was priced as European; `of_before` if impossible masses were accepted, calls did not list
    differences from the agreement, returns had no day to answer by, and objections to an umpire needed no
    document.
    """

    delivery: Delivery | None = None
    lots: frozenset[str] = frozenset()
    rejected_alike: UUID | None = None
    replaced: Replaced | None = None
    closed_years: frozenset[int] = frozenset()
    quarter_settled: bool = False
    left_g: int = 0
    unproven: tuple[Refusal, ...] = ()
    invoices: tuple[InvoiceSettled, ...] = ()
    values: IndexValues = field(default_factory=dict)
    units: IndexUnits = field(default_factory=dict)
    oxides_asked: bool = True
    silence_paid: bool = False
    of_before: bool = False


def fold(delivery: Delivery | None, position: int, fact: DeliveryFact) -> Delivery:
    """The delivery after `fact`. LookupError when it was not shipped before, or is shipped twice."""
    if isinstance(fact, DeliveryShipped):
        if delivery is not None:
            raise LookupError(f"delivery {fact.delivery} was shipped twice")
        return Delivery(version=1, position=position, shipped=fact)
    if delivery is None or delivery.shipped.delivery != fact.delivery:
        raise LookupError(f"delivery {fact.delivery} was never shipped")
    changes = _returning(delivery, fact) if isinstance(fact, ReturnFact) else _changes(fact)
    return replace(delivery, version=delivery.version + 1, position=position, **changes)


def _returning(delivery: Delivery, fact: ReturnFact) -> Mapping[str, tuple[Return, ...]]:
    """The delivery after a fact about a return. LookupError when there is no open return to contest or
    settle, or a second one is declared."""
    before, last = delivery.returns or (), delivery.returning
    if isinstance(fact, ReturnDeclared):
        if last is not None or delivery.accepted is None:
            raise LookupError(f"delivery {fact.delivery} takes no return")
        return {"returns": (*before, Return(declared=fact))}
    if last is None:
        raise LookupError(f"no return of delivery {fact.delivery} is open")
    changed = (
        replace(last, contested=fact) if isinstance(fact, ReturnContested) else replace(last, settled=fact)
    )
    return {"returns": (*before[:-1], changed)}


def _changes(fact: DeliveryStep) -> Mapping[str, Struct | UnsetType | None]:
    match fact:
        case DeliveryWeighed():
            return {"weighed": fact, "weighing_objected": UNSET}
        case WeighingObjected():
            return _objected(fact)
        case WeighingSettled():
            return {"mass_settled": fact}
        case NonArrivalDeclared() | NonArrivalContested() | NonArrivalSettled():
            return _missing(fact)
        case BuyerCalled():
            return {"called": fact}
        case AssayLodged():
            return {f"{fact.side}_assay": fact}
        case AssaysExchanged():
            return {"exchanged": fact}
        case UmpireDecided():
            return {"umpire": fact}
        case UmpireObjected():
            return {"umpire": None, "objected": fact}
        case DeliveryAccepted() | DeliveryRejected() | DeliveryWithdrawn():
            return _ended(fact)
        case _:
            assert_never(fact)


def _ended(fact: DeliveryAccepted | DeliveryRejected | DeliveryWithdrawn) -> Mapping[str, Struct]:
    match fact:
        case DeliveryAccepted():
            return {"accepted": fact}
        case DeliveryRejected():
            return {"rejected": fact}
        case DeliveryWithdrawn():
            return {"withdrawn": fact}
        case _:
            assert_never(fact)


def _objected(fact: WeighingObjected) -> Mapping[str, Struct | UnsetType]:
    if fact.against == "weighing":
        return {"weighing_objected": fact}
    return {"survey_objected": fact, "mass_settled": UNSET}


def _missing(
    fact: NonArrivalDeclared | NonArrivalContested | NonArrivalSettled,
) -> Mapping[str, Struct | UnsetType]:
    """The delivery after a fact about its non-arrival; if the lot did arrive, the buyer is called upon
    again."""
    match fact:
        case NonArrivalDeclared():
            return {"missing": fact}
        case NonArrivalContested():
            return {"missing_contested": fact}
        case NonArrivalSettled():
            anew = {"called": UNSET} if fact.outcome == "falls" else {}
            return {"missing_settled": fact, **anew}
        case _:
            assert_never(fact)


def _dry_g(net_wet_g: int, moisture_ppb: int) -> int:
    return net_wet_g * (PPB - moisture_ppb) // PPB


def known(state: DeliveryState) -> Delivery:
    if state.delivery is None:
        raise DeliveryUnknown
    return state.delivery


def status_refusals(delivery: Delivery, *needed: DeliveryStatus) -> list[Refusal]:
    if delivery.status in needed:
        return []
    return [DeliveryStatusUnfit(status=delivery.status, needed=" or ".join(needed))]


def date_refusals(
    day: date, pointer: str, now: datetime, earlier: date, what: str, than: str
) -> list[Refusal]:
    """Refusals for a day before `earlier`, or one that has not begun anywhere yet."""
    reasons: list[Refusal] = []
    today = latest_day(now)
    if day > today:
        reasons.append(DateInFuture(pointer=pointer, day=day.isoformat(), today=today.isoformat()))
    if day < earlier:
        reasons.append(DatesOutOfOrder(pointer=pointer, later=what, earlier=than))
    return reasons
