"""What is due on volumes by the clock: silence level by level, then the year's end, each once."""

from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.volume_clock import PassVolumeTime, next_volume_due, pass_volume_time
from contracts.rules.volumes import Volumes, YearVolume, fold_volume
from contracts.rules.year_accounts import AccountState
from events.contract_events import DeliveryAccepted, DeliveryRejected, InvoiceSettled, QuantityNominated
from events.contract_events import DeliveryShipped as Shipped
from events.contract_terms import InvoiceLine
from tests.desk_support import (
    BUYER_TRADER,
    LANE,
    MARKET,
    OPERATOR_CALLER,
    TONNE_G,
    blotter,
    facts,
    moment,
    numbered,
    refusals,
)
from tests.volume_support import AGREEMENT, STARTS_ON, account_state, at

PASS = PassVolumeTime(caller=OPERATOR_CALLER, agreement=AGREEMENT)


def passed(state: AccountState, now: Any) -> AccountState:
    for fact in facts(pass_volume_time(state, PASS, moment(now))):
        state = replace(state, volumes=fold_volume(state.volumes, fact))  # type: ignore[arg-type]
    return state


def due(state: AccountState) -> Any:
    assert state.agreement is not None
    return next_volume_due(state.agreement, state.volumes)


def test_one_command_says_all_that_notice_is_over_for() -> None:
    state = account_state()
    assert at(2028, 4, 2) == due(state)
    said = facts(pass_volume_time(state, PASS, moment(at(2028, 7, 1))))
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
    (refusal,) = refusals(lambda: pass_volume_time(state, PASS, moment(at(2029, 7, 1))))
    assert ("not_due", {"due": at(2030, 7, 1).isoformat()}) == (refusal.code, refusal.figures)


def test_a_year_waits_for_the_last_of_its_deliveries() -> None:
    state = account_state(Volumes(years={1: YearVolume(year=1, unsettled=1)}), nominations=())
    assert None is due(state)
    (refusal,) = refusals(lambda: pass_volume_time(state, PASS, moment(at(2029, 8, 1))))
    assert ("not_due", {"due": "an event"}) == (refusal.code, refusal.figures)
    rejected = DeliveryRejected(
        market=MARKET, agreement=AGREEMENT, delivery=numbered(51), year=1, quantity_g=7, reasons=("Th",)
    )
    assert at(2029, 7, 1) == due(replace(state, volumes=fold_volume(state.volumes, rejected)))


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
def test_the_clock_is_the_operators(state: AccountState, argument: PassVolumeTime, expected: str) -> None:
    assert [(expected, None)] == blotter(lambda: pass_volume_time(state, argument, moment(at(2029, 8, 1))))


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
