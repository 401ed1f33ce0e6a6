"""What is due on volumes by the clock: silence level by level, then the year's end, each once."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.agreement import Suspension, fold
from contracts.rules.clock import SILENCES_MAX, next_volume_due, pass_time
from contracts.rules.standing import PassTime
from contracts.rules.volumes import VolumeFact, Volumes, YearVolume, fold_volume
from contracts.rules.year_accounts import AccountState
from events.contract_events import AgreementAdvanced, InvoiceSettled, QuantityNominated, YearAssessed
from events.contract_terms import FixedVolume, InvoiceLine, TermClause
from events.delivery_events import DeliveryAccepted, DeliveryRejected
from events.delivery_events import DeliveryShipped as Shipped
from events.envelope import Recorded
from events.facts import LifecycleFact
from events.refusal import NotDue
from tests.desk_support import (
    BUYER_TRADER,
    LANE,
    MARKET,
    OPERATOR,
    OPERATOR_CALLER,
    TONNE_G,
    blotter,
    facts,
    moment,
    numbered,
    refusals,
)
from tests.volume_support import AGREEMENT, PRICED, STARTS_ON, account_state, at, days

TWO_YEARS = TermClause(years=2)
PASS = PassTime(caller=OPERATOR_CALLER, agreement=AGREEMENT)


def passed(state: AccountState, now: Any) -> AccountState:
    for fact in facts(pass_time(state, PASS, moment(now))):
        state = replace(state, volumes=fold_volume(state.volumes, fact))  # type: ignore[arg-type]
    return state


def due(state: AccountState) -> Any:
    assert state.agreement is not None
    return next_volume_due(state.agreement, state.volumes)


def test_one_command_says_all_that_notice_is_over_for() -> None:
    state = account_state()
    assert at(2028, 4, 2) == due(state)
    said = facts(pass_time(state, PASS, moment(at(2028, 7, 1))))
    assert [("annual", 7), ("quarterly", 7), ("monthly", 7)] == [
        (fact.level, fact.part.period.start.month) for fact in said if isinstance(fact, QuantityNominated)
    ]
    assert at(2028, 7, 12) == due(passed(state, at(2028, 7, 1)))


def test_a_timer_that_comes_late_catches_up_in_a_few_commands() -> None:
    state, now = account_state(), at(2030, 7, 1)
    commands = 0
    while due(state) <= now:
        state = passed(state, now)
        commands += 1
    assert 3 == commands
    assert [540, 810] == [
        ledger.deficiency_g // TONNE_G
        for year in (1, 2)
        if (ledger := state.volumes.year(year).ledger) is not None
    ]


def test_the_second_timer_finds_nothing_due() -> None:
    state = passed(account_state(nominations=()), at(2029, 7, 1))
    (refusal,) = refusals(lambda: pass_time(state, PASS, moment(at(2029, 7, 1))))
    assert ("not_due", {"due": at(2030, 7, 1).isoformat()}) == (refusal.code, refusal.figures)


def test_a_year_waits_for_the_last_of_its_deliveries() -> None:
    state = account_state(Volumes(years={1: YearVolume(year=1, unsettled=1)}), nominations=())
    assert None is due(state)
    (refusal,) = refusals(lambda: pass_time(state, PASS, moment(at(2029, 8, 1))))
    assert ("not_due", {"due": at(2038, 7, 1).isoformat()}) == (refusal.code, refusal.figures)
    rejected = DeliveryRejected(
        market=MARKET, agreement=AGREEMENT, delivery=numbered(51), year=1, quantity_g=7, reasons=("Th",)
    )
    assert at(2029, 7, 1) == due(replace(state, volumes=fold_volume(state.volumes, rejected)))


def late(state: AccountState, now: Any) -> list[tuple[str, int | None]]:
    """What a timer records that looks for the first time at `now`: kinds of facts, of ledgers the year."""
    said: list[tuple[str, int | None]] = []
    while True:
        try:
            decided = facts(pass_time(state, PASS, moment(now)))
        except NotDue:
            return said
        for fact in decided:
            said.append((type(fact).__name__, fact.ledger.year if isinstance(fact, YearAssessed) else None))
            if isinstance(fact, LifecycleFact):
                state = replace(state, agreement=fold(state.agreement, event_at(fact, now), fact))
            if isinstance(fact, VolumeFact):
                state = replace(state, volumes=fold_volume(state.volumes, fact))


def event_at(fact: Any, now: Any) -> Recorded:
    return Recorded(
        id=numbered(1),
        type=fact.TYPE,
        subject="x",
        time=now,
        stream="contracts",
        lane=LANE,
        position=20,
        cause="test",
        actor=OPERATOR,
        salt="0" * 32,
        data=fact,
        body=b"",
        chain=b"",
    )


def test_a_timer_that_was_down_to_the_end_says_all_before_the_term_is_over() -> None:
    """Two years: 34 nominations by silence, both ledgers with their invoices, and only then the expiry."""
    said = late(account_state(volume=FixedVolume(acq_g=(600 * TONNE_G,) * 2), term=TWO_YEARS), at(2031, 1, 1))
    kinds = [kind for kind, _ in said]
    assert 2 * (1 + 4 + 12) == kinds.count("QuantityNominated")
    assert [1, 2] == [year for _, year in said if year is not None]
    assert ("AgreementAdvanced", 2) == (kinds[-1], kinds.count("InvoiceSettled"))
    assert 1 == kinds.count("AgreementAdvanced")


def test_one_command_says_no_more_than_its_most() -> None:
    assert SILENCES_MAX == len(facts(pass_time(account_state(), PASS, moment(at(2037, 7, 1)))))


def test_a_suspension_that_was_over_ends_before_the_term_does() -> None:
    resting = Suspension(by="seller", period=days(date(2030, 1, 1), date(2030, 2, 1)), reason="flood")
    state = account_state(
        volume=FixedVolume(acq_g=(600 * TONNE_G,) * 2),
        term=TWO_YEARS,
        nominations=(),
        status="suspended_fm",
        suspensions=(resting,),
    )
    year = ["YearAssessed", "InvoiceSettled"]
    assert [*year, "ForceMajeureEnded", *year, "AgreementAdvanced"] == [
        kind for kind, _ in late(state, at(2031, 1, 1))
    ]


def test_a_year_without_a_price_does_not_keep_the_term_from_its_end() -> None:
    state = account_state(
        volume=FixedVolume(acq_g=(600 * TONNE_G,) * 2), term=TWO_YEARS, nominations=(), formula=None
    )
    (over,) = facts(pass_time(state, PASS, moment(at(2031, 1, 1))))
    assert isinstance(over, AgreementAdvanced)
    assert state.agreement is not None
    ended = replace(state, agreement=fold(state.agreement, event_at(over, at(2031, 1, 1)), over))
    assert [("year_unpriced", None)] == blotter(lambda: pass_time(ended, PASS, moment(at(2031, 1, 1))))
    priced = replace(ended, formula=PRICED)
    assert ["YearAssessed", "InvoiceSettled"] * 2 == [kind for kind, _ in late(priced, at(2031, 2, 1))]


def test_deliveries_are_counted_until_they_are_decided_and_invoiced_once() -> None:
    volumes = Volumes()
    accepted = DeliveryAccepted(
        market=MARKET,
        agreement=AGREEMENT,
        delivery=numbered(51),
        year=1,
        quantity_g=20 * TONNE_G,
        title_passed_on=STARTS_ON,
    )
    invoice = InvoiceSettled(
        market=MARKET,
        agreement=AGREEMENT,
        invoice=numbered(61),
        year=1,
        settles="final",
        currency="USD",
        lines=(
            InvoiceLine(kind="final", quantity_g=20 * TONNE_G, amount_cents=150_000_000),
            InvoiceLine(kind="provisional_credit", quantity_g=20 * TONNE_G, amount_cents=-130_000_000),
        ),
        total_cents=20_000_000,
    )
    difference = replace(
        invoice,
        settles="restatement",
        lines=(InvoiceLine(kind="difference", quantity_g=20 * TONNE_G, amount_cents=-1_000_000),),
    )
    for fact in (_shipped(), accepted, invoice, difference, replace(invoice, year=None)):
        volumes = fold_volume(volumes, fact)
    assert YearVolume(
        year=1, taken_g=20 * TONNE_G, invoiced_g=20 * TONNE_G, invoiced_cents=149_000_000
    ) == volumes.year(1)


@pytest.mark.parametrize(
    ("state", "argument", "expected"),
    [
        (AccountState(lane=LANE), PASS, "agreement_unknown"),
        (account_state(), replace(PASS, caller=BUYER_TRADER), "role_missing"),
        (account_state(status="terminated", ended_at=at(2028, 8, 1)), PASS, "not_due"),
    ],
)
def test_the_clock_is_the_operators(state: AccountState, argument: PassTime, expected: str) -> None:
    assert [(expected, None)] == blotter(lambda: pass_time(state, argument, moment(at(2029, 8, 1))))


def _shipped() -> Shipped:
    return Shipped(
        market=MARKET,
        agreement=AGREEMENT,
        delivery=numbered(51),
        year=1,
        lot_number="L-1",
        form="separated_oxide",
        shipped_on=STARTS_ON,
        net_wet_g=24 * TONNE_G,
        moisture_ppb=0,
        stated=(),
        quantity_g=20 * TONNE_G,
        invoice=numbered(60),
        currency="USD",
        lines=(),
    )
