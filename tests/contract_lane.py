"""A lane of the contracts stream on paper: what rules decide is encoded, chained and folded as recorded."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules import (
    agreements,
    clock,
    contests,
    deemed,
    deliveries,
    indices,
    nominations,
    non_arrivals,
    results,
    returns,
    settlements,
    standing,
    weighings,
)
from contracts.rules import year_accounts as accounts
from contracts.rules.agreement import Agreement, fold
from contracts.rules.balances import FormerBalances
from contracts.rules.days import midnight
from contracts.rules.delivered import left_g
from contracts.rules.delivery import Delivery, DeliveryState
from contracts.rules.delivery import fold as fold_delivery
from contracts.rules.effective_days import AmendingState, Settled, settled_by
from contracts.rules.indices import IndexState, IndexUnit
from contracts.rules.nominations import VolumeState
from contracts.rules.quotation import quarter_of
from contracts.rules.replacements import replaced_in
from contracts.rules.settlements import QuarterState, settles_quarterly
from contracts.rules.steps import AgreementState
from contracts.rules.volumes import VolumeFact, Volumes, fold_volume
from contracts.rules.year_accounts import AccountState, unpriced_day
from contracts.rules.year_prices import year_formula
from events.chain import genesis, next_head
from events.codec import decode_event, encode_event
from events.contract_events import IndexPublished, InvoiceSettled
from events.contract_terms import AgreementTerms, Evidence, IndexValue, NominatedPart, Survey
from events.decision import Decision, LaneKey, Moment
from events.envelope import Recorded, source_of
from events.facts import DeliveryFact, LifecycleFact
from events.refusal import NotDue
from events.vocabulary import Period
from market.audit.lane_audit import LaneRecord
from tests.contract_support import BOTH, CALLERS
from tests.delivery_support import NDPR, SURVEYOR, before_shipping, figures
from tests.desk_support import BUYER, LANE, MARKET, NOW, OPERATOR_CALLER, numbered

DEPLOYMENT = UUID("0193a000-0000-7000-8000-000000000001")
KEY = LaneKey("contracts", LANE)
CALLERS_OF_ALL = {**CALLERS, "operator": OPERATOR_CALLER}


class ContractLane:
    """One agreement, its deliveries and the indices that price it, all in one lane."""

    def __init__(self, now: datetime = NOW, *, holds_units: bool = True) -> None:
        """`holds_units` False: as was recorded before prices were held against them."""
        self.now = now
        self.holds_units = holds_units
        self.former: FormerBalances | None = None
        self.oxides_asked = True
        self.silence_paid = False
        self.of_before = False
        self.agreement: Agreement | None = None
        self.volumes = Volumes()
        self.deliveries: dict[UUID, Delivery] = {}
        self.invoices: list[InvoiceSettled] = []
        self.values: dict[str, list[IndexValue]] = {}
        self.units: dict[str, IndexUnit] = {}
        self.events: list[Recorded] = []
        self.last = UUID(int=0)
        self._ids = count(5_000)
        self._commands = count(1)

    @property
    def stands(self) -> Agreement:
        assert self.agreement is not None
        return self.agreement

    def on(self, day: date) -> "ContractLane":
        self.now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        return self

    def records(self) -> list[LaneRecord]:
        return [
            LaneRecord(offset=place, body=event.body, chain=event.chain.hex())
            for place, event in enumerate(self.events)
        ]

    def publish(self, code: str, unit: IndexUnit, *values: IndexValue) -> "ContractLane":
        known = [value for value in self.values.get(code, ()) for new in values if _meet(value, new)]
        state = IndexState(lane=LANE, unit=self.units.get(code), values=tuple(known))
        argument = indices.PublishIndex(caller=OPERATOR_CALLER, index=code, unit=unit, values=values)
        return self.record(indices.publish(state, argument, self.moment), "operator")

    def draft(self, terms: AgreementTerms, by: str = "seller", kind: Any = "offtake") -> "ContractLane":
        argument = agreements.DraftAgreement(
            caller=CALLERS[by],
            market=MARKET,
            kind=kind,
            side=by,  # type: ignore[arg-type]
            counterparty=BUYER,
            basis=terms.product.basis,
            members=BOTH,
            terms=terms,
        )
        return self.record(agreements.draft(AgreementState(lane=LANE), argument, self.moment), by)

    def propose(self, by: str, terms: AgreementTerms, note: str | None = None) -> "ContractLane":
        return self._step(agreements.propose, agreements.ProposeTerms, by, terms=terms, note=note)

    def withdraw(self, by: str) -> "ContractLane":
        return self._step(
            agreements.withdraw, agreements.WithdrawProposal, by, proposal=self.stands.proposals
        )

    def sign(self, *sides: str, binding: bool = True) -> "ContractLane":
        for by in sides or ("seller", "buyer"):
            given = {"proposal": self.stands.proposals, "binding": binding}
            self._step(agreements.sign, agreements.SignProposal, by, **given)
        return self

    def settle_condition(self, by: str, condition: str, outcome: Any = "met") -> "ContractLane":
        paper = Evidence(title="Permit", sha256="ab" * 32, dated_on=self.now.date())
        evidence = (paper,) if outcome == "met" else ()
        given = {"condition": condition, "outcome": outcome, "on": self.now.date(), "evidence": evidence}
        return self._step(standing.settle_condition, standing.SettleCondition, by, **given)

    def extend(self, by: str) -> "ContractLane":
        return self._step(standing.extend, standing.Extend, by)

    def suspend(self, by: str, length: int, **changes: Any) -> "ContractLane":
        period = Period(start=self.now, end=self.now + timedelta(days=length))
        given = {"period": period, "reason": "flood", **changes}
        return self._step(standing.suspend, standing.Suspend, by, **given)

    def contest(self, by: str, suspension: int | None) -> "ContractLane":
        argument = contests.ContestDeclaration(
            caller=CALLERS[by],
            agreement=self.stands.agreement,
            suspension=suspension,
            reason="the plant ran",
            evidence=self.papers(),
        )
        return self.record(
            contests.contest(AgreementState(lane=LANE, agreement=self.agreement), argument, self.moment), by
        )

    def settle_contest(self, by: str, suspension: int | None, outcome: Any) -> "ContractLane":
        argument = contests.SettleContest(
            caller=CALLERS_OF_ALL[by],
            agreement=self.stands.agreement,
            suspension=suspension,
            outcome=outcome,
            evidence=self.papers(),
        )
        return self.record(
            contests.settle(AgreementState(lane=LANE, agreement=self.agreement), argument, self.moment), by
        )

    def papers(self) -> tuple[Evidence, ...]:
        return (Evidence(title="Letter", sha256="cd" * 32, dated_on=self.now.date()),)

    def resume(self, by: str) -> "ContractLane":
        return self._step(standing.resume, standing.Resume, by)

    def terminate(self, by: str, reason: Any, **changes: Any) -> "ContractLane":
        given = {"reason": reason, "note": "no kiln", **changes}
        return self._step(standing.terminate, standing.Terminate, by, **given)

    def nominate(self, level: Any, part: NominatedPart) -> "ContractLane":
        argument = nominations.NominateQuantity(
            caller=CALLERS["buyer"], agreement=self.stands.agreement, level=level, part=part
        )
        return self.record(nominations.nominate(self._volume_state(), argument, self.moment), "buyer")

    def declare_output(self, year: int, output_g: int) -> "ContractLane":
        argument = accounts.DeclareOutput(
            caller=CALLERS["seller"], agreement=self.stands.agreement, year=year, output_g=output_g
        )
        return self.record(accounts.declare_output(self._volume_state(), argument, self.moment), "seller")

    def notify_shortfall(self, year: int, quantity_g: int) -> "ContractLane":
        argument = accounts.NotifyShortfall(
            caller=CALLERS["seller"],
            agreement=self.stands.agreement,
            year=year,
            quantity_g=quantity_g,
            reason="kiln",
        )
        return self.record(accounts.notify_shortfall(self._volume_state(), argument, self.moment), "seller")

    def pass_time(self) -> "ContractLane":
        """Everything that is due by now, as the timers give it."""
        argument = standing.PassTime(caller=OPERATOR_CALLER, agreement=self.stands.agreement)
        while True:
            day, formula = unpriced_day(self.stands, self.volumes, self.now), None
            if day is not None:
                formula = year_formula(self.stands, day, self._held, self.values, self.now)
            state = AccountState(
                lane=LANE,
                agreement=self.agreement,
                volumes=self.volumes,
                formula=formula,
                former=self.former,
            )
            try:
                self.record(clock.pass_time(state, argument, self.moment), "operator")
            except NotDue:
                return self

    def ship(self, **changes: Any) -> "ContractLane":
        given: dict[str, Any] = {
            "agreement": self.stands.agreement,
            "lot_number": f"L{len(self.deliveries) + 1}",
            "form": "separated_oxide",
            "shipped_on": self.now.date(),
            "net_wet_g": 10_000_000,
            "moisture_ppb": 0,
            "stated": figures(**NDPR),
        } | changes
        return self._delivery(deliveries.ship, deliveries.Ship, "seller", **given)

    def withdraw_lot(self) -> "ContractLane":
        given = {"delivery": self.last, "reason": "20 t were meant"}
        return self._delivery(deliveries.withdraw, deliveries.Withdraw, "seller", **given)

    def weigh(self, net_wet_g: int = 10_000_000, **more: Any) -> "ContractLane":
        """Without `evidence` as in records of before it was asked for."""
        given = {"weighed_on": self.now.date(), "net_wet_g": net_wet_g, "moisture_ppb": 0} | more
        return self._delivery(weighings.weigh, weighings.Weigh, "buyer", delivery=self.last, **given)

    def object_to_mass(self, net_wet_g: int, by: str = "seller") -> "ContractLane":
        given = {"net_wet_g": net_wet_g, "moisture_ppb": 0, "reason": "not ours", "evidence": self.papers()}
        rule = weighings.object_to_mass
        return self._delivery(rule, weighings.ObjectToMass, by, delivery=self.last, **given)

    def agree_on_mass(self, by: str) -> "ContractLane":
        return self._delivery(weighings.agree, weighings.AgreeOnMass, by, delivery=self.last)

    def survey(self, net_wet_g: int, by: str = "seller") -> "ContractLane":
        (certificate,) = self.papers()
        found = Survey(surveyor=SURVEYOR, reference="W-1", certificate=certificate)
        given = {"net_wet_g": net_wet_g, "moisture_ppb": 0, "survey": found}
        return self._delivery(weighings.survey, weighings.HandInSurvey, by, delivery=self.last, **given)

    def declare_non_arrival(self, *, before_handover: bool = False) -> "ContractLane":
        given = {"reason": "lost", "evidence": self.papers(), "before_handover": before_handover}
        rule = non_arrivals.declare
        return self._delivery(rule, non_arrivals.DeclareNonArrival, "buyer", delivery=self.last, **given)

    def contest_non_arrival(self) -> "ContractLane":
        given = {"reason": "signed for", "evidence": self.papers()}
        rule = non_arrivals.contest
        return self._delivery(rule, non_arrivals.ContestNonArrival, "seller", delivery=self.last, **given)

    def settle_non_arrival(self, by: str, outcome: str, *, before_handover: bool = False) -> "ContractLane":
        given = {"outcome": outcome, "evidence": self.papers(), "before_handover": before_handover}
        rule = non_arrivals.settle
        return self._delivery(rule, non_arrivals.SettleNonArrival, by, delivery=self.last, **given)

    def lodge(self, by: str, **fractions_ppb: int) -> "ContractLane":
        given = {"laboratory": f"{by}'s", "reference": "A-1", "results": figures(**(fractions_ppb or NDPR))}
        return self._delivery(results.lodge, results.LodgeAssay, by, delivery=self.last, **given)

    def exchange(self, by: str = "operator") -> "ContractLane":
        return self._delivery(results.exchange, results.ExchangeAssays, by, delivery=self.last)

    def umpire(self, cost_cents: int, by: str = "seller", **fractions_ppb: int) -> "ContractLane":
        certificate = Evidence(title="Certificate U-1", sha256="ab" * 32, dated_on=self.now.date())
        given = {
            "certificate": certificate,
            "laboratory": self.stands.terms.assay.umpire,
            "reference": "U-1",
            "results": figures(**fractions_ppb),
            "cost_cents": cost_cents,
        }
        return self._delivery(results.umpire, results.DecideAsUmpire, by, delivery=self.last, **given)

    def object_to_umpire(self) -> "ContractLane":
        copy = Evidence(title="Our copy of U-1", sha256="cd" * 32, dated_on=self.now.date())
        argument = {"reason": "our copy reads otherwise", "evidence": () if self.of_before else (copy,)}
        return self._delivery(
            results.object_to_umpire, results.ObjectToUmpire, "buyer", delivery=self.last, **argument
        )

    def pass_delivery(self) -> "ContractLane":
        return self._delivery(deemed.pass_time, deemed.PassDelivery, "operator", delivery=self.last)

    def accept(self) -> "ContractLane":
        given = {"delivery": self.last, "title_passed_on": self.now.date()}
        return self._delivery(deliveries.accept, deliveries.Accept, "buyer", **given)

    def reject(self, **changes: Any) -> "ContractLane":
        return self._delivery(deliveries.reject, deliveries.Reject, "buyer", delivery=self.last, **changes)

    def settle(self) -> "ContractLane":
        return self._delivery(settlements.settle, settlements.Settle, "seller", delivery=self.last)

    def restate(self) -> "ContractLane":
        return self._delivery(settlements.restate, settlements.Restate, "buyer", delivery=self.last)

    def declare_return(self, net_wet_g: int, by: str = "buyer", **changes: Any) -> "ContractLane":
        given: dict[str, Any] = {
            "lot_number": self.deliveries[self.last].shipped.lot_number,
            "net_wet_g": net_wet_g,
            "moisture_ppb": 0,
            "freight": "seller",
            "reason": "it cracks",
            "evidence": self.papers(),
        } | changes
        return self._delivery(returns.declare, returns.DeclareReturn, by, delivery=self.last, **given)

    def contest_return(self, by: str = "seller") -> "ContractLane":
        given = {"reason": "not by our oxide", "evidence": self.papers()}
        return self._delivery(returns.contest, returns.ContestReturn, by, delivery=self.last, **given)

    def settle_return(self, by: str = "seller", outcome: str = "stands") -> "ContractLane":
        given = {"outcome": outcome, "evidence": self.papers()}
        return self._delivery(returns.settle, returns.SettleReturn, by, delivery=self.last, **given)

    def settle_quarter(self, quarter: date) -> "ContractLane":
        days = quarter_of(quarter)
        state = QuarterState(
            lane=LANE,
            agreement=self.agreement,
            deliveries=tuple(
                each for each in self.deliveries.values() if days.start <= each.shipped.shipped_on < days.end
            ),
            invoices=self._quarter_invoices(quarter),
            values=self.values,
            units=self._held,
        )
        argument = settlements.SettleQuarter(
            caller=CALLERS["seller"], agreement=self.stands.agreement, quarter=quarter
        )
        return self.record(settlements.settle_quarter(state, argument, self.moment), "seller")

    @property
    def moment(self) -> Moment:
        return Moment(self.now, lambda: numbered(next(self._ids)))

    def record(self, decision: Decision, by: str, cause: str | None = None) -> "ContractLane":
        cause = cause or f"command {next(self._commands)}"
        for draft in decision.drafts:
            position = len(self.events) + 1
            body = encode_event(
                event_id=numbered(next(self._ids)),
                source=source_of(DEPLOYMENT),
                subject=draft.subject,
                time=self.now,
                lane=draft.lane,
                position=position,
                cause=cause,
                actor=CALLERS_OF_ALL[by].organisation,
                salt="0" * 32,
                data=draft.data,
            )
            head = self.events[-1].chain if self.events else genesis(DEPLOYMENT, *KEY)
            event = decode_event(body, next_head(head, body))
            self.events.append(event)
            self._fold(event, event.data)
        return self

    def _fold(self, event: Recorded, fact: Struct) -> None:
        if isinstance(fact, LifecycleFact):
            self.agreement = fold(self.agreement, event, fact)
        if isinstance(fact, VolumeFact):
            self.volumes = fold_volume(self.volumes, fact)
        if isinstance(fact, DeliveryFact):
            self.last = fact.delivery
            known = self.deliveries.get(fact.delivery)
            self.deliveries[fact.delivery] = fold_delivery(known, event.position, fact)
        if isinstance(fact, InvoiceSettled):
            self.invoices.append(fact)
        if isinstance(fact, IndexPublished):
            self.units[fact.index] = IndexUnit(currency=fact.currency, per=fact.per, rate_of=fact.rate_of)
            self.values.setdefault(fact.index, []).extend(fact.values)

    def _step(
        self, rule: Callable[..., Decision], argument: Callable[..., Any], by: str, **given: Any
    ) -> "ContractLane":
        named = {"agreement": self.stands.agreement, "expected_version": self.stands.version}
        asked = argument(caller=CALLERS[by], **named, **given)
        state = AmendingState(lane=LANE, agreement=self.agreement, settled=self.settled)
        return self.record(rule(state, asked, self.moment), by)

    @property
    def settled(self) -> Settled:
        shipped = [(each.shipped.shipped_on, each.shipped.delivery) for each in self.deliveries.values()]
        last = max(shipped, default=None)
        quarters = [each.period.start for each in self.invoices if each.period is not None]
        return settled_by(
            None if last is None else (last[1], last[0]), max(quarters, default=None), self.volumes
        )

    @property
    def _held(self) -> dict[str, IndexUnit]:
        return self.units if self.holds_units else {}

    def _volume_state(self) -> VolumeState:
        return VolumeState(lane=LANE, agreement=self.agreement, volumes=self.volumes)

    def _quarter_invoices(self, quarter: date) -> tuple[InvoiceSettled, ...]:
        start = midnight(quarter)
        return tuple(each for each in self.invoices if each.period is not None and each.period.start == start)

    def _delivery(
        self, rule: Callable[..., Decision], argument: Callable[..., Any], by: str, **given: Any
    ) -> "ContractLane":
        day: date = given.get("shipped_on") or self.deliveries[self.last].shipped.shipped_on
        settled = self._quarter_invoices(quarter_of(day).start)
        state = DeliveryState(
            lane=LANE,
            agreement=self.agreement,
            delivery=self.deliveries.get(given.get("delivery", UUID(int=0))),
            **self._of_lot(given),
            left_g=left_g(self.stands, self.deliveries.values()),
            closed_years=frozenset(
                year.year for year in self.volumes.years.values() if year.ledger is not None
            ),
            quarter_settled=settles_quarterly(self.agreement, day) and bool(settled),
            invoices=tuple(each for each in self.invoices if each.delivery == given.get("delivery")),
            values=self.values,
            units=self._held,
            oxides_asked=self.oxides_asked,
            silence_paid=self.silence_paid,
            of_before=self.of_before,
        )
        caller = CALLERS_OF_ALL[by]
        return self.record(rule(state, argument(caller=caller, **given), self.moment), by)

    def _of_lot(self, given: dict[str, Any]) -> dict[str, Any]:
        known = self.deliveries.values()
        if "lot_number" in given:
            return before_shipping(known, given["lot_number"], given.get("replaces", UNSET))
        replaces = self.deliveries[given["delivery"]].shipped.replaces
        return {"replaced": replaced_in(replaces, tuple(known), given["delivery"]) if replaces else None}


def _meet(value: IndexValue, new: IndexValue) -> bool:
    return value.period.start < new.period.end and new.period.start < value.period.end


def rechained(records: Sequence[LaneRecord], place: int, body: bytes) -> list[LaneRecord]:
    """One body replaced, and every chain value from there on computed anew."""
    head = bytes.fromhex(records[place - 1].chain) if place else genesis(DEPLOYMENT, *KEY)
    changed = list(records[:place])
    for record in records[place:]:
        found = body if record.offset == place else record.body
        head = next_head(head, found)
        changed.append(LaneRecord(offset=record.offset, body=found, chain=head.hex()))
    return changed
