"""Force majeure and terminations that the other side contests: who may, until when, and what it costs."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.clock import next_volume_due
from contracts.rules.contests import CONTEST_DAYS, assessed_from, is_contested
from contracts.rules.days import midnight
from contracts.rules.declared import suspension_cautions, termination_cautions
from contracts.rules.statements import statement
from contracts.rules.volumes import Volumes, YearVolume
from contracts.rules.year_accounts import ledger_of
from events.contract_events import AgreementTerminated, ForceMajeureDeclared, YearAssessed
from events.contract_terms import FixedVolume, TermClause, YearLedger
from events.price_clauses import FlatPrice
from events.vocabulary import Period
from market.audit.operator_audit import Operators
from tests.blotter import START, ident
from tests.contract_journeys import TAKE_OR_PAY, audited
from tests.contract_lane import ContractLane
from tests.contract_support import MICRO, TONNE_G, agreement_terms
from tests.desk_support import PERCENT_PPB, blotter
from tests.rules.test_command_audit import key_issued

TERMS = agreement_terms(
    term=TermClause(starts_on=date(2027, 1, 1), years=2),
    volume=FixedVolume(acq_g=(365 * TONNE_G, 365 * TONNE_G)),
    price=FlatPrice(price_micro_per_kg=10 * MICRO),
    take_or_pay=replace(TAKE_OR_PAY, top_ppb=100 * PERCENT_PPB),
    nominations=(),
    conditions=(),
)
"""365 t in each year: a tonne a day, of which all are to be taken."""
YEAR_END = date(2028, 1, 1)


def running() -> ContractLane:
    return ContractLane().draft(TERMS).sign().on(date(2027, 12, 3))


def declared(by: str = "buyer", length: int = 20) -> ContractLane:
    lane = running()
    return lane.suspend(by, length, evidence=lane.papers())


def ledgers(lane: ContractLane) -> list[YearLedger]:
    return [event.data.ledger for event in lane.events if isinstance(event.data, YearAssessed)]


def test_who_declared_it_does_not_contest_it_nor_does_anybody_twice_or_late() -> None:
    lane = declared()
    assert [("declaration_unknown", "/suspension")] == blotter(lambda: lane.contest("seller", 2))
    assert [("declaration_unknown", "/suspension")] == blotter(lambda: lane.contest("seller", None))
    assert [("side_wrong", None)] == blotter(lambda: lane.contest("buyer", 1))
    assert [("nothing_contested", None)] == blotter(lambda: lane.settle_contest("buyer", 1, "falls"))
    late = declared().on(date(2028, 1, 2))
    assert [("contest_over", None)] == blotter(lambda: late.contest("seller", 1))
    assert not is_contested(lane.stands)
    lane.contest("seller", 1)
    assert is_contested(lane.stands)
    assert [("contested_before", None)] == blotter(lambda: lane.contest("seller", 1))


def test_each_side_gives_in_for_itself_and_the_operator_shows_by_what_it_decides() -> None:
    lane = declared().contest("seller", 1)
    assert [("side_wrong", None)] == blotter(lambda: lane.settle_contest("buyer", 1, "stands"))
    assert [("side_wrong", None)] == blotter(lambda: lane.settle_contest("seller", 1, "falls"))
    bare = lane.settle_contest
    lane.papers = lambda: ()  # type: ignore[method-assign]  # no documents
    assert [("evidence_missing", "/evidence")] == blotter(lambda: bare("operator", 1, "falls"))
    lane.settle_contest("seller", 1, "stands")
    assert not is_contested(lane.stands)
    assert [("nothing_contested", None)] == blotter(lambda: lane.settle_contest("buyer", 1, "falls"))


def test_what_was_declared_before_it_could_be_contested_is_final() -> None:
    lane = running().suspend("buyer", 20)
    assert [("declaration_final", None)] == blotter(lambda: lane.contest("seller", 1))
    assert [] == ledgers(lane)
    lane.on(YEAR_END).pass_time()
    assert [20 * TONNE_G] == [each.force_majeure_g for each in ledgers(lane)]


def test_a_year_waits_while_its_force_majeure_may_be_contested() -> None:
    """Declared a minute before the year ends, it would else be counted before anybody had read of it."""
    lane = declared()
    by = lane.stands.suspensions[0].contest_by
    assert lane.now + timedelta(days=CONTEST_DAYS) == by == next_volume_due(lane.stands, lane.volumes)
    lane.on(YEAR_END).pass_time()
    assert [] == ledgers(lane)
    lane.on(date(2028, 1, 2)).pass_time()
    assert [20 * TONNE_G] == [each.force_majeure_g for each in ledgers(lane)]
    assert midnight(date(2029, 1, 1)) == assessed_from(lane.stands, 2)


@pytest.mark.parametrize(
    ("by", "outcome", "settles", "expected"),
    [
        ("buyer", "stands", "seller", (20, 0, 345)),
        ("buyer", "falls", "buyer", (0, 0, 365)),
        ("buyer", "falls", "operator", (0, 0, 365)),
        ("seller", "stands", "operator", (20, 0, 345)),
        ("seller", "falls", "seller", (0, 20, 345)),
    ],
)
def test_a_year_is_assessed_when_its_contest_is_settled(
    by: str, outcome: str, settles: str, expected: tuple[int, int, int]
) -> None:
    """What a seller did not deliver for no good reason is its shortfall; a buyer pays for what it refused."""
    lane = declared(by).contest("seller" if by == "buyer" else "buyer", 1)
    lane.on(date(2028, 3, 1)).pass_time()
    assert (None, None, []) == (
        assessed_from(lane.stands, 1),
        next_volume_due(lane.stands, lane.volumes),
        ledgers(lane),
    )
    assert 20 * TONNE_G == statement(lane.stands, lane.volumes, {}).years[0].contested_g
    lane.settle_contest(settles, 1, outcome).pass_time()
    (ledger,) = ledgers(lane)
    found = (ledger.force_majeure_g, ledger.seller_shortfall_g, ledger.take_or_pay_g)
    assert expected == tuple(grams // TONNE_G for grams in found)
    assert 0 == statement(lane.stands, lane.volumes, {}).years[0].contested_g
    assert audited(lane.records()).divergence is None


def test_who_settles_a_contest_for_neither_side_was_given_an_operators_key() -> None:
    """`late` got one after it; a side needs none."""
    lanes = {
        by: declared("buyer").contest("seller", 1).on(date(2028, 3, 1)).settle_contest(by, 1, "falls")
        for by in ("operator", "buyer")
    }
    actor, settled_at = lanes["operator"].events[-1].actor, lanes["operator"].now
    for known, since, kinds in (
        (ident("another"), START, ["command", None]),
        (actor, settled_at + timedelta(hours=1), ["command", None]),
        (actor, START, [None, None]),
    ):
        operators = Operators()
        operators.keep(key_issued(known, since, "operator"))
        verdicts = [audited(lane.records(), operators=operators).divergence for lane in lanes.values()]
        assert kinds == [None if each is None else each.kind for each in verdicts]


def test_force_majeure_that_falls_is_over() -> None:
    lane = (
        declared(length=400).contest("seller", 1).on(date(2027, 12, 20)).settle_contest("buyer", 1, "falls")
    )
    assert ("effective", lane.now) == (lane.stands.status, lane.stands.suspensions[0].ended_at)
    assert [("nothing_contested", None)] == blotter(lambda: lane.settle_contest("buyer", 1, "falls"))


def test_force_majeure_that_falls_after_its_period_lasted_no_longer_than_that() -> None:
    """Though no timer has ended it: the seller owes for the twenty days that it declared."""
    lane = declared("seller").contest("buyer", 1).on(date(2027, 12, 30)).settle_contest("seller", 1, "falls")
    (suspension,) = lane.stands.suspensions
    assert suspension.period.end == suspension.ended_at
    lane.on(YEAR_END).pass_time()
    assert [20 * TONNE_G] == [each.seller_shortfall_g for each in ledgers(lane)]
    assert audited(lane.records()).divergence is None


def test_a_seller_lacks_no_more_of_a_year_than_what_rightly_rested_leaves_of_it() -> None:
    lane = running().on(date(2027, 2, 1)).suspend("buyer", 100, evidence=())
    lane.on(date(2027, 5, 20)).pass_time().suspend("seller", 50, evidence=()).contest("buyer", 2)
    lane.on(date(2027, 8, 1)).pass_time().settle_contest("seller", 2, "falls")
    found = []
    for taken in (0, 250, 300):
        years = {1: YearVolume(year=1, taken_g=taken * TONNE_G)}
        ledger = ledger_of(lane.stands, Volumes(years=years), 1, 10 * MICRO)
        assert ledger is not None
        found.append(ledger.seller_shortfall_g // TONNE_G)
    assert [50, 15, 0] == found


def test_a_contest_outlasts_the_term_and_its_year_is_assessed_after_it() -> None:
    lane = running().on(date(2028, 12, 20))
    lane.pass_time().suspend("buyer", 300, evidence=lane.papers()).contest("seller", 1)
    lane.on(date(2029, 6, 1)).pass_time()
    assert ("expired", [1]) == (lane.stands.status, [each.year for each in ledgers(lane)])
    ended_at = lane.stands.ended_at
    lane.settle_contest("buyer", 1, "falls").pass_time()
    assert ([1, 2], ended_at) == ([each.year for each in ledgers(lane)], lane.stands.ended_at)
    assert audited(lane.records()).divergence is None


def test_a_contested_termination_stays_one() -> None:
    lane = running()
    lane.terminate("buyer", "breach", evidence=())
    assert [("side_wrong", None)] == blotter(lambda: lane.contest("buyer", None))
    lane.contest("seller", None)
    assert ("terminated", "seller") == (lane.stands.status, lane.stands.end_contest.by)  # type: ignore[union-attr]  # was contested
    lane.settle_contest("buyer", None, "falls")
    assert "terminated" == lane.stands.status
    before = running().terminate("buyer", "breach")
    assert [("declaration_final", None)] == blotter(lambda: before.contest("seller", None))


def test_who_declared_force_majeure_does_not_end_the_agreement_for_it() -> None:
    lane = declared("seller")
    reason = "prolonged_force_majeure"
    own = [("own_force_majeure", "/reason")]
    assert own == blotter(lambda: lane.terminate("seller", reason, evidence=(), at_door=True))
    assert "terminated" == lane.terminate("buyer", reason, evidence=(), at_door=True).stands.status


def test_what_may_not_be_meant_is_told_when_it_is_declared() -> None:
    lane = running()
    day = timedelta(days=1)

    def codes(before: int, after: int, **changes: Any) -> list[str]:
        given = {
            "market": lane.stands.market,
            "agreement": lane.stands.agreement,
            "by": "buyer",
            "period": Period(start=lane.now - before * day, end=lane.now + after * day),
            "reason": "x",
            "evidence": lane.papers(),
        }
        fact = ForceMajeureDeclared(**given | changes)  # type: ignore[arg-type]  # each fits its member
        return [each.code for each in suspension_cautions(lane.stands, lane.volumes, fact, lane.now)]

    assert [] == codes(7, 30)
    assert ["force_majeure_unproven", "force_majeure_late"] == codes(8, 30, evidence=())
    assert ["force_majeure_long"] == codes(0, 181)
    assert ["force_majeure_long", "force_majeure_past_term"] == codes(0, 500)
    lane.on(date(2028, 1, 3)).pass_time()
    assert ["force_majeure_of_closed_year"] == codes(4, 30)


def test_a_termination_tells_of_the_year_that_it_breaks_off() -> None:
    lane = running()
    fact = AgreementTerminated(
        market=lane.stands.market, agreement=lane.stands.agreement, by="buyer", reason="breach", evidence=()
    )
    told = list(termination_cautions(lane.stands, lane.volumes, fact, lane.now))
    assert ["termination_unproven", "year_broken_off"] == [each.code for each in told]
    assert "365000.000 kg, of which 0.000 kg" in told[1].text
    quiet = replace(fact, evidence=lane.papers())
    assert [] == list(
        termination_cautions(replace(lane.stands, starts_on=None), lane.volumes, quiet, lane.now)
    )
