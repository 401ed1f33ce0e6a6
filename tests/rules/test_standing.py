"""What happens to an agreement that stands: conditions, extension, force majeure, termination, the clock."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules import standing
from contracts.rules.standing import PassTime, next_due
from events.contract_events import AgreementTerminated, ForceMajeureEnded
from events.contract_terms import TermClause
from events.vocabulary import Period
from tests.contract_support import CERTIFICATE, Paper, agreement_terms, spot_terms
from tests.desk_support import BUYER_TRADER, STRANGER_TRADER, blotter


def bound() -> Paper:
    return Paper().draft().sign_both()


@pytest.mark.parametrize(
    ("by", "condition", "changes", "expected"),
    [
        ("seller", "fid", {}, [("condition_unknown", None)]),
        ("buyer", "permit", {}, [("condition_of_other", None)]),
        ("seller", "permit", {"outcome": "waived"}, [("condition_of_other", None)]),
        ("seller", "permit", {"evidence": ()}, [("evidence_missing", "/evidence")]),
        ("seller", "permit", {"on": date(2026, 3, 9)}, [("date_in_future", "/on")]),
        (
            "seller",
            "permit",
            {"evidence": (replace(CERTIFICATE, dated_on=date(2026, 3, 3)),)},
            [("dates_out_of_order", "/evidence/0/dated_on")],
        ),
        (
            "seller",
            "permit",
            {"evidence": (replace(CERTIFICATE, title="\n"),)},
            [("malformed_member", "/evidence")],
        ),
        ("seller", "permit", {"caller": STRANGER_TRADER}, [("agreement_unknown", None)]),
    ],
)
def test_a_condition_is_met_by_who_brings_it_with_evidence(
    by: str, condition: str, changes: Any, expected: Any
) -> None:
    assert expected == blotter(lambda: bound().settle(by, condition, **changes))


def test_conditions_wait_for_both_signatures() -> None:
    reasons = blotter(lambda: Paper().draft().settle("seller", "permit"))
    assert [("status_unfit", None)] == reasons


def test_an_overdue_condition_is_waived_or_amended_but_not_met() -> None:
    paper = bound().on(date(2026, 7, 1))
    assert [("condition_overdue", "/on")] == blotter(lambda: paper.settle("seller", "permit"))
    paper.settle("buyer", "permit", outcome="waived", evidence=())
    assert "binding_subject_to_cp" == paper.stands.status
    paper.settle("buyer", "financing")
    assert ("effective", date(2027, 1, 1)) == (paper.stands.status, paper.stands.starts_on)


def test_a_condition_is_settled_once_and_nothing_after_the_long_stop() -> None:
    paper = bound().settle("seller", "permit")
    assert [("condition_done", None)] == blotter(lambda: paper.settle("seller", "permit"))
    paper.on(date(2027, 1, 1))
    assert [("long_stop_passed", None), ("condition_overdue", "/on")] == blotter(
        lambda: paper.settle("buyer", "financing")
    )


def test_the_contract_years_begin_with_the_last_condition_when_it_is_later() -> None:
    terms = agreement_terms(term=replace(agreement_terms().term, starts_on=None))
    paper = Paper().draft(terms=terms).sign_both().settle("seller", "permit")
    paper.on(date(2026, 5, 4)).settle("buyer", "financing")
    assert (date(2026, 5, 4), date(2029, 5, 4)) == (paper.stands.starts_on, paper.stands.ends_on)


def test_the_long_stop_date_ends_what_is_not_effective() -> None:
    paper = bound()
    due = next_due(paper.stands)
    assert datetime(2027, 1, 1, tzinfo=UTC) == due
    assert [("not_due", None)] == blotter(paper.on(date(2026, 12, 31)).pass_time)
    paper.on(date(2027, 1, 1)).pass_time()
    ended = paper.facts[-1]
    assert isinstance(ended, AgreementTerminated)
    assert (None, "long_stop_passed") == (ended.by, ended.reason)
    assert [("not_due", None)] == blotter(paper.pass_time)
    assert [("agreement_ended", None), ("status_unfit", None)] == blotter(
        lambda: paper.settle("seller", "permit")
    )


def test_the_clock_is_the_operators() -> None:
    paper = bound().on(date(2027, 1, 1))
    argument = PassTime(caller=BUYER_TRADER, agreement=paper.stands.agreement)
    assert [("role_missing", None)] == blotter(
        lambda: standing.pass_time(paper.state, argument, paper.moment)
    )


def test_an_extension_is_the_option_of_one_side_in_time() -> None:
    paper = Paper().effective()
    assert date(2030, 1, 1) == paper.stands.ends_on
    assert [("extension_of_other", None)] == blotter(lambda: paper.extend("seller"))
    paper.on(date(2029, 10, 3))
    assert [("extension_late", None)] == blotter(lambda: paper.extend("buyer"))
    paper.on(date(2029, 10, 2)).extend("buyer")
    assert (1, date(2031, 1, 1)) == (paper.stands.extensions, paper.stands.ends_on)
    assert [("extensions_used", None)] == blotter(lambda: paper.extend("buyer"))
    assert [("status_unfit", None)] == blotter(lambda: bound().extend("buyer"))


def test_an_expired_agreement_takes_no_step() -> None:
    paper = Paper().effective().on(date(2030, 1, 1)).pass_time()
    assert ("expired", "term_over") == (paper.stands.status, paper.stands.ended_reason)
    for step in (
        lambda: paper.extend("buyer"),
        lambda: paper.suspend("seller"),
        lambda: paper.terminate("seller", "breach"),
        lambda: paper.propose("seller", spot_terms()),
    ):
        assert ("agreement_ended", None) == blotter(step)[0]


def running() -> Paper:
    return Paper().effective().on(date(2027, 3, 1))


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ((1, 30), [("period_not_now", "/period")]),
        ((-20, -1), [("period_not_now", "/period")]),
        ((-90, 30), [("before_effect", "/period/start")]),
    ],
)
def test_force_majeure_is_declared_while_it_lasts(period: tuple[int, int], expected: Any) -> None:
    paper = running()
    start, end = (paper.now + timedelta(days=days) for days in period)
    reasons = blotter(lambda: paper.suspend("seller", period=Period(start=start, end=end)))
    assert expected == reasons


def test_suspensions_do_not_overlap() -> None:
    paper = running().suspend("seller", days=10)
    assert "suspended_fm" == paper.stands.status
    assert [("status_unfit", None)] == blotter(lambda: paper.suspend("buyer"))
    assert [("suspension_of_other", None)] == blotter(lambda: paper.resume("buyer"))
    assert "effective" == paper.on(date(2027, 3, 6)).resume("seller").stands.status
    overlapping = Period(start=paper.now - timedelta(days=1), end=paper.now + timedelta(days=9))
    assert [("periods_overlap", "/period")] == blotter(lambda: paper.suspend("buyer", period=overlapping))
    paper.suspend("buyer", days=5)
    assert 2 == len(paper.stands.suspensions)


def test_a_suspension_ends_with_its_period() -> None:
    paper = running().suspend("seller", days=10)
    end = paper.stands.suspensions[-1].period.end
    assert end == next_due(paper.stands)
    paper.on(date(2027, 4, 1)).pass_time()
    ended = paper.facts[-1]
    assert isinstance(ended, ForceMajeureEnded)
    assert (end, "effective") == (ended.ended_at, paper.stands.status)
    assert [("status_unfit", None)] == blotter(lambda: paper.resume("seller"))


def test_a_suspended_agreement_expires_all_the_same() -> None:
    paper = Paper().effective().on(date(2029, 12, 15)).suspend("seller", days=60)
    paper.on(date(2030, 1, 1)).pass_time()
    assert "expired" == paper.stands.status


@pytest.mark.parametrize(
    ("reason", "status", "fits"),
    [
        ("negotiation_failed", "draft", True),
        ("negotiation_failed", "effective", False),
        ("breach", "draft", False),
        ("breach", "effective", True),
        ("condition_failed", "binding_subject_to_cp", True),
        ("condition_failed", "effective", False),
        ("prolonged_force_majeure", "effective", False),
        ("prolonged_force_majeure", "suspended_fm", True),
    ],
)
def test_an_agreement_ends_for_reasons_that_fit_its_status(reason: str, status: str, *, fits: bool) -> None:
    papers: dict[str, Callable[[], Paper]] = {
        "draft": lambda: Paper().draft(),
        "binding_subject_to_cp": bound,
        "effective": running,
        "suspended_fm": lambda: running().suspend("seller"),
    }
    paper = papers[status]()
    assert status == paper.stands.status
    if fits:
        paper.terminate("buyer", reason, note="as agreed in Turin")
        assert ("terminated", reason) == (paper.stands.status, paper.stands.ended_reason)
        assert next_due(paper.stands) is None
    else:
        assert [("reason_unfit", "/reason")] == blotter(lambda: paper.terminate("buyer", reason))


def test_a_leap_day_has_its_anniversaries() -> None:
    terms = spot_terms(delivery=agreement_terms().delivery)
    paper = Paper(datetime(2028, 2, 29, 9, tzinfo=UTC)).draft(
        terms=replace(terms, term=TermClause(years=1)), kind="spot"
    )
    paper.sign_both()
    assert (date(2028, 2, 29), date(2029, 2, 28)) == (paper.stands.starts_on, paper.stands.ends_on)
