"""The ledger against a plain model that keeps every gram by itself: years, in any order of luck.

The model is slow and simple: single grams in lists. The ledger has to hold the same grams, stay above zero,
lose neither gram nor cent, and come out the same when the agreement is read again.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from contracts.rules.contract_years import last_day_of
from contracts.rules.in_force import Superseded
from contracts.rules.shortfall import YearFacts, assess
from contracts.rules.volumes import Volumes, fold_volume
from contracts.rules.year_accounts import ledger_of
from events.contract_events import ShortfallNotified, YearAssessed
from events.contract_terms import FixedVolume, TakeOrPayClause, YearLedger
from events.delivery_events import DeliveryAccepted, DeliveryRejected
from events.vocabulary import PPB
from tests.desk_support import MARKET, MILLION, numbered
from tests.volume_support import AGREEMENT, STARTS_ON, agreement

ACQ_G = 40
YEARS = 12
PRICES = st.integers(0, 10**9)
grams = st.integers(0, 60)


@dataclass
class Model:
    """The year of each gram of make-up and of carry-forward."""

    make_up: list[int] = field(default_factory=list)
    carried: list[int] = field(default_factory=list)

    def pass_year(self, clause: TakeOrPayClause, year: int) -> None:
        """Without the clause: what it was the last year for is gone."""
        self.make_up = [each for each in self.make_up if each + clause.makeup_years > year]
        self.carried = [each for each in self.carried if each + clause.carry_forward_years > year]

    def close(self, clause: TakeOrPayClause, facts: YearFacts) -> dict[str, int]:
        due = round(Fraction(facts.acq_g * clause.top_ppb, PPB))
        due -= facts.force_majeure_g + facts.seller_shortfall_g + facts.off_spec_g
        used = lacking = drawn = earned = 0
        for _ in range(max(0, due) - facts.taken_g):
            if self.carried:
                self.carried.pop(0)
                used += 1
            else:
                lacking += 1
        most = round(Fraction(facts.acq_g * clause.carry_forward_max_ppb, PPB))
        for _ in range(facts.taken_g - facts.acq_g):
            if self.make_up:
                self.make_up.pop(0)
                drawn += 1
            elif clause.carry_forward_years and earned < most:
                earned += 1
        self.make_up += [facts.year] * lacking
        self.carried += [facts.year] * earned
        self.pass_year(clause, facts.year)
        return {"used": used, "lacking": lacking, "drawn": drawn, "earned": earned}


class LedgerMachine(RuleBasedStateMachine):
    """Deliveries, rejections and shortfalls in any order, and a year's end whenever one comes."""

    @initialize(
        top_ppb=st.integers(0, PPB),
        makeup_years=st.integers(0, 3),
        carry_forward_years=st.integers(0, 3),
        carry_forward_max_ppb=st.integers(0, PPB),
        deliver_ppb=st.integers(0, PPB),
    )
    def agree(self, **clause: int) -> None:
        self.clause = TakeOrPayClause(deficiency_price_ppb=PPB, deliver_price_ppb=PPB // 10, **clause)
        self.agreement = agreement(
            volume=FixedVolume(acq_g=(ACQ_G,) * YEARS),
            take_or_pay=self.clause,
            ends_on=STARTS_ON.replace(year=STARTS_ON.year + YEARS),
        )
        self.volumes, self.model = Volumes(), Model()
        self.journal: list[Any] = []
        self.year = 1
        self.came_in = self.went_out = 0

    @rule(quantity_g=grams)
    def accept(self, quantity_g: int) -> None:
        self._say(DeliveryAccepted(quantity_g=quantity_g, title_passed_on=STARTS_ON, **self._delivery()))

    @rule(quantity_g=grams)
    def reject(self, quantity_g: int) -> None:
        self._say(DeliveryRejected(quantity_g=quantity_g, reasons=("above_max:Th",), **self._delivery()))

    @rule(quantity_g=grams)
    def fall_short(self, quantity_g: int) -> None:
        self._say(ShortfallNotified(quantity_g=quantity_g, reason="furnace", **self._year()))

    @rule(price=PRICES)
    def end_year(self, price: int) -> None:
        if self.year > YEARS:
            return
        ledger = ledger_of(self.agreement, self.volumes, self.year, price)
        assert ledger is not None
        volume = self.volumes.year(self.year)
        counted = self.model.close(
            self.clause,
            YearFacts(
                year=self.year,
                acq_g=ACQ_G,
                taken_g=volume.taken_g,
                seller_shortfall_g=volume.seller_shortfall_g,
                off_spec_g=volume.off_spec_g,
                price_micro_per_kg=price,
            ),
        )
        assert counted == {
            "used": ledger.carry_forward_used_g,
            "lacking": ledger.deficiency_g,
            "drawn": ledger.make_up_drawn_g,
            "earned": ledger.carry_forward_earned_g,
        }
        self.came_in += ledger.deficiency_cents
        self.went_out += ledger.make_up_credit_cents + ledger.make_up_expired_cents
        self._say(YearAssessed(ledger=ledger, market=MARKET, agreement=AGREEMENT))
        self.year += 1

    @rule()
    def end_year_without_clause(self) -> None:
        """Amendments have suspended it for this year alone."""
        if self.year > YEARS:
            return
        terms = self.agreement.terms
        earlier = (
            Superseded(until=last_day_of(STARTS_ON, self.year - 1), terms=terms),
            Superseded(until=last_day_of(STARTS_ON, self.year), terms=replace(terms, take_or_pay=None)),
        )
        self.agreement = replace(self.agreement, superseded=(*self.agreement.superseded, *earlier))
        self.model.pass_year(self.clause, self.year)
        self.year += 1

    @invariant()
    def balances_are_those_of_the_model(self) -> None:
        ledger = self._last()
        if ledger is not None:
            assert len(self.model.make_up) == ledger.make_up_balance_g
            assert len(self.model.carried) == ledger.carry_forward_balance_g
            assert sorted(set(self.model.make_up)) == [lot.from_year for lot in ledger.make_up]

    @invariant()
    def money_is_paid_credited_expired_or_held(self) -> None:
        ledger = self._last()
        if ledger is not None:
            assert self.came_in == self.went_out + ledger.make_up_balance_cents

    @invariant()
    def no_balance_is_below_zero(self) -> None:
        for volume in self.volumes.years.values():
            if volume.ledger is not None:
                figures = volume.ledger.__struct_fields__
                assert all(
                    getattr(volume.ledger, name) >= 0 for name in figures if name.endswith(("_g", "_cents"))
                )
                assert all(lot.quantity_g > 0 <= lot.paid_cents for lot in volume.ledger.make_up)

    @invariant()
    def reading_the_record_again_gives_the_same(self) -> None:
        volumes = Volumes()
        for fact in self.journal:
            if isinstance(fact, YearAssessed):
                again = ledger_of(self.agreement, volumes, fact.ledger.year, fact.ledger.price_micro_per_kg)
                assert again == fact.ledger
            volumes = fold_volume(volumes, fact)
        assert volumes == self.volumes

    def _say(self, fact: Any) -> None:
        if self.year <= YEARS:
            self.journal.append(fact)
            self.volumes = fold_volume(self.volumes, fact)

    def _last(self) -> YearLedger | None:
        return self.volumes.year(self.year - 1).ledger if self.year > 1 else None

    def _year(self) -> dict[str, Any]:
        return {"market": MARKET, "agreement": AGREEMENT, "year": self.year}

    def _delivery(self) -> dict[str, Any]:
        return {**self._year(), "delivery": numbered(500 + len(self.journal))}


LedgerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestLedger = LedgerMachine.TestCase


def test_ten_years_of_monthly_deliveries_replay_to_the_same_ledgers() -> None:
    running = agreement()
    journal: list[Any] = []
    volumes = Volumes()
    for year in range(1, 11):
        for month in range(12):
            fact = DeliveryAccepted(
                market=MARKET,
                agreement=AGREEMENT,
                delivery=numbered(1_000 + 12 * year + month),
                year=year,
                quantity_g=(35 + 10 * month) * MILLION,
                title_passed_on=STARTS_ON,
            )
            journal.append(fact)
            volumes = fold_volume(volumes, fact)
        ledger = ledger_of(running, volumes, year, (70 + year) * MILLION)
        assert ledger is not None
        assessed = YearAssessed(market=MARKET, agreement=AGREEMENT, ledger=ledger)
        journal.append(assessed)
        volumes = fold_volume(volumes, assessed)
    again = Volumes()
    for fact in journal:
        if isinstance(fact, YearAssessed):
            ledger = fact.ledger
            assert ledger == ledger_of(running, again, ledger.year, ledger.price_micro_per_kg)
        again = fold_volume(again, fact)
    assert again == volumes
    assert 130 == len(journal)


def test_model_and_ledger_draw_what_an_earlier_year_paid_for() -> None:
    clause = TakeOrPayClause(top_ppb=PPB, deficiency_price_ppb=PPB, makeup_years=2)
    first = YearFacts(year=1, acq_g=ACQ_G, taken_g=30, price_micro_per_kg=MILLION)
    second = YearFacts(year=2, acq_g=ACQ_G, taken_g=45, price_micro_per_kg=MILLION)
    model = Model()
    model.close(clause, first)
    assert 5 == model.close(clause, second)["drawn"]
    assert 5 == assess(clause, second, assess(clause, first, None)).make_up_drawn_g
