"""That an order had to be left out, or to stop short, is no word of the matcher: it is cleared again."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from events.envelope import Draft
from events.market_events import ClearingCompleted, ClearingEvidence, MatchStruck
from market.audit.round_audit import BY_CERTIFICATE, BY_SOLVER, RoundCheck
from market.cli.verify import told_proof
from market.rules.clearing.breaches import CertificateBroken
from market.rules.clearing.certificate import expected_record
from market.rules.clearing.posing import INDIVISIBLE, TOLERANCE
from market.rules.clearing.sections import clear_section
from tests.blotter import BULK, EUR, Lane, T, eur, ident, member, rule_set
from tests.rules.small_rounds import posed, small_round
from tests.rules.test_certificate import faults, lone_trade
from tests.rules.test_lane_audit import audited, records

both = pytest.mark.parametrize("rounds", [BY_CERTIFICATE, BY_SOLVER], ids=["certificate", "solver"])


def equal_asks(later_first: bool) -> Lane:
    """Three lots at one ask for one need; by `later_first` the earliest asks so much that it cannot trade."""
    lane = Lane(rules=rule_set(marginality_tolerance_ppb=10_000_000))
    lane.admit(*(member(name) for name in ("first", "second", "third", "buyer")))
    for name in ("first", "second", "third"):
        dear = later_first and name == "first"
        lane.offer(name, name, ask=eur((90 if dear else 60) * EUR), packaging=BULK)
    lane.require("buyer", "wanted")
    return lane


def short_of_packages(later_first: bool) -> Lane:
    """Two lots of big bags at one ask, a small need and a large one; or the first lot has but one bag."""
    lane = Lane(rules=rule_set(marginality_tolerance_ppb=0))
    lane.admit(*(member(name) for name in ("first", "second", "small", "large")))
    for name in ("first", "second"):
        few = later_first and name == "first"
        lane.offer(name, name, ask=eur(60 * EUR), net_wet_g=(1 if few else 25) * T)
    lane.require("small", "a bag", basis_g=224_000)
    lane.require("large", "many", basis_g=4_480_000)
    return lane


def forged(made: Callable[[bool], Lane], reason: str) -> tuple[Lane, list[Draft]]:
    """What a matcher records that says `reason` of the first lot, so that the second one trades."""
    lane = made(False)
    of, _ = posed(lane, lane.plan())
    other = made(True)
    facts: list[Any] = [draft.data for draft in posed(other, other.plan())[1]]
    told = [_says(fact, reason) for fact in facts]
    for _ in range(2):
        told = [draft.data for draft in expected_record(of, told)]
    return lane, list(expected_record(of, told))


def _says(fact: Any, reason: str) -> Any:
    """Of the firm part; in the other one the first lot has a rest that meets nobody."""
    if not isinstance(fact, ClearingEvidence):
        return fact
    first = ident("first")
    if fact.section != "spot-firm":
        rest = (
            () if any(dual.order == first for dual in fact.duals) else (replace(fact.duals[0], order=first),)
        )
        return replace(fact, duals=(*rest, *fact.duals))
    duals = (replace(dual, effective_reason=reason) if dual.order == first else dual for dual in fact.duals)
    return replace(fact, duals=tuple(duals))


def sold(facts: list[Any]) -> dict[Any, int]:
    struck = [fact for fact in facts if isinstance(fact, MatchStruck)]
    return {(fact.supply, fact.requirement): fact.quantity_basis_g for fact in struck}


@both
@pytest.mark.parametrize(
    ("made", "reason"), [(equal_asks, TOLERANCE), (short_of_packages, INDIVISIBLE)], ids=["out", "short"]
)
def test_a_lot_that_is_passed_over_for_a_later_one_at_its_price_is_found(
    made: Callable[[bool], Lane], reason: str, rounds: RoundCheck
) -> None:
    """No euro is lost, so no gap tells: only that the first lot had the earlier rank."""
    lane, drafts = forged(made, reason)
    completed = drafts[-1].data
    assert isinstance(completed, ClearingCompleted)
    assert {"0"} == {result.gap for result in completed.sections}
    large = ident("wanted" if made is equal_asks else "many")
    assert (ident("second"), large) in sold([draft.data for draft in drafts])
    lane.append(drafts)
    verdict = audited(records(lane), rounds)
    assert verdict.divergence is not None
    if rounds is BY_CERTIFICATE:
        assert verdict.divergence.field == "spot-firm/duals/0/effective_reason"
        assert (reason, "none") == (verdict.divergence.recorded, verdict.divergence.expected)


def test_an_order_left_out_at_a_loss_is_found_too() -> None:
    """The gap tells what it cost, but not that it was needless."""
    of, facts = lone_trade("subject_to_confirmation")
    told = [draft.data for draft in expected_record(of, [_nobody_trades(fact) for fact in facts])]
    completed = told[-1]
    assert isinstance(completed, ClearingCompleted)
    assert str(5_600_000 * 10 * EUR) == completed.sections[1].gap
    with pytest.raises(CertificateBroken) as caught:
        expected_record(of, told, clear_section)
    assert ["duals/0/effective_reason", "duals/1/effective_reason", "waterfalls/quantity_basis_g"] == [
        breach.field for breach in caught.value.breaches
    ]


def _nobody_trades(fact: Any) -> Any:
    if not isinstance(fact, ClearingEvidence):
        return fact
    idle = {"dual_ueur_per_kg": 0, "rank_dual": "0", "tiebreak_dual": "0", "effective_reason": TOLERANCE}
    return replace(fact, waterfalls=(), duals=tuple(replace(dual, **idle) for dual in fact.duals))


def test_rounds_that_are_cleared_again_are_what_they_were() -> None:
    reduced = 0
    for seed in range(60):
        of, recorded = posed(*small_round(seed))
        facts = [draft.data for draft in recorded]
        assert recorded == expected_record(of, facts, clear_section), seed
        duals = [dual for fact in facts if isinstance(fact, ClearingEvidence) for dual in fact.duals]
        reduced += any(dual.effective_reason is not None for dual in duals)
    assert reduced > 10


def test_without_a_solver_the_record_stands_and_says_what_is_not_proved() -> None:
    lane, drafts = forged(equal_asks, TOLERANCE)
    facts: list[Any] = [draft.data for draft in drafts]
    of, honest = posed(lane, lane.events[-1])
    assert [] == faults(of, facts)
    proved = "proved: no set of trades is better, and every price and cent follows from the book"
    assert [proved, *told_proof([draft.data for draft in honest])] == [proved, proved]
    left_out = "not proved: that 1 order had to be left out or filled in part; `lodestone clear` shows that"
    assert [proved, left_out] == list(told_proof(facts))


def test_a_certificate_tells_how_much_better_other_trades_may_be() -> None:
    of, facts = lone_trade("subject_to_confirmation")
    told = [draft.data for draft in expected_record(of, [_nobody_trades(fact) for fact in facts])]
    proved, left_out = told_proof(told)
    assert proved.startswith("proved: no set of trades is better by more than 56000.00 EUR, and ")
    assert "2 orders" in left_out
