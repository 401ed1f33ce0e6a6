"""The file of a next rule set: what stands, and every rule that came after it."""

from datetime import UTC, datetime

from msgspec import structs

from market.cli.rule_switches import SWITCHES
from market.cli.rules_next import following
from market.http.rounds.rule_sets import RuleSetTerms
from tests.market_drafts import rule_set

EARLIEST = datetime(2026, 3, 2, 9, 30, 20, tzinfo=UTC)


def test_amounts_stay_and_every_later_rule_is_put_into_effect() -> None:
    stands = structs.replace(RuleSetTerms.outside(rule_set()), **dict.fromkeys(SWITCHES, False))
    found = following(stands, EARLIEST)
    expected = structs.replace(
        stands,
        version=stands.version + 1,
        effective_from=datetime(2026, 3, 2, 9, 31, tzinfo=UTC),
        **dict.fromkeys(SWITCHES, True),
    )
    assert expected == found


def test_amounts_that_were_announced_for_a_later_day_do_not_begin_before_it() -> None:
    announced = datetime(2026, 4, 1, tzinfo=UTC)
    stands = structs.replace(RuleSetTerms.outside(rule_set()), effective_from=announced)
    assert announced == following(stands, EARLIEST).effective_from


def test_every_switch_of_a_rule_set_is_known() -> None:
    defaults = {each.name for each in structs.fields(RuleSetTerms) if each.default is True}
    assert {"only_larger_of_recycled_and_rex", *SWITCHES} == defaults
