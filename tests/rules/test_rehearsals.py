"""Trials of a draft rule set: who may ask, and what they say a round would have been."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from events.decision import Decision
from events.envelope import Draft, Recorded
from events.market_events import MatchStruck, RuleSetRehearsed
from events.market_terms import RuleSet, SustainabilityProfile
from events.policy_terms import PortfolioLimits
from events.vocabulary import OriginStep
from market.rules.book import Book
from market.rules.clearing.clearing import abandonment, conclude
from market.rules.clearing.clearings import rule_set_sha256
from market.rules.clearing.rounds_again import again
from market.rules.inputs import InputState
from market.rules.refusing.refusals import RoundNotComputable
from market.rules.rehearsals import Rehearsal, RehearsalState, RehearseRuleSet, compare, rehearse
from market.rules.visibility.quotes import LastRound
from tests.blotter import EU, EUR, Lane, eur, facts_of_type, ident, member, rule_set
from tests.desk_support import (
    MARKET,
    OPERATOR_CALLER,
    PLAN,
    RULE_SET,
    SELLER_TRADER,
    TERMS,
    inputs,
    moment,
    refusals,
)

STATE = RehearsalState(
    inputs=InputState(market=MARKET, lane=3, terms=TERMS, inputs=inputs(), rule_sets=[], members={}),
    last_round=LastRound(plan=PLAN, round=4),
)


def codes(decide: Callable[[], Decision]) -> list[str]:
    return [refusal.code for refusal in refusals(decide)]


def trial(draft: RuleSet = RULE_SET, caller: Any = OPERATOR_CALLER) -> RehearseRuleSet:
    return RehearseRuleSet(caller=caller, rule_set=draft)


@pytest.mark.parametrize(
    ("state", "argument", "expected"),
    [
        (None, trial(), ["market_unknown"]),
        (STATE, trial(caller=SELLER_TRADER), ["role_missing"]),
        (replace(STATE, last_round=None), trial(), ["round_missing"]),
        (
            replace(STATE, last_round=None),
            trial(replace(RULE_SET, algorithm="greedy-1", eu_countries=("DE", "DE"))),
            ["algorithm_unknown", "duplicate_entry", "round_missing"],
        ),
        (STATE, trial(replace(RULE_SET, thin_component_groups=0)), ["malformed_member"]),
    ],
    ids=["no market", "a trader", "no round", "all at once", "malformed"],
)
def test_a_trial_needs_an_operator_a_round_and_a_sound_rule_set(
    state: RehearsalState | None, argument: RehearseRuleSet, expected: list[str]
) -> None:
    assert expected == codes(lambda: rehearse(state, argument, moment()))


def test_a_trial_is_a_fact_whatever_its_version_and_notice() -> None:
    draft = replace(RULE_SET, version=99)
    (found,) = rehearse(STATE, trial(draft), moment()).drafts
    fact = found.data
    assert isinstance(fact, RuleSetRehearsed)
    assert (PLAN, 4, draft, rule_set_sha256(draft)) == (
        fact.plan,
        fact.round,
        fact.rule_set,
        fact.rule_set_sha256,
    )


class Tried:
    """A recorded round with three sellers and two buyers whose bids follow the rule set."""

    def __init__(self, **wanted: Any) -> None:
        """`wanted`: of the second requirement; where it says something, the lots are from China."""
        lane = Lane()
        lane.admit(*(member(name) for name in ("s0", "s1", "s2", "b0", "b1")))
        for k, price in enumerate((60, 65, 72)):
            origin = (OriginStep(stage="processing", country="CN" if wanted else "DE"),)
            lane.offer(f"s{k}", f"offer {k}", ask=eur(price * EUR), origin=origin)
        lane.require("b0", "wanted 0", limit=eur(70 * EUR), profile=None)
        lane.require("b1", "wanted 1", profile=None, **({"limit": eur(64 * EUR)} | wanted))
        self.plan: Recorded = lane.plan()
        self.book: Book = msgspec.msgpack.decode(msgspec.msgpack.encode(lane.book), type=Book)
        self.recorded = [event.data for event in lane.append(conclude(lane.book, self.plan))]
        self.struck = facts_of_type(lane.events, MatchStruck)

    def drafts(self, draft: RuleSet) -> tuple[Draft, ...]:
        return conclude(*again(self.book, self.plan, draft))

    def under(self, draft: RuleSet) -> Rehearsal:
        return compare(self.book, self.recorded, self.drafts(draft))


def test_the_rule_set_of_the_round_changes_nothing() -> None:
    tried = Tried()
    found = tried.under(rule_set())
    assert ((), ()) == (found.pairs, found.organisations)
    assert (found.before, found.welfare_before) == (found.after, found.welfare_after)
    assert [each.quantity_basis_g for each in tried.struck] == [5_600_000]
    assert 5_600_000 == found.before.quantity_basis_g


def test_what_a_draft_would_change_is_told_in_totals_by_pair_and_by_organisation() -> None:
    """EU origin at 3 EUR brings the second buyer to the second seller and raises the first's bid."""
    tried = Tried()
    draft = rule_set(
        default_profile=SustainabilityProfile(eu_origin_ueur_per_kg=3 * EUR, cap_ueur_per_kg=3 * EUR)
    )
    found = tried.under(draft)
    assert (1, 2) == (found.before.matches, found.after.matches)
    assert (5_600_000, 11_200_000) == (found.before.quantity_basis_g, found.after.quantity_basis_g)
    assert found.welfare_after - found.welfare_before > 5_600_000 * 3 * EUR
    gained = [pair for pair in found.pairs if pair.kind == "gained"]
    assert {"b1"} <= {name for name in ("b0", "b1") for pair in gained if pair.buyer == ident(name)}
    for pair in gained:
        assert (0, 5_600_000, None) == (
            pair.quantity_before_g,
            pair.quantity_after_g,
            pair.price_before_ueur_per_kg,
        )
    by_name = {change.organisation: change for change in found.organisations}
    assert (0, 5_600_000) == (
        by_name[ident("b1")].before.quantity_basis_g,
        by_name[ident("b1")].after.quantity_basis_g,
    )
    sides = [
        sum(change.after.amount_cents_eur for change in found.organisations),
        found.after.amount_cents_eur,
    ]
    assert sides[0] <= 2 * sides[1]


def test_a_trial_keeps_portfolio_limits_under_the_draft() -> None:
    """A draft that counts China to the union leaves nothing of the second buyer's limit."""
    nothing_of_china = PortfolioLimits(third_country_max_ppb=0)
    tried = Tried(portfolio=nothing_of_china, limit=eur(66 * EUR))
    same, wider = (tried.under(rule_set(eu_countries=eu)) for eu in (EU, (*EU, "CN")))
    assert (1, 1) == (same.before.matches, same.after.matches)
    assert (1, 2) == (wider.before.matches, wider.after.matches)
    assert ident("b1") in {pair.buyer for pair in wider.pairs if pair.kind == "gained"}


def test_what_a_draft_would_lose_is_told() -> None:
    tried = Tried()
    costly = SustainabilityProfile(floor_ueur_per_kg=-20 * EUR, cap_ueur_per_kg=-20 * EUR)
    found = tried.under(rule_set(default_profile=costly))
    assert ["lost"] == [pair.kind for pair in found.pairs]
    assert (0, 0, 0) == (found.after.matches, found.after.amount_cents_eur, found.welfare_after)


def test_a_trial_without_a_result_is_told() -> None:
    tried = Tried()
    with pytest.raises(RoundNotComputable, match="too many"):
        compare(tried.book, tried.recorded, (abandonment(tried.plan, "assignment_refused", "too many"),))


def test_trying_leaves_the_book_as_it_was() -> None:
    tried = Tried()
    before = msgspec.msgpack.encode(tried.book)
    tried.under(rule_set(thin_component_groups=3))
    assert before == msgspec.msgpack.encode(tried.book)
