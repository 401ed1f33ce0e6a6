"""The statement of an agreement: what each contract year has come to, from its folds."""

from msgspec.structs import replace

from contracts.rules.contract_years import parts_of_year
from contracts.rules.statements import Unused, statement
from contracts.rules.volumes import Volumes, YearVolume, fold_volume
from contracts.rules.year_accounts import ledger_of
from events.contract_events import QuantityNominated, YearAssessed
from events.contract_terms import NominatedPart, NominationLevel
from events.vocabulary import Period
from tests.desk_support import MARKET, MILLION, TONNE_G, numbered
from tests.volume_support import AGREEMENT, STARTS_ON, agreement, at, days


def test_a_year_is_open_until_it_was_assessed() -> None:
    running = agreement()
    volumes = Volumes(years={1: YearVolume(year=1, taken_g=500 * TONNE_G, unsettled=1)})
    part = NominatedPart(
        period=days(STARTS_ON, STARTS_ON.replace(year=2029)), quantity_g=610 * TONNE_G, form="metal"
    )
    volumes = fold_volume(
        volumes,
        QuantityNominated(
            market=MARKET, agreement=AGREEMENT, nomination=numbered(7), level="annual", year=1, part=part
        ),
    )
    shown = statement(running, volumes, {})
    assert 10 == len(shown.years)
    first, second = shown.years[:2]
    assert ("open", 600, 610, 500, 1) == (
        first.status,
        first.acq_g // TONNE_G,
        (first.nominated_g or 0) // TONNE_G,
        first.taken_g // TONNE_G,
        first.unsettled,
    )
    assert ("open", 900, None, at(2029, 7, 1)) == (
        second.status,
        second.acq_g // TONNE_G,
        second.nominated_g,
        second.period.start,
    )
    ledger = ledger_of(running, volumes, 1, 75 * MILLION)
    assert ledger is not None
    after = fold_volume(volumes, YearAssessed(market=MARKET, agreement=AGREEMENT, ledger=ledger))
    assert ("assessed", ledger) == (
        statement(running, after, {}).years[0].status,
        statement(running, after, {}).years[0].ledger,
    )


def test_years_that_a_termination_broke_off_are_not_open() -> None:
    """Ended within the second year: of the first the ledger still comes, of the others none does."""
    ended = replace(agreement(), status="terminated", ended_at=at(2029, 8, 1))
    years = statement(ended, Volumes(), {}).years
    assert ["open", *["broken_off"] * 9] == [year.status for year in years]


def test_what_no_year_can_draw_any_more_is_shown_as_unused() -> None:
    """140 t of 8,400,000.00 of the only year of a term: the right to them outlives it by two years."""
    running = agreement(ends_on=STARTS_ON.replace(year=2029))
    volumes = Volumes(years={1: YearVolume(year=1, taken_g=400 * TONNE_G)})
    over = replace(running, status="expired", ended_at=at(2029, 7, 1))
    ledger = ledger_of(running, volumes, 1, 75 * MILLION)
    assert ledger is not None
    assessed = fold_volume(volumes, YearAssessed(market=MARKET, agreement=AGREEMENT, ledger=ledger))
    for agreed, of in ((running, assessed), (over, volumes)):
        assert None is statement(agreed, of, {}).unused
    unused = Unused(make_up_g=140 * TONNE_G, make_up_cents=840_000_000, carry_forward_g=0)
    assert unused == statement(over, assessed, {}).unused


def test_make_up_is_shown_once_however_many_levels_ask_for_it() -> None:
    second = days(STARTS_ON.replace(year=2029), STARTS_ON.replace(year=2030))
    quarters = parts_of_year(STARTS_ON, 2, "quarterly")
    volumes = Volumes()
    asked: tuple[tuple[NominationLevel, Period, int], ...] = (
        ("annual", second, 30),
        ("quarterly", quarters[0].period, 25),
        ("quarterly", quarters[3].period, 15),
        ("monthly", parts_of_year(STARTS_ON, 2, "monthly")[0].period, 10),
    )
    for number, (level, period, tonnes) in enumerate(asked):
        part = NominatedPart(period=period, quantity_g=1, make_up_g=tonnes * TONNE_G, form="separated_oxide")
        nominated = QuantityNominated(
            market=MARKET, agreement=AGREEMENT, nomination=numbered(number), level=level, year=2, part=part
        )
        volumes = fold_volume(volumes, nominated)
    shown = statement(agreement(), volumes, {}).years
    assert [0, 40, 0] == [year.make_up_nominated_g // TONNE_G for year in shown[:3]]


def test_nothing_is_shown_before_an_agreement_runs() -> None:
    waiting = statement(agreement(starts_on=None, ends_on=None, standing=None, status="draft"), Volumes(), {})
    assert (None, (), "draft") == (waiting.currency, waiting.years, waiting.status)
