"""When things came about in an agreement's life, and how each is told."""

from datetime import date
from typing import get_args

from msgspec.structs import replace

from contracts.rules.agreement_times import last_ends_on, times_of
from events.contract_events import AgreementDrafted
from events.facts import LifecycleFact
from market.http.agreements.history_words import sentence
from tests.contract_journeys import never_begun, offtake, share
from tests.contract_lane import ContractLane
from tests.desk_support import numbered


def days(lane: ContractLane) -> list[tuple[str, str]]:
    """The sentence of each fact, and the day of which it is."""
    return [
        (event.time.date().isoformat(), sentence(event.data, event.time))
        for event in lane.events
        if isinstance(event.data, LifecycleFact)
    ]


def test_declarations_contests_and_the_end_have_their_days() -> None:
    lane = share()
    times = times_of(lane.events)
    assert ["2027-06-01", "2027-08-01", "2028-11-01"] == [each.date().isoformat() for each in times.declared]
    assert {2: date(2027, 8, 3), 3: date(2028, 11, 5)} == {
        number: each.date() for number, each in times.contested.items()
    }
    assert {2: date(2027, 9, 1), 3: date(2028, 11, 10)} == {
        number: each.date() for number, each in times.settled.items()
    }
    assert (date(2026, 3, 2), date(2029, 3, 1), None, None) == (
        times.effective_at and times.effective_at.date(),
        times.ended_at and times.ended_at.date(),
        times.ended_by,
        times.end_note,
    )
    assert date(2029, 1, 1) == last_ends_on(lane.stands)


def test_a_termination_ends_it_before_its_term() -> None:
    lane = offtake()
    times = times_of(lane.events)
    assert (date(2031, 1, 1), date(2029, 2, 2)) == (lane.stands.ends_on, last_ends_on(lane.stands))
    assert lane.stands.ended_at == times.ended_at
    assert ("buyer", "no kiln", {None}) == (times.ended_by, times.end_note, set(times.contested))
    assert {(3, "seller"), (3, "buyer"), (4, "seller"), (4, "buyer")} == set(times.signed)
    never = never_begun().stands
    assert (None, "long_stop_passed") == (last_ends_on(never), never.ended_reason)


def test_every_fact_is_told_in_words() -> None:
    told = [each for lane in (offtake(), share()) for each in days(lane)]
    for line in (
        ("2026-03-02", "The buyer withdraws proposal 2."),
        ("2026-04-01", "The seller says that condition financing was waived on 2026-04-01."),
        ("2027-06-12", "Deliveries rest no longer from 2027-06-12T09:00:00Z."),
        ("2028-02-01", "Extension 1, by the buyer: the term runs to before 2031-01-01."),
        ("2029-03-01", "The agreement is expired by proposal 1: term_over."),
    ):
        assert line in told, line
    words = " ".join(sentence for _, sentence in told)
    for part in (
        "; the proposal is for what is shipped from 2027-06-13 on.",
        "; to be contested before 2027-08-31T09:00:00Z.",
        "By the word of the seller force majeure 2 stands",
        "By the word of the operator force majeure 3 falls",
    ):
        assert part in words, part
    kinds = {type(event.data) for lane in (offtake(), share()) for event in lane.events}
    assert set(get_args(LifecycleFact)) <= kinds
    draft = offtake().events[0]
    assert isinstance(draft.data, AgreementDrafted)
    of_match = replace(draft.data, match=numbered(9), proposed_by=None)
    assert f"Proposal 1 comes of match_{numbered(9).hex}." == sentence(of_match, draft.time)
    by_clock = days(never_begun())[-1]
    assert ("2027-01-01", "The agreement ends by the clock: long_stop_passed.") == by_clock
