"""A delivery as its facts have made it: a pure fold, and what every decision on one asks first."""

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
"""What says a net wet mass and its moisture."""
OPEN: Final[frozenset[DeliveryStatus]] = frozenset({"shipped", "weighed", "before_umpire", "assayed"})
GONE: Final[frozenset[DeliveryStatus]] = frozenset({"rejected", "withdrawn"})
"""What its seller has again: the lot may leave once more."""


class Return(Struct, frozen=True, kw_only=True):
    """That a part of an accepted delivery goes back, as far as it has come."""

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
    """A delivery as its facts have made it; `version` counts them. `objected`: `umpire` was taken away.
    `called`: the newest call upon its buyer, answered or not.

    `weighing_objected`: what the seller holds against `weighed`; `survey_objected`: a surveyor's figure was
    taken away. `mass_settled` is the mass that both agree on, or a surveyor's. `missing`: its buyer has
    declared that it never came. `returns` in order; at most the last one is open.
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
        """Whether it is declared never to have come, and neither weighed nor settled since."""
        return self.missing is not UNSET and self.missing_settled is UNSET and self.weighed is None

    @property
    def returned(self) -> tuple[Return, ...]:
        """Those that both agreed on, or that were settled so."""
        return tuple(each for each in self.returns or () if each.stands)

    @property
    def returning(self) -> Return | None:
        """What is declared and not settled."""
        last = self.returns[-1] if self.returns else None
        return last if last is not None and last.settled is None else None

    @property
    def returned_g(self) -> int:
        """Grams of basis that went back."""
        return sum(each.settled.quantity_g for each in self.returned if each.settled is not None)

    @property
    def kept_dry_g(self) -> int:
        """Of the mass that counts, without what went back."""
        mass = self.mass
        return _dry_g(mass.net_wet_g, mass.moisture_ppb) - sum(each.dry_g for each in self.returned)

    @property
    def kept_wet_g(self) -> int:
        """The same, as moist as the mass that counts."""
        dry_ppb = PPB - self.mass.moisture_ppb
        return self.kept_dry_g * PPB // dry_ppb if self.returned and dry_ppb else self.mass.net_wet_g

    @property
    def taken_g(self) -> int | None:
        """Grams of basis that the buyer pays for in the end; None: not decided, or nothing."""
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
        """Whose `net_wet_g` and `moisture_ppb` count: as shipped before the weighing, and while contested."""
        if self.mass_settled is not UNSET:
            return self.mass_settled
        return self.shipped if self.weighed is None or self.mass_contested else self.weighed

    @property
    def settled_ppb(self) -> dict[str, int]:
        """Figures that both sides' assays, or an umpire's, have settled."""
        settled = () if self.exchanged is None else self.exchanged.settled
        settled += () if self.umpire is None else self.umpire.settled
        return {each.analyte: each.settled_ppb for each in settled}

    @property
    def fractions_ppb(self) -> dict[str, int]:
        """Figures that count: what was stated, replaced by what has been settled."""
        return figures(self.shipped.stated) | self.settled_ppb

    def material(self, terms: AgreementTerms) -> Material:
        """As shipped, or as weighed and settled so far."""
        return self.counted_in(terms.product.basis)

    def counted_in(self, basis: MarketBasis) -> Material:
        """As `material`, of an agreement that counts `basis`."""
        mass = self.mass
        return self._material(basis, mass.net_wet_g, mass.moisture_ppb)

    def holding(self, terms: AgreementTerms, net_wet_g: int, moisture_ppb: int) -> Material:
        """So much of it."""
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
    """A delivery that another stands in for. `sent`: all that were shipped for it, without the one that is
    asked about."""

    delivery: Delivery
    sent: tuple[Delivery, ...] = ()


class DeliveryState(AgreementState, frozen=True, kw_only=True):
    """The agreement, the delivery that is asked about, and what else a decision on it reads.

    `lots` are those of the lot numbers asked about that were shipped under the agreement before, and neither
    rejected nor withdrawn; `rejected_alike` is the delivery of the number asked about that was rejected
    last, `replaced` what a delivery, or one that is about to leave, stands in for. `invoices` of this
    delivery in order, and `values`, are read where it is settled. Of a shipment `closed_years` are the
    contract years that were assessed, and `quarter_settled` tells whether the difference of its quarter was;
    `left_g` grams of basis have left under the contract of a match before it and were not rejected.
    `unproven`: why it is not the passport's lot, or states what is not so; no audit of contracts knows.
    `units` of the indices in `values`. `oxides_asked`: whether figures are held against what an oxide can
    hold, as they were not by earlier versions; `silence_paid`: whether an origin that nobody states is priced
    as they did; `of_before`: as they took a mass that no scale can have found, called upon
    a buyer without what is not as agreed, declared a return without a day to answer it by, and objected to an
    umpire without a document.
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
    """The delivery after `fact`. LookupError when it was never shipped, or shipped twice."""
    if isinstance(fact, DeliveryShipped):
        if delivery is not None:
            raise LookupError(f"delivery {fact.delivery} was shipped twice")
        return Delivery(version=1, position=position, shipped=fact)
    if delivery is None or delivery.shipped.delivery != fact.delivery:
        raise LookupError(f"delivery {fact.delivery} was never shipped")
    changes = _returning(delivery, fact) if isinstance(fact, ReturnFact) else _changes(fact)
    return replace(delivery, version=delivery.version + 1, position=position, **changes)


def _returning(delivery: Delivery, fact: ReturnFact) -> Mapping[str, tuple[Return, ...]]:
    """LookupError when nothing that is open is contested or settled, or more is declared beside it."""
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
    """Of a lot that is there after all its buyer is called upon anew."""
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
    """Days come in order, and not before they have begun somewhere."""
    reasons: list[Refusal] = []
    today = latest_day(now)
    if day > today:
        reasons.append(DateInFuture(pointer=pointer, day=day.isoformat(), today=today.isoformat()))
    if day < earlier:
        reasons.append(DatesOutOfOrder(pointer=pointer, later=what, earlier=than))
    return reasons
