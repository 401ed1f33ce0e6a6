"""What a facility makes by quarter, what is committed of it, and what is refused or flagged, with figures."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.capacity_terms import CapacityCount, CapacityRule, FacilityCapacity, RampStep
from events.market_terms import Member, MemberFacility, SupplyTerms
from events.refusal import Refusals
from events.vocabulary import PPB, Period, TermHorizon, Tranche
from market.commands.counting import OutOfTurn
from market.commands.counting import counted as take_turn
from market.rules.book import SupplyOrder
from market.rules.market_inputs import MarketInputs
from market.rules.orders.counting import capacity_cautions, counted
from market.rules.orders.offers import PostSupply
from market.rules.orders.orders import PostingState
from market.rules.orders.supplies import terms_of
from market.rules.twins.capacities import capacity_refusals, made_g, quarter_text
from market.rules.twins.committed import (
    Claim,
    ContractYears,
    Taken,
    Volume,
    by_quarter,
    claimed,
    committed,
    whole,
)
from market.rules.twins.twins import twin
from tests.market_drafts import PERCENT, START, TONNE_G, Firm, market_terms, rule_set, supply_draft

FIRM = Firm(organisation=UUID(int=1), facility=UUID(int=2))
Q3 = 2026 * 4 + 2
THIRD = Period(start=datetime(2026, 7, 1, tzinfo=UTC), end=datetime(2026, 10, 1, tzinfo=UTC))
FOURTH = Period(start=datetime(2026, 10, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
YEARLY = FacilityCapacity(form="metal", nameplate_g_per_year=40 * TONNE_G)
RAMPED = replace(
    YEARLY,
    ramp=(RampStep(year=2026, quarter=3, share_ppb=PPB // 4), RampStep(year=2027, quarter=1, share_ppb=PPB)),
)


def terms(net_wet_g: int = 10 * TONNE_G, window: Period = THIRD, **changes: Any) -> SupplyTerms:
    given_: dict[str, Any] = {"tranches": (Tranche(window=window, net_wet_g=net_wet_g),)}
    draft = supply_draft(FIRM, net_wet_g=net_wet_g, **(given_ | changes))
    return terms_of(draft, market_terms(), MarketInputs())


def order(of: SupplyTerms, status: Any = "open") -> SupplyOrder:
    return SupplyOrder(
        order=UUID(int=9),
        kind="offer",
        market=UUID(int=8),
        organisation=FIRM.organisation,
        rank=1,
        version=1,
        status=status,
        terms=of,
    )


def state(
    *capacities: FacilityCapacity, rule: CapacityRule = "refuse", claims: tuple[Claim, ...] = ()
) -> PostingState:
    member = Member(
        organisation=FIRM.organisation,
        name="seller",
        country="FR",
        roles=("refiner",),
        group=FIRM.organisation,
        sanctions_screened_until=START,
        facilities=(
            MemberFacility(
                facility=FIRM.facility,
                country="FR",
                stages=("processing",),
                scale="pilot",
                capacities=capacities,
            ),
        ),
        source_position=7,
    )
    return PostingState(
        market=UUID(int=8),
        lane=0,
        lanes=3,
        terms=market_terms(),
        member=member,
        suspended=False,
        inputs=MarketInputs(),
        rule_set=rule_set(capacity=rule),
        open_orders=0,
        failings=0,
        claims=claims,
    )


def test_what_cannot_be_a_capacity_is_refused_with_what_is_wrong() -> None:
    backwards = replace(YEARLY, ramp=RAMPED.ramp[::-1])
    strange = replace(YEARLY, element="Xx")
    reasons = capacity_refusals((YEARLY, strange, YEARLY, backwards), "pilot")
    assert [
        ("duplicate_entry", "/capacities/2"),
        ("duplicate_entry", "/capacities/3"),
        ("ramp_missing", "/capacities/0/ramp"),
        ("element_unknown", "/capacities/1/element"),
        ("ramp_missing", "/capacities/1/ramp"),
        ("ramp_missing", "/capacities/2/ramp"),
        ("ramp_not_ascending", "/capacities/3/ramp/1"),
    ] == [(reason.code, reason.pointer) for reason in reasons]
    assert "The ramp has 2026-Q3 after 2027-Q1: state its steps in order of time." == reasons[-1].detail()
    assert [] == capacity_refusals((RAMPED,), "planned")
    assert [] == capacity_refusals((YEARLY,), None)


def test_an_order_that_passes_the_capacity_is_refused_with_every_quarter() -> None:
    both = terms(
        net_wet_g=24 * TONNE_G,
        tranches=(
            Tranche(window=THIRD, net_wet_g=11 * TONNE_G),
            Tranche(window=FOURTH, net_wet_g=13 * TONNE_G),
        ),
    )
    with pytest.raises(Refusals) as refused:
        counted(state(YEARLY, claims=(Claim(order=order(terms(TONNE_G))),)), both, START)
    assert [
        "In 2026-Q3 the facility makes 10 t of metal: 1 t are committed, 11 t asked.",
        "In 2026-Q4 the facility makes 10 t of metal: 0 t are committed, 13 t asked.",
    ] == [reason.detail() for reason in refused.value.refusals]


def test_the_last_gram_fits_and_one_more_does_not() -> None:
    fits = counted(state(YEARLY), terms(), START)
    assert fits.capacity is not None
    (quarter,) = fits.capacity.quarters
    assert (2026, 3, 10 * TONNE_G, 0, 10 * TONNE_G) == (
        quarter.year,
        quarter.quarter,
        quarter.capacity_g,
        quarter.committed_g,
        quarter.asked_g,
    )
    assert 7 == fits.capacity.position
    assert () == capacity_cautions(fits)
    with pytest.raises(Refusals):
        counted(state(YEARLY), terms(10 * TONNE_G + 1), START)


def test_a_pilot_is_counted_by_its_ramp() -> None:
    assert [0, 2_500_000, 2_500_000, 10_000_000] == [made_g(RAMPED, Q3 + number) for number in range(-1, 3)]
    with pytest.raises(Refusals, match=r"makes 2\.5 t of metal"):
        counted(state(RAMPED), terms(), START)


def test_one_element_may_be_the_limit() -> None:
    dysprosium = FacilityCapacity(form="metal", element="Dy", nameplate_g_per_year=TONNE_G // 5)
    with pytest.raises(Refusals, match=r"makes 0\.05 t of Dy in metal: 0 t are committed, 0\.1 t asked"):
        counted(state(dysprosium), terms(), START)


def test_a_rule_that_flags_accepts_and_says_so() -> None:
    flagged = counted(state(YEARLY, rule="flag"), terms(11 * TONNE_G), START)
    assert [
        (
            "capacity_exceeded",
            "In 2026-Q3 the facility makes 10 t of metal: 0 t are committed, 11 t asked.",
        )
    ] == [(caution.code, caution.text) for caution in capacity_cautions(flagged)]


def test_a_form_without_stated_capacity_is_unchecked_and_says_so() -> None:
    other = FacilityCapacity(form="swarf", nameplate_g_per_year=1)
    found = counted(state(other), terms(), START)
    assert CapacityCount(rule="refuse", position=7) == found.capacity
    assert ["capacity_not_stated"] == [caution.code for caution in capacity_cautions(found)]


def test_a_market_that_does_not_count_records_nothing() -> None:
    silent = replace(state(YEARLY), rule_set=rule_set())
    assert terms(11 * TONNE_G) == counted(silent, terms(11 * TONNE_G), START)


def test_less_than_before_is_never_refused() -> None:
    """The facility was made smaller after the order was posted."""
    small = FacilityCapacity(form="metal", nameplate_g_per_year=4 * TONNE_G)
    less = counted(state(small), terms(9 * TONNE_G), START, before=terms())
    assert less.capacity is not None
    assert 9 * TONNE_G == less.capacity.quarters[0].asked_g
    with pytest.raises(Refusals):
        counted(state(small), terms(9 * TONNE_G, FOURTH), START, before=terms())


def test_quarters_that_are_over_are_not_counted() -> None:
    late = THIRD.end + timedelta(days=1)
    found = counted(state(YEARLY), terms(99 * TONNE_G), late)
    assert () == (found.capacity or CapacityCount(rule="flag", position=0)).quarters


def test_what_matches_took_stays_committed_when_the_order_is_closed() -> None:
    """10 t carry 3.5 t of basis: 0.7 t of it are 2 t of product."""
    taken = (
        Taken(match=UUID(int=1), tranche=0, quantity_g=700_000, stage="matched"),
        Taken(match=UUID(int=1), tranche=0, quantity_g=350_000, stage="contracted"),
    )
    held = claimed(Claim(order=order(terms()), taken=taken))
    assert {Q3: Volume(7 * TONNE_G, 2 * TONNE_G, TONNE_G)} == held
    closed = claimed(Claim(order=order(terms(), "withdrawn"), taken=taken))
    assert {Q3: Volume(0, 2 * TONNE_G, TONNE_G)} == closed
    assert {} == claimed(Claim(order=order(terms(), "expired")))


def test_an_agreement_that_runs_counts_what_it_states_for_each_year() -> None:
    years = ContractYears(starts_on=date(2027, 1, 1), acq_g=(3_500_000, 7_000_000))
    taken = Taken(match=UUID(int=1), tranche=0, quantity_g=3_500_000, stage="contracted", years=years)
    found = claimed(Claim(order=order(terms(), "sold"), taken=(taken,)))
    assert [2027 * 4 + number for number in range(8)] == list(found)
    assert 10 * TONNE_G == sum(found[2027 * 4 + number].contracted_g for number in range(4))
    assert 20 * TONNE_G == sum(found[2028 * 4 + number].contracted_g for number in range(4))


def test_a_term_order_is_spread_by_its_profile() -> None:
    term = TermHorizon(
        start_year=2027, profile_ppb=(PPB // 2, PPB), index="i", quotation_period="month_of_shipment"
    )
    asked = whole(terms(8 * TONNE_G, term=term))
    assert [TONNE_G] * 4 + [2 * TONNE_G] * 4 == [asked[2027 * 4 + number] for number in range(8)]


@given(
    st.integers(0, 10**12),
    st.timedeltas(timedelta(0), timedelta(days=1500)).map(THIRD.start.__add__),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=1500)),
)
def test_a_window_is_spread_over_its_quarters_to_the_gram(
    grams: int, start: datetime, length: timedelta
) -> None:
    found = by_quarter(grams, Period(start=start, end=start + length))
    assert grams == sum(found.values())
    assert list(found) == list(range(min(found), max(found) + 1))


def test_a_twin_shows_what_is_free_and_what_is_too_much() -> None:
    claims = (
        Claim(order=order(terms(4 * TONNE_G))),
        Claim(order=order(terms(5 * TONNE_G, form="swarf", waste_status="by_product"))),
    )
    stated, unstated = twin((replace(RAMPED, yield_ppb=80 * PERCENT),), claims, Q3, 2)
    assert ["2026-Q3", "2026-Q4"] == [quarter_text(each.quarter) for each in stated.quarters]
    assert [-1_500_000, 2_500_000] == [each.free_g for each in stated.quarters]
    assert [3_125_000, 3_125_000] == [each.feed_g for each in stated.quarters]
    assert ("swarf", False, 5 * TONNE_G) == (
        unstated.form,
        unstated.stated,
        unstated.quarters[0].volume.offered_g,
    )
    assert {} == committed(claims, "oxide", None)


async def test_counted_orders_of_any_facilities_have_their_turns_one_by_one() -> None:
    """Else one batch could lock two facilities in the order in which another does not."""
    turns: list[frozenset[str]] = []

    async def submitted(argument: PostSupply, turn: frozenset[str]) -> Any:
        if not argument.counting:
            raise OutOfTurn
        turns.append(turn)

    for facility in (UUID(int=2), UUID(int=3)):
        draft = supply_draft(replace(FIRM, facility=facility))
        await take_turn(submitted, PostSupply(caller=FIRM.trader, draft=draft))
    assert turns[0] & turns[1]
