"""Plans of rounds: one at a time, at the interval or with notice, with the rule set of the cut."""

from datetime import timedelta

from msgspec.structs import replace

from events.market_events import ClearingAbandoned, ClearingPlanned, MarketHalted, MarketResumed
from events.market_terms import RuleSet
from market.rules.book import Halt, PublishedRuleSet
from market.rules.clearing import clearings
from market.rules.clearing.clearings import (
    AbandonClearing,
    HaltMarket,
    PlanClearing,
    PlanState,
    ResumeMarket,
    rule_set_sha256,
)
from tests.desk_support import (
    LANE,
    MARKET,
    NOW,
    OPERATOR_CALLER,
    PLAN,
    RULE_SET,
    SELLER_TRADER,
    TERMS,
    blotter,
    day,
    facts,
    moment,
    numbered,
)

HOUR = timedelta(hours=1)
SECOND_RULES = replace(RULE_SET, version=2, min_value_share_ppb=1, effective_from=NOW + HOUR)
STATE = PlanState(
    market=MARKET,
    lane=LANE,
    terms=TERMS,
    rule_sets=[
        PublishedRuleSet(rule_set=RULE_SET, position=2),
        PublishedRuleSet(rule_set=SECOND_RULES, position=9),
    ],
    plan=None,
    last_round=6,
    last_time=NOW - HOUR,
    last_cut_time=NOW - HOUR,
)
BY_CLOCK = PlanClearing(caller=OPERATOR_CALLER, trigger="interval")
ON_DEMAND = PlanClearing(caller=OPERATOR_CALLER, trigger="demand", announced_at=NOW - timedelta(minutes=10))
ABANDON = AbandonClearing(
    caller=OPERATOR_CALLER, plan=PLAN, code="not_unique", reason="Eight tries gave no unique solution."
)


def planned(state: PlanState, argument: PlanClearing = BY_CLOCK) -> ClearingPlanned:
    (fact,) = facts(clearings.plan(state, argument, moment()))
    assert isinstance(fact, ClearingPlanned)
    return fact


def test_a_plan_is_refused_with_every_reason() -> None:
    open_plan = replace(STATE, plan=PLAN, rule_sets=[], last_cut_time=NOW)
    assert [
        ("role_missing", None),
        ("plan_open", None),
        ("not_due", None),
        ("rule_set_missing", None),
    ] == blotter(lambda: clearings.plan(open_plan, replace(BY_CLOCK, caller=SELLER_TRADER), moment()))
    assert [("market_unknown", None)] == blotter(lambda: clearings.plan(None, BY_CLOCK, moment()))


def test_a_round_by_the_clock_waits_for_its_interval() -> None:
    early = replace(STATE, last_cut_time=NOW - HOUR + timedelta(microseconds=1))
    assert [("not_due", None)] == blotter(lambda: clearings.plan(early, BY_CLOCK, moment()))
    assert 7 == planned(replace(STATE, last_cut_time=None)).round
    never = replace(STATE, terms=replace(TERMS, clearing_interval_seconds=0))
    assert [("on_demand_only", None)] == blotter(lambda: clearings.plan(never, BY_CLOCK, moment()))


def test_a_round_on_demand_keeps_the_notice_of_its_market() -> None:
    for announced_at in (None, NOW - timedelta(seconds=599)):
        late = replace(ON_DEMAND, announced_at=announced_at)
        assert [("notice_not_kept", None)] == blotter(
            lambda late=late: clearings.plan(STATE, late, moment())  # type: ignore[misc]
        )
    assert "demand" == planned(STATE, ON_DEMAND).trigger
    unannounced = replace(ON_DEMAND, announced_at=None)
    assert 7 == planned(replace(STATE, terms=replace(TERMS, sandbox=True)), unannounced).round
    assert 7 == planned(replace(STATE, terms=replace(TERMS, demand_notice_seconds=0)), unannounced).round


def test_a_plan_carries_the_whole_rule_set_of_its_cut() -> None:
    fact = planned(STATE)
    assert (MARKET, numbered(1_000), 7, NOW) == (fact.market, fact.plan, fact.round, fact.cut_time)
    assert (RULE_SET, rule_set_sha256(RULE_SET)) == (fact.rule_set, fact.rule_set_sha256)
    assert RULE_SET.algorithm == fact.algorithm


def test_the_cut_is_never_before_an_event_of_the_lane_or_an_earlier_cut() -> None:
    ahead = planned(replace(STATE, last_time=NOW + HOUR))
    assert (NOW + HOUR, 2) == (ahead.cut_time, ahead.rule_set.version)
    state = replace(STATE, last_cut_time=NOW + 2 * HOUR)
    assert NOW + 2 * HOUR == planned(state, ON_DEMAND).cut_time


def test_rule_sets_that_differ_have_different_hashes() -> None:
    other: RuleSet = replace(RULE_SET, effective_from=day(1, 2))
    assert 64 == len(rule_set_sha256(RULE_SET))
    assert rule_set_sha256(RULE_SET) != rule_set_sha256(other)


def test_only_the_open_plan_can_be_given_up() -> None:
    (fact,) = facts(clearings.abandon(replace(STATE, plan=PLAN), ABANDON, moment()))
    assert isinstance(fact, ClearingAbandoned)
    assert (PLAN, 6, "not_unique") == (fact.plan, fact.round, fact.code)
    assert [("plan_not_open", None)] == blotter(lambda: clearings.abandon(STATE, ABANDON, moment()))
    assert [("malformed_member", "/reason"), ("plan_not_open", None)] == blotter(
        lambda: clearings.abandon(STATE, replace(ABANDON, reason=""), moment())
    )
    assert [("market_unknown", None)] == blotter(lambda: clearings.abandon(None, ABANDON, moment()))


HALT = HaltMarket(caller=OPERATOR_CALLER, reason="an audit has found a divergence")
RESUME = ResumeMarket(caller=OPERATOR_CALLER, reason="it is mended")
HALTED = replace(STATE, halt=Halt(since=NOW - HOUR, reason="an audit"))


def test_a_halted_market_plans_no_round_and_is_halted_once() -> None:
    assert [("market_halted", None)] == blotter(lambda: clearings.plan(HALTED, BY_CLOCK, moment()))
    assert [("market_halted", None)] == blotter(lambda: clearings.plan(HALTED, ON_DEMAND, moment()))
    assert [("market_halted", None)] == blotter(lambda: clearings.halt(HALTED, HALT, moment()))
    assert [("market_not_halted", None)] == blotter(lambda: clearings.resume(STATE, RESUME, moment()))
    (resumed,) = facts(clearings.resume(HALTED, RESUME, moment()))
    assert MarketResumed(market=MARKET, reason="it is mended") == resumed


def test_a_halt_is_an_operators_and_says_why() -> None:
    trader = replace(HALT, caller=SELLER_TRADER, reason="")
    assert [("role_missing", None), ("malformed_member", "/reason")] == blotter(
        lambda: clearings.halt(STATE, trader, moment())
    )
    later = replace(RESUME, caller=SELLER_TRADER, reason="")
    assert [("role_missing", None), ("malformed_member", "/reason")] == blotter(
        lambda: clearings.resume(HALTED, later, moment())
    )
    assert [("market_unknown", None)] == blotter(lambda: clearings.halt(None, HALT, moment()))
    assert [("market_unknown", None)] == blotter(lambda: clearings.resume(None, RESUME, moment()))


def test_a_round_that_is_open_is_abandoned_before_its_market_is_halted() -> None:
    (halted,) = facts(clearings.halt(STATE, HALT, moment()))
    assert MarketHalted(market=MARKET, reason=HALT.reason) == halted
    abandoned, after = facts(clearings.halt(replace(STATE, plan=PLAN), HALT, moment()))
    assert isinstance(abandoned, ClearingAbandoned)
    assert (PLAN, 6, "market_halted") == (abandoned.plan, abandoned.round, abandoned.code)
    assert halted == after
