"""Nominations of a ramp of 600 t in year 1: bands of 10, 15 and 20 %, notice of 90, 45 and 20 days."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.in_force import Superseded
from contracts.rules.nominations import (
    NominateBySilence,
    NominateQuantity,
    VolumeState,
    next_silence,
    nominate,
    nominate_by_silence,
)
from contracts.rules.shortfall import YearFacts, assess
from contracts.rules.volumes import Volumes, fold_volume
from events.contract_events import QuantityNominated, YearAssessed
from events.contract_terms import FixedVolume, NominatedPart, NominationLevel
from events.vocabulary import Period
from tests.desk_support import (
    BUYER_TRADER,
    LANE,
    MARKET,
    MILLION,
    OPERATOR_CALLER,
    PERCENT_PPB,
    READER,
    SELLER_TRADER,
    STRANGER_TRADER,
    TONNE_G,
    blotter,
    facts,
    moment,
    refusals,
)
from tests.volume_support import (
    AGREEMENT,
    NOMINATIONS,
    RAMP_G,
    TAKE_OR_PAY,
    TERMS,
    agreement,
    at,
    days,
    share_of_output,
    volume_state,
)

YEAR_1 = Period(start=at(2028, 7, 1), end=at(2029, 7, 1))
QUARTER_1 = Period(start=at(2028, 7, 1), end=at(2028, 10, 1))
MONTH_1 = Period(start=at(2028, 7, 1), end=at(2028, 8, 1))
YEAR_2 = Period(start=at(2029, 7, 1), end=at(2030, 7, 1))
IN_TIME = at(2028, 3, 1)


def asked(level: NominationLevel, period: Period, tonnes: float, **changes: Any) -> NominateQuantity:
    part = NominatedPart(period=period, quantity_g=int(tonnes * TONNE_G), form="separated_oxide")
    given = {name: changes.pop(name) for name in ("form", "make_up_g") if name in changes}
    argument = NominateQuantity(
        caller=BUYER_TRADER, agreement=AGREEMENT, level=level, part=replace(part, **given)
    )
    return replace(argument, **changes)


def nominated(*arguments: NominateQuantity, **changes: Any) -> VolumeState:
    """The state after these nominations, each accepted."""
    state = volume_state(**changes)
    for argument in arguments:
        (fact,) = facts(nominate(state, argument, moment(IN_TIME)))
        assert isinstance(fact, QuantityNominated)
        state = replace(state, volumes=fold_volume(state.volumes, fact))
    return state


def silence(level: NominationLevel, start: datetime) -> NominateBySilence:
    return NominateBySilence(caller=OPERATOR_CALLER, agreement=AGREEMENT, level=level, start=start)


def test_each_level_is_held_against_its_share_of_the_level_above() -> None:
    """660 t of 600 are the most; a quarter of 660 is 165, its band 140.25 to 189.75; a third of 180 is 60."""
    state = nominated(asked("annual", YEAR_1, 660), asked("quarterly", QUARTER_1, 180))
    (fact,) = facts(nominate(state, asked("monthly", MONTH_1, 72), moment(IN_TIME)))
    assert isinstance(fact, QuantityNominated)
    assert (1, "monthly", 72 * TONNE_G, False) == (fact.year, fact.level, fact.part.quantity_g, fact.silent)


def test_a_nomination_outside_its_band_is_told_the_band() -> None:
    state = nominated(asked("annual", YEAR_1, 660))
    for argument, figures in (
        (asked("annual", YEAR_2, 990.001), ("990001.000", "810000.000", "990000.000", "900000.000")),
        (asked("annual", YEAR_2, 809), ("809000.000", "810000.000", "990000.000", "900000.000")),
        (asked("quarterly", QUARTER_1, 190), ("190000.000", "140250.000", "189750.000", "165000.000")),
    ):
        (refusal,) = refusals(lambda argument=argument: nominate(state, argument, moment(IN_TIME)))  # type: ignore[misc]
        assert ("outside_band", "/quantity_g") == (refusal.code, refusal.pointer)
        assert figures == tuple(
            refusal.figures[name] for name in ("asked_kg", "low_kg", "high_kg", "share_kg")
        )


def test_a_year_is_nominated_within_the_tolerance_of_its_quantity() -> None:
    """5 % of 600 t are 30; the band of a year is 10 %, of a quarter 15 % whatever the tolerance is."""
    narrow = FixedVolume(acq_g=RAMP_G, tolerance_ppb=5 * PERCENT_PPB)
    for tonnes in (570, 630):
        state = nominated(asked("annual", YEAR_1, tonnes), volume=narrow)
        assert facts(nominate(state, asked("quarterly", QUARTER_1, tonnes / 4 * 1.15), moment(IN_TIME)))
    wide = FixedVolume(acq_g=RAMP_G, tolerance_ppb=20 * PERCENT_PPB)
    for volume, tonnes, edges in (
        (narrow, 569, ("570000.000", "630000.000")),
        (narrow, 631, ("570000.000", "630000.000")),
        (wide, 661, ("540000.000", "660000.000")),
    ):
        asking = partial(nominate, volume_state(volume=volume), asked("annual", YEAR_1, tonnes))
        (refusal,) = refusals(partial(asking, moment(IN_TIME)))
        assert ("outside_band", *edges) == (
            refusal.code,
            refusal.figures["low_kg"],
            refusal.figures["high_kg"],
        )


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (asked("annual", YEAR_1, 600, caller=SELLER_TRADER), [("side_wrong", None)]),
        (asked("annual", YEAR_1, 600, caller=STRANGER_TRADER), [("agreement_unknown", None)]),
        (asked("annual", YEAR_1, 600, caller=READER), [("role_missing", None)]),
        (asked("annual", YEAR_1, 600, form="swarf"), [("form_not_agreed", "/form")]),
        (asked("quarterly", QUARTER_1, 150), [("level_above_missing", "/level")]),
        (asked("annual", YEAR_1, 600, make_up_g=1), [("make_up_exceeded", "/make_up_g")]),
        (
            asked("annual", Period(start=at(2028, 7, 1), end=at(2029, 7, 2)), 600),
            [("periods_overlap", "/period")],
        ),
        (
            asked("monthly", Period(start=at(2028, 7, 10), end=at(2028, 7, 20)), 50),
            [("period_not_a_part", "/period")],
        ),
        (
            asked("annual", Period(start=at(2038, 7, 1), end=at(2039, 7, 1)), 600),
            [("year_unknown", "/period")],
        ),
        (asked("annual", YEAR_1, -1), [("malformed_member", "/part/quantity_g")]),
        (
            asked("annual", YEAR_1, 100, form="swarf", make_up_g=5),
            [
                ("outside_band", "/quantity_g"),
                ("make_up_exceeded", "/make_up_g"),
                ("form_not_agreed", "/form"),
            ],
        ),
    ],
)
def test_a_nomination_is_refused_with_every_reason(
    argument: NominateQuantity, expected: list[tuple[str, str | None]]
) -> None:
    assert expected == blotter(lambda: nominate(volume_state(), argument, moment(IN_TIME)))


def test_levels_that_were_not_agreed_are_refused() -> None:
    for nominations, level in ((NOMINATIONS[:1], "monthly"), ((), "annual")):
        argument = replace(asked("annual", YEAR_1, 600), level=level)
        assert [("level_not_agreed", "/level")] == blotter(
            lambda nominations=nominations, argument=argument: nominate(  # type: ignore[misc]
                volume_state(nominations=nominations), argument, moment(IN_TIME)
            )
        )


@pytest.mark.parametrize("status", ["term_sheet", "binding_subject_to_cp", "expired", "terminated"])
def test_only_a_running_agreement_is_nominated(status: str) -> None:
    assert [("status_unfit", None)] == blotter(
        lambda: nominate(volume_state(status=status), asked("annual", YEAR_1, 600), moment(IN_TIME))
    )


def test_notice_is_over_ninety_days_before_the_year() -> None:
    due = at(2028, 4, 2)
    argument = asked("annual", YEAR_1, 600)
    assert facts(nominate(volume_state(), argument, moment(due - timedelta(microseconds=1))))
    (refusal,) = refusals(lambda: nominate(volume_state(), argument, moment(due)))
    assert ("notice_over", "/period") == (refusal.code, refusal.pointer)
    assert {"level": "annual", "due": due.isoformat(), "notice_days": 90} == refusal.figures


def test_the_newest_word_counts_until_its_parts_are_nominated() -> None:
    state = nominated(asked("annual", YEAR_1, 600), asked("annual", YEAR_1, 640))
    assert [640 * TONNE_G] == [entry.part.quantity_g for entry in state.volumes.nominations.values()]
    state = nominated(asked("annual", YEAR_1, 640), asked("quarterly", QUARTER_1, 160))
    assert [("parts_nominated", "/period")] == blotter(
        lambda: nominate(state, asked("annual", YEAR_1, 600), moment(IN_TIME))
    )


def test_without_quarters_a_month_is_a_twelfth_of_its_year() -> None:
    state = nominated(asked("annual", YEAR_1, 600), nominations=(NOMINATIONS[0], NOMINATIONS[2]))
    for tonnes, expected in ((60, []), (61, [("outside_band", "/quantity_g")])):
        argument = asked("monthly", MONTH_1, tonnes)
        if expected:
            assert expected == blotter(lambda argument=argument: nominate(state, argument, moment(IN_TIME)))  # type: ignore[misc]
        else:
            assert facts(nominate(state, argument, moment(IN_TIME)))


def test_the_buyer_chooses_one_of_the_agreed_forms() -> None:
    state = nominated(asked("annual", YEAR_1, 600, form="metal"))
    (fact,) = facts(nominate_by_silence(state, silence("quarterly", at(2028, 7, 1)), moment(at(2028, 6, 1))))
    assert isinstance(fact, QuantityNominated)
    assert "metal" == fact.part.form


def test_silence_nominates_the_share_of_the_level_above_gram_by_gram() -> None:
    state = volume_state(volume=replace(agreement().terms.volume, acq_g=(100_000_001, *RAMP_G[1:])))
    grams: dict[str, list[int]] = {"annual": [], "quarterly": [], "monthly": []}
    while True:
        following = next_silence(_known(state), state.volumes)
        assert following is not None
        due, part = following
        (fact,) = facts(nominate_by_silence(state, silence(part.level, part.period.start), moment(due)))
        assert isinstance(fact, QuantityNominated)
        assert fact.silent
        if part.period.start >= YEAR_1.end:
            break
        state = replace(state, volumes=fold_volume(state.volumes, fact))
        grams[part.level].append(fact.part.quantity_g)
    assert {"annual": 1, "quarterly": 4, "monthly": 10} == {
        level: len(parts) for level, parts in grams.items()
    }
    assert [100_000_001, 100_000_001] == [sum(grams["annual"]), sum(grams["quarterly"])]
    assert grams["quarterly"][0] == sum(grams["monthly"][:3])


def test_a_share_of_output_is_nominated_on_what_is_expected() -> None:
    state = volume_state(volume=share_of_output(*(1_000,) * 10))
    (fact,) = facts(nominate_by_silence(state, silence("annual", YEAR_1.start), moment(at(2028, 4, 2))))
    assert isinstance(fact, QuantityNominated)
    assert 500 * TONNE_G == fact.part.quantity_g


def test_the_buyer_may_speak_until_notice_is_over() -> None:
    due = at(2028, 4, 2)
    argument = silence("annual", YEAR_1.start)
    assert (due, "annual", 1) == _next(volume_state())
    (refusal,) = refusals(
        lambda: nominate_by_silence(volume_state(), argument, moment(due - timedelta(microseconds=1)))
    )
    assert ("not_due", {"due": due.isoformat()}) == (refusal.code, refusal.figures)


def test_a_rule_that_spoke_speaks_once() -> None:
    state = nominated(asked("annual", YEAR_1, 600))
    assert (at(2028, 5, 17), "quarterly", 1) == _next(state)
    assert [("nominated_already", None)] == blotter(
        lambda: nominate_by_silence(state, silence("annual", YEAR_1.start), moment(at(2028, 5, 1)))
    )


@pytest.mark.parametrize(
    ("state", "argument", "expected"),
    [
        (VolumeState(lane=LANE), silence("annual", YEAR_1.start), "agreement_unknown"),
        (volume_state(status="terminated"), silence("annual", YEAR_1.start), "level_not_agreed"),
        (volume_state(), silence("annual", at(2028, 7, 2)), "level_not_agreed"),
        (
            volume_state(starts_on=None, ends_on=None, status="binding_subject_to_cp"),
            silence("annual", YEAR_1.start),
            "level_not_agreed",
        ),
        (volume_state(nominations=()), silence("annual", YEAR_1.start), "level_not_agreed"),
        (
            volume_state(),
            replace(silence("annual", YEAR_1.start), caller=BUYER_TRADER),
            "role_missing",
        ),
    ],
)
def test_a_rule_speaks_for_no_other_part(
    state: VolumeState, argument: NominateBySilence, expected: str
) -> None:
    assert [(expected, None)] == blotter(lambda: nominate_by_silence(state, argument, moment(at(2028, 5, 1))))


def test_make_up_comes_on_top_up_to_what_earlier_years_paid_for() -> None:
    state = replace(volume_state(), volumes=_assessed())
    first = asked("annual", YEAR_2, 990, make_up_g=140 * TONNE_G)
    assert facts(nominate(state, first, moment(IN_TIME)))
    (refusal,) = refusals(
        lambda: nominate(
            state,
            asked("annual", YEAR_2, 990, make_up_g=140 * TONNE_G + 1),
            moment(IN_TIME),
        )
    )
    assert {"asked_kg": "140000.001", "remaining_kg": "140000.000"} == refusal.figures


@pytest.mark.parametrize(("back", "remaining_kg"), [(2030, "140000.000"), (2031, "0.000")])
def test_make_up_passes_over_a_year_without_the_clause(back: int, remaining_kg: str) -> None:
    """What year 1 paid for through year 3, asked for in the first year that has the clause back."""
    without = replace(TERMS, take_or_pay=None)
    earlier = (
        Superseded(until=date(2029, 6, 30), terms=TERMS),
        Superseded(until=date(back, 6, 30), terms=without),
    )
    state = replace(volume_state(superseded=earlier), volumes=_assessed())
    year = days(date(back, 7, 1), date(back + 1, 7, 1))
    asking = asked("annual", year, 1_400, make_up_g=141 * TONNE_G)
    found = refusals(lambda: nominate(state, asking, moment(IN_TIME)))
    assert [remaining_kg] == [
        each.figures["remaining_kg"] for each in found if each.code == "make_up_exceeded"
    ]


def test_an_assessed_year_is_closed_to_nominations() -> None:
    state = replace(volume_state(), volumes=_assessed())
    assert [("year_closed", "/period")] == blotter(
        lambda: nominate(state, asked("annual", YEAR_1, 600), moment(IN_TIME))
    )
    assert [("year_closed", None)] == blotter(
        lambda: nominate_by_silence(state, silence("annual", YEAR_1.start), moment(at(2029, 7, 2)))
    )
    assert (at(2029, 4, 2), "annual", 2) == _next(state)


def test_nothing_is_due_before_an_agreement_runs_and_after_it_ended() -> None:
    for state in (
        volume_state(starts_on=None, ends_on=None, status="binding_subject_to_cp"),
        volume_state(status="expired"),
        volume_state(nominations=()),
    ):
        assert None is next_silence(_known(state), state.volumes)


def _assessed() -> Volumes:
    """Year 1 took 400 t of 600: 140 t were paid for and not taken."""
    year = YearFacts(year=1, acq_g=RAMP_G[0], taken_g=400 * TONNE_G, price_micro_per_kg=75 * MILLION)
    fact = YearAssessed(market=MARKET, agreement=AGREEMENT, ledger=assess(TAKE_OR_PAY, year, None))
    return fold_volume(Volumes(), fact)


def _known(state: VolumeState) -> Any:
    return state.agreement


def _next(state: VolumeState) -> tuple[datetime, str, int] | None:
    following = next_silence(_known(state), state.volumes)
    return None if following is None else (following[0], following[1].level, following[1].year)
