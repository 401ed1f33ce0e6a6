"""Who declines twice trades firm orders alone: at posting, and in rounds whose rule set says so."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from events.market_events import ClearingEvidence, MatchStruck, RequirementAmended, RuleSetPublished
from events.vocabulary import INTEGER_MAX
from market.rules.book import RELIABILITY_WINDOW
from market.rules.clearing.eligibility import eligible_deliveries, reasons
from market.rules.reliability import FAILINGS_MAX, decline_cautions, failed_times, firm_only_until, resting
from market.rules.streams.partner_lines import PartnerLine, ShownLane
from market.rules.visibility.explanations import candidates
from market.rules.visibility.own_side import own_candidates
from tests.blotter import EUR, MARKET, OPERATOR, START, Lane, T, eur, facts_of_type, ident, member, rule_set
from tests.rules.test_command_audit import answered
from tests.rules.test_lane_audit import audited, found, records
from tests.rules.test_standings import Round

DAY = timedelta(days=1)
RESTS = rule_set(conditional_orders_rest=True)
WANTED, HONEST = ident("wanted"), ident("honest bid")
SOFT: Any = "subject_to_confirmation"


def declining(rules: Any = RESTS, **gier: Any) -> Lane:
    """Gier bids more than all and for more than there is; an honest bid, which it keeps to, gets the rest."""
    lane = Lane(rules=rules)
    lane.admit(member("gier", **gier), member("honest"), member("sister", group=ident("group of gier")))
    lane.require("gier", "wanted", commitment=SOFT, limit=eur(190 * EUR), basis_g=100 * T)
    lane.require("honest", "honest bid", commitment=SOFT, basis_g=100 * T)
    return lane


def rounds(lane: Lane, count: int, start: int = 0) -> list[list[Any]]:
    """Rounds a day apart, each with an offer of a member of its own; Gier declines what it can."""
    bidders = []
    for turn in range(start, start + count):
        lane.admit(member(f"seller {turn}"))
        lane.offer(f"seller {turn}", f"offer {turn}")
        lane.now += DAY
        struck = facts_of_type(lane.round(), MatchStruck)
        bidders.append([each.requirement for each in struck])
        for each in struck:
            keeps = each.requirement == HONEST
            answered(lane, each, *(("honest", "confirmed") if keeps else ("gier", "declined")))
    return bidders


def test_the_third_match_goes_to_who_bids_less_and_the_order_keeps_its_place() -> None:
    lane = declining()
    posted = lane.book.requirements[WANTED]
    told = rounds(lane, 4)
    # what Gier declined is in the rounds that follow as well
    assert [[WANTED], [WANTED, WANTED]] == told[:2]
    assert [{HONEST}, {HONEST}] == [set(each) for each in told[2:]]
    assert posted == lane.book.requirements[WANTED]
    duals = {dual.order for part in facts_of_type(lane.events, ClearingEvidence)[-2:] for dual in part.duals}
    assert WANTED not in duals
    assert (None, 4, 0) == found(audited(records(lane)))


def test_a_rule_set_of_before_rests_nothing() -> None:
    for rules in (rule_set(), rule_set(conditional_orders_rest=False)):
        lane = declining(rules)
        assert [{WANTED}] * 4 == [set(each) for each in rounds(lane, 4)]
        assert frozenset() == resting(lane.book, rules, lane.now)
        assert (None, 4, 0) == found(audited(records(lane)))


def test_what_was_declined_before_the_rule_set_counts_from_it_on() -> None:
    lane = declining(rule_set())
    rounds(lane, 2)
    newer = replace(RESTS, version=2)
    lane.add(RuleSetPublished(market=MARKET, rule_set=newer, signed_by=(OPERATOR,)))
    assert [{HONEST}] == [set(each) for each in rounds(lane, 1, 2)]
    assert (None, 3, 0) == found(audited(records(lane)))


def test_a_round_that_takes_a_resting_order_is_found() -> None:
    lane = declining()
    rounds(lane, 2)
    lane.book.failings.clear()
    rounds(lane, 1, 2)
    verdict = audited(records(lane))
    assert ("certificate", 2, 0) == found(verdict)


@pytest.mark.parametrize("way", ["amended", "over"])
def test_a_firm_order_and_a_failing_of_long_ago_trade(way: str) -> None:
    lane = declining()
    rounds(lane, 2)
    assert {ident("gier"), ident("sister")} == resting(lane.book, RESTS, lane.now)
    if way == "over":
        times = lane.book.failings[ident("gier")]
        lane.book.failings = {ident("gier"): [time - RELIABILITY_WINDOW for time in times]}
    else:
        firm = replace(lane.book.requirements[WANTED].terms, commitment="firm")
        lane.add(
            RequirementAmended(
                market=MARKET, requirement=WANTED, organisation=ident("gier"), terms=firm, keeps_rank=False
            )
        )
    assert WANTED in {each.requirement for each in facts_of_type(lane.round(), MatchStruck)}


def test_sisters_are_counted_together_as_their_group_stands() -> None:
    lane = declining()
    lane.book.failings = {ident("gier"): [START], ident("sister"): [START - DAY]}
    assert {START, START - DAY} == set(failed_times(lane.book, ident("sister")))
    assert {ident("gier"), ident("sister")} == resting(lane.book, RESTS, START)
    lane.admit(member("sister", group=ident("another group")))
    assert ([START], frozenset()) == (
        failed_times(lane.book, ident("gier")),
        resting(lane.book, RESTS, START),
    )


@pytest.mark.parametrize(
    ("days_ago", "until"),
    [((), None), ((0,), None), ((0, 90), None), ((0, 89), 1), ((3, 5, 7), 85), ((7, 3, 100, 5), 85)],
)
def test_from_the_second_failing_on_until_it_is_ninety_days_old(
    days_ago: tuple[int, ...], until: int | None
) -> None:
    assert 2 == FAILINGS_MAX
    failed: list[datetime] = [START - days * DAY for days in days_ago]
    assert (None if until is None else START + until * DAY) == firm_only_until(failed, START)


def test_its_owner_is_told_that_it_rests_and_others_that_it_is_not_available() -> None:
    lane = declining()
    rounds(lane, 2)
    lane.admit(member("seller"))
    offer = lane.offer("seller", "offer")
    whole = candidates(lane.book, lane.facts(), WANTED)
    assert whole is not None
    own = own_candidates(whole, ident("gier"), INTEGER_MAX, None)
    assert own is not None
    assert ("resting", "resting", 0, ()) == (whole.standing, own.standing, own.eligible, own.reasons)
    of_offer = candidates(lane.book, lane.facts(), offer)
    assert of_offer is not None
    assert {WANTED: ["not_available"], HONEST: []} == {
        each.counter_order: [reason.code for reason in each.reasons] for each in of_offer.verdicts
    }
    done = Round(lane)
    seen = done.own(WANTED)
    assert ("resting", None, 0) == (seen.outcome, seen.why, seen.filled_g)
    assert ["not_available"] == [
        reason.code
        for each in done.whole(offer).alternatives
        if each.counter_order == WANTED
        for reason in each.reasons
    ]


def told_until(line: PartnerLine) -> datetime | None:
    told = msgspec.json.decode(line.body).get("firm_only_until")
    return None if told is None else datetime.fromisoformat(told)


def test_the_side_that_declines_too_often_is_told_until_when() -> None:
    for rules, told in ((RESTS, [None, 91, 92]), (rule_set(), [None] * 3)):
        lane = declining(rules)
        rounds(lane, 2)
        shown, outcomes = ShownLane(), list[PartnerLine]()
        for event in lane.events:
            outcomes += [line for line in shown.step(event) if line.type == "partner.match.declined.v1"]
        of_gier = [told_until(line) for line in outcomes if line.audience == ident("gier")]
        assert [None if days is None else START + days * DAY for days in told] == of_gier
        others = [told_until(line) for line in outcomes if line.audience != ident("gier")]
        assert [None] * 3 == others


@pytest.mark.parametrize("rests", [True, False])
def test_a_decline_warns_of_what_follows_from_it(rests: bool) -> None:
    assert [] == decline_cautions([], START, rests=rests)
    assert [] == decline_cautions([START - RELIABILITY_WINDOW], START, rests=rests)
    (caution,) = decline_cautions([START - 3 * DAY], START, rests=rests)
    assert "firm_orders_only" == caution.code
    assert (START + 87 * DAY).date().isoformat() in caution.text
    assert rests == ("meet nobody" in caution.text)


@pytest.mark.parametrize("side", ["seller", "buyer"])
def test_supplies_rest_as_requirements_do(side: str) -> None:
    lane = Lane(rules=replace(RESTS, conditional_orders_rest=True))
    lane.admit(member("seller"), member("buyer"))
    offer = lane.lot("seller", "lot", commitment=SOFT)
    wanted = lane.require("buyer", "wanted", commitment=SOFT)
    pair = lane.book.supplies[offer], lane.book.requirements[wanted]
    assert () == reasons(*pair, lane.facts())
    lane.book.failings = {ident(side): [START, START]}
    assert ["not_available"] == [each.code for each in reasons(*pair, lane.facts())]
    assert () == eligible_deliveries(*pair, lane.facts())
    assert [] == facts_of_type(lane.round(), MatchStruck)
    assert UNSET is rule_set().conditional_orders_rest
