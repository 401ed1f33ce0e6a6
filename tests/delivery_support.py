"""Deliveries under an agreement on paper: every fact is encoded, decoded and folded as the record does it."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.rules import deemed, deliveries, non_arrivals, results, returns, settlements, weighings
from contracts.rules.days import midnight
from contracts.rules.deemed import PassDelivery
from contracts.rules.delivered import left_g
from contracts.rules.deliveries import Accept, Reject, Ship, Withdraw
from contracts.rules.delivery import GONE, Delivery, DeliveryState, Replaced, fold
from contracts.rules.materials import Material
from contracts.rules.quotation import Days, quarter_of
from contracts.rules.replacements import rejected_last, replaced_in
from contracts.rules.results import DecideAsUmpire, ExchangeAssays, LodgeAssay, ObjectToUmpire
from contracts.rules.settlements import QuarterState, Restate, Settle, SettleQuarter
from contracts.rules.weighings import AgreeOnMass, HandInSurvey, ObjectToMass, Weigh
from events.contract_events import InvoiceSettled
from events.contract_terms import (
    AgreementTerms,
    AnalyteResult,
    AssayClause,
    DeliveryEvidence,
    Evidence,
    IndexValue,
    PaymentClause,
    SplittingLimit,
    Survey,
)
from events.decision import Decision
from events.delivery_events import DeliveryShipped
from events.facts import DeliveryFact
from events.price_clauses import ContractForDifference, FlatPrice, IndexReference, PriceClause
from events.vocabulary import Period
from tests.contract_support import CALLERS, MICRO, TONNE_G, Paper, spot_terms
from tests.desk_support import LANE, OPERATOR_CALLER, PERCENT_PPB

UMPIRE, SURVEYOR = "Alfred H. Knight", "Independent Weighers"
PPM_PPB = 1_000
STARTS = date(2027, 1, 1)
CERTIFICATE = Evidence(title="Certificate U-1", sha256="ab" * 32, dated_on=date(2027, 3, 1))
INDEX = IndexReference(code="ndpr-oxide", currency="EUR", per="oxide", quotation_period="month_of_shipment")
OXIDE_PER_METAL_PPB = 1_176_505_191
"""kg of NdPr oxide in one of NdPr: 1 / (0.75 × 0.8574 + 0.25 × 0.8277)."""


def quoted(
    start: date, amount_micro: int, *, days: int | None = None, published: date | None = None
) -> IndexValue:
    """A value of a calendar month, or of `days`, published the day after unless said otherwise."""
    end = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    end = end if days is None else start + timedelta(days=days)
    return IndexValue(
        period=Period(start=midnight(start), end=midnight(end)),
        amount_micro=amount_micro,
        as_of=end - timedelta(days=1),
        published_at=midnight(published or end),
        source="entered by the operator under its own licence",
    )


def figures(**fractions_ppb: int) -> tuple[AnalyteResult, ...]:
    return tuple(AnalyteResult(analyte=name, fraction_ppb=ppb) for name, ppb in fractions_ppb.items())


NDPR = {"Nd": 60 * PERCENT_PPB, "Pr": 20 * PERCENT_PPB}


def material(**changes: Any) -> Material:
    """10 t dry with 60 % Nd and 20 % Pr: 8 t of basis."""
    made = Material(
        basis="ndpr",
        form="separated_oxide",
        net_wet_g=10 * TONNE_G,
        moisture_ppb=0,
        fractions_ppb=NDPR,
        evidence=DeliveryEvidence(),
        papers_until=midnight(STARTS),
    )
    return replace(made, **changes)


def delivery_terms(price: PriceClause, *, currency: str = "EUR", **changes: Any) -> AgreementTerms:
    given: dict[str, Any] = {
        "price": price,
        "payment": PaymentClause(currency=currency, provisional_ppb=90 * PERCENT_PPB, due_days=30),
        "assay": AssayClause(
            splitting=(
                SplittingLimit(analyte="Nd", limit_ppb=5_000_000),
                SplittingLimit(analyte="Pr", limit_ppb=5_000_000),
            ),
            exchange_days=14,
            umpire=UMPIRE,
        ),
    }
    return spot_terms(**(given | changes))


FLAT = delivery_terms(FlatPrice(price_micro_per_kg=100 * MICRO))
CFD = ContractForDifference(
    index=replace(INDEX, currency="USD", quotation_period="quarter_of_shipment"),
    strike_micro_per_kg=110 * MICRO,
    upside_ppb=30 * PERCENT_PPB,
)


def before_shipping(
    deliveries: Iterable[Delivery], lot_number: str, named: UUID | UnsetType
) -> dict[str, Any]:
    """What a shipment reads of what has left under its agreement before."""
    known = tuple(deliveries)
    last = rejected_last(lot_number, known)
    replaces = named or last
    return {
        "lots": frozenset(each.shipped.lot_number for each in known if each.status not in GONE),
        "rejected_alike": last,
        "replaced": replaced_in(replaces, known) if replaces else None,
    }


class Deliveries:
    """An effective agreement, its deliveries and its invoices."""

    def __init__(
        self, terms: AgreementTerms = FLAT, values: dict[str, list[IndexValue]] | None = None
    ) -> None:
        self.paper = Paper(midnight(STARTS)).draft(kind="spot", terms=terms).sign_both()
        self.values = values or {}
        self.deliveries: dict[UUID, Delivery] = {}
        self.invoices: list[InvoiceSettled] = []
        self.facts: list[DeliveryFact] = []
        self.last: UUID = UUID(int=0)
        self.of_before = False

    def on(self, day: date) -> "Deliveries":
        self.paper.on(day)
        return self

    @property
    def delivery(self) -> Delivery:
        return self.deliveries[self.last]

    @property
    def state(self) -> DeliveryState:
        return DeliveryState(
            lane=LANE,
            agreement=self.paper.stands,
            delivery=self.deliveries.get(self.last),
            replaced=self._replaced(self.deliveries.get(self.last)),
            left_g=left_g(self.paper.stands, self.deliveries.values()),
            invoices=tuple(each for each in self.invoices if each.delivery == self.last),
            values=self.values,
            of_before=self.of_before,
        )

    def _replaced(self, of: Delivery | None) -> Replaced | None:
        if of is None or of.shipped.replaces is UNSET:
            return None
        return replaced_in(of.shipped.replaces, tuple(self.deliveries.values()), but_for=of.shipped.delivery)

    def _shipping(self, lot_number: str, named: UUID | UnsetType) -> DeliveryState:
        before = before_shipping(self.deliveries.values(), lot_number, named)
        return replace(self.state, delivery=None, **before)

    def quarter_state(self, days: Days) -> QuarterState:
        return QuarterState(
            lane=LANE,
            agreement=self.paper.stands,
            deliveries=tuple(
                each for each in self.deliveries.values() if days.start <= each.shipped.shipped_on < days.end
            ),
            invoices=tuple(
                each
                for each in self.invoices
                if each.period is not None and each.period.start == midnight(days.start)
            ),
            values=self.values,
        )

    def record(self, decision: Decision) -> "Deliveries":
        for draft in decision.drafts:
            fact = draft.data
            if isinstance(fact, InvoiceSettled):
                self.invoices.append(fact)
                continue
            assert isinstance(fact, DeliveryFact)
            self.facts.append(fact)
            self.last = fact.delivery
            position = len(self.deliveries) + 1
            self.deliveries[fact.delivery] = fold(self.deliveries.get(fact.delivery), position, fact)
        return self

    def ship(self, by: str = "seller", **changes: Any) -> "Deliveries":
        given: dict[str, Any] = {
            "agreement": self.paper.stands.agreement,
            "lot_number": f"L{len(self.deliveries) + 1}",
            "form": "separated_oxide",
            "shipped_on": self.paper.now.date(),
            "net_wet_g": 10 * TONNE_G,
            "moisture_ppb": 0,
            "stated": figures(**NDPR),
        }
        given |= changes
        state = self._shipping(given["lot_number"], given.get("replaces", UNSET))
        argument = Ship(caller=given.pop("caller", CALLERS.get(by)), **given)
        return self.record(deliveries.ship(state, argument, self.paper.moment))

    def withdraw(self, by: str = "seller", **changes: Any) -> "Deliveries":
        return self._step(
            deliveries.withdraw, Withdraw, by, self._named() | {"reason": "20 t were meant"} | changes
        )

    def weigh(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        given = {"weighed_on": self.paper.now.date(), "net_wet_g": 10 * TONNE_G, "moisture_ppb": 0}
        return self._step(weighings.weigh, Weigh, by, self._named() | given | changes)

    def object_to_mass(self, by: str = "seller", **changes: Any) -> "Deliveries":
        given = {"net_wet_g": 10 * TONNE_G, "moisture_ppb": 0, "reason": "our scale read 10.000 t"}
        return self._step(weighings.object_to_mass, ObjectToMass, by, self._named() | given | changes)

    def agree_on_mass(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        return self._step(weighings.agree, AgreeOnMass, by, self._named() | changes)

    def survey(self, by: str = "seller", surveyor: str = SURVEYOR, **changes: Any) -> "Deliveries":
        dated_on = changes.pop("dated_on", self.paper.now.date())
        certificate = Evidence(title="Certificate W-1", sha256="cd" * 32, dated_on=dated_on)
        named = Survey(surveyor=surveyor, reference="W-1", certificate=certificate)
        given = {"net_wet_g": 9_700_000, "moisture_ppb": 0, "survey": named}
        return self._step(weighings.survey, HandInSurvey, by, self._named() | given | changes)

    def declare_non_arrival(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        given = {"reason": "it never came"}
        return self._step(
            non_arrivals.declare, non_arrivals.DeclareNonArrival, by, self._named() | given | changes
        )

    def contest_non_arrival(self, by: str = "seller", **changes: Any) -> "Deliveries":
        given = {"reason": "your gate signed for it"}
        return self._step(
            non_arrivals.contest, non_arrivals.ContestNonArrival, by, self._named() | given | changes
        )

    def settle_non_arrival(self, by: str, outcome: str, **changes: Any) -> "Deliveries":
        given = {"outcome": outcome}
        return self._step(
            non_arrivals.settle, non_arrivals.SettleNonArrival, by, self._named() | given | changes
        )

    def lodge(self, by: str, **changes: Any) -> "Deliveries":
        given = {"laboratory": f"{by}'s laboratory", "reference": "A-1", "results": figures(**NDPR)}
        return self._step(results.lodge, LodgeAssay, by, self._named() | given | changes)

    def exchange(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        return self._step(results.exchange, ExchangeAssays, by, self._named() | changes)

    def umpire(self, by: str = "seller", **changes: Any) -> "Deliveries":
        given = {"laboratory": UMPIRE, "reference": "U-1", "results": figures(**NDPR), "cost_cents": 0}
        return self._step(results.umpire, DecideAsUmpire, by, self._named() | given | changes)

    def object_to_umpire(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        given = {"reason": "our copy reads otherwise", "evidence": (CERTIFICATE,)}
        return self._step(results.object_to_umpire, ObjectToUmpire, by, self._named() | given | changes)

    def pass_time(self, caller: Any = OPERATOR_CALLER) -> "Deliveries":
        return self._step(deemed.pass_time, PassDelivery, "operator", self._named() | {"caller": caller})

    def accept(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        given = {"title_passed_on": self.paper.now.date()}
        return self._step(deliveries.accept, Accept, by, self._named() | given | changes)

    def reject(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        return self._step(deliveries.reject, Reject, by, self._named() | changes)

    def declare_return(self, by: str = "buyer", **changes: Any) -> "Deliveries":
        given: dict[str, Any] = {
            "lot_number": self.delivery.shipped.lot_number,
            "net_wet_g": 10 * TONNE_G,
            "moisture_ppb": 0,
            "freight": "seller",
            "reason": "it cracks",
        }
        return self._step(returns.declare, returns.DeclareReturn, by, self._named() | given | changes)

    def contest_return(self, by: str = "seller", **changes: Any) -> "Deliveries":
        given = {"reason": "not by our oxide"}
        return self._step(returns.contest, returns.ContestReturn, by, self._named() | given | changes)

    def settle_return(self, by: str = "seller", outcome: str = "stands", **changes: Any) -> "Deliveries":
        given = {"outcome": outcome}
        return self._step(returns.settle, returns.SettleReturn, by, self._named() | given | changes)

    def settle(self, by: str = "seller") -> "Deliveries":
        return self._step(settlements.settle, Settle, by, self._named())

    def restate(self, by: str = "seller") -> "Deliveries":
        return self._step(settlements.restate, Restate, by, self._named())

    def settle_quarter(self, quarter: date, by: str = "seller") -> "Deliveries":
        argument = SettleQuarter(caller=CALLERS[by], agreement=self.paper.stands.agreement, quarter=quarter)
        state = self.quarter_state(quarter_of(quarter))
        return self.record(settlements.settle_quarter(state, argument, self.paper.moment))

    def assayed(self, **changes: Any) -> "Deliveries":
        """Shipped, weighed, and both sides found what was stated."""
        found = changes.get("stated", figures(**NDPR))
        mass = {name: changes[name] for name in ("net_wet_g", "moisture_ppb") if name in changes}
        return (
            self.ship(**changes)
            .weigh(**mass)
            .lodge("seller", results=_basis(found))
            .lodge("buyer", results=_basis(found))
        )

    def _named(self) -> dict[str, Any]:
        return {"delivery": self.last}

    def _step(
        self,
        decide: Callable[[DeliveryState, Any, Any], Decision],
        argument: Callable[..., Any],
        by: str,
        given: dict[str, Any],
    ) -> "Deliveries":
        caller = given.pop("caller", CALLERS.get(by))
        return self.record(decide(self.state, argument(caller=caller, **given), self.paper.moment))


def _basis(found: tuple[AnalyteResult, ...]) -> tuple[AnalyteResult, ...]:
    return tuple(each for each in found if each.analyte in NDPR)


def shipped(of: Deliveries) -> DeliveryShipped:
    return of.delivery.shipped
