"""What the audit of one lane takes, counts and names, without any server."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from events.chain import next_head
from events.decision import LaneKey
from events.envelope import Draft, Recorded
from events.market_events import ClearingAbandoned, ClearingCompleted, ClearingEvidence, MatchStruck
from market.audit.lane_audit import LaneAudit, LaneRecord
from market.audit.lane_verdict import LaneVerdict
from market.audit.repeats import Repeats
from market.audit.round_audit import BY_CERTIFICATE, BY_SOLVER, RoundCheck
from market.rules.book import Book
from market.rules.clearing import posing, round_events
from market.rules.clearing.clearing import SOLVER_GAVE_UP, abandonment, conclude
from tests.blotter import BULK, DEPLOYMENT, MARKET, Lane, eur, ident, member, ndpr_price, rule_set
from tests.rules.test_chain_audit import told

KEY = LaneKey("market", 0)


def traded(**changes: Any) -> Lane:
    lane = Lane(**changes)
    lane.admit(member("seller"), member("buyer"))
    lane.offer("seller", "offer", commitment="subject_to_confirmation")
    lane.require("buyer", "wanted")
    return lane


def records(lane: Lane) -> list[LaneRecord]:
    return [
        LaneRecord(offset=offset, body=body, chain=event.chain.hex())
        for offset, (event, body) in enumerate(zip(lane.events, lane.bodies, strict=True))
    ]


def audited(
    fed: Sequence[LaneRecord],
    rounds: RoundCheck = BY_CERTIFICATE,
    repeats: Repeats | None = None,
    **given: Any,
) -> LaneVerdict:
    check = LaneAudit(KEY, DEPLOYMENT, rounds, repeats=repeats, **given)
    for record in fed:
        check.feed(record)
    if check.unsettled:
        for record in fed:
            check.reread(record)
    assert not check.unsettled
    verdict = check.verdict()
    told(verdict)
    return verdict


def found(verdict: LaneVerdict) -> tuple[str | None, int, int]:
    """(kind of divergence, rounds computed again, rounds abandoned for what nobody can prove)."""
    kind = None if verdict.divergence is None else verdict.divergence.kind
    return kind, verdict.clearings, verdict.abandoned_unproven


def fails(book: Book, plan: Recorded, _facts: Sequence[Any]) -> Sequence[Draft]:
    raise AssertionError(f"nothing clears {book.market} at {plan.position}")


FAILS = replace(BY_CERTIFICATE, expect=fails)
both = pytest.mark.parametrize("rounds", [BY_CERTIFICATE, BY_SOLVER], ids=["certificate", "solver"])


def given_up(lane: Lane, code: str = "withdrawn_by_operator", **changes: Any) -> None:
    """What an operator's command records: its cause is no plan."""
    plan: Any = lane.plan().data
    fact = {"market": MARKET, "plan": plan.plan, "round": plan.round, "code": code, "reason": "Told so."}
    lane.add(ClearingAbandoned(**(fact | changes)))


@both
def test_a_round_is_proved(rounds: RoundCheck) -> None:
    lane = traded()
    lane.round()
    lane.offer("seller", "later")
    lane.round()
    assert (None, 2, 0) == found(audited(records(lane), rounds))


@both
def test_an_order_between_plan_and_outcome_belongs_to_the_next_round(rounds: RoundCheck) -> None:
    lane = traded()
    plan = lane.plan()
    drafts = conclude(lane.book, plan)
    lane.offer("seller", "between", ask=eur(1))
    lane.record(ndpr_price())
    lane.append(drafts)
    assert (None, 1, 0) == found(audited(records(lane), rounds))


@both
def test_a_changed_price_is_named_where_it_stands(rounds: RoundCheck) -> None:
    lane = traded()
    plan = lane.plan()
    first, *others = conclude(lane.book, plan)
    assert isinstance(first.data, MatchStruck)
    price = first.data.price_ueur_per_kg
    lane.append([replace(first, data=replace(first.data, price_ueur_per_kg=price + 1)), *others])
    verdict = audited(records(lane), rounds)
    assert ("clearing", 0, 0) == found(verdict)
    assert verdict.divergence is not None
    assert (plan.position + 1, "price_ueur_per_kg", str(price)) == (
        verdict.divergence.position,
        verdict.divergence.field,
        verdict.divergence.expected,
    )


def test_a_changed_dual_breaks_the_certificate() -> None:
    lane = traded()
    drafts = list(conclude(lane.book, lane.plan()))
    place = next(k for k, draft in enumerate(drafts) if isinstance(draft.data, ClearingEvidence))
    part: Any = drafts[place].data
    dual = replace(part.duals[0], dual_ueur_per_kg=part.duals[0].dual_ueur_per_kg + 1)
    drafts[place] = replace(drafts[place], data=replace(part, duals=(dual, *part.duals[1:])))
    lane.append(drafts)
    verdict = audited(records(lane))
    assert ("certificate", 0, 0) == found(verdict)
    assert verdict.divergence is not None
    assert "dual_ueur_per_kg" in (verdict.divergence.field or "")
    assert ("clearing", 0, 0) == found(audited(records(lane), BY_SOLVER))


def tries(lane: Lane) -> set[int]:
    completed = [event.data for event in lane.events if isinstance(event.data, ClearingCompleted)]
    return {result.tries for fact in completed for result in fact.sections}


def tied(seed: int) -> Lane:
    """Two lots, two buyers, each as good for the other: tie-breaks of one bit often say nothing."""
    lane = Lane()
    lane.admit(*(member(name) for name in ("s1", "s2", "b1", "b2")))
    lane.offer("s1", f"offer {seed} 1", packaging=BULK)
    lane.offer("s2", f"offer {seed} 2", packaging=BULK)
    lane.require("b1", "wanted 1", basis_g=3_000_000)
    lane.require("b2", "wanted 2", basis_g=8_000_000)
    lane.round()
    return lane


@both
def test_a_second_try_of_the_tie_break_is_proved_by_clearing_again(
    rounds: RoundCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posing, "TIEBREAK_BITS", 1)
    found_lane = next(lane for lane in map(tied, range(20)) if tries(lane) == {1, 2})
    assert (None, 1, 0) == found(audited(records(found_lane), rounds))


@pytest.mark.parametrize("said", [2, 8])
def test_another_try_than_the_first_that_was_unique_is_named(said: int) -> None:
    lane = traded()
    *others, last = conclude(lane.book, lane.plan())
    assert isinstance(last.data, ClearingCompleted)
    first, *rest = last.data.sections
    sections = (replace(first, tries=said), *rest)
    lane.append([*others, replace(last, data=replace(last.data, sections=sections))])
    verdict = audited(records(lane))
    assert ("clearing", 0, 0) == found(verdict)
    assert verdict.divergence is not None
    assert ("sections/0/tries", str(said), "1") == (
        verdict.divergence.field,
        verdict.divergence.recorded,
        verdict.divergence.expected,
    )


@both
def test_a_match_left_out_is_named(rounds: RoundCheck) -> None:
    lane = traded()
    lane.append(conclude(lane.book, lane.plan())[1:])
    assert ("clearing", 0, 0) == found(audited(records(lane), rounds))


def test_a_round_of_an_algorithm_that_this_version_does_not_know_is_told_so() -> None:
    lane = traded(rules=rule_set(algorithm="lexicographic-1"))
    plan = lane.plan()
    known = traded()
    drafts = conclude(known.book, known.plan())
    lane.append(drafts)
    verdict = audited(records(lane))
    assert ("certificate", 0, 0) == found(verdict)
    assert verdict.divergence is not None
    assert "that this version does not check (This version computes lexicographic-3 only.)" in (
        verdict.divergence.sentence
    )
    assert plan.position > 0


def test_a_completed_round_of_more_sections_than_a_record_holds_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lane = traded()
    lane.round()
    monkeypatch.setattr(round_events, "RESULTS_BYTES_MAX", 500)
    verdict = audited(records(lane))
    assert ("certificate", 0, 0) == found(verdict)
    assert verdict.divergence is not None
    assert "round is completed" in verdict.divergence.sentence
    assert "too_many_sections" in verdict.divergence.sentence
    assert ("clearing", 0, 0) == found(audited(records(lane), BY_SOLVER))


@both
def test_a_round_that_a_machine_gave_up_is_taken_and_counted(rounds: RoundCheck) -> None:
    lane = traded()
    lane.append([abandonment(lane.plan(), SOLVER_GAVE_UP, "No result after 3 tries.")])
    lane.round()
    assert (None, 1, 1) == found(audited(records(lane), rounds))


@pytest.mark.parametrize("code", ["not_unique", "algorithm_unknown", "too_late"])
def test_a_matcher_abandons_for_no_reason_that_the_round_does_not_give(code: str) -> None:
    lane = traded()
    lane.append([abandonment(lane.plan(), code, "Told so.")])
    assert ("clearing", 0, 0) == found(audited(records(lane), BY_SOLVER))
    unproven = (None, 0, 1) if code == "not_unique" else ("clearing", 0, 0)
    assert unproven == found(audited(records(lane)))


def test_a_given_up_round_in_another_form_than_the_matchers_is_named() -> None:
    lane = traded()
    plan = lane.plan()
    draft = abandonment(plan, SOLVER_GAVE_UP, "No result after 3 tries.")
    lane.append([Draft(stream="market", lane=0, subject="x", data=draft.data, cause=str(plan.id))])
    assert ("clearing", 0, 0) == found(audited(records(lane)))


def test_a_round_given_up_after_some_of_its_matches_is_named() -> None:
    lane = traded()
    plan = lane.plan()
    lane.append(conclude(lane.book, plan)[:1])
    lane.append([abandonment(plan, SOLVER_GAVE_UP, "No result after 3 tries.")])
    assert ("clearing", 0, 0) == found(audited(records(lane)))


def test_an_operator_abandons_also_what_nothing_can_clear() -> None:
    lane = traded()
    given_up(lane)
    assert (None, 0, 1) == found(audited(records(lane)))
    assert (None, 0, 1) == found(audited(records(lane), FAILS))


def test_an_operator_gives_no_reason_that_the_round_refutes() -> None:
    lane = traded()
    given_up(lane, "not_unique")
    assert ("clearing", 0, 0) == found(audited(records(lane), BY_SOLVER))
    unknown = traded(rules=rule_set(algorithm="of-later"))
    given_up(unknown, "algorithm_unknown")
    assert (None, 0, 0) == found(audited(records(unknown)))
    assert (None, 0, 0) == found(audited(records(unknown), BY_SOLVER))


def test_an_operator_abandons_the_open_plan_and_no_other() -> None:
    lane = traded()
    given_up(lane, round=7)
    assert ("clearing", 0, 0) == found(audited(records(lane)))


def test_the_outcome_of_a_round_that_nothing_can_clear_is_named() -> None:
    lane = traded()
    lane.round()
    verdict = audited(records(lane), FAILS)
    assert ("plan", 0, 0) == found(verdict)
    assert verdict.divergence is not None
    assert "nothing clears" in verdict.divergence.sentence


def test_a_plan_that_is_left_open_is_named_at_the_next_one() -> None:
    lane = traded()
    lane.plan()
    lane.round()
    assert ("plan", 0, 0) == found(audited(records(lane)))


def altered(record: LaneRecord) -> LaneRecord:
    body = record.body.replace(b'"test"', b'"tesd"')
    assert body != record.body
    return LaneRecord(offset=record.offset, body=body, chain=record.chain)


def repeating(again: Sequence[LaneRecord], repeats: Repeats) -> tuple[int, str | None]:
    """(repeats, what is wrong with them) of a lane that goes on with records it had before."""
    verdict = audited([*records(traded()), *again], repeats=repeats)
    return verdict.repeats, None if verdict.divergence is None else verdict.divergence.kind


def test_a_lane_published_again_is_compared_however_far_back_it_begins() -> None:
    fed = records(traded())
    assert len(fed) > 4
    for window in (2, 65_536):
        assert (len(fed), None) == repeating(fed, Repeats(window))
        assert (len(fed) + 2, None) == repeating([*fed[:2], *fed], Repeats(window))


@pytest.mark.parametrize("place", [0, 1, -3, -1])
@pytest.mark.parametrize("window", [2, 65_536])
def test_a_repeat_with_other_bytes_is_named_however_far_back(window: int, place: int) -> None:
    again = records(traded())
    again[place] = altered(again[place])
    assert "repeat" == repeating(again, Repeats(window))[1]


def test_more_runs_of_old_repeats_than_can_be_kept_are_named() -> None:
    fed = records(traded())
    assert (2, None) == repeating([fed[0], fed[0]], Repeats(2, runs_max=2))
    assert (3, "repeat") == repeating([fed[0], fed[0], fed[0]], Repeats(2, runs_max=2))


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"[]", b'{"position":0}'])
def test_a_first_record_that_is_no_event_is_named(body: bytes) -> None:
    head = next_head(ident("any").bytes * 2, body)
    assert ("undecodable", 0, 0) == found(audited([LaneRecord(offset=0, body=body, chain=head.hex())]))


def test_a_recovery_is_held_against_the_chain_where_it_found_the_lane() -> None:
    fed = records(traded())
    assert found(audited(fed, anchors={3: fed[2].chain})) == (None, 0, 0)
    verdict = audited(fed, anchors={2: fed[2].chain})
    assert verdict.divergence is not None
    assert ("anchor", 2, fed[1].chain) == (
        verdict.divergence.kind,
        verdict.divergence.position,
        verdict.divergence.recorded,
    )
    assert ("truncated", 0, 0) == found(audited(fed[:-1], anchors={len(fed): fed[-1].chain}))
