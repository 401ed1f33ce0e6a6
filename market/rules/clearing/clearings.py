"""Clearing plans: when a round may be planned or abandoned, and halting a market."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.market_events import ClearingAbandoned, ClearingPlanned, MarketHalted, MarketResumed
from events.market_terms import MarketTerms, RuleSet
from events.refusal import NotDue, Refusal, refuse
from events.vocabulary import Instant
from events.wellformed import malformed
from market.rules.book import Halt, PublishedRuleSet, rule_set_at
from market.rules.orders.orders import RETRY_AFTER_SECONDS, halt_refusals
from market.rules.refusing.refusals import (
    MarketNotHalted,
    MarketUnknown,
    NoticeNotKept,
    OnDemandOnly,
    PlanNotOpen,
    PlanOpen,
    RuleSetMissing,
)
from market.rules.refusing.wording import Code, Text

HALTED: Final = "market_halted"
"""Code of a round that was open when its market was halted."""


class PlanState(Struct, frozen=True, kw_only=True):
    """`last_time` is the time of the lane's newest event, `last_cut_time` that of the newest plan; `plan` is
    the open one."""

    market: UUID
    lane: int
    terms: MarketTerms
    rule_sets: list[PublishedRuleSet]
    plan: UUID | None
    last_round: int
    last_time: datetime
    last_cut_time: datetime | None
    halt: Halt | None = None


class PlanClearing(Struct, frozen=True, kw_only=True):
    """`announced_at`: when a round on demand was announced to members, if the market requires notice."""

    caller: Caller
    trigger: Literal["interval", "demand"]
    announced_at: Instant | None = None


class AbandonClearing(Struct, frozen=True, kw_only=True):
    caller: Caller
    plan: UUID
    code: Code
    reason: Text


class HaltMarket(Struct, frozen=True, kw_only=True):
    caller: Caller
    reason: Text


class ResumeMarket(Struct, frozen=True, kw_only=True):
    caller: Caller
    reason: Text


def plan(state: PlanState | None, argument: PlanClearing, moment: Moment) -> Decision:
    """Plans a round: the fact's position becomes the cut; its time is not before any event of the lane.

    Raises Refusals.
    """
    if state is None:
        raise MarketUnknown
    cut_time = max(moment.now, state.last_time, state.last_cut_time or moment.now)
    rule_set = rule_set_at(state.rule_sets, cut_time)
    reasons = role_refusals(argument.caller, "operator") + halt_refusals(state.halt)
    if state.plan is not None:
        reasons.append(PlanOpen(round=state.last_round, retry_after_seconds=RETRY_AFTER_SECONDS))
    due = _interval_refusals if argument.trigger == "interval" else _demand_refusals
    refuse(reasons + due(state, argument, moment.now) + ([] if rule_set else [RuleSetMissing()]))
    assert rule_set is not None
    plan_id = moment.new_id()
    fact = ClearingPlanned(
        market=state.market,
        plan=plan_id,
        round=state.last_round + 1,
        cut_time=cut_time,
        rule_set=rule_set,
        rule_set_sha256=rule_set_sha256(rule_set),
        algorithm=rule_set.algorithm,
        trigger=argument.trigger,
    )
    return Decision(drafts=(_draft(state, plan_id, fact),))


def abandon(state: PlanState | None, argument: AbandonClearing, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    if state is None:
        raise MarketUnknown
    reasons = role_refusals(argument.caller, "operator") + malformed(argument)
    if state.plan != argument.plan:
        reasons.append(PlanNotOpen())
    refuse(reasons)
    fact = ClearingAbandoned(
        market=state.market,
        plan=argument.plan,
        round=state.last_round,
        code=argument.code,
        reason=argument.reason,
    )
    return Decision(drafts=(_draft(state, argument.plan, fact),))


def halt(state: PlanState | None, argument: HaltMarket, moment: Moment) -> Decision:
    """Halts the market and abandons an open round: its results are not recorded. Raises Refusals."""
    del moment
    if state is None:
        raise MarketUnknown
    refuse(role_refusals(argument.caller, "operator") + malformed(argument) + halt_refusals(state.halt))
    halted = MarketHalted(market=state.market, reason=argument.reason)
    drafts = (_draft(state, state.market, halted),)
    if state.plan is None:
        return Decision(drafts=drafts)
    given_up = ClearingAbandoned(
        market=state.market, plan=state.plan, round=state.last_round, code=HALTED, reason=argument.reason
    )
    return Decision(drafts=(_draft(state, state.plan, given_up), *drafts))


def resume(state: PlanState | None, argument: ResumeMarket, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    if state is None:
        raise MarketUnknown
    reasons = role_refusals(argument.caller, "operator") + malformed(argument)
    if state.halt is None:
        reasons.append(MarketNotHalted())
    refuse(reasons)
    fact = MarketResumed(market=state.market, reason=argument.reason)
    return Decision(drafts=(_draft(state, state.market, fact),))


def _interval_refusals(state: PlanState, argument: PlanClearing, now: datetime) -> list[Refusal]:
    """A scheduled round is refused before the interval since the last cut is over; the timer adds the random
    delay."""
    del argument
    if state.terms.clearing_interval_seconds == 0:
        return [OnDemandOnly()]
    if state.last_cut_time is None:
        return []
    due = state.last_cut_time + timedelta(seconds=state.terms.clearing_interval_seconds)
    return [NotDue(due=due.isoformat())] if now < due else []


def _demand_refusals(state: PlanState, argument: PlanClearing, now: datetime) -> list[Refusal]:
    """A sandbox market needs no notice."""
    notice = state.terms.demand_notice_seconds
    if state.terms.sandbox or notice == 0:
        return []
    earliest = (argument.announced_at or now) + timedelta(seconds=notice)
    if now < earliest:
        return [NoticeNotKept(notice_seconds=notice, earliest=earliest.isoformat())]
    return []


def _draft(state: PlanState, subject: UUID, fact: Fact) -> Draft:
    return Draft(stream="market", lane=state.lane, subject=str(subject), data=fact)


def rule_set_sha256(rule_set: RuleSet) -> str:
    """SHA-256 of the rule set as canonical JSON, in hexadecimal."""
    return sha256(msgspec.json.encode(rule_set, order="deterministic")).hexdigest()
