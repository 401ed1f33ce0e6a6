"""The account of a contract year: output declared, shortfall told, and what the end leaves owing."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.agreement import Contest, Suspension
from contracts.rules.contract_years import last_day_of
from contracts.rules.in_force import Superseded
from contracts.rules.volumes import Volumes, YearVolume, fold_volume
from contracts.rules.year_accounts import (
    AccountState,
    AssessYear,
    DeclareOutput,
    NotifyShortfall,
    assess_year,
    declare_output,
    next_year_end,
    notify_shortfall,
    unpriced_day,
)
from events.contract_events import InvoiceSettled, OutputDeclared, ShortfallNotified, YearAssessed
from tests.desk_support import (
    BUYER_TRADER,
    LANE,
    OPERATOR_CALLER,
    SELLER_TRADER,
    STRANGER_TRADER,
    TONNE_G,
    blotter,
    facts,
    moment,
    refusals,
)
from tests.volume_support import AGREEMENT, STARTS_ON, TERMS, account_state, at, days, share_of_output

YEAR_ENDS = at(2029, 7, 1)
IN_YEAR = at(2029, 1, 15)
ASSESS = AssessYear(caller=OPERATOR_CALLER, agreement=AGREEMENT, year=1)
OUTPUT = DeclareOutput(caller=SELLER_TRADER, agreement=AGREEMENT, year=1, output_g=1_300 * TONNE_G)
SHORTFALL = NotifyShortfall(
    caller=SELLER_TRADER, agreement=AGREEMENT, year=1, quantity_g=50 * TONNE_G, reason="Calciner down"
)
HALF = share_of_output(*(1_200,) * 10)


def taken(tonnes: int, **changes: Any) -> Volumes:
    return Volumes(years={1: YearVolume(year=1, taken_g=tonnes * TONNE_G, **changes)})


def assessed(state: AccountState) -> AccountState:
    """The state after year 1 was assessed."""
    fact = facts(assess_year(state, ASSESS, moment(YEAR_ENDS)))[0]
    assert isinstance(fact, YearAssessed)
    return replace(state, volumes=fold_volume(state.volumes, fact))


def test_half_of_the_output_with_take_or_pay() -> None:
    """Harena's shape: 50 % of 1,300 t are 650 t; 90 % of them are 585 t; 500 t taken leave 85 t at 80 % of
    75.00 = 5,100,000.00."""
    state = account_state(taken(500), volume=HALF)
    (declared,) = facts(declare_output(state, OUTPUT, moment(IN_YEAR)))
    assert isinstance(declared, OutputDeclared)
    state = replace(state, volumes=fold_volume(state.volumes, declared))
    fact, invoice = facts(assess_year(state, ASSESS, moment(YEAR_ENDS)))
    assert isinstance(fact, YearAssessed)
    assert isinstance(invoice, InvoiceSettled)
    ledger = fact.ledger
    assert (650, 585, 85) == tuple(
        grams // TONNE_G for grams in (ledger.acq_g, ledger.take_or_pay_g, ledger.deficiency_g)
    )
    assert (510_000_000, "USD", "shortfall", 1) == (
        invoice.total_cents,
        invoice.currency,
        invoice.settles,
        invoice.year,
    )


def test_a_year_that_owes_nothing_has_a_ledger_and_no_invoice() -> None:
    (fact,) = facts(assess_year(account_state(taken(600)), ASSESS, moment(YEAR_ENDS)))
    assert isinstance(fact, YearAssessed)
    assert 0 == fact.ledger.deficiency_g


def test_force_majeure_takes_its_days_out_of_the_year() -> None:
    """73 days of 365 are a fifth: 540 t − 120 t = 420 t have to be taken."""
    rested = Suspension(by="seller", period=days(date(2028, 9, 1), date(2028, 11, 13)), reason="flood")
    (fact,) = facts(assess_year(account_state(taken(420), suspensions=(rested,)), ASSESS, moment(YEAR_ENDS)))
    assert isinstance(fact, YearAssessed)
    assert (120, 420, 0) == tuple(
        grams // TONNE_G
        for grams in (fact.ledger.force_majeure_g, fact.ledger.take_or_pay_g, fact.ledger.deficiency_g)
    )


def test_a_year_waits_until_its_force_majeure_can_no_longer_be_contested() -> None:
    rested = Suspension(
        by="seller",
        period=days(date(2028, 9, 1), date(2028, 11, 13)),
        reason="flood",
        contest_by=YEAR_ENDS + timedelta(days=9),
    )
    open_contest = replace(rested, contest=Contest(by="buyer", reason="it did not rain"))
    last = rested.contest_by
    assert isinstance(last, datetime)
    for suspension, now in ((rested, last - timedelta(microseconds=1)), (open_contest, at(2031, 1, 1))):
        state = account_state(taken(420), suspensions=(suspension,))
        assert [("year_contested", None)] == blotter(partial(assess_year, state, ASSESS, moment(now)))
    assert facts(assess_year(account_state(taken(420), suspensions=(rested,)), ASSESS, moment(last)))


def test_what_fell_of_force_majeure_is_the_sellers_as_far_as_it_lacks_beside_its_word() -> None:
    """120 t fell; 480 t were taken and 100 t told of as short, so 20 t more lack of 600 t."""
    fell = Contest(by="buyer", reason="it did not rain", outcome="falls")
    rested = Suspension(
        by="seller", period=days(date(2028, 9, 1), date(2028, 11, 13)), reason="flood", contest=fell
    )
    state = account_state(taken(480, seller_shortfall_g=100 * TONNE_G), suspensions=(rested,))
    fact = facts(assess_year(state, ASSESS, moment(YEAR_ENDS)))[0]
    assert isinstance(fact, YearAssessed)
    assert (0, 120 * TONNE_G) == (fact.ledger.force_majeure_g, fact.ledger.seller_shortfall_g)


def test_a_year_is_assessed_when_it_has_ended_and_once() -> None:
    state = account_state(taken(500))
    (refusal,) = refusals(lambda: assess_year(state, ASSESS, moment(YEAR_ENDS - timedelta(microseconds=1))))
    assert ("not_due", {"due": YEAR_ENDS.isoformat()}) == (refusal.code, refusal.figures)
    again = assessed(state)
    assert [("year_assessed_already", None)] == blotter(lambda: assess_year(again, ASSESS, moment(YEAR_ENDS)))
    assert (at(2030, 7, 1), 2) == next_year_end(_known(again), again.volumes)


@pytest.mark.parametrize(
    ("state", "argument", "expected"),
    [
        (account_state(), replace(ASSESS, caller=BUYER_TRADER), [("role_missing", None)]),
        (AccountState(lane=LANE), ASSESS, [("agreement_unknown", None)]),
        (account_state(take_or_pay=None), ASSESS, [("no_take_or_pay", None)]),
        (account_state(), replace(ASSESS, year=11), [("year_unknown", "/year")]),
        (account_state(), replace(ASSESS, year=2), [("earlier_year_open", None)]),
        (account_state(taken(0, unsettled=2)), ASSESS, [("deliveries_unsettled", None)]),
        (account_state(formula=None), ASSESS, [("year_unpriced", None)]),
        (
            account_state(status="terminated", ended_at=YEAR_ENDS - timedelta(days=1)),
            ASSESS,
            [("status_unfit", None)],
        ),
    ],
)
def test_an_assessment_is_refused(
    state: AccountState, argument: AssessYear, expected: list[tuple[str, str | None]]
) -> None:
    assert expected == blotter(lambda: assess_year(state, argument, moment(YEAR_ENDS)))


def test_a_year_that_owes_nothing_needs_no_price() -> None:
    assert facts(assess_year(account_state(taken(600), formula=None), ASSESS, moment(YEAR_ENDS)))


def test_years_that_ended_before_a_termination_are_assessed_and_no_later_one() -> None:
    state = account_state(taken(600), status="terminated", ended_at=YEAR_ENDS + timedelta(days=40))
    assert (YEAR_ENDS, 1) == next_year_end(_known(state), state.volumes)
    after = assessed(state)
    assert None is next_year_end(_known(after), after.volumes)


def suspended(*, from_year: int, to_year: int) -> tuple[Superseded, ...]:
    """Amendments take the clause out of these years, and put it back for those after them."""
    terms = replace(TERMS, take_or_pay=None)
    return (
        Superseded(until=last_day_of(STARTS_ON, from_year - 1), terms=TERMS),
        Superseded(until=last_day_of(STARTS_ON, to_year), terms=terms),
    )


@pytest.mark.parametrize(
    ("to_year", "drawn_t", "credit_cents", "expired_t", "expired_cents"),
    [(2, 140, 840_000_000, 0, 0), (3, 0, 0, 140, 840_000_000)],
)
def test_years_without_the_clause_carry_balances_over(
    to_year: int, drawn_t: int, credit_cents: int, expired_t: int, expired_cents: int
) -> None:
    """Year 1 pays for 140 t that years 2 and 3 may make up. Year 3 draws them; year 4 finds them expired."""
    state = assessed(account_state(taken(400), superseded=suspended(from_year=2, to_year=to_year)))
    year = to_year + 1
    late = YearVolume(year=year, taken_g=1_640 * TONNE_G)
    volumes = replace(state.volumes, years={**state.volumes.years, year: late})
    assert state.agreement is not None
    assert (at(2028 + year, 7, 1), year) == next_year_end(state.agreement, volumes)
    argument = replace(ASSESS, year=year)
    fact = facts(assess_year(replace(state, volumes=volumes), argument, moment(at(2028 + year, 7, 1))))[0]
    assert isinstance(fact, YearAssessed)
    ledger = fact.ledger
    assert (drawn_t * TONNE_G, credit_cents) == (ledger.make_up_drawn_g, ledger.make_up_credit_cents)
    assert (expired_t * TONNE_G, expired_cents) == (ledger.make_up_expired_g, ledger.make_up_expired_cents)
    assert (0, 0) == (ledger.make_up_balance_g, ledger.make_up_balance_cents)


def test_a_formula_is_asked_for_once_a_year_without_invoices_is_over() -> None:
    uninvoiced, invoiced = account_state(taken(500)), account_state(taken(500, invoiced_g=TONNE_G))
    tick = timedelta(microseconds=1)
    assert [None, date(2029, 6, 30), None] == [
        unpriced_day(_known(state), state.volumes, now)
        for state, now in ((uninvoiced, YEAR_ENDS - tick), (uninvoiced, YEAR_ENDS), (invoiced, YEAR_ENDS))
    ]


def test_a_termination_at_the_very_end_of_a_year_leaves_it_to_be_assessed() -> None:
    state = account_state(taken(600), status="terminated", ended_at=YEAR_ENDS)
    assert (YEAR_ENDS, 1) == next_year_end(_known(state), state.volumes)


def test_no_year_end_is_due_without_years_or_clause() -> None:
    for state in (
        account_state(starts_on=None, ends_on=None),
        account_state(take_or_pay=None),
        account_state(standing=None),
    ):
        assert None is next_year_end(_known(state), state.volumes)
    single = account_state(taken(600), ends_on=date(2029, 7, 1))
    over = assessed(single)
    assert None is next_year_end(_known(over), over.volumes)


@pytest.mark.parametrize("decide", [declare_output, notify_shortfall])
def test_only_the_seller_speaks_of_what_it_makes(decide: Any) -> None:
    argument = OUTPUT if decide is declare_output else SHORTFALL
    state = account_state(volume=HALF)
    for caller, expected in ((BUYER_TRADER, "side_wrong"), (STRANGER_TRADER, "agreement_unknown")):
        assert [(expected, None)] == blotter(
            lambda caller=caller: decide(state, replace(argument, caller=caller), moment(IN_YEAR))  # type: ignore[misc]
        )


@pytest.mark.parametrize("decide", [declare_output, notify_shortfall])
def test_a_year_has_to_be_open(decide: Any) -> None:
    argument = OUTPUT if decide is declare_output else SHORTFALL
    state = account_state(taken(500), volume=HALF)
    for known, year, expected in (
        (state, 2, [("year_not_open", "/year")]),
        (state, 11, [("year_unknown", "/year")]),
        (replace(state, agreement=replace(_known(state), status="expired")), 1, [("status_unfit", None)]),
        (assessed(state), 1, [("year_closed", "/year")]),
    ):
        assert expected == blotter(
            lambda known=known, year=year: decide(known, replace(argument, year=year), moment(IN_YEAR))  # type: ignore[misc]
        )


def test_output_is_declared_where_the_buyer_has_a_share_of_it() -> None:
    assert [("output_not_shared", None)] == blotter(
        lambda: declare_output(account_state(), OUTPUT, moment(IN_YEAR))
    )
    assert [("malformed_member", "/output_g")] == blotter(
        lambda: declare_output(account_state(volume=HALF), replace(OUTPUT, output_g=-1), moment(IN_YEAR))
    )


def test_a_shortfall_is_told_in_time_and_no_larger_than_what_lacks() -> None:
    state = account_state(taken(560))
    (fact,) = facts(notify_shortfall(state, replace(SHORTFALL, quantity_g=30 * TONNE_G), moment(IN_YEAR)))
    assert isinstance(fact, ShortfallNotified)
    state = replace(state, volumes=fold_volume(state.volumes, fact))
    (refusal,) = refusals(
        lambda: notify_shortfall(state, replace(SHORTFALL, quantity_g=10 * TONNE_G + 1), moment(IN_YEAR))
    )
    assert {"asked_kg": "10000.001", "remaining_kg": "10000.000"} == refusal.figures
    late = at(2029, 5, 2)
    assert [("notice_over", None), ("shortfall_empty", "/quantity_g")] == blotter(
        lambda: notify_shortfall(state, replace(SHORTFALL, quantity_g=0), moment(late))
    )


def test_the_price_of_a_year_is_the_mean_of_its_final_invoices() -> None:
    """38,300,000.00 for 465 t and a difference of −8,000.00 are 82.348387 per kg; 80 % of it for 40 t."""
    state = account_state(taken(500, invoiced_g=465 * TONNE_G, invoiced_cents=3_829_200_000))
    (fact, _) = facts(assess_year(state, ASSESS, moment(YEAR_ENDS)))
    assert isinstance(fact, YearAssessed)
    assert (82_348_387, 65_878_710) == (
        fact.ledger.price_micro_per_kg,
        fact.ledger.deficiency_price_micro_per_kg,
    )
    assert (40 * TONNE_G, 263_514_840) == (fact.ledger.deficiency_g, fact.ledger.deficiency_cents)


def _known(state: AccountState) -> Any:
    return state.agreement
