"""The file of a next rule set: what stands, and every rule that came after it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec import structs

from events.market_terms import RuleSet
from market.cli import doctor_rules
from market.cli.doctor_rules import findings_of
from market.cli.rule_switches import SWITCHES, lacking, switched_off
from market.cli.rules_next import following
from market.http.rounds.rule_sets import RuleSetTerms
from market.store.inputs import RuleSetRow
from tests.market_drafts import rule_set

EARLIEST = datetime(2026, 3, 2, 9, 30, 20, tzinfo=UTC)


def test_amounts_stay_and_every_later_rule_is_put_into_effect() -> None:
    of_before = rule_set()
    assert list(SWITCHES) == lacking(of_before)
    stands = RuleSetTerms.outside(of_before)
    found = following(of_before, EARLIEST)
    expected = structs.replace(
        stands,
        version=stands.version + 1,
        effective_from=datetime(2026, 3, 2, 9, 31, tzinfo=UTC),
        **dict.fromkeys(SWITCHES, True),
    )
    assert expected == found
    assert ([], []) == (lacking(found.inside()), switched_off(found.inside()))


def test_what_was_switched_off_on_purpose_stays_so() -> None:
    published = structs.replace(following(rule_set(), EARLIEST), goods_agreed=False).inside()
    assert ([], ["goods_agreed"]) == (lacking(published), switched_off(published))
    assert ["goods_agreed"] == switched_off(following(published, EARLIEST).inside())


def row(recorded: RuleSet) -> RuleSetRow:
    return RuleSetRow(
        lane=0, market=UUID(int=7), position=1, published_time=EARLIEST, rule_set=recorded, signed_by=()
    )


def test_doctor_takes_what_was_switched_off_for_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    of_before, off = rule_set(), structs.replace(following(rule_set(), EARLIEST), goods_agreed=False).inside()
    assert ["attention", "attention"] == [each.state for each in findings_of([row(of_before)] * 2)]
    every, without = findings_of([row(off)])
    assert ("ok", "ok") == (every.state, without.state)
    assert "the newest of 1 market has every rule of this version but those switched off" == every.told
    assert (None, "version 2 switches off goods_agreed") == (without.help, without.told)
    assert ["attention", "ok"] == [each.state for each in findings_of([row(of_before), row(off)])]
    monkeypatch.setattr(doctor_rules, "TOLD_MAX", 1)
    assert "2 more markets switch some off" == findings_of([row(off)] * 3)[-1].told


def test_amounts_that_were_announced_for_a_later_day_do_not_begin_before_it() -> None:
    announced = datetime(2026, 4, 1, tzinfo=UTC)
    stands = structs.replace(rule_set(), effective_from=announced)
    assert announced == following(stands, EARLIEST).effective_from


def test_every_switch_of_a_rule_set_is_known() -> None:
    defaults = {each.name for each in structs.fields(RuleSetTerms) if each.default is True}
    assert {"only_larger_of_recycled_and_rex", *SWITCHES} == defaults
